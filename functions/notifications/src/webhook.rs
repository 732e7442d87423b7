//! The channel of webhooks, by the Standard Webhooks specification.

use bytes::Bytes;
use http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_domain::event::Event;
use tessera_domain::ids::ProgramId;
use tessera_outbound::{Client, webhook_signature};
use tessera_store::{TargetSecrets, WebhookEndpoint};

use crate::outcome::{AttemptOutcome, excerpt, failed};

/// The largest body.
const MAX_BODY_BYTES: usize = 20_000;

/// Sends an event. The response's status alone counts: any 2xx accepts it, 410 ends the endpoint.
pub(crate) async fn send(
    client: &Client,
    endpoint: &WebhookEndpoint,
    secrets: &TargetSecrets,
    program: &ProgramId,
    event: &Event,
    is_test: bool,
    now: Timestamp,
) -> AttemptOutcome {
    let body = body(event, program, is_test);
    let seconds = now.as_second();
    let Some(signature) = webhook_signature(&secrets.valid_at(now), &event.id, seconds, &body) else {
        return AttemptOutcome::Refused("the endpoint's secret cannot be used".to_owned());
    };
    let request = Request::post(&*endpoint.url)
        .header("content-type", "application/json")
        .header("webhook-id", &*event.id)
        .header("webhook-timestamp", seconds.to_string())
        .header("webhook-signature", signature)
        .body(Bytes::from(body));
    let request = match request {
        Ok(request) => request,
        Err(error) => return AttemptOutcome::Refused(error.to_string()),
    };
    match client.send(request).await {
        Ok(response) if response.status.is_success() => AttemptOutcome::Accepted(response.status.as_u16().to_string()),
        Ok(response) if response.status == StatusCode::GONE => AttemptOutcome::Gone("410 Gone".to_owned()),
        Ok(response) => AttemptOutcome::Failed {
            reason: format!("{} {}", response.status.as_u16(), excerpt(&response.body)).trim().to_owned(),
            asked: response.retry_after(now),
        },
        Err(error) => failed(&error),
    }
}

/// The body. Explanations are left out of an event that would be too large.
fn body(event: &Event, program: &ProgramId, is_test: bool) -> Vec<u8> {
    let mut envelope = event.envelope(program, is_test);
    let body = envelope.to_string();
    if body.len() < MAX_BODY_BYTES {
        return body.into_bytes();
    }
    if let Some(explanation) = envelope.pointer_mut("/data/explanation") {
        *explanation = json!([]);
    }
    envelope["data"]["truncated"] = Value::Bool(true);
    envelope.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_stays_below_twenty_kilobytes() {
        let sentence = json!({ "rule": "r", "text": "x".repeat(400) });
        let event = |sentences| Event {
            id: "E~0".to_owned(),
            kind: "tessera.entry.earn".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            data: json!({ "member": "c-1", "explanation": vec![sentence.clone(); sentences] }),
        };
        let program = ProgramId::new("prg_1").unwrap();
        let parsed = |sentences| {
            let body = body(&event(sentences), &program, false);
            assert!(body.len() < 20 * 1024);
            serde_json::from_slice::<Value>(&body).unwrap()
        };
        assert_eq!(parsed(2)["data"]["explanation"].as_array().unwrap().len(), 2);
        let truncated = parsed(100);
        assert_eq!(truncated["data"], json!({ "member": "c-1", "explanation": [], "truncated": true }));
    }
}
