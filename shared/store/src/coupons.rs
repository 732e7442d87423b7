//! Coupons: by code, and changes of state that move no points.

mod expiring;

pub use expiring::ExpiringCoupons;
pub(crate) use expiring::expiring;

use std::collections::BTreeSet;

use tessera_domain::coupon::{Coupon, CouponStatus, FoldedCode};
use tessera_domain::ids::{CouponCode, MemberId, ProgramId, ReceiptId};

use crate::calls::Range;
use crate::items::{Item, Reader, bytes, item, name, packed};
use crate::keys::{self, COUPONS, Key};
use crate::page::Page;
use crate::writes::{Transacted, Write, Written};
use crate::{Audit, Store, StoreError, retry};

const READ: &str = "reading coupons";
const CHANGE: &str = "changing a coupon";

/// A coupon as it was read, with the bytes that a later change is conditional on.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredCoupon {
    /// The coupon as it is stored.
    pub coupon: Coupon,
    pub(crate) packed: Vec<u8>,
}

impl StoredCoupon {
    pub(crate) fn read(item: &Item) -> Result<Self, StoreError> {
        let reader = Reader::new(READ, item);
        Ok(Self { coupon: reader.body()?, packed: reader.bytes(name::BODY)?.to_vec() })
    }
}

/// What is written together with the change of a coupon.
#[derive(Debug, Clone, Copy)]
enum Along<'a> {
    Nothing,
    /// The link from a receipt to the coupon.
    Receipt(&'a ReceiptId),
    /// The record of who made the change.
    Audit(&'a Audit),
}

/// Why a coupon was not changed.
#[derive(Debug, thiserror::Error)]
pub enum CouponError<E> {
    /// No such coupon in this program.
    #[error("there is no such coupon")]
    Unknown,
    /// The change was refused.
    #[error("the change was refused")]
    Refused(E),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// A coupon by its code, strongly consistent (two reads).
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_coupon(&self, program: &ProgramId, code: &FoldedCode) -> Result<Option<Coupon>, StoreError> {
        let found = self.stored_coupons(program, [code.clone()]).await?;
        Ok(found.into_iter().next().map(|stored| stored.coupon))
    }

    /// Those of some coupons that exist, whoever owns them, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_coupons(
        &self,
        program: &ProgramId,
        codes: impl IntoIterator<Item = FoldedCode>,
    ) -> Result<Vec<Coupon>, StoreError> {
        let found = self.stored_coupons(program, codes).await?;
        Ok(found.into_iter().map(|stored| stored.coupon).collect())
    }

    /// A member's own coupon by its code, unless it is used; strongly consistent, two reads. Members whom a merge made one have
    /// their coupons in common, whichever of them the caller names.
    ///
    /// An unknown code, one of another member and a used one cost the same: three reads.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn get_own_coupon(
        &self,
        program: &ProgramId,
        member: &MemberId,
        code: &FoldedCode,
    ) -> Result<Option<Coupon>, StoreError> {
        let table = &*self.tables.members;
        let guard = self.get(READ, table, &keys::coupon_guard(program, code), true).await?;
        let (owner, sort) = match &guard {
            Some(guard) if !Reader::new(READ, guard).has(name::POOL) => {
                let reader = Reader::new(READ, guard);
                (reader.parsed(name::MEMBER)?, reader.text(name::LEADS_TO)?.to_owned())
            }
            // Unknown, or still free in a pool.
            _ => (member.clone(), format!("{COUPONS}{code}")),
        };
        let place = Key { pk: keys::member_partition(program, &owner), sk: sort };
        let open = |item: &Item| -> Result<Option<Coupon>, StoreError> {
            let coupon = StoredCoupon::read(item)?.coupon;
            Ok(Some(coupon).filter(|coupon| coupon.status != CouponStatus::Used))
        };
        if owner == *member {
            let found = self.get(READ, table, &place, true).await?;
            if let Some(coupon) = found.as_ref().map(open).transpose()?.flatten() {
                return Ok(Some(coupon));
            }
            self.current_member(program, member).await?;
            return Ok(None);
        }
        // Of somebody else, or of somebody who is one with this member now.
        let [owner, own] = [self.current_member(program, &owner).await?, self.current_member(program, member).await?];
        if owner != own {
            return Ok(None);
        }
        let found = self.get(READ, table, &place, true).await?;
        found.as_ref().map(open).transpose().map(Option::flatten)
    }

    /// The codes of the coupons that tills used on a receipt, strongly consistent, one Query.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn coupons_used_on(
        &self,
        program: &ProgramId,
        receipt: &ReceiptId,
    ) -> Result<Vec<FoldedCode>, StoreError> {
        let links = Range::all(keys::used_on(program, receipt), COUPONS);
        let links = self.range(READ, &self.tables.members, links).await?;
        let codes = links.iter().map(|link| {
            let code = keys::parse_use_link(Reader::new(READ, link).text(name::SK)?);
            code.ok_or(StoreError::Item { operation: READ, attribute: name::SK })
        });
        codes.collect()
    }

    /// A member's coupons, the latest issued first. `owners`: whose coupons count, as [`Store::owners`] says. `cursor` is
    /// the previous page's `next`.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn coupons(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Coupon>, StoreError> {
        let (items, next) = self.newest(READ, program, owners, COUPONS, limit, cursor).await?;
        let items = items.iter().map(|item| StoredCoupon::read(item).map(|stored| stored.coupon));
        Ok(Page { items: items.collect::<Result<_, _>>()?, next })
    }

    /// The latest issued coupons of some owners for a page that shows them, eventually consistent: half the price of
    /// [`Store::coupons`], and a coupon of this very moment may be missing.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn coupons_for_view(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
        limit: u32,
    ) -> Result<Vec<Coupon>, StoreError> {
        let mut all = Vec::new();
        for owner in owners {
            let range = Range::all(keys::member_partition(program, owner), COUPONS);
            let range = Range { backwards: true, consistent: false, limit: Some(limit), ..range };
            let (items, _) = self.page(READ, &self.tables.members, &range).await?;
            for item in &items {
                all.push(StoredCoupon::read(item)?.coupon);
            }
        }
        all.sort_by_key(|coupon| std::cmp::Reverse(coupon.issued_at));
        all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// Changes a coupon without moving points (apply, release, use): `change` sees it as it is and says what it becomes;
    /// when that is the same, nothing is written. Someone else's change in between makes it see the coupon anew.
    ///
    /// # Errors
    /// [`CouponError::Unknown`] without such a coupon, [`CouponError::Refused`] with the error of `change`.
    pub async fn change_coupon<E, F>(
        &self,
        program: &ProgramId,
        code: &CouponCode,
        change: F,
    ) -> Result<Coupon, CouponError<E>>
    where
        F: Fn(&Coupon) -> Result<Coupon, E>,
    {
        self.change_linked(program, code, Along::Nothing, change).await
    }

    /// Uses a coupon on a receipt that a till names, as [`Store::change_coupon`]; and writes the link by which refunds of
    /// the receipt find the coupon, whoever owns it and whether or not the receipt names it.
    ///
    /// # Errors
    /// As [`Store::change_coupon`].
    pub async fn use_coupon_on<E, F>(
        &self,
        program: &ProgramId,
        code: &CouponCode,
        receipt: &ReceiptId,
        change: F,
    ) -> Result<Coupon, CouponError<E>>
    where
        F: Fn(&Coupon) -> Result<Coupon, E>,
    {
        self.change_linked(program, code, Along::Receipt(receipt), change).await
    }

    /// As [`Store::change_coupon`], for a correction by hand: the transaction records who made it.
    ///
    /// # Errors
    /// As [`Store::change_coupon`].
    pub async fn change_coupon_audited<E, F>(
        &self,
        program: &ProgramId,
        code: &CouponCode,
        audit: &Audit,
        change: F,
    ) -> Result<Coupon, CouponError<E>>
    where
        F: Fn(&Coupon) -> Result<Coupon, E>,
    {
        self.change_linked(program, code, Along::Audit(audit), change).await
    }

    async fn change_linked<E, F>(
        &self,
        program: &ProgramId,
        code: &CouponCode,
        along: Along<'_>,
        change: F,
    ) -> Result<Coupon, CouponError<E>>
    where
        F: Fn(&Coupon) -> Result<Coupon, E>,
    {
        for attempt in 0..retry::TRIES {
            if attempt > 0 {
                retry::pause(attempt).await;
            }
            let found = self.stored_coupons(program, [FoldedCode::from(code)]).await?;
            let Some(StoredCoupon { coupon, packed }) = found.into_iter().next() else {
                return Err(CouponError::Unknown);
            };
            let after = change(&coupon).map_err(CouponError::Refused)?;
            if after == coupon {
                return Ok(coupon);
            }
            let write = self.coupon_write(CHANGE, program, packed, &after)?;
            let done = match along {
                Along::Nothing => self.write(CHANGE, &write).await? == Written::Done,
                Along::Audit(audit) => {
                    let writes = vec![write, self.audit_write(program, audit, [])?];
                    self.transact(CHANGE, writes).await? == Transacted::Done
                }
                Along::Receipt(receipt) => {
                    let link = item(&keys::use_link(program, receipt, &FoldedCode::from(code)), []);
                    let writes = vec![write, Write::put(&self.tables.members, link)];
                    self.transact(CHANGE, writes).await? == Transacted::Done
                }
            };
            if done {
                return Ok(after);
            }
        }
        Err(StoreError::Contended { operation: CHANGE, tries: retry::TRIES }.into())
    }

    /// Those of some codes that exist, strongly consistent: first their guards, then the coupons.
    pub(crate) async fn stored_coupons(
        &self,
        program: &ProgramId,
        codes: impl IntoIterator<Item = FoldedCode>,
    ) -> Result<Vec<StoredCoupon>, StoreError> {
        // A batch refuses a key that it names twice.
        let guards: BTreeSet<Key> = codes.into_iter().map(|code| keys::coupon_guard(program, &code)).collect();
        let guards: Vec<Key> = guards.into_iter().collect();
        if guards.is_empty() {
            return Ok(Vec::new());
        }
        let guards = self.get_many(READ, &self.tables.members, &guards, true).await?;
        // The guard of a code that is still free in a pool leads nowhere yet.
        let leading = guards.iter().filter(|guard| !Reader::new(READ, guard).has(name::POOL));
        let places = leading.map(|guard| {
            let reader = Reader::new(READ, guard);
            let member: MemberId = reader.parsed(name::MEMBER)?;
            Ok(Key { pk: keys::member_partition(program, &member), sk: reader.text(name::LEADS_TO)?.to_owned() })
        });
        // A reservation's handle and its drawn code lead to the same coupon.
        let places = places.collect::<Result<BTreeSet<_>, StoreError>>()?;
        let places: Vec<Key> = places.into_iter().collect();
        let items = self.get_many(READ, &self.tables.members, &places, true).await?;
        items.iter().map(StoredCoupon::read).collect()
    }

    /// All coupons of some owners, strongly consistent.
    pub(crate) async fn all_coupons(
        &self,
        program: &ProgramId,
        owners: &[MemberId],
    ) -> Result<Vec<StoredCoupon>, StoreError> {
        let mut all = Vec::new();
        for owner in owners {
            let range = Range::all(keys::member_partition(program, owner), COUPONS);
            for item in self.range(READ, &self.tables.members, range).await? {
                all.push(StoredCoupon::read(&item)?);
            }
        }
        Ok(all)
    }

    /// The write that replaces a coupon, provided that its bytes are still these.
    pub(crate) fn coupon_write(
        &self,
        operation: &'static str,
        program: &ProgramId,
        before: Vec<u8>,
        after: &Coupon,
    ) -> Result<Write, StoreError> {
        let place = keys::coupon(program, &after.member, after.issued_at, after.issued_code());
        let mut new = item(&place, [(name::BODY, bytes(packed(operation, after)?))]);
        new.extend(expiring(program, after));
        Ok(Write::put(&self.tables.members, new).when("b = :before").value(":before", bytes(before)))
    }
}
