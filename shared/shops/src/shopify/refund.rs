//! Refunds of Shopify.

use rust_decimal::Decimal;
use tessera_domain::money::Currency;

use super::order::{earns, shop_money, time};
use crate::payload::{Payload, PayloadError};
use crate::terms::{AmountBasis, Amounts, decimal};
use crate::{RefundedLine, ShopRefund};

/// Reads a refund, of an order or of `refunds/create`.
///
/// - A refund goes line by line. Lines of gift cards and tips, and shipping, count for nothing.
/// - A discrepancy is a bare amount: negative where more was paid back than the lines say. Where less was, the goods went
///   back all the same.
///
/// `others`: the lines of the order that earn nothing. `taxes`: the amount that earns, and whether the order's prices include tax; `None` for an amount as priced.
///
/// # Errors
/// When a field is missing or no amount.
pub fn refund(
    payload: Payload<'_>,
    taxes: Option<(AmountBasis, bool)>,
    others: &[&str],
) -> Result<(ShopRefund, Currency), PayloadError> {
    let amounts = currency(payload)?;
    let mut lines: Vec<RefundedLine> = Vec::new();
    for item in payload.list("/refund_line_items") {
        if item.value().get("line_item").is_some_and(|line| !earns(Payload::new(line))) {
            continue;
        }
        let line = item.text("/line_item_id").or(item.text("/line_item/id"));
        let line = line.ok_or_else(|| PayloadError::missing("/refund_line_items/line_item_id"))?;
        if others.contains(&line) {
            continue;
        }
        let subtotal = shop_money(item, "subtotal")?.unwrap_or_default();
        let tax = shop_money(item, "total_tax")?.unwrap_or_default();
        let amount = match taxes {
            Some((AmountBasis::WithTax, false)) => subtotal + tax,
            Some((AmountBasis::WithoutTax, true)) => subtotal - tax,
            Some(_) | None => subtotal,
        };
        let amount = amounts.minor(amount)?;
        let quantity = item.text("/quantity").map(decimal).transpose()?.filter(|quantity| *quantity > Decimal::ZERO);
        if amount < 0 {
            return Err(PayloadError(format!("the refund of line {line} is negative")));
        }
        match lines.iter_mut().find(|known| known.line == line) {
            Some(known) => {
                known.amount += amount;
                known.quantity = known.quantity.zip(quantity).map(|(one, other)| one + other);
            }
            None => lines.push(RefundedLine { line: line.to_owned(), quantity, amount }),
        }
    }
    let has_lines = payload.has_items("/refund_line_items");
    let mut bare = Decimal::ZERO;
    for adjustment in payload.list("/order_adjustments") {
        let kind = adjustment.text("/kind").or(adjustment.text("/reason")).unwrap_or_default();
        if matches!(kind, "refund_discrepancy" | "Refund discrepancy" | "REFUND_DISCREPANCY") {
            let amount = shop_money(adjustment, "amount")?.unwrap_or_default();
            bare += if has_lines { (-amount).max(Decimal::ZERO) } else { amount.abs() };
        }
    }
    let refund = ShopRefund {
        id: format!("shopify:{}", payload.required("/id")?),
        occurred_at: time("/created_at", payload.text("/processed_at").or(payload.text("/created_at")))?,
        lines,
        amount: amounts.minor(bare)?,
    };
    Ok((refund, amounts.0))
}

/// The currency of the shop, which some amount of the refund names. Without any, amounts have two decimals.
fn currency(payload: Payload<'_>) -> Result<Amounts, PayloadError> {
    let of_line = payload.list("/refund_line_items").chain(payload.list("/order_adjustments")).find_map(|item| {
        item.text("/subtotal_set/shop_money/currency_code").or(item.text("/amount_set/shop_money/currency_code"))
    });
    let of_payment = || payload.list("/transactions").find_map(|transaction| transaction.text("/currency"));
    match of_line.or_else(of_payment) {
        Some(code) => Amounts::of(code),
        None => Currency::from_code("EUR").map(Amounts).ok_or_else(|| PayloadError::missing("/currency")),
    }
}
