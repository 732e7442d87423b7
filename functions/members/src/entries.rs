//! The ledger of a member.

use tessera_domain::ids::MemberId;
use tessera_domain::view::{EntryView, Explainer};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::StoredEntry;

use crate::READ_OWN;
use crate::list::{MOST_READS, known};

/// The routes of the ledger.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/members/{member}/entries", READ_OWN, handler!(get))
    .named("listEntries", "Members", "Lists the ledger, newest first")
    .localized()
    .paged()
    .lists::<EntryView>("A page of entries.")];

/// `GET /v1/members/{member}/entries`, newest first.
///
/// Pages follow the times of the facts, as entries are stored; on a page the lines stand in the order in which they were
/// written, so that their balances run. A page never ends within an entry: one whose lines alone are more than the limit
/// comes whole.
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    let member = match caller.member {
        Some(_) => services.own_or_claimed(&program, caller).await?,
        None => Some(known(services, &program, request).await?),
    };
    let place = ListCursor::new(&program, format!("entries/{}", member.as_ref().map_or("", MemberId::as_str)));
    let mut next = place.of(request).await?;
    // Someone who is signed in to the shop, and of whom nothing is stored, has no entries.
    let Some(member) = member else {
        return Ok(http::json(200, &ListPage::<EntryView> { items: Vec::new(), next_cursor: None }));
    };

    let explainer = Explainer::new(&program.compiled, request.language(&program, None));
    let owners = services.store.owners(&program.id, &member).await?;
    let mut taken = Taken::new(limit as usize);
    for _ in 0..MOST_READS {
        let page = services.store.entries(&program.id, &owners, limit, next.as_deref()).await?;
        next = match taken.take(page.items) {
            Some(stopped) => Some(stopped),
            None => page.next,
        };
        if next.is_none() || taken.is_full {
            break;
        }
    }
    Ok(http::json(200, &ListPage { items: taken.lines(&explainer), next_cursor: place.seal(next.as_deref()).await? }))
}

/// The entries of a page, as many as its lines leave room for.
struct Taken {
    entries: Vec<StoredEntry>,
    lines: usize,
    limit: usize,
    is_full: bool,
}

impl Taken {
    const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), lines: 0, limit, is_full: false }
    }

    /// Takes what fits. When something is left over, tells after which key to read on.
    fn take(&mut self, entries: Vec<StoredEntry>) -> Option<String> {
        for stored in entries {
            let lines = stored.entry.movements.len();
            if self.lines > 0 && self.lines + lines > self.limit {
                self.is_full = true;
                return self.entries.last().map(|last| last.key.as_str().to_owned());
            }
            self.lines += lines;
            // An entry without lines is taken too: the next page begins behind it.
            self.entries.push(stored);
        }
        self.is_full = self.lines >= self.limit;
        None
    }

    /// The lines, the latest written first.
    fn lines(mut self, explainer: &Explainer<'_>) -> Vec<EntryView> {
        self.entries.sort_by_key(|stored| std::cmp::Reverse(stored.entry.sequence));
        let lines = self.entries.iter().flat_map(|stored| EntryView::of(&stored.id(), &stored.entry, explainer));
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tessera_domain::account::{Firsts, Status};
    use tessera_domain::fact::FactId;
    use tessera_domain::ids::{MemberId, ReceiptId};
    use tessera_domain::ledger::{Bucket, Entry, Movement, MovementType};
    use tessera_domain::points::{Kind, Points};
    use tessera_store::EntryKey;

    use super::*;

    fn explainer() -> Explainer<'static> {
        let document = serde_json::json!({ "name": "Club", "currency": "EUR", "timezone": "Europe/Rome" });
        let program = tessera_domain::program::SubmittedProgram::read(&document).unwrap();
        let compiled = tessera_domain::program::CompiledProgram::new(program, 1);
        Explainer::new(Box::leak(Box::new(compiled)), "en")
    }

    fn stored(sequence: u64, lines: usize) -> StoredEntry {
        let id = ReceiptId::new(format!("r-{sequence}")).unwrap();
        let movement = Movement::new(MovementType::Earn).post(
            Bucket::Issued,
            Bucket::Available,
            Kind::Redeemable,
            Points::new(10),
        );
        let entry = Entry {
            at: Timestamp::UNIX_EPOCH,
            decided_at: Timestamp::UNIX_EPOCH,
            sequence,
            program_version: 1,
            cause: FactId::Receipt { receipt: id.clone() }.into(),
            movements: vec![movement; lines],
            outcomes: Vec::new(),
            skipped: Vec::new(),
            truncated: false,
            left_out: Vec::new(),
            tier: None,
            status: Status::Member,
            purchase: None,
            extended: Vec::new(),
            balance: Points::new(100),
            lot: None,
            coupons: Vec::new(),
            ignored: Vec::new(),
            step: None,
            rejected: None,
            firsts: Firsts::default(),
            history: false,
            standing: None,
        };
        let member = MemberId::new("m_1").unwrap();
        StoredEntry { member, key: EntryKey::receipt(Timestamp::UNIX_EPOCH, &id), entry }
    }

    #[test]
    fn a_page_ends_on_a_whole_entry() {
        let mut taken = Taken::new(3);
        let stopped = taken.take(vec![stored(4, 2), stored(9, 0), stored(3, 2), stored(2, 1)]).unwrap();
        assert_eq!(stopped, stored(9, 0).key.as_str());
        assert!(taken.is_full);
        assert_eq!(taken.lines(&explainer()).len(), 2);

        let mut taken = Taken::new(1);
        assert!(taken.take(vec![stored(4, 0), stored(3, 2)]).is_none());
        assert!(taken.is_full);
        assert_eq!(taken.lines(&explainer()).len(), 2);
    }

    #[test]
    fn the_latest_written_comes_first_and_ids_differ() {
        let mut taken = Taken::new(50);
        assert!(taken.take(vec![stored(2, 1), stored(3, 2)]).is_none());
        let lines = taken.lines(&explainer());
        let balances: Vec<i64> = lines.iter().map(|line| line.balance.get()).collect();
        assert_eq!(balances, [100, 90, 100]);
        let ids: std::collections::BTreeSet<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids.len(), 3);
    }
}
