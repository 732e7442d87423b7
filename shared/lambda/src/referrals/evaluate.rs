//! Evaluation: brings the statuses and the rewards of a friend's referrals in line with everything known.

use jiff::Timestamp;
use tessera_domain::decide::{
    AdvocateChange, CouponMissing, FriendChange, ReferralChange, decide_referral, milestone_coupons, referral_gifts,
};
use tessera_domain::ids::{CouponCode, MemberId};
use tessera_domain::member::Holding;
use tessera_domain::program::{CompiledProgram, CompiledReferral, FriendRewardTime};
use tessera_domain::referral::{
    Conversions, FriendReferrals, FriendSign, Judgement, Referral, ReferralReason, ReferralStatus, judge,
};
use tessera_domain::rule::ReferralRole;
use tessera_domain::time::Day;
use tessera_store::{
    ActiveProgram, Commit, CommitError, EntryKey, FriendUpdate, OpenedMember, Party, Snapshot, StoreError, StoredFriend,
};

use super::suspect::{Pair, fresh, signs_of};
use crate::services::Services;

const EVALUATE: &str = "evaluating referrals";
/// How often an evaluation starts anew: after each change that it makes, and when others interfere.
const TRIES: u32 = 40;

/// A referral and where it is stored.
#[derive(Clone, Copy)]
struct ReferralPlace {
    friend: usize,
    referral: usize,
}

/// A change of the ledger that a referral asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Both sides lose what the referral gave.
    TakeBack,
    /// Both sides get their rewards.
    Reward,
    /// The friend gets the reward for having come.
    Welcome,
}

/// Everything that an evaluation works with.
struct Evaluation<'a> {
    program: &'a ActiveProgram,
    /// The referral program in force; `None` when it was removed. What was given before is still taken back.
    referral: Option<&'a CompiledReferral>,
    friend: OpenedMember,
    stored: Vec<StoredFriend>,
    places: Vec<ReferralPlace>,
    /// The members who the advocates are now; `None` for one who was erased.
    advocates: Vec<Option<MemberId>>,
    judged: Vec<Judgement>,
    /// Why each of the referrals is refused.
    refused: Vec<Option<ReferralReason>>,
    /// Signs of the friend that are not stored yet.
    signs: Vec<FriendSign>,
    now: Timestamp,
}

impl Services {
    /// Evaluates all referrals of a friend. It may run any number of times.
    ///
    /// # Errors
    /// When the store fails; evaluating again completes it.
    pub async fn evaluate_friend(&self, program: &ActiveProgram, friend: &MemberId) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let Some(evaluation) = self.prepare(program, friend).await? else { return Ok(()) };
            if let Some((place, step)) = evaluation.next_step() {
                self.take_step(&evaluation, place, step).await?;
                continue;
            }
            let mut is_done = true;
            for place in 0..evaluation.stored.len() {
                is_done &= self.write_statuses(&evaluation, place).await?;
            }
            if is_done {
                return Ok(());
            }
        }
        Err(StoreError::Contended { operation: EVALUATE, tries: TRIES })
    }

    async fn prepare<'a>(
        &self,
        program: &'a ActiveProgram,
        friend: &MemberId,
    ) -> Result<Option<Evaluation<'a>>, StoreError> {
        let Some(friend) = self.store.open_member(&program.id, friend).await? else { return Ok(None) };
        let owners = friend.owners();
        let stored = self.store.friend_referrals(&program.id, &owners).await?;
        let places: Vec<ReferralPlace> = stored
            .iter()
            .enumerate()
            .flat_map(|(friend, stored)| {
                (0..stored.known.referrals.len()).map(move |referral| ReferralPlace { friend, referral })
            })
            .collect();
        let mut all: Vec<Referral> =
            places.iter().map(|place| stored[place.friend].known.referrals[place.referral].clone()).collect();
        if all.is_empty() {
            return Ok(None);
        }
        let judged_by = all.iter().filter_map(|one| one.judged_by).min();
        let earlier = match judged_by.filter(|version| *version != program.compiled.version) {
            Some(version) => self.programs.at_version(&program.id, version).await?,
            None => None,
        };
        // A later version of the program never undoes a conversion that an earlier one has judged.
        let earlier = earlier.as_deref().and_then(|config| Some((config, config.referral.as_ref()?)));
        let referral = program.compiled.referral.as_ref();
        let current = referral.map(|referral| (&*program.compiled, referral));
        let Some((config, rules)) = earlier.or(current) else { return Ok(None) };
        let zone = &config.zone;
        let days = rules.program.attribution_days;
        let until = all.iter().map(|one| one.until(days, zone)).max();
        let until = until.map_or(Timestamp::UNIX_EPOCH, |day| day.plus_days(1).start(zone));
        let since = all.iter().map(Referral::since).min().unwrap_or(Timestamp::UNIX_EPOCH);
        let history = self.friend_history(program, rules, &owners, (since, until)).await?;
        let now = self.clock.now();
        let enrolled_at = friend.account.enrolled_at;
        let known = Conversions { enrolled_at, orders: &history.orders, events: &history.events };
        let mut judged = judge(&all, &known, config, rules, now);
        let is_welcome = referral.is_some_and(|referral| is_welcome(referral, &friend, &all));
        let (mut checked, mut signs) = (vec![false; all.len()], Vec::new());
        let is_open = |all: &[Referral], judged: &[Judgement], checked: &[bool], place: usize| {
            !checked[place] && gives_next(&all[place], &judged[place], is_welcome)
        };
        while let Some(place) = (0..all.len()).find(|place| is_open(&all, &judged, &checked, *place)) {
            checked[place] = true;
            let (refused, fresh) = self.compare_again(program, &friend, &stored, &all[place]).await?;
            signs = fresh;
            if refused.is_some() {
                all[place].refused = refused;
                // Another referral may count now.
                judged = judge(&all, &known, config, rules, now);
            }
        }
        let mut advocates = Vec::new();
        for (one, judgement) in all.iter().zip(&mut judged) {
            let (advocate, account) = self.store.open_account(&program.id, &one.advocate).await?;
            // The two became one person.
            if advocate == friend.member {
                let counts = matches!(judgement.status, ReferralStatus::Qualified | ReferralStatus::Rewarded);
                let status = if counts || one.counted { ReferralStatus::Reversed } else { ReferralStatus::Rejected };
                let reason = Some(ReferralReason::SelfReferral);
                *judgement = Judgement { status, reason, conversion: None };
            }
            // A program that was removed gives nothing more.
            if referral.is_none() && judgement.status == ReferralStatus::Rewarded && !one.counted {
                *judgement = Judgement { status: one.status, reason: one.reason, conversion: one.conversion };
            }
            advocates.push(Some(advocate).filter(|_| account.erased_at.is_none()));
        }
        let refused = all.iter().map(|one| one.refused).collect();
        Ok(Some(Evaluation { program, referral, friend, stored, places, advocates, judged, refused, signs, now }))
    }

    /// Compares a friend with an advocate by what is known now, before the referral gives something. Returns why it is refused,
    /// and the signs that are noted now.
    async fn compare_again(
        &self,
        program: &ActiveProgram,
        friend: &OpenedMember,
        stored: &[StoredFriend],
        one: &Referral,
    ) -> Result<(Option<ReferralReason>, Vec<FriendSign>), StoreError> {
        let texts = signs_of(&friend.profile, None);
        let fresh = fresh(&self.hashed(program, &texts).await?, stored);
        if let Some(first) = stored.first() {
            self.store.note_signs(&program.id, &first.member, &fresh).await?;
        }
        let signs: Vec<FriendSign> =
            stored.iter().flat_map(|stored| &stored.known.signs).chain(&fresh).cloned().collect();
        let advocate = self.store.open_member(&program.id, &one.advocate).await?;
        let refused = match advocate.filter(|advocate| advocate.member != friend.member) {
            Some(advocate) => {
                let pair = Pair { program, advocate: &advocate, friend };
                self.compare(pair, &texts, &signs, Some(one)).await?
            }
            None => None,
        };
        Ok((refused, fresh))
    }

    /// Writes the statuses of one of the friend's items. False when it has changed meanwhile.
    async fn write_statuses(&self, evaluation: &Evaluation<'_>, place: usize) -> Result<bool, StoreError> {
        let before = &evaluation.stored[place];
        let update = evaluation.update(place);
        if update.after == before.known {
            return Ok(true);
        }
        self.store.update_friend(&evaluation.program.id, before, &update).await
    }

    /// Commits one change of the ledger, with the statuses. Whether it was written is seen when the friend is read again.
    async fn take_step(&self, evaluation: &Evaluation<'_>, place: usize, step: Step) -> Result<(), StoreError> {
        let friend = &evaluation.friend.member;
        let advocate = evaluation.advocates[place].as_ref();
        let one = evaluation.referral(place);
        let before = &evaluation.stored[evaluation.places[place].friend];
        let gives_reward = step == Step::Welcome || (step == Step::Reward && !evaluation.friend_was_rewarded());
        let for_friend = || match step {
            Step::TakeBack => FriendChange { takes_back: &one.friend_gifts, ..FriendChange::default() },
            Step::Reward => FriendChange { gives_reward, fires_rules: true, ..FriendChange::default() },
            Step::Welcome => FriendChange { gives_reward, ..FriendChange::default() },
        };
        // Nothing is given to, or taken from, an advocate who was erased.
        let for_advocate = || match step {
            Step::TakeBack => advocate.map(|_| AdvocateChange::CountsNoMore(&one.advocate_gifts)),
            Step::Reward => advocate.map(|_| AdvocateChange::Counts),
            Step::Welcome => None,
        };
        let natural = format!("{}#{}", one.id, before.version);
        let due_at = evaluation.due_at(place).filter(|_| step == Step::Reward);
        let at = due_at.unwrap_or(evaluation.now);
        let (friend_key, advocate_key) = (
            EntryKey::referral(at, &format!("{natural}#friend")),
            EntryKey::referral(at, &format!("{natural}#advocate")),
        );
        let friend_coupons: Vec<CouponCode> = one.friend_gifts.iter().flat_map(|gift| gift.coupons.clone()).collect();
        let advocate_coupons = match (step, advocate) {
            (Step::Welcome, _) | (_, None) => Vec::new(),
            (Step::TakeBack | Step::Reward, Some(advocate)) => {
                let (_, account) = self.store.open_account(&evaluation.program.id, advocate).await?;
                let of_rules = one.advocate_gifts.iter().flat_map(|gift| gift.coupons.clone());
                of_rules.chain(milestone_coupons(&account)).collect()
            }
        };
        let step_of = PlannedStep { evaluation, place, step };
        let Some(advocate) = advocate.filter(|advocate| step != Step::Welcome && *advocate != friend) else {
            let codes: Vec<CouponCode> = friend_coupons.into_iter().chain(advocate_coupons).collect();
            let party = Party { profile: true, coupons: &codes, ..Party::new(friend, &friend_key) };
            let change = ReferralChange { due_at, friend: Some(for_friend()), advocate: for_advocate() };
            return self.commit_step(&step_of, [party], &[change]).await;
        };
        let parties = [
            Party { profile: true, coupons: &friend_coupons, ..Party::new(friend, &friend_key) },
            Party { profile: true, coupons: &advocate_coupons, ..Party::new(advocate, &advocate_key) },
        ];
        let changes = [
            ReferralChange { due_at, friend: Some(for_friend()), advocate: None },
            ReferralChange { due_at, friend: None, advocate: for_advocate() },
        ];
        self.commit_step(&step_of, parties, &changes).await
    }

    async fn commit_step<const N: usize>(
        &self,
        step: &PlannedStep<'_>,
        parties: [Party<'_>; N],
        changes: &[ReferralChange<'_>; N],
    ) -> Result<(), StoreError> {
        let evaluation = step.evaluation;
        let config = &evaluation.program.compiled;
        let before = &evaluation.stored[evaluation.places[step.place].friend];
        let id = &evaluation.referral(step.place).id;
        let commit = Commit { program: &evaluation.program.id, config, parties };
        let decide = |seen: &[Snapshot<'_>; N]| {
            let mut decisions = Vec::with_capacity(N);
            for (seen, change) in seen.iter().zip(changes) {
                let context = seen.context(config, evaluation.now);
                decisions.push(decide_referral(&context, seen.account, id, change, seen.coupons)?);
            }
            decisions.try_into().map_err(|_| CouponMissing)
        };
        let update = |decisions: &[tessera_domain::decide::Decision; N]| step.update(decisions);
        match self.store.commit_referral(&commit, before, update, decide).await {
            // Somebody was merged or erased meanwhile: the next attempt sees it.
            Ok(_)
            | Err(
                CommitError::Refused(CouponMissing)
                | CommitError::Store(StoreError::OneMember { .. } | StoreError::Erased { .. }),
            ) => Ok(()),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// A step of an evaluation.
struct PlannedStep<'a> {
    evaluation: &'a Evaluation<'a>,
    place: usize,
    step: Step,
}

impl PlannedStep<'_> {
    /// The friend's referrals after the step.
    fn update<const N: usize>(&self, decisions: &[tessera_domain::decide::Decision; N]) -> FriendUpdate {
        let evaluation = self.evaluation;
        let ReferralPlace { friend, referral } = evaluation.places[self.place];
        let mut update = evaluation.update(friend);
        let config = &evaluation.program.compiled;
        let one = &mut update.after.referrals[referral];
        let gifts =
            |role| -> Vec<_> { decisions.iter().flat_map(|decision| referral_gifts(decision, role, config)).collect() };
        match self.step {
            Step::TakeBack => {
                (one.counted, one.friends) = (false, None);
                one.friend_rewarded = false;
                one.friend_gifts.clear();
                one.advocate_gifts.clear();
            }
            Step::Reward => {
                one.counted = true;
                // The advocate's decision is the last one.
                let advocates = decisions.last().filter(|_| evaluation.advocates[self.place].is_some());
                one.friends = Some(advocates.map_or(0, |decision| decision.account.advocacy.friends));
                one.friend_rewarded |= !evaluation.friend_was_rewarded();
                one.friend_gifts.extend(gifts(ReferralRole::Friend));
                one.advocate_gifts.extend(gifts(ReferralRole::Advocate));
            }
            Step::Welcome => {
                one.friend_rewarded = true;
                one.friend_gifts.extend(gifts(ReferralRole::Friend));
            }
        }
        update
    }
}

impl Evaluation<'_> {
    fn referral(&self, place: usize) -> &Referral {
        let ReferralPlace { friend, referral } = self.places[place];
        &self.stored[friend].known.referrals[referral]
    }

    /// When the rewards of a referral fell due: at the end of its hold, but not before its code was named or a person
    /// approved it. `None` without a hold: the rewards are given when the conversion is noticed.
    fn due_at(&self, place: usize) -> Option<Timestamp> {
        let zone = &self.program.compiled.zone;
        let conversion = self.judged[place].conversion?;
        let hold_over = conversion.due.start(zone);
        if hold_over <= conversion.at {
            return None;
        }
        let one = self.referral(place);
        let reviewed_at = one.review.as_ref().map_or(hold_over, |review| review.at);
        Some(hold_over.max(one.first_at).max(reviewed_at).min(self.now))
    }

    /// True if the friend got the reward of the program for any of the referrals.
    fn friend_was_rewarded(&self) -> bool {
        self.stored.iter().flat_map(|stored| &stored.known.referrals).any(|one| one.friend_rewarded)
    }

    /// The first change of the ledger that is due. What is undone comes first.
    fn next_step(&self) -> Option<(usize, Step)> {
        let all = || (0..self.places.len()).map(|place| (place, self.referral(place), self.judged[place]));
        let undone = all().find(|(_, one, judged)| {
            let is_void = judged.reason.is_some_and(ReferralReason::is_void);
            let has_gifts = one.counted || (is_void && one.friend_rewarded);
            has_gifts && judged.status != ReferralStatus::Rewarded
        });
        if let Some((place, ..)) = undone {
            return Some((place, Step::TakeBack));
        }
        let referral = self.referral?;
        let due = all().find(|(_, one, judged)| judged.status == ReferralStatus::Rewarded && !one.counted);
        if let Some((place, ..)) = due {
            return Some((place, Step::Reward));
        }
        if !is_welcome(referral, &self.friend, self.stored.iter().flat_map(|stored| &stored.known.referrals)) {
            return None;
        }
        let came = |status| matches!(status, ReferralStatus::Pending | ReferralStatus::Qualified);
        all().find(|(_, _, judged)| came(judged.status)).map(|(place, ..)| (place, Step::Welcome))
    }

    /// One of the friend's items with the statuses as they were judged.
    fn update(&self, friend: usize) -> FriendUpdate {
        let mut after = self.stored[friend].known.clone();
        if friend == 0 {
            after.add_signs(&self.signs);
        }
        let judged = self.judged.iter().zip(self.refused.iter().copied());
        let places = self.places.iter().zip(judged).filter(|(place, _)| place.friend == friend);
        for (place, (judged, refused)) in places {
            let one = &mut after.referrals[place.referral];
            (one.status, one.reason, one.conversion) = (judged.status, judged.reason, judged.conversion);
            one.refused = refused;
            if one.judged_by.is_none() && one.conversion.is_some() {
                one.judged_by = Some(self.program.compiled.version);
            }
            let today = Day::of(self.now, &self.program.compiled.zone);
            let reminder = self.referral.and_then(|referral| reminder(one, referral, &self.program.compiled));
            one.reminded |= reminder.is_some_and(|day| day <= today);
        }
        let due = self.referral.and_then(|referral| next_due(&after, referral, &self.program.compiled, self.now));
        FriendUpdate { after, due, at: self.now }
    }
}

/// True if the friend still gets the reward for having come.
fn is_welcome<'a>(
    referral: &CompiledReferral,
    friend: &OpenedMember,
    all: impl IntoIterator<Item = &'a Referral>,
) -> bool {
    let on = referral.program.friend.as_ref().map(|friend| friend.on);
    let is_verified =
        friend.profile.id.is_some() || friend.profile.identifiers.iter().any(|held| held.holding == Holding::Verified);
    on == Some(FriendRewardTime::Attributed) && is_verified && !all.into_iter().any(|one| one.friend_rewarded)
}

/// True if a referral is about to give something that nobody has approved.
fn gives_next(one: &Referral, judged: &Judgement, is_welcome: bool) -> bool {
    let gives = match judged.status {
        ReferralStatus::Rewarded => true,
        ReferralStatus::Qualified => one.status != ReferralStatus::Qualified || is_welcome,
        ReferralStatus::Pending => is_welcome,
        ReferralStatus::Flagged | ReferralStatus::Rejected | ReferralStatus::Reversed => false,
    };
    gives && !one.counted && one.review.is_none() && one.refused.is_none()
}

/// The local day on which a friend who has not converted is reminded.
fn reminder(one: &Referral, referral: &CompiledReferral, program: &CompiledProgram) -> Option<Day> {
    let days = referral.program.remind_after_days?;
    let waits = one.status == ReferralStatus::Pending && !one.reminded;
    waits.then(|| Day::of(one.first_at, &program.zone).plus_days(days))
}

/// A change of a friend's referrals, with what falls due of them next.
pub fn friend_update(program: &ActiveProgram, after: FriendReferrals, now: Timestamp) -> FriendUpdate {
    let referral = program.compiled.referral.as_ref();
    let due = referral.and_then(|referral| next_due(&after, referral, &program.compiled, now));
    FriendUpdate { after, due, at: now }
}

/// The next local day on which something falls due for a friend: the end of a hold, or a reminder.
pub(super) fn next_due(
    known: &FriendReferrals,
    referral: &CompiledReferral,
    program: &CompiledProgram,
    now: Timestamp,
) -> Option<Day> {
    let today = Day::of(now, &program.zone);
    let holds = known.referrals.iter().filter(|one| one.status == ReferralStatus::Qualified);
    let holds = holds.filter_map(|one| one.conversion.map(|conversion| conversion.due));
    let reminders = known.referrals.iter().filter_map(|one| reminder(one, referral, program));
    holds.chain(reminders).map(|day| day.max(today)).min()
}
