//! The list of members: all by their last activity, or those that a text, a status or a tier names.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde::Serialize;
use tessera_domain::account::Status;
use tessera_domain::ids::{MemberId, TierId};
use tessera_domain::member::{Card, Email, Identifier, MemberPath, MemberRef, Phone, fold_name, read_id};
use tessera_domain::view::MemberView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::{ListCursor, ListPage, page_limit};
use tessera_lambda::{Parameter, Problem, Route, Services, ValueKind, handler};
use tessera_store::{ActiveProgram, FoundMember, MemberList, OpenedMember};

use crate::READ;
use crate::list::MOST_READS;

/// The longest query, in characters: above every identifier and name.
const MAX_QUERY: usize = 256;
const QUERY: Parameter = Parameter {
    values: ValueKind::TextBetween(0, MAX_QUERY),
    ..Parameter::text(
        "query",
        "An e-mail address, a phone number, a card or an id, exactly; or the beginning of a name, whatever its case, accents \
         and alphabet.",
    )
};

/// The route of the list.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/members", READ, handler!(get))
    .named("listMembers", "Members", "Lists or finds members")
    .counts_misses()
    .details(
        "Sorted by the week of the last activity, the latest first; a query by name is sorted by name, page by page. One of \
         query, status and tier is looked up, the others filter: a page may be short, and another may follow. An address, a \
         number or an id that finds nobody is a miss.",
    )
    .query(QUERY)
    .query(Parameter::text("status", "`visitor`, `pending`, `member` or `excluded`."))
    .query(Parameter::text("tier", "The id of a tier."))
    .query(Parameter::text("sort", "`last_activity`, which is also the order without it."))
    .localized()
    .paged()
    .lists::<ListedMember>("A page of members.")];

/// A member in a list.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(crate) struct ListedMember {
    /// The member.
    #[serde(flatten)]
    member: MemberView,
    /// How a query found the member: by a key, or by what is only stored of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(required = false))]
    matched: Option<Matched>,
}

/// How a query found a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
enum Matched {
    /// By the id, or an identifier that leads to the member.
    Key,
    /// By contact data or the name.
    ContactData,
}

/// What the request asks for.
struct Search<'a> {
    services: &'a Services,
    program: &'a ActiveProgram,
    query: Option<&'a str>,
    status: Option<Status>,
    tier: Option<TierId>,
    language: &'a str,
    now: Timestamp,
}

/// `GET /v1/members`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let limit = page_limit(request)?;
    let program = services.program(&caller.program).await?;
    if request.query("sort").is_some_and(|sort| sort != "last_activity") {
        return Err(Problem::malformed_at("/sort", "must be last_activity"));
    }
    let query = request.query("query").map(str::trim).filter(|query| !query.is_empty());
    if query.is_some_and(|query| query.chars().count() > MAX_QUERY) {
        return Err(Problem::malformed_at("/query", format!("must have at most {MAX_QUERY} characters")));
    }
    let search = Search {
        services,
        program: &program,
        query,
        status: request.query("status").map(read_status).transpose()?,
        tier: request.query("tier").map(|tier| read_tier(&program, tier)).transpose()?,
        language: request.language(&program, None),
        now: services.clock.now(),
    };
    let names = [request.query("query"), request.query("status"), request.query("tier")];
    let place = ListCursor::new(&program, format!("members/{names:?}"));
    let after = place.of(request).await?;
    let FoundPage { items, next, is_miss } = match search.query {
        Some(query) => search.matching(query, limit, after).await?,
        None => search.listed(limit, after).await?,
    };
    let response = http::json(200, &ListPage { items, next_cursor: place.seal(next.as_deref()).await? });
    Ok(if is_miss { http::as_miss(response) } else { response })
}

fn read_status(text: &str) -> Result<Status, Problem> {
    match text {
        "visitor" => Ok(Status::Visitor),
        "pending" => Ok(Status::Pending),
        "member" => Ok(Status::Member),
        "excluded" => Ok(Status::Excluded),
        _ => Err(Problem::malformed_at("/status", "must be visitor, pending, member or excluded")),
    }
}

/// A tier of the program; members may still hold one that the program no longer has.
fn read_tier(program: &ActiveProgram, text: &str) -> Result<TierId, Problem> {
    let tiers = program.compiled.program.tiers.as_ref();
    let known = tiers.is_some_and(|tiers| {
        let ladder = tiers.ladder.iter().map(|tier| &tier.id);
        ladder.chain(tiers.vip.iter().map(|tier| &tier.id)).any(|id| id.as_str() == text)
    });
    let unknown = || Problem::malformed_at("/tier", "the program has no such tier");
    if known { TierId::new(text).map_err(|_| unknown()) } else { Err(unknown()) }
}

impl Search<'_> {
    /// A page of the list of all, of a status, or of a tier.
    async fn listed(&self, limit: u32, mut next: Option<String>) -> Result<FoundPage, Problem> {
        let list = match (self.status, &self.tier) {
            // A tier has fewer members than a status, as a rule.
            (_, Some(tier)) => MemberList::Tier(tier.clone()),
            (Some(status), None) => MemberList::Status(status),
            (None, None) => MemberList::All,
        };
        let store = &self.services.store;
        let mut items = Vec::new();
        for _ in 0..MOST_READS {
            let page = store.list_members(&self.program.id, &list, left(limit, items.len()), next.as_deref()).await?;
            let opened = store.view_members(&self.program.id, &page.items).await?;
            items.extend(opened.into_iter().flatten().filter_map(|opened| self.show(&opened, None)));
            next = page.next;
            if next.is_none() || items.len() >= limit as usize {
                break;
            }
        }
        items.sort_by_key(|listed| Reverse(listed.member.last_activity_at));
        Ok(FoundPage { items, next, is_miss: false })
    }

    /// A page of the members whom a text names exactly, then of those whose name begins with it.
    async fn matching(&self, query: &str, limit: u32, mut next: Option<String>) -> Result<FoundPage, Problem> {
        let store = &self.services.store;
        let (mut items, mut found, mut is_known) = (Vec::new(), Vec::new(), false);
        let is_first_page = next.is_none();
        let is_prefixed = match MemberPath::parse(query) {
            Ok(MemberPath::Inner(_)) => true,
            Ok(MemberPath::Ref(reference)) => reference.id.is_none(),
            Err(_) => false,
        };
        if is_first_page {
            found = self.exactly(query, limit).await?;
            let members: Vec<MemberId> = found.iter().map(|found| found.member.clone()).collect();
            let opened = store.view_members(&self.program.id, &members).await?;
            is_known = opened.iter().any(Option::is_some);
            for (found, opened) in found.iter().zip(opened) {
                let matched = if found.by_key { Matched::Key } else { Matched::ContactData };
                items.extend(opened.and_then(|opened| self.show(&opened, Some(matched))));
            }
        }
        let has_digit = query.contains(|letter: char| letter.is_ascii_digit());
        if is_prefixed || query.contains('@') || (has_digit && !found.is_empty()) {
            return Ok(FoundPage { items, next: None, is_miss: is_first_page && !is_known });
        }
        let folded = fold_name(query);
        let (mut by_name, mut is_named) = (Vec::new(), false);
        for _ in 0..MOST_READS {
            let left = left(limit, items.len() + by_name.len());
            let page = store.members_named(&self.program.id, query, left, next.as_deref()).await?;
            is_named |= !page.items.is_empty();
            let members: Vec<MemberId> = page.items.iter().map(|hit| hit.member.clone()).collect();
            let opened = store.view_members(&self.program.id, &members).await?;
            for (hit, opened) in page.items.iter().zip(opened) {
                let Some(opened) = opened.filter(|_| found.iter().all(|found| found.member != hit.member)) else {
                    continue;
                };
                // Both forms of a name may begin with the text: the first one shows the member.
                let names = opened.profile.folded_names();
                let is_second = names.first().is_some_and(|first| *first != hit.name && first.starts_with(&folded));
                by_name.extend(self.show(&opened, Some(Matched::ContactData)).filter(|_| !is_second));
            }
            next = page.next;
            if next.is_none() || items.len() + by_name.len() >= limit as usize {
                break;
            }
        }
        // The beginning of a name is no guess.
        let is_miss = is_first_page && has_digit && !is_known && !is_named;
        by_name.sort_by_key(|listed| Reverse(listed.member.last_activity_at));
        items.extend(by_name);
        Ok(FoundPage { items, next, is_miss })
    }

    /// The members whom a text names exactly, whichever kind of identifier it is.
    async fn exactly(&self, query: &str, limit: u32) -> Result<Vec<FoundMember>, Problem> {
        let mut all: Vec<FoundMember> = Vec::new();
        let (identifiers, key) = match MemberPath::parse(query) {
            Ok(MemberPath::Inner(member)) => (Vec::new(), Some(member)),
            Ok(MemberPath::Ref(reference)) if reference.id.is_none() => (reference.identifiers().collect(), None),
            Ok(MemberPath::Ref(_)) | Err(_) => (possible_identifiers(query), self.of_id(query).await?),
        };
        all.extend(key.map(|member| FoundMember { member, by_key: true }));
        for identifier in &identifiers {
            let (store, program) = (&self.services.store, self.program);
            let found = store.members_holding(&program.id, &program.head.identity_key, identifier, limit).await?;
            for found in found {
                if all.iter().all(|known| known.member != found.member) {
                    all.push(found);
                }
            }
        }
        Ok(all)
    }

    /// The member with the shop's id.
    async fn of_id(&self, query: &str) -> Result<Option<MemberId>, Problem> {
        let Ok(id) = read_id(query) else { return Ok(None) };
        let (store, program) = (&self.services.store, self.program);
        let known = store.resolve(&program.id, &program.head.identity_key, &MemberRef::of_id(id), false).await?;
        Ok(known.member)
    }

    /// The member as it is listed; `None` when the filters leave it out.
    fn show(&self, opened: &OpenedMember, matched: Option<Matched>) -> Option<ListedMember> {
        let OpenedMember { member, profile, account } = opened;
        let program = &self.program.compiled;
        let member = MemberView::in_language(program, member, profile, account, self.now, self.language);
        let fits = self.status.is_none_or(|status| member.status == status)
            && self.tier.as_ref().is_none_or(|tier| member.tier.as_ref().is_some_and(|own| own.id == *tier));
        fits.then_some(ListedMember { member, matched })
    }
}

/// A page of members.
struct FoundPage {
    items: Vec<ListedMember>,
    /// Where the next page begins.
    next: Option<String>,
    /// True when the query names a single person, and nobody is that person.
    is_miss: bool,
}

/// How many items a page has room for; at least one, because a Query takes no zero.
fn left(limit: u32, taken: usize) -> u32 {
    limit.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX)).max(1)
}

/// The identifiers that a text without a prefix may be.
fn possible_identifiers(query: &str) -> Vec<Identifier> {
    if query.contains('@') {
        return query.parse::<Email>().iter().map(Identifier::from).collect();
    }
    // A plus sign is a space in a query string that was not encoded.
    let digits = query.chars().filter(char::is_ascii_digit).count();
    let phone = query.parse::<Phone>().ok().or_else(|| format!("+{query}").parse().ok());
    let phone = phone.filter(|_| (6..=15).contains(&digits) || query.starts_with("00"));
    let card = query.parse::<Card>().ok();
    card.iter().map(Identifier::from).chain(phone.iter().map(Identifier::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_up_as_whatever_it_may_be() {
        let kinds = |query: &str| {
            possible_identifiers(query)
                .iter()
                .map(|found| format!("{}:{}", found.kind.name(), found.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds("Ada@Example.com"), ["email:ada@example.com"]);
        assert_eq!(kinds("ada@"), Vec::<String>::new());
        assert_eq!(kinds("+39 333 1234567"), ["phone:+393331234567"]);
        assert_eq!(kinds("39 333 1234567"), ["phone:+393331234567"]);
        assert_eq!(kinds("0039333.1234567"), ["phone:+393331234567"]);
        assert_eq!(kinds("4006381333931"), ["card:4006381333931", "phone:+4006381333931"]);
        assert_eq!(kinds("A-12"), ["card:A-12"]);
        assert_eq!(kinds("Ada Lovelace"), Vec::<String>::new());
    }
}
