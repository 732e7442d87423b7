//! Everything that is held on a person, as JSON and as a page.

mod page;
mod words;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use tessera_domain::fact::{Fact, FactId};
use tessera_domain::ids::MemberId;
use tessera_domain::ledger::Cause;
use tessera_domain::view::{CouponView, EntryView, Explainer, MemberView, held_interaction, held_receipt};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::ListCursor;
use tessera_lambda::{Access, Content, Parameter, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, NoticeFilter, OpenedMember, StoredEntry};

use crate::list::known;
use crate::notes::NoteView;

/// The entries that are read at once, and the pages of them in one response.
const ENTRIES_PER_READ: u32 = 100;
const MOST_READS: usize = 4;
/// The bytes of a response at which it ends; another one goes on. Lambda returns at most 6 MB.
const MAX_BYTES: usize = 3_000_000;
/// The coupons and notices that are read at once.
const MOST_ITEMS: u32 = 250;

/// The route of the export.
pub(crate) const ROUTES: &[Route] =
    &[Route::get("/v1/members/{member}/export", Access::Scope(Scope::Support), handler!(get))
        .named("exportMember", "Members", "Returns everything held on a member")
        .details(
            "Profile, points, coupons, notes, notices and referrals stand on the first page; the ledger, receipts and interactions \
             follow, newest first. With `next_cursor`, another page goes on.",
        )
        .query(Parameter::text("format", "`json`, which is also the format without it, or `html` for a readable page."))
        .query(Parameter::CURSOR)
        .localized()
        .responds(200, "What is held, or a page of it.", Content::Any)];

/// What is held on a person.
#[derive(Debug, Serialize)]
pub(crate) struct PersonalData {
    pub exported_at: String,
    pub program: String,
    /// Absent on further pages, like everything down to the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupons: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notices: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrals: Option<Value>,
    /// Entries of the ledger, newest first.
    pub entries: Vec<Value>,
    /// What people did by hand, with their reasons.
    pub corrections: Vec<Value>,
    pub receipts: Vec<Value>,
    pub interactions: Vec<Value>,
    pub next_cursor: Option<String>,
}

/// `GET /v1/members/{member}/export`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let is_page = match request.query("format") {
        None | Some("json") => false,
        Some("html") => true,
        Some(_) => return Err(Problem::malformed_at("/format", "must be json or html")),
    };
    let program = services.program(&caller.program).await?;
    let member = known(services, &program, request).await?;
    let opened = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    let place = ListCursor::new(&program, format!("export/{}", opened.member));
    let after = place.of(request).await?;
    // The page is for the person: the language of the request, else the person's own.
    let language = request.language(&program, Some(&opened.profile));

    let export = Export { services, program: &program, opened: &opened, language };
    let mut held = if after.is_none() { export.person().await? } else { export.nothing() };
    let next = export.ledger(after, &mut held).await?;
    held.next_cursor = place.seal(next.as_deref()).await?;
    if is_page {
        let page = http::html(page::render(&held, language));
        let policy =
            format!("default-src 'none'; style-src '{}'; base-uri 'none'; frame-ancestors 'none'", *page::STYLE_HASH);
        return Ok(http::with_header(page, "content-security-policy", &policy));
    }
    Ok(http::json(200, &held))
}

struct Export<'a> {
    services: &'a Services,
    program: &'a ActiveProgram,
    opened: &'a OpenedMember,
    language: &'a str,
}

impl Export<'_> {
    fn nothing(&self) -> PersonalData {
        PersonalData {
            exported_at: self.services.clock.now().to_string(),
            program: self.program.compiled.program.name.clone(),
            member: None,
            account: None,
            coupons: None,
            notes: None,
            notices: None,
            referrals: None,
            entries: Vec::new(),
            corrections: Vec::new(),
            receipts: Vec::new(),
            interactions: Vec::new(),
            next_cursor: None,
        }
    }

    /// Everything but the ledger.
    async fn person(&self) -> Result<PersonalData, Problem> {
        let (store, id, owners) = (&self.services.store, &self.program.id, self.opened.owners());
        let notes = store.notes(id, &owners).await?;
        Ok(PersonalData {
            member: Some(self.member()),
            account: Some(self.account()),
            coupons: Some(self.coupons(&owners).await?),
            notes: Some(notes.into_iter().map(|note| json!(NoteView::from(note))).collect()),
            notices: Some(self.notices(&owners).await?),
            referrals: Some(self.referrals(&owners).await?),
            ..self.nothing()
        })
    }

    /// The member as the API returns it, and what it leaves out of the profile.
    fn member(&self) -> Value {
        let OpenedMember { member, profile, account } = self.opened;
        let config = &self.program.compiled;
        let view = MemberView::in_language(config, member, profile, account, self.services.clock.now(), self.language);
        let mut value = json!(view);
        let time = |at: &i64| jiff::Timestamp::from_millisecond(*at).map(|at| at.to_string()).unwrap_or_default();
        value["former_ids"] = json!(profile.former_ids);
        value["former_codes"] = json!(profile.former_codes);
        value["click"] = json!(profile.click);
        value["listed_at"] = profile.listed_at.iter().map(|(list, at)| (list.clone(), json!(time(at)))).collect();
        value["changed_at"] = profile.changed_at.iter().map(|(name, at)| (name.clone(), json!(time(at)))).collect();
        value["merged"] = json!(account.sources);
        value
    }

    /// What the account remembers beside the points of the member.
    fn account(&self) -> Value {
        let account = self.opened.account.settled_at(&self.program.compiled, self.services.clock.now());
        let lots = account.lots.iter().map(|lot| {
            json!({ "points": lot.points, "spendable_from": lot.key.spendable_from().to_string(),
                    "last_day": lot.key.last_day().map(|day| day.to_string()) })
        });
        let reservations = account.reservations.iter().map(|reservation| {
            json!({ "coupon": reservation.coupon, "reward": reservation.reward, "points": reservation.points(),
                    "until": reservation.until.to_string() })
        });
        json!({
            "lots": lots.collect::<Vec<_>>(),
            "reservations": reservations.collect::<Vec<_>>(),
            "rules": account.counters.keys().collect::<Vec<_>>(),
            "last_purchase_at": account.last_purchase.map(|at| at.to_string()),
        })
    }

    async fn coupons(&self, owners: &[MemberId]) -> Result<Vec<Value>, Problem> {
        let now = self.services.clock.now();
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.services.store.coupons(&self.program.id, owners, MOST_ITEMS, cursor.as_deref()).await?;
            for coupon in &page.items {
                let view = CouponView::new(&self.program.compiled, coupon, Some(&self.opened.profile), now);
                all.push(json!(view.named(&self.program.compiled, self.language)));
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    async fn notices(&self, owners: &[MemberId]) -> Result<Vec<Value>, Problem> {
        let (store, now) = (&self.services.store, self.services.clock.now());
        let filter = NoticeFilter { members: owners.to_vec(), kind: None };
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.notices(&self.program.id, &filter, now, MOST_ITEMS, cursor.as_deref()).await?;
            all.extend(page.items.iter().map(|notice| json!(notice)));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(all);
            }
        }
    }

    /// The referrals that brought the member, and those of others whom the member brought.
    async fn referrals(&self, owners: &[MemberId]) -> Result<Value, Problem> {
        let store = &self.services.store;
        let friends = store.friend_referrals(&self.program.id, owners).await?;
        let came = friends.iter().flat_map(|stored| &stored.known.referrals).map(|one| {
            json!({ "id": one.id, "code": one.code, "at": one.at.to_string(), "status": one.status,
                    "evidence": one.evidence, "score": one.score })
        });
        let came: Vec<Value> = came.collect();
        let (mut brought, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.advocated(&self.program.id, owners, MOST_ITEMS, cursor.as_deref()).await?;
            brought.extend(page.items.into_iter().map(|found| json!({ "id": found.id })));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(json!({ "as_friend": came, "as_advocate": brought }));
            }
        }
    }

    /// Adds entries, and the facts that they decided, until the response is full. Returns after which key to go on.
    async fn ledger(&self, mut after: Option<String>, held: &mut PersonalData) -> Result<Option<String>, Problem> {
        let owners = self.opened.owners();
        let explainer = Explainer::new(&self.program.compiled, self.language);
        let mut receipts = BTreeSet::new();
        let mut bytes = 0;
        for _ in 0..MOST_READS {
            let store = &self.services.store;
            let page = store.entries(&self.program.id, &owners, ENTRIES_PER_READ, after.as_deref()).await?;
            for (place, stored) in page.items.iter().enumerate() {
                bytes += self.add(stored, &explainer, &mut receipts, held).await?;
                // Entries of one key stand together.
                let is_last_of_key = page.items.get(place + 1).is_none_or(|next| next.key != stored.key);
                if bytes > MAX_BYTES && is_last_of_key {
                    let has_more = place + 1 < page.items.len() || page.next.is_some();
                    return Ok(has_more.then(|| stored.key.as_str().to_owned()));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(after)
    }

    /// Adds an entry and what it decided; returns their size.
    async fn add(
        &self,
        stored: &StoredEntry,
        explainer: &Explainer<'_>,
        receipts: &mut BTreeSet<String>,
        held: &mut PersonalData,
    ) -> Result<usize, Problem> {
        let (store, program, entry) = (&self.services.store, &self.program.id, &stored.entry);
        let mut bytes = 0;
        for line in EntryView::of(&stored.id(), entry, explainer) {
            bytes += push(&mut held.entries, json!(line));
        }
        match &entry.cause {
            Cause::Fact(FactId::Receipt { receipt }) => {
                if receipts.insert(receipt.to_string())
                    && let Some(found) = store.get_receipt_with_refunds(program, receipt).await?
                {
                    let refunds = found.refunds.iter().map(|stored| &stored.refund);
                    bytes += push(&mut held.receipts, held_receipt(&found.receipt, refunds));
                }
            }
            Cause::Fact(id @ FactId::Interaction { .. }) => {
                if let Some(found) = store.get_fact(program, id).await?
                    && let Fact::Interaction(interaction) = &found.fact
                {
                    bytes += push(&mut held.interactions, held_interaction(interaction));
                }
            }
            Cause::Adjustment { actor, reason } | Cause::Move { actor, reason, .. } => {
                bytes += push(
                    &mut held.corrections,
                    json!({ "at": entry.at.to_string(), "actor": actor, "reason": reason }),
                );
            }
            // Their lines say all there is.
            Cause::Fact(FactId::Refund { .. } | FactId::Birthday { .. } | FactId::Due { .. })
            | Cause::Enrollment
            | Cause::Profile
            | Cause::Inactivity(_)
            | Cause::Hold(_)
            | Cause::TierReview(_)
            | Cause::TierChange(_)
            | Cause::Coupon { .. }
            | Cause::Referral(_)
            | Cause::Import { .. }
            | Cause::Merge { .. }
            | Cause::Unmerge { .. }
            | Cause::Erase { .. } => {}
        }
        Ok(bytes)
    }
}

/// Adds a value; returns its size in the response.
fn push(list: &mut Vec<Value>, value: Value) -> usize {
    let bytes = value.to_string().len();
    list.push(value);
    bytes
}
