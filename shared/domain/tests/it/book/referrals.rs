//! Referrals of a book.

use tessera_domain::coupon::Coupon;
use tessera_domain::decide::{AdvocateChange, FriendChange, ReferralChange, decide_referral};
use tessera_domain::ledger::Entry;
use tessera_domain::rule::ReferralRole;

use super::Book;

impl Book {
    pub fn referral(&mut self, member: &str, role: ReferralRole, referral: &str) {
        let done = self.decide(member, |context, account| {
            let change = match role {
                ReferralRole::Friend => ReferralChange {
                    friend: Some(FriendChange { fires_rules: true, ..FriendChange::default() }),
                    ..ReferralChange::default()
                },
                ReferralRole::Advocate => {
                    ReferralChange { advocate: Some(AdvocateChange::Counts), ..ReferralChange::default() }
                }
            };
            let referral = referral.parse().unwrap();
            decide_referral(context, account, &referral, &change, &[])
        });
        done.unwrap();
    }

    /// Changes a member's side of a referral, with all coupons at hand.
    pub fn change_referral(&mut self, member: &str, referral: &str, change: &ReferralChange<'_>) -> Entry {
        let coupons: Vec<Coupon> = self.coupons.values().cloned().collect();
        let referral = referral.parse().unwrap();
        let done =
            self.decide(member, |context, account| decide_referral(context, account, &referral, change, &coupons));
        done.unwrap()
    }
}
