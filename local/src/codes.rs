//! Loads a file of codes into the pool of a reward.

use std::path::Path;

use anyhow::Context;
use http::Method;
use serde_json::{Value, json};
use tessera_import::Field;

use crate::failure::Failure;
use crate::web::{WebClient, WebRequest};

/// The codes of one request.
const PER_REQUEST: usize = 10_000;
/// Attempts for a request without a response or with a 5xx, unless codes were loaded meanwhile. Repeating one adds nothing
/// twice.
const TRIES: u32 = 5;

/// Where codes are loaded.
#[derive(Debug, Clone)]
pub struct Loading {
    /// The API's address, without `/v1`.
    pub url: String,
    /// An API key with `admin`.
    pub key: String,
    /// The reward.
    pub reward: String,
}

/// What became of the codes of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loaded {
    /// The codes that are new.
    pub added: u64,
    /// The codes that the program had before, or that the file has twice.
    pub duplicates: u64,
    /// The codes that are left in the pool.
    pub remaining: u64,
}

/// Loads the codes of a file: one a line. Of a CSV file, the column whose header means a code to an import too, otherwise the first.
/// Blank lines are left out.
///
/// # Errors
/// When the file cannot be read, or the API refuses the codes. What was loaded before stays; loading the file again continues.
pub async fn load(file: &Path, loading: &Loading) -> anyhow::Result<Loaded> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let codes = read_codes(&text).map_err(Failure::Refused)?;
    anyhow::ensure!(!codes.is_empty(), "{} has no code", file.display());
    let client = WebClient::new();
    let mut loaded = Loaded::default();
    for codes in codes.chunks(PER_REQUEST) {
        let (response, earlier) = send(&client, loading, codes).await?;
        let number = |name: &str| response[name].as_u64().with_context(|| format!("the response has no {name}"));
        loaded.added += number("added")? + earlier;
        // What the attempts before have added is a duplicate of the last one.
        loaded.duplicates += number("duplicates")?.saturating_sub(earlier);
        loaded.remaining = number("remaining")?;
    }
    Ok(loaded)
}

/// The cells of a line.
fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"').trim())
}

/// The codes of a text, each with the number of its line.
///
/// # Errors
/// When its first line looks like a header that names no column of codes: a header is never loaded as a code.
fn read_codes(text: &str) -> Result<Vec<(usize, &str)>, String> {
    let mut lines = (1..).zip(text.trim_start_matches('\u{feff}').lines()).filter(|(_, line)| !line.trim().is_empty());
    let Some((first, header)) = lines.next() else { return Ok(Vec::new()) };
    let named = cells(header).position(|cell| Field::Code.is_named_by(cell));
    let of = |(number, line)| (number, cells(line).nth(named.unwrap_or(0)).unwrap_or_default());
    let codes = lines.map(of).filter(|(_, code)| !code.is_empty());
    if named.is_some() {
        return Ok(codes.collect());
    }
    let (first, mut rest): ((usize, &str), Vec<_>) = (of((first, header)), codes.collect());
    let has_digit = |code: &str| code.bytes().any(|byte| byte.is_ascii_digit());
    // Codes have digits, and words of a header have none.
    if !has_digit(first.1) && !rest.is_empty() && rest.iter().all(|(_, code)| has_digit(code)) {
        let problem = "looks like a header, and none of its columns is named \"code\"";
        let hint = "name the column of the codes \"code\"; if it is a code, put a line with \"code\" before it";
        return Err(format!("line {} ({:?}) {problem}: {hint}", first.0, first.1));
    }
    rest.splice(0..0, (!first.1.is_empty()).then_some(first));
    Ok(rest)
}

/// Sends codes until all are loaded. Returns the last response, and how many codes the attempts before it have added.
async fn send(client: &WebClient, loading: &Loading, codes: &[(usize, &str)]) -> anyhow::Result<(Value, u64)> {
    let url = format!("{}/v1/rewards/{}/codes", loading.url.trim_end_matches('/'), loading.reward);
    let body = json!({ "codes": codes.iter().map(|(_, code)| code).collect::<Vec<_>>() });
    let (mut last, mut earlier, mut tries) = (String::new(), 0, 0);
    while tries < TRIES {
        tries += 1;
        match client.send(WebRequest::new(Method::POST, &url).bearer(&loading.key).json(&body)).await {
            Ok(response) if response.may_pass() => {
                last = response.status.to_string();
                let added = response.json()["added"].as_u64().unwrap_or(0);
                earlier += added;
                if added > 0 {
                    tries = 0;
                }
            }
            Ok(response) => {
                let told = refusal(&response.text(), codes);
                return match response.accepted(&loading.url) {
                    Ok(response) => Ok((response.json(), earlier)),
                    Err(Failure::Refused(_)) => Err(Failure::Refused(told).into()),
                    Err(other) => Err(other.into()),
                };
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(Failure::Unreachable(format!("the API does not respond: {last}")).into())
}

/// What the API says of codes that it refuses, with the lines of the file.
fn refusal(text: &str, codes: &[(usize, &str)]) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    let faults = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> = faults
        .iter()
        .filter_map(|fault| {
            let place: usize = fault["pointer"].as_str()?.strip_prefix("/codes/")?.parse().ok()?;
            let (line, _) = codes.get(place)?;
            Some(format!("line {line}: {}", fault["detail"].as_str()?))
        })
        .collect();
    let detail = problem["detail"].as_str().unwrap_or(text);
    if named.is_empty() { detail.to_owned() } else { format!("{detail}: {}", named.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_code_a_line_with_or_without_a_header() {
        let expected = vec![(2, "A-1"), (4, "code"), (5, "B 2")];
        assert_eq!(read_codes("\u{feff}Code;value\nA-1;5\n\ncode\n\"B 2\"\t\n").unwrap(), expected);
        assert_eq!(read_codes("A-1\r\nB-2").unwrap(), [(1, "A-1"), (2, "B-2")]);
        assert_eq!(read_codes("SUMMER\nA-1\nWINTER").unwrap(), [(1, "SUMMER"), (2, "A-1"), (3, "WINTER")]);
        assert_eq!(read_codes("SUMMER").unwrap(), [(1, "SUMMER")]);
        assert_eq!(read_codes("\n \n").unwrap(), []);
    }

    #[test]
    fn the_column_of_the_codes_is_found_as_an_import_finds_it() {
        assert_eq!(read_codes("Gift code,Note\nA-1,x\nB-2,y").unwrap(), [(2, "A-1"), (3, "B-2")]);
        assert_eq!(read_codes("Nota;Codice\nx;A-1\ny\n").unwrap(), [(2, "A-1")]);
        let refused = read_codes("\nGutschein,Wert\nA-1,5\nB-2,5").unwrap_err();
        assert!(refused.contains("line 2 (\"Gutschein\")"), "{refused}");
    }
}
