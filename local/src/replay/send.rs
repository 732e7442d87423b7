//! Sends requests, several at a time.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use http::{Method, StatusCode};
use indicatif::{ProgressBar, ProgressStyle};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::orders::ReplayRequest;
use crate::failure::Failure;
use crate::web::{WebClient, WebRequest};

/// Options for sending.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// The API's address, without `/v1`.
    pub url: String,
    /// An API key with `receipts:write`.
    pub key: String,
    /// The number of concurrent requests.
    pub concurrency: usize,
    /// Shows a progress bar.
    pub progress: bool,
}

/// The result of a replay.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    /// Accepted receipts.
    pub receipts: usize,
    /// Accepted refunds.
    pub refunds: usize,
    /// Receipts and refunds that were stored already.
    pub repeated: usize,
    /// The first refused requests, with their responses.
    pub refused: Vec<String>,
    /// The number of refused requests.
    pub refused_count: usize,
    /// The elapsed time.
    pub elapsed: Duration,
}

enum Sent {
    Accepted,
    Repeated,
    Refused(String),
}

/// Attempts for a request without a response or with a 429 or 5xx. Natural keys make a repetition count once.
const TRIES: u32 = 5;
const REFUSALS_SHOWN: usize = 5;

/// Sends receipts and refunds.
///
/// # Errors
/// When the API cannot be reached, or refuses the key.
pub async fn send(operations: &[ReplayRequest], options: &SendOptions) -> anyhow::Result<Summary> {
    let client = WebClient::new();
    let bar = if options.progress { ProgressBar::new(operations.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} {eta}")?);
    let started = Instant::now();
    let mut summary = Summary::default();
    let mut responses = stream::iter(operations)
        .map(|operation| {
            let client = &client;
            async move { (operation, call(client, operation, options).await) }
        })
        .buffer_unordered(options.concurrency.max(1));
    while let Some((operation, response)) = responses.next().await {
        match response? {
            Sent::Accepted if matches!(operation, ReplayRequest::Receipt { .. }) => summary.receipts += 1,
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

async fn call(client: &WebClient, operation: &ReplayRequest, options: &SendOptions) -> anyhow::Result<Sent> {
    let (path, body) = match operation {
        ReplayRequest::Receipt { body } => ("/v1/receipts".to_owned(), body),
        ReplayRequest::Refund { receipt, body } => (format!("/v1/receipts/{}/refunds", escape(receipt)), body),
    };
    let mut pause = Duration::from_millis(100);
    for attempt in 1.. {
        let request = WebRequest::new(Method::POST, format!("{}{path}", options.url.trim_end_matches('/')));
        match client.send(request.bearer(&options.key).json(body)).await {
            Ok(response) if response.may_pass() && attempt < TRIES => {}
            Ok(response) => {
                let status = response.status;
                return match response.accepted(&options.url) {
                    Ok(_) if status == StatusCode::ACCEPTED => Ok(Sent::Accepted),
                    Ok(_) => Ok(Sent::Repeated),
                    // A key that may not send receipts may not send the next one either.
                    Err(Failure::Refused(why)) if status != StatusCode::FORBIDDEN => {
                        Ok(Sent::Refused(format!("{path} {}: {why}", body["id"])))
                    }
                    Err(failure) => Err(failure.into()),
                };
            }
            Err(error) if attempt >= TRIES => {
                return Err(Failure::Unreachable(format!("{} cannot be reached: {error}", options.url)).into());
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the loop ends by returning")
}

/// The characters of a path segment that are escaped: all but the unreserved ones of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a path segment.
fn escape(segment: &str) -> PercentEncode<'_> {
    utf8_percent_encode(segment, ESCAPED)
}
