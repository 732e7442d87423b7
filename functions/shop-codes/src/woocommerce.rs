//! Codes in WooCommerce: each is a coupon of its own, created and deleted in batches.

use std::collections::{BTreeMap, BTreeSet};

use ::http::{Method, Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::CouponCode;
use tessera_domain::program::RewardType;
use tessera_store::{CodeBatch, ReadyCode, ShopCode, ShopPool};

use crate::access::{BatchOutcome, ShopAccess};
use crate::http::{Reply, ShopFailure, exchange};

/// The most codes that one request creates or deletes.
pub(crate) const MOST_CODES: usize = 100;
/// The day on which a coupon that does not work any more has ended, in the shop's time zone. WooCommerce stores only `date_expires`:
/// `date_expires_gmt` is never written by its API.
const LONG_AGO: &str = "2000-01-01T00:00:00";
/// The pages of the newest coupons that are searched for those of a lost response.
const PAGES: u32 = 3;

/// The REST API of a shop.
pub(crate) struct Woocommerce<'a> {
    access: ShopAccess<'a>,
    base: &'a str,
    authorization: String,
}

impl<'a> Woocommerce<'a> {
    /// The API of a connection.
    ///
    /// # Errors
    /// When the connection has no address or no credentials.
    pub fn new(access: ShopAccess<'a>) -> Result<Self, ShopFailure> {
        let base = access.connection.settings.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
        let (Some(key), Some(secret)) = (&access.credentials.consumer_key, &access.credentials.consumer_secret) else {
            return Err(ShopFailure::again("the connection has no consumer_key and consumer_secret"));
        };
        let authorization = format!("Basic {}", STANDARD.encode(format!("{key}:{secret}")));
        Ok(Self { access, base, authorization })
    }

    /// Creates the codes of a batch. Of a batch that was sent more than once, an earlier request may have created codes that
    /// exist now: those with our description are ours.
    pub async fn create(&self, pool: &ShopPool, batch: &CodeBatch) -> Result<BatchOutcome, ShopFailure> {
        let coupons = batch.codes.iter().map(|code| coupon(pool, code)).collect::<Result<Vec<_>, _>>()?;
        let body = self.call(Method::POST, "/coupons/batch", Some(&json!({ "create": coupons }))).await?;
        let results = body["create"].as_array().ok_or_else(|| ShopFailure::again("200, but no list of coupons"))?;
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
    async fn adopt(&self, pool: &ShopPool, outcome: &mut BatchOutcome) -> Result<(), ShopFailure> {
        for page in 1..=PAGES {
            let path = format!("/coupons?orderby=date&order=desc&per_page={MOST_CODES}&page={page}");
            let body = self.call(Method::GET, &path, None).await?;
            let newest = body.as_array().ok_or_else(|| ShopFailure::again("200, but no list of coupons"))?;
            let own = newest.iter().filter(|coupon| coupon["description"] == json!(pool.title));
            for (code, id) in own.filter_map(|coupon| Some((code_of(coupon)?, id_of(coupon)?))) {
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
        let connection = self.access.connection;
        ShopCode {
            connection: connection.id.clone(),
            shop: Some(connection.settings.shop_identity()),
            discount: String::new(),
            id: id.to_string(),
        }
    }

    /// Those of some ready codes that the checkout does not accept any more: they were deleted, or used.
    pub async fn dead(&self, ready: &[ReadyCode]) -> Result<Vec<ReadyCode>, ShopFailure> {
        let mut dead = Vec::new();
        for chunk in ready.chunks(MOST_CODES) {
            let ids: Vec<u64> = chunk.iter().filter_map(|ready| ready.shop.id.parse().ok()).collect();
            let found = self.read(&ids).await?;
            let unused = found.iter().filter(|coupon| coupon["usage_count"].as_u64().unwrap_or(0) == 0);
            let alive: BTreeSet<FoldedCode> = unused.filter_map(code_of).collect();
            dead.extend(chunk.iter().filter(|ready| !alive.contains(&FoldedCode::from(&ready.code))).cloned());
        }
        Ok(dead)
    }

    /// Deletes codes. Those that are gone already are no error.
    ///
    /// A shop that was restored from a backup gives ids anew, so each coupon is read before: what has another code is the
    /// merchant's own, and stays.
    pub async fn delete(&self, codes: &[(CouponCode, ShopCode)]) -> Result<(), ShopFailure> {
        for chunk in codes.chunks(MOST_CODES) {
            let asked: BTreeMap<u64, FoldedCode> = chunk
                .iter()
                .filter_map(|(code, place)| Some((place.id.parse().ok()?, FoldedCode::from(code))))
                .collect();
            let found = self.read(asked.keys()).await?;
            let is_ours = |id: &u64, coupon: &Value| code_of(coupon).as_ref() == asked.get(id);
            let own = found.iter().filter_map(|coupon| id_of(coupon).filter(|id| is_ours(id, coupon)));
            let own: Vec<u64> = own.collect();
            self.change("delete", &json!(own), own.len()).await?;
        }
        Ok(())
    }

    /// Makes coupons of a pool work, or not. Those that are gone are no error; as for [`Woocommerce::delete`], the merchant's own
    /// stay as they are.
    pub async fn set_active(&self, pool: &ShopPool, ids: &[String], is_active: bool) -> Result<(), ShopFailure> {
        let end = if is_active { "" } else { LONG_AGO };
        let ids: Vec<u64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        for chunk in ids.chunks(MOST_CODES) {
            let found = self.read(chunk).await?;
            let (ours, others): (Vec<&Value>, Vec<&Value>) =
                found.iter().partition(|coupon| coupon["description"] == json!(pool.title));
            let mut own: Vec<u64> = ours.into_iter().filter_map(id_of).collect();
            if !others.is_empty() {
                // The merchant may have changed a description: then the code tells.
                let (store, program) = (&self.access.services.store, self.access.program);
                let known = store.shop_codes(program, others.iter().filter_map(|coupon| code_of(coupon))).await?;
                let is_known = |coupon: &Value, id: u64| {
                    let code = code_of(coupon);
                    known.iter().any(|known| Some(&known.code) == code.as_ref() && known.shop.id == id.to_string())
                };
                own.extend(others.into_iter().filter_map(|coupon| id_of(coupon).filter(|id| is_known(coupon, *id))));
            }
            let ended: Vec<Value> = own.iter().map(|id| json!({ "id": id, "date_expires": end })).collect();
            self.change("update", &json!(ended), own.len()).await?;
        }
        Ok(())
    }

    /// Those of at most a hundred coupons that the shop has.
    async fn read(&self, ids: impl IntoIterator<Item = &u64>) -> Result<Vec<Value>, ShopFailure> {
        let ids = ids.into_iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let body = self.call(Method::GET, &format!("/coupons?include={ids}&per_page={MOST_CODES}"), None).await?;
        body.as_array().cloned().ok_or_else(|| ShopFailure::again("200, but no list of coupons"))
    }

    /// Changes coupons in one request; none without any.
    async fn change(&self, how: &str, coupons: &Value, count: usize) -> Result<(), ShopFailure> {
        if count == 0 {
            return Ok(());
        }
        let body = self.call(Method::POST, "/coupons/batch", Some(&json!({ how: coupons }))).await?;
        let results = body[how].as_array().ok_or_else(|| ShopFailure::again("200, but no list of coupons"))?;
        if results.len() < count {
            return Err(ShopFailure::again("the shop does not mention every coupon that it was asked for"));
        }
        for result in results {
            let error = &result["error"];
            let is_gone = error["code"].as_str().is_some_and(|code| code.contains("invalid_id"));
            if !error.is_null() && !is_gone {
                let reason = error["message"].as_str().unwrap_or("the shop did not change it");
                return Err(ShopFailure::Refused(reason.to_owned()));
            }
        }
        Ok(())
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, ShopFailure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/wp-json/wc/v3{path}", self.base))
            .header("accept", "application/json")
            .header("authorization", &self.authorization);
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request.body(body).map_err(|error| ShopFailure::again(error.to_string()))?;
        let reply = exchange(self.access.client, request, self.access.services.clock.now()).await?;
        understood(reply)
    }
}

fn id_of(coupon: &Value) -> Option<u64> {
    coupon["id"].as_u64()
}

fn code_of(coupon: &Value) -> Option<FoldedCode> {
    coupon["code"].as_str().and_then(FoldedCode::parse)
}

/// The body of a successful response.
fn understood(reply: Reply) -> Result<Value, ShopFailure> {
    if reply.status.is_success() {
        // Some shops respond with a page of HTML.
        return if reply.body.is_null() { Err(reply.again()) } else { Ok(reply.body) };
    }
    match reply.status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            let message = reply.body["message"].as_str().unwrap_or(&reply.excerpt);
            Err(ShopFailure::Refused(format!("{} {message}", reply.status.as_u16())))
        }
        // Wrong credentials and a missing plugin are settings: it works once they are right.
        _ => Err(reply.again()),
    }
}

/// A coupon of the shop.
fn coupon(pool: &ShopPool, code: &CouponCode) -> Result<Value, ShopFailure> {
    let discount = &pool.discount;
    let (kind, amount) = match discount.kind {
        RewardType::AmountOff => ("fixed_cart", discount.amount.clone()),
        RewardType::PercentOff => ("percent", discount.percent.clone()),
        RewardType::FreeShipping => ("fixed_cart", Some("0".to_owned())),
        RewardType::FreeProduct | RewardType::GiftCard | RewardType::Custom => {
            return Err(ShopFailure::Refused("WooCommerce creates no codes for this type of reward".to_owned()));
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
