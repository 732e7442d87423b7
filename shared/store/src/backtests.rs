//! Backtests: what was asked, how far it is, and what came of it. All is forgotten after 30 days.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tessera_domain::ids::ProgramId;
use tessera_domain::time::Day;

use crate::items::{Reader, bytes, item, name, number, packed, text};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, keys, random, retry};

const COUNT: &str = "counting a backtest";
const CREATE: &str = "storing a backtest";
const READ: &str = "reading a backtest";
const FINISH: &str = "ending a backtest";

/// For how long a backtest is kept.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);
/// What fits into an item beside the rest.
const MOST_BYTES: usize = 390 * 1024;
/// How far it is.
const STATUS: &str = "st";
/// The most backtests of a program in one UTC day: each reads the whole table of facts.
pub const BACKTESTS_PER_DAY: u32 = 20;
/// The UTC day that was counted.
const DAY: &str = "d";

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestWish {
    /// The version of the program that it is compared with.
    #[serde(rename = "g")]
    pub version: u32,
    /// From when receipts count.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when, exclusive.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// When it was asked.
    #[serde(rename = "t")]
    pub asked_at: Timestamp,
    /// The rules, as JSON.
    #[serde(rename = "r")]
    pub rules: String,
}

/// How far a backtest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BacktestStatus {
    /// It waits.
    Queued,
    /// It was begun.
    Running,
    /// Its report is there.
    Done,
    /// It cannot be made.
    Failed,
}

/// A backtest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBacktest {
    /// What is to be tried.
    pub wish: BacktestWish,
    /// How far it is.
    pub status: BacktestStatus,
    /// The report as JSON once it is done, or why it failed.
    pub result: Option<String>,
}

impl BacktestStatus {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Failed].into_iter().find(|status| status.word() == word)
    }
}

impl Store {
    /// Counts a backtest against its program's day. False when that day's budget is spent; nothing is counted then.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn take_backtest(&self, program: &ProgramId, now: Timestamp) -> Result<bool, StoreError> {
        let (table, key) = (&*self.tables.programs, keys::backtest_count(program));
        let today = || text(Day::of(now, &TimeZone::UTC).to_string());
        for attempt in 1..=retry::TRIES {
            let next = Write::update(table, &key, "SET n = n + :one")
                .when("d = :today AND n < :most")
                .value(":one", number(1))
                .value(":today", today())
                .value(":most", number(BACKTESTS_PER_DAY));
            let Written::Refused(found) = self.write(COUNT, &next).await? else { return Ok(true) };
            if found.is_some_and(|item| item.get(DAY) == Some(&today())) {
                return Ok(false);
            }
            let first = Write::update(table, &key, "SET d = :today, n = :one")
                .when("attribute_not_exists(d) OR d <> :today")
                .value(":one", number(1))
                .value(":today", today());
            if self.write(COUNT, &first).await? == Written::Done {
                return Ok(true);
            }
            // Another request was the first of the day.
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: COUNT, tries: retry::TRIES })
    }

    /// Stores what is to be tried; gives its identifier.
    ///
    /// # Errors
    /// When DynamoDB fails, or the rules are larger than an item.
    pub async fn create_backtest(&self, program: &ProgramId, wish: &BacktestWish) -> Result<String, StoreError> {
        let body = fitting(CREATE, packed(CREATE, wish)?)?;
        let id = random::id("bt_");
        let new = item(
            &keys::backtest(program, &id),
            [
                (name::BODY, bytes(body)),
                (STATUS, text(BacktestStatus::Queued.word())),
                (name::TTL, number(wish.asked_at.as_second().saturating_add(KEPT.as_secs()))),
            ],
        );
        match self.write(CREATE, &Write::put(&self.tables.programs, new).when(ABSENT)).await? {
            // Identifiers are random: one that is taken is our own write, whose answer was lost.
            Written::Done | Written::Refused(_) => Ok(id),
        }
    }

    /// A backtest with what came of it; `None` when there is none of that identifier.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_backtest(&self, program: &ProgramId, id: &str) -> Result<Option<StoredBacktest>, StoreError> {
        let table = &*self.tables.programs;
        let Some(found) = self.get(READ, table, &keys::backtest(program, id), true).await? else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        let status = BacktestStatus::read(reader.text(STATUS)?)
            .ok_or(StoreError::Item { operation: READ, attribute: STATUS })?;
        let mut result = None;
        if matches!(status, BacktestStatus::Done | BacktestStatus::Failed) {
            let kept = self.get(READ, table, &keys::backtest_result(program, id), true).await?;
            result = kept.map(|item| Reader::new(READ, &item).text(name::BODY).map(str::to_owned)).transpose()?;
        }
        Ok(Some(StoredBacktest { wish: reader.body()?, status, result }))
    }

    /// Notes that a backtest was begun.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn begin_backtest(&self, program: &ProgramId, id: &str) -> Result<(), StoreError> {
        self.set_backtest(program, id, BacktestStatus::Running).await
    }

    /// Keeps the report of a backtest, or why there is none. Doing so again changes nothing but the report.
    ///
    /// # Errors
    /// When DynamoDB fails, or the report is larger than an item.
    pub async fn finish_backtest(
        &self,
        program: &ProgramId,
        id: &str,
        result: Result<&str, &str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (status, kept) = match result {
            Ok(report) => (BacktestStatus::Done, report),
            Err(reason) => (BacktestStatus::Failed, reason),
        };
        let kept = fitting(FINISH, kept.to_owned())?;
        let new = item(
            &keys::backtest_result(program, id),
            [(name::BODY, text(kept)), (name::TTL, number(now.as_second().saturating_add(KEPT.as_secs())))],
        );
        self.write(FINISH, &Write::put(&self.tables.programs, new)).await?;
        self.set_backtest(program, id, status).await
    }

    async fn set_backtest(&self, program: &ProgramId, id: &str, status: BacktestStatus) -> Result<(), StoreError> {
        let set = Write::update(&self.tables.programs, &keys::backtest(program, id), "SET st = :status")
            .when("attribute_exists(pk)")
            .value(":status", text(status.word()));
        self.write(FINISH, &set).await.map(drop)
    }
}

fn fitting<T: AsRef<[u8]>>(operation: &'static str, value: T) -> Result<T, StoreError> {
    let bytes = value.as_ref().len();
    if bytes > MOST_BYTES {
        return Err(StoreError::TooLarge { operation, what: format!("{bytes} bytes") });
    }
    Ok(value)
}
