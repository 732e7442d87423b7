//! Moves of receipts: a move replaces the decisions on a receipt and its refunds.

use std::collections::{HashMap, HashSet};

use tessera_domain::ids::{MemberId, ProgramId, ReceiptId};
use tessera_domain::ledger::{Cause, Moved};
use tessera_store::FactImage;

use super::{Member, MemberKey};

type Place = (ProgramId, ReceiptId);

/// The moves that the ledger shows.
#[derive(Default)]
pub(super) struct Moves {
    /// The receipts that left a member, with how often each was moved before.
    departed: HashSet<(Place, u32)>,
    /// Where each moved receipt went last, and by which move.
    last: HashMap<Place, (MemberId, u32)>,
}

impl Moves {
    /// Notes the cause of an entry. `before`: how often its receipt was moved before.
    pub(super) fn note(&mut self, program: &ProgramId, cause: &Cause, before: u32) {
        let Cause::Move { moved: Moved::Receipt(receipt), other, arrives: false, .. } = cause else { return };
        let place = (program.clone(), receipt.clone());
        let last = self.last.entry(place.clone()).or_insert_with(|| (other.clone(), 0));
        if last.1 <= before {
            *last = (other.clone(), before + 1);
        }
        self.departed.insert((place, before));
    }

    /// Drops the decisions that departures ended.
    pub(super) fn forget_departed(&self, members: &mut HashMap<MemberKey, Member>) {
        if self.departed.is_empty() {
            return;
        }
        for ((program, _), member) in members {
            member.decided.retain(|(fact, before)| {
                let receipt = fact.receipt().map(|receipt| (program.clone(), receipt.clone()));
                !receipt.is_some_and(|place| self.departed.contains(&(place, *before)))
            });
        }
    }

    /// Whose fact it is, and how often its receipt was moved.
    pub(super) fn owner<'a>(&'a self, image: &'a FactImage) -> (&'a MemberId, u32) {
        let moved = image.fact.receipt().and_then(|receipt| self.last.get(&(image.program.clone(), receipt.clone())));
        moved.map_or((&image.member, 0), |(member, moves)| (member, *moves))
    }
}
