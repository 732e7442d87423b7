//! One pass over the rows of an import: batch by batch, members of a batch at once, rows of one member in order.

mod part;

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::{Arc, Mutex, PoisonError};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::member::MemberRef;
use tessera_domain::pack::unpack;
use tessera_import::{CouponRow, ImportPlan, ImportRow, RowContext, RowFault, error_line};
use tessera_lambda::{Deadline, Services};
use tessera_store::{ActiveProgram, ImportCounts, ImportPosition, ImportStatus, StoredImport};

use self::part::FilePart;
use crate::ImportError;
use crate::returned::{ReturnedOrder, UndoneRow};

/// Rows between two notes of progress. A worker that was killed repeats at most these.
const BATCH: usize = 500;
/// The most codes that a dry run remembers.
const MOST_CODES: usize = 1_000_000;
/// Members that are worked on at once.
pub(crate) const AT_ONCE: usize = 24;

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassEnd {
    /// No row is left.
    Over,
    /// A part is not stored any more.
    Expired,
    /// Another worker has moved the position.
    Elsewhere,
    /// Rows are left, and the time is over.
    DeadlineNear,
}

/// What the work on rows needs.
pub(crate) struct Pass<'a> {
    pub services: &'a Services,
    pub program: &'a Arc<ActiveProgram>,
    pub id: &'a str,
    pub import: &'a StoredImport,
    pub plan: &'a ImportPlan,
    /// True when rows are checked and nothing is written.
    pub dry_run: bool,
    /// The codes of the rows that a dry run accepted.
    pub codes: SeenCodes,
}

/// Codes of a file, and to whom its first row gives each. A worker that follows another one begins anew.
#[derive(Debug, Default)]
pub(crate) struct SeenCodes(Mutex<BTreeMap<FoldedCode, String>>);

impl SeenCodes {
    /// True if no other owner has the code. Beyond a bound of memory, codes are no longer noted.
    pub(crate) fn is_first_of(&self, code: FoldedCode, owner: String) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = seen.get(&code) {
            return *other == owner;
        }
        if seen.len() < MOST_CODES {
            seen.insert(code, owner);
        }
        true
    }
}

/// What became of the rows of one member: the first row of each and how many there are.
#[derive(Default)]
struct RowOutcomes {
    /// Those that were refused, or not undone as a whole.
    refused: Vec<(u64, u64, Vec<RowFault>)>,
    /// Orders that were returned, and not decided yet.
    returned: Vec<(u64, u64, ReturnedOrder)>,
}

/// One row, or the consecutive rows of one order.
pub(crate) struct RowGroup {
    /// The number of the first row in the file, from 1.
    pub row: u64,
    /// How many rows it has.
    pub rows: u64,
    pub content: Result<ImportRow, Vec<RowFault>>,
}

/// Works on the rows from the stored position on.
pub(crate) async fn run(
    services: &Services,
    program: &Arc<ActiveProgram>,
    id: &str,
    import: StoredImport,
    deadline: &Deadline,
) -> Result<PassEnd, ImportError> {
    let (plan, dry_run): (ImportPlan, bool) = unpack(import.plan.as_deref().unwrap_or_default())?;
    let pass = Pass { services, program, id, import: &import, plan: &plan, dry_run, codes: SeenCodes::default() };
    if !dry_run {
        services.programs.mark_in_use(program).await?;
    }
    let (mut position, mut counts) = (import.position, import.counts);
    let zone = program.compiled.zone.clone();
    let context = RowContext { currency: program.compiled.program.currency, zone: &zone };
    let mut ahead: Option<FilePart> = None;
    while position.part <= import.parts {
        let part = match ahead.take().filter(|part| part.number == position.part) {
            Some(part) => Some(part),
            None => pass.part(position.part, &context).await?,
        };
        let Some(part) = part else { return Ok(PassEnd::Expired) };
        let skipped = usize::try_from(position.row).unwrap_or(usize::MAX);
        let mut rows = part.rows(&plan, &context).skip(skipped).peekable();
        loop {
            let first = position.before + position.row + 1;
            let mut units = next_units(&mut rows, first);
            let own: u64 = units.iter().map(|unit| unit.rows).sum();
            if own == 0 {
                break;
            }
            let mut to = ImportPosition { row: position.row + own, ..position };
            // The last order goes on where the next part begins.
            if rows.peek().is_none() {
                match pass.follow(&part, &mut units, to, &context).await? {
                    Some((after, next)) => (to, ahead) = (after, next),
                    None => return Ok(PassEnd::Expired),
                }
            }
            let handled: u64 = units.iter().map(|unit| unit.rows).sum();
            let failed = pass.take(units, first).await?;
            counts = ImportCounts { done: counts.done + handled, failed: counts.failed + failed };
            if !services.store.move_import(&program.id, id, import.status, (position, to), counts).await? {
                return Ok(PassEnd::Elsewhere);
            }
            let is_over = to.part != position.part;
            position = to;
            if deadline.is_near() {
                return Ok(PassEnd::DeadlineNear);
            }
            if is_over {
                break;
            }
        }
        if position.part != part.number {
            continue;
        }
        let to = ImportPosition { part: position.part + 1, row: 0, before: position.before + position.row };
        if !services.store.move_import(&program.id, id, import.status, (position, to), counts).await? {
            return Ok(PassEnd::Elsewhere);
        }
        position = to;
    }
    Ok(PassEnd::Over)
}

/// The next batch. The rows of an order stay together.
fn next_units<I>(rows: &mut Peekable<I>, first: u64) -> Vec<RowGroup>
where
    I: Iterator<Item = Result<ImportRow, Vec<RowFault>>>,
{
    let mut units: Vec<RowGroup> = Vec::new();
    let mut row = first;
    while let Some(next) = rows.peek() {
        let continues = match (units.last().map(|unit| &unit.content), next) {
            (Some(Ok(ImportRow::Order(order))), Ok(ImportRow::Order(next))) => {
                order.id == next.id && order.reference == next.reference
            }
            _ => false,
        };
        if units.len() >= BATCH && !continues {
            break;
        }
        let Some(content) = rows.next() else { break };
        match (units.last_mut(), content) {
            (Some(RowGroup { rows, content: Ok(ImportRow::Order(order)), .. }), Ok(ImportRow::Order(next)))
                if continues =>
            {
                if let Err(other) = order.absorb(next) {
                    units.push(RowGroup { row, rows: 1, content: Ok(ImportRow::Order(other)) });
                } else {
                    *rows += 1;
                }
            }
            (_, content) => units.push(RowGroup { row, rows: 1, content }),
        }
        row += 1;
    }
    units
}

impl Pass<'_> {
    /// Works on a batch, stores what was refused, and returns how many rows that were.
    async fn take(&self, units: Vec<RowGroup>, first: u64) -> Result<u64, ImportError> {
        let mut refused: BTreeMap<u64, (u64, Vec<RowFault>)> = BTreeMap::new();
        let mut members: BTreeMap<String, Vec<(u64, u64, ImportRow)>> = BTreeMap::new();
        // Rows with one code stay in their order too: the first one has it.
        let mut codes: BTreeMap<FoldedCode, String> = BTreeMap::new();
        for unit in units {
            match unit.content {
                Ok(content) => {
                    let group = match code(&content) {
                        Some(code) => codes.entry(code).or_insert_with(|| name(content.reference())).clone(),
                        None => name(content.reference()),
                    };
                    members.entry(group).or_default().push((unit.row, unit.rows, content));
                }
                Err(faults) if self.import.status == ImportStatus::Running => {
                    refused.insert(unit.row, (unit.rows, faults));
                }
                // A row that was refused has nothing to undo.
                Err(_) => {}
            }
        }
        let members: Vec<_> = members.into_values().collect();
        let unknown = self.unknown(&members).await?;
        let found: Vec<RowOutcomes> = stream::iter(members.into_iter().zip(unknown))
            .map(|(rows, is_new)| self.take_member(rows, is_new))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut returned = Vec::new();
        for found in found {
            refused.extend(found.refused.into_iter().map(|(row, rows, faults)| (row, (rows, faults))));
            returned.extend(found.returned);
        }
        let late = self.await_returns(returned).await?;
        refused.extend(late.into_iter().map(|(row, rows, faults)| (row, (rows, faults))));
        if !refused.is_empty() {
            let lines =
                refused.iter().flat_map(|(row, (_, faults))| faults.iter().map(|fault| error_line(*row, fault)));
            let lines: String = lines.collect();
            let (store, now) = (&self.services.store, self.services.clock.now());
            store.put_import_errors(&self.program.id, self.id, self.import.status, (first, &lines), now).await?;
        }
        Ok(refused.values().map(|(rows, _)| rows).sum())
    }

    /// For the rows of each member, whether nobody has the id or an identifier of the first.
    async fn unknown(&self, members: &[Vec<(u64, u64, ImportRow)>]) -> Result<Vec<bool>, ImportError> {
        if self.dry_run || self.import.status != ImportStatus::Running {
            return Ok(vec![false; members.len()]);
        }
        let first = |rows: &Vec<(u64, u64, ImportRow)>| {
            rows.first().map(|(_, _, row)| self.verified(row.reference())).unwrap_or_default()
        };
        let references: Vec<MemberRef> = members.iter().map(first).collect();
        Ok(self.services.store.unknown(self.program, &references).await?)
    }

    /// Works on the rows of one member, in their order. `is_new`: nobody was known by the first row.
    async fn take_member(&self, rows: Vec<(u64, u64, ImportRow)>, is_new: bool) -> Result<RowOutcomes, ImportError> {
        let mut taken = RowOutcomes::default();
        for (place, (row, count, content)) in rows.into_iter().enumerate() {
            let outcome = match self.import.status {
                ImportStatus::Undoing => match Box::pin(self.undo_row(row, &content)).await? {
                    UndoneRow::Known(outcome) => outcome,
                    UndoneRow::Returned(order) => {
                        taken.returned.push((row, count, order));
                        continue;
                    }
                },
                _ => Box::pin(self.import_row(row, &content, is_new && place == 0)).await?,
            };
            taken.refused.extend(outcome.err().map(|faults| (row, count, faults)));
        }
        Ok(taken)
    }
}

/// The code that a row brings.
fn code(row: &ImportRow) -> Option<FoldedCode> {
    match row {
        ImportRow::Coupon(CouponRow { code, .. }) | ImportRow::ReferralCode { code, .. } => FoldedCode::parse(code),
        ImportRow::Member(_) | ImportRow::Tier(_) | ImportRow::Order(_) | ImportRow::Spend(_) => None,
    }
}

/// What rows of one member have in common: any spelling does that is the same for the same cells.
pub(crate) fn name(reference: &MemberRef) -> String {
    let first = reference.email.as_ref().map(ToString::to_string);
    first
        .or_else(|| reference.id.as_ref().map(ToString::to_string))
        .or_else(|| reference.identifiers().next().map(|identifier| identifier.value))
        .unwrap_or_default()
}
