//! The figures of programs: an item for each day, and one for what all days add up to.
//!
//! Each item remembers, for every shard of the stream, how far it has counted. The counts and that mark are written in one
//! conditional put, so that a record that the stream repeats is never counted twice, and no second item has to be written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tessera_domain::figures::{FigureHistory, Figures, ReferralFunnel, booking_day};
use tessera_domain::ids::ProgramId;
use tessera_domain::ledger::Entry;
use tessera_domain::time::Day;

use crate::calls::Range;
use crate::items::{Item, Reader, bytes, item, name, number, packed};
use crate::keys::{self, Key};
use crate::stream::{MemberChange, MemberImage};
use crate::writes::{ABSENT, Write, Written};
use crate::{Store, StoreError, hashes, retry};

const READ_RECORD: &str = "reading a record of the members";
const READ: &str = "reading figures";
const WRITE: &str = "writing figures";

/// How long an item remembers how far a shard was counted. A stream repeats nothing that is older than a day.
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(48);
/// The digits of a shard's hash.
const SHARD_DIGITS: usize = 12;
/// The digits of the longest sequence number of a stream.
const SEQUENCE_DIGITS: usize = 40;

/// What is counted of an item, as the stream of the members table shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct CountedImage {
    /// The tenant.
    pub program: ProgramId,
    /// What is counted.
    pub record: CountedRecord,
}

/// What is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum CountedRecord {
    /// An entry.
    Entry(Box<Entry>),
    /// What became of referral links, and when.
    Referrals(Timestamp, ReferralFunnel),
}

impl CountedRecord {
    /// The day on which it counts.
    fn day(&self, zone: &jiff::tz::TimeZone) -> Day {
        match self {
            Self::Entry(entry) => booking_day(entry, zone),
            Self::Referrals(at, _) => Day::of(*at, zone),
        }
    }
}

impl CountedImage {
    /// Reads the new image of a record (`record.change.new_image`). `None`: the item is not counted.
    ///
    /// # Errors
    /// When the item is of an unknown kind, or cannot be read.
    pub fn read(image: impl Into<Item>) -> Result<Option<Self>, StoreError> {
        let Some(MemberImage { program, change, .. }) = MemberImage::read(image)? else { return Ok(None) };
        let nothing = ReferralFunnel::default();
        let record = match change {
            MemberChange::Entry { entry, .. } => CountedRecord::Entry(entry),
            MemberChange::Friend { known, .. } => {
                let Some(news) = known.news else { return Ok(None) };
                let funnel = ReferralFunnel { friends: news.started, qualified: news.qualified, ..nothing };
                CountedRecord::Referrals(news.at, funnel)
            }
            MemberChange::Click { at, .. } => CountedRecord::Referrals(at, ReferralFunnel { clicks: 1, ..nothing }),
            MemberChange::Share { at, number: 1, .. } => {
                CountedRecord::Referrals(at, ReferralFunnel { advocates: 1, ..nothing })
            }
            MemberChange::Share { .. }
            | MemberChange::Coupon { .. }
            | MemberChange::Profile { .. }
            | MemberChange::Notice { .. } => return Ok(None),
        };
        Ok(Some(Self { program, record }))
    }

    /// The program of an item, whether or not it can be read.
    pub fn program_of(image: impl Into<Item>) -> Option<ProgramId> {
        let image = image.into();
        keys::parse_program(Reader::new(READ_RECORD, &image).text(name::PK).ok()?)
    }
}

/// A record of a shard: its sequence number, and what is counted of it unless it cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub struct SequencedRecord {
    /// The sequence number, zero-padded, so that texts compare as numbers do.
    pub sequence: Sequence,
    /// What is counted.
    pub record: Option<CountedRecord>,
}

/// A sequence number of a stream, zero-padded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(String);

impl Sequence {
    /// Pads a sequence number.
    pub fn new(number: &str) -> Self {
        Self(format!("{number:0>SEQUENCE_DIGITS$}"))
    }
}

/// The stored sums of a day, or of all days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Counted {
    version: u64,
    sums: Sums,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sums {
    #[serde(rename = "f")]
    figures: Figures,
    /// Records that could not be read, and so were not counted.
    #[serde(rename = "u")]
    unreadable: u64,
    /// How far each shard was counted, and when; by hash of the shard's name.
    #[serde(rename = "m")]
    marks: BTreeMap<String, Mark>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark(Sequence, i64);

/// The figures of a program from some day on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredFigures {
    /// The days, and what all days add up to.
    pub history: FigureHistory,
    /// The records that could not be read, and so were not counted: the figures lack them.
    pub unreadable: u64,
}

impl Sums {
    /// Adds the records that were not counted yet. Returns whether there were any.
    fn count(&mut self, shard: &str, records: &[&SequencedRecord], now: Timestamp, totals_only: bool) -> bool {
        let before = self.marks.get(shard).map(|Mark(sequence, _)| sequence.clone());
        let fresh = records.iter().filter(|record| before.as_ref().is_none_or(|before| record.sequence > *before));
        let mut last = None;
        for record in fresh {
            match &record.record {
                Some(CountedRecord::Entry(entry)) => self.figures.add(entry),
                Some(CountedRecord::Referrals(_, funnel)) => self.figures.add_referrals(*funnel),
                None => self.unreadable += 1,
            }
            last = last.max(Some(&record.sequence));
        }
        let Some(last) = last else { return false };
        if totals_only {
            self.figures = std::mem::take(&mut self.figures).position();
        }
        let oldest = now.saturating_sub(REMEMBERED).map_or(0, Timestamp::as_second);
        self.marks.retain(|_, Mark(_, at)| *at >= oldest);
        self.marks.insert(shard.to_owned(), Mark(last.clone(), now.as_second()));
        true
    }
}

impl Counted {
    fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        Ok(Self { version: reader.number(name::VERSION)?, sums: reader.body()? })
    }
}

impl Store {
    /// Counts the records of a shard that concern a program, each once however often it is called with them. A record that
    /// cannot be read counts as such, on no day.
    ///
    /// # Errors
    /// When DynamoDB fails: then a part of them may have been counted, and calling again counts the rest.
    pub async fn count_figures(
        &self,
        program: &ProgramId,
        zone: &jiff::tz::TimeZone,
        shard: &str,
        records: &[SequencedRecord],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let shard: String = hashes::sha256_hex(shard.as_bytes()).chars().take(SHARD_DIGITS).collect();
        let mut days: BTreeMap<Day, Vec<&SequencedRecord>> = BTreeMap::new();
        for record in records {
            if let Some(counted) = &record.record {
                days.entry(counted.day(zone)).or_default().push(record);
            }
        }
        let all = records.iter().collect();
        let days = days.into_iter().map(|(day, records)| (keys::figures_of(program, day), records, false));
        for (key, records, totals_only) in days.chain([(keys::position(program), all, true)]) {
            self.count_into(&key, &shard, &records, now, totals_only).await?;
        }
        Ok(())
    }

    async fn count_into(
        &self,
        key: &Key,
        shard: &str,
        records: &[&SequencedRecord],
        now: Timestamp,
        totals_only: bool,
    ) -> Result<(), StoreError> {
        for attempt in 0..retry::TRIES {
            if attempt > 0 {
                retry::pause(attempt).await;
            }
            let stored = self.get(READ, &self.tables.programs, key, true).await?;
            let mut counted = stored.as_ref().map(Counted::read).transpose()?.unwrap_or_default();
            if !counted.sums.count(shard, records, now, totals_only) || self.replace_figures(key, &counted).await? {
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: WRITE, tries: retry::TRIES })
    }

    /// Puts an item of figures in the place of the version that was read; false when another writer was faster.
    async fn replace_figures(&self, key: &Key, counted: &Counted) -> Result<bool, StoreError> {
        let version = counted.version + 1;
        let body = packed(WRITE, &counted.sums)?;
        let new = item(key, [(name::VERSION, number(version)), (name::BODY, bytes(body))]);
        let write = Write::put(&self.tables.programs, new);
        let write = match counted.version {
            0 => write.when(ABSENT),
            before => write.when("v = :before").value(":before", number(before)),
        };
        Ok(self.write(WRITE, &write).await? == Written::Done)
    }

    /// The figures of a program from a day on. A year fits into one page of a Query.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn figures(&self, program: &ProgramId, from: Day) -> Result<StoredFigures, StoreError> {
        let partition = keys::figures_partition(program);
        // The item of all days sorts behind every day.
        let before = keys::figures_of(program, from.before()).sk;
        let range = Range { consistent: false, after: Some(&before), ..Range::all(partition, "") };
        let mut figures = StoredFigures::default();
        for item in self.range(READ, &self.tables.programs, range).await? {
            let counted = Counted::read(&item)?.sums;
            if let Some(day) = keys::parse_figures_day(Reader::new(READ, &item).text(name::SK)?) {
                figures.history.days.insert(day, counted.figures);
            } else {
                (figures.history.position, figures.unreadable) = (counted.figures, counted.unreadable);
            }
        }
        Ok(figures)
    }

    /// Puts figures that were added up from the ledger in the place of the stored ones, for the days before `until`; the
    /// stream may still repeat records of later days. Returns how many items it changed.
    ///
    /// # Errors
    /// When DynamoDB fails, or the stream is counted into the same items meanwhile.
    pub async fn rebuild_figures(
        &self,
        program: &ProgramId,
        rebuilt: &BTreeMap<Day, Figures>,
        until: Day,
    ) -> Result<u32, StoreError> {
        let mut stored: BTreeMap<Option<Day>, Counted> = BTreeMap::new();
        let range = Range::all(keys::figures_partition(program), "");
        for item in self.range(READ, &self.tables.programs, range).await? {
            let day = keys::parse_figures_day(Reader::new(READ, &item).text(name::SK)?);
            stored.insert(day, Counted::read(&item)?);
        }
        if is_being_counted(&stored) {
            return Err(StoreError::Contended { operation: WRITE, tries: 1 });
        }
        let mut position = Figures::default();
        let mut changed = 0;
        let mut days: Vec<Day> = rebuilt.keys().copied().filter(|day| *day < until).collect();
        days.extend(stored.keys().flatten());
        days.sort_unstable();
        days.dedup();
        for day in days {
            let mut counted = stored.remove(&Some(day)).unwrap_or_default();
            let mut figures = rebuilt.get(&day).cloned().unwrap_or_default();
            // No entry has them.
            figures.events.referrals = counted.sums.figures.events.referrals;
            if day < until && counted.sums.figures != figures {
                counted.sums.figures = figures;
                self.put_rebuilt(&keys::figures_of(program, day), &counted).await?;
                changed += 1;
            }
            position.merge(&counted.sums.figures.position());
        }
        let mut counted = stored.remove(&None).unwrap_or_default();
        if counted.sums.figures != position || counted.sums.unreadable > 0 {
            counted.sums.figures = position;
            counted.sums.unreadable = 0;
            self.put_rebuilt(&keys::position(program), &counted).await?;
            changed += 1;
        }
        Ok(changed)
    }

    async fn put_rebuilt(&self, key: &Key, counted: &Counted) -> Result<(), StoreError> {
        if self.replace_figures(key, counted).await? {
            return Ok(());
        }
        Err(StoreError::Contended { operation: WRITE, tries: 1 })
    }
}

/// True when a batch was counted on its days and not yet in the sums of all days, which are written last.
fn is_being_counted(stored: &BTreeMap<Option<Day>, Counted>) -> bool {
    let marks = stored.get(&None).map(|position| &position.sums.marks);
    let latest = marks.into_iter().flatten().map(|(_, Mark(_, at))| *at).max();
    let is_behind = |(shard, Mark(sequence, at)): (&String, &Mark)| match marks.and_then(|marks| marks.get(shard)) {
        Some(Mark(counted, _)) => counted < sequence,
        // The sums of all days forget a shard that has ended.
        None => latest.is_none_or(|latest| *at >= latest),
    };
    stored.iter().filter(|(day, _)| day.is_some()).flat_map(|(_, counted)| &counted.sums.marks).any(is_behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(number: &str) -> SequencedRecord {
        SequencedRecord { sequence: Sequence::new(number), record: None }
    }

    #[test]
    fn sequence_numbers_compare_as_numbers() {
        assert!(Sequence::new("9") < Sequence::new("10"));
        assert!(Sequence::new("100000000000000000000") > Sequence::new("99999999999999999999"));
    }

    #[test]
    fn a_repeated_or_reordered_record_counts_once() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let (one, two, three) = (unread("1"), unread("2"), unread("10"));
        let mut sums = Sums::default();
        assert!(sums.count("s", &[&two, &one], now, true));
        assert!(!sums.count("s", &[&one, &two], now, true));
        assert!(sums.count("s", &[&one, &two, &three], now, true));
        assert_eq!(sums.unreadable, 3);
        // Another shard has numbers of its own.
        assert!(sums.count("t", &[&one], now, true));
        assert_eq!((sums.unreadable, sums.marks.len()), (4, 2));
        // A mark is forgotten when the stream can no longer repeat its records.
        let later = now.saturating_add(REMEMBERED + REMEMBERED).unwrap();
        assert!(sums.count("t", &[&two], later, true));
        assert_eq!(sums.marks.len(), 1);
    }
}
