//! The demo shop at `/_local/shop/`: a small shop on the local stack, as a merchant's own backend would be.
//!
//! It has the program's credentials and uses the stack over HTTP alone: it mints member tokens, sends receipts and refunds, and
//! checks coupons. Its pages use `<tessera-hub>` as any shop would.

mod files;
mod products;
mod token;

use std::sync::Mutex;
use std::sync::PoisonError;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tessera_domain::ids::ProgramId;
use tessera_domain::money::{Currency, Money};

use self::products::{PRODUCTS, Product};
use crate::Platform;

/// The most pieces of one product in a basket.
const MOST_PIECES: u32 = 99;
/// The most orders that the shop remembers.
const MOST_ORDERS: usize = 200;

/// Who can sign in, by customer id.
const PEOPLE: [(&str, &str); 3] = [("ada", "Ada"), ("bruno", "Bruno"), ("chiara", "Chiara")];

/// The demo shop of one program.
pub struct DemoShop {
    program: ProgramId,
    secret: String,
    key: String,
    url: String,
    client: reqwest::Client,
    orders: Mutex<Vec<Order>>,
}

/// What the shop needs of the program's document, which may change while the shop is open.
#[derive(Debug, Deserialize)]
struct Document {
    name: String,
    locale: String,
    currency: Currency,
}

/// An order that was paid.
#[derive(Debug, Clone, Serialize)]
struct Order {
    id: String,
    person: Option<String>,
    total: Money,
    coupons: Vec<String>,
    refunded: bool,
}

/// A basket as the page sends it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basket {
    /// Who is signed in.
    person: Option<String>,
    lines: Vec<BasketLine>,
    #[serde(default)]
    coupons: Vec<String>,
}

/// Some pieces of a product.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasketLine {
    sku: String,
    quantity: u32,
}

/// Why the shop refuses a request.
struct Refusal {
    status: StatusCode,
    detail: String,
}

impl Refusal {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}

impl From<reqwest::Error> for Refusal {
    fn from(error: reqwest::Error) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, error.to_string())
    }
}

impl DemoShop {
    /// Opens the shop of a program with its admin key. It writes nothing.
    ///
    /// # Errors
    /// When the program's storefront secret cannot be read.
    pub async fn open(platform: &Platform, program: &ProgramId, key: &str) -> Result<()> {
        let secrets = platform.store().storefront_secrets(program, platform.secrets_key()).await?;
        let secrets = secrets.context("the program has no storefront secret")?;
        let secret =
            secrets.valid_at(platform.now()).into_iter().next().context("no storefront secret is valid")?.to_owned();
        platform.stack().open_shop(Self {
            program: program.clone(),
            secret,
            key: key.to_owned(),
            url: platform.url().to_owned(),
            client: reqwest::Client::new(),
            orders: Mutex::default(),
        });
        Ok(())
    }

    /// Handles a request below `/_local/shop/`.
    pub(crate) async fn handle(&self, method: &Method, path: &str, body: &Bytes) -> Response<Bytes> {
        let outcome = match (method.as_str(), path.strip_prefix("api/")) {
            ("GET", None) => return files::response(path, &self.program),
            ("GET", Some("shop")) => self.described().await,
            ("GET", Some("orders")) => Ok(json!({ "items": self.orders().clone() })),
            ("POST", Some("token")) => self.token(body).await,
            ("POST", Some("promise")) => self.promise(body).await,
            ("POST", Some("price")) => self.price(body).await,
            ("POST", Some("checkout")) => self.checkout(body).await,
            ("POST", Some("refund")) => self.refund(body).await,
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, "the demo shop has nothing there")),
        };
        match outcome {
            Ok(value) => respond(StatusCode::OK, "application/json", value.to_string()),
            Err(Refusal { status, detail }) => {
                respond(status, "application/json", json!({ "detail": detail }).to_string())
            }
        }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, Vec<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn document(&self) -> Result<Document, Refusal> {
        let document = self.call(Method::GET, "/v1/program", &Value::Null).await?;
        serde_json::from_value(document).map_err(|error| Refusal::new(StatusCode::BAD_GATEWAY, error.to_string()))
    }

    /// What the pages need to know.
    async fn described(&self) -> Result<Value, Refusal> {
        let Document { name, locale, currency } = self.document().await?;
        let products: Vec<_> = PRODUCTS.iter().map(|product| product.shown(currency)).collect();
        let people: Vec<_> = PEOPLE.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        Ok(json!({ "program": self.program, "name": name, "locale": locale, "currency": currency, "products": products,
                   "people": people }))
    }

    /// A member token for the page, as a shop's backend mints it for whoever is signed in.
    async fn token(&self, body: &Bytes) -> Result<Value, Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct SignIn {
            person: String,
        }
        let SignIn { person } = parse(body)?;
        let (id, _) =
            PEOPLE.iter().find(|(id, _)| *id == person).ok_or_else(|| Refusal::malformed("nobody has this id"))?;
        let now: Timestamp =
            serde_json::from_value(self.now().await?).map_err(|error| Refusal::malformed(error.to_string()))?;
        Ok(json!({ "token": token::mint(&self.program, id, &self.secret, now.as_second()) }))
    }

    /// The points that a basket would earn.
    async fn promise(&self, body: &Bytes) -> Result<Value, Refusal> {
        let basket: Basket = parse(body)?;
        let currency = self.document().await?.currency;
        let (lines, total) = lines(&basket, currency)?;
        let off = self.taken_off(&basket, total).await?;
        let paid = Money::new(total.minor() - off.minor(), currency);
        let mut request = json!({ "currency": currency, "total": paid, "discount": off, "lines": lines });
        if let Some(person) = &basket.person {
            request["member"] = json!({ "id": person });
        }
        let preview = self.call(Method::POST, "/v1/receipts/preview", &request).await?;
        Ok(json!({ "points": preview["points"]["redeemable"] }))
    }

    /// The price of a basket with its coupons; the first coupon that the till would not take is refused.
    async fn price(&self, body: &Bytes) -> Result<Value, Refusal> {
        let basket: Basket = parse(body)?;
        let currency = self.document().await?.currency;
        let (_, total) = lines(&basket, currency)?;
        let off = self.taken_off(&basket, total).await?;
        Ok(json!({ "total": total, "discount": off, "to_pay": Money::new(total.minor() - off.minor(), currency) }))
    }

    /// Sells the basket: sends its receipt, and waits until it is decided.
    async fn checkout(&self, body: &Bytes) -> Result<Value, Refusal> {
        let basket: Basket = parse(body)?;
        let currency = self.document().await?.currency;
        let (lines, total) = lines(&basket, currency)?;
        if lines.is_empty() {
            return Err(Refusal::malformed("the basket is empty"));
        }
        let off = self.taken_off(&basket, total).await?;
        let paid = Money::new(total.minor() - off.minor(), currency);
        let id = format!("shop-{}", token::random_id());
        let receipt = json!({
            "id": id, "occurred_at": self.now().await?, "member": basket.person.as_ref().map(|id| json!({ "id": id })),
            "store": "demo-shop", "channel": "web", "currency": currency, "total": paid, "discount": off,
            "lines": lines, "coupons": basket.coupons,
        });
        self.call(Method::POST, "/v1/receipts", &receipt).await?;
        let order =
            Order { id: id.clone(), person: basket.person, total: paid, coupons: basket.coupons, refunded: false };
        {
            let mut orders = self.orders();
            orders.insert(0, order);
            orders.truncate(MOST_ORDERS);
        }
        self.settle().await?;
        let stored = self.call(Method::GET, &format!("/v1/receipts/{id}"), &Value::Null).await?;
        Ok(json!({ "order": id, "total": paid, "points": stored["decision"]["points"]["redeemable"] }))
    }

    /// Takes a whole order back.
    async fn refund(&self, body: &Bytes) -> Result<Value, Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Return {
            order: String,
        }
        let Return { order: id } = parse(body)?;
        let found = self.orders().iter().find(|order| order.id == id).cloned();
        let order = found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "there is no such order"))?;
        // Sent again after a lost response, it is the same refund.
        let refund = json!({ "id": format!("{id}-return"), "occurred_at": self.now().await?, "amount": order.total });
        if !order.refunded {
            self.call(Method::POST, &format!("/v1/receipts/{id}/refunds"), &refund).await?;
        }
        self.orders().iter_mut().filter(|order| order.id == id).for_each(|order| order.refunded = true);
        self.settle().await?;
        Ok(json!({ "order": id }))
    }

    /// What a basket's coupons take off, as `check` says.
    async fn taken_off(&self, basket: &Basket, total: Money) -> Result<Money, Refusal> {
        let currency = total.currency();
        let (lines, _) = lines(basket, currency)?;
        let mut off = 0;
        for code in &basket.coupons {
            let others: Vec<&String> = basket.coupons.iter().filter(|other| *other != code).collect();
            let mut request = json!({ "total": total, "lines": lines });
            if !others.is_empty() {
                request["with"] = json!(others);
            }
            let path = format!(
                "/v1/coupons/{}/check",
                percent_encoding::utf8_percent_encode(code, percent_encoding::NON_ALPHANUMERIC)
            );
            let checked = self.call(Method::POST, &path, &request).await?;
            if checked["valid"] != true {
                let reason = match checked["reason"].as_str() {
                    Some("minimum_spend") => "The basket is too small for this code.",
                    Some("already_used" | "used") => "This code was used already.",
                    Some("expired") => "This code has expired.",
                    _ => "This code does not fit this basket.",
                };
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
            }
            if !others.is_empty() && checked["combines"] != true {
                let reason = "This code cannot be used together with another one.";
                return Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
            }
            let amount = checked["amount_off"].as_str().unwrap_or("0");
            let amount = Money::parse(amount, currency).map_err(|error| Refusal::malformed(error.to_string()))?;
            off += amount.minor();
        }
        Ok(Money::new(off.min(total.minor()), currency))
    }

    /// The stack's time: its clock may stand still.
    async fn now(&self) -> Result<Value, Refusal> {
        let clock: Value = self.client.get(format!("{}/_local/clock", self.url)).send().await?.json().await?;
        Ok(clock["now"].clone())
    }

    async fn settle(&self) -> Result<(), Refusal> {
        self.client.post(format!("{}/_local/settle", self.url)).send().await?;
        Ok(())
    }

    /// A request to the API with the shop's key.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<Value, Refusal> {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key);
        let request = if body.is_null() { request } else { request.json(body) };
        let response = request.send().await?;
        let status = response.status();
        let value: Value = response.json().await?;
        if status.is_success() {
            return Ok(value);
        }
        let detail = value["detail"].as_str().unwrap_or("the stack refused it");
        Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
    }
}

/// A basket as lines of a receipt, and their sum.
fn lines(basket: &Basket, currency: Currency) -> Result<(Vec<Value>, Money), Refusal> {
    if basket.person.as_ref().is_some_and(|person| !PEOPLE.iter().any(|(id, _)| id == person)) {
        return Err(Refusal::malformed("nobody has this id"));
    }
    if basket.lines.len() > PRODUCTS.len() {
        return Err(Refusal::malformed("a line for each product"));
    }
    let mut sum = 0;
    let lines = basket.lines.iter().enumerate().map(|(place, line)| {
        let product = Product::find(&line.sku).ok_or_else(|| Refusal::malformed("there is no such product"))?;
        if !(1..=MOST_PIECES).contains(&line.quantity) {
            return Err(Refusal::malformed(format!("1 to {MOST_PIECES} pieces of a product")));
        }
        let amount = product.price(i64::from(line.quantity), currency);
        sum += amount.minor();
        Ok(json!({ "id": (place + 1).to_string(), "sku": product.sku, "product": product.name,
                   "category": product.category, "quantity": line.quantity.to_string(), "amount": amount }))
    });
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    Ok((lines, Money::new(sum, currency)))
}

fn parse<'b, T: Deserialize<'b>>(body: &'b Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::malformed(error.to_string()))
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
