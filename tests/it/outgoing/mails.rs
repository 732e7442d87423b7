//! The mails and flows for Klaviyo in `docs/connections/klaviyo`. They never ran against the vendor.
//!
//! One layout and the texts of each language make the templates; this test makes them, and compares. With `UPDATE_OPENAPI=1` it
//! writes them.

use std::collections::BTreeMap;
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text with the tags of Klaviyo for its slots.
fn filled(text: &str, slots: &Value) -> String {
    let mut text = escaped(text);
    for (name, tag) in slots.as_object().unwrap() {
        text = text.replace(&format!("{{{name}}}"), tag.as_str().unwrap());
    }
    assert!(!text.replace("{{", "").replace("}}", "").contains(['{', '}']), "an unknown slot: {text}");
    text
}

/// The HTML of a mail in a language.
fn render(mail: &Value, language: &str, mails: &Value, texts: &Value, layout: &str) -> String {
    let (id, slots) = (mail["id"].as_str().unwrap(), &mails["slots"]);
    let own = &texts[id];
    let text = |field: &str| filled(own[field].as_str().unwrap_or_else(|| panic!("{language}: {id}: {field}")), slots);
    let paragraph = |part: &Value| {
        let line = |text: &str| format!("                <p style=\"margin:0 0 16px;\">{}</p>", filled(text, slots));
        let Some(text) = part.as_str() else {
            let condition = slots[part["if"].as_str().unwrap()].as_str().unwrap();
            let condition = condition.trim_start_matches("{{ ").trim_end_matches(" }}");
            return format!(
                "                {{% if {condition} %}}\n{}\n                {{% endif %}}",
                line(part["text"].as_str().unwrap())
            );
        };
        line(text)
    };
    let body: Vec<String> = own["body"].as_array().unwrap().iter().map(paragraph).collect();
    let href = mails["buttons"][mail["button"].as_str().unwrap()].as_str().unwrap();
    [
        ("language", language.to_owned()),
        ("subject", text("subject")),
        ("preview", text("preview")),
        ("heading", text("heading")),
        ("body", body.join("\n")),
        ("href", href.to_owned()),
        ("button", text("button")),
        ("unsubscribe", texts["unsubscribe"].as_str().unwrap().replace('\'', "&#39;")),
    ]
    .into_iter()
    .fold(layout.to_owned(), |page, (slot, text)| page.replace(&format!("[[{slot}]]"), &text))
}

#[test]
fn every_template_is_there_in_every_language_and_is_what_its_texts_say() {
    let (mails, layout) = (parsed("mails.json"), read("layout.html"));
    let ids: Vec<&str> = mails["mails"].as_array().unwrap().iter().map(|mail| mail["id"].as_str().unwrap()).collect();
    assert_eq!(ids, MAILS);
    for language in LANGUAGES {
        let texts = parsed(&format!("texts/{language}.json"));
        for mail in mails["mails"].as_array().unwrap() {
            let html = render(mail, language, &mails, &texts, &layout);
            let name = format!("templates/{language}/{}.html", mail["id"].as_str().unwrap());
            let path = folder().join(&name);
            if std::env::var_os("UPDATE_OPENAPI").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &html).unwrap();
            }
            let written = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(written == html, "{name} is not current: run this test with UPDATE_OPENAPI=1");
        }
    }
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
        for mail in mails["mails"].as_array().unwrap() {
            let id = mail["id"].as_str().unwrap();
            let html = read(&format!("templates/{language}/{id}.html"));
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
            for name in looked_up(&html, "person") {
                let usual = name.strip_prefix(USUAL_PREFIX).unwrap_or_else(|| panic!("{context}: {name}"));
                assert!(PROFILE_PROPERTIES.contains(&usual), "{context}: {name}");
            }
            let of_event = looked_up(&html, "event");
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
        let (id, metric) = (mail["id"].as_str().unwrap(), mail["metric"].as_str().unwrap());
        assert!(METRICS.contains(&metric), "{metric}");
        let definition = parsed(&format!("flows/{id}.json"))["data"]["attributes"]["definition"].clone();
        assert_eq!(definition["triggers"], json!([{ "type": "metric", "id": format!("METRIC:{metric}") }]));
        let action = &definition["actions"][0];
        assert_eq!(action["temporary_id"], definition["entry_action_id"]);
        assert_eq!((&action["type"], &action["data"]["status"]), (&json!("send-email"), &json!("draft")));
        assert_eq!(action["data"]["message"]["template_id"], format!("TEMPLATE:{id}"));
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
    let (host, script) = (server.url(""), folder().join("import.py"));
    let run = tokio::task::spawn_blocking(move || {
        Command::new("python3")
            .arg(script)
            .args(["--language", "it", "--shop", "https://ada.example/", "--until", "31 marzo", "--prefix", "Smile "])
            .args(["--metrics", r#"{"Coupon Used": "Smile Coupon Used"}"#, "--host", &host])
            .args(["--from-email", "ciao@ada.example", "--from-label", "Club Ada"])
            .env("KLAVIYO_API_KEY", "pk_1")
            .env("PYTHONDONTWRITEBYTECODE", "1")
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
    for template in &templates {
        let html = template["html"].as_str().unwrap();
        assert!(!html.contains("REPLACE") && !html.contains("'Loyalty "), "{html}");
    }
    assert_eq!(flows[0]["definition"]["triggers"][0]["id"], "M1");
    assert_eq!(flows[1]["definition"]["triggers"][0]["id"], "M2");
    let message = &flows[0]["definition"]["actions"][0]["data"]["message"];
    assert_eq!((&message["template_id"], &message["from_email"]), (&json!("T7"), &json!("ciao@ada.example")));
    assert!(server.received().iter().all(|request| request.headers["authorization"] == "Klaviyo-API-Key pk_1"));
}
