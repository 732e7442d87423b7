//! Answers that a repeated call gets again.

use jiff::Timestamp;
use tessera_domain::ids::ProgramId;

use crate::items::{Reader, bytes, item, moment, name, number, packed};
use crate::keys::{self, Key};
use crate::writes::{Write, Written};
use crate::{Store, StoreError, hashes, random};

const BEGIN: &str = "beginning a call";
const FINISH: &str = "ending a call";

/// For how long a key is remembered.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);
/// What fits into an item beside the rest.
const MOST_BYTES: usize = 390 * 1024;

/// What is called with what.
const HASH: &str = "h";
/// Until when the running attempt counts as running; milliseconds.
const LOCK: &str = "u";
/// Which attempt is running.
const ATTEMPT: &str = "n";

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StoredAnswer {
    /// The HTTP status.
    #[serde(rename = "s")]
    pub status: u16,
    /// Headers worth giving again: names in lower case, and values.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(rename = "b")]
    pub body: String,
}

/// What is known of a call with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// It is new: carry it out.
    Fresh {
        /// Now.
        started_at: Timestamp,
    },
    /// An earlier attempt did not end: carry it out again, as if it were that one.
    Resumed {
        /// When the first attempt began: a part of the natural key of what the call writes.
        started_at: Timestamp,
    },
    /// It was answered: give the answer again.
    Replay(StoredAnswer),
    /// The key was used for something else.
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
    pub async fn begin_call(
        &self,
        program: &ProgramId,
        key: &str,
        hash: &[u8; 32],
        now: Timestamp,
        lock: std::time::Duration,
    ) -> Result<Begin, StoreError> {
        let place = place(program, key);
        // Tells our own item from another attempt's when the reply to the first write is lost.
        let attempt = random::bytes::<8>()?;
        let until = now.as_millisecond().saturating_add(i64::try_from(lock.as_millis()).unwrap_or(i64::MAX));
        let new = item(
            &place,
            [
                (HASH, bytes(hash.as_slice())),
                (name::SINCE, moment(now)),
                (LOCK, number(until)),
                (ATTEMPT, bytes(attempt)),
                (name::TTL, number(now.as_second().saturating_add(KEPT.as_secs()))),
            ],
        );
        // DynamoDB deletes what is over in its own time: until then it counts as deleted.
        let begin = Write::put(&self.tables.programs, new)
            .when("attribute_not_exists(pk) OR t <= :over")
            .value(":over", number(now.as_millisecond().saturating_sub(KEPT.as_secs().saturating_mul(1000))));
        let found = match self.write(BEGIN, &begin).await? {
            Written::Done => return Ok(Begin::Fresh { started_at: now }),
            // It was there, and is gone: that was a race with DynamoDB's own deletion.
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

    /// Ends a call with the answer that repeats will get.
    ///
    /// # Errors
    /// When DynamoDB fails, or the answer is larger than an item.
    pub async fn finish_call(&self, program: &ProgramId, key: &str, answer: &StoredAnswer) -> Result<(), StoreError> {
        let answer = packed(FINISH, answer)?;
        if answer.len() > MOST_BYTES {
            return Err(StoreError::TooLarge {
                operation: FINISH,
                what: format!("an answer of {} bytes", answer.len()),
            });
        }
        let finish = Write::update(&self.tables.programs, &place(program, key), "SET b = :answer")
            .when("attribute_exists(pk)")
            .value(":answer", bytes(answer));
        self.write(FINISH, &finish).await.map(drop)
    }

    /// Frees the key of a request that was refused (401, 403), as if the request had never come.
    ///
    /// An update and not a deletion: functions that serve members need no right to delete anything here.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn forget_call(&self, program: &ProgramId, key: &str) -> Result<(), StoreError> {
        let forget = Write::update(&self.tables.programs, &place(program, key), "SET t = :never")
            .when("attribute_exists(pk) AND attribute_not_exists(b)")
            .value(":never", number(0));
        self.write(FINISH, &forget).await.map(drop)
    }

    /// Ends an attempt whose response is not stored (429, 5xx): the next attempt resumes it.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn abandon_call(&self, program: &ProgramId, key: &str) -> Result<(), StoreError> {
        let abandon = Write::update(&self.tables.programs, &place(program, key), "SET u = :over")
            .when("attribute_exists(pk) AND attribute_not_exists(b)")
            .value(":over", number(0));
        self.write(FINISH, &abandon).await.map(drop)
    }
}

fn place(program: &ProgramId, key: &str) -> Key {
    keys::idempotency(program, &hashes::sha256_hex(key.as_bytes()))
}
