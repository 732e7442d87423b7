//! Attributes: their names, and how values become items and items values.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tessera_domain::pack::{pack, unpack};

use crate::StoreError;
use crate::keys::Key;

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The names of attributes. They are short because they count in an item's size; the expressions that use them name them
/// literally, so none is a reserved word.
pub(crate) mod name {
    pub const PK: &str = "pk";
    pub const SK: &str = "sk";
    /// The packed body.
    pub const BODY: &str = "b";
    /// A version, raised with every write.
    pub const VERSION: &str = "v";
    /// The inner id of a member.
    pub const MEMBER: &str = "m";
    /// A sort key that a guard leads to.
    pub const LEADS_TO: &str = "k";
    /// When a fact was accepted, a version came into force, a call began; milliseconds.
    pub const SINCE: &str = "t";
    /// On a refund or a marker: it waits.
    pub const WAITS: &str = "w";
    /// On a receipt: it was anonymous, and claimed later.
    pub const CLAIMED: &str = "o";
    /// On an anonymous receipt: it names coupons.
    pub const NAMES_COUPONS: &str = "uc";
    /// On a receipt: the refunds that came before.
    pub const EARLY: &str = "f";
    /// On a receipt that was moved: its last move.
    pub const MOVED: &str = "mv";
    /// On a receipt that was moved: how often.
    pub const MOVES: &str = "mn";
    /// On an interaction that is decided anew: the version of the program that decides it.
    pub const DECIDED_BY: &str = "rv";
    /// On a stock: how many were issued.
    pub const ISSUED: &str = "issued";
    /// On a counter of a stock or a budget: the total that it is balanced for.
    pub const BALANCED_FOR: &str = "st";
    /// On a guard of a code that is still free: the pool that has it.
    pub const POOL: &str = "q";
    /// On a guard of a code that a shop created: its place in the shop.
    pub const SHOP_CODE: &str = "vc";
    /// On such a guard: when the shop had deleted the code; milliseconds.
    pub const SHOP_DELETED: &str = "vx";
    /// On a place in a pool: the code.
    pub const CODE: &str = "cc";
    /// On a place in a pool: the shop that created the code.
    pub const OF_SHOP: &str = "sp";
    /// On a coupon that was issued with a code that a shop created: the stream's filter looks for it.
    pub const SHOP_ISSUED: &str = "si";
    /// On a counter of a budget: the points that were drawn.
    pub const DRAWN: &str = "drawn";
    /// On a guard of an identifier: it is verified.
    pub const VERIFIED: &str = "vf";
    /// On a guard of an identifier: its member has an id.
    pub const HAS_ID: &str = "hi";
    /// On an account or a reservation: where it stands in the index of what comes due.
    pub const DUE_IN: &str = "dp";
    /// On an account: the day on which something may fall due, and its kind. On a reservation: when it lapses.
    pub const DUE_ON: &str = "dd";
    /// On a reservation of a reward with a stock: the counter that its unit was taken from. On a job's marker: the shard.
    pub const SHARD: &str = "h";
    /// On a profile: where it stands in the index of birthdays.
    pub const BORN: &str = "bp";
    /// On a profile: the last write changed what targets show; the name by which they knew the member before.
    pub const SHOWN: &str = "sw";
    /// On what a restore brought and targets would be told of: they are not. On a click or a share it holds the moment of that one,
    /// because later ones change the same item.
    pub const RESTORED: &str = "rx";
    /// On a listing: its partitions in the indexes of all members, of its status, and of its tier.
    pub const LISTED: &str = "lp";
    pub const LISTED_STATUS: &str = "ls";
    pub const LISTED_TIER: &str = "lt";
    /// On a listing: the week of the last activity, and the member.
    pub const LISTED_AT: &str = "lk";
    /// On a job's marker: the local day that is being served or was served last.
    pub const SERVED: &str = "served";
    /// On a job's marker: where its shard goes on.
    pub const CURSOR: &str = "cu";
    /// On a referral code: how it is written. On a click: the code of the link, folded.
    pub const REFERRAL_CODE: &str = "c";
    /// On a click: the hash of the network that it came from.
    pub const NETWORK: &str = "nw";
    /// On a click: when the same visitor clicked last; milliseconds.
    pub const AGAIN: &str = "a";
    /// On a counter: its number.
    pub const NUMBER: &str = "n";
    /// On a share of a referral link: where it was shared.
    pub const CHANNEL: &str = "ch";
    /// On a sign: the members who share it.
    pub const MEMBERS: &str = "ms";
    /// On a delivery of a shop that waits for its time: what it is about.
    pub const KIND: &str = "kd";
    /// When DynamoDB may delete the item; seconds.
    pub const TTL: &str = "ttl";
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

#[allow(clippy::needless_pass_by_value, reason = "numbers are copied")]
pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value.into()))
}

pub(crate) fn moment(at: Timestamp) -> AttributeValue {
    number(at.as_millisecond())
}

/// A key as an item's key attributes.
pub(crate) fn key(key: &Key) -> Item {
    HashMap::from([(name::PK.to_owned(), text(&*key.pk)), (name::SK.to_owned(), text(&*key.sk))])
}

/// An item of a key and attributes.
pub(crate) fn item<const N: usize>(of: &Key, attributes: [(&str, AttributeValue); N]) -> Item {
    let mut item = key(of);
    item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    item
}

/// Packs a value.
pub(crate) fn packed<T: Serialize>(operation: &'static str, value: &T) -> Result<Vec<u8>, StoreError> {
    pack(value).map_err(StoreError::packed(operation))
}

/// Reads attributes of an item, naming the operation in errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    operation: &'static str,
    item: &'a Item,
}

impl<'a> Reader<'a> {
    pub const fn new(operation: &'static str, item: &'a Item) -> Self {
        Self { operation, item }
    }

    fn fault(self, attribute: &'static str) -> StoreError {
        StoreError::Item { operation: self.operation, attribute }
    }

    /// True when it has the attribute.
    pub fn has(self, attribute: &str) -> bool {
        self.item.contains_key(attribute)
    }

    /// True when the attribute is true.
    pub fn is_true(self, attribute: &str) -> bool {
        matches!(self.item.get(attribute), Some(AttributeValue::Bool(true)))
    }

    pub fn text(self, attribute: &'static str) -> Result<&'a str, StoreError> {
        let value = self.item.get(attribute).and_then(|value| value.as_s().ok());
        value.map(String::as_str).ok_or_else(|| self.fault(attribute))
    }

    /// A text of a type of its own; an item without it is not one.
    pub fn parsed<T: std::str::FromStr>(self, attribute: &'static str) -> Result<T, StoreError> {
        self.text(attribute)?.parse().map_err(|_| self.fault(attribute))
    }

    pub fn number<T: std::str::FromStr>(self, attribute: &'static str) -> Result<T, StoreError> {
        let value = self.item.get(attribute).and_then(|value| value.as_n().ok());
        value.and_then(|value| value.parse().ok()).ok_or_else(|| self.fault(attribute))
    }

    pub fn moment(self, attribute: &'static str) -> Result<Timestamp, StoreError> {
        Timestamp::from_millisecond(self.number(attribute)?).map_err(|_| self.fault(attribute))
    }

    pub fn bytes(self, attribute: &'static str) -> Result<&'a [u8], StoreError> {
        let value = self.item.get(attribute).and_then(|value| value.as_b().ok());
        value.map(AsRef::as_ref).ok_or_else(|| self.fault(attribute))
    }

    /// The value that the body holds.
    pub fn body<T: DeserializeOwned>(self) -> Result<T, StoreError> {
        unpack(self.bytes(name::BODY)?).map_err(StoreError::packed(self.operation))
    }

    /// A list or a set of texts; empty when there is none.
    pub fn texts(self, attribute: &'static str) -> Result<Vec<String>, StoreError> {
        match self.item.get(attribute) {
            None => Ok(Vec::new()),
            Some(AttributeValue::Ss(texts)) => Ok(texts.clone()),
            Some(AttributeValue::L(values)) => {
                let texts = values.iter().map(|value| value.as_s().cloned());
                texts.collect::<Result<_, _>>().map_err(|_| self.fault(attribute))
            }
            Some(_) => Err(self.fault(attribute)),
        }
    }
}
