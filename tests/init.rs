//! A function that starts without its environment exits and names the missing variables in one line. All function packages
//! include this file.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::Command;

#[test]
fn a_function_without_its_environment_names_the_variables_that_it_needs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let function = folder.file_name().unwrap().to_str().unwrap();
    let own: &[&str] = match function {
        "access-admin" | "authorizer" | "customer-hub" | "enrollment" | "receipt-ingestion" | "reward-redemption" => {
            &["SECRETS_KEY_PARAMETER"]
        }
        "birthdays" | "event-relay" | "inactivity" => &["FACTS_QUEUE_URL"],
        "program-admin" => &["SECRETS_KEY_PARAMETER", "BACKTESTS_QUEUE_URL"],
        _ => &[],
    };
    let needed = [&["MEMBERS_TABLE", "FACTS_TABLE", "PROGRAMS_TABLE", "CREDENTIALS_TABLE"], own].concat();

    // Cargo builds a package's binaries before its tests, beside the folder of these.
    let test = std::env::current_exe().unwrap();
    let binary = test.ancestors().nth(2).unwrap().join(function).with_extension(std::env::consts::EXE_EXTENSION);
    let ended = Command::new(binary).env_clear().output().unwrap();
    assert!(!ended.status.success());
    let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains(&format!("missing or wrong: {}", needed.join(", "))), "{said}");

    // The template sets every variable that a function needs.
    let template = std::fs::read_to_string(folder.join("../../template.yaml")).unwrap();
    let resource = template.split("\n\n").find(|part| part.contains(&format!("CodeUri: ./functions/{function}\n")));
    let globals = template.split_once("\nResources:").unwrap().0;
    for variable in needed {
        let given = if own.contains(&variable) { resource.unwrap() } else { globals };
        assert!(given.contains(&format!(" {variable}: ")), "{variable}");
    }
}
