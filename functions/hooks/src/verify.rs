//! Which connection a delivery is for, and whether it is signed by it.

use tessera_domain::ids::ProgramId;
use tessera_lambda::http::ApiRequest;
use tessera_lambda::limits::LookUp;
use tessera_lambda::{Problem, Services};
use tessera_orders::{ShopConnection, ShopCredentials};
use tessera_shops::{SignatureError, Vendor, shopify, square, woocommerce};
use tessera_store::{RateCounter, TargetId};

/// The largest delivery, in bytes. Lambda's own limit is above it.
pub(crate) const MOST_BYTES: usize = 5 * 1024 * 1024;

/// Finds the enabled connection of a delivery and checks the signature. Misses of both count for the source.
///
/// Size and shape are checked before a secret is read.
///
/// # Errors
/// 404 without such a connection; 401 for a bad signature; 413 for a delivery that is too large; 429 after too many misses.
pub(crate) async fn verified(
    services: &Services,
    request: &ApiRequest,
    program: &ProgramId,
    id: Option<TargetId>,
) -> Result<ShopConnection, Problem> {
    let look_up = begin(services, request)?;
    let connection = match &id {
        Some(id) => ShopConnection::remembered(services, program, id).await?,
        None => None,
    };
    let Some(connection) = connection else {
        return Err(look_up.missed(unknown_connection()).await);
    };
    match check(services, request, program, &connection).await? {
        Ok(()) => Ok(connection),
        Err(error) => Err(look_up.missed(refuse(error)).await),
    }
}

/// Checks the size of a delivery, and that its source has not missed too often.
///
/// # Errors
/// 413 for a delivery that is too large; 429 after too many misses.
pub(crate) fn begin<'a>(services: &'a Services, request: &ApiRequest) -> Result<LookUp<'a>, Problem> {
    if request.body().len() > MOST_BYTES {
        return Err(Problem::too_large(format!("a delivery is at most {} MB", MOST_BYTES / 1024 / 1024)));
    }
    let source = request.source(services);
    let misses = RateCounter::new(None, &["misses", "hook", source.as_str()]);
    services.limits.begin(&services.store, misses, services.clock.now())
}

/// The problem of a delivery for a connection that is not there, or is disabled.
pub(crate) fn unknown_connection() -> Problem {
    Problem::not_found("there is no such connection, or it is disabled")
}

/// The problem of a delivery whose signature is refused.
pub(crate) fn refuse(error: SignatureError) -> Problem {
    Problem::unauthorized(match error {
        SignatureError::Malformed => "the signature is missing, or has another form",
        SignatureError::Wrong => "the signature is wrong",
        SignatureError::Stale => "the time of the delivery is more than five minutes off",
    })
}

async fn check(
    services: &Services,
    request: &ApiRequest,
    program: &ProgramId,
    connection: &ShopConnection,
) -> Result<Result<(), SignatureError>, Problem> {
    // Without any secret, only the form can be wrong.
    let form = signature(request, connection, &[], services);
    if form == Err(SignatureError::Malformed) || request.body().is_empty() {
        return Ok(Err(SignatureError::Malformed));
    }
    let (key, now) = (services.secrets().await?, services.clock.now());
    let Some(secrets) = services.store.target_secrets(program, &connection.id, &key).await? else {
        return Ok(Err(SignatureError::Wrong));
    };
    // A replaced secret still verifies for a day.
    let credentials = secrets.valid_at(now).into_iter();
    let credentials: Vec<ShopCredentials> = credentials.filter_map(|json| serde_json::from_str(json).ok()).collect();
    let signing: Vec<&str> = credentials.iter().filter_map(ShopCredentials::signing).collect();
    Ok(signature(request, connection, &signing, services))
}

fn signature(
    request: &ApiRequest,
    connection: &ShopConnection,
    secrets: &[&str],
    services: &Services,
) -> Result<(), SignatureError> {
    let body = request.body();
    let header = |name: &str| request.header(name);
    let named = |name| header(name).ok_or(SignatureError::Malformed);
    match connection.settings.vendor {
        Vendor::Shopify => shopify::verify(secrets, body, named(shopify::SIGNATURE)?),
        Vendor::Woocommerce => woocommerce::verify(secrets, body, named(woocommerce::SIGNATURE)?),
        Vendor::Square => {
            let url = connection.settings.notification_url.as_deref().unwrap_or_default();
            square::verify(secrets, url, body, named(square::SIGNATURE)?)
        }
        Vendor::Generic => match &connection.settings.generic {
            Some(generic) => generic.signature.verify(secrets, header, body, services.clock.now()),
            None => Err(SignatureError::Malformed),
        },
    }
}
