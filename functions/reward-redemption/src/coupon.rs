//! Coupons: what they are, and where they go.

use jiff::Timestamp;
use lambda_http::{Body, Response};
use serde_json::Value;
use tessera_domain::coupon::{Coupon, CouponStatus};
use tessera_domain::decide::{Context, CouponFault, Decision, decide_cancel, decide_commit};
use tessera_domain::money::Currency;
use tessera_domain::program::Asked;
use tessera_domain::view::CouponView;
use tessera_lambda::http::{self, Call};
use tessera_lambda::{Problem, Services};
use tessera_store::{ActiveProgram, Commit, CommitError, CouponError, EntryKey};

use crate::basket::{check, read_basket};
use crate::body::{read_nothing, read_use};
use crate::code::readings;
use crate::state::{Change, changed};

/// Answers with a coupon.
pub(crate) async fn answer(
    services: &Services,
    program: &ActiveProgram,
    status: u16,
    coupon: &Coupon,
    now: Timestamp,
) -> Result<Response<Body>, Problem> {
    let profile = services.store.get_profile(&program.id, &coupon.member).await?;
    Ok(http::json(status, &CouponView::new(coupon, profile.as_ref(), now)))
}

/// The coupon that a code means, however it was written.
async fn find(services: &Services, program: &ActiveProgram, given: &str) -> Result<Coupon, Problem> {
    for code in readings(given, &program.compiled.program) {
        if let Some(coupon) = services.store.get_coupon(&program.id, &code).await? {
            return Ok(coupon);
        }
    }
    Err(unknown())
}

fn unknown() -> Problem {
    Problem::no_match("there is no such coupon")
}

/// `GET /v1/coupons/{code}`
pub(crate) async fn get(services: &Services, call: &Call) -> Result<Response<Body>, Problem> {
    let caller = call.caller()?;
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, call.path("code")?).await?;
    services.require_own(&program, caller, &coupon.member).await?;
    answer(services, &program, 200, &coupon, services.clock.now()).await
}

/// `POST /v1/coupons/{code}/` and an action.
pub(crate) async fn post(services: &Services, call: &Call, action: &str) -> Result<Response<Body>, Problem> {
    let caller = call.caller()?;
    let body = call.optional_json()?;
    let program = services.program(&caller.program).await?;
    let coupon = find(services, &program, call.path("code")?).await?;
    services.require_own(&program, caller, &coupon.member).await?;

    let now = services.clock.now();
    let coupon = match action {
        "check" => return judge(&coupon, &body, now),
        "apply" => {
            read_nothing(&body).map_err(Problem::malformed)?;
            let minutes = program.compiled.program.coupons.apply_minutes;
            change(services, &program, &coupon, &Change::Apply { minutes }, now).await?
        }
        "release" => {
            read_nothing(&body).map_err(Problem::malformed)?;
            change(services, &program, &coupon, &Change::Release, now).await?
        }
        "use" => {
            let receipt = read_use(&body).map_err(Problem::malformed)?;
            change(services, &program, &coupon, &Change::Use { receipt }, now).await?
        }
        "commit" => {
            read_nothing(&body).map_err(Problem::malformed)?;
            decide(services, call, &program, coupon, &COMMIT).await?
        }
        _ => {
            read_nothing(&body).map_err(Problem::malformed)?;
            decide(services, call, &program, coupon, &CANCEL).await?
        }
    };
    answer(services, &program, 200, &coupon, now).await
}

fn judge(coupon: &Coupon, body: &Value, now: Timestamp) -> Result<Response<Body>, Problem> {
    let currency = Currency::from_code(&coupon.discount.currency).ok_or_else(unknown)?;
    let basket = read_basket(body, currency).map_err(Problem::malformed)?;
    Ok(http::json(200, &check(coupon, &basket, now)))
}

/// A change that moves no points: written on the coupon alone.
async fn change(
    services: &Services,
    program: &ActiveProgram,
    coupon: &Coupon,
    change: &Change,
    now: Timestamp,
) -> Result<Coupon, Problem> {
    let written = services.store.change_coupon(&program.id, &coupon.code, |coupon| changed(coupon, change, now));
    written.await.map_err(|error| match error {
        CouponError::Unknown => unknown(),
        CouponError::Refused(fault) => refused(fault),
        CouponError::Store(error) => error.into(),
    })
}

/// A change that moves points: what decides on it, and where the coupon stands afterwards.
struct Move {
    name: &'static str,
    decide: fn(&Context<'_>, &tessera_domain::account::Account, &Coupon) -> Result<Decision, CouponFault>,
    reached: CouponStatus,
}

const COMMIT: Move = Move { name: "commit", decide: decide_commit, reached: CouponStatus::Available };
const CANCEL: Move = Move { name: "cancel", decide: decide_cancel, reached: CouponStatus::Cancelled };

/// A change that moves points: an entry of its own. It happens once because the coupon has left the state that it starts
/// from, whoever repeats it and whenever.
async fn decide(
    services: &Services,
    call: &Call,
    program: &ActiveProgram,
    coupon: Coupon,
    wanted: &Move,
) -> Result<Coupon, Problem> {
    let (now, config, codes) = (services.clock.now(), &program.compiled, [coupon.code.clone()]);
    let natural = format!("{}#{}", coupon.code, wanted.name);
    let key = EntryKey::coupon(call.natural().started_at, &natural);
    let profile = config.asks_profile(Asked::Tier);
    let commit = Commit { coupons: &codes, profile, ..Commit::new(&program.id, config, &coupon.member, &key) };
    let committed = services.store.commit(&commit, |seen| {
        let context = Context {
            program: config,
            member: &coupon.member,
            profile: seen.profile,
            now,
            seed: seen.seed,
            supply: seen.supply,
        };
        let current = seen.coupons.iter().find(|seen| seen.code == coupon.code).unwrap_or(&coupon);
        (wanted.decide)(&context, seen.account, current)
    });
    match committed.await {
        Ok(_) => {}
        Err(CommitError::Refused(CouponFault(status))) if status == wanted.reached => {}
        Err(CommitError::Refused(fault)) => return Err(refused(fault)),
        Err(CommitError::Store(error)) => return Err(error.into()),
    }
    services.store.get_coupon(&program.id, &coupon.code).await?.ok_or_else(unknown)
}

fn refused(CouponFault(status): CouponFault) -> Problem {
    let stands = match status {
        CouponStatus::Reserved => "reserved: it must be committed first",
        CouponStatus::Available => "available",
        CouponStatus::Applied => "applied to a cart: it must be released first",
        CouponStatus::Used => "used",
        CouponStatus::Expired => "expired",
        CouponStatus::Cancelled => "cancelled",
        CouponStatus::Lapsed => "lapsed: it was not committed in time",
    };
    Problem::conflict("coupon_state", format!("the coupon is {stands}"))
}
