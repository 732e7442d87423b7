//! Orders of a part: which rows belong to one, and which orders cannot be imported whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::ImportKind;
use crate::cells::RowContext;
use crate::dialect::records;
use crate::field::Field;
use crate::plan::ImportPlan;
use crate::row::ImportRow;

impl ImportPlan {
    /// The order that each row of a part names, whether or not the rest of the row can be read. Nothing for rows that are no
    /// orders. `is_first`: the part may begin with the header.
    pub fn orders<'a>(&'a self, text: &'a str, is_first: bool) -> impl Iterator<Item = Option<String>> + 'a {
        let is_order = self.request.kind == ImportKind::Orders && self.request.points_per_unit.is_none();
        let place = self.place(Field::Order).filter(|_| is_order);
        let prefix = self.request.id_prefix.as_deref().unwrap_or_default();
        let skipped = usize::from(is_first && self.has_header());
        records(text, self.separator()).skip(skipped).map(move |record| {
            let record = record.ok()?;
            let id = record.get(place?).map(str::trim).filter(|id| !id.is_empty())?;
            Some(format!("{prefix}{id}"))
        })
    }

    /// The orders of a part that cannot be imported whole, with the reason. A part of an order never counts.
    pub fn broken_orders(
        &self,
        text: &str,
        is_first: bool,
        context: &RowContext<'_>,
    ) -> BTreeMap<String, &'static str> {
        let (mut broken, mut seen) = (BTreeMap::new(), BTreeSet::new());
        let mut last: Option<(String, Option<ImportRow>)> = None;
        for (id, row) in self.orders(text, is_first).zip(self.rows(text, is_first, context)) {
            let Some(id) = id else {
                last = None;
                continue;
            };
            let row = row.ok();
            let before = last.filter(|(before, _)| *before == id);
            if row.is_none() {
                broken.entry(id.clone()).or_insert(ROW_REFUSED);
            }
            match &before {
                None if !seen.insert(id.clone()) => {
                    broken.insert(id.clone(), SCATTERED);
                }
                Some((_, Some(before))) if row.as_ref().is_some_and(|row| row.reference() != before.reference()) => {
                    broken.insert(id.clone(), SEVERAL_MEMBERS);
                }
                None | Some(_) => {}
            }
            last = Some((id, row));
        }
        broken
    }
}

/// Why an order of which a row is refused is refused.
pub const ROW_REFUSED: &str = "another row of this order is refused, so that the order would not be whole";
/// Why an order whose rows stand apart is refused.
pub const SCATTERED: &str = "the rows of this order do not stand together; sort the file by order";
/// Why an order of several members is refused.
pub const SEVERAL_MEMBERS: &str = "the rows of this order name different members";
