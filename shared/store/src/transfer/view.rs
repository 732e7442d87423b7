//! What an exported item says, for readers that are not a restore.

use serde_json::{Value, json};
use tessera_domain::account::Account;
use tessera_domain::coupon::Coupon;
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;

use super::EXPORT;
use crate::items::{Item, Reader};
use crate::kinds::{MemberItem, MembersItem};
use crate::{FactImage, StoreError};

/// An item of the members table.
pub(super) fn member(found: &MembersItem, item: &Item) -> Result<Value, StoreError> {
    let MembersItem::Of(_, member, kind) = found else { return Ok(json!({})) };
    let reader = Reader::new(EXPORT, item);
    let shown = match kind {
        MemberItem::Account => account(&reader.body()?),
        MemberItem::Profile => profile(&reader.body()?),
        MemberItem::Entry => entry(&reader.body()?),
        MemberItem::Coupon => coupon(&reader.body()?),
        MemberItem::Alias
        | MemberItem::Listing
        | MemberItem::Notes
        | MemberItem::Mark
        | MemberItem::Kept
        | MemberItem::Friend
        | MemberItem::Advocated => json!({}),
    };
    let mut shown = shown;
    shown["member"] = json!(member);
    Ok(shown)
}

fn account(account: &Account) -> Value {
    let lots = account.lots.iter().map(|lot| {
        json!({ "points": lot.points, "spendable_from": lot.key.spendable_from().to_string(),
                "expires": lot.key.last_day().map(|day| day.to_string()) })
    });
    let qualifying = account.qualifying.iter().map(|(month, points)| (month.to_string(), json!(points)));
    let held = account.tier.held.as_ref();
    json!({
        "status": account.status, "balance": account.balance(), "debt": account.debt,
        "lots": lots.collect::<Vec<_>>(),
        "qualifying": qualifying.collect::<serde_json::Map<_, _>>(),
        "tier": { "id": account.tier.current(), "since": held.map(|held| held.since.to_string()),
                  "until": held.and_then(|held| held.until).map(|day| day.to_string()) },
        "enrolled_at": account.enrolled_at.map(|at| at.to_string()),
    })
}

fn profile(profile: &Profile) -> Value {
    let identifiers = profile.identifiers.iter().map(
        |held| json!({ "kind": held.identifier.kind, "value": held.identifier.value, "key": held.holding.is_key() }),
    );
    json!({
        "id": profile.id, "identifiers": identifiers.collect::<Vec<_>>(), "first_name": profile.first_name,
        "last_name": profile.last_name, "birth_date": profile.birth_date, "locale": profile.locale,
        "attributes": profile.attributes, "lists": profile.lists, "tags": profile.tags,
        "consent": profile.consent, "referral_code": profile.referral_code,
    })
}

fn entry(entry: &Entry) -> Value {
    let points = entry.delta();
    json!({
        "at": entry.at.to_string(), "cause": entry.cause, "types": entry.movements.iter().map(|movement| movement.kind).collect::<Vec<_>>(),
        "points": { "redeemable": points.redeemable, "qualifying": points.qualifying }, "balance": entry.balance,
    })
}

fn coupon(coupon: &Coupon) -> Value {
    json!({
        "code": coupon.code, "reward": coupon.reward, "status": coupon.status, "cost": coupon.cost,
        "discount": coupon.discount, "issued_at": coupon.issued_at.to_string(),
        "expires_at": coupon.expires_at.map(|at| at.to_string()), "receipt": coupon.receipt,
    })
}

/// An item of the facts table.
pub(super) fn fact(item: &Item) -> Result<Value, StoreError> {
    Ok(match FactImage::read(item.clone())? {
        Some(image) => json!({ "member": image.member, "fact": image.fact }),
        // It waits for its parent, or belongs to nobody yet.
        None => json!({}),
    })
}
