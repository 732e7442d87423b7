//! The command line against a local stack: text, JSON and exit code of each subcommand that uses the API.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_local::Platform;
use tessera_local::stack::StackOptions;

const KEY: &str = "tsk_cli_admin";

/// A running stack with one program, and a folder for files.
struct Desk {
    stack: Platform,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn open() -> Self {
        let stack = Platform::start(StackOptions::default()).await.unwrap();
        let document = SubmittedProgram::read(&program("One")).unwrap();
        stack.store().create_program(&document, Some(KEY), stack.secrets_key(), stack.now()).await.unwrap();
        Self { stack, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content.to_string()).unwrap();
        path
    }

    /// Runs a subcommand; the stack goes on serving meanwhile.
    async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, KEY).await
    }

    async fn run_with(&self, arguments: &[&str], key: &str) -> Ended {
        let mut command = tessera();
        command.args(arguments).env("TESSERA_URL", self.stack.url()).env("TESSERA_KEY", key);
        Ended::of(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }
}

/// How a process ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

fn tessera() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
    command.env_remove("TESSERA_KEY").env_remove("TESSERA_URL");
    command
}

fn program(name: &str) -> Value {
    json!({ "name": name, "currency": "EUR", "timezone": "Europe/Rome", "rewards": [], "rules": [] })
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_kept_in_a_file() {
    let desk = Desk::open().await;
    let got = desk.folder.path().join("program.json");
    let ended = desk.run(&["program", "get", "--out", text(&got)]).await;
    assert_eq!((ended.code, &*ended.out), (Some(0), ""), "{ended:?}");
    let document: Value = serde_json::from_slice(&fs::read(&got).unwrap()).unwrap();
    assert_eq!((&document["name"], document.get("version")), (&json!("One"), None));
    // What was printed can be applied, and changes nothing.
    let same = desk.run(&["program", "diff", text(&got)]).await;
    assert_eq!((same.code, &*same.out), (Some(0), ""), "{same:?}");
    let same = desk.run(&["program", "apply", text(&got)]).await;
    assert_eq!((same.code, &*same.out), (Some(0), "nothing to change\n"), "{same:?}");

    let two = desk.file("two.json", &program("Two"));
    let differs = desk.run(&["program", "diff", text(&two)]).await;
    let shown = "changed /name\n  - \"One\"\n  + \"Two\"\n";
    assert_eq!((differs.code, &*differs.out, &*differs.err), (Some(5), shown, ""));
    let differs = desk.run(&["program", "diff", text(&two), "--json"]).await;
    assert_eq!((differs.code, &differs.json()["diff"][0]["after"]), (Some(5), &json!("Two")));
    let applied = desk.run(&["program", "apply", text(&two), "--reason", "spring"]).await;
    assert_eq!((applied.code, applied.out), (Some(0), format!("{shown}version 2 is in force\n")));
    let three = desk.file("three.json", &program("Three"));
    let applied = desk.run(&["program", "apply", text(&three), "--json"]).await;
    assert_eq!((applied.code, &applied.json()["version"]), (Some(0), &json!(3)));
    let first = desk.run(&["program", "get", "--version", "1"]).await;
    assert_eq!((first.code, &first.json()["name"]), (Some(0), &json!("One")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_persons_a_file_becomes_a_draft() {
    let desk = Desk::open().await;
    let mut guarded = program("One");
    guarded["publishing"] = json!({ "two_person": true });
    desk.run(&["program", "apply", text(&desk.file("one.json", &guarded))]).await;
    guarded["name"] = json!("Two");
    let two = desk.file("two.json", &guarded);
    let refused = desk.run(&["program", "apply", text(&two)]).await;
    assert_eq!((refused.code, refused.err.contains("create a draft")), (Some(3), true), "{refused:?}");
    let drafted = desk.run(&["program", "apply", text(&two), "--draft", "--reason", "spring"]).await;
    assert_eq!((drafted.code, drafted.out.contains("waits to be published")), (Some(0), true), "{drafted:?}");
    let drafted = desk.run(&["program", "apply", text(&two), "--draft", "--json"]).await;
    assert_eq!((&drafted.json()["status"], &drafted.json()["author"]), (&json!("draft"), &json!("admin")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_listed_created_and_deleted() {
    let desk = Desk::open().await;
    let scopes = "receipts:write,members:read";
    let made = desk.run(&["keys", "create", "--name", "till", "--scopes", scopes, "--json"]).await;
    let (id, key) = (made.json()["id"].clone(), made.json()["key"].clone());
    assert_eq!(made.code, Some(0));
    let own = desk.run_with(&["keys", "list"], key.as_str().unwrap()).await;
    assert_eq!((own.code, own.err.contains("scope admin")), (Some(3), true), "{own:?}");
    let listed = desk.run(&["keys", "list"]).await;
    assert!(listed.out.contains(&format!("{}\n  name    till\n", id.as_str().unwrap())), "{listed:?}");
    assert!(listed.out.lines().all(|line| line.len() <= 40), "a terminal of 40 columns: {}", listed.out);
    assert_eq!(desk.run(&["keys", "list", "--json"]).await.json().as_array().unwrap().len(), 2);
    let deleted = desk.run(&["keys", "delete", id.as_str().unwrap()]).await;
    assert_eq!((deleted.code, deleted.out), (Some(0), format!("{} is deleted\n", id.as_str().unwrap())));
    let again = desk.run(&["keys", "delete", id.as_str().unwrap(), "--json"]).await;
    assert_eq!((again.code, &*again.err), (Some(3), "Error: there is no such key\n"));
    let made = desk.run(&["keys", "create", "--name", "till", "--scopes", "everything"]).await;
    assert_eq!((made.code, made.err.contains("/scopes/0")), (Some(3), true), "{made:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_have_exit_codes() {
    let desk = Desk::open().await;
    let broken = desk.folder.path().join("broken.json");
    fs::write(&broken, "{").unwrap();
    assert_eq!(desk.run(&["program", "diff", text(&broken)]).await.code, Some(1));
    assert_eq!(desk.run(&["program", "diff"]).await.code, Some(2));
    let faulty = desk.file("faulty.json", &json!({ "name": "Two" }));
    let refused = desk.run(&["program", "diff", text(&faulty)]).await;
    assert_eq!((refused.code, refused.err.contains("/currency")), (Some(3), true), "{refused:?}");
    assert_eq!(desk.run_with(&["keys", "list"], "tsk_wrong").await.code, Some(4));
    let codes = desk.folder.path().join("codes.txt");
    fs::write(&codes, "A-1\n").unwrap();
    for arguments in [&["codes", text(&codes), "--reward", "any"][..], &["import", text(&codes), "--kind", "members"]] {
        let ended = desk.run_with(arguments, "tsk_wrong").await;
        assert_eq!(ended.code, Some(4), "{arguments:?}: {ended:?}");
    }
    // A pasted key has a line end.
    assert_eq!(desk.run_with(&["keys", "list"], &format!("{KEY}\n")).await.code, Some(0));
    let mut nobody = tessera();
    nobody.args(["keys", "list", "--key", KEY, "--url", "http://127.0.0.1:9"]);
    let ended = Ended::of(nobody.output().unwrap());
    assert_eq!((ended.code, ended.err.contains("cannot be reached")), (Some(4), true), "{ended:?}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child =
        tessera().args(["completion", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
}

/// The subcommands that a help lists.
fn listed(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A continued explanation is indented further.
    let heads = lines.filter(|line| !line.starts_with("   "));
    let names = heads.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

/// Reading what is not there creates nothing.
#[test]
fn a_missing_data_folder_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let rules = folder.path().join("rules.json");
    fs::write(&rules, "[]").unwrap();
    for data in [&missing, &empty] {
        for arguments in
            [&["verify"][..], &["figures", "rebuild"], &["backtest", "--rules", text(&rules), "--program-id", "prg_x"]]
        {
            let ended = Ended::of(tessera().args(arguments).args(["--data", text(data)]).output().unwrap());
            assert_eq!((ended.code, &*ended.out), (Some(1), ""), "{arguments:?}: {ended:?}");
        }
    }
    assert!(!missing.exists());
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

#[test]
fn every_subcommand_explains_itself_and_completes() {
    // Proxies and endpoints that nobody serves: an explanation asks nobody.
    let nowhere = ["HTTPS_PROXY", "AWS_ENDPOINT_URL", "TESSERA_URL"].map(|name| (name, "http://127.0.0.1:9"));
    let help = |subcommand: &[String]| {
        let ended = Ended::of(tessera().args(subcommand).arg("--help").envs(nowhere).output().unwrap());
        assert_eq!((ended.code, ended.out.contains("Usage: tessera")), (Some(0), true), "{subcommand:?}");
        let narrow = tessera().args(subcommand).arg("--help").env("COLUMNS", "40").output().unwrap();
        // The usage is one line, and a single long word is wider with its indentation.
        let is_narrow = |line: &&str| {
            line.chars().count() <= 40 || line.starts_with("Usage:") || line.split_whitespace().count() == 1
        };
        let wide: Vec<_> = Ended::of(narrow).out.lines().filter(|line| !is_narrow(line)).map(str::to_owned).collect();
        assert_eq!(wide, Vec::<String>::new(), "{subcommand:?} on a terminal of 40 columns");
        ended.out
    };
    let mut waiting = vec![Vec::new()];
    let mut seen = Vec::new();
    while let Some(subcommand) = waiting.pop() {
        for name in listed(&help(&subcommand)) {
            waiting.push([subcommand.clone(), vec![name]].concat());
        }
        seen.push(subcommand.join(" "));
    }
    for expected in [
        "program apply",
        "keys create",
        "redrive dead-letters",
        "figures rebuild",
        "doctor",
        "klaviyo backfill",
        "reconnect",
    ] {
        assert!(seen.iter().any(|subcommand| subcommand == expected), "{expected} is not listed: {seen:?}");
    }
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = Ended::of(tessera().args(["completion", shell]).output().unwrap());
        assert!(ended.code == Some(0) && ended.out.contains("redrive"), "{shell}");
    }
}
