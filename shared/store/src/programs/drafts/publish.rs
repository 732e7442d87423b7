//! How drafts come into force: at once, or at their time.

use std::sync::Arc;

use jiff::Timestamp;
use tessera_domain::audit::AuditChange;
use tessera_domain::ids::ProgramId;
use tessera_domain::program::{CompiledProgram, StoredProgram};

use super::{CHANGE, DraftApproval, DraftError, DraftStatus, ProgramDraft, READ};
use crate::calls::Range;
use crate::items::{Reader, item, name};
use crate::keys::{self, SCHEDULED};
use crate::programs::put::frozen;
use crate::programs::record::VersionRecord;
use crate::programs::{Head, PutProgramError};
use crate::writes::{Transacted, Write};
use crate::{Audit, Store, StoreError, retry};

impl Store {
    /// Publishes a draft, or schedules it when its time has not come. One that is scheduled or published stays as it is.
    ///
    /// # Errors
    /// See [`DraftError`].
    pub async fn publish_draft(
        &self,
        program: &ProgramId,
        id: &str,
        audit: &Audit,
        now: Timestamp,
    ) -> Result<ProgramDraft, DraftError> {
        for attempt in 1..=retry::TRIES {
            let draft = self.draft(program, id).await?.ok_or(DraftError::Unknown)?;
            if draft.status != DraftStatus::Draft {
                return Ok(draft);
            }
            let approval = DraftApproval { name: audit.actor.clone(), key: audit.key.clone() };
            let approved = ProgramDraft { approval: Some(approval), refusal: None, ..draft.clone() };
            let changed = match draft.publish_at.filter(|at| *at > now) {
                Some(at) => self.schedule(program, &draft, approved, at, audit).await?,
                None => self.put_in_force(program, &draft, approved, audit, now).await?,
            };
            if let Some(changed) = changed {
                return Ok(changed);
            }
            retry::pause(attempt).await;
        }
        Err(StoreError::Contended { operation: CHANGE, tries: retry::TRIES }.into())
    }

    /// Writes the approval and the time of a draft; `None` when somebody else changed it.
    async fn schedule(
        &self,
        program: &ProgramId,
        draft: &ProgramDraft,
        approved: ProgramDraft,
        at: Timestamp,
        audit: &Audit,
    ) -> Result<Option<ProgramDraft>, DraftError> {
        // It would be refused at its time: better now.
        let head = self.load_head(program).await?.ok_or(PutProgramError::Unknown)?;
        self.publishable(program, draft, &head).await?;
        let scheduled = ProgramDraft { status: DraftStatus::Scheduled, ..approved };
        let change =
            AuditChange::new("status", Some("draft".into()), Some(serde_json::json!({ "scheduled": at.to_string() })));
        let writes = vec![
            self.replace_write(program, draft, &scheduled)?,
            Write::put(&self.tables.programs, item(&keys::scheduled(program, at, &draft.id), [])),
            self.audit_write(program, audit, [change])?,
        ];
        let done = self.transact_patiently(CHANGE, writes).await? == Transacted::Done;
        Ok(done.then_some(scheduled))
    }

    /// Puts the version of a draft in force; `None` when somebody else changed the draft or the program.
    async fn put_in_force(
        &self,
        program: &ProgramId,
        draft: &ProgramDraft,
        approved: ProgramDraft,
        audit: &Audit,
        now: Timestamp,
    ) -> Result<Option<ProgramDraft>, DraftError> {
        let head = self.load_head(program).await?.ok_or(PutProgramError::Unknown)?;
        let next = self.publishable(program, draft, &head).await?;
        let published_version = Some(next.as_ref().map_or(head.version, |(next, _)| next.version()));
        let published = ProgramDraft { status: DraftStatus::Published, published_version, ..approved };
        let mut writes = vec![self.replace_write(program, draft, &published)?];
        if let Some((next, base)) = next {
            let record = VersionRecord::new(audit, &draft.diff).of_draft(draft);
            let versions = (&base.program, &next);
            writes.extend(self.version_writes(program, &head, versions, &draft.place, &record, now).await?);
        }
        if let (DraftStatus::Scheduled, Some(at)) = (draft.status, draft.publish_at) {
            writes.push(Write::delete(&self.tables.programs, &keys::scheduled(program, at, &draft.id)));
        }
        let changes = draft.diff.changes.iter().cloned().map(AuditChange::from);
        writes.push(self.audit_write(program, audit, changes)?);
        let done = self.transact_patiently(CHANGE, writes).await? == Transacted::Done;
        Ok(done.then_some(published))
    }

    /// Checks that a draft can come into force over a head. Returns its version, and the one that it replaces; `None` when it
    /// changes nothing.
    async fn publishable(
        &self,
        program: &ProgramId,
        draft: &ProgramDraft,
        head: &Head,
    ) -> Result<Option<(StoredProgram, Arc<CompiledProgram>)>, DraftError> {
        if draft.base_version != head.version {
            return Err(PutProgramError::Stale { current: head.version }.into());
        }
        if draft.place.checksum == head.checksum {
            return Ok(None);
        }
        let next = self.read_document(program, &draft.place).await?;
        let current = self.compile_document(program, &head.place()).await?;
        if head.in_use {
            let faults = frozen(&current.program, next.program());
            if !faults.is_empty() {
                return Err(PutProgramError::InUse { faults }.into());
            }
        }
        Ok(Some((next, current)))
    }

    /// Publishes the scheduled drafts whose time has come, and returns how many. One that cannot come into force any more
    /// becomes a draft again, with the reason.
    ///
    /// # Errors
    /// When DynamoDB fails.
    pub async fn publish_due_drafts(&self, program: &ProgramId, now: Timestamp) -> Result<u32, StoreError> {
        let range = Range::all(keys::head(program).pk, SCHEDULED);
        let mut published = 0;
        for item in self.range(READ, &self.tables.programs, range).await? {
            let sort = Reader::new(READ, &item).text(name::SK)?;
            let unreadable = StoreError::Item { operation: READ, attribute: name::SK };
            let (at, id) = keys::parse_scheduled(sort).ok_or(unreadable)?;
            // They are sorted by time.
            if at > now {
                break;
            }
            published += u32::from(self.publish_due(program, &id, now).await?);
        }
        Ok(published)
    }

    async fn publish_due(&self, program: &ProgramId, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Some(draft) = self.draft(program, id).await? else { return Ok(false) };
        let (DraftStatus::Scheduled, Some(approval)) = (draft.status, draft.approval.clone()) else { return Ok(false) };
        let audit = Audit {
            actor: approval.name,
            key: approval.key,
            action: "draft.publish".to_owned(),
            object: draft.object(),
            reason: draft.note.clone(),
            at: now,
            request: format!("scheduled {}", draft.id),
            changes: Vec::new(),
        };
        match self.put_in_force(program, &draft, draft.clone(), &audit, now).await {
            // Somebody else was faster: the next run looks again.
            Ok(done) => Ok(done.is_some()),
            Err(DraftError::Program(PutProgramError::Store(error))) => Err(error),
            Err(refused) => {
                let reason = match refused {
                    DraftError::Program(PutProgramError::Stale { .. }) => "stale_version",
                    DraftError::Program(PutProgramError::InUse { .. }) => "in_use",
                    DraftError::Program(_) | DraftError::Unknown | DraftError::TooMany | DraftError::Published => {
                        "refused"
                    }
                };
                tracing::warn!(%program, draft = draft.id, reason, "a scheduled draft was not published");
                self.return_to_author(program, &draft, reason, &audit.doing("draft.refuse")).await?;
                Ok(false)
            }
        }
    }

    /// Makes a scheduled draft a draft again.
    async fn return_to_author(
        &self,
        program: &ProgramId,
        draft: &ProgramDraft,
        reason: &str,
        audit: &Audit,
    ) -> Result<(), StoreError> {
        let returned = ProgramDraft {
            status: DraftStatus::Draft,
            approval: None,
            refusal: Some(reason.to_owned()),
            ..draft.clone()
        };
        let change = AuditChange::new("status", Some("scheduled".into()), Some(reason.into()));
        let mut writes =
            vec![self.replace_write(program, draft, &returned)?, self.audit_write(program, audit, [change])?];
        if let Some(at) = draft.publish_at {
            writes.push(Write::delete(&self.tables.programs, &keys::scheduled(program, at, &draft.id)));
        }
        self.transact_patiently(CHANGE, writes).await.map(drop)
    }
}
