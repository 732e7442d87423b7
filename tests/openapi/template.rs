//! The HTTP triggers of `template.yaml`.

use std::path::Path;

/// An event of a function that a request triggers.
pub struct Trigger {
    /// The folder of the function.
    pub function: String,
    /// The name of the event, in kebab case: the name of its sample.
    pub sample: String,
    /// The route key, such as `GET /v1/program`.
    pub key: String,
}

/// The HTTP triggers, in the order of the template.
pub fn triggers() -> Vec<Trigger> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let template = std::fs::read_to_string(path).unwrap();
    let (mut function, mut name) = (String::new(), String::new());
    let (mut method, mut path): (Option<String>, Option<String>) = (None, None);
    let mut triggers = Vec::new();
    for line in template.lines() {
        if let Some((_, folder)) = line.split_once("CodeUri: ./functions/") {
            folder.clone_into(&mut function);
        }
        // Events stand at this depth alone; a method and a path follow on one line or on two.
        let event = line.strip_prefix("        ").filter(|rest| !rest.starts_with(' '));
        if let Some(event) = event.and_then(|rest| rest.strip_suffix(':')) {
            name = kebab(event);
            (method, path) = (None, None);
        }
        method = field(line, "Method: ").or(method);
        path = field(line, "Path: ").filter(|path| path.starts_with('/')).or(path);
        if let (Some(is), Some(at)) = (&method, &path) {
            let key = format!("{} {at}", is.to_uppercase());
            triggers.push(Trigger { function: function.clone(), sample: name.clone(), key });
            (method, path) = (None, None);
        }
    }
    triggers
}

/// The value of a field on a line of YAML, quoted or plain.
fn field(line: &str, name: &str) -> Option<String> {
    let (_, rest) = line.split_once(name)?;
    let rest = rest.trim_start();
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split([',', ' ', '}']).next()?,
    };
    Some(value.to_owned())
}

/// `GetProgram` → `get-program`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}
