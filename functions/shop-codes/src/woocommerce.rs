//! Codes in WooCommerce: each is a coupon of its own, created and deleted in batches.

use ::http::{Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::CouponCode;
use tessera_domain::program::RewardType;
use tessera_store::{CodeBatch, ShopCode, ShopPool};

use crate::http::{Failure, Reply, exchange};
use crate::shop::{Access, BatchOutcome};

/// The most codes that one request creates or deletes.
pub(crate) const MOST_CODES: usize = 100;
/// The day on which a coupon that does not work any more has ended, in the shop's time zone. WooCommerce stores only `date_expires`:
/// `date_expires_gmt` is never written by its API.
const LONG_AGO: &str = "2000-01-01T00:00:00";
/// The pages of the newest coupons that are searched for those of a lost response.
const PAGES: u32 = 3;

/// The REST API of a shop.
pub(crate) struct Woocommerce<'a> {
    access: Access<'a>,
    base: &'a str,
    authorization: String,
}

impl<'a> Woocommerce<'a> {
    /// The API of a connection.
    ///
    /// # Errors
    /// When the connection has no address or no credentials.
    pub fn new(access: Access<'a>) -> Result<Self, Failure> {
        let base = access.connection.settings.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
        let (Some(key), Some(secret)) = (&access.credentials.consumer_key, &access.credentials.consumer_secret) else {
            return Err(Failure::again("the connection has no consumer_key and consumer_secret"));
        };
        let authorization = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")));
        Ok(Self { access, base, authorization })
    }

    /// Creates the codes of a batch. Of a batch that was sent more than once, an earlier request may have created codes that
    /// exist now: those with our description are ours.
    pub async fn create(&self, pool: &ShopPool, batch: &CodeBatch) -> Result<BatchOutcome, Failure> {
        let coupons = batch.codes.iter().map(|code| coupon(pool, code)).collect::<Result<Vec<_>, _>>()?;
        let body = self.call(Method::POST, "/coupons/batch", Some(&json!({ "create": coupons }))).await?;
        let results = body["create"].as_array().ok_or_else(|| Failure::again("200, but no list of coupons"))?;
        let mut outcome = BatchOutcome::default();
        // WooCommerce responds in the order of the request.
        for (place, code) in batch.codes.iter().enumerate() {
            let result = results.get(place).unwrap_or(&Value::Null);
            let is_it = result["code"].as_str().and_then(FoldedCode::parse) == Some(FoldedCode::from(code));
            if let Some(id) = result["id"].as_u64().filter(|id| *id > 0 && is_it) {
                outcome.created.push((code.clone(), self.shop_code(id)));
            } else {
                let reason = result["error"]["message"].as_str().unwrap_or("the shop did not create it");
                outcome.refused.push((code.clone(), reason.to_owned()));
            }
        }
        if batch.sent > 1 && !outcome.refused.is_empty() {
            self.adopt(pool, &mut outcome).await?;
        }
        Ok(outcome)
    }

    /// Finds refused codes that the shop has with our description.
    async fn adopt(&self, pool: &ShopPool, outcome: &mut BatchOutcome) -> Result<(), Failure> {
        for page in 1..=PAGES {
            let path = format!("/coupons?orderby=date&order=desc&per_page={MOST_CODES}&page={page}");
            let body = self.call(Method::GET, &path, None).await?;
            let newest = body.as_array().ok_or_else(|| Failure::again("200, but no list of coupons"))?;
            let own = newest.iter().filter(|coupon| coupon["description"] == json!(pool.title));
            for (code, id) in own.filter_map(|coupon| {
                Some((coupon["code"].as_str().and_then(FoldedCode::parse)?, coupon["id"].as_u64()?))
            }) {
                let place = outcome.refused.iter().position(|(refused, _)| FoldedCode::from(refused) == code);
                if let Some(place) = place {
                    let (code, _) = outcome.refused.swap_remove(place);
                    outcome.created.push((code, self.shop_code(id)));
                }
            }
            if outcome.refused.is_empty() || newest.len() < MOST_CODES {
                break;
            }
        }
        Ok(())
    }

    fn shop_code(&self, id: u64) -> ShopCode {
        ShopCode { connection: self.access.connection.id.clone(), discount: String::new(), id: id.to_string() }
    }

    /// Deletes codes. Those that are gone already are no error.
    pub async fn delete(&self, codes: &[(CouponCode, ShopCode)]) -> Result<(), Failure> {
        for chunk in codes.chunks(MOST_CODES) {
            let ids: Vec<u64> = chunk.iter().filter_map(|(_, place)| place.id.parse().ok()).collect();
            self.change("delete", &json!(ids), ids.len()).await?;
        }
        Ok(())
    }

    /// Makes coupons work, or not. Those that are gone are no error.
    pub async fn set_active(&self, ids: &[String], is_active: bool) -> Result<(), Failure> {
        let end = if is_active { "" } else { LONG_AGO };
        let ids: Vec<u64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        for chunk in ids.chunks(MOST_CODES) {
            let ended: Vec<Value> = chunk.iter().map(|id| json!({ "id": id, "date_expires": end })).collect();
            self.change("update", &json!(ended), chunk.len()).await?;
        }
        Ok(())
    }

    /// Changes coupons in one request.
    async fn change(&self, how: &str, coupons: &Value, count: usize) -> Result<(), Failure> {
        let body = self.call(Method::POST, "/coupons/batch", Some(&json!({ how: coupons }))).await?;
        let results = body[how].as_array().ok_or_else(|| Failure::again("200, but no list of coupons"))?;
        if results.len() < count {
            return Err(Failure::again("the shop does not mention every coupon that it was asked for"));
        }
        for result in results {
            let error = &result["error"];
            let is_gone = error["code"].as_str().is_some_and(|code| code.contains("invalid_id"));
            if !error.is_null() && !is_gone {
                let reason = error["message"].as_str().unwrap_or("the shop did not change it");
                return Err(Failure::Refused(reason.to_owned()));
            }
        }
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/wp-json/wc/v3{path}", self.base))
            .header("accept", "application/json")
            .header("authorization", &self.authorization);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.body(body).map_err(|error| Failure::again(error.to_string()))?;
        let reply = exchange(self.access.client, request, self.access.services.clock.now()).await?;
        understood(reply)
    }
}

/// The body of a successful response.
fn understood(reply: Reply) -> Result<Value, Failure> {
    if reply.status.is_success() {
        // Some shops respond with a page of HTML.
        return if reply.body.is_null() { Err(reply.again()) } else { Ok(reply.body) };
    }
    match reply.status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let message = reply.body["message"].as_str().unwrap_or(&reply.excerpt);
            Err(Failure::Refused(format!("{} {message}", reply.status.as_u16())))
        }
        // Wrong credentials and a missing plugin are settings: it works once they are right.
        _ => Err(reply.again()),
    }
}

/// A coupon of the shop.
fn coupon(pool: &ShopPool, code: &CouponCode) -> Result<Value, Failure> {
    let discount = &pool.discount;
    let (kind, amount) = match discount.kind {
        RewardType::AmountOff => ("fixed_cart", discount.amount.clone()),
        RewardType::PercentOff => ("percent", discount.percent.clone()),
        RewardType::FreeShipping => ("fixed_cart", Some("0".to_owned())),
        RewardType::FreeProduct | RewardType::GiftCard | RewardType::Custom => {
            return Err(Failure::Refused("WooCommerce creates no codes for this type of reward".to_owned()));
        }
    };
    let with = discount.combines_with.unwrap_or_default();
    let mut coupon = Map::new();
    let mut set = |name: &str, value: Value| drop(coupon.insert(name.to_owned(), value));
    set("code", json!(code));
    set("discount_type", json!(kind));
    set("amount", json!(amount.unwrap_or_default()));
    set("usage_limit", json!(1));
    // WooCommerce knows only one kind of other discounts: other coupons.
    set("individual_use", json!(!(with.order || with.product || with.shipping)));
    set("free_shipping", json!(discount.kind == RewardType::FreeShipping));
    set("description", json!(pool.title));
    if let Some(minimum) = &discount.minimum_spend {
        set("minimum_amount", json!(minimum));
    }
    Ok(Value::Object(coupon))
}
