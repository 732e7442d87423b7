//! No function that is deployed can send requests to its own host.

use std::path::Path;
use std::process::Command;

const FEATURE: &str = "loopback-targets";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The dependencies of packages with their enabled features, as a build of these packages alone resolves them.
fn resolved(arguments: &[&str]) -> String {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p} {f}"])
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap()
}

#[test]
fn no_function_is_built_with_loopback_targets() {
    let functions: Vec<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| format!("tessera-{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    assert!(functions.len() > 10, "{functions:?}");
    let packages: Vec<&str> = functions.iter().flat_map(|name| ["--package", name]).collect();
    assert!(!resolved(&packages).contains(FEATURE));
    // The same command shows the feature where it is enabled.
    let enabled = format!("tessera-outbound/{FEATURE}");
    assert!(resolved(&["--package", "tessera-outbound", "--features", &enabled]).contains(FEATURE));
}

#[test]
fn the_template_passes_no_feature_to_a_build() {
    for file in ["template.yaml", "samconfig.toml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(!text.contains(FEATURE), "{file}");
    }
    let template = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let builds: Vec<&str> = template.lines().filter(|line| line.contains("BuildProperties:")).collect();
    assert!(builds.len() > 10, "{builds:?}");
    for build in builds {
        let binary = build.trim().strip_prefix("BuildProperties: { Binary: ").and_then(|rest| rest.strip_suffix(" }"));
        assert!(binary.is_some_and(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{build}");
    }
}
