//! Merges by support, which can be undone: the transaction keeps both accounts as they were.

use jiff::Timestamp;
use tessera_domain::audit::AuditChange;
use tessera_domain::decide::{Decision, KeptFriend, KeptMerge, UNMERGE_WITHIN};
use tessera_domain::ids::{MemberId, ProgramId};

use crate::calls::Range;
use crate::items::{Reader, bytes, item, name, number, packed};
use crate::writes::Write;
use crate::{
    AnewFact, Audit, Commit, CommitError, Committed, FriendUpdate, OpenedMember, Snapshot, Store, StoreError,
    StoredEntry, StoredFriend, UndoneMerge, keys,
};

const KEEP: &str = "keeping what a merge unites";
const READ: &str = "reading what a merge kept";
const SINCE: &str = "reading what came since a merge";
/// The most that is kept, in bytes: DynamoDB takes items of 400 KB.
const MAX_KEPT_BYTES: usize = 390_000;

/// The referrals between two members, as they were when the accounts had these versions.
#[derive(Debug, Clone, Default)]
pub struct Between {
    /// The referrals.
    pub friends: Vec<KeptFriend>,
    /// The versions of the source's and the target's accounts.
    pub versions: [u64; 2],
}

impl Store {
    /// The referrals of two members of whom one is the other's advocate, strongly consistent.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn referrals_between(
        &self,
        program: &ProgramId,
        [source, target]: [&OpenedMember; 2],
    ) -> Result<Between, StoreError> {
        let mut friends = Vec::new();
        for (friend, advocate) in [(source, target), (target, source)] {
            let owners = advocate.owners();
            let stored = self.friend_referrals(program, &friend.owners()).await?;
            let is_between =
                |stored: &StoredFriend| stored.known.referrals.iter().any(|one| owners.contains(&one.advocate));
            let between = stored.into_iter().filter(is_between);
            friends.extend(between.map(|stored| KeptFriend { member: stored.member, known: stored.known }));
        }
        Ok(Between { friends, versions: [source.account.version, target.account.version] })
    }

    /// Commits a merge of the first party into the second one, as [`Store::commit_all`], and keeps both accounts.
    ///
    /// # Errors
    /// As [`Store::commit_all`].
    pub async fn commit_merge<E, F>(
        &self,
        commit: &Commit<'_, 2>,
        audit: &Audit,
        now: Timestamp,
        between: &Between,
        decide: F,
    ) -> Result<[Committed; 2], CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; 2]) -> Result<[Decision; 2], E>,
    {
        let keep = |seen: &[Snapshot<'_>; 2], decisions: &[Decision; 2]| {
            let ([source, target], [_, into]) = (seen, decisions);
            // Referrals change with an account. Those of other versions may be out of date.
            let is_current = between.versions == [source.account.version, target.account.version];
            let kept = KeptMerge {
                friends: if is_current { between.friends.clone() } else { Vec::new() },
                at: now,
                into: target.member.clone(),
                version: into.account.version,
                source: source.account.clone(),
                target: target.account.clone(),
            };
            let forgotten = now.saturating_add(UNMERGE_WITHIN).map_or(i64::MAX, Timestamp::as_second);
            let changes = AuditChange::of_decisions(seen.iter().map(|party| party.member).zip(decisions));
            let mut writes = vec![self.audit_write(commit.program, audit, changes)?];
            let body = packed(KEEP, &kept)?;
            // The merge of two accounts that fill an item each cannot be undone.
            if body.len() <= MAX_KEPT_BYTES {
                let lead = [(name::BODY, bytes(body)), (name::TTL, number(forgotten))];
                writes.push(Write::put(&self.tables.members, item(&keys::kept(commit.program, source.member), lead)));
            }
            Ok(writes)
        };
        let committed = self.commit_with(commit, keep, decide).await?;
        committed.ok_or_else(|| StoreError::Contended { operation: KEEP, tries: 1 }.into())
    }

    /// Commits the end of a merge, with the marks of the facts that are decided anew and the referrals that stand again.
    /// `None`, and nothing written, when one of them has changed since it was read.
    ///
    /// # Errors
    /// As [`Store::commit_all`].
    pub async fn commit_unmerge<E, F>(
        &self,
        commit: &Commit<'_, 2>,
        audit: &Audit,
        (facts, undone): (&[AnewFact], UndoneMerge<'_>),
        friends: &[(StoredFriend, FriendUpdate)],
        decide: F,
    ) -> Result<Option<[Committed; 2]>, CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; 2]) -> Result<[Decision; 2], E>,
    {
        let further = |seen: &[Snapshot<'_>; 2], decisions: &[Decision; 2]| {
            let changes = AuditChange::of_decisions(seen.iter().map(|party| party.member).zip(decisions));
            let mut writes = vec![self.audit_write(commit.program, audit, changes)?];
            writes.extend(self.anew_writes(commit.program, facts, undone)?);
            for (before, update) in friends {
                writes.extend(self.friend_writes(commit.program, before, update)?);
            }
            Ok(writes)
        };
        self.commit_with(commit, further, decide).await
    }

    /// A member's entries after a version of the account, by sequence, strongly consistent. Those of others whose accounts it
    /// took over are left out. Reads the whole ledger of the member.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn entries_after(
        &self,
        program: &ProgramId,
        member: &MemberId,
        version: u64,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let range = Range::all(keys::member_partition(program, member), keys::ENTRIES);
        let items = self.range(SINCE, &self.tables.members, range).await?;
        let mut entries = items.iter().map(StoredEntry::read).collect::<Result<Vec<_>, _>>()?;
        entries.retain(|stored| stored.entry.sequence > version);
        entries.sort_by_key(|stored| stored.entry.sequence);
        Ok(entries)
    }

    /// What the merge of a member into another one kept, strongly consistent; `None` when it is too long ago.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn kept_merge(&self, program: &ProgramId, source: &MemberId) -> Result<Option<KeptMerge>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::kept(program, source), true).await?;
        found.map(|item| Reader::new(READ, &item).body()).transpose()
    }
}
