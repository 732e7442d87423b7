//! Tries the credentials of Shopify.

use serde_json::json;
use tessera_orders::ShopCredentials;
use tessera_shops::Payload;

use crate::attempt::{AttemptFailure, ShopContext};
use crate::fetch::{FetchError, send};

/// Asks for an access token, by the client-credentials grant.
pub(crate) async fn test(shop: &ShopContext<'_>, credentials: &ShopCredentials) -> Result<(), AttemptFailure> {
    let settings = &shop.connection.settings;
    let of_shop = settings.shop.as_deref().map(|shop| format!("https://{shop}"));
    let base = settings.base_url.clone().or(of_shop);
    let base = base.ok_or_else(|| FetchError::new("the connection has no shop"))?;
    let body = json!({
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "grant_type": "client_credentials",
    });
    let url = format!("{}/admin/oauth/access_token", base.trim_end_matches('/'));
    let response = send(shop.client, &url, &body, shop.now).await?;
    match Payload::new(&response).text("/access_token") {
        Some(_) => Ok(()),
        None => Err(FetchError::new("200, but no access_token").into()),
    }
}
