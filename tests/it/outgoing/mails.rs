//! The mails and flows for Klaviyo in `docs/connections/klaviyo`. They never ran against the vendor.
//!
//! `import.py` makes them of one layout, one flow and the texts of each language.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tessera_lambda::connection::{EVENT_PROPERTIES, METRICS, PROFILE_PROPERTIES, USUAL_PREFIX};

use super::server::{Reaction, Server};

const LANGUAGES: [&str; 4] = ["en", "it", "ro", "ru"];
/// The relaunch of a program, and what a referral brings.
const MAILS: [&str; 10] = [
    "programme-renewed",
    "tiers-introduced",
    "balance-and-next-tier",
    "referral-activity",
    "double-points",
    "referral-share",
    "referral-progress",
    "referral-reminder",
    "referral-thanks",
    "referral-redemption",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/connections/klaviyo")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn parsed(name: &str) -> Value {
    serde_json::from_str(&read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The importer with the options of a shop.
fn importer(language: &str, options: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command.arg(folder().join("import.py")).args(["--language", language, "--until", "31 <March>"]).args(options);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The mails of a language as the importer writes them, by id.
fn written(language: &str, options: &[&str]) -> BTreeMap<String, String> {
    let out = tempfile::tempdir().unwrap();
    let options = [options, &["--out", out.path().to_str().unwrap()]].concat();
    let output = importer(language, &options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = std::fs::read_dir(out.path()).unwrap().map(|file| file.unwrap().path());
    let text = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    files.map(text).collect()
}

#[test]
fn the_importer_writes_every_mail_in_every_language() {
    let mails = parsed("mails.json");
    let ids: Vec<&str> = mails["mails"].as_array().unwrap().iter().map(|mail| mail["id"].as_str().unwrap()).collect();
    assert_eq!(ids, MAILS);
    for language in LANGUAGES {
        let mails = written(language, &["--shop", "https://ada.example/?a=1&b=\"2\"", "--prefix", "Ada & Co "]);
        assert_eq!(mails.keys().map(String::as_str).collect::<BTreeSet<&str>>(), BTreeSet::from(MAILS));
        // Properties keep their names; what a person reads is escaped.
        assert!(mails["balance-and-next-tier"].contains("{{ person|lookup:'Ada & Co Points Balance'|default:'0' }}"));
        assert!(mails["balance-and-next-tier"].contains("href=\"https://ada.example/?a=1&amp;b=&quot;2&quot;\""));
        assert!(mails["double-points"].contains("31 &lt;March&gt;") && !mails["double-points"].contains("<March>"));
    }
    let shop = ["--shop", "https://ada.example/", "--until", ""];
    assert!(!written("en", &shop).contains_key("double-points"), "a day is missing");
    let refused = importer("en", &["--shop", "https://ada.example/"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "who sends the mails is missing");
}

/// The names in the look-ups of a kind: `person|lookup:'Loyalty State'`.
fn looked_up(html: &str, of: &str) -> Vec<String> {
    let start = format!("{of}|lookup:'");
    html.split(&start).skip(1).map(|rest| rest.split('\'').next().unwrap().to_owned()).collect()
}

#[test]
fn templates_are_whole_and_use_what_is_sent() {
    let mails = parsed("mails.json");
    for language in LANGUAGES {
        let written = written(language, &["--shop", "https://ada.example/"]);
        for mail in mails["mails"].as_array().unwrap() {
            let id = mail["id"].as_str().unwrap();
            let html = &written[id];
            let context = format!("{language}/{id}");
            assert!(html.contains("Never run against the vendor"), "{context}");
            assert!(html.contains(&format!("<html lang=\"{language}\">")) && !html.contains("[["), "{context}");
            assert_eq!(html.matches("{% unsubscribe '").count(), 1, "{context}");
            for (open, close) in [("{{", "}}"), ("{%", "%}"), ("{% if ", "{% endif %}")] {
                assert_eq!(html.matches(open).count(), html.matches(close).count(), "{context}: {open}");
            }
            for tag in ["html", "head", "body", "table", "tr", "td", "p", "a", "h1"] {
                let opened = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
                assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{context}: {tag}");
            }
            for name in looked_up(html, "person") {
                let usual = name.strip_prefix(USUAL_PREFIX).unwrap_or_else(|| panic!("{context}: {name}"));
                assert!(PROFILE_PROPERTIES.contains(&usual), "{context}: {name}");
            }
            let of_event = looked_up(html, "event");
            assert!(of_event.iter().all(|name| EVENT_PROPERTIES.contains(&name.as_str())), "{context}: {of_event:?}");
            // A campaign has no event.
            assert!(of_event.is_empty() || mail["metric"].is_string(), "{context}: {of_event:?}");
        }
    }
}

#[test]
fn languages_differ_and_leave_nothing_out() {
    let shape = |language: &str| -> BTreeMap<String, usize> {
        let texts = parsed(&format!("texts/{language}.json"));
        let mails = texts.as_object().unwrap().iter().filter(|(_, mail)| mail.is_object());
        mails.map(|(id, mail)| (id.clone(), mail["body"].as_array().unwrap().len())).collect()
    };
    let english = parsed("texts/en.json");
    for language in LANGUAGES {
        assert_eq!(shape(language), shape("en"), "{language}");
        let texts = parsed(&format!("texts/{language}.json"));
        for id in MAILS.iter().filter(|_| language != "en") {
            for field in ["subject", "preview", "heading", "button"] {
                assert_ne!(texts[*id][field], english[*id][field], "{language}: {id}: {field}");
            }
        }
    }
}

#[test]
fn flows_start_with_metrics_that_are_sent() {
    let mails = parsed("mails.json");
    for mail in mails["mails"].as_array().unwrap().iter().filter(|mail| mail["metric"].is_string()) {
        let metric = mail["metric"].as_str().unwrap();
        assert!(METRICS.contains(&metric), "{metric}");
    }
}

/// The importer, against a stand-in of Klaviyo.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_importer_makes_templates_and_flows_as_drafts() {
    let server = Server::start().await;
    let made = Arc::new(Mutex::new(Vec::new()));
    let taking = Arc::clone(&made);
    server.react(move |request| {
        let body = match request.path.as_str() {
            "/api/metrics" => json!({
                "data": [{ "id": "M1", "attributes": { "name": "Referral Progress" } }],
                "links": { "next": "https://elsewhere.example/api/metrics?page%5Bcursor%5D=2" } }),
            "/api/metrics?page%5Bcursor%5D=2" => json!({
                "data": [{ "id": "M2", "attributes": { "name": "Smile Coupon Used" } }], "links": { "next": null } }),
            "/api/templates" | "/api/flows" => {
                let mut made = taking.lock().unwrap();
                made.push((request.path.clone(), request.json()["data"]["attributes"].clone()));
                json!({ "data": { "id": format!("T{}", made.len()) } })
            }
            _ => return Reaction::status(404),
        };
        Reaction::Respond(200, Vec::new(), body.to_string())
    });
    let host = server.url("");
    let run = tokio::task::spawn_blocking(move || {
        importer("it", &["--shop", "https://ada.example/", "--prefix", "Smile ", "--host", &host])
            .args(["--metrics", r#"{"Coupon Used": "Smile Coupon Used"}"#])
            .args(["--from-email", "ciao@ada.example", "--from-label", "Club Ada"])
            .env("KLAVIYO_API_KEY", "pk_1")
            .output()
            .unwrap()
    });
    let output = run.await.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    assert!(printed.contains("no metric 'Referral Shared'"), "{printed}");
    let made = made.lock().unwrap();
    let of = |path: &str| made.iter().filter(|(at, _)| at == path).map(|(_, body)| body.clone()).collect::<Vec<_>>();
    let (templates, flows) = (of("/api/templates"), of("/api/flows"));
    assert_eq!((templates.len(), flows.len()), (MAILS.len(), 2));
    // What is sent is what `--out` writes.
    let files = written("it", &["--shop", "https://ada.example/", "--prefix", "Smile "]);
    for (template, id) in templates.iter().zip(MAILS) {
        assert_eq!(template["name"], format!("Tessera: {id} (it)"));
        assert_eq!(template["html"].as_str(), Some(files[id].as_str()));
    }
    let texts = parsed("texts/it.json");
    for (flow, (id, metric, template)) in
        flows.iter().zip([("referral-progress", "M1", "T7"), ("referral-redemption", "M2", "T10")])
    {
        let definition = &flow["definition"];
        assert_eq!(definition["triggers"], json!([{ "type": "metric", "id": metric }]));
        let action = &definition["actions"][0];
        assert_eq!(action["temporary_id"], definition["entry_action_id"]);
        assert_eq!((&action["type"], &action["data"]["status"]), (&json!("send-email"), &json!("draft")));
        let message = &action["data"]["message"];
        assert_eq!((&message["template_id"], &message["name"]), (&json!(template), &json!(id)));
        assert_eq!((&message["from_email"], &message["from_label"]), (&json!("ciao@ada.example"), &json!("Club Ada")));
        assert_eq!(
            (&message["subject_line"], &message["preview_text"]),
            (&texts[id]["subject"], &texts[id]["preview"])
        );
    }
    assert!(made.iter().all(|(_, body)| !body.to_string().contains("[[")));
    assert!(server.received().iter().all(|request| request.headers["authorization"] == "Klaviyo-API-Key pk_1"));
}
