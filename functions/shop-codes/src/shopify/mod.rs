//! Codes in Shopify: one discount for each pool, and bulk jobs that add codes to it and delete them.

mod discount;
mod graphql;
mod tokens;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tessera_domain::coupon::FoldedCode;
use tessera_domain::ids::CouponCode;
use tessera_store::{CodeBatch, ShopCode, ShopPool};

pub(crate) use tokens::AccessTokens;

use self::discount::discount_input;
use self::graphql::{GraphqlClient, UserErrors};
use crate::access::{BatchOutcome, ShopAccess};
use crate::http::ShopFailure;

/// The most codes that one request adds.
pub(crate) const MOST_CODES: usize = 250;
/// The codes of a page of results.
const PAGE: usize = 100;
/// How often a job is asked for before the work is left to a later attempt.
const POLLS: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

const FIND: &str = "query FindDiscount($code: String!) { codeDiscountNodeByCode(code: $code) { id codeDiscount {
    ... on DiscountCodeBasic { title } ... on DiscountCodeFreeShipping { title } } } }";
const EXISTS: &str = "query DiscountExists($id: ID!) { codeDiscountNode(id: $id) { id } }";
const ADD: &str = "mutation AddCodes($discountId: ID!, $codes: [DiscountRedeemCodeInput!]!) {
    discountRedeemCodeBulkAdd(discountId: $discountId, codes: $codes) {
        bulkCreation { id } userErrors { field code message } } }";
const ADDING: &str = "query AddingCodes($id: ID!) {
    discountRedeemCodeBulkCreation(id: $id) { id done codesCount importedCount failedCount } }";
const ADDED: &str = "query AddedCodes($id: ID!, $first: Int!, $after: String) {
    discountRedeemCodeBulkCreation(id: $id) { codes(first: $first, after: $after) {
        nodes { code errors { message code } discountRedeemCode { id code } } pageInfo { hasNextPage endCursor } } } }";
const NEWEST: &str =
    "query NewestCodes($id: ID!, $first: Int!, $after: String) { codeDiscountNode(id: $id) { codeDiscount {
    ... on DiscountCodeBasic { codes(first: $first, after: $after, sortKey: CREATED_AT, reverse: true) {
        nodes { id code } pageInfo { hasNextPage endCursor } } }
    ... on DiscountCodeFreeShipping { codes(first: $first, after: $after, sortKey: CREATED_AT, reverse: true) {
        nodes { id code } pageInfo { hasNextPage endCursor } } } } } }";
const DELETE: &str = "mutation DeleteCodes($discountId: ID!, $ids: [ID!]!) {
    discountCodeRedeemCodeBulkDelete(discountId: $discountId, ids: $ids) {
        job { id done } userErrors { field code message } } }";
const DELETING: &str = "query DeletingCodes($id: ID!) { job(id: $id) { id done } }";
const DEACTIVATE: &str = "mutation Deactivate($id: ID!) { discountCodeDeactivate(id: $id) {
    codeDiscountNode { id } userErrors { field code message } } }";
const ACTIVATE: &str = "mutation Activate($id: ID!) { discountCodeActivate(id: $id) {
    codeDiscountNode { id } userErrors { field code message } } }";

/// The Admin API of a shop.
pub(crate) struct Shopify<'a> {
    api: GraphqlClient<'a>,
    access: ShopAccess<'a>,
}

impl<'a> Shopify<'a> {
    /// The API of a connection.
    ///
    /// # Errors
    /// When the connection names no shop.
    pub fn new(access: ShopAccess<'a>, tokens: &'a AccessTokens) -> Result<Self, ShopFailure> {
        Ok(Self { api: GraphqlClient::new(access, tokens)?, access })
    }

    /// Creates a discount; see [`crate::shop::Shop::create_discount`].
    pub async fn create_discount(
        &self,
        pool: &ShopPool,
        first: &CouponCode,
        is_repeated: bool,
    ) -> Result<Option<String>, ShopFailure> {
        if is_repeated && let Some((id, title)) = self.find(first).await? {
            return Ok((title == pool.title).then_some(id));
        }
        let (operation, document, input) = discount_input(pool, first)?;
        let data = self.api.run(document, &json!({ "discount": input })).await?;
        let payload = &data[operation];
        match UserErrors::of(payload) {
            None => id_of(&payload["codeDiscountNode"]).map(Some),
            // The code exists: created by an earlier request of ours, or by the merchant.
            Some(errors) if errors.has_code("TAKEN") => self.find_discount(pool, first).await,
            Some(errors) => Err(errors.into()),
        }
    }

    /// The id of a pool's discount; see [`crate::shop::Shop::find_discount`].
    pub async fn find_discount(&self, pool: &ShopPool, first: &CouponCode) -> Result<Option<String>, ShopFailure> {
        let found = self.find(first).await?;
        Ok(found.filter(|(_, title)| *title == pool.title).map(|(id, _)| id))
    }

    /// True while the shop has a discount.
    pub async fn has_discount(&self, discount: &str) -> Result<bool, ShopFailure> {
        let data = self.api.run(EXISTS, &json!({ "id": discount })).await?;
        Ok(!data["codeDiscountNode"].is_null())
    }

    /// The id and title of the discount that has a code.
    async fn find(&self, code: &CouponCode) -> Result<Option<(String, String)>, ShopFailure> {
        let data = self.api.run(FIND, &json!({ "code": code })).await?;
        let node = &data["codeDiscountNodeByCode"];
        if node.is_null() {
            return Ok(None);
        }
        let title = node["codeDiscount"]["title"].as_str().unwrap_or_default();
        Ok(Some((id_of(node)?, title.to_owned())))
    }

    /// Starts the job that adds codes to a discount; returns its id.
    pub async fn add_codes(&self, discount: &str, batch: &CodeBatch) -> Result<String, ShopFailure> {
        let codes: Vec<Value> = batch.codes.iter().map(|code| json!({ "code": code })).collect();
        let data = self.api.run(ADD, &json!({ "discountId": discount, "codes": codes })).await?;
        let payload = &data["discountRedeemCodeBulkAdd"];
        match UserErrors::of(payload) {
            Some(errors) => Err(errors.into()),
            None => id_of(&payload["bulkCreation"]),
        }
    }

    /// Waits for the job of a batch, and reads what it created. Of a batch that was sent more than once, an earlier job may have
    /// created the codes that this one reports as taken: those that the discount has are ours.
    pub async fn outcome(&self, discount: &str, batch: &CodeBatch, job: &str) -> Result<BatchOutcome, ShopFailure> {
        self.wait_for(ADDING, job, "discountRedeemCodeBulkCreation").await?;
        let mut outcome = BatchOutcome::default();
        let mut asked_for: BTreeMap<FoldedCode, &CouponCode> =
            batch.codes.iter().map(|code| (FoldedCode::from(code), code)).collect();
        let path = "/discountRedeemCodeBulkCreation/codes";
        for node in self.pages(ADDED, job, &[path], batch.codes.len()).await? {
            let Some(code) = node["code"].as_str().and_then(FoldedCode::parse) else { continue };
            let Some(code) = asked_for.remove(&code) else { continue };
            match node["discountRedeemCode"]["id"].as_str() {
                Some(id) => outcome.created.push((code.clone(), self.shop_code(discount, id))),
                None => outcome.refused.push((code.clone(), reason_of(&node))),
            }
        }
        let missing = asked_for.into_values().map(|code| (code.clone(), "the shop does not mention it".to_owned()));
        outcome.refused.extend(missing);
        if batch.sent > 1 && !outcome.refused.is_empty() {
            self.adopt(discount, batch, &mut outcome).await?;
        }
        Ok(outcome)
    }

    /// Finds refused codes that the discount has all the same.
    async fn adopt(&self, discount: &str, batch: &CodeBatch, outcome: &mut BatchOutcome) -> Result<(), ShopFailure> {
        let paths = ["/codeDiscountNode/codeDiscount/codes"];
        // The latest requests created at most as many codes as the batch has, each time it was sent.
        let most = batch.codes.len().saturating_mul(usize::try_from(batch.sent).unwrap_or(1));
        let mut own: BTreeMap<FoldedCode, String> = BTreeMap::new();
        for node in self.pages(NEWEST, discount, &paths, most).await? {
            if let (Some(code), Some(id)) = (node["code"].as_str().and_then(FoldedCode::parse), node["id"].as_str()) {
                own.insert(code, id.to_owned());
            }
        }
        for (code, reason) in std::mem::take(&mut outcome.refused) {
            match own.get(&FoldedCode::from(&code)) {
                Some(id) => outcome.created.push((code, self.shop_code(discount, id))),
                None => outcome.refused.push((code, reason)),
            }
        }
        Ok(())
    }

    fn shop_code(&self, discount: &str, id: &str) -> ShopCode {
        let connection = self.access.connection;
        ShopCode {
            connection: connection.id.clone(),
            shop: Some(connection.settings.shop_identity()),
            discount: discount.to_owned(),
            id: id.to_owned(),
        }
    }

    /// The nodes of the first pages of a list, at most `most`.
    async fn pages(&self, document: &str, id: &str, paths: &[&str], most: usize) -> Result<Vec<Value>, ShopFailure> {
        let mut nodes = Vec::new();
        let mut after = Value::Null;
        while nodes.len() < most {
            let variables = json!({ "id": id, "first": PAGE, "after": after });
            let data = self.api.run(document, &variables).await?;
            let list = paths.iter().find_map(|path| data.pointer(path)).unwrap_or(&Value::Null);
            let Some(page) = list["nodes"].as_array() else { break };
            nodes.extend(page.iter().cloned());
            if list["pageInfo"]["hasNextPage"] != json!(true) {
                break;
            }
            after = list["pageInfo"]["endCursor"].clone();
        }
        Ok(nodes)
    }

    /// Asks for a job until it is done.
    async fn wait_for(&self, document: &str, id: &str, operation: &str) -> Result<(), ShopFailure> {
        let mut wait = FIRST_WAIT;
        for _ in 0..POLLS {
            let data = self.api.run(document, &json!({ "id": id })).await?;
            match data[operation]["done"].as_bool() {
                Some(true) => return Ok(()),
                Some(false) => {}
                None => return Err(ShopFailure::again(format!("the shop does not know the job {id}"))),
            }
            tokio::time::sleep(wait).await;
            wait = LONGEST_WAIT.min(wait * 2);
        }
        Err(ShopFailure::again("the shop has not finished the job yet"))
    }

    /// Makes a discount work, or not.
    pub async fn set_active(&self, discount: &str, is_active: bool) -> Result<(), ShopFailure> {
        let (document, operation) =
            if is_active { (ACTIVATE, "discountCodeActivate") } else { (DEACTIVATE, "discountCodeDeactivate") };
        let data = self.api.run(document, &json!({ "id": discount })).await?;
        match UserErrors::of(&data[operation]) {
            // A discount that the merchant has deleted gives nothing either.
            Some(errors) if !is_active && errors.has_code("INVALID") => Ok(()),
            Some(errors) => Err(errors.into()),
            None => Ok(()),
        }
    }

    /// Deletes codes; see [`crate::shop::Shop::delete`].
    pub async fn delete(&self, discount: &str, codes: &[(CouponCode, ShopCode)]) -> Result<(), ShopFailure> {
        for chunk in codes.chunks(MOST_CODES) {
            let ids: Vec<&str> = chunk.iter().map(|(_, place)| place.id.as_str()).collect();
            let data = self.api.run(DELETE, &json!({ "discountId": discount, "ids": ids })).await?;
            let payload = &data["discountCodeRedeemCodeBulkDelete"];
            if let Some(errors) = UserErrors::of(payload) {
                // An earlier request, or the merchant, may have deleted them.
                for (code, _) in chunk {
                    if self.find(code).await?.is_some_and(|(id, _)| id == discount) {
                        return Err(errors.into());
                    }
                }
                continue;
            }
            if payload["job"]["done"] != json!(true) && !payload["job"].is_null() {
                let job = id_of(&payload["job"])?;
                self.wait_for(DELETING, &job, "job").await?;
            }
        }
        Ok(())
    }
}

fn id_of(node: &Value) -> Result<String, ShopFailure> {
    let id = node["id"].as_str().map(str::to_owned);
    id.ok_or_else(|| ShopFailure::again("200, but the response has no id"))
}

/// Why a code was not created.
fn reason_of(node: &Value) -> String {
    let messages = node["errors"].as_array().into_iter().flatten().filter_map(|error| error["message"].as_str());
    let reason = messages.collect::<Vec<_>>().join("; ");
    if reason.is_empty() { "the shop did not create it".to_owned() } else { reason }
}
