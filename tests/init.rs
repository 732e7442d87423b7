//! Started without its environment, a function ends at once and names in one line every variable that it needs: those that
//! `template.yaml` gives it, no more and no fewer. The packages of the functions share this file.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const SHARED: [&str; 4] = ["MEMBERS_TABLE", "FACTS_TABLE", "PROGRAMS_TABLE", "CREDENTIALS_TABLE"];

#[test]
fn a_function_without_its_environment_names_the_variables_that_the_template_gives_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let function = folder.file_name().unwrap().to_str().unwrap();

    // Cargo builds a package's binaries before its tests, beside the folder of these.
    let test = std::env::current_exe().unwrap();
    let binary = test.ancestors().nth(2).unwrap().join(function).with_extension(std::env::consts::EXE_EXTENSION);
    let ended = Command::new(binary).env_clear().output().unwrap();
    assert!(!ended.status.success());
    let output = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
    assert_eq!(output.lines().count(), 1, "{output}");

    let template = std::fs::read_to_string(folder.join("../../template.yaml")).unwrap();
    let (globals, _) = template.split_once("\nResources:").unwrap();
    for name in SHARED {
        assert!(globals.contains(&format!(" {name}: ")), "{name}");
    }
    let resource = template.split("\n\n").find(|part| part.contains(&format!("CodeUri: ./functions/{function}\n")));
    let own = resource.unwrap().lines().skip_while(|line| line.trim() != "Variables:").skip(1);
    let own = own.map_while(|line| line.strip_prefix("          ")).filter_map(|line| line.split_once(": "));
    let needed: BTreeSet<&str> = SHARED.into_iter().chain(own.map(|(name, _)| name)).collect();
    let (_, named) = output.split_once("missing or wrong: ").unwrap();
    let named: BTreeSet<&str> = named.trim().trim_end_matches('"').split(", ").collect();
    assert_eq!(named, needed, "{output}");
}
