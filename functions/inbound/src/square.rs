//! Fetches orders of Square.

use serde_json::Value;
use tessera_orders::{Followed, Follower, NamedRefunds, ShopCredentials};
use tessera_shops::ShopOrder;
use tessera_shops::square::{FetchedOrder, VERSION, order};

use crate::attempt::{AttemptFailure, ShopContext};
use crate::fetch::{FetchError, fetch};

const HOST: &str = "https://connect.squareup.com";

/// Fetches an order and stores what it says: a sale, what it returns, or both.
pub(crate) async fn follow(
    shop: &ShopContext<'_>,
    follower: &Follower<'_>,
    credentials: &ShopCredentials,
    number: &str,
) -> Result<Followed, AttemptFailure> {
    let (sale, returns) = whole(shop, credentials, number).await?;
    let mut outcome = Followed::Done;
    if let Some(sale) = sale {
        outcome = Box::pin(follower.follow(&sale, NamedRefunds::Some)).await?;
    }
    for (sold, refund) in returns {
        let receipt = format!("square:{sold}");
        // The sale may have come before the connection, or its event after this one.
        if let Some(sale) = whole(shop, credentials, &sold).await?.0 {
            let returned = ShopOrder { refunds: vec![refund.clone()], ..*sale };
            outcome = Box::pin(follower.follow(&returned, NamedRefunds::Some)).await?;
        } else {
            return Err(AttemptFailure::Unusable(format!("{receipt} is not a completed sale")));
        }
    }
    Ok(outcome)
}

type Whole = (Option<Box<ShopOrder>>, Vec<(String, tessera_shops::ShopRefund)>);

async fn whole(shop: &ShopContext<'_>, credentials: &ShopCredentials, number: &str) -> Result<Whole, AttemptFailure> {
    let response = get_order(shop, credentials, number).await?;
    match order(&response, &shop.connection.settings.terms(shop.currency)) {
        Ok(FetchedOrder::Whole { sale, returns }) => Ok((sale, returns)),
        Ok(FetchedOrder::NotWhole) => {
            Err(FetchError::new("the lines of the order do not add up to its total yet").into())
        }
        // Square may respond with 200 and errors.
        Err(error) => match response.get("errors") {
            Some(errors) => Err(FetchError::new(format!("200, but {errors}")).into()),
            None => Err(AttemptFailure::Unusable(error.to_string())),
        },
    }
}

/// Asks for the locations.
pub(crate) async fn test(shop: &ShopContext<'_>, credentials: &ShopCredentials) -> Result<(), AttemptFailure> {
    let response = get(shop, credentials, "locations").await?;
    match response.get("errors") {
        Some(errors) => Err(FetchError::new(format!("200, but {errors}")).into()),
        None => Ok(()),
    }
}

async fn get_order(
    shop: &ShopContext<'_>,
    credentials: &ShopCredentials,
    number: &str,
) -> Result<Value, AttemptFailure> {
    let is_number =
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_number {
        return Err(AttemptFailure::Unusable("the number of the order has another form".to_owned()));
    }
    get(shop, credentials, &format!("orders/{number}")).await
}

async fn get(shop: &ShopContext<'_>, credentials: &ShopCredentials, path: &str) -> Result<Value, AttemptFailure> {
    let base = shop.connection.settings.base_url.as_deref().unwrap_or(HOST).trim_end_matches('/');
    let token = credentials.access_token.as_deref();
    let token = token.ok_or_else(|| AttemptFailure::Again(FetchError::new("the connection has no access_token")))?;
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str()), ("square-version", VERSION)];
    Ok(fetch(shop.client, &format!("{base}/v2/{path}"), &headers, shop.now).await?)
}
