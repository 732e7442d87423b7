//! What decisions changed, for the audit.

use serde_json::json;

use super::Decision;
use crate::audit::AuditChange;
use crate::ids::{MemberId, TierId};
use crate::points::Points;

impl AuditChange {
    /// What decisions on members' accounts changed: points, tiers, coupons.
    pub fn of_decisions<'a>(decisions: impl IntoIterator<Item = (&'a MemberId, &'a Decision)>) -> Vec<Self> {
        decisions.into_iter().flat_map(|(member, decision)| Self::of_decision(member, decision)).collect()
    }

    fn of_decision(member: &MemberId, decision: &Decision) -> Vec<Self> {
        let (entry, last) = (&decision.entry, decision.tier_changes.last().unwrap_or(&decision.entry));
        let qualifying: Points =
            std::iter::once(entry).chain(&decision.tier_changes).map(|e| e.delta().qualifying).sum();
        let after = decision.account.qualifying_total();
        let tier = |tier: Option<&TierId>| tier.map(|tier| json!(tier));
        let [from, to] = [entry.tier.as_ref().map(|tier| &tier.before), last.tier.as_ref().map(|tier| &tier.after)];
        let of_member = [
            (
                "points/redeemable",
                Some(json!(entry.balance.minus(entry.delta().redeemable))),
                Some(json!(last.balance)),
            ),
            ("points/qualifying", Some(json!(after.minus(qualifying))), Some(json!(after))),
            ("tier", tier(from), tier(to)),
        ];
        let of_member = of_member.map(|(field, before, after)| (format!("members/{member}/{field}"), before, after));
        let changed = decision.changed.iter().flat_map(|(before, after)| {
            let of = |field: &str| format!("coupons/{}/{field}", before.code);
            [
                (of("status"), Some(json!(before.status)), Some(json!(after.status))),
                (of("member"), Some(json!(before.member)), Some(json!(after.member))),
            ]
        });
        let issued =
            decision.issued.iter().map(|coupon| (format!("coupons/{}", coupon.code), None, Some(json!(coupon.reward))));
        let all = of_member.into_iter().chain(changed).chain(issued);
        let all = all.filter(|(_, before, after)| before != after);
        all.map(|(field, before, after)| Self::new(field, before, after)).collect()
    }
}
