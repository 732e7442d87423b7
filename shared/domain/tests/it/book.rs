//! A store in memory: accounts, entries and facts as the real one keeps them, so that decisions can be tested alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use tessera_domain::account::{Account, Status};
use tessera_domain::coupon::{Coupon, CouponFault, CouponStatus, FoldedCode};
use tessera_domain::decide::{
    AdjustmentFault, AdvocateChange, CommitFault, Context, CouponMove, CouponMoveFault, Decision, FriendChange,
    InteractionContext, MOST_COUPONS, MergeFault, ReceiptContext, Redemption, RedemptionFault, ReferralChange,
    RefundContext, Returned, RuleExplanation, Seed, Supply, decide_adjustment, decide_birthday, decide_cancel,
    decide_commit, decide_coupon_move, decide_due, decide_enrollment, decide_interaction, decide_merge, decide_profile,
    decide_receipt, decide_redemption, decide_refund, decide_settlement, explain_receipt, read_adjustment,
};
use tessera_domain::fact::{
    Receipt, Refund, Remaining, read_early_refund, read_interaction, read_receipt, read_refund_of,
};
use tessera_domain::figures::ProgramBudget;
use tessera_domain::ids::{CouponCode, MemberId, ReceiptId, RewardId, RuleId};
use tessera_domain::input::Fault;
use tessera_domain::ledger::{Entry, MemberAudit, MovementType};
use tessera_domain::member::{Profile, read_enrollment, read_patch};
use tessera_domain::pack::{pack, unpack};
use tessera_domain::points::{Both, Points};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::rule::BudgetPeriod;
use tessera_domain::time::Day;

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
        explain_receipt(&self.program, receipt, entry)
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

    /// Moves a coupon to another member.
    pub fn move_coupon(&mut self, code: &CouponCode, target: &str) -> Result<(), CouponMoveFault> {
        let coupon = self.coupons[code].clone();
        let source = self.current(coupon.member.as_str());
        let by = CouponMove { actor: "tests", reason: "booked on the wrong person" };
        self.decide_both(&source, target, |source, target| decide_coupon_move(source, target, &coupon, by))
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

    /// Takes a receipt; one that is known already changes nothing.
    pub fn receipt(&mut self, body: &Value) -> Result<Option<Entry>, Vec<Fault>> {
        let input = read_receipt(body, self.program.program.currency)?;
        let receipt = input.receipt;
        if self.receipts.contains_key(&receipt.id) {
            return Ok(None);
        }
        let member = member_of(body);
        let named: Vec<FoldedCode> = receipt.coupons.iter().map(FoldedCode::from).collect();
        let known = self.coupons.values().filter(|coupon| named.contains(&FoldedCode::from(&coupon.code)));
        let coupons: Vec<Coupon> = known.cloned().collect();
        let fact = ReceiptContext { receipt: &receipt, coupons: &coupons };
        let entry = self.decide(&member, |context, account| Ok::<_, ()>(decide_receipt(context, account, &fact)));
        let entry = entry.unwrap();
        self.receipts.insert(receipt.id.clone(), (member, receipt.clone(), entry.clone()));
        for refund in self.waiting.remove(&receipt.id).unwrap_or_default() {
            self.take_refund(&receipt.id, refund)?;
        }
        Ok(Some(entry))
    }

    /// Takes a refund; one that is known already changes nothing, one without its receipt waits.
    pub fn refund(&mut self, receipt: &str, body: &Value) -> Result<Option<Entry>, Vec<Fault>> {
        let id = ReceiptId::new(receipt).unwrap();
        if let Some((_, receipt, _)) = self.receipts.get(&id) {
            let refund = read_refund_of(body, receipt)?;
            self.take_refund(&id, refund)
        } else {
            self.waiting.entry(id).or_default().push(read_early_refund(body)?);
            Ok(None)
        }
    }

    fn take_refund(&mut self, id: &ReceiptId, refund: Refund) -> Result<Option<Entry>, Vec<Fault>> {
        let (member, receipt, decision) = self.receipts[id].clone();
        let refund = refund.in_currency(receipt.currency);
        let id = id.clone();
        loop {
            let earlier = self.refunds.get(&id).cloned().unwrap_or_default();
            if earlier.iter().any(|(other, entry)| other.id == refund.id && entry.step.is_none()) {
                return Ok(None);
            }
            let coupons = self.coupons.clone();
            let decided_by = self.versions[&decision.program_version].clone();
            let fact = RefundContext {
                refund: &refund,
                receipt: &receipt,
                decision: &decision,
                earlier: &earlier,
                decided_by: &decided_by,
                coupons: &coupons,
            };
            let entry = self.decide(&member, |context, account| Ok::<_, ()>(decide_refund(context, account, &fact)));
            let entry = entry.unwrap();
            self.refunds.entry(id.clone()).or_default().push((refund.clone(), entry.clone()));
            // One that cancels many coupons takes several steps.
            if entry.step.is_none() {
                return Ok(Some(entry));
            }
        }
    }

    /// Enrols whoever the body names; false when they were enrolled already.
    pub fn enroll(&mut self, body: &Value) -> bool {
        let input = read_enrollment(body).unwrap();
        let member = name_of(body);
        let now = self.now;
        let before = self.profiles.entry(member.clone()).or_insert_with(|| Profile::new(&input.reference, now));
        let mut profile = before.clone();
        input.details.clone().apply(&mut profile).unwrap();
        profile.referred_with = input.referral_code.clone().or(profile.referred_with);
        profile.note_changes(before, now);
        profile.enrolled(now);
        *before = profile;
        let decided = self.decide(&member, |context, account| decide_enrollment(context, account).ok_or(()));
        decided.is_ok()
    }

    /// Changes a profile; true when a rule had something to say to it.
    pub fn patch(&mut self, member: &str, body: &Value) -> bool {
        let now = self.now;
        let known = self.profiles.get_mut(member).unwrap();
        let before = known.clone();
        read_patch(body).unwrap().apply(known).unwrap();
        known.note_changes(&before, now);
        self.decide(member, |context, account| decide_profile(context, account).ok_or(())).is_ok()
    }

    /// Takes an interaction; one that is known already changes nothing.
    pub fn interaction(&mut self, body: &Value) -> Option<Entry> {
        let interaction = read_interaction(body).unwrap().interaction;
        if !self.interactions.insert(interaction.id.to_string()) {
            return None;
        }
        let member = member_of(body);
        let mark = interaction.once().map(|once| (member.clone(), once));
        let counted_before = mark.as_ref().is_some_and(|mark| self.marks.contains(mark));
        let fact = InteractionContext { interaction: &interaction, counted_before };
        let mut marks = false;
        let entry = self.decide(&member, |context, account| {
            let decision = decide_interaction(context, account, &fact);
            marks = decision.marks;
            Ok::<_, ()>(decision)
        });
        if marks {
            assert!(self.marks.insert(mark.unwrap()), "a mark was taken twice");
        }
        entry.ok()
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

    pub fn referral(&mut self, member: &str, role: tessera_domain::rule::ReferralRole, referral: &str) {
        let done = self.decide(member, |context, account| {
            let change = match role {
                tessera_domain::rule::ReferralRole::Friend => ReferralChange {
                    friend: Some(FriendChange { fires_rules: true, ..FriendChange::default() }),
                    advocate: None,
                },
                tessera_domain::rule::ReferralRole::Advocate => {
                    ReferralChange { friend: None, advocate: Some(AdvocateChange::Counts) }
                }
            };
            let referral = referral.parse().unwrap();
            tessera_domain::decide::decide_referral(context, account, &referral, &change, &[])
        });
        done.unwrap();
    }

    /// Changes a member's side of a referral, with all coupons at hand.
    pub fn change_referral(&mut self, member: &str, referral: &str, change: &ReferralChange<'_>) -> Entry {
        let coupons: Vec<Coupon> = self.coupons.values().cloned().collect();
        let referral = referral.parse().unwrap();
        let done = self.decide(member, |context, account| {
            tessera_domain::decide::decide_referral(context, account, &referral, change, &coupons)
        });
        done.unwrap()
    }

    pub fn redeem(&mut self, member: &str, reward: &str, reserve: Option<u32>) -> Result<CouponCode, RedemptionFault> {
        self.redeem_as(member, reward, reserve, false)
    }

    pub fn redeem_as(
        &mut self,
        member: &str,
        reward: &str,
        reserve_minutes: Option<u32>,
        by_member: bool,
    ) -> Result<CouponCode, RedemptionFault> {
        let reward = RewardId::new(reward).unwrap();
        self.redeem_by(member, &Redemption { reward, points: None, reserve_minutes, apply: false, by_member })
    }

    /// Pays with a chosen number of points.
    pub fn pay(&mut self, member: &str, reward: &str, points: Option<i64>) -> Result<CouponCode, RedemptionFault> {
        let (reward, points) = (RewardId::new(reward).unwrap(), points.map(Points::new));
        let wish = Redemption { reward, points, reserve_minutes: None, apply: false, by_member: false };
        self.redeem_by(member, &wish)
    }

    /// Pays with points at once, or reserves them.
    pub fn pay_or_reserve(
        &mut self,
        member: &str,
        reward: &str,
        points: i64,
        reserve_minutes: Option<u32>,
    ) -> Result<CouponCode, RedemptionFault> {
        let (reward, points) = (RewardId::new(reward).unwrap(), Some(Points::new(points)));
        self.redeem_by(member, &Redemption { reward, points, reserve_minutes, apply: false, by_member: false })
    }

    fn redeem_by(&mut self, member: &str, wish: &Redemption) -> Result<CouponCode, RedemptionFault> {
        let known: BTreeSet<CouponCode> = self.coupons.keys().cloned().collect();
        self.decide(member, |context, account| decide_redemption(context, account, wish))?;
        Ok(self.coupons.keys().find(|code| !known.contains(*code)).unwrap().clone())
    }

    pub fn coupon(&mut self, code: &CouponCode, action: &str, receipt: Option<&str>) -> Result<(), CouponFault> {
        let coupon = self.coupons[code].clone();
        let member = coupon.member.as_str().to_owned();
        match action {
            "commit" if coupon.status_at(self.now) == CouponStatus::Available => Ok(()),
            "commit" => {
                let done = self.decide(&member, |context, account| decide_commit(context, account, &coupon));
                done.map(drop).map_err(|fault| match fault {
                    CommitFault::State(state) => state,
                    CommitFault::CodesUnavailable => panic!("no code"),
                })
            }
            "cancel" => self.decide(&member, |context, account| decide_cancel(context, account, &coupon)).map(drop),
            "apply" | "use" => {
                let status = if action == "use" { CouponStatus::Used } else { CouponStatus::Applied };
                let receipt = receipt.map(|id| ReceiptId::new(id).unwrap()).or(coupon.receipt.clone());
                self.coupons.insert(code.clone(), Coupon { status, receipt, ..coupon });
                Ok(())
            }
            other => panic!("what is {other}?"),
        }
    }

    /// Settles a used coupon with its owner, as the functions do; true when there was something to settle.
    pub fn settle_coupon(&mut self, code: &CouponCode) -> bool {
        let coupon = self.coupons[code].clone();
        let found = coupon.receipt.as_ref().and_then(|id| self.receipts.get(id)).cloned();
        let remainder = found.map(|(_, receipt, _)| {
            let refunds = self.refunds.get(&receipt.id).into_iter().flatten();
            let accepted = refunds.filter(|(_, entry)| entry.rejected.is_none()).map(|(refund, _)| refund);
            let remaining = Remaining::after(&receipt, accepted);
            (receipt, remaining)
        });
        let returned = remainder.as_ref().map(|(receipt, remaining)| Returned { receipt, remaining });
        let owner = coupon.member.as_str().to_owned();
        let settled =
            self.decide(&owner, |context, account| decide_settlement(context, account, &coupon, returned).ok_or(()));
        settled.is_ok()
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

    pub fn receipt_of(&self, id: &str) -> Option<&(String, Receipt, Entry)> {
        self.receipts.get(&ReceiptId::new(id).unwrap())
    }
}

/// The inner name of whoever a body's `member` names; here simply the first identifier.
pub fn member_of(body: &Value) -> String {
    name_of(&body["member"])
}

fn name_of(member: &Value) -> String {
    let text = |field: &str| member[field].as_str().map(str::to_owned);
    text("id").or_else(|| text("email").map(|email| format!("email:{email}"))).unwrap()
}
