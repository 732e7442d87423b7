//! `tessera doctor` on a stack that is sound, has faults, or cannot be asked.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod aws;

use serde_json::{Value, json};

use crate::aws::Ward;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_stack_has_no_faults() {
    let ward = Ward::open().await;
    let ended = ward.run(&["doctor"]).await;
    assert_eq!((ended.code, &*ended.err), (Some(0), ""), "{ended:?}");
    let heads: Vec<&str> = ended.out.lines().filter(|line| !line.starts_with(' ')).collect();
    let checks =
        ["region", "clock", "tables", "queues", "dead_letters", "functions", "event_sources", "alarms", "secrets"];
    let expected: Vec<String> = checks.iter().map(|check| format!("ok {check}")).collect();
    assert_eq!(heads[..checks.len()], expected, "{}", ended.out);
    assert!(!ended.out.contains('\u{1b}'), "colours are for terminals alone");
    let told: Value = serde_json::from_str(&ward.run(&["doctor", "--json"]).await.out).unwrap();
    assert_eq!(
        (&told["stack"], &told["region"], &told["faults"]),
        (&json!("tessera"), &json!("eu-south-1"), &json!(0))
    );
    assert_eq!(told["findings"].as_array().unwrap().len(), checks.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_named_with_what_to_do() {
    let ward = Ward::open().await;
    let stack = ward.stack.stack();
    let dead = &stack.template().queues["tessera-facts-dead.fifo"].url;
    let sqs = stack.clients("operator").sqs;
    let letter = sqs.send_message().queue_url(dead).message_body("{}");
    letter.message_group_id("g").message_deduplication_id("d").send().await.unwrap();
    ward.set(|aws| {
        aws.missing = vec!["tessera-kpi"];
        aws.configured = vec![(
            "tessera-hooks",
            json!({ "State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no role" }),
        )];
        aws.ringing = vec!["FactsDeadAlarm"];
        aws.secret = Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned());
        aws.sources = "Disabled";
    });
    let ended = ward.run_with(&["doctor"], &[("COLUMNS", "40")]).await;
    assert_eq!((ended.code, &*ended.err), (Some(6), ""), "{ended:?}");
    assert!(ended.out.lines().all(|line| line.chars().count() <= 40 || line.split_whitespace().count() == 1));
    // A table is gone; the others are examined all the same.
    stack.clients("operator").dynamodb.delete_table().table_name("tessera-facts").send().await.unwrap();
    let told: Value = serde_json::from_str(&ward.run(&["doctor", "--json"]).await.out).unwrap();
    let faults: Vec<(&str, &str)> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["status"] == "fault")
        .map(|finding| (finding["check"].as_str().unwrap(), finding["detail"].as_str().unwrap()))
        .collect();
    let expected = [
        ("tables", "the stack is half deployed, 1 missing: tessera-facts"),
        ("dead_letters", "tessera-facts-dead.fifo holds 1 dead letters"),
        ("functions", "the stack is half deployed, 1 missing: tessera-kpi"),
        ("functions", "the last update of tessera-hooks is Failed: no role"),
        ("functions", "tessera-hooks:  on , unlike the others: two versions are deployed"),
        ("event_sources", "tessera-rule-evaluation does not read tessera-facts.fifo: Disabled"),
        ("alarms", "FactsDeadAlarm is in the state ALARM"),
        ("secrets", "/tessera/secrets-key holds another key than the one that encrypted the stored secrets"),
    ];
    assert_eq!(faults, expected);
    assert_eq!(told["faults"], json!(expected.len()));
    assert!(told.to_string().contains("tessera redrive dead-letters --stack tessera --queue facts"));
    // A parameter that is missing or no key.
    for (secret, detail) in [(None, "is missing"), (Some("short".to_owned()), "is not 32 bytes in base64")] {
        ward.set(|aws| aws.secret = secret);
        assert!(ward.run(&["doctor"]).await.out.contains(detail), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stops_every_command_is_said_precisely() {
    let ward = Ward::open().await;
    // Another name or region: nothing of the stack is there.
    let ended = ward.run(&["doctor", "--stack", "elsewhere"]).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.out.contains("there is no stack elsewhere in eu-south-1"), "{ended:?}");
    assert!(ended.err.contains("check --stack and AWS_REGION"), "{ended:?}");
    let everything_at = [("AWS_ENDPOINT_URL_DYNAMODB", "{url}"), ("AWS_ENDPOINT_URL_SQS", "{url}")];
    for (code, text) in [
        ("ExpiredTokenException", "the AWS credentials have expired"),
        ("UnrecognizedClientException", "AWS does not know these credentials"),
        ("RequestTimeTooSkewed", "the clock of this machine is off"),
        ("AccessDeniedException", "may not do this"),
    ] {
        ward.set(|aws| aws.refuses = Some(code));
        let ended = ward.run_with(&["doctor"], &everything_at).await;
        assert_eq!((ended.code, ended.err.contains(text)), (Some(4), true), "{code}: {ended:?}");
    }
    // This machine's clock is years ahead: the check of the clock comes before the refusal that follows from it.
    ward.set(|aws| {
        aws.refuses = Some("RequestTimeTooSkewed");
        aws.date = Some("Sun, 01 Mar 2020 12:00:00 GMT");
    });
    let ended = ward.run_with(&["doctor"], &everything_at).await;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(
        ended.out.contains("FAULT clock\n  this machine's clock is ") && ended.out.contains(" s ahead"),
        "{ended:?}"
    );
    ward.set(|aws| aws.date = None);
    let ended = ward.run_with(&["doctor"], &[("AWS_REGION", "")]).await;
    assert_eq!((ended.code, ended.err.contains("set AWS_REGION")), (Some(4), true), "{ended:?}");
    let nobody = [("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")];
    let ended = ward.run_with(&["doctor"], &nobody).await;
    assert_eq!((ended.code, ended.err.contains("AWS cannot be reached")), (Some(4), true), "{ended:?}");
    // Services that an endpoint does not have are no faults.
    ward.set(|aws| aws.refuses = Some("UnknownOperationException"));
    let ended = ward.run(&["doctor"]).await;
    assert_eq!((ended.code, ended.out.contains("unknown alarms")), (Some(0), true), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn functions_read_the_stream_of_a_restored_table_once_they_are_reconnected() {
    let ward = Ward::open().await;
    let ended = ward.run(&["reconnect"]).await;
    assert_eq!((ended.code, &*ended.out), (Some(0), "all streams are read\n"), "{ended:?}");
    // The table was restored: the mapping of the template names the stream of before.
    let function = "arn:aws:lambda:eu-south-1:1:function:tessera-kpi";
    let former = json!({ "UUID": "u", "FunctionArn": function, "State": "Disabled", "BatchSize": 100,
                         "EventSourceArn": "arn:aws:dynamodb:eu-south-1:1:table/tessera-members/stream/2026-03-01T00:00:00.000",
                         "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] } });
    ward.set(|aws| aws.further = vec![former.clone()]);
    let ended = ward.run(&["doctor"]).await;
    assert_eq!(ended.code, Some(6), "{ended:?}");
    let text = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in ["tessera-kpi does not read the stream of tessera-members", "run `tessera reconnect --stack tessera`"] {
        assert!(text.contains(said), "{ended:?}");
    }
    // A refusal changes nothing.
    ward.set(|aws| aws.refuses = Some("AccessDeniedException"));
    let ended = ward.run(&["reconnect"]).await;
    assert_eq!((ended.code, ended.err.contains("may not do this")), (Some(4), true), "{ended:?}");
    ward.set(|aws| aws.refuses = None);

    let ended = ward.run(&["reconnect", "--json"]).await;
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told, json!({ "reconnected": [{ "function": "tessera-kpi", "table": "tessera-members" }] }));
    let made = ward.aws.lock().unwrap().further[1].clone();
    assert_eq!(
        (&made["StartingPosition"], &made["BatchSize"], &made["FilterCriteria"]),
        (&json!("TRIM_HORIZON"), &json!(100), &former["FilterCriteria"])
    );
    assert!(made["EventSourceArn"].as_str().unwrap().contains(":table/tessera-members/stream/"), "{made}");
    assert_eq!(ward.run(&["reconnect"]).await.out, "all streams are read\n");
    assert_eq!(ward.run(&["doctor"]).await.code, Some(0));
}
