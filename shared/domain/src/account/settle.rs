//! Settling an account: reservations lapse, lots are released and expire, the tier is reviewed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::lots::{LotKey, TakenLot};
use super::{Account, Reservation};
use crate::ledger::{Bucket, Movement, MovementType};
use crate::points::{Kind, Points};
use crate::program::{CompiledProgram, Expiry, NegativeBalance};
use crate::time::{Day, Month};

/// The days that points live if they return to an expired lot (R5).
const RETURNED_DAYS: u32 = 30;

/// A release or an expiry that fell due at a moment.
fn by_time(kind: MovementType, at: Timestamp) -> Movement {
    Movement { due_at: Some(at), ..Movement::new(kind) }
}

impl Account {
    /// A copy as of `now`, to show it.
    #[must_use]
    pub fn settled_at(&self, program: &CompiledProgram, now: Timestamp) -> Self {
        let mut account = self.clone();
        account.end_overdue_holds(program, now);
        account.settle(program, now);
        account
    }

    /// Brings the account up to `now`: its points, then its tier. Returns the movements.
    pub fn settle(&mut self, program: &CompiledProgram, now: Timestamp) -> Vec<Movement> {
        let since = self.settled;
        let movements = self.settle_points(program, now);
        if let Some(day) = self.settled {
            self.tier.review(program, &self.qualifying, since, day);
        }
        movements
    }

    /// Settles the points to `now`, event by event, so that it does not matter how often an account is settled. Each movement
    /// has the moment at which it fell due.
    ///
    /// Points released while there is a debt pay it on the day of their release, before any later expiry.
    pub(crate) fn settle_points(&mut self, program: &CompiledProgram, now: Timestamp) -> Vec<Movement> {
        let today = Day::of(now, &program.zone);
        // A clock that went back does not undo a release.
        let day = self.settled.map_or(today, |settled| settled.max(today));
        let mut movements = Vec::new();
        for step in self.steps_until(day, program, now) {
            let at = step.start(&program.zone);
            let released = self.newly_spendable(step);
            self.settled = Some(step);
            let release = by_time(MovementType::Release, at);
            let release = release.post(Bucket::Pending, Bucket::Available, Kind::Redeemable, released);
            movements.push(self.paying_debt(release));
            movements.push(self.expiring(at));
            for reservation in self.take_lapsed(step, program, now) {
                let at = reservation.until;
                let release = self.lapse(reservation);
                // Points that have expired meanwhile expire at the lapse, and pay no debt.
                let expire = self.expiring(at);
                movements.extend([self.paying_debt(release), expire]);
            }
        }
        self.merge_spendable(day);
        movements.retain(|movement| !movement.postings.is_empty());
        movements
    }

    /// The days up to `day` on which points are released or expire, or reservations lapse; `day` itself in any case.
    fn steps_until(&self, day: Day, program: &CompiledProgram, now: Timestamp) -> BTreeSet<Day> {
        let is_ahead = |other: &Day| *other < day && self.settled.is_none_or(|settled| settled < *other);
        let released = self.lots.iter().map(|lot| lot.key.spendable_from());
        let expired = self.lots.iter().filter_map(|lot| lot.key.last_day()).map(|last| last.plus_days(1));
        let lapsed = self.reservations.iter().filter(|reservation| reservation.until <= now);
        let lapsed = lapsed.map(|reservation| Day::of(reservation.until, &program.zone));
        let mut steps = BTreeSet::from([day]);
        steps.extend(released.chain(expired).chain(lapsed).filter(is_ahead));
        steps
    }

    /// Lets spendable points pay the debt, as a part of a movement.
    fn paying_debt(&mut self, movement: Movement) -> Movement {
        let paid = self.pay_debt();
        let changes = self.lots.drain_changes();
        movement.post(Bucket::Available, Bucket::Debt, Kind::Redeemable, paid).with_lots(changes)
    }

    /// Expires what has expired by the day that the account is settled to.
    fn expiring(&mut self, at: Timestamp) -> Movement {
        let gone = self.remove_expired();
        let changes = self.lots.drain_changes();
        let expire = by_time(MovementType::Expire, at);
        expire.post(Bucket::Available, Bucket::Expired, Kind::Redeemable, gone).with_lots(changes)
    }

    fn newly_spendable(&self, day: Day) -> Points {
        let waiting = |key: LotKey| self.settled.is_none_or(|settled| key.spendable_from() > settled);
        let due = self.lots.iter().filter(|lot| lot.key.spendable_from() <= day && waiting(lot.key));
        due.map(|lot| lot.points).sum()
    }

    /// Removes the reservations that have lapsed by `now` and by the end of a day, and returns them in the order of their lapse.
    fn take_lapsed(&mut self, day: Day, program: &CompiledProgram, now: Timestamp) -> Vec<Reservation> {
        let is_over =
            |reservation: &Reservation| reservation.until <= now && Day::of(reservation.until, &program.zone) <= day;
        let (mut over, open): (Vec<Reservation>, Vec<Reservation>) =
            std::mem::take(&mut self.reservations).into_iter().partition(is_over);
        self.reservations = open;
        over.sort_by_key(|reservation| reservation.until);
        over
    }

    /// Returns the points of a lapsed reservation to their lots.
    fn lapse(&mut self, reservation: Reservation) -> Movement {
        let points = reservation.points();
        if reservation.counted {
            self.uncount_redemption(&reservation.reward);
        }
        for taken in reservation.taken {
            self.lots.add(taken.key, taken.points);
        }
        let release = by_time(MovementType::Release, reservation.until);
        let release = release.post(Bucket::Reserved, Bucket::Available, Kind::Redeemable, points);
        release.with_lots(self.lots.drain_changes())
    }

    /// Removes the lots that have expired by the day the account is settled to.
    fn remove_expired(&mut self) -> Points {
        let Some(day) = self.settled else { return Points::ZERO };
        let gone = self.lots.take(self.lots.total(), |key| key.expired(day));
        gone.iter().map(|lot| lot.points).sum()
    }

    /// Expires the lots that have expired by the day the account is settled to.
    pub(crate) fn expire(&mut self) -> Movement {
        let gone = self.remove_expired();
        Movement::new(MovementType::Expire).post(Bucket::Available, Bucket::Expired, Kind::Redeemable, gone)
    }

    /// Merges spendable lots that were issued in one month and expire on one day. Nothing distinguishes them any more, and
    /// there would be one for each day on which something was bought.
    fn merge_spendable(&mut self, day: Day) {
        let mut oldest: BTreeMap<(Option<Day>, Month), LotKey> = BTreeMap::new();
        let fate = |key: LotKey| (key.last_day(), key.issued());
        for lot in self.lots.iter().filter(|lot| lot.key.spendable_from() <= day) {
            let first = oldest.entry(fate(lot.key)).or_insert(lot.key);
            *first = (*first).min(lot.key);
        }
        self.lots.rekey(|key| oldest.get(&fate(key)).copied().filter(|_| key.spendable_from() <= day));
    }

    /// Adds points to a lot: spendable if its day has come, otherwise pending. A debt is paid first.
    pub(crate) fn deposit(&mut self, movement: Movement, from: Bucket, key: LotKey, points: Points) -> Movement {
        let due = self.settled.is_some_and(|day| key.spendable_from() <= day);
        let to = if due { Bucket::Available } else { Bucket::Pending };
        self.lots.add(key, points);
        let paid = self.pay_debt();
        movement.post(from, to, Kind::Redeemable, points).post(Bucket::Available, Bucket::Debt, Kind::Redeemable, paid)
    }

    /// Returns points to the lots that they came from. An expired lot lives 30 more days (R5).
    pub(crate) fn give_back(&mut self, mut movement: Movement, from: Bucket, taken: &[TakenLot]) -> Movement {
        for lot in taken {
            let key = match self.settled {
                Some(day) if lot.key.expired(day) => lot.key.until(day.plus_days(RETURNED_DAYS)),
                _ => lot.key,
            };
            movement = self.deposit(movement, from, key, lot.points);
        }
        movement
    }

    /// Pays the debt with spendable points, the soonest to expire first. Returns what was paid.
    fn pay_debt(&mut self) -> Points {
        let payment = self.debt.min(self.available());
        if !payment.is_positive() {
            return Points::ZERO;
        }
        self.spend(payment);
        self.debt = self.debt.minus(payment);
        payment
    }

    /// Pays the debt with spendable points that were added meanwhile.
    pub(crate) fn settle_debt(&mut self, movement: Movement) -> Movement {
        let paid = self.pay_debt();
        movement.post(Bucket::Available, Bucket::Debt, Kind::Redeemable, paid)
    }

    /// Takes points from the spendable lots, the soonest to expire first. Returns from which.
    pub(crate) fn spend(&mut self, points: Points) -> Vec<TakenLot> {
        let day = self.settled;
        self.lots.take(points, |key| day.is_some_and(|day| key.spendable_from() <= day && !key.expired(day)))
    }

    /// Takes back points of a receipt (R4): from its own lot, pending or not, then from other spendable lots, then as
    /// a debt, which the program's policy may forgive.
    pub(crate) fn claw_back(&mut self, own: Option<LotKey>, points: Points, policy: NegativeBalance) -> Vec<Movement> {
        let day = self.settled;
        let is_pending = |key: LotKey| day.is_none_or(|day| key.spendable_from() > day);
        let sum = |taken: Vec<TakenLot>| taken.iter().map(|lot| lot.points).sum::<Points>();

        let own_pending = sum(self.lots.take(points, |key| Some(key) == own && is_pending(key)));
        let mut left = points.minus(own_pending);
        // Spendable lots of one month of issue and one end are merged; these two identify the receipt's own.
        let is_own = |key: LotKey| {
            own.is_some_and(|own| (own.last_day(), own.issued()) == (key.last_day(), key.issued())) && !is_pending(key)
        };
        let own_active = sum(self.lots.take(left, is_own));
        left = left.minus(own_active);
        let others = sum(self.spend(left));
        left = left.minus(others);
        self.debt = self.debt.plus(left);

        let mut movements = vec![
            Movement::new(MovementType::Reverse)
                .post(Bucket::Pending, Bucket::Reversed, Kind::Redeemable, own_pending)
                .post(Bucket::Available, Bucket::Reversed, Kind::Redeemable, own_active.plus(others))
                .post(Bucket::Debt, Bucket::Reversed, Kind::Redeemable, left),
        ];
        if left.is_positive() && policy == NegativeBalance::WriteOff {
            self.debt = self.debt.minus(left);
            movements.push(Movement::new(MovementType::WriteOff).post(
                Bucket::Forgiven,
                Bucket::Debt,
                Kind::Redeemable,
                left,
            ));
        }
        movements
    }

    /// Records an activity. With `inactive_months`, the expiry of every unexpired lot moves.
    pub(crate) fn touch(&mut self, program: &CompiledProgram, at: Timestamp) {
        self.last_activity = Some(self.last_activity.map_or(at, |last| last.max(at)));
        let (Some(Expiry::InactiveMonths(months)), Some(last), Some(today)) =
            (program.program.points.expiry, self.last_activity, self.settled)
        else {
            return;
        };
        let until = Day::of(last, &program.zone).plus_months(months);
        self.lots.rekey(|key| match key.last_day() {
            Some(end) if end >= today && end < until => Some(key.until(until)),
            _ => None,
        });
    }
}
