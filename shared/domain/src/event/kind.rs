//! The types of events. Types are only added; those that exist keep their meaning.

use serde_json::{Value, json};

use super::schema::EventContent;
use crate::coupon::CouponStatus;
use crate::ids::ProgramId;
use crate::ledger::MovementType;

/// A type of event.
#[derive(Debug, Clone, Copy)]
pub struct EventType {
    /// Its name.
    pub name: &'static str,
    /// When it is sent.
    pub description: &'static str,
    content: EventContent,
}

const fn of(name: &'static str, content: EventContent, description: &'static str) -> EventType {
    EventType { name, description, content }
}

/// Every type of event.
pub const EVENT_TYPES: &[EventType] = &[
    of("tessera.entry.earn", EventContent::Entry, "Points were credited by a rule or for a referral."),
    of("tessera.entry.release", EventContent::Entry, "Pending points became spendable."),
    of("tessera.entry.redeem", EventContent::Entry, "Points were spent on a reward, or set aside for it."),
    of("tessera.entry.restore", EventContent::Entry, "Points of a reward came back."),
    of("tessera.entry.expire", EventContent::Entry, "Points expired."),
    of(
        "tessera.entry.reverse",
        EventContent::Entry,
        "Points were taken back because goods were returned or a receipt moved.",
    ),
    of("tessera.entry.debit", EventContent::Entry, "A rule took points."),
    of("tessera.entry.reset", EventContent::Entry, "A rule emptied a balance."),
    of("tessera.entry.write_off", EventContent::Entry, "A debt was forgiven."),
    of("tessera.entry.adjust", EventContent::Entry, "A person awarded or deducted points, or set a balance."),
    of("tessera.entry.import", EventContent::Entry, "An opening balance was imported."),
    of(
        "tessera.entry.merge",
        EventContent::Entry,
        "A balance came from, or went to, another account of the same person.",
    ),
    of("tessera.entry.unmerge", EventContent::Entry, "A merge was undone."),
    of("tessera.entry.erase", EventContent::Entry, "A balance was removed together with the personal data."),
    of("tessera.tier.changed", EventContent::Tier, "The tier rose or fell."),
    of("tessera.coupon.reserved", EventContent::Coupon, "Points were set aside for a coupon."),
    of("tessera.coupon.available", EventContent::Coupon, "A coupon came into the wallet."),
    of("tessera.coupon.applied", EventContent::Coupon, "A coupon was put on a cart."),
    of("tessera.coupon.used", EventContent::Coupon, "A coupon was used."),
    of("tessera.coupon.expired", EventContent::Coupon, "A coupon expired."),
    of("tessera.coupon.cancelled", EventContent::Coupon, "A coupon was cancelled."),
    of("tessera.coupon.lapsed", EventContent::Coupon, "A reservation was not committed in time."),
    of("tessera.referral.pending", EventContent::Referral, "A friend was referred."),
    of("tessera.referral.qualified", EventContent::Referral, "A friend met the referral's condition; the hold begins."),
    of(
        "tessera.referral.rewarded",
        EventContent::Referral,
        "The hold is over, and the rewards of a referral were given.",
    ),
    of("tessera.referral.flagged", EventContent::Referral, "A referral waits for review."),
    of("tessera.referral.rejected", EventContent::Referral, "A referral was rejected."),
    of("tessera.referral.reversed", EventContent::Referral, "A return undid a referral."),
    of("tessera.notice.points_expiring", EventContent::Notice, "Points are about to expire."),
    of("tessera.notice.coupon_expiring", EventContent::Notice, "A coupon is about to expire."),
    of("tessera.notice.low_stock", EventContent::ProgramNotice, "Few units or codes of a reward are left."),
    of("tessera.notice.budget", EventContent::ProgramNotice, "A budget is used up."),
    of(
        "tessera.notice.data_request",
        EventContent::ProgramNotice,
        "A member has asked a shop for the data held on them: send them what `export` returns.",
    ),
    of(
        "tessera.notice.shop_left",
        EventContent::ProgramNotice,
        "A shop has left: its connection is disabled, and its credentials are deleted.",
    ),
    of(
        "tessera.notice.webhook_disabled",
        EventContent::ProgramNotice,
        "A webhook endpoint was disabled because its deliveries failed.",
    ),
    of("tessera.referral_event.share", EventContent::ReferralEvent, "A member shared the referral link."),
    of("tessera.referral_event.click", EventContent::ReferralEvent, "A referral link was clicked."),
    of(
        "tessera.referral_event.progress",
        EventContent::ReferralEvent,
        "A member came closer to a milestone of the referral program.",
    ),
    of("tessera.referral_event.reminder", EventContent::ReferralEvent, "A friend has not bought yet."),
];

impl EventType {
    /// The type of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        EVENT_TYPES.iter().find(|kind| kind.name == name)
    }

    /// Whether its events are about a member; those about the program alone have no `data.member`.
    pub fn is_about_a_member(&self) -> bool {
        self.content != EventContent::ProgramNotice
    }

    /// The last part of the name.
    fn last(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// The JSON Schema of the whole event, envelope included.
    pub fn schema(&self) -> Value {
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            // Fields are only added to a version.
            "$id": format!("urn:tessera:event:{}:1", self.name),
            "title": self.name,
            "description": self.description,
            "type": "object",
            "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
            "properties": {
                "specversion": { "const": "1.0" },
                "id": { "type": "string", "description": "The same in every delivery of the event." },
                "source": { "type": "string", "description": "urn:tessera:program:{program}" },
                "type": { "const": self.name },
                "time": { "type": "string", "format": "date-time" },
                "subject": { "type": "string", "description": "The member, as in `data.member`." },
                "datacontenttype": { "const": "application/json" },
                "test": { "const": true, "description": "Present on tests and replays alone." },
                "data": self.content.schema(),
            },
        })
    }

    /// An example of the whole event.
    pub fn example(&self) -> Value {
        let (id, data) = self.content.example(self.last());
        let at = "2026-03-01T09:15:00Z".parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let event = super::Event { id, kind: self.name.to_owned(), at, data };
        match ProgramId::new("prg_01jnq4w8m3k7") {
            Ok(program) => event.envelope(&program, false),
            Err(_) => Value::Null,
        }
    }
}

/// The type of the event of a movement.
pub(super) const fn of_movement(kind: MovementType) -> &'static str {
    match kind {
        MovementType::Earn => "tessera.entry.earn",
        MovementType::Release => "tessera.entry.release",
        MovementType::Redeem => "tessera.entry.redeem",
        MovementType::Restore => "tessera.entry.restore",
        MovementType::Expire => "tessera.entry.expire",
        MovementType::Reverse => "tessera.entry.reverse",
        MovementType::Debit => "tessera.entry.debit",
        MovementType::Reset => "tessera.entry.reset",
        MovementType::WriteOff => "tessera.entry.write_off",
        MovementType::Adjust => "tessera.entry.adjust",
        MovementType::Import => "tessera.entry.import",
        MovementType::Merge => "tessera.entry.merge",
        MovementType::Unmerge => "tessera.entry.unmerge",
        MovementType::Erase => "tessera.entry.erase",
    }
}

/// The type of the event of a coupon that has a status now.
pub(super) const fn of_coupon(status: CouponStatus) -> &'static str {
    match status {
        CouponStatus::Reserved => "tessera.coupon.reserved",
        CouponStatus::Available => "tessera.coupon.available",
        CouponStatus::Applied => "tessera.coupon.applied",
        CouponStatus::Used => "tessera.coupon.used",
        CouponStatus::Expired => "tessera.coupon.expired",
        CouponStatus::Cancelled => "tessera.coupon.cancelled",
        CouponStatus::Lapsed => "tessera.coupon.lapsed",
    }
}

/// The name of the type of a notice's event.
pub(super) fn of_notice(kind: &str) -> String {
    format!("tessera.notice.{kind}")
}

/// The type of the event of a changed tier.
pub(super) const TIER_CHANGED: &str = "tessera.tier.changed";
