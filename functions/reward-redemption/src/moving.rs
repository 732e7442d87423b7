//! `POST /v1/coupons/{code}/move`: a coupon that was booked on the wrong person.

use serde_json::{Value, json};
use tessera_domain::coupon::{Coupon, FoldedCode};
use tessera_domain::decide::{CouponMove, CouponMoveFault, decide_coupon_move};
use tessera_domain::ids::MemberId;
use tessera_domain::input::{self, Fault, Node};
use tessera_domain::member::MemberRef;
use tessera_domain::program::Asked;
use tessera_domain::view::CouponView;
use tessera_lambda::http::{ApiRequest, Response};
use tessera_lambda::{Access, Caller, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Audit, Commit, CommitError, EntryKey, Party};

use crate::coupon::{find, respond_with, state_of, unknown};

/// The longest reason, in bytes.
const MOST_REASON_BYTES: usize = 500;

/// The routes of moves.
pub(crate) const ROUTES: &[Route] =
    &[Route::post("/v1/coupons/{code}/move", Access::Scope(Scope::Support), handler!(post))
        .named("moveCoupon", "Coupons", "Moves a coupon and its cost to another member")
        .audited("coupon.move")
        .details("The points return to the lots that paid for it, and the other member pays.")
        .takes::<CouponMoveBody>(CouponMoveBody::example)
        .gives::<CouponView>(200, "The coupon, as its new owner has it.")];

/// Where a coupon belongs.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = CouponMove), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_move` reads")]
pub(crate) struct CouponMoveBody {
    /// The member who gets it.
    member: MoveTarget,
    /// Why it is moved; the ledger keeps it.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    reason: String,
}

impl CouponMoveBody {
    /// An example.
    pub fn example() -> Value {
        json!({ "member": { "id": "c-43" }, "reason": "redeemed on the wrong account" })
    }
}

/// A member who must exist: a reference, or a text in one of the forms that a path takes.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(untagged))]
enum MoveTarget {
    /// By identifiers.
    Reference(Box<MemberRef>),
    /// As in a path.
    Path(String),
}

struct Move {
    member: MoveTarget,
    reason: String,
}

fn read_move(body: &Value) -> Result<Move, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let member = object.required("member", read_target);
        let reason = object.required("reason", |reason| {
            let text = reason.text(MOST_REASON_BYTES)?;
            if text.trim().is_empty() { reason.refuse("must not be empty") } else { Some(text) }
        });
        object.finish();
        Some(Move { member: member?, reason: reason? })
    })
}

fn read_target(node: &Node<'_>) -> Option<MoveTarget> {
    match node.value {
        Value::String(path) => Some(MoveTarget::Path(path.clone())),
        _ => MemberRef::read(node).map(|reference| MoveTarget::Reference(Box::new(reference))),
    }
}

/// `POST /v1/coupons/{code}/move`. A coupon that its new owner has already is left as it is.
async fn post(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let wanted = read_move(&request.json()?).map_err(Problem::malformed)?;
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, caller, request.path("code")?).await?;
    let target = find_target(services, caller, &program, wanted.member).await?;
    let now = services.clock.now();
    if services.store.is_one_member(&program.id, &target, &coupon.member).await? {
        return respond_with(services, &program, 200, &coupon, now).await;
    }
    let moved = make(services, request, &program, &coupon, &target, &wanted.reason).await?;
    respond_with(services, &program, 200, &moved, now).await
}

async fn find_target(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    target: MoveTarget,
) -> Result<MemberId, Problem> {
    let found = match target {
        MoveTarget::Path(path) => services.member_at(program, &path).await?,
        MoveTarget::Reference(reference) => {
            let reference = caller.verified(program, *reference)?;
            services.store.resolve(&program.id, &program.head.identity_key, &reference, false).await?.member
        }
    };
    let found = found.ok_or_else(Problem::unknown_member)?;
    // Our own ids are not looked up before: the move must not create an account.
    services.store.get_profile(&program.id, &found).await?.ok_or_else(Problem::unknown_member)?;
    Ok(found)
}

/// Writes both sides in one transaction.
async fn make(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    coupon: &Coupon,
    target: &MemberId,
    reason: &str,
) -> Result<Coupon, Problem> {
    let (now, config, codes) = (services.clock.now(), &program.compiled, [coupon.code.clone()]);
    let natural = request.natural_key();
    // The two have different keys: after a merge, one list shows the entries of both.
    let [from_key, into_key] = ["from", "into"].map(|side| {
        let natural_key = format!("{}#move#{side}#{}", coupon.code, natural.key);
        EntryKey::coupon(natural.started_at, &natural_key)
    });
    let profile = config.asks_profile(Asked::Tier);
    let from = Party { coupons: &codes, profile, ..Party::new(&coupon.member, &from_key) };
    let into = Party { profile, ..Party::new(target, &into_key) };
    let commit = Commit { program: &program.id, config, parties: [from, into] };
    let by = CouponMove { actor: &request.caller()?.actor, reason };
    let audit = Audit { reason: Some(reason.to_owned()), ..request.audit(format!("coupons/{}", coupon.code))? };
    let committed = services.store.commit_audited(&commit, Some(&audit), |[from, into]| {
        let current = from.coupons.first().unwrap_or(coupon);
        let (source, target) = (from.context(config, now), into.context(config, now));
        decide_coupon_move((&source, from.account), (&target, into.account), current, by)
    });
    match committed.await {
        Ok(_) => {}
        Err(CommitError::Refused(fault)) => return Err(refused(&fault)),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    services.store.get_coupon(&program.id, &FoldedCode::from(&coupon.code)).await?.ok_or_else(unknown)
}

fn refused(fault: &CouponMoveFault) -> Problem {
    match fault {
        CouponMoveFault::State(state) => {
            Problem::not_allowed("coupon_state", format!("the coupon is {}", state_of(*state)))
        }
        CouponMoveFault::OtherOwner => Problem::conflict("coupon_state", fault.to_string()),
        CouponMoveFault::MemberExcluded => Problem::not_allowed("member_excluded", fault.to_string()),
        CouponMoveFault::InsufficientPoints { .. } => Problem::not_allowed("insufficient_points", fault.to_string()),
    }
}
