//! Clicks on referral links. A click costs at most one read unit and two write units, a repeated one one read unit.

use jiff::{SignedDuration, Timestamp};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{MemberId, ProgramId};

use super::ReferralCode;
use crate::items::{Reader, moment, name, number, text};
use crate::keys::Key;
use crate::writes::{Write, Written};
use crate::{Store, StoreError, keys};

const READ: &str = "reading a click";
const COUNT: &str = "counting a click";
const SHARE: &str = "noting a share";
/// A click of the same visitor within this time is a repetition.
const REPEAT: SignedDuration = SignedDuration::from_mins(30);
/// For how long a click is kept, in seconds: beyond the most attribution days.
const KEPT_SECONDS: i64 = 410 * 24 * 3600;

/// A click on a referral link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralClick {
    /// The code of the link, folded.
    pub code: String,
    /// The first click of this visitor.
    pub at: Timestamp,
    /// The hash of the network that it came from.
    pub network: String,
}

/// A share of a referral link.
#[derive(Debug, Clone, Copy)]
pub struct ReferralShare<'a> {
    /// Who shared it.
    pub advocate: &'a MemberId,
    /// The code.
    pub code: &'a str,
    /// Where.
    pub channel: &'a str,
    /// What the same share has, however often it is reported.
    pub natural: &'a str,
    /// When.
    pub at: Timestamp,
}

/// What came of an advocate's link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdvocateCounts {
    /// The clicks.
    pub clicks: u64,
    /// The friends who have qualified, whether or not the hold is over.
    pub qualified: u64,
}

impl Store {
    /// Looks up a code and a visitor's earlier click in one eventually consistent read of one unit. Returns the code, and
    /// whether the click would be a repetition.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn look_up_click(
        &self,
        program: &ProgramId,
        code: &FoldedCode,
        click: &str,
        now: Timestamp,
    ) -> Result<Option<(ReferralCode, bool)>, StoreError> {
        let places = [keys::referral_code(program, code), keys::click(program, click)];
        let items = self.get_many(READ, &self.tables.members, &places, false).await?;
        let (mut found, mut repeats) = (None, false);
        for item in &items {
            let reader = Reader::new(READ, item);
            if reader.text(name::PK)? == places[0].pk {
                found = Some(ReferralCode {
                    code: reader.text(name::REFERRAL_CODE)?.to_owned(),
                    member: reader.parsed(name::MEMBER)?,
                    issued_at: reader.moment(name::SINCE)?,
                });
            } else {
                let again = reader.moment(name::AGAIN)?;
                repeats = now.duration_since(again) < REPEAT;
            }
        }
        Ok(found.map(|code| (code, repeats)))
    }

    /// Counts a click on an advocate's link: two writes of one unit each. A click that another request counts at this moment is
    /// not counted twice.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn count_click(
        &self,
        program: &ProgramId,
        code: &FoldedCode,
        advocate: &MemberId,
        click: &str,
        network: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let note = Write::update(
            &self.tables.members,
            &keys::click(program, click),
            "SET c = :code, m = :advocate, nw = :network, t = if_not_exists(t, :now), a = :now, #ttl = :ttl",
        );
        let note = note
            .when("attribute_not_exists(a) OR a <= :before")
            .value(":code", text(code.as_str()))
            .value(":advocate", text(advocate.as_str()))
            .value(":network", text(network))
            .value(":now", moment(now))
            .value(":before", moment(now.saturating_sub(REPEAT).unwrap_or(now)))
            .expires(now.as_second() + KEPT_SECONDS);
        if self.write(COUNT, &note).await? != Written::Done {
            return Ok(false);
        }
        let counter = Write::update(&self.tables.members, &keys::clicks(program, advocate), "ADD n :one");
        self.write(COUNT, &counter.value(":one", number(1))).await?;
        Ok(true)
    }

    /// A click that was handed over; `None` when there is none, or it was on another link.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn click_on(
        &self,
        program: &ProgramId,
        code: &FoldedCode,
        click: &str,
    ) -> Result<Option<ReferralClick>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::click(program, click), true).await?;
        let Some(found) = found else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        let click = ReferralClick {
            code: reader.text(name::REFERRAL_CODE)?.to_owned(),
            at: reader.moment(name::SINCE)?,
            network: reader.text(name::NETWORK)?.to_owned(),
        };
        Ok(Some(click).filter(|click| click.code == code.as_str()))
    }

    /// Notes that an advocate shared the link: one write of one unit. The same share again, by its natural key, is not noted
    /// twice.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn note_share(&self, program: &ProgramId, share: &ReferralShare<'_>) -> Result<(), StoreError> {
        let key = keys::share(program, share.advocate);
        let note = Write::update(
            &self.tables.members,
            &key,
            "SET c = :code, m = :advocate, ch = :channel, a = :now, k = :natural ADD n :one",
        );
        let note = note
            .when("attribute_not_exists(k) OR k <> :natural")
            .value(":code", text(share.code))
            .value(":advocate", text(share.advocate.as_str()))
            .value(":channel", text(share.channel))
            .value(":now", moment(share.at))
            .value(":natural", text(share.natural))
            .value(":one", number(1));
        self.write(SHARE, &note).await.map(drop)
    }

    /// The counts of an advocate, eventually consistent: half a read unit each. `owners`: as [`Store::owners`] says.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn advocate_counts(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
    ) -> Result<AdvocateCounts, StoreError> {
        let clicks: Vec<Key> = owners.iter().map(|owner| keys::clicks(program, owner)).collect();
        let qualified: Vec<Key> = owners.iter().map(|owner| keys::qualified(program, owner)).collect();
        let all: Vec<Key> = clicks.iter().chain(&qualified).cloned().collect();
        let mut counts = AdvocateCounts::default();
        for item in self.get_many(READ, &self.tables.members, &all, false).await? {
            let reader = Reader::new(READ, &item);
            let is_clicks = clicks.first().is_some_and(|key| reader.text(name::SK).is_ok_and(|sk| sk == key.sk));
            let counter = if is_clicks { &mut counts.clicks } else { &mut counts.qualified };
            *counter += reader.number::<u64>(name::NUMBER)?;
        }
        Ok(counts)
    }
}
