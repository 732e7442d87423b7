//! Referral codes: one for each member, unique within the program.

use jiff::Timestamp;
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::{CouponCode, MemberId, ProgramId};
use tessera_domain::member::TooMany;

use crate::items::{Reader, item, moment, name, number, text};
use crate::writes::{ABSENT, Obstacle, Transacted, Write};
use crate::{ProfileNews, Store, StoreError, keys, random, retry};

const READ: &str = "reading a referral code";
const ASSIGN: &str = "assigning a referral code";

/// A referral code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferralCode {
    /// How it is written.
    pub code: String,
    /// The member to whom it was issued; an alias may lead on from there.
    pub member: MemberId,
    /// When it was issued.
    pub issued_at: Timestamp,
}

/// What became of a code that a member had elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportedCode {
    /// It leads to the member.
    Done,
    /// It leads to somebody else.
    Taken,
    /// The member has too many codes.
    TooMany(TooMany),
}

impl Store {
    /// A referral code. One read unit, or half a unit when it need not be consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn referral_code(
        &self,
        program: &ProgramId,
        code: &FoldedCode,
        consistent: bool,
    ) -> Result<Option<ReferralCode>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::referral_code(program, code), consistent).await?;
        let Some(found) = found else { return Ok(None) };
        let reader = Reader::new(READ, &found);
        Ok(Some(ReferralCode {
            code: reader.text(name::REFERRAL_CODE)?.to_owned(),
            member: reader.parsed(name::MEMBER)?,
            issued_at: reader.moment(name::SINCE)?,
        }))
    }

    /// Gives a member a code that it had elsewhere. The codes that it has already lead to it as well.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn import_referral_code(
        &self,
        program: &ProgramId,
        member: &MemberId,
        code: &CouponCode,
        now: Timestamp,
    ) -> Result<ImportedCode, StoreError> {
        let folded = FoldedCode::from(code);
        for attempt in 1..=retry::TRIES {
            let Some((before, version)) = self.stored_profile(program, member, true).await? else {
                return Ok(ImportedCode::Taken);
            };
            let (mut profile, mut holder) = (before.clone(), member.clone());
            if let Some(found) = self.referral_code(program, &folded, true).await? {
                let is_own = self.is_one_member(program, &found.member, member).await?;
                if !is_own || profile.referral_code.as_deref() == Some(code.as_str()) {
                    return Ok(if is_own { ImportedCode::Done } else { ImportedCode::Taken });
                }
                holder = found.member;
            }
            if let Err(error) = profile.change_code(code.as_str()) {
                return Ok(ImportedCode::TooMany(error));
            }
            let lead = [
                (name::MEMBER, text(member.as_str())),
                (name::REFERRAL_CODE, text(code.as_str())),
                (name::SINCE, moment(now)),
            ];
            let guard = Write::put(&self.tables.members, item(&keys::referral_code(program, &folded), lead));
            let guard = guard.when("attribute_not_exists(pk) OR m = :own").value(":own", text(holder.as_str()));
            let both = (Some(&before), &profile);
            let profile = self.profile_write(program, member, both, version + 1, ProfileNews::None)?;
            let profile = profile.when("v = :before").value(":before", number(version));
            if self.transact(ASSIGN, vec![guard, profile]).await? == Transacted::Done {
                return Ok(ImportedCode::Done);
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: ASSIGN, tries: retry::TRIES })
    }

    /// The member's referral code; if there is none yet, one is generated from a pattern. `None` when there is no such
    /// member.
    ///
    /// The profile and the guard of the code are written together, each on its condition, so that a member never has two codes
    /// and no two members have one.
    ///
    /// # Errors
    /// When DynamoDB fails, or no code is free.
    pub async fn assign_referral_code(
        &self,
        program: &ProgramId,
        member: &MemberId,
        pattern: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        for attempt in 1..=retry::TRIES {
            let Some((profile, version)) = self.stored_profile(program, member, true).await? else { return Ok(None) };
            if profile.referral_code.is_some() {
                return Ok(profile.referral_code);
            }
            let drawn = random::seed()?.code(pattern, 0);
            let code = drawn.ok_or(StoreError::Item { operation: ASSIGN, attribute: name::REFERRAL_CODE })?;
            let lead = [
                (name::MEMBER, text(member.as_str())),
                (name::REFERRAL_CODE, text(code.as_str())),
                (name::SINCE, moment(now)),
            ];
            let guard =
                Write::put(&self.tables.members, item(&keys::referral_code(program, &FoldedCode::from(&code)), lead));
            let after = tessera_domain::member::Profile { referral_code: Some(code.to_string()), ..profile.clone() };
            let both = (Some(&profile), &after);
            let profile = self.profile_write(program, member, both, version + 1, ProfileNews::Changes)?;
            let profile = profile.when("v = :before").value(":before", number(version));
            match self.transact(ASSIGN, vec![guard.when(ABSENT), profile]).await? {
                Transacted::Done => return Ok(after.referral_code),
                Transacted::Cancelled(obstacles) if obstacles.contains(&Obstacle::Passing) => {
                    retry::pause(attempt).await;
                }
                Transacted::Cancelled(_) => {}
            }
        }
        Err(StoreError::Contended { operation: ASSIGN, tries: retry::TRIES })
    }
}
