//! Sends a file to `/v1/imports` in parts, starts its import and waits for its end.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tessera_import::{FileParts, PlanRequest};

use crate::failure::Failure;
use crate::web::{WebClient, WebRequest, WebResponse};

/// The most bytes of a part: the API takes 4 MB.
const PART_BYTES: usize = 3 * 1024 * 1024;
/// Attempts for a request without a response or with a 429 or 5xx. Parts, keys and starts may be repeated.
const TRIES: u32 = 6;
/// The pause between two looks at a running import.
const POLL: Duration = Duration::from_millis(250);

/// A client of the API's imports.
#[derive(Debug, Clone)]
pub struct ImportClient {
    client: WebClient,
    url: String,
    key: String,
}

/// The key of an import: SHA-256 of file, kind and mode.
///
/// # Errors
/// When the file cannot be read.
pub fn file_key(file: &Path, plan: &PlanRequest) -> Result<String> {
    let mut reader = File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = reader.read(&mut buffer).with_context(|| format!("{} cannot be read", file.display()))?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
    digest.update(format!("\n{}\n{}", plan.kind.name(), plan.mode.name()));
    Ok(hex::encode(digest.finalize()))
}

impl ImportClient {
    /// A client of the API at an address, with an API key of scope `admin`.
    pub fn new(url: &str, key: &str) -> Self {
        Self { client: WebClient::new(), url: url.trim_end_matches('/').to_owned(), key: key.to_owned() }
    }

    /// Creates the import of a request, or finds it.
    ///
    /// # Errors
    /// When the API refuses it, or cannot be reached.
    pub async fn create(&self, request: &Value) -> Result<Value> {
        self.send(Method::POST, "/v1/imports", Some(request)).await
    }

    /// Uploads a file that has not been started; `sent` receives the bytes of each part. Returns the number of parts.
    ///
    /// # Errors
    /// When the file cannot be read, or a part is refused.
    pub async fn upload(&self, id: &str, file: &Path, plan: &PlanRequest, sent: impl Fn(u64)) -> Result<u32> {
        let opened = File::open(file).with_context(|| format!("{} cannot be opened", file.display()))?;
        let mut number = 0;
        for part in FileParts::new(BufReader::with_capacity(1 << 20, opened), plan.clone(), PART_BYTES) {
            let part = part.with_context(|| format!("{} cannot be read", file.display()))?;
            let (bytes, is_text) = (part.len() as u64, std::str::from_utf8(&part).is_ok());
            number += 1;
            let media = if is_text { "text/csv" } else { "application/octet-stream" };
            let path = format!("/v1/imports/{id}/parts/{number}");
            self.repeat(|| self.request(Method::PUT, &path).header("content-type", media).body(part.clone()))
                .await
                .with_context(|| format!("part {number} was refused"))?;
            sent(bytes);
        }
        if number == 0 {
            bail!("{} is empty", file.display());
        }
        Ok(number)
    }

    /// Reads an import.
    ///
    /// # Errors
    /// When there is none, or the API cannot be reached.
    pub async fn get(&self, id: &str) -> Result<Value> {
        self.send(Method::GET, &format!("/v1/imports/{id}"), None).await
    }

    /// Starts an import of so many parts, or lets an interrupted one go on.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn start(&self, id: &str, parts: Option<u32>) -> Result<Value> {
        let body = parts.map_or_else(|| json!({}), |parts| json!({ "parts": parts }));
        self.send(Method::POST, &format!("/v1/imports/{id}/start"), Some(&body)).await
    }

    /// Undoes an import.
    ///
    /// # Errors
    /// When the API refuses it.
    pub async fn undo(&self, id: &str) -> Result<Value> {
        self.send(Method::POST, &format!("/v1/imports/{id}/undo"), Some(&json!({}))).await
    }

    /// Waits until an import is over; `progress` sees each state of it. Returns the last.
    ///
    /// # Errors
    /// When the API cannot be reached.
    pub async fn wait(&self, id: &str, progress: impl Fn(&Value)) -> Result<Value> {
        loop {
            let seen = self.get(id).await?;
            progress(&seen);
            if seen["state"] != "running" {
                return Ok(seen);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Writes the error file of an import.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub async fn errors(&self, id: &str, mut out: impl std::io::Write) -> Result<()> {
        let mut path = Some(format!("/v1/imports/{id}/errors.csv"));
        while let Some(next) = path {
            let response = self.repeat(|| self.request(Method::GET, &next)).await?;
            path = next_link(&response);
            out.write_all(&response.body)?;
        }
        Ok(())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> WebRequest {
        WebRequest::new(method, format!("{}{path}", self.url)).bearer(&self.key)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let response = self.repeat(|| {
            let request = self.request(method.clone(), path);
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        });
        Ok(serde_json::from_slice(&response.await?.body)?)
    }

    /// Sends a request that may be repeated.
    pub(crate) async fn repeat(&self, request: impl Fn() -> WebRequest) -> Result<WebResponse> {
        let mut pause = Duration::from_millis(200);
        for attempt in 1.. {
            let problem = match self.client.send(request()).await {
                Ok(response) => {
                    let may_pass = response.may_pass();
                    match response.accepted(&self.url) {
                        Ok(response) => return Ok(response),
                        Err(problem) if may_pass => problem,
                        Err(problem) => return Err(problem.into()),
                    }
                }
                Err(error) => Failure::Unreachable(format!("{} cannot be reached: {error}", self.url)),
            };
            if attempt >= TRIES {
                return Err(problem.into());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        bail!("the request was never sent")
    }
}

/// The next page that a response names.
pub(crate) fn next_link(response: &WebResponse) -> Option<String> {
    let link = response.header("link")?;
    let (address, relation) = link.split_once(';')?;
    relation.contains("rel=\"next\"").then(|| address.trim().trim_matches(['<', '>']).to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use tessera_import::{CodePage, ImportKind, ImportMode, ImportSource};

    use super::*;

    /// The same as in tests/console/imports.test.js: a file that was begun there goes on here.
    #[test]
    fn the_key_of_a_file_is_the_one_of_the_console() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "id,points\r\n\u{e8},1\r\n").unwrap();
        let plan = PlanRequest {
            kind: ImportKind::Members,
            source: ImportSource::Generic,
            mode: ImportMode::Set,
            mapping: std::collections::BTreeMap::new(),
            id_prefix: None,
            points_per_unit: None,
            dates: None,
            code_page: CodePage::default(),
        };
        assert_eq!(
            file_key(file.path(), &plan).unwrap(),
            "a621123b00e306a00c1e067bdc84827538341957ba2ac3bbbc2c10985bd5e89a"
        );
    }
}
