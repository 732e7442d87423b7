//! Members: each is verified on its own as soon as its last item is read. What other members and facts are compared with stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use tessera_domain::account::Account;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::fact::FactId;
use tessera_domain::ids::{MemberId, ProgramId};
use tessera_domain::ledger::{MemberAudit, Totals};
use tessera_domain::referral::FriendReferrals;
use tessera_store::{ScanCursor, ScannedMember, Store, StoreError, StoredEntry};

use super::{Moves, Verification};

/// A tenant and one of its members.
pub(super) type MemberKey = (ProgramId, MemberId);

/// What stays of a member that was read.
pub(super) struct Member {
    /// The decided facts; of a receipt and its refunds, also how often it was moved before.
    pub(super) decided: HashSet<(FactId, u32)>,
    pub(super) friend: Option<FriendReferrals>,
    pub(super) account: Links,
}

/// What an account says of other members.
pub(super) struct Links {
    pub(super) merged_into: Option<MemberId>,
    pub(super) sources: Vec<MemberId>,
    /// The friends that it counts.
    pub(super) friends: u32,
    pub(super) is_erased: bool,
    /// It has no points and no friends.
    pub(super) is_empty: bool,
}

impl Links {
    fn of(account: Account) -> Self {
        let has_points = !account.balance().is_zero() || !account.qualifying_total().is_zero();
        Self {
            is_empty: !has_points && account.advocacy.is_empty(),
            friends: account.advocacy.friends,
            is_erased: account.erased_at.is_some(),
            merged_into: account.merged_into,
            sources: account.sources,
        }
    }
}

/// The sums over the members of a program.
#[derive(Default)]
pub(super) struct ProgramTotals {
    /// Of all postings.
    pub(super) totals: Totals,
    /// Of the accounts' balances.
    pub(super) balance: i64,
}

/// All members.
#[derive(Default)]
pub(super) struct Members {
    pub(super) known: HashMap<MemberKey, Member>,
    pub(super) programs: BTreeMap<ProgramId, ProgramTotals>,
    pub(super) moves: Moves,
}

impl Members {
    /// Reads the members, and verifies each.
    pub(super) async fn read(store: &Store, report: &mut Verification) -> Result<Self, StoreError> {
        let mut members = Self::default();
        // The items of a member are consecutive, but the last ones of a page may go on with the next.
        let mut reading: Option<Reading> = None;
        let mut cursor = Some(ScanCursor::default());
        while let Some(from) = cursor {
            let page = store.scan_members(0, 1, from).await?;
            for scanned in page.members {
                let owner = (scanned.program.clone(), scanned.member.clone());
                if let Some(read) = reading.take_if(|reading| reading.owner != owner) {
                    members.verify(read, report);
                }
                reading.get_or_insert_with(|| Reading::of(owner)).add(scanned, &mut members.moves, report);
            }
            cursor = page.next;
        }
        if let Some(read) = reading {
            members.verify(read, report);
        }
        Ok(members)
    }

    /// Verifies a member whose items are all read.
    fn verify(&mut self, read: Reading, report: &mut Verification) {
        let Reading { owner, audit, account, coupons, decided, friend } = read;
        report.members += 1;
        let sums = self.programs.entry(owner.0.clone()).or_default();
        sums.totals.merge(audit.totals());
        sums.balance += account.balance().get();
        let wrong = audit.compare(&account).into_iter().chain(reservations(&account, &coupons));
        report.discrepancies.extend(wrong.map(|what| format!("{} {}: {what}", owner.0, owner.1)));
        self.known.insert(owner, Member { decided, friend, account: Links::of(account) });
    }
}

/// A member whose items are being read.
struct Reading {
    owner: MemberKey,
    audit: MemberAudit,
    /// A member without activity has none. One with entries but no account is found by the comparison.
    account: Account,
    coupons: Vec<Coupon>,
    decided: HashSet<(FactId, u32)>,
    friend: Option<FriendReferrals>,
}

impl Reading {
    fn of(owner: MemberKey) -> Self {
        Self {
            owner,
            audit: MemberAudit::default(),
            account: Account::default(),
            coupons: Vec::new(),
            decided: HashSet::new(),
            friend: None,
        }
    }

    /// Adds what a page has of the member.
    fn add(&mut self, scanned: ScannedMember, moves: &mut Moves, report: &mut Verification) {
        if let Some(account) = scanned.account {
            self.account = account;
        }
        self.coupons.extend(scanned.coupons);
        self.friend = self.friend.take().or(scanned.friend);
        for stored in &scanned.entries {
            report.entries += 1;
            self.audit.add(&stored.entry);
            self.add_decision(stored, moves, report);
        }
    }

    /// Notes the fact that an entry decides.
    fn add_decision(&mut self, stored: &StoredEntry, moves: &mut Moves, report: &mut Verification) {
        let StoredEntry { entry, key, .. } = stored;
        if entry.step.is_some() {
            // The last step decides the refund.
            return;
        }
        let before = key.moves().unwrap_or(0);
        moves.note(&self.owner.0, &entry.cause, before);
        let of_receipt = entry.cause.receipt().map(|receipt| FactId::Receipt { receipt: receipt.clone() });
        let fact = of_receipt.or_else(|| entry.cause.fact().cloned());
        let Some(fact) = fact.filter(|fact| fact.kind().is_stored()) else { return };
        if !self.decided.insert((fact.clone(), before)) {
            report.discrepancies.push(format!("{fact} was decided twice"));
        }
    }
}

/// Checks that every reservation of an account has its coupon (invariant 5). A lapsed one may have returned its unit of
/// stock before the account was updated.
fn reservations(account: &Account, coupons: &[Coupon]) -> Vec<String> {
    let open = account.reservations.iter().filter(|reservation| {
        let stands = |coupon: &Coupon| matches!(coupon.status, CouponStatus::Reserved | CouponStatus::Lapsed);
        !coupons.iter().any(|coupon| coupon.code == reservation.coupon && stands(coupon))
    });
    open.map(|reservation| format!("points are reserved for {}, which is not reserved", reservation.coupon)).collect()
}
