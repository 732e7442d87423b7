//! Routes of coupons: read, check, and change their status.

use jiff::Timestamp;
use serde_json::{Value, json};
use tessera_codes::Format;
use tessera_domain::account::Account;
use tessera_domain::coupon::{
    BasketBody, BasketCheck, BasketContext, Coupon, CouponChange, CouponFault, CouponStatus, FoldedCode, change_coupon,
    check_basket, read_basket,
};
use tessera_domain::decide::{CommitFault, Context, Decision, decide_cancel, decide_cancel_by_member, decide_commit};
use tessera_domain::ids::{MemberId, ReceiptId};
use tessera_domain::member::{MemberRef, Profile};
use tessera_domain::money::Currency;
use tessera_domain::program::Asked;
use tessera_domain::view::CouponView;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Caller, Parameter, Problem, Route, Scope, Services, handler};
use tessera_store::{ActiveProgram, Commit, CommitError, Committed, CouponError, EntryKey, Party, Taking, TakingCode};

use crate::body::{CouponUseBody, read_nothing, read_use};
use crate::{REDEEM, REDEEM_OWN};

/// The routes of coupons.
pub(crate) const ROUTES: &[Route] = &[
    Route::get("/v1/coupons/{code}", Access::ScopeOrMember(Scope::MembersRead), handler!(get))
        .named("getCoupon", "Coupons", "Reads a coupon")
        .details("A code that ends in `.svg` returns a picture of it: `?format=qr` (default) or `code128`.")
        .query(Parameter::text("format", "The format of a picture: `qr` or `code128`."))
        .gives::<CouponView>(200, "The coupon."),
    Route::post("/v1/coupons/{code}/check", REDEEM, handler!(post, Action::Check))
        .named("checkCoupon", "Coupons", "Tries a coupon on a basket")
        .takes::<BasketBody>(BasketBody::example)
        .gives::<BasketCheck>(200, "What it is worth."),
    Route::post("/v1/coupons/{code}/commit", REDEEM_OWN, handler!(post, Action::Commit))
        .named("commitCoupon", "Coupons", "Turns a reservation into a coupon")
        .gives::<CouponView>(200, "The coupon."),
    Route::post("/v1/coupons/{code}/apply", REDEEM_OWN, handler!(post, Action::Apply))
        .named("applyCoupon", "Coupons", "Puts a coupon on a cart")
        .gives::<CouponView>(200, "The coupon."),
    Route::post("/v1/coupons/{code}/release", REDEEM_OWN, handler!(post, Action::Release))
        .named("releaseCoupon", "Coupons", "Takes a coupon off a cart")
        .gives::<CouponView>(200, "The coupon."),
    Route::post("/v1/coupons/{code}/use", REDEEM, handler!(post, Action::Use))
        .named("useCoupon", "Coupons", "Marks a coupon as used, for good")
        .may_take::<CouponUseBody>(CouponUseBody::example)
        .gives::<CouponView>(200, "The coupon."),
    Route::post("/v1/coupons/{code}/cancel", REDEEM_OWN, handler!(post, Action::Cancel))
        .named("cancelCoupon", "Coupons", "Cancels a coupon and gives its points back")
        .audited("coupon.cancel")
        .gives::<CouponView>(200, "The coupon."),
];

/// What a route does with a coupon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Check,
    Commit,
    Apply,
    Release,
    Use,
    Cancel,
}

/// The response with a coupon.
pub(crate) async fn respond_with(
    services: &Services,
    program: &ActiveProgram,
    status: u16,
    coupon: &Coupon,
    now: Timestamp,
) -> Result<Response, Problem> {
    let profile = services.store.get_profile(&program.id, &coupon.member).await?;
    respond_knowing(services, program, status, coupon, profile, now).await
}

/// As [`respond_with`], with the profile of the coupon's member.
pub(crate) async fn respond_knowing(
    services: &Services,
    program: &ActiveProgram,
    status: u16,
    coupon: &Coupon,
    profile: Option<Profile>,
    now: Timestamp,
) -> Result<Response, Problem> {
    let profile = owner(services, program, &coupon.member, profile).await?;
    Ok(http::json(status, &CouponView::new(&program.compiled, coupon, profile.as_ref(), now)))
}

/// The profile of a coupon's owner. A contact without an id may have become part of a member since.
async fn owner(
    services: &Services,
    program: &ActiveProgram,
    member: &MemberId,
    profile: Option<Profile>,
) -> Result<Option<Profile>, Problem> {
    if profile.as_ref().is_some_and(|profile| profile.id.is_some()) {
        return Ok(profile);
    }
    let current = services.store.current_member(&program.id, member).await?;
    Ok(if current == *member { profile } else { services.store.get_profile(&program.id, &current).await? })
}

/// Finds a coupon by a typed code. A member token gets the same 404, after the same reads, for a code that is unknown,
/// another member's or used.
pub(crate) async fn find(
    services: &Services,
    program: &ActiveProgram,
    caller: &Caller,
    given: &str,
) -> Result<Coupon, Problem> {
    let code = FoldedCode::parse(given).ok_or_else(unknown)?;
    let found = if caller.member.is_some() {
        let own = services.own_member(program, caller).await?;
        // An unknown person owns no coupon; a placeholder id keeps the reads the same.
        let own = own.map_or_else(|| MemberId::new("m_nobody").map_err(|_| unknown()), Ok)?;
        services.store.get_own_coupon(&program.id, &own, &code).await?
    } else {
        services.store.get_coupon(&program.id, &code).await?
    };
    found.ok_or_else(unknown)
}

pub(crate) fn unknown() -> Problem {
    Problem::no_match("there is no such coupon")
}

/// What the path of a picture ends in. A gateway's route cannot have text after a parameter.
const PICTURE: &str = ".svg";

/// `GET /v1/coupons/{code}` and `GET /v1/coupons/{code}.svg`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let path = request.path("code")?;
    if let Some(code) = path.strip_suffix(PICTURE) {
        return picture(services, request, caller, code).await;
    }
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, caller, path).await?;
    respond_with(services, &program, 200, &coupon, services.clock.now()).await
}

/// The picture of a coupon's code, for a till's scanner.
async fn picture(services: &Services, request: &ApiRequest, caller: &Caller, code: &str) -> Result<Response, Problem> {
    let format = Format::from_name(request.query("format").unwrap_or("qr")).filter(|format| *format != Format::Ean13);
    let format = format.ok_or_else(|| Problem::malformed_at("", "?format is qr or code128"))?;
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, caller, code).await?;
    let drawn = format.draw(coupon.code.as_str());
    drawn.map(http::svg).map_err(|error| Problem::not_allowed("not_drawable", error.to_string()))
}

/// `POST /v1/coupons/{code}/` and an action.
async fn post(services: &Services, request: &ApiRequest, action: Action) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let body = request.optional_json()?;
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, caller, request.path("code")?).await?;

    let now = services.clock.now();
    let coupon = match action {
        Action::Check => return check(services, caller, &program, &coupon, &body).await,
        Action::Apply => {
            read_nothing(&body).map_err(Problem::malformed)?;
            let minutes = program.compiled.program.coupons.apply_minutes;
            change(services, &program, &coupon, &CouponChange::Apply { minutes }, now).await?
        }
        Action::Release => {
            read_nothing(&body).map_err(Problem::malformed)?;
            change(services, &program, &coupon, &CouponChange::Release, now).await?
        }
        Action::Use => {
            let receipt = read_use(&body).map_err(Problem::malformed)?;
            use_at_till(services, request, &program, &coupon, receipt, now).await?
        }
        Action::Commit => {
            read_nothing(&body).map_err(Problem::malformed)?;
            decide(services, request, &program, coupon, &COMMIT).await?
        }
        Action::Cancel => {
            read_nothing(&body).map_err(Problem::malformed)?;
            let by = if caller.member.is_some() { cancel_by_member(&program, &coupon)? } else { &CANCEL };
            let is_usable = matches!(coupon.status, CouponStatus::Available | CouponStatus::Applied);
            if coupon.provider.is_some() && is_usable {
                begin_cancel(services, request, &program, &coupon, now).await?
            } else {
                decide(services, request, &program, coupon, by).await?
            }
        }
    };
    respond_with(services, &program, 200, &coupon, now).await
}

/// Tries a coupon on a basket. Other codes and the buyer cost reads only when the body names them.
async fn check(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    coupon: &Coupon,
    body: &Value,
) -> Result<Response, Problem> {
    let currency = Currency::from_code(&coupon.discount.currency).ok_or_else(unknown)?;
    let input = read_basket(body, currency).map_err(Problem::malformed)?;
    let own = FoldedCode::from(&coupon.code);
    let codes: Vec<FoldedCode> = input.with.iter().map(FoldedCode::from).filter(|code| *code != own).collect();
    let known = services.store.get_coupons(&program.id, codes.iter().cloned()).await?;
    let discount_of = |code: &FoldedCode| {
        let found = known.iter().find(|other| FoldedCode::from(&other.code) == *code);
        found.map(|other| other.discount.clone())
    };
    let is_of_another = match input.member.filter(|_| coupon.is_bound()) {
        Some(buyer) => !is_owner(services, caller, program, coupon, buyer).await?,
        None => false,
    };
    let context = BasketContext { is_of_another, with: codes.iter().map(discount_of).collect() };
    Ok(http::json(200, &check_basket(coupon, &input.basket, &context, services.clock.now())))
}

/// True if a reference names the coupon's owner.
async fn is_owner(
    services: &Services,
    caller: &Caller,
    program: &ActiveProgram,
    coupon: &Coupon,
    buyer: MemberRef,
) -> Result<bool, Problem> {
    let buyer = caller.verified(program, buyer)?;
    let key = &program.head.identity_key;
    match services.store.resolve(&program.id, key, &buyer, false).await?.member {
        Some(buyer) => Ok(services.store.is_one_member(&program.id, &buyer, &coupon.member).await?),
        None => Ok(false),
    }
}

/// Makes a change that moves no points: one write of the coupon.
async fn change(
    services: &Services,
    program: &ActiveProgram,
    coupon: &Coupon,
    change: &CouponChange,
    now: Timestamp,
) -> Result<Coupon, Problem> {
    let written = services.store.change_coupon(&program.id, &coupon.code, |coupon| change_coupon(coupon, change, now));
    written.await.map_err(not_changed)
}

/// Records the use that a till reports. When the order was returned before, the points due back are restored at once.
async fn use_at_till(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    coupon: &Coupon,
    receipt: Option<ReceiptId>,
    now: Timestamp,
) -> Result<Coupon, Problem> {
    let key = request.repeat_key().map(str::to_owned);
    let Some(id) = receipt else {
        return change(services, program, coupon, &CouponChange::Use { receipt: None, key }, now).await;
    };
    if coupon.is_bound() {
        let stored = services.store.get_receipt_with_refunds(&program.id, &id).await?;
        if let Some(buyer) = stored.and_then(|stored| stored.member)
            && !services.store.is_one_member(&program.id, &buyer, &coupon.member).await?
        {
            return Err(Problem::not_allowed(
                "other_member",
                "the coupon is bound to another member than the receipt's",
            ));
        }
    }
    let change = CouponChange::Use { receipt: Some(id.clone()), key };
    let used = services
        .store
        .use_coupon_on(&program.id, &coupon.code, &id, |coupon| change_coupon(coupon, &change, now))
        .await;
    Ok(services.settle_coupon(program, used.map_err(not_changed)?).await?)
}

fn not_changed(error: CouponError<CouponFault>) -> Problem {
    match error {
        CouponError::Unknown => unknown(),
        CouponError::Refused(fault) => refused(fault),
        CouponError::Store(error) => error.into(),
    }
}

/// A change that moves points: its decision, and the status that it reaches.
struct PointMove {
    name: &'static str,
    decide: fn(&Context<'_>, &Account, &Coupon) -> Result<Decision, CommitFault>,
    reached: CouponStatus,
    /// True when a code may be drawn from a pool.
    with_code: bool,
}

const COMMIT: PointMove =
    PointMove { name: "commit", decide: decide_commit, reached: CouponStatus::Available, with_code: true };
const CANCEL: PointMove = PointMove {
    name: "cancel",
    decide: |context, account, coupon| Ok(decide_cancel(context, account, coupon)?),
    reached: CouponStatus::Cancelled,
    with_code: false,
};
const CANCEL_BY_MEMBER: PointMove =
    PointMove { decide: |context, account, coupon| Ok(decide_cancel_by_member(context, account, coupon)?), ..CANCEL };

/// How a member token cancels a coupon: only available ones, and only codes that no shop accepts by itself.
fn cancel_by_member(program: &ActiveProgram, coupon: &Coupon) -> Result<&'static PointMove, Problem> {
    if coupon.has_generated_code(&program.compiled) {
        return Ok(&CANCEL_BY_MEMBER);
    }
    Err(Problem::forbidden("a coupon with a code from a pool or a shop is cancelled with an API key"))
}

/// Begins to cancel a coupon whose code a shop created. The stream carries it on: the shop deletes the code, and then the
/// points come back, unless an order has used the code.
async fn begin_cancel(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    coupon: &Coupon,
    now: Timestamp,
) -> Result<Coupon, Problem> {
    let audit = request.audit(format!("coupons/{}", coupon.code))?;
    let change = |coupon: &Coupon| change_coupon(coupon, &CouponChange::Cancel, now);
    let begun = services.store.change_coupon_audited(&program.id, &coupon.code, &audit, change);
    begun.await.map_err(not_changed)
}

/// Makes a change that moves points, with its own entry. A repeat finds the coupon's status changed and does nothing.
async fn decide(
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    coupon: Coupon,
    wanted: &PointMove,
) -> Result<Coupon, Problem> {
    let (now, config, codes) = (services.clock.now(), &program.compiled, [coupon.code.clone()]);
    let natural = format!("{}#{}", coupon.code, wanted.name);
    let key = EntryKey::coupon(request.natural_key().started_at, &natural);
    let profile = config.asks_profile(Asked::Tier);
    let takes = wanted.with_code.then_some(Taking { reward: &coupon.reward, code: TakingCode::For(&coupon) });
    let party = Party { coupons: &codes, profile, takes, ..Party::new(&coupon.member, &key) };
    let commit = Commit::for_one(&program.id, config, party);
    // What a shopper does is in the ledger; what an API key cancels is a correction.
    let is_correction = wanted.reached == CouponStatus::Cancelled && request.caller()?.member.is_none();
    let audit = if is_correction { Some(request.audit(format!("coupons/{}", coupon.code))?) } else { None };
    let committed = services.store.commit_audited(&commit, audit.as_ref(), |[seen]| {
        let context = seen.context(config, now);
        // Its code may have been drawn meanwhile.
        let current = seen.coupons.iter().find(|seen| seen.issued_code() == coupon.issued_code()).unwrap_or(&coupon);
        (wanted.decide)(&context, seen.account, current).map(|decision| [decision])
    });
    let mut is_repeated = false;
    match committed.await {
        Ok([committed]) => is_repeated = matches!(committed, Committed::Already(_)),
        Err(CommitError::Refused(CommitFault::State(fault))) if fault.status == wanted.reached => {}
        Err(CommitError::Refused(CommitFault::State(fault))) => return Err(refused(fault)),
        Err(CommitError::Refused(CommitFault::CodesUnavailable)) => return Err(codes_unavailable()),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    let code = FoldedCode::from(&coupon.code);
    let coupon = services.store.get_coupon(&program.id, &code).await?.ok_or_else(unknown)?;
    // Something else may have happened to it since.
    if is_repeated && coupon.status != wanted.reached {
        return Err(refused(CouponFault::new(&coupon, coupon.status)));
    }
    Ok(coupon)
}

/// The pool of a reward's codes is empty until somebody loads more.
pub(crate) fn codes_unavailable() -> Problem {
    Problem::unavailable_because(
        "codes_unavailable",
        "there is no code for this reward at the moment; nothing was taken",
    )
}

fn refused(fault: CouponFault) -> Problem {
    let problem = Problem::conflict("coupon_state", format!("the coupon is {}", state_of(fault)));
    match fault.used_at {
        Some(at) => problem.with("used_at", json!(at.to_string())),
        None => problem,
    }
}

/// The status that stands in the way, and what would change it.
pub(crate) const fn state_of(fault: CouponFault) -> &'static str {
    match fault.status {
        CouponStatus::Reserved => "reserved: it must be committed first",
        CouponStatus::Available => "available",
        CouponStatus::Applied => "applied to a cart: it must be released first",
        CouponStatus::Used => "used",
        CouponStatus::Expired => "expired",
        CouponStatus::Cancelled => "cancelled",
        CouponStatus::Lapsed => "lapsed: it was not committed in time",
    }
}
