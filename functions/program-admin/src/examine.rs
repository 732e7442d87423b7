//! Examination of rules: what a fact would do, by the rules of the program or by others.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tessera_domain::account::{Account, Due, DueKind, Status};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::{
    AdvocateChange, Context, Decision, FactContext, FriendChange, ReferralChange, Supply, decide_enrollment,
    decide_fact, decide_referral, milestone_coupons,
};
use tessera_domain::fact::{Fact, FactKind, ReceiptBody, read_examined};
use tessera_domain::ids::{MemberId, ReferralId};
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::ledger::Cause;
use tessera_domain::member::{EnrollmentInput, MemberPath, MemberRef, Profile, read_enrollment};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::rule::{ReferralRole, Rule};
use tessera_domain::time::Day;
use tessera_domain::view::{ExaminedView, Explainer};
use tessera_lambda::http::{self, ApiRequest, Response, with_basket_defaults};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_orders::ShopConnection;
use tessera_store::{ActiveProgram, OpenedMember, TargetId};

use crate::ADMIN;

/// The routes that try rules out.
pub(crate) const ROUTES: &[Route] = &[Route::post("/v1/rules/examine", ADMIN, handler!(post))
    .named("examineRules", "Facts", "Tries rules on a fact")
    .counts_misses()
    .details(
        "Nothing is stored. Without `member`, somebody with no history; with `rules`, those decide instead of the \
             program's. With `connection` and `payload` instead of `fact`, the mapping of a shop is tried too.",
    )
    .localized()
    .takes::<ExamineBody>(ExamineBody::example)
    .gives::<ExaminedView>(200, "The decision.")];

/// A fact to try rules on.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Examine), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `Asked::read` reads")]
struct ExamineBody {
    /// One of `receipt`, `interaction`, `enrollment` (as their endpoints take them; id, time and member may be left out),
    /// `birthday` (`on`: the local day on which its rules come due), `inactivity`, and `referral` (`role`: `advocate` or
    /// `friend`), which is rewarded now. Either this or `connection`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    fact: Option<Value>,
    /// The connection whose mapping is tried on `payload`: the name of a generic one, or a vendor's.
    #[cfg_attr(feature = "openapi", schema(max_length = 64))]
    connection: Option<String>,
    /// What the shop would deliver; for Square the response to `GET /v2/orders/{id}`.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    payload: Option<Value>,
    /// Whom it concerns, by path or by identifiers; absent: somebody with no history.
    member: Option<ExaminedMember>,
    /// The rules that decide instead of the program's.
    rules: Option<Vec<Rule>>,
}

/// Whom a tried fact concerns.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(untagged))]
#[allow(dead_code, reason = "the schema of what `read_who` reads")]
enum ExaminedMember {
    /// As in a path: `c-42`, `card:…`, `email:…`, `phone:+39…`, `m_…`.
    Path(String),
    /// By identifiers.
    Reference(MemberRef),
}

impl ExamineBody {
    fn example() -> Value {
        json!({ "fact": { "receipt": ReceiptBody::example() }, "member": { "id": "c-42" } })
    }
}

/// `POST /v1/rules/examine`: the real decision on a fact, without storing anything.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let body = request.json()?;
    let now = services.clock.now();
    let program = services.program(&caller.program).await?;
    let body = mapped(services, &program, body).await?;
    let mut asked = Asked::read(&body, &program.compiled, now).map_err(Problem::malformed)?;
    if let Some(MemberPath::Ref(reference)) = &mut asked.who {
        *reference = caller.verified(&program, std::mem::take(reference))?;
    }
    let config = match body.get("rules").filter(|rules| !rules.is_null()) {
        Some(rules) => &with_rules(&program.compiled, rules).map_err(Problem::malformed)?,
        None => &program.compiled,
    };
    let someone = someone(services, &program, &asked, now).await?;
    let coupons = match &asked.what {
        Examined::Fact(Fact::Receipt(receipt)) => {
            services.store.get_coupons(&program.id, receipt.coupons.iter().map(FoldedCode::from)).await?
        }
        Examined::Referral(ReferralRole::Advocate) => {
            let codes = milestone_coupons(&someone.account);
            services.store.get_coupons(&program.id, codes.iter().map(FoldedCode::from)).await?
        }
        Examined::Fact(_) | Examined::Enrollment(_) | Examined::Referral(ReferralRole::Friend) => Vec::new(),
    };
    let mut supply = Supply::without(services.store.sold_out(&program.id, config).await?);
    let seed = tessera_store::seed()?;
    let referral = ReferralId::new("examined").map_err(|_| Problem::unavailable())?;
    let decide = |supply: &Supply| {
        let Someone { member, profile, account } = &someone;
        let context = Context { program: config, member, profile: profile.as_ref(), now, seed, supply };
        let decided = match &asked.what {
            Examined::Fact(fact) => {
                decide_fact(&context, account, FactContext { fact, coupons: &coupons, counted_before: false }).ok()
            }
            Examined::Enrollment(_) => decide_enrollment(&context, account),
            Examined::Referral(role) => {
                decide_referral(&context, account, &referral, &rewarded(*role), &coupons).ok().map(in_one)
            }
        };
        decided.ok_or(NothingExamined)
    };
    let decided = services.store.decide_only(&program.id, config, &mut supply, decide).await?.ok();
    let explainer = Explainer::new(config, request.language(&program, someone.profile.as_ref()));
    let answer = decided.map(|decision| ExaminedView::of(&decision, &explainer));
    Ok(http::json(200, &answer.unwrap_or_else(|| ExaminedView::nothing(config, now))))
}

/// The fact concerns no rule.
struct NothingExamined;

/// What a referral that is rewarded changes for one of its sides.
fn rewarded(role: ReferralRole) -> ReferralChange<'static> {
    match role {
        ReferralRole::Friend => {
            let friend = FriendChange { gives_reward: true, fires_rules: true, ..FriendChange::default() };
            ReferralChange { friend: Some(friend), ..ReferralChange::default() }
        }
        ReferralRole::Advocate => {
            ReferralChange { advocate: Some(AdvocateChange::Counts), ..ReferralChange::default() }
        }
    }
}

/// A decision on a referral with the rules' entry in the same view as the rewards of the referral program.
fn in_one(mut decision: Decision) -> Decision {
    let (of_rules, changes): (Vec<_>, Vec<_>) =
        decision.tier_changes.drain(..).partition(|entry| matches!(entry.cause, Cause::Referral(_)));
    for entry in of_rules {
        decision.entry.movements.extend(entry.movements);
        decision.entry.outcomes.extend(entry.outcomes);
        decision.entry.skipped.extend(entry.skipped);
    }
    decision.tier_changes = changes;
    decision
}

/// The longest name of a connection.
const MOST_NAME_BYTES: usize = 64;

/// The body with the fact that a connection makes of a payload, where it names a connection.
async fn mapped(services: &Services, program: &ActiveProgram, mut body: Value) -> Result<Value, Problem> {
    let Some(Value::String(name)) = body.get("connection").filter(|_| body.get("fact").is_none_or(Value::is_null))
    else {
        return Ok(body);
    };
    let Some(payload) = body.get("payload").filter(|payload| payload.is_object()) else { return Ok(body) };
    let unknown = || Problem::malformed_at("/connection", "there is no such connection");
    let id = TargetId::parse(name).filter(TargetId::is_shop).or_else(|| TargetId::generic(name)).ok_or_else(unknown)?;
    let target = services.store.target(&program.id, &id).await?;
    let connection = target.as_ref().and_then(ShopConnection::of).ok_or_else(unknown)?;
    let fact = connection.examine(payload, program.compiled.program.currency);
    let fact = fact.map_err(|reason| Problem::malformed_at("/payload", reason))?;
    if let Some(object) = body.as_object_mut() {
        object.remove("connection");
        object.remove("payload");
        object.insert("fact".to_owned(), fact);
    }
    Ok(body)
}

/// A request to examine.
struct Asked {
    what: Examined,
    /// The member; `None` for an example member.
    who: Option<MemberPath>,
}

/// What is examined: a fact, enrolment, which is a command, or the reward of a referral, which follows from the friend's facts.
#[allow(clippy::large_enum_variant, reason = "a request has one")]
enum Examined {
    Fact(Fact),
    Enrollment(Box<EnrollmentInput>),
    Referral(ReferralRole),
}

/// The names under which others than facts are examined; those of facts are [`FactKind::examined_as`].
const ENROLLMENT: &str = "enrollment";
const REFERRAL: &str = "referral";

impl Asked {
    fn read(body: &Value, program: &CompiledProgram, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let kinds = FactKind::ALL.iter().filter_map(|kind| kind.examined_as().map(|name| (name, *kind)));
        let kinds: BTreeMap<&str, FactKind> = kinds.collect();
        let names: Vec<&str> = kinds.keys().copied().chain([ENROLLMENT, REFERRAL]).collect();
        let (name, who) = input::read(body, |node| {
            let object = node.object()?;
            let fact = match object.exactly_one(&["fact", "connection"]) {
                Some(("fact", fact)) => fact.object().and_then(|object| {
                    let found = object.exactly_one(&names);
                    object.finish();
                    found.map(|(name, _)| name)
                }),
                // With a payload, it was replaced by its fact.
                Some((_, connection)) => connection
                    .text(MOST_NAME_BYTES)
                    .and_then(|_| object.required("payload", |payload| payload.refuse::<&str>("must be an object"))),
                None => None,
            };
            let payload = object.optional("payload", |payload| payload.object().map(drop));
            let who = object.optional("member", read_who);
            // The program's checks report the faults of the rules.
            object.field("rules");
            object.finish();
            payload?;
            Some((fact?, who?))
        })?;
        let sent = with_basket_defaults(body["fact"][name].clone(), now);
        let read = match kinds.get(name) {
            Some(kind) => {
                let today = Day::of(now, &program.zone);
                read_examined(*kind, &sent, program.program.currency, today)
                    .map(|read| (Examined::Fact(read.fact), read.member))
            }
            None if name == REFERRAL => read_referral(&body["fact"][name]),
            None => read_enrolling(&sent).map(|input| (Examined::Enrollment(Box::new(input)), None)),
        };
        let (what, within) = read.map_err(|faults| {
            let under = |fault: Fault| Fault { pointer: format!("/fact/{name}{}", fault.pointer), ..fault };
            faults.into_iter().map(under).collect::<Vec<_>>()
        })?;
        Ok(Self { what, who: who.or(within.map(MemberPath::Ref)) })
    }
}

fn read_enrolling(sent: &Value) -> Result<EnrollmentInput, Vec<Fault>> {
    let mut details = sent.clone();
    if let Some(details) = details.as_object_mut() {
        details.remove("occurred_at");
        details.remove("member");
    }
    read_enrollment(&details)
}

/// Reads the side of a referral, and the member on it.
fn read_referral(sent: &Value) -> Result<(Examined, Option<MemberRef>), Vec<Fault>> {
    input::read(sent, |node| {
        let object = node.object()?;
        let role = object.required("role", |role| {
            role.choice(&[("advocate", ReferralRole::Advocate), ("friend", ReferralRole::Friend)])
        });
        let member = object.optional("member", MemberRef::read);
        object.finish();
        Some((Examined::Referral(role?), member?))
    })
}

fn read_who(node: &Node<'_>) -> Option<MemberPath> {
    if node.value.is_string() { node.parsed(MemberPath::parse) } else { MemberRef::read(node).map(MemberPath::Ref) }
}

/// The program with other rules.
fn with_rules(program: &CompiledProgram, rules: &Value) -> Result<CompiledProgram, Vec<Fault>> {
    Ok(CompiledProgram::new(SubmittedProgram::with_rules(&program.program, rules)?, program.version))
}

/// The member of the decision.
struct Someone {
    member: MemberId,
    profile: Option<Profile>,
    account: Account,
}

/// The named member; otherwise an example without history: a visitor who enrols, or a member with what the fact needs.
async fn someone(
    services: &Services,
    program: &ActiveProgram,
    asked: &Asked,
    now: Timestamp,
) -> Result<Someone, Problem> {
    let known = match &asked.who {
        Some(MemberPath::Inner(member)) => Some(member.clone()),
        Some(MemberPath::Ref(reference)) => {
            services.store.resolve(&program.id, &program.head.identity_key, reference, false).await?.member
        }
        None => None,
    };
    if let Some(member) = known {
        let found = services.store.open_member(&program.id, &member).await?;
        let OpenedMember { member, profile, account } = found.ok_or_else(Problem::unknown_member)?;
        return Ok(Someone { member, profile: Some(profile), account });
    }
    let day = match &asked.what {
        Examined::Fact(fact) => fact.id().day(),
        Examined::Enrollment(_) | Examined::Referral(_) => None,
    };
    if asked.who.is_some() && day.is_some() {
        return Err(Problem::unknown_member());
    }
    let member = MemberId::new("m_nobody").map_err(|_| Problem::unavailable())?;
    let mut profile = Profile::new(&MemberRef::default(), now);
    let mut account = Account::new(Status::Member);
    account.enrolled_at = Some(now);
    if let Examined::Enrollment(input) = &asked.what {
        let before = profile.clone();
        input.details.clone().apply(&mut profile).map_err(Problem::malformed)?;
        profile.referred_with.clone_from(&input.referral_code);
        profile.note_changes(&before, now);
        account = Account::new(Status::Visitor);
    }
    if day.is_some() {
        // Enrolled long enough ago for any lapse to have fallen due.
        account.enrolled_at = Some(now.checked_sub((24 * 366 * 11).hours()).unwrap_or(now));
        account.due = Some(Due { day: Day::of(now, &program.compiled.zone), kind: DueKind::Lapse });
    }
    if let Examined::Fact(Fact::Birthday(day)) = &asked.what {
        let date = day.date();
        profile.birth_date = format!("--{:02}-{:02}", date.month(), date.day()).parse().ok();
    }
    Ok(Someone { member, profile: Some(profile), account })
}
