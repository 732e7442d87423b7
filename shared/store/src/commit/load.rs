//! What a decision must know of each party, read anew for each attempt.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tessera_domain::account::Account;
use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{Context, Seed, Supply};
use tessera_domain::ids::{CouponCode, MemberId, ProgramId};
use tessera_domain::ledger::Entry;
use tessera_domain::member::Profile;
use tessera_domain::program::CompiledProgram;

use super::{Commit, Party, PartyAccount};
use crate::items::{Reader, name};
use crate::keys::{self, Key};
use crate::open::{self, MAX_ALIASES, endless};
use crate::{Store, StoreError, hashes};

const LOAD: &str = "loading what a decision needs";

/// The state of one party that a decision is made from.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// Whose account it is.
    pub member: &'a MemberId,
    /// The account; a blank visitor's of version 0 when nothing is stored.
    pub account: &'a Account,
    /// Fresh randomness.
    pub seed: Seed,
    /// What the decision may give away.
    pub supply: &'a Supply,
    /// True when the once-only key of the party was used before.
    pub marked: bool,
    /// The profile, where the party asked for it and there is one.
    pub profile: Option<&'a Profile>,
    /// Those of the party's codes that exist, whoever owns them; with a history, all coupons of the member.
    pub coupons: &'a [Coupon],
    /// The entries of the party's receipt, by sequence.
    pub history: &'a [Entry],
}

impl<'a> Snapshot<'a> {
    /// The context in which this party's decision is made, at `now`.
    pub const fn context(&self, program: &'a CompiledProgram, now: Timestamp) -> Context<'a> {
        let Self { member, seed, supply, profile, .. } = *self;
        Context { program, member, profile, now, seed, supply }
    }
}

/// What was loaded of one party.
#[derive(Debug)]
pub(super) struct LoadedParty {
    /// Whose account it is.
    pub member: MemberId,
    pub account: Account,
    pub profile: Option<Profile>,
    pub marked: bool,
    /// The entry under the party's key that was written before the account was taken over from another member.
    pub decided: Option<Entry>,
    pub history: Vec<Entry>,
    pub coupons: Vec<Coupon>,
    /// The coupons' bytes: a change is conditional on them.
    pub packed: BTreeMap<CouponCode, Vec<u8>>,
}

impl LoadedParty {
    fn new(member: MemberId) -> Self {
        Self {
            member,
            account: Account::default(),
            profile: None,
            marked: false,
            decided: None,
            history: Vec::new(),
            coupons: Vec::new(),
            packed: BTreeMap::new(),
        }
    }

    /// True when the member was erased.
    pub const fn is_erased(&self) -> bool {
        self.account.erased_at.is_some()
    }

    /// What the decision sees of it.
    pub fn snapshot<'a>(&'a self, seed: Seed, supply: &'a Supply) -> Snapshot<'a> {
        Snapshot {
            member: &self.member,
            account: &self.account,
            seed,
            supply,
            marked: self.marked,
            profile: self.profile.as_ref(),
            coupons: &self.coupons,
            history: &self.history,
        }
    }
}

impl Store {
    /// Loads all parties of a commit, in their order.
    pub(super) async fn load_parties<const N: usize>(
        &self,
        commit: &Commit<'_, N>,
    ) -> Result<[LoadedParty; N], StoreError> {
        let mut loaded = Vec::with_capacity(N);
        for party in &commit.parties {
            let party = self.load_party(commit.program, party).await?;
            if loaded.iter().any(|other: &LoadedParty| other.member == party.member) {
                return Err(StoreError::OneMember { operation: LOAD });
            }
            loaded.push(party);
        }
        let incomplete = |_| StoreError::Item { operation: LOAD, attribute: "each party" };
        <[LoadedParty; N]>::try_from(loaded).map_err(incomplete)
    }

    /// The account is read first: whatever is read after it and then changes, changes the account too.
    async fn load_party(&self, program: &ProgramId, party: &Party<'_>) -> Result<LoadedParty, StoreError> {
        let is_own = party.account == PartyAccount::Own;
        let mut loaded = self.load_person(program, party.member, party).await?;
        for _ in 0..MAX_ALIASES {
            let Some(target) = loaded.account.merged_into.clone().filter(|_| !is_own) else { break };
            loaded = self.load_person(program, &target, party).await?;
        }
        if loaded.account.merged_into.is_some() && !is_own {
            return Err(endless());
        }
        let owners = open::owners(&loaded.member, &loaded.account);
        let sources = owners.get(1..).unwrap_or_default();
        if !sources.is_empty() {
            self.load_of_sources(program, sources, party, &mut loaded).await?;
        }
        let mut stored = self.stored_coupons(program, party.coupons.iter().map(FoldedCode::from)).await?;
        if let Some(history) = party.history {
            let entries = self.receipt_entries(program, &owners, history).await?;
            loaded.history.extend(entries.into_iter().map(|stored| stored.entry));
            // Any of them may have been given by a rule that is recounted, or have paid for the receipt.
            stored = self.all_coupons(program, &owners).await?;
        }
        for stored in stored {
            if loaded.packed.insert(stored.coupon.code.clone(), stored.packed).is_none() {
                loaded.coupons.push(stored.coupon);
            }
        }
        Ok(loaded)
    }

    /// Reads what members whose accounts were taken over have under the party's keys: an entry that decided the fact
    /// before, and the once-only marker. Nothing is written there any more.
    async fn load_of_sources(
        &self,
        program: &ProgramId,
        sources: &[MemberId],
        party: &Party<'_>,
        loaded: &mut LoadedParty,
    ) -> Result<(), StoreError> {
        let entry = |source| keys::entry(program, source, party.key.as_str());
        let mark = |source| party.mark.map(|once| mark_key(program, source, once));
        let wanted: Vec<Key> =
            sources.iter().flat_map(|source| std::iter::once(entry(source)).chain(mark(source))).collect();
        for item in self.get_many(LOAD, &self.tables.members, &wanted, true).await? {
            let reader = Reader::new(LOAD, &item);
            if reader.text(name::SK)?.starts_with(keys::MARKS) {
                loaded.marked = true;
            } else {
                loaded.decided = Some(reader.body()?);
            }
        }
        Ok(())
    }

    /// Reads the account, and what else of the member the party asks for, in one call.
    async fn load_person(
        &self,
        program: &ProgramId,
        member: &MemberId,
        party: &Party<'_>,
    ) -> Result<LoadedParty, StoreError> {
        let mut loaded = LoadedParty::new(member.clone());
        if party.account == PartyAccount::New {
            return Ok(loaded);
        }
        if party.mark.is_none() && !party.profile {
            loaded.account = self.get_account(program, member).await?.unwrap_or_default();
            return Ok(loaded);
        }
        let profile = party.profile.then(|| keys::profile(program, member));
        let mark = party.mark.map(|text| mark_key(program, member, text));
        let wanted: Vec<Key> = [keys::account(program, member)].into_iter().chain(profile).chain(mark).collect();
        for item in self.get_many(LOAD, &self.tables.members, &wanted, true).await? {
            let reader = Reader::new(LOAD, &item);
            match reader.text(name::SK)? {
                keys::ACCOUNT => loaded.account = reader.body()?,
                keys::PROFILE => loaded.profile = Some(reader.body()?),
                _ => loaded.marked = true,
            }
        }
        Ok(loaded)
    }
}

/// The key of a once-only marker: texts of any length are hashed.
pub(super) fn mark_key(program: &ProgramId, member: &MemberId, text: &str) -> Key {
    keys::mark(program, member, &hashes::sha256_hex(text.as_bytes()))
}
