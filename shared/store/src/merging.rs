//! Merges by support, which can be undone: the transaction keeps both accounts as they were.

use jiff::Timestamp;
use tessera_domain::audit::AuditChange;
use tessera_domain::decide::{Decision, KeptMerge, UNMERGE_WITHIN};
use tessera_domain::ids::{MemberId, ProgramId};

use crate::items::{Reader, bytes, item, name, number, packed};
use crate::writes::Write;
use crate::{Audit, Commit, CommitError, Committed, Snapshot, Store, StoreError, keys};

const KEEP: &str = "keeping what a merge unites";
const READ: &str = "reading what a merge kept";
/// The most that is kept, in bytes: DynamoDB takes items of 400 KB.
const MAX_KEPT_BYTES: usize = 390_000;

impl Store {
    /// Commits a merge of the first party into the second one, as [`Store::commit_all`], and keeps both accounts.
    ///
    /// # Errors
    /// As [`Store::commit_all`].
    pub async fn commit_merge<E, F>(
        &self,
        commit: &Commit<'_, 2>,
        audit: &Audit,
        now: Timestamp,
        decide: F,
    ) -> Result<[Committed; 2], CommitError<E>>
    where
        F: Fn(&[Snapshot<'_>; 2]) -> Result<[Decision; 2], E>,
    {
        let keep = |seen: &[Snapshot<'_>; 2], decisions: &[Decision; 2]| {
            let ([source, target], [_, into]) = (seen, decisions);
            let kept = KeptMerge {
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

    /// What the merge of a member into another one kept, strongly consistent; `None` when it is too long ago.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn kept_merge(&self, program: &ProgramId, source: &MemberId) -> Result<Option<KeptMerge>, StoreError> {
        let found = self.get(READ, &self.tables.members, &keys::kept(program, source), true).await?;
        found.map(|item| Reader::new(READ, &item).body()).transpose()
    }
}
