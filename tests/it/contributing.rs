//! `CONTRIBUTING.md` and `docs/ARCHITECTURE.md` say what is true: what they name exists, and what exists is named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tessera_domain::locale::SENTENCE_LOCALES;

/// The longest checklist, in steps.
const MAX_STEPS: usize = 6;
/// Quoted names with fewer words than this are not test names.
const MIN_TEST_NAME_WORDS: usize = 4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The texts between backticks, outside of fenced blocks.
fn quoted(document: &str) -> Vec<String> {
    let prose = document.split("```").step_by(2);
    prose.flat_map(|text| text.split('`').skip(1).step_by(2)).map(ToOwned::to_owned).collect()
}

/// The names of all functions in the Rust sources below a folder.
fn functions_below(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            if !["target", "node_modules"].iter().any(|skipped| path.ends_with(skipped)) {
                functions_below(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(ToOwned::to_owned));
        }
    }
}

fn is_test_name(text: &str) -> bool {
    text.split('_').count() >= MIN_TEST_NAME_WORDS
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

#[test]
fn the_tests_that_documents_name_exist() {
    let mut functions = BTreeSet::new();
    for folder in ["shared", "functions", "local", "tests", "benches"] {
        functions_below(&root().join(folder), &mut functions);
    }
    for document in ["CONTRIBUTING.md", "docs/ARCHITECTURE.md"] {
        let names: Vec<String> = quoted(&read(document)).into_iter().filter(|text| is_test_name(text)).collect();
        assert!(names.len() >= 8, "{document} names {} tests", names.len());
        let missing: Vec<&String> = names.iter().filter(|name| !functions.contains(*name)).collect();
        assert!(missing.is_empty(), "{document} names tests that do not exist: {missing:?}");
    }
}

#[test]
fn the_files_that_documents_name_exist() {
    for document in ["CONTRIBUTING.md", "docs/ARCHITECTURE.md"] {
        // Words in capitals stand for a name that the reader chooses.
        let is_path = |text: &String| {
            text.contains('/') && !text.contains([' ', '{', '*']) && !text.contains("NAME") && !text.contains("TAG")
        };
        let starts = ["shared/", "functions/", "local/", "tests/", "docs/", "benches/", ".ci/", "events/"];
        let paths = quoted(&read(document)).into_iter().filter(is_path);
        let paths = paths.filter(|text| starts.iter().any(|start| text.starts_with(start)));
        let missing: Vec<String> = paths.filter(|path| !root().join(path).exists()).collect();
        assert!(missing.is_empty(), "{document} names files that do not exist: {missing:?}");
    }
}

#[test]
fn a_checklist_has_at_most_six_steps() {
    let text = read("CONTRIBUTING.md");
    let checklists: Vec<&str> = text.split("\n## ").filter(|section| section.starts_with("Add a ")).collect();
    let titles: Vec<&str> = checklists.iter().filter_map(|section| section.lines().next()).collect();
    for what in ["route", "function", "kind of fact", "kind of item", "job", "language"] {
        assert!(titles.contains(&format!("Add a {what}").as_str()), "no checklist: Add a {what}");
    }
    for section in checklists {
        let is_step = |line: &&str| line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        let steps = section.lines().filter(is_step).count();
        assert!((1..=MAX_STEPS).contains(&steps), "{} has {steps} steps", section.lines().next().unwrap());
    }
}

#[test]
fn the_architecture_is_read_in_one_sitting() {
    let lines = read("docs/ARCHITECTURE.md").lines().count();
    assert!(lines <= 250, "docs/ARCHITECTURE.md has {lines} lines");
}

#[test]
fn every_function_stands_in_the_architecture() {
    let text = read("docs/ARCHITECTURE.md");
    let section = text.split("\n## ").find(|section| section.starts_with("The functions")).unwrap();
    let rows: BTreeSet<String> =
        section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).flat_map(quoted).collect();
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(rows, folders);
}

#[test]
fn every_language_has_all_of_its_texts() {
    let component = read("functions/customer-hub/assets/src/tessera-hub.js");
    let languages = component.lines().find(|line| line.starts_with("const LANGUAGES")).unwrap();
    for language in SENTENCE_LOCALES {
        assert!(languages.contains(&format!("'{language}'")), "tessera-hub.js: {language} is missing in LANGUAGES");
        for file in [
            format!("shared/domain/src/view/explain/{language}.rs"),
            format!("functions/customer-hub/assets/src/locales/{language}.js"),
        ] {
            assert!(root().join(&file).exists(), "{file} is missing");
        }
    }
    assert_eq!(languages.matches('\'').count(), 2 * SENTENCE_LOCALES.len(), "{languages}");
}

#[test]
fn the_runbook_has_a_section_for_every_alarm() {
    let template = read("template.yaml");
    let resources = template.lines().filter_map(|line| line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')));
    let alarms: BTreeSet<&str> = resources.filter(|name| name.ends_with("Alarm") && !name.starts_with(' ')).collect();
    assert!(alarms.len() >= 16, "{alarms:?}");
    let runbook = read("docs/runbook.md");
    let sections: Vec<&str> = runbook.split("\n## ").skip(1).collect();
    let titles: BTreeSet<&str> = sections.iter().filter_map(|section| section.lines().next()).collect();
    let missing: Vec<&&str> = alarms.difference(&titles).collect();
    assert!(missing.is_empty(), "docs/runbook.md has no section for {missing:?}");
    for section in sections {
        let title = section.lines().next().unwrap();
        if title.ends_with("Alarm") {
            assert!(alarms.contains(title), "docs/runbook.md explains {title}, which the template does not have");
            let said: Vec<&str> = ["**Means**", "**Look**", "**Do**", "**do**"]
                .into_iter()
                .filter(|part| section.contains(part))
                .collect();
            assert!(said.len() >= 3, "{title} says {said:?} alone");
            assert!(quoted(&runbook).iter().any(|name| name == title), "{title} is missing in the first table");
        }
    }
}
