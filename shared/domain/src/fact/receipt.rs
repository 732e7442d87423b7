//! A receipt: what a customer bought, as a shop reports it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{CouponCode, FoldedCode, LineId, ReceiptId};
use crate::input::{self, Fault, Node};
use crate::member::MemberRef;
use crate::money::{Currency, Money};

/// The most lines that a receipt may have.
pub const MAX_LINES: usize = 1000;

/// A purchase. Amounts are minor units of its own currency.
///
/// Field names are short: every purchase is stored for years.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The shop's identifier.
    #[serde(rename = "i")]
    pub id: ReceiptId,
    /// When the purchase happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub occurred_at: Timestamp,
    /// The shop.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The channel: `pos`, `web` or the merchant's own name.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// The currency of the amounts.
    #[serde(rename = "y")]
    pub currency: Currency,
    /// Units of the program's currency for one unit of the receipt's; absent when they are the same.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub fx_rate: Option<Decimal>,
    /// The price paid for goods: net of discounts, without shipping.
    #[serde(rename = "a")]
    pub total: i64,
    /// The discount on the whole order; the total is net of it.
    #[serde(rename = "d", default, skip_serializing_if = "is_zero")]
    pub discount: i64,
    /// The lines.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// The coupons that the customer presented.
    #[serde(rename = "u", default, skip_serializing_if = "Vec::is_empty")]
    pub coupons: Vec<CouponCode>,
    /// The referral code that the customer named.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub referral_code: Option<String>,
    /// The click on a referral link that led to the purchase.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub click: Option<String>,
    /// True for an order of the past that an import brought: targets are not notified.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
}

/// A line of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its identifier within the receipt; by default its place, from 1.
    #[serde(rename = "i")]
    pub id: LineId,
    /// The article's number.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// The article's name.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The categories that it is in.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Its brand.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The number of items, or their weight.
    #[serde(rename = "q", default = "one", skip_serializing_if = "is_one")]
    pub quantity: Decimal,
    /// The price of the whole line, before the discount on the order.
    #[serde(rename = "a")]
    pub amount: i64,
    /// Other properties that rules may filter by.
    #[serde(rename = "t", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
}

const fn one() -> Decimal {
    Decimal::ONE
}

fn is_one(quantity: &Decimal) -> bool {
    *quantity == Decimal::ONE
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
const fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Receipt {
    /// The lines' amounts less their shares of the discount, by largest remainder. A receipt without lines has one
    /// amount: its total.
    pub fn net_amounts(&self) -> Vec<i64> {
        if self.lines.is_empty() {
            return vec![self.total];
        }
        let mut amounts: Vec<i64> = self.lines.iter().map(|line| line.amount).collect();
        if self.discount != 0 {
            let shares = crate::money::spread(self.discount, &amounts);
            amounts.iter_mut().zip(shares).for_each(|(amount, share)| *amount -= share);
        }
        amounts
    }
}

impl Line {
    /// The number of items. A weighed line (a quantity that is not whole) counts as one.
    pub fn items(&self) -> i64 {
        whole_items(self.quantity)
    }
}

/// The number of items in a quantity: the quantity if it is whole, otherwise one (weighed).
pub(crate) fn whole_items(quantity: Decimal) -> i64 {
    use rust_decimal::prelude::ToPrimitive;
    if quantity.is_integer() { quantity.to_i64().unwrap_or(0) } else { 1 }
}

/// A receipt as it is sent, with the member that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptInput {
    /// The receipt.
    pub receipt: Receipt,
    /// The member; `None` for an anonymous receipt.
    pub member: Option<MemberRef>,
}

/// A receipt. With lines, their amounts less the discount add up to the total.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Receipt), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_receipt` reads")]
pub struct ReceiptBody {
    /// The shop's own id: the same receipt may be sent any number of times.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    id: String,
    /// When it was made, with offset.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    occurred_at: String,
    /// The member; null stores it without one, until somebody claims it.
    #[cfg_attr(feature = "openapi", schema(required))]
    member: Option<MemberRef>,
    /// The store.
    #[cfg_attr(feature = "openapi", schema(max_length = 128))]
    store: Option<String>,
    /// The channel.
    #[cfg_attr(feature = "openapi", schema(max_length = 128))]
    channel: Option<String>,
    /// The currency (ISO 4217).
    currency: String,
    /// Units of the program's currency for one unit of the receipt's; required when they differ.
    fx_rate: Option<String>,
    /// What the customer paid for goods, net of discounts, without shipping.
    total: String,
    /// The discount on the whole order, already subtracted from the total.
    discount: Option<String>,
    /// The lines.
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    lines: Option<Vec<ReceiptLineBody>>,
    /// The codes of coupons that were used.
    coupons: Option<Vec<String>>,
    /// The referral code that was used.
    referral_code: Option<String>,
    /// The id of the click on a referral link that led to the purchase.
    click: Option<String>,
}

impl ReceiptBody {
    /// An example.
    pub fn example() -> Value {
        json!({
            "id": "0532-0007", "occurred_at": "2026-03-01T10:15:00+01:00", "member": { "id": "c-42" },
            "store": "milano-01", "channel": "pos", "currency": "EUR", "total": "135.00", "discount": "15.00",
            "lines": [
                { "id": "1", "sku": "SW-1", "category": "winter", "quantity": "1", "amount": "120.00" },
                { "id": "2", "sku": "SO-2", "category": ["socks"], "quantity": "3", "amount": "30.00" },
            ],
        })
    }
}

/// A line of a receipt.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReceiptLine), serde(deny_unknown_fields))]
#[allow(dead_code, reason = "the schema of what `read_receipt` reads")]
pub struct ReceiptLineBody {
    /// The id that refunds name; absent: its place, from 1.
    id: Option<String>,
    /// The SKU.
    sku: Option<String>,
    /// The product's name.
    product: Option<String>,
    /// The category, or several.
    category: Option<OneOrMany>,
    /// The brand.
    brand: Option<String>,
    /// The number of items, or a weight.
    quantity: Option<String>,
    /// The price of the whole line.
    amount: String,
    /// Attributes by name: one value, or several.
    attributes: Option<BTreeMap<String, OneOrMany>>,
}

/// A text or a list of texts.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), serde(untagged))]
#[allow(dead_code, reason = "the schema of what `read_receipt` reads")]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Reads the body of `POST /v1/receipts`.
///
/// # Errors
/// Every fault of the body, with its pointer.
pub fn read_receipt(body: &Value, program: Currency) -> Result<ReceiptInput, Vec<Fault>> {
    input::read(body, |node| {
        let object = node.object()?;
        let id = object.required("id", Node::id);
        let occurred_at = object.required("occurred_at", Node::timestamp);
        let member = object.required("member", |member| {
            // Null is an anonymous receipt; leaving the member out by mistake must not make one.
            if member.value.is_null() { Some(None) } else { MemberRef::read(member).map(Some) }
        });
        let store = object.optional("store", |n| n.text(128));
        let channel = object.optional("channel", |n| n.text(64));
        let currency = object.required("currency", currency);
        let rate = object.optional("fx_rate", |n| n.decimal(1_000_000_000));
        // Amounts are read in the receipt's currency. If it is faulty, its own fault is enough.
        let money = currency.unwrap_or(program);
        let total = object.required("total", |n| n.money(money));
        let discount = object.or("discount", Money::new(0, money), |n| n.money(money));
        let lines = object.or("lines", Vec::new(), |n| read_lines(n, money));
        let coupons = object.or("coupons", Vec::new(), read_coupons);
        let referral_code = object.optional("referral_code", |n| n.text(64));
        let click = object.optional("click", |n| n.text(128));
        object.finish();

        let (currency, rate, total, discount, lines) = (currency?, rate?, total?, discount?, lines?);
        check_rate(node, currency, program, rate);
        check_sum(node, total, discount, &lines);
        let fx_rate = rate.filter(|_| currency != program);
        let receipt = Receipt {
            id: id?,
            occurred_at: occurred_at?,
            store: store?,
            channel: channel?,
            currency,
            fx_rate,
            total: total.minor(),
            discount: discount.minor(),
            lines,
            coupons: coupons?,
            referral_code: referral_code?,
            click: click?,
            history: false,
        };
        Some(ReceiptInput { receipt, member: member? })
    })
}

/// Reads coupon codes, trimmed. A code that is named twice, in whatever spelling, counts once.
fn read_coupons(node: &Node<'_>) -> Option<Vec<CouponCode>> {
    let named: Vec<CouponCode> = node.list(20, |code| code.parsed(|text| CouponCode::new(text.trim())))?;
    let mut seen = BTreeSet::new();
    Some(named.into_iter().filter(|code| seen.insert(FoldedCode::from(code))).collect())
}

/// Reads a currency's code.
fn currency(node: &Node<'_>) -> Option<Currency> {
    node.parsed(|code| Currency::from_code(code).ok_or("must be a currency of ISO 4217, such as EUR"))
}

fn check_rate(node: &Node<'_>, currency: Currency, program: Currency, rate: Option<Decimal>) {
    let Some(object) = node.object() else { return };
    let place = object.field("fx_rate").unwrap_or_else(|| node.clone());
    match rate {
        None if currency != program => {
            place.fault(format_args!("fx_rate is needed: units of {program} for one {currency}"));
        }
        Some(rate) if currency == program && rate != Decimal::ONE => {
            place.fault(format_args!("fx_rate is only for currencies other than {program}"));
        }
        _ => {}
    }
}

fn check_sum(node: &Node<'_>, total: Money, discount: Money, lines: &[Line]) {
    let Some(object) = node.object() else { return };
    if lines.is_empty() {
        return;
    }
    let sum: i64 = lines.iter().map(|line| line.amount).sum();
    if sum - discount.minor() != total.minor() {
        let due = Money::new(sum - discount.minor(), total.currency());
        let place = object.field("total").unwrap_or_else(|| node.clone());
        place.fault(format_args!("must be the sum of the lines less the discount, {due}"));
    }
}

fn read_lines(node: &Node<'_>, currency: Currency) -> Option<Vec<Line>> {
    let lines = node.list(MAX_LINES, |line| read_line(line, currency))?;
    let mut lines: Vec<Line> = lines
        .into_iter()
        .enumerate()
        .filter_map(|(place, (id, line))| {
            let id = id.or_else(|| LineId::new((place + 1).to_string()).ok())?;
            Some(Line { id, ..line })
        })
        .collect();
    let mut ids: Vec<&LineId> = lines.iter().map(|line| &line.id).collect();
    ids.sort_unstable();
    if let Some([twice, _]) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return node.refuse(format_args!("two lines have the id {twice}"));
    }
    lines.shrink_to_fit();
    Some(lines)
}

fn read_line(node: &Node<'_>, currency: Currency) -> Option<(Option<LineId>, Line)> {
    let object = node.object()?;
    let id = object.optional("id", Node::id);
    let sku = object.optional("sku", |n| n.text(128));
    let product = object.optional("product", |n| n.text(256));
    let categories = object.or("category", Vec::new(), strings);
    let brand = object.optional("brand", |n| n.text(128));
    let quantity = object.or("quantity", Decimal::ONE, |n| n.decimal(1_000_000_000));
    let amount = object.required("amount", |n| n.money(currency));
    let attributes = object.or("attributes", Vec::new(), |n| n.entries(50, strings));
    object.finish();
    let line = Line {
        id: LineId::new("0").ok()?,
        sku: sku?,
        product: product?,
        categories: categories?,
        brand: brand?,
        quantity: quantity?,
        amount: amount?.minor(),
        attributes: attributes?.into_iter().collect(),
    };
    Some((id?, line))
}

/// One text, or a list of them.
fn strings(node: &Node<'_>) -> Option<Vec<String>> {
    if node.value.is_array() { node.list(50, |n| n.text(128)) } else { node.text(128).map(|text| vec![text]) }
}
