//! The basket that a till or cart tries a coupon on.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::FoldedCode;
use crate::fact::whole_items;
use crate::ids::{CouponCode, LineId};
use crate::input::{self, Fault, Node};
use crate::member::MemberRef;
use crate::money::{Currency, Money};

/// Maximum number of lines of a basket.
const MOST_LINES: usize = 1_000;
/// Quantities are below this, as on receipts.
const QUANTITIES_BELOW: i64 = 1_000_000_000;
/// Maximum number of other codes on a basket.
const MOST_CODES: usize = 20;

/// A basket, reduced to what coupons depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouponBasket {
    /// The price of the goods.
    pub total: Money,
    /// The lines; `None` when the sender did not give them.
    pub lines: Option<Vec<BasketLine>>,
}

/// A line of a basket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketLine {
    /// Its id; a line without one has its number, from 1.
    pub id: LineId,
    /// The SKU, if the line has one.
    pub sku: Option<String>,
    /// The line's price.
    pub amount: Money,
    /// The number of items; a weighed line counts as one.
    pub items: i64,
}

/// The request for a check: a basket, and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketInput {
    /// The basket.
    pub basket: CouponBasket,
    /// Whose basket it is, if known.
    pub member: Option<MemberRef>,
    /// The other codes on the basket.
    pub with: Vec<CouponCode>,
}

/// A basket to try a coupon on.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Basket), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_basket` reads")]
pub struct BasketBody {
    /// What the customer would pay for goods.
    total: String,
    /// What is in it; needed for coupons that apply to some SKUs only.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    lines: Option<Vec<BasketLineBody>>,
    /// Whose basket it is; a coupon that is bound to another member is not valid on it.
    member: Option<MemberRef>,
    /// The other codes on the basket.
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    with: Option<Vec<String>>,
}

/// A line of a basket. It may have every field of a receipt's line; SKU, amount and quantity matter.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BasketLine), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_line` reads")]
pub struct BasketLineBody {
    /// The line's id, under which the response has its share; absent: the line's number, from 1.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    id: Option<String>,
    /// The SKU.
    #[cfg_attr(feature = "openapi", schema(max_length = 256))]
    sku: Option<String>,
    /// Not used.
    product: Option<Value>,
    /// Not used.
    category: Option<Value>,
    /// Not used.
    brand: Option<Value>,
    /// The number of items; absent: 1.
    quantity: Option<String>,
    /// The price of the whole line.
    amount: String,
    /// Not used.
    attributes: Option<Value>,
}

impl BasketBody {
    /// An example.
    pub fn example() -> Value {
        json!({
            "total": "40.00", "lines": [{ "id": "1", "sku": "SW-1", "quantity": "2", "amount": "40.00" }],
            "member": { "id": "c-42" }, "with": ["SUMMER-10"],
        })
    }
}

/// Reads the body of a check.
///
/// # Errors
/// Every fault of the body.
pub fn read_basket(body: &Value, currency: Currency) -> Result<BasketInput, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let total = object.required("total", |node| node.money(currency));
        let lines = object.optional("lines", |node| read_lines(node, currency));
        let member = object.optional("member", MemberRef::read);
        let with = object.or("with", Vec::new(), read_codes);
        object.finish();
        let basket = CouponBasket { total: total?, lines: lines? };
        Some(BasketInput { basket, member: member?, with: with? })
    })
}

fn read_lines(node: &Node<'_>, currency: Currency) -> Option<Vec<BasketLine>> {
    let lines = node.list(MOST_LINES, |line| read_line(line, currency))?;
    let numbered = lines.into_iter().zip(1..).map(|((id, line), number): ((Option<LineId>, BasketLine), u32)| {
        let id = id.or_else(|| LineId::new(number.to_string()).ok())?;
        Some(BasketLine { id, ..line })
    });
    let lines = numbered.collect::<Option<Vec<_>>>()?;
    let mut seen = BTreeSet::new();
    if let Some(twice) = lines.iter().find(|line| !seen.insert(&line.id)) {
        return node.refuse(format_args!("names line {} twice", twice.id));
    }
    Some(lines)
}

/// A line, with its id if it has one.
fn read_line(node: &Node<'_>, currency: Currency) -> Option<(Option<LineId>, BasketLine)> {
    let object = node.object()?;
    object.read_only(&["product", "category", "brand", "attributes"]);
    let id = object.optional("id", Node::id::<LineId>);
    let sku = object.optional("sku", |node| node.text(256));
    let amount = object.required("amount", |node| node.money(currency));
    let quantity = object.or("quantity", Decimal::ONE, |n| n.decimal(QUANTITIES_BELOW));
    object.finish();
    let nameless = LineId::new("-").ok()?;
    Some((id?, BasketLine { id: nameless, sku: sku?, amount: amount?, items: whole_items(quantity?) }))
}

/// The codes, each once.
fn read_codes(node: &Node<'_>) -> Option<Vec<CouponCode>> {
    let named: Vec<CouponCode> = node.list(MOST_CODES, |code| code.parsed(|text| CouponCode::new(text.trim())))?;
    let mut seen = BTreeSet::new();
    Some(named.into_iter().filter(|code| seen.insert(FoldedCode::from(code))).collect())
}
