//! A deployed stack as far as the command line can tell: the engines of a local stack, with Lambda, `CloudWatch` and Systems
//! Manager beside them.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tessera_domain::program::SubmittedProgram;
use tessera_local::Platform;
use tessera_local::stack::{StackOptions, Storage};
use tessera_store::SecretsKey;

/// The admin key of the program.
pub const KEY: &str = "tsk_cli_admin";

/// What the services that the local stack has no engine for respond.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The functions that are missing, and what replaces a function's configuration.
    pub missing: Vec<&'static str>,
    pub configured: Vec<(&'static str, Value)>,
    /// The alarms in the state ALARM.
    pub ringing: Vec<&'static str>,
    /// The value of the secrets key's parameter.
    pub secret: Option<String>,
    /// The state of every event source mapping.
    pub sources: &'static str,
    /// Mappings beside those of the template.
    pub further: Vec<Value>,
    /// An error for every request.
    pub refuses: Option<&'static str>,
    /// The time of its clock; absent: that of this machine.
    pub date: Option<&'static str>,
}

/// A deployed stack as far as the doctor can tell.
pub struct Ward {
    pub stack: Platform,
    pub aws: Arc<Mutex<Aws>>,
    pub url: String,
    _folder: tempfile::TempDir,
}

#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ward {
    pub async fn open() -> Self {
        Self::at(StackOptions::default()).await
    }

    pub async fn at(options: StackOptions) -> Self {
        // The secrets key is known: the parameter holds it too.
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secrets.key"), [7; 32]).unwrap();
        let storage = Storage::Folder(folder.path().to_owned());
        let stack = Platform::start(StackOptions { storage, ..options }).await.unwrap();
        let document =
            json!({ "name": "One", "currency": "EUR", "timezone": "Europe/Rome", "rewards": [], "rules": [] });
        let document = SubmittedProgram::read(&document).unwrap();
        let key = SecretsKey::new([7; 32]);
        stack.store().create_program(&document, Some(KEY), &key, stack.now()).await.unwrap();
        let aws = Aws {
            missing: Vec::new(),
            configured: Vec::new(),
            ringing: Vec::new(),
            secret: Some(STANDARD.encode([7; 32])),
            sources: "Enabled",
            further: Vec::new(),
            refuses: None,
            date: None,
        };
        let aws = Arc::new(Mutex::new(aws));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::clone(&aws);
        let respond = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let response = respond(&mut state.lock().unwrap(), &method, &uri, &headers, &body);
            async move { response }
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(respond)).await.unwrap() });
        Self { stack, aws, url, _folder: folder }
    }

    pub fn set(&self, change: impl FnOnce(&mut Aws)) {
        change(&mut self.aws.lock().unwrap());
    }

    /// Runs a subcommand; the stack goes on serving meanwhile.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[]).await
    }

    /// The same with other variables; an empty one is removed, and `{url}` is the address of the services.
    pub async fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let response = reqwest::get(format!("{}/_local/endpoints", self.stack.url())).await.unwrap();
        let endpoints: Value = response.json().await.unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tessera"));
        command.env_clear().args(arguments);
        command
            .env("TESSERA_URL", self.stack.url())
            .env("TESSERA_KEY", KEY)
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ENDPOINT_URL_DYNAMODB", endpoints["dynamodb"].as_str().unwrap())
            .env("AWS_ENDPOINT_URL_SQS", endpoints["sqs"].as_str().unwrap())
            .env("AWS_ACCESS_KEY_ID", endpoints["access_key_id"].as_str().unwrap())
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_REGION", "eu-south-1")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value.replace("{url}", &self.url));
            }
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn respond(aws: &mut Aws, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
    if let Some(code) = aws.refuses {
        let refusal = json!({ "__type": code, "message": code }).to_string();
        let date = aws.date.map(|date| [("date", date)]);
        return date.map_or_else(
            || (StatusCode::BAD_REQUEST, refusal.clone()).into_response(),
            |date| (StatusCode::BAD_REQUEST, date, refusal.clone()).into_response(),
        );
    }
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    assert!(headers["authorization"].to_str().unwrap().starts_with("AWS4-HMAC-SHA256 Credential="), "{uri}");
    if target == Some("AmazonSSM.GetParameter") {
        let asked: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(asked, json!({ "Name": "/tessera/secrets-key", "WithDecryption": true }));
        return match &aws.secret {
            Some(value) => json!({ "Parameter": { "Value": value } }).to_string().into_response(),
            None => (StatusCode::BAD_REQUEST, r#"{"__type":"ParameterNotFound"}"#).into_response(),
        };
    }
    if let Some(name) = uri.path().strip_prefix("/2015-03-31/functions/") {
        let name = name.trim_end_matches("/configuration");
        if aws.missing.contains(&name) {
            return (StatusCode::NOT_FOUND, r#"{"Type":"User","__type":"ResourceNotFoundException"}"#).into_response();
        }
        let changed = aws.configured.iter().find(|(of, _)| *of == name).map(|(_, value)| value.clone());
        let usual = json!({ "State": "Active", "LastUpdateStatus": "Successful", "Runtime": "provided.al2023",
                            "Architectures": ["arm64"] });
        return changed.unwrap_or(usual).to_string().into_response();
    }
    if (method, uri.path()) == (&Method::POST, "/2015-03-31/event-source-mappings") {
        let mut mapping: Value = serde_json::from_slice(body).unwrap();
        mapping["FunctionArn"] = mapping["FunctionName"].take();
        mapping["State"] = json!("Enabled");
        aws.further.push(mapping.clone());
        return (StatusCode::ACCEPTED, mapping.to_string()).into_response();
    }
    if uri.path() == "/2015-03-31/event-source-mappings/" {
        let arn = |name: &str| format!("arn:aws:lambda:eu-south-1:1:function:{name}");
        // Two pages, and a mapping of somebody else's function.
        let page = if uri.query().unwrap().contains("Marker=") {
            let mut mappings = aws.further.clone();
            mappings.push(json!({ "FunctionArn": arn("other-kpi"), "State": "Disabled" }));
            json!({ "EventSourceMappings": mappings })
        } else {
            json!({ "NextMarker": "a/b", "EventSourceMappings": [{ "FunctionArn": arn("tessera-rule-evaluation"),
                    "EventSourceArn": "arn:aws:sqs:eu-south-1:1:tessera-facts.fifo", "State": aws.sources }] })
        };
        return page.to_string().into_response();
    }
    assert_eq!((method, uri.path()), (&Method::POST, "/"));
    assert!(String::from_utf8_lossy(body).contains("AlarmNamePrefix=tessera%2D"), "{body:?}");
    let template = include_str!("../../../template.yaml");
    let lines: Vec<&str> = template.lines().collect();
    let alarms = lines.windows(2).filter(|pair| pair[1].trim() == "Type: AWS::CloudWatch::Alarm").map(|pair| {
        let name = pair[0].trim().trim_end_matches(':');
        let state = if aws.ringing.contains(&name) { "ALARM" } else { "OK" };
        format!("<member><AlarmName>tessera-{name}-1A2B</AlarmName><StateValue>{state}</StateValue></member>")
    });
    let xml: String = alarms.collect();
    format!("<DescribeAlarmsResponse><MetricAlarms>{xml}</MetricAlarms></DescribeAlarmsResponse>").into_response()
}
