//! Facts: what happens to a member and is decided exactly once.
//!
//! Everything that differs between kinds of fact starts here: [`FactKind`] has their properties, [`FactId`] names one fact,
//! [`Fact`] is its content. Storage, messages and entries are generic over them. A new kind is a row in [`FactKind`], a
//! variant in the two enums, a decision (`decide`), its source in `view/entry.rs` and its dispatch in `rule-evaluation`.

pub(crate) mod compact;
mod interaction;
mod receipt;
mod refund;
mod remaining;

pub(crate) use receipt::whole_items;

pub use interaction::{EMAIL_CLICKED, EMAIL_OPENED, Interaction, InteractionBody, InteractionInput, read_interaction};
pub use receipt::{Line, MAX_LINES, OneOrMany, Receipt, ReceiptBody, ReceiptInput, ReceiptLineBody, read_receipt};
pub use refund::{
    Refund, RefundAmount, RefundBody, RefundLine, RefundLineBody, read_early_refund, read_refund, read_refund_of,
};
pub use remaining::{RefundFault, Remaining};

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{InteractionId, ReceiptId, RefundId};
use crate::input::{self, Fault, Node};
use crate::member::MemberRef;
use crate::money::Currency;
use crate::pack::{PackError, pack, unpack};
use crate::time::Day;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident),+ $(,)?) => {
        /// A kind of fact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FactKind {
            $($(#[$doc])* $kind),+
        }

        impl FactKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];
        }
    };
}

kinds! {
    /// A purchase.
    Receipt,
    /// A return of goods.
    Refund,
    /// Something a member did that is not a purchase.
    Interaction,
    /// A local day on which birthday rules fall due.
    Birthday,
    /// A local day on which something else falls due: a lapse, a tier review.
    Due,
}

/// What the end of a merge does with a fact that came since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtUnmerge {
    /// What it gave is taken back, and it is decided anew.
    Anew,
    /// As `Anew` for the source; for the target it is decided anew in memory.
    AnewInMemory,
    /// What it gave is taken back: it follows from time and from other facts, and will again.
    Follows,
    /// It stays with the target.
    Stays,
}

/// What a fact may do to the referrals of its member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferralConcern {
    /// It may qualify a friend.
    Qualifies,
    /// It may take back what a friend has qualified for.
    TakesBack,
    /// Nothing.
    Nothing,
}

/// What distinguishes one kind from the others.
struct Properties {
    letter: char,
    name: &'static str,
    at_unmerge: AtUnmerge,
    referrals: ReferralConcern,
    parent: Option<FactKind>,
    is_stored: bool,
    is_replayed: bool,
    examined_as: Option<&'static str>,
}

impl Properties {
    /// Those of a kind that a sender reports.
    const fn stored(letter: char, name: &'static str, at_unmerge: AtUnmerge, referrals: ReferralConcern) -> Self {
        Self {
            letter,
            name,
            at_unmerge,
            referrals,
            parent: None,
            is_stored: true,
            is_replayed: false,
            examined_as: None,
        }
    }

    /// Those of a kind that follows from the calendar.
    const fn calendar(letter: char, name: &'static str, at_unmerge: AtUnmerge) -> Self {
        Self { is_stored: false, ..Self::stored(letter, name, at_unmerge, ReferralConcern::Nothing) }
    }
}

impl FactKind {
    const fn properties(self) -> Properties {
        use ReferralConcern::{Qualifies, TakesBack};
        match self {
            Self::Receipt => Properties {
                is_replayed: true,
                examined_as: Some("receipt"),
                ..Properties::stored('R', "receipt", AtUnmerge::Anew, Qualifies)
            },
            Self::Refund => Properties {
                parent: Some(Self::Receipt),
                is_replayed: true,
                ..Properties::stored('F', "refund", AtUnmerge::Anew, TakesBack)
            },
            Self::Interaction => Properties {
                examined_as: Some("interaction"),
                ..Properties::stored('I', "interaction", AtUnmerge::AnewInMemory, Qualifies)
            },
            Self::Birthday => {
                Properties { examined_as: Some("birthday"), ..Properties::calendar('B', "birthday", AtUnmerge::Stays) }
            }
            Self::Due => {
                Properties { examined_as: Some("inactivity"), ..Properties::calendar('D', "due", AtUnmerge::Follows) }
            }
        }
    }

    /// The letter of the kind in the keys of facts and entries.
    pub const fn letter(self) -> char {
        self.properties().letter
    }

    /// The name of the kind in messages, keys and reports.
    pub const fn name(self) -> &'static str {
        self.properties().name
    }

    /// The kind of fact that one of this kind belongs to and is stored with.
    pub const fn parent(self) -> Option<Self> {
        self.properties().parent
    }

    /// True for facts that a sender reports; the others follow from the calendar.
    pub const fn is_stored(self) -> bool {
        self.properties().is_stored
    }

    /// True for facts that a backtest replays.
    pub const fn is_replayed(self) -> bool {
        self.properties().is_replayed
    }

    /// What the end of a merge does with a fact of this kind that came since.
    pub(crate) const fn at_unmerge(self) -> AtUnmerge {
        self.properties().at_unmerge
    }

    /// What a fact of this kind may do to the referrals of its member.
    pub const fn referrals(self) -> ReferralConcern {
        self.properties().referrals
    }

    /// The name under which `POST /v1/rules/examine` takes a fact of this kind, if it does.
    pub const fn examined_as(self) -> Option<&'static str> {
        self.properties().examined_as
    }

    /// The kind with this letter.
    pub fn from_letter(letter: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| letter.chars().eq([kind.letter()]))
    }
}

/// Names one fact of a member: its kind and its natural key.
///
/// The serialized form is that of messages: `type` is the name of the kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FactId {
    /// A purchase.
    Receipt {
        /// Assigned by the shop; unique within the program.
        receipt: ReceiptId,
    },
    /// A return of goods.
    Refund {
        /// The purchase.
        receipt: ReceiptId,
        /// Assigned by the shop; unique within the receipt.
        refund: RefundId,
    },
    /// Something a member did that is not a purchase.
    Interaction {
        /// Assigned by the shop; unique within the program.
        interaction: InteractionId,
    },
    /// A local day on which birthday rules fall due for the member.
    Birthday {
        /// The day.
        day: Day,
    },
    /// A local day on which something else falls due for the member: a lapse, a tier review.
    Due {
        /// The day.
        day: Day,
    },
}

impl FactId {
    /// The kind of the fact.
    pub const fn kind(&self) -> FactKind {
        match self {
            Self::Receipt { .. } => FactKind::Receipt,
            Self::Refund { .. } => FactKind::Refund,
            Self::Interaction { .. } => FactKind::Interaction,
            Self::Birthday { .. } => FactKind::Birthday,
            Self::Due { .. } => FactKind::Due,
        }
    }

    /// The natural key. A fact with a parent begins with its parent's key.
    pub fn natural_key(&self) -> Vec<String> {
        match self {
            Self::Receipt { receipt } => vec![receipt.to_string()],
            Self::Refund { receipt, refund } => vec![receipt.to_string(), refund.to_string()],
            Self::Interaction { interaction } => vec![interaction.to_string()],
            Self::Birthday { day } | Self::Due { day } => vec![day.to_string()],
        }
    }

    /// The fact with a natural key; `None` if the key is not one of this kind.
    pub fn from_natural_key(kind: FactKind, key: &[String]) -> Option<Self> {
        let day = |text: &String| text.parse().ok().map(Day::from_date);
        match (kind, key) {
            (FactKind::Receipt, [receipt]) => Some(Self::Receipt { receipt: receipt.parse().ok()? }),
            (FactKind::Refund, [receipt, refund]) => {
                Some(Self::Refund { receipt: receipt.parse().ok()?, refund: refund.parse().ok()? })
            }
            (FactKind::Interaction, [interaction]) => {
                Some(Self::Interaction { interaction: interaction.parse().ok()? })
            }
            (FactKind::Birthday, [text]) => Some(Self::Birthday { day: day(text)? }),
            (FactKind::Due, [text]) => Some(Self::Due { day: day(text)? }),
            (FactKind::Receipt | FactKind::Refund | FactKind::Interaction | FactKind::Birthday | FactKind::Due, _) => {
                None
            }
        }
    }

    /// The local day that the fact consists of, if it does.
    pub const fn day(&self) -> Option<Day> {
        match self {
            Self::Birthday { day } | Self::Due { day } => Some(*day),
            Self::Receipt { .. } | Self::Refund { .. } | Self::Interaction { .. } => None,
        }
    }

    /// The receipt that it is, or belongs to.
    pub const fn receipt(&self) -> Option<&ReceiptId> {
        match self {
            Self::Receipt { receipt } | Self::Refund { receipt, .. } => Some(receipt),
            Self::Interaction { .. } | Self::Birthday { .. } | Self::Due { .. } => None,
        }
    }

    /// The fact that this one belongs to and is stored with.
    pub fn parent(&self) -> Option<Self> {
        let mut key = self.natural_key();
        key.pop();
        Self::from_natural_key(self.kind().parent()?, &key)
    }
}

impl fmt::Display for FactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind().name();
        match self {
            Self::Receipt { receipt } => write!(f, "{name} {receipt}"),
            Self::Refund { receipt, refund } => write!(f, "{name} {refund} of receipt {receipt}"),
            Self::Interaction { interaction } => write!(f, "{name} {interaction}"),
            Self::Birthday { day } | Self::Due { day } => write!(f, "{name} {day}"),
        }
    }
}

/// A fact with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A purchase.
    Receipt(Receipt),
    /// A return of goods.
    Refund {
        /// The purchase.
        receipt: ReceiptId,
        /// What was returned.
        refund: Refund,
    },
    /// Something a member did that is not a purchase.
    Interaction(Interaction),
    /// A local day on which birthday rules fall due.
    Birthday(Day),
    /// A local day on which something else falls due.
    Due(Day),
}

/// Why stored or sent bytes are not the fact that they should be.
#[derive(Debug, thiserror::Error)]
pub enum FactError {
    /// The bytes are not the content of such a fact.
    #[error("the content of a fact cannot be read")]
    Packed(#[from] PackError),
    /// The content belongs to another fact.
    #[error("{named} has the content of {found}")]
    OtherFact {
        /// The fact that was expected.
        named: FactId,
        /// The fact that the content names.
        found: FactId,
    },
    /// Facts of this kind consist of their natural key alone.
    #[error("a {} has no content", .0.name())]
    NoContent(FactKind),
}

impl Fact {
    /// Names the fact.
    pub fn id(&self) -> FactId {
        match self {
            Self::Receipt(receipt) => FactId::Receipt { receipt: receipt.id.clone() },
            Self::Refund { receipt, refund } => FactId::Refund { receipt: receipt.clone(), refund: refund.id.clone() },
            Self::Interaction(interaction) => FactId::Interaction { interaction: interaction.id.clone() },
            Self::Birthday(day) => FactId::Birthday { day: *day },
            Self::Due(day) => FactId::Due { day: *day },
        }
    }

    /// When the fact happened. A day begins at local midnight.
    pub fn occurred_at(&self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Receipt(receipt) => receipt.occurred_at,
            Self::Refund { refund, .. } => refund.occurred_at,
            Self::Interaction(interaction) => interaction.occurred_at,
            Self::Birthday(day) | Self::Due(day) => day.start(zone),
        }
    }

    /// The key of what counts only once for a member ([`Interaction::once`]).
    pub fn once(&self) -> Option<String> {
        match self {
            Self::Interaction(interaction) => interaction.once(),
            Self::Receipt(_) | Self::Refund { .. } | Self::Birthday(_) | Self::Due(_) => None,
        }
    }

    /// Packs the content.
    ///
    /// # Errors
    /// [`FactError::NoContent`] for a kind that is not stored.
    pub fn pack(&self) -> Result<Vec<u8>, FactError> {
        Ok(match self {
            Self::Receipt(receipt) => pack(receipt)?,
            Self::Refund { refund, .. } => pack(refund)?,
            Self::Interaction(interaction) => pack(interaction)?,
            Self::Birthday(_) | Self::Due(_) => return Err(FactError::NoContent(self.id().kind())),
        })
    }

    /// Unpacks the content of a named fact.
    ///
    /// # Errors
    /// When the bytes are not this fact's content.
    pub fn unpack(named: &FactId, bytes: &[u8]) -> Result<Self, FactError> {
        let fact = match named {
            FactId::Receipt { .. } => Self::Receipt(unpack(bytes)?),
            FactId::Refund { receipt, .. } => Self::Refund { receipt: receipt.clone(), refund: unpack(bytes)? },
            FactId::Interaction { .. } => Self::Interaction(unpack(bytes)?),
            FactId::Birthday { .. } | FactId::Due { .. } => return Err(FactError::NoContent(named.kind())),
        };
        let found = fact.id();
        if found == *named { Ok(fact) } else { Err(FactError::OtherFact { named: named.clone(), found }) }
    }
}

/// A fact as a request to examine it describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExaminedFact {
    /// The fact.
    pub fact: Fact,
    /// The member that it names, if any.
    pub member: Option<MemberRef>,
}

/// Reads a fact of a request to examine it. It may name no member; a day is `today` unless it is given.
///
/// # Errors
/// Every fault of the body, with its pointer. A kind without [`FactKind::examined_as`] is refused.
pub fn read_examined(kind: FactKind, body: &Value, currency: Currency, today: Day) -> Result<ExaminedFact, Vec<Fault>> {
    let nobody = |fact| ExaminedFact { fact, member: None };
    match kind {
        FactKind::Receipt => read_receipt(body, currency)
            .map(|read| ExaminedFact { fact: Fact::Receipt(read.receipt), member: read.member }),
        FactKind::Refund => input::read(body, |node| node.refuse("cannot be examined without its receipt")),
        FactKind::Interaction => {
            let names_nobody = body.get("member").is_none_or(Value::is_null);
            let mut body = body.clone();
            if let Some(object) = body.as_object_mut().filter(|_| names_nobody) {
                object.insert("member".to_owned(), json!({ "id": "examined" }));
            }
            let read = read_interaction(&body)?;
            let member = Some(read.member).filter(|_| !names_nobody);
            Ok(ExaminedFact { fact: Fact::Interaction(read.interaction), member })
        }
        FactKind::Birthday => {
            let day = input::read(body, |node| {
                let object = node.object()?;
                object.read_only(&["id", "occurred_at", "member"]);
                let on = object.or("on", today.date(), Node::date);
                object.finish();
                on
            })?;
            Ok(nobody(Fact::Birthday(Day::from_date(day))))
        }
        FactKind::Due => Ok(nobody(Fact::Due(today))),
    }
}

#[cfg(test)]
mod tests;
