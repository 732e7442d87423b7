//! Items of the members table as its stream shows them, and the ids of events that derive from them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use tessera_domain::coupon::Coupon;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;
use tessera_domain::notice::Notice;
use tessera_domain::referral::FriendReferrals;

use crate::items::{Reader, name};
use crate::kinds::{MemberItem, MembersItem};
use crate::members::external_id;
use crate::{EntryKey, StoreError, keys, notice_id};

const READ: &str = "reading a record of the members";

/// A change of the members table that may be an event.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberImage {
    /// The tenant.
    pub program: ProgramId,
    /// What changed.
    pub change: MemberChange,
    /// True for what a restore brought: it happened elsewhere, and nobody is notified of it.
    pub is_restored: bool,
}

/// What changed of a member, or in the program's notices.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberChange {
    /// An entry was written.
    Entry {
        /// In whose ledger.
        member: MemberId,
        /// Its key.
        key: EntryKey,
        /// The entry.
        entry: Box<Entry>,
        /// Its packed bytes.
        packed: Vec<u8>,
    },
    /// The referrals of a friend were changed.
    Friend {
        /// The friend.
        member: MemberId,
        /// Identifies the change in its program.
        id: String,
        /// The referrals.
        known: Box<FriendReferrals>,
    },
    /// A member's referral link was clicked.
    Click {
        /// The advocate.
        member: MemberId,
        /// Identifies the visitor in the program.
        id: String,
        /// The code.
        code: String,
        /// When.
        at: Timestamp,
    },
    /// A member shared the referral link.
    Share {
        /// The advocate.
        member: MemberId,
        /// Identifies the share in its program.
        id: String,
        /// The code.
        code: String,
        /// Where.
        channel: String,
        /// When.
        at: Timestamp,
        /// How often the member has shared it.
        number: u64,
    },
    /// A coupon was changed.
    Coupon {
        /// Its owner.
        member: MemberId,
        /// Identifies the coupon in its program.
        id: String,
        /// The coupon.
        coupon: Box<Coupon>,
    },
    /// A profile changed in what targets show of the member.
    Profile {
        /// The member.
        member: MemberId,
        /// Identifies the change in its program.
        id: String,
        /// The name by which targets knew the member before, if it is another one now.
        former: Option<String>,
    },
    /// A notice was given.
    Notice {
        /// Its id.
        id: String,
        /// The notice.
        notice: Notice,
    },
}

impl MemberImage {
    /// Reads the new image of a record (`record.change.new_image`). `None`: an item that no event is made of.
    ///
    /// # Errors
    /// When the item is not of a kind that this version knows.
    pub fn read(image: impl Into<HashMap<String, AttributeValue>>) -> Result<Option<Self>, StoreError> {
        let image = image.into();
        let reader = Reader::new(READ, &image);
        let (pk, sk) = (reader.text(name::PK)?, reader.text(name::SK)?);
        let kind = MembersItem::parse(pk, sk)
            .ok_or_else(|| StoreError::UnknownKind { operation: READ, key: format!("{pk} {sk}") })?;
        let (program, member, kind) = match kind {
            MembersItem::Of(program, member, kind) => (program, member, kind),
            MembersItem::Click | MembersItem::Share => return Self::of_link(&kind, reader).map(Some),
            MembersItem::Notice => return Self::of_notice(reader).map(Some),
            MembersItem::IdentityGuard
            | MembersItem::ContactData
            | MembersItem::Name
            | MembersItem::CouponGuard
            | MembersItem::CouponUse
            | MembersItem::Stock
            | MembersItem::SoldOut
            | MembersItem::LowStock
            | MembersItem::PoolCount
            | MembersItem::PoolCode
            | MembersItem::Budget
            | MembersItem::ReferralGuard
            | MembersItem::FlaggedReferral
            | MembersItem::ReferralCode
            | MembersItem::Clicks
            | MembersItem::QualifiedFriends
            | MembersItem::ReferralSign
            | MembersItem::ReferralVelocity => return Ok(None),
        };
        let change = match kind {
            MemberItem::Entry => {
                let key = EntryKey::from_text(sk);
                let key = key.ok_or(StoreError::Item { operation: READ, attribute: name::SK })?;
                let packed = reader.bytes(name::BODY)?.to_vec();
                MemberChange::Entry { member, key, entry: Box::new(reader.body()?), packed }
            }
            MemberItem::Coupon => {
                let id = encode(&member, sk);
                MemberChange::Coupon { member, id, coupon: Box::new(reader.body()?) }
            }
            MemberItem::Friend => {
                let id = format!("{}:{}", encode(&member, sk), reader.number::<u64>(name::VERSION)?);
                MemberChange::Friend { member, id, known: Box::new(reader.body()?) }
            }
            MemberItem::Profile if reader.has(name::SHOWN) => {
                let profile: Profile = reader.body()?;
                let former = Some(reader.text(name::SHOWN)?).filter(|former| *former != external_id(&member, &profile));
                let former = former.map(str::to_owned);
                let id = format!("{}:{}", encode(&member, sk), reader.number::<u64>(name::VERSION)?);
                MemberChange::Profile { member, id, former }
            }
            MemberItem::Account
            | MemberItem::Profile
            | MemberItem::Alias
            | MemberItem::Listing
            | MemberItem::Notes
            | MemberItem::Mark
            | MemberItem::Kept
            | MemberItem::Advocated => return Ok(None),
        };
        Ok(Some(Self { program, change, is_restored: reader.has(name::RESTORED) }))
    }

    /// A click on an advocate's link, or a share of it.
    fn of_link(kind: &MembersItem, reader: Reader<'_>) -> Result<Self, StoreError> {
        let pk = reader.text(name::PK)?;
        let program = keys::parse_program(pk).ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
        let member: MemberId = reader.parsed(name::MEMBER)?;
        let code = reader.text(name::REFERRAL_CODE)?.to_owned();
        let at = reader.moment(name::AGAIN)?;
        let change = if *kind == MembersItem::Click {
            MemberChange::Click { member, id: URL_SAFE_NO_PAD.encode(pk), code, at }
        } else {
            let number = reader.number(name::NUMBER)?;
            let id = encode(&member, &format!("share:{number}"));
            MemberChange::Share { member, id, code, channel: reader.text(name::CHANNEL)?.to_owned(), at, number }
        };
        let is_restored = reader.has(name::RESTORED) && reader.moment(name::RESTORED)? == at;
        Ok(Self { program, change, is_restored })
    }

    fn of_notice(reader: Reader<'_>) -> Result<Self, StoreError> {
        let program = keys::parse_program(reader.text(name::PK)?);
        let program = program.ok_or(StoreError::Item { operation: READ, attribute: name::PK })?;
        let notice: Notice = reader.body()?;
        let change = MemberChange::Notice { id: notice_id(&notice), notice };
        Ok(Self { program, change, is_restored: false })
    }
}

/// The id of an entry in its program: it leads back to the entry, whoever asks.
pub fn entry_id(member: &MemberId, key: &EntryKey) -> String {
    encode(member, key.as_str())
}

/// The member and the key of an id that [`entry_id`] made.
pub fn parse_entry_id(id: &str) -> Option<(MemberId, EntryKey)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (member, key) = text.split_once('#')?;
    Some((MemberId::new(member).ok()?, EntryKey::from_text(key)?))
}

fn encode(member: &MemberId, sort: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{member}#{sort}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entrys_id_leads_back_to_it() {
        let member = MemberId::new("m_1").unwrap();
        let key = EntryKey::adjustment(jiff::Timestamp::UNIX_EPOCH, "x#1");
        assert_eq!(parse_entry_id(&entry_id(&member, &key)), Some((member, key)));
        for other in ["", "no base64!", &URL_SAFE_NO_PAD.encode("m_1"), &URL_SAFE_NO_PAD.encode("m_1#account")] {
            assert_eq!(parse_entry_id(other), None);
        }
    }
}
