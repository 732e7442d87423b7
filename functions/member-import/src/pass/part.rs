//! An uploaded part: its rows, and the order that goes on in the next part.

use std::collections::BTreeMap;

use tessera_import::{ImportPlan, ImportRow, ROW_REFUSED, RowContext, RowFault, SEVERAL_MEMBERS, decode};
use tessera_store::ImportPosition;

use super::{Pass, RowGroup};
use crate::ImportError;

/// A part of a file.
pub(crate) struct FilePart {
    /// Its number, from 1.
    pub number: u32,
    text: String,
    /// The orders that cannot be imported whole, with the reason.
    broken: BTreeMap<String, &'static str>,
}

impl FilePart {
    /// The rows. Those of an order that cannot be imported whole are refused.
    pub(crate) fn rows<'a>(
        &'a self,
        plan: &'a ImportPlan,
        context: &'a RowContext<'a>,
    ) -> impl Iterator<Item = Result<ImportRow, Vec<RowFault>>> + 'a {
        plan.rows(&self.text, self.number == 1, context).map(|row| match row {
            Ok(ImportRow::Order(order)) => match self.broken.get(&order.id) {
                Some(reason) => Err(vec![RowFault::of_row((*reason).to_owned())]),
                None => Ok(ImportRow::Order(order)),
            },
            row => row,
        })
    }

    /// The order of the last row.
    fn last_order(&self, plan: &ImportPlan) -> Option<String> {
        plan.orders(&self.text, self.number == 1).last().flatten()
    }
}

impl Pass<'_> {
    /// Reads a part; `None` when it has expired.
    pub(crate) async fn part(&self, number: u32, context: &RowContext<'_>) -> Result<Option<FilePart>, ImportError> {
        let Some(bytes) = self.services.store.read_import_part(&self.program.id, self.id, number).await? else {
            return Ok(None);
        };
        // The encoding was checked at the upload.
        let Ok(text) = decode(&bytes, self.plan.request.code_page) else { return Ok(None) };
        let text = text.into_owned();
        let broken = self.plan.broken_orders(&text, number == 1, context);
        Ok(Some(FilePart { number, text, broken }))
    }

    /// Adds the rows with which the next parts continue the last order of a part, so that an order is imported whole wherever
    /// the file was cut. Returns where the pass goes on, and the part there if it was read; `None` when a part has expired.
    pub(crate) async fn follow(
        &self,
        part: &FilePart,
        units: &mut Vec<RowGroup>,
        mut to: ImportPosition,
        context: &RowContext<'_>,
    ) -> Result<Option<(ImportPosition, Option<FilePart>)>, ImportError> {
        let Some(order) = part.last_order(self.plan) else { return Ok(Some((to, None))) };
        let mut broken = part.broken.get(&order).copied();
        let mut further: Vec<Result<ImportRow, Vec<RowFault>>> = Vec::new();
        let mut reached = None;
        while to.part < self.import.parts {
            let Some(next) = self.part(to.part + 1, context).await? else { return Ok(None) };
            let count = self.plan.orders(&next.text, false).take_while(|id| id.as_ref() == Some(&order)).count();
            if count == 0 {
                reached = Some(next);
                break;
            }
            broken = broken.or(next.broken.get(&order).copied());
            further.extend(self.plan.rows(&next.text, false, context).take(count));
            to = ImportPosition { part: next.number, row: count as u64, before: to.before + to.row };
            let is_over = self.plan.orders(&next.text, false).nth(count).is_some();
            reached = Some(next);
            if is_over {
                break;
            }
        }
        let first = units.last().map_or(0, |unit| unit.row + unit.rows);
        match units.last_mut() {
            Some(RowGroup { rows, content: order @ Ok(ImportRow::Order(_)), .. }) if !further.is_empty() => {
                let Ok(ImportRow::Order(whole)) = order else { return Ok(Some((to, reached))) };
                let is_one =
                    further.iter().all(|row| row.as_ref().is_ok_and(|row| row.reference() == &whole.reference));
                if broken.is_none() && is_one {
                    for row in further {
                        let Ok(ImportRow::Order(next)) = row else { continue };
                        // It has the same id and member.
                        if whole.absorb(next).is_ok() {
                            *rows += 1;
                        }
                    }
                    return Ok(Some((to, reached)));
                }
                let reason = broken.unwrap_or(SEVERAL_MEMBERS);
                *order = Err(vec![RowFault::of_row(reason.to_owned())]);
                broken = Some(reason);
            }
            Some(_) | None => {}
        }
        let reason = broken.unwrap_or(ROW_REFUSED);
        units.extend(further.into_iter().zip(first..).map(|(row, number)| {
            let faults = row.err().unwrap_or_else(|| vec![RowFault::of_row(reason.to_owned())]);
            RowGroup { row: number, rows: 1, content: Err(faults) }
        }));
        Ok(Some((to, reached)))
    }
}
