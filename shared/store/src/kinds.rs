//! The kinds of item in the members table. Every reader of the whole table matches them exhaustively.

use tessera_domain::ids::{MemberId, ProgramId};

use crate::keys::{
    ACCOUNT, ADVOCATED, ALIAS, CONTACT_DATA, COUPONS, ENTRIES, FRIEND, KEPT, LISTING, LOW_STOCK, MARKS, NAMES, NOTES,
    NOTICES, POOL_CODES, PROFILE, SHARERS, parse_member_partition,
};

/// What an item of the members table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MembersItem {
    /// An item in a member's partition.
    Of(ProgramId, MemberId, MemberItem),
    /// The guard of an identifier.
    IdentityGuard,
    /// The record that a member has an identifier as contact data.
    ContactData,
    /// The record that leads from a name to a member.
    Name,
    /// The guard of a coupon code.
    CouponGuard,
    /// A link from a receipt to a coupon that a till used on it.
    CouponUse,
    /// A counter of a stock.
    Stock,
    /// The list of rewards that are sold out.
    SoldOut,
    /// The marker that the notice of a low stock or pool was given.
    LowStock,
    /// The count of the codes that a shard of a pool was loaded with.
    PoolCount,
    /// A free code of a pool.
    PoolCode,
    /// A notice.
    Notice,
    /// A counter of a budget.
    Budget,
    /// The guard of a referral.
    ReferralGuard,
    /// A referral that a person has to look at.
    FlaggedReferral,
    /// The guard of a referral code.
    ReferralCode,
    /// The counter of the clicks on an advocate's link.
    Clicks,
    /// The counter of the friends of an advocate who have qualified.
    QualifiedFriends,
    /// The last share of an advocate's link.
    Share,
    /// A click on a referral link.
    Click,
    /// A member who has a sign, such as a device.
    ReferralSign,
    /// The referrals of one network or advocate on a day.
    ReferralVelocity,
}

/// What an item in a member's partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MemberItem {
    Account,
    Profile,
    /// The member that this one is part of now.
    Alias,
    /// The place in the lists of members.
    Listing,
    /// What people wrote about the member.
    Notes,
    Entry,
    Coupon,
    /// The marker of something that counts only once.
    Mark,
    /// Everything known of a friend's referrals.
    Friend,
    /// What a merge keeps, so that it can be undone.
    Kept,
    /// A link from an advocate to a referral.
    Advocated,
}

impl MembersItem {
    /// Recognizes an item by its key; `None` for a kind that this version does not know.
    pub fn parse(pk: &str, sk: &str) -> Option<Self> {
        if let Some((program, member)) = parse_member_partition(pk) {
            return MemberItem::parse(sk).map(|item| Self::Of(program, member, item));
        }
        let parts: Vec<&str> = pk.split('#').skip(1).collect();
        match (parts.as_slice(), sk) {
            (["g", _, _], "guard") => Some(Self::IdentityGuard),
            (["g", _, _], contact) if contact.starts_with(CONTACT_DATA) => Some(Self::ContactData),
            (["a", _], name) if name.starts_with(NAMES) => Some(Self::Name),
            (["c", _], "guard") => Some(Self::CouponGuard),
            (["u", _], link) if link.starts_with(COUPONS) => Some(Self::CouponUse),
            (["s", _, _], "stock") => Some(Self::Stock),
            (["s"], "sold_out") => Some(Self::SoldOut),
            (["s"], low) if low.starts_with(LOW_STOCK) => Some(Self::LowStock),
            (["p", _, _], "loaded") => Some(Self::PoolCount),
            (["p", _, _], code) if code.starts_with(POOL_CODES) => Some(Self::PoolCode),
            (["q", _, _, _], "budget") => Some(Self::Budget),
            (["n"], notice) if notice.starts_with(NOTICES) => Some(Self::Notice),
            (["r", _], "guard") => Some(Self::ReferralGuard),
            (["f"], link) if link.starts_with(ADVOCATED) => Some(Self::FlaggedReferral),
            (["k", _], "guard") => Some(Self::ReferralCode),
            (["k", _], "clicks") => Some(Self::Clicks),
            (["k", _], "share") => Some(Self::Share),
            (["k", _], "qualified") => Some(Self::QualifiedFriends),
            (["j", _], "click") => Some(Self::Click),
            // An earlier version kept the members of a sign in one item.
            (["y", _, _], sign) if sign == "sign" || sign.starts_with(SHARERS) => Some(Self::ReferralSign),
            (["v", _, _], day) if day.starts_with("v#") => Some(Self::ReferralVelocity),
            _ => None,
        }
    }
}

impl MemberItem {
    fn parse(sk: &str) -> Option<Self> {
        match sk {
            ACCOUNT => Some(Self::Account),
            PROFILE => Some(Self::Profile),
            ALIAS => Some(Self::Alias),
            FRIEND => Some(Self::Friend),
            KEPT => Some(Self::Kept),
            LISTING => Some(Self::Listing),
            NOTES => Some(Self::Notes),
            entry if entry.starts_with(ENTRIES) => Some(Self::Entry),
            coupon if coupon.starts_with(COUPONS) => Some(Self::Coupon),
            mark if mark.starts_with(MARKS) => Some(Self::Mark),
            link if link.starts_with(ADVOCATED) => Some(Self::Advocated),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tessera_domain::coupon::{FoldedCode, PoolId};
    use tessera_domain::ids::{CouponCode, ReceiptId, ReferralId, RewardId};
    use tessera_domain::time::Day;

    use super::*;
    use crate::keys;

    #[test]
    fn every_kind_is_recognized_and_another_is_not() {
        let (program, member) = (ProgramId::new("prg_1").unwrap(), MemberId::new("m#1").unwrap());
        let code = CouponCode::new("A-1").unwrap();
        let (folded, reward) = (FoldedCode::from(&code), RewardId::new("tea").unwrap());
        let (at, referral) = (jiff::Timestamp::UNIX_EPOCH, ReferralId::new("ref_#1").unwrap());
        let day = Day::from_date(jiff::civil::date(2026, 3, 10));
        let guard = keys::identity_guard(&program, "card", "c#1");
        let of_member = |item| MembersItem::Of(program.clone(), member.clone(), item);
        let created = PoolId { reward: reward.clone(), discount: Some("0a1b".to_owned()) };
        let cases = [
            (keys::account(&program, &member), of_member(MemberItem::Account)),
            (keys::profile(&program, &member), of_member(MemberItem::Profile)),
            (keys::alias(&program, &member), of_member(MemberItem::Alias)),
            (keys::listing(&program, &member), of_member(MemberItem::Listing)),
            (keys::notes(&program, &member), of_member(MemberItem::Notes)),
            (keys::name_record(&program, "ada lovelace", &member).unwrap(), MembersItem::Name),
            (keys::entry(&program, &member, "e#x"), of_member(MemberItem::Entry)),
            (keys::mark(&program, &member, "x"), of_member(MemberItem::Mark)),
            (keys::coupon(&program, &member, jiff::Timestamp::UNIX_EPOCH, &code), of_member(MemberItem::Coupon)),
            (keys::contact_data(&guard, &member), MembersItem::ContactData),
            (guard, MembersItem::IdentityGuard),
            (keys::coupon_guard(&program, &folded), MembersItem::CouponGuard),
            (keys::use_link(&program, &ReceiptId::new("r").unwrap(), &folded), MembersItem::CouponUse),
            (keys::stock(&program, &reward, 3), MembersItem::Stock),
            (keys::sold_out(&program), MembersItem::SoldOut),
            (keys::low_stock(&program, &reward, 's', 7), MembersItem::LowStock),
            (keys::pool_count(&program, &PoolId::loaded(reward.clone()), 3), MembersItem::PoolCount),
            (keys::pool_code(&program, &PoolId::loaded(reward.clone()), 3, 7), MembersItem::PoolCode),
            (keys::pool_code(&program, &created, 3, 7), MembersItem::PoolCode),
            (
                keys::budget(&program, &tessera_domain::rule::BudgetPeriod { rule: None, start: None }, 2),
                MembersItem::Budget,
            ),
            (keys::notice(&program, jiff::Timestamp::UNIX_EPOCH, "ntc_1"), MembersItem::Notice),
            (keys::friend(&program, &member), of_member(MemberItem::Friend)),
            (keys::kept(&program, &member), of_member(MemberItem::Kept)),
            (keys::advocated(&program, &member, at, &referral), of_member(MemberItem::Advocated)),
            (keys::referral(&program, &referral), MembersItem::ReferralGuard),
            (keys::flagged(&program, at, &referral), MembersItem::FlaggedReferral),
            (keys::referral_code(&program, &folded), MembersItem::ReferralCode),
            (keys::clicks(&program, &member), MembersItem::Clicks),
            (keys::share(&program, &member), MembersItem::Share),
            (keys::qualified(&program, &member), MembersItem::QualifiedFriends),
            (keys::click(&program, "a#1"), MembersItem::Click),
            (keys::sharer(&program, "device", "a#1", &member), MembersItem::ReferralSign),
            (keys::velocity(&program, "network", "a#1", day), MembersItem::ReferralVelocity),
        ];
        for (key, kind) in cases {
            assert_eq!(MembersItem::parse(&key.pk, &key.sk), Some(kind), "{key:?}");
            assert_eq!(MembersItem::parse(&key.pk, "another"), None, "{key:?}");
        }
        assert_eq!(MembersItem::parse("prg_1#x#1", "guard"), None);
    }
}
