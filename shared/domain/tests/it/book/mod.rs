//! A store in memory: accounts, entries and facts as the real one keeps them, so that decisions can be tested alone.

mod coupons;
mod facts;
mod referrals;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::account::{Account, Status};
use tessera_domain::coupon::Coupon;
use tessera_domain::decide::{
    AdjustmentFault, Context, Decision, MOST_COUPONS, MergeFault, RuleExplanation, Seed, Supply, decide_adjustment,
    decide_birthday, decide_due, decide_merge, explain_receipt, read_adjustment,
};
use tessera_domain::fact::{Receipt, Refund};
use tessera_domain::figures::ProgramBudget;
use tessera_domain::ids::{CouponCode, MemberId, ReceiptId, RewardId, RuleId};
use tessera_domain::input::Fault;
use tessera_domain::ledger::{Entry, MemberAudit, MovementType};
use tessera_domain::member::Profile;
use tessera_domain::pack::{pack, unpack};
use tessera_domain::points::Both;
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::rule::BudgetPeriod;
use tessera_domain::time::Day;

pub use facts::member_of;

pub struct Book {
    pub program: CompiledProgram,
    /// Every version of the program, for refunds.
    versions: BTreeMap<u32, CompiledProgram>,
    pub now: Timestamp,
    pub accounts: BTreeMap<String, Account>,
    pub entries: BTreeMap<String, Vec<Entry>>,
    pub coupons: BTreeMap<CouponCode, Coupon>,
    pub profiles: BTreeMap<String, Profile>,
    /// What counted once and counts no more.
    marks: BTreeSet<(String, String)>,
    interactions: BTreeSet<String>,
    /// The last local day that the jobs have served.
    served: Day,
    receipts: BTreeMap<ReceiptId, (String, Receipt, Entry)>,
    refunds: BTreeMap<ReceiptId, Vec<(Refund, Entry)>>,
    waiting: BTreeMap<ReceiptId, Vec<Refund>>,
    seeds: u32,
    /// The units issued of each reward.
    issued: BTreeMap<RewardId, u32>,
    /// The points drawn from each budget.
    pub drawn: BTreeMap<BudgetPeriod, i64>,
}

impl Book {
    pub fn open(program: &Value, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let program = CompiledProgram::new(SubmittedProgram::read(program)?, 1);
        Ok(Self {
            served: Day::of(now, &program.zone),
            profiles: BTreeMap::new(),
            marks: BTreeSet::new(),
            interactions: BTreeSet::new(),
            versions: BTreeMap::from([(1, program.clone())]),
            program,
            now,
            accounts: BTreeMap::new(),
            entries: BTreeMap::new(),
            coupons: BTreeMap::new(),
            receipts: BTreeMap::new(),
            refunds: BTreeMap::new(),
            waiting: BTreeMap::new(),
            seeds: 0,
            issued: BTreeMap::new(),
            drawn: BTreeMap::new(),
        })
    }

    /// Puts another version of the program in force.
    pub fn publish(&mut self, program: &Value) {
        let version = self.program.version + 1;
        self.program = CompiledProgram::new(SubmittedProgram::read(program).unwrap(), version);
        self.versions.insert(version, self.program.clone());
    }

    pub fn account(&mut self, member: &str) -> Account {
        self.accounts.entry(member.to_owned()).or_insert_with(|| Account::new(Status::Visitor)).clone()
    }

    /// What each rule did with a receipt that was decided, and why.
    pub fn explained(&self, receipt: &str) -> Vec<RuleExplanation> {
        let (_, receipt, entry) = &self.receipts[&ReceiptId::new(receipt).unwrap()];
        explain_receipt(&self.program, receipt, entry, None)
    }

    /// What the member has at the present moment.
    pub fn view(&mut self, member: &str) -> Account {
        let (program, now) = (self.program.clone(), self.now);
        self.account(member).settled_at(&program, now)
    }

    fn decide<E>(
        &mut self,
        member: &str,
        decide: impl FnOnce(&Context<'_>, &Account) -> Result<Decision, E>,
    ) -> Result<Entry, E> {
        let member = &*self.current(member);
        let account = self.account(member);
        self.seeds += 1;
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&self.seeds.to_be_bytes());
        let id = MemberId::new(member).unwrap();
        let supply = Supply { left: self.left(), budgets: self.budgets(), ..Supply::default() };
        let context = Context {
            program: &self.program,
            member: &id,
            profile: self.profiles.get(member),
            now: self.now,
            seed: Seed(seed),
            supply: &supply,
        };
        let decision = decide(&context, &account)?;
        Ok(self.commit(member, &account, decision))
    }

    /// The member that a member is part of now, or itself.
    pub fn current(&mut self, member: &str) -> String {
        let target = self.account(member).merged_into;
        target.map_or_else(|| member.to_owned(), |target| self.current(target.as_str()))
    }

    /// Merges a member into another one.
    pub fn merge(&mut self, source: &str, target: &str) -> Result<(), MergeFault> {
        self.decide_both(source, target, |source, target| decide_merge(source, target, None))
    }

    /// As [`Self::merge`], but asked for by a person.
    pub fn merge_by_support(&mut self, source: &str, target: &str) -> Result<(), MergeFault> {
        self.decide_both(source, target, |source, target| decide_merge(source, target, Some("support")))
    }

    fn decide_both<E>(
        &mut self,
        source: &str,
        target: &str,
        decide: impl FnOnce((&Context<'_>, &Account), (&Context<'_>, &Account)) -> Result<[Decision; 2], E>,
    ) -> Result<(), E> {
        let accounts = [self.account(source), self.account(target)];
        let ids = [source, target].map(|id| MemberId::new(id).unwrap());
        let supply = Supply::default();
        let context = |place: usize, profile| Context {
            program: &self.program,
            member: &ids[place],
            profile,
            now: self.now,
            seed: Seed([9; 32]),
            supply: &supply,
        };
        let (from, into) = (context(0, self.profiles.get(source)), context(1, self.profiles.get(target)));
        let [left, arrived] = decide((&from, &accounts[0]), (&into, &accounts[1]))?;
        self.commit(source, &accounts[0], left);
        self.commit(target, &accounts[1], arrived);
        Ok(())
    }

    /// The units left of every reward with a stock.
    fn left(&self) -> BTreeMap<RewardId, u32> {
        let rewards = self.program.program.rewards.iter();
        let left = rewards.filter_map(|reward| {
            let issued = self.issued.get(&reward.id).copied().unwrap_or(0);
            Some((reward.id.clone(), reward.stock?.saturating_sub(issued)))
        });
        left.collect()
    }

    /// The points left of every budget that was drawn from, and of those of today.
    fn budgets(&self) -> BTreeMap<BudgetPeriod, i64> {
        let today = Day::of(self.now, &self.program.zone);
        let all = ProgramBudget::all(&self.program.program, &self.program.zone, today);
        let points = |rule: Option<&RuleId>| match rule {
            None => self.program.program.budget,
            Some(rule) => self.program.rules.get(rule).and_then(|rule| rule.rule.budget),
        };
        let periods = all.into_iter().map(|budget| budget.period).chain(self.drawn.keys().cloned());
        let left = periods.filter_map(|period| {
            let total = points(period.rule.as_ref())?.points.get();
            let drawn = self.drawn.get(&period).copied().unwrap_or(0);
            Some((period, total - drawn))
        });
        left.collect()
    }

    fn commit(&mut self, member: &str, before: &Account, decision: Decision) -> Entry {
        assert_eq!(decision.account.version, before.version + decision.entries().count() as u64);
        // What is stored must come back as it was.
        let account: Account = unpack(&pack(&decision.account).unwrap()).unwrap();
        assert_eq!(account, decision.account);
        let written: Vec<Entry> = decision.entries().cloned().collect();
        for (place, entry) in (1..).zip(&written) {
            assert_eq!(entry.sequence, before.version + place);
            assert_eq!(&unpack::<Entry>(&pack(entry).unwrap()).unwrap(), entry);
        }
        assert!(decision.issued.len() + decision.changed.len() <= MOST_COUPONS);
        for reward in decision.stock {
            *self.issued.entry(reward).or_default() += 1;
        }
        for (period, points) in decision.budgets {
            *self.drawn.entry(period).or_default() += points;
        }
        for coupon in decision.issued {
            assert!(self.coupons.insert(coupon.code.clone(), coupon).is_none(), "a code was issued twice");
        }
        for (old, new) in decision.changed {
            assert_eq!(self.coupons.insert(new.code.clone(), new), Some(old));
        }
        self.accounts.insert(member.to_owned(), account);
        self.entries.entry(member.to_owned()).or_default().extend(written);
        decision.entry
    }

    /// Lets time pass: every local day that began is served, as the jobs do.
    pub fn pass(&mut self, now: Timestamp) {
        self.now = now;
        let today = Day::of(now, &self.program.zone);
        while self.served < today {
            self.served = self.served.plus_days(1);
            let day = self.served;
            let born = self.program.birthdays_on(day);
            let members: Vec<String> = self.accounts.keys().cloned().collect();
            for member in members {
                let birth = self.profiles.get(&member).and_then(|profile| profile.birth_date);
                if birth.is_some_and(|birth| born.contains(&birth.month_and_day())) {
                    let _ = self.decide(&member, |context, account| decide_birthday(context, account, day).ok_or(()));
                }
            }
        }
        let due = self.accounts.iter().filter(|(_, account)| account.due.is_some_and(|due| due.day <= today));
        for member in due.map(|(member, _)| member.clone()).collect::<Vec<_>>() {
            let mut next = None;
            let decided = self.decide(&member, |context, account| {
                decide_due(context, account).map_err(|nothing| next = Some(nothing))
            });
            if let (Err(()), Some(next), Some(account)) = (decided, next, self.accounts.get_mut(&member)) {
                (account.due, account.warned) = (next.due, next.warned);
            }
        }
    }

    pub fn adjust(&mut self, member: &str, body: &Value) -> Result<Entry, AdjustmentFault> {
        let adjustment = read_adjustment(body).unwrap();
        self.decide(member, |context, account| decide_adjustment(context, account, &adjustment, "tests"))
    }

    /// Asserts what must hold at every moment (invariants 1, 2 and 6 of the specification).
    pub fn check(&self) {
        self.check_ledger();
        crate::figures::compare(self);
        crate::figures::reconcile(self);
    }

    /// Checks balances and decisions, without the figures, which take longer with each entry.
    pub fn check_ledger(&self) {
        for (member, account) in &self.accounts {
            let mut audit = MemberAudit::default();
            self.entries.get(member).into_iter().flatten().for_each(|entry| audit.add(entry));
            assert_eq!(audit.compare(account), Vec::<String>::new(), "{member}");
        }
        for receipt in self.receipts.keys() {
            let deciding = self.entries.values().flatten().filter(|entry| entry.is_decision_on(receipt));
            assert_eq!(deciding.count(), 1, "receipt {receipt}");
        }
    }

    /// What a member's entries moved since there were `known` of them, releases and expiries left out.
    pub fn moved_since(&self, member: &str, known: usize) -> Both {
        let entries = self.entries.get(member).map(|entries| &entries[known..]).unwrap_or_default();
        entries
            .iter()
            .flat_map(|entry| &entry.movements)
            .filter(|movement| !matches!(movement.kind, MovementType::Release | MovementType::Expire))
            .fold(Both::ZERO, |sum, movement| sum.plus(movement.delta()))
    }
}
