//! Trying rules out: what a fact would do, by the rules of the program or by others.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use tessera_domain::account::{Account, Status};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::decide::{
    Context, Decision, InteractionContext, ReceiptContext, Supply, decide_birthday, decide_due, decide_enrollment,
    decide_interaction, decide_receipt,
};
use tessera_domain::fact::{Interaction, Receipt, ReceiptBody, read_interaction, read_receipt};
use tessera_domain::ids::MemberId;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::{EnrollmentInput, MemberPath, MemberRef, Profile, read_enrollment};
use tessera_domain::program::{CompiledProgram, SubmittedProgram};
use tessera_domain::rule::Rule;
use tessera_domain::time::Day;
use tessera_domain::view::{ExaminedView, Explainer};
use tessera_lambda::http::{self, ApiRequest, Response, with_basket_defaults};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::ActiveProgram;

use crate::ADMIN;

/// The routes that try rules out.
pub(crate) const ROUTES: &[Route] = &[Route::post("/v1/rules/examine", ADMIN, handler!(post))
    .named("examineRules", "Facts", "Tries rules on a fact")
    .details(
        "Nothing is stored. Without `member`, somebody with no history; with `rules`, those decide instead of the \
             program's.",
    )
    .localized()
    .takes::<ExamineBody>(ExamineBody::example)
    .gives::<ExaminedView>(200, "The decision.")];

/// A fact to try rules on.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Examine), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `Asked::read` reads")]
struct ExamineBody {
    /// One of `receipt`, `interaction`, `enrollment` (as their endpoints take them; id, time and member may be left out),
    /// `birthday` (`on`: the local day on which its rules come due) and `inactivity`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    fact: Value,
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

/// `POST /v1/rules/examine`: the real decision on a fact that is nowhere stored.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let body = request.json()?;
    let now = services.clock.now();
    let program = services.program(&caller.program).await?;
    let mut asked = Asked::read(&body, &program.compiled, now).map_err(Problem::malformed)?;
    if let Some(MemberPath::Ref(reference)) = &mut asked.who {
        *reference = caller.verified(&program, std::mem::take(reference))?;
    }
    let config = match body.get("rules").filter(|rules| !rules.is_null()) {
        Some(rules) => &with_rules(&program.compiled, rules).map_err(Problem::malformed)?,
        None => &program.compiled,
    };
    let someone = someone(services, &program, &asked, now).await?;
    let coupons = match &asked.fact {
        Fact::Receipt(receipt) => {
            services.store.get_coupons(&program.id, receipt.coupons.iter().map(FoldedCode::from)).await?
        }
        Fact::Interaction(_) | Fact::Enrollment(_) | Fact::Birthday(_) | Fact::Inactivity => Vec::new(),
    };
    let supply = Supply::without(services.store.sold_out(&program.id, config).await?);
    let context = Context {
        program: config,
        member: &someone.member,
        profile: someone.profile.as_ref(),
        now,
        seed: tessera_store::seed()?,
        supply: &supply,
    };
    let account = &someone.account;
    let decided: Option<Decision> = match &asked.fact {
        Fact::Receipt(receipt) => {
            Some(decide_receipt(&context, account, &ReceiptContext { receipt, coupons: &coupons }))
        }
        Fact::Interaction(interaction) => {
            Some(decide_interaction(&context, account, &InteractionContext { interaction, counted_before: false }))
        }
        Fact::Enrollment(_) => decide_enrollment(&context, account),
        Fact::Birthday(day) => decide_birthday(&context, account, *day),
        Fact::Inactivity => decide_due(&context, account),
    };
    let explainer = Explainer::new(config, request.language(&program, someone.profile.as_ref()));
    let answer = decided.map(|decision| ExaminedView::of(&decision, &explainer));
    Ok(http::json(200, &answer.unwrap_or_else(|| ExaminedView::nothing(config, now))))
}

/// What is to be examined.
struct Asked {
    fact: Fact,
    /// Whom it concerns; nobody in particular when empty.
    who: Option<MemberPath>,
}

enum Fact {
    Receipt(Receipt),
    Interaction(Interaction),
    Enrollment(Box<EnrollmentInput>),
    /// The local day on which birthday rules come due.
    Birthday(Day),
    Inactivity,
}

impl Asked {
    fn read(body: &Value, program: &CompiledProgram, now: Timestamp) -> Result<Self, Vec<Fault>> {
        let (name, who) = input::read(body, |node| {
            let object = node.object()?;
            let fact = object.required("fact", |fact| {
                let object = fact.object()?;
                let found = object.exactly_one(&["receipt", "interaction", "enrollment", "birthday", "inactivity"]);
                object.finish();
                found.map(|(name, _)| name)
            });
            let who = object.optional("member", read_who);
            // Their faults are told with those of the program.
            object.field("rules");
            object.finish();
            Some((fact?, who?))
        })?;
        let sent = with_basket_defaults(body["fact"][name].clone(), now);
        let (fact, within) = Self::fact(name, &sent, program, now).map_err(|faults| {
            let under = |fault: Fault| Fault { pointer: format!("/fact/{name}{}", fault.pointer), ..fault };
            faults.into_iter().map(under).collect::<Vec<_>>()
        })?;
        Ok(Self { fact, who: who.or(within.map(MemberPath::Ref)) })
    }

    fn fact(
        name: &str,
        sent: &Value,
        program: &CompiledProgram,
        now: Timestamp,
    ) -> Result<(Fact, Option<MemberRef>), Vec<Fault>> {
        Ok(match name {
            "receipt" => {
                let read = read_receipt(sent, program.program.currency)?;
                (Fact::Receipt(read.receipt), read.member)
            }
            "interaction" => {
                let nobody = sent.get("member").is_none_or(Value::is_null);
                let mut sent = sent.clone();
                if nobody {
                    sent["member"] = json!({ "id": "examined" });
                }
                let read = read_interaction(&sent)?;
                (Fact::Interaction(read.interaction), Some(read.member).filter(|_| !nobody))
            }
            "enrollment" => {
                let mut details = sent.clone();
                if let Some(details) = details.as_object_mut() {
                    details.remove("occurred_at");
                    details.remove("member");
                }
                (Fact::Enrollment(Box::new(read_enrollment(&details)?)), None)
            }
            "birthday" => {
                let today = Day::of(now, &program.zone);
                let on = input::read(sent, |node| {
                    let object = node.object()?;
                    object.read_only(&["id", "occurred_at", "member"]);
                    let on = object.or("on", today.date(), Node::date);
                    object.finish();
                    on
                })?;
                (Fact::Birthday(Day::from_date(on)), None)
            }
            _ => (Fact::Inactivity, None),
        })
    }
}

fn read_who(node: &Node<'_>) -> Option<MemberPath> {
    if node.value.is_string() { node.parsed(MemberPath::parse) } else { MemberRef::read(node).map(MemberPath::Ref) }
}

/// The program with other rules.
fn with_rules(program: &CompiledProgram, rules: &Value) -> Result<CompiledProgram, Vec<Fault>> {
    Ok(CompiledProgram::new(SubmittedProgram::with_rules(&program.program, rules)?, program.version))
}

/// Whose decision it is.
struct Someone {
    member: MemberId,
    profile: Option<Profile>,
    account: Account,
}

/// The member that is named; else someone with no history: a visitor who enrols, or a member of whom only is known what
/// the fact needs.
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
        let found = services.store.get_member(&program.id, &member).await?;
        let (profile, account) = found.ok_or_else(Problem::unknown_member)?;
        return Ok(Someone { member, profile: Some(profile), account });
    }
    if asked.who.is_some() && matches!(asked.fact, Fact::Birthday(_) | Fact::Inactivity) {
        return Err(Problem::unknown_member());
    }
    let member = MemberId::new("m_nobody").map_err(|_| Problem::unavailable())?;
    let mut profile = Profile::new(&MemberRef::default(), now);
    // Long enough for any lapse to have come due.
    let long_ago = now.checked_sub((24 * 366 * 11).hours()).unwrap_or(now);
    let mut account = Account::new(Status::Member);
    account.enrolled_at = Some(now);
    match &asked.fact {
        Fact::Enrollment(input) => {
            let before = profile.clone();
            input.details.clone().apply(&mut profile).map_err(Problem::malformed)?;
            profile.referred_with.clone_from(&input.referral_code);
            profile.note_changes(&before, now);
            account = Account::new(Status::Visitor);
        }
        Fact::Birthday(_) | Fact::Inactivity => {
            account.enrolled_at = Some(long_ago);
            account.due = Some(Day::of(now, &program.compiled.zone));
            if let Fact::Birthday(day) = &asked.fact {
                let date = day.date();
                profile.birth_date = format!("--{:02}-{:02}", date.month(), date.day()).parse().ok();
            }
        }
        Fact::Receipt(_) | Fact::Interaction(_) => {}
    }
    Ok(Someone { member, profile: Some(profile), account })
}
