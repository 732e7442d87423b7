//! Responses stored by `Idempotency-Key`, for replay.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use crate::items::{Reader, bytes, item, moment, name, number, packed};
use crate::keys::{self, Key};
use crate::writes::{Write, Written};
use crate::{Store, StoreError, hashes, random};

const BEGIN: &str = "beginning a request";
const FINISH: &str = "ending a request";

/// How long a key is stored.
const RETENTION: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);
/// Size limit of a stored response; the item's other attributes fit beside it.
const MAX_RESPONSE_BYTES: usize = 390 * 1024;

/// The hash of the request: route, parameters and body.
const HASH: &str = "h";
/// When the running attempt's lock expires, in milliseconds.
const LOCK: &str = "u";
/// Random id of the running attempt.
const ATTEMPT: &str = "n";

/// A response to replay.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredResponse {
    /// The HTTP status.
    #[serde(rename = "s")]
    pub status: u16,
    /// Replayed headers: lower-case name and value.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(rename = "b")]
    pub body: String,
}

/// State of a request with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// New: run it.
    Fresh {
        /// Now.
        started_at: Timestamp,
    },
    /// An earlier attempt did not finish: run it again under the same natural key.
    Resumed {
        /// When the first attempt began; part of the natural key of every write.
        started_at: Timestamp,
    },
    /// Finished: return the stored response.
    Replay(StoredResponse),
    /// The key was used for another request.
    Different,
    /// An earlier attempt is still running.
    InFlight,
}

impl Store {
    /// Begins a request with an idempotency key. `hash` identifies what is requested, by whom and with which body; an attempt
    /// counts as running for `lock` after its beginning, unless it ends. Keys are kept for 7 days.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn begin_request(
        &self,
        program: &ProgramId,
        key: &str,
        hash: &[u8; 32],
        now: Timestamp,
        lock: std::time::Duration,
    ) -> Result<Begin, StoreError> {
        let place = place(program, key);
        // Distinguishes our own item from another attempt's when the reply to the first write is lost.
        let attempt = random::bytes::<8>()?;
        let until = now.as_millisecond().saturating_add(i64::try_from(lock.as_millis()).unwrap_or(i64::MAX));
        let new = item(
            &place,
            [
                (HASH, bytes(hash.as_slice())),
                (name::SINCE, moment(now)),
                (LOCK, number(until)),
                (ATTEMPT, bytes(attempt)),
                (name::TTL, number(now.as_second().saturating_add(RETENTION.as_secs()))),
            ],
        );
        // DynamoDB deletes expired items late, so the condition treats them as deleted.
        let begin = Write::put(&self.tables.programs, new)
            .when("attribute_not_exists(pk) OR t <= :over")
            .value(":over", number(now.as_millisecond().saturating_sub(RETENTION.as_secs().saturating_mul(1000))));
        let found = match self.write(BEGIN, &begin).await? {
            Written::Done => return Ok(Begin::Fresh { started_at: now }),
            // Refused without an item: we raced DynamoDB's own deletion.
            Written::Refused(None) => return Ok(Begin::InFlight),
            Written::Refused(Some(found)) => found,
        };
        let reader = Reader::new(BEGIN, &found);
        let started_at = reader.moment(name::SINCE)?;
        if reader.bytes(HASH)? != hash {
            return Ok(Begin::Different);
        }
        if reader.has(name::BODY) {
            return reader.body().map(Begin::Replay);
        }
        if reader.bytes(ATTEMPT)? == attempt {
            return Ok(Begin::Fresh { started_at });
        }
        if reader.number::<i64>(LOCK)? > now.as_millisecond() {
            return Ok(Begin::InFlight);
        }
        let resume = Write::update(&self.tables.programs, &place, "SET u = :until, n = :attempt")
            .when("n = :seen AND attribute_not_exists(b)")
            .value(":until", number(until))
            .value(":attempt", bytes(attempt))
            .value(":seen", bytes(reader.bytes(ATTEMPT)?));
        Ok(match self.write(BEGIN, &resume).await? {
            Written::Done => Begin::Resumed { started_at },
            Written::Refused(Some(found)) if Reader::new(BEGIN, &found).bytes(ATTEMPT)? == attempt => {
                Begin::Resumed { started_at }
            }
            Written::Refused(_) => Begin::InFlight,
        })
    }

    /// Stores the response for replay.
    ///
    /// # Errors
    /// When DynamoDB fails, or the response is larger than an item.
    pub async fn finish_request(
        &self,
        program: &ProgramId,
        key: &str,
        response: &StoredResponse,
    ) -> Result<(), StoreError> {
        let response = packed(FINISH, response)?;
        if response.len() > MAX_RESPONSE_BYTES {
            return Err(StoreError::TooLarge {
                operation: FINISH,
                what: format!("a response of {} bytes", response.len()),
            });
        }
        let finish = Write::update(&self.tables.programs, &place(program, key), "SET b = :response")
            .when("attribute_exists(pk)")
            .value(":response", bytes(response));
        self.write(FINISH, &finish).await.map(drop)
    }

    /// Frees the key of a request that was refused (401, 403), as if the request had never come.
    ///
    /// An update and not a deletion: functions that serve members need no right to delete anything here.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn forget_request(&self, program: &ProgramId, key: &str) -> Result<(), StoreError> {
        let forget = Write::update(&self.tables.programs, &place(program, key), "SET t = :never")
            .when("attribute_exists(pk) AND attribute_not_exists(b)")
            .value(":never", number(0));
        self.write(FINISH, &forget).await.map(drop)
    }

    /// Ends an attempt whose response is not stored (429, 5xx): the next attempt resumes it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn abandon_request(&self, program: &ProgramId, key: &str) -> Result<(), StoreError> {
        let abandon = Write::update(&self.tables.programs, &place(program, key), "SET u = :over")
            .when("attribute_exists(pk) AND attribute_not_exists(b)")
            .value(":over", number(0));
        self.write(FINISH, &abandon).await.map(drop)
    }
}

fn place(program: &ProgramId, key: &str) -> Key {
    keys::idempotency(program, &hashes::sha256_hex(key.as_bytes()))
}
