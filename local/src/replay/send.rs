//! Sending what was read, several calls at a time.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::StatusCode;
use serde_json::Value;

use super::orders::Operation;

/// Where and how to send.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// The API's address, without `/v1`.
    pub url: String,
    /// An API key with `receipts:write`.
    pub key: String,
    /// How many calls at a time.
    pub concurrency: usize,
    /// Whether to draw a progress bar.
    pub progress: bool,
}

/// What became of it.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    /// Receipts accepted now.
    pub receipts: usize,
    /// Refunds accepted now.
    pub refunds: usize,
    /// Receipts and refunds that had been accepted before.
    pub repeated: usize,
    /// What was refused, with the answer; the first few.
    pub refused: Vec<String>,
    /// How many were refused.
    pub refused_count: usize,
    /// How long it took.
    pub elapsed: Duration,
}

enum Sent {
    Accepted,
    Repeated,
    Refused(String),
}

/// How often a call is repeated whose answer did not come, or was "not now". Each carries its natural key, so that a
/// repetition counts once.
const TRIES: u32 = 5;
const REFUSALS_SHOWN: usize = 5;

/// Sends receipts and refunds.
///
/// # Errors
/// When the API cannot be reached, or refuses the key.
pub async fn send(operations: &[Operation], options: &SendOptions) -> anyhow::Result<Summary> {
    let client = reqwest::Client::new();
    let bar = if options.progress { ProgressBar::new(operations.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}")?);
    let started = Instant::now();
    let mut summary = Summary::default();
    let mut answers = stream::iter(operations)
        .map(|operation| {
            let client = &client;
            async move { (operation, call(client, operation, options).await) }
        })
        .buffer_unordered(options.concurrency.max(1));
    while let Some((operation, answer)) = answers.next().await {
        match answer? {
            Sent::Accepted if matches!(operation, Operation::Receipt { .. }) => summary.receipts += 1,
            Sent::Accepted => summary.refunds += 1,
            Sent::Repeated => summary.repeated += 1,
            Sent::Refused(why) => {
                summary.refused_count += 1;
                if summary.refused.len() < REFUSALS_SHOWN {
                    summary.refused.push(why);
                }
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

async fn call(client: &reqwest::Client, operation: &Operation, options: &SendOptions) -> anyhow::Result<Sent> {
    let (path, body) = match operation {
        Operation::Receipt { body } => ("/v1/receipts".to_owned(), body),
        Operation::Refund { receipt, body } => (format!("/v1/receipts/{}/refunds", escape(receipt)), body),
    };
    let mut pause = Duration::from_millis(100);
    for attempt in 1.. {
        let answer = client.post(format!("{}{path}", options.url)).bearer_auth(&options.key).json(body).send().await;
        match answer {
            Ok(answer) => match answer.status() {
                StatusCode::ACCEPTED => return Ok(Sent::Accepted),
                StatusCode::OK => return Ok(Sent::Repeated),
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    bail!("the API refuses the key: {}", answer.text().await.unwrap_or_default())
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if attempt < TRIES => {}
                status => {
                    let problem: Value = answer.json().await.unwrap_or_default();
                    return Ok(Sent::Refused(format!("{path} {}: {status} {problem}", body["id"])));
                }
            },
            Err(error) if attempt >= TRIES => return Err(error).context(format!("{} cannot be reached", options.url)),
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the loop ends by returning")
}

/// A path segment with everything escaped that is not plainly part of one.
fn escape(segment: &str) -> String {
    use std::fmt::Write as _;
    segment.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}
