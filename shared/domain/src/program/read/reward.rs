//! Reading a reward.

use rust_decimal::Decimal;

use crate::ids::RewardId;
use crate::input::{Node, Object};
use crate::money::{Currency, MAX_MINOR};
use crate::points::Points;
use crate::program::{Bind, CodeSource, CombinesWith, CostPer, Provider, Reward, RewardCost, RewardType, RewardValue};
use crate::readers;
use crate::text::Text;

/// The largest stock, and the most coupons of one reward that one member may have.
const MOST_COUPONS: u32 = 1_000_000_000;
/// The longest life of a coupon: ten years, in days.
const MOST_VALID_DAYS: u32 = 3_650;
/// The longest code, in characters.
const MOST_CODE: usize = 40;
/// The fewest `#` of a pattern: seven random characters of five bits each, and the check character.
///
/// Codes that a shop's own checkout accepts take eleven (50 bits), because nobody counts wrong guesses there. No pattern
/// makes such codes yet: they come from pools and providers.
const LEAST_RANDOM: usize = 8;

const TYPES: [(&str, RewardType); 6] = [
    ("amount_off", RewardType::AmountOff),
    ("percent_off", RewardType::PercentOff),
    ("free_shipping", RewardType::FreeShipping),
    ("free_product", RewardType::FreeProduct),
    ("gift_card", RewardType::GiftCard),
    ("custom", RewardType::Custom),
];

/// Reads a reward of a program that counts in `currency`. The tiers that it names are checked when the whole program
/// is read.
pub fn read_reward(node: &Node<'_>, currency: Currency) -> Option<Reward> {
    let object = node.object()?;
    object.read_only(&["version", "updated_at"]);
    let id = object.required("id", Node::id::<RewardId>);
    let name = object.required("name", readers::name);
    let description = object.optional("description", Text::read);
    let image_url = object.optional("image_url", readers::url);
    let kind = object.required("type", |kind| kind.choice(&TYPES));
    let cost = read_cost(&object, kind, currency);
    let value = match object.field("cost_per") {
        Some(_) => read_no_value(&object),
        None => read_value(&object, kind, currency),
    };
    let skus = object.optional("skus", readers::values);
    let minimum_spend = object.optional("minimum_spend", |money| money.money(currency));
    let max_discount = object.optional("max_discount", |money| money.positive_money(currency));
    let combines_with = object.optional("combines_with", read_combines_with);
    let bind = object.optional("bind", |bind| bind.choice(&[("member", Bind::Member)]));
    let tiers = object.optional("tiers", readers::ids);
    let starts_at = object.optional("starts_at", readers::moment);
    let ends_at = object.optional("ends_at", readers::moment);
    let stock = object.optional("stock", |stock| stock.count(0, MOST_COUPONS));
    let per_member_limit = object.optional("per_member_limit", |limit| limit.count(1, MOST_COUPONS));
    let code = object.or("code", CodeSource::default(), read_code);
    let low_stock = object.optional("low_stock", |units| read_low_stock(units, stock, code.as_ref()));
    let valid_days = object.optional("valid_days", |days| days.count(0, MOST_VALID_DAYS));
    let rank = object.optional("rank", |rank| rank.count(0, MOST_COUPONS));
    object.finish();
    Some(Reward {
        id: id?,
        name: name?,
        description: description?,
        image_url: image_url?,
        kind: kind?,
        value: value?,
        skus: skus?,
        minimum_spend: minimum_spend?,
        max_discount: max_discount?,
        combines_with: combines_with?,
        bind: bind?,
        cost: cost?,
        tiers: tiers?,
        starts_at: starts_at?,
        ends_at: ends_at?,
        stock: stock?,
        low_stock: low_stock?,
        per_member_limit: per_member_limit?,
        code: code?,
        valid_days: valid_days?,
        rank: rank?,
    })
}

/// What it costs: `cost`, or `cost_per` for a discount in money or a gift card.
fn read_cost(object: &Object<'_>, kind: Option<RewardType>, currency: Currency) -> Option<RewardCost> {
    let (name, cost) = object.exactly_one(&["cost", "cost_per"])?;
    if name == "cost" {
        return cost.integer(0, Points::MAX.get()).map(|points| RewardCost::Fixed(Points::new(points)));
    }
    match kind {
        Some(RewardType::AmountOff | RewardType::GiftCard) => read_cost_per(&cost, currency).map(RewardCost::Chosen),
        Some(_) => cost.refuse("only amount_off and gift_card have a value for each number of points"),
        None => None,
    }
}

fn read_cost_per(node: &Node<'_>, currency: Currency) -> Option<CostPer> {
    let object = node.object()?;
    let points = object.required("points", Node::points);
    let value = object.required("value", |value| value.positive_money(currency));
    let step = object.required("step", Node::points);
    let min = object.required("min", |min| match (min.points()?, step) {
        // Lists of rewards show the least as the cost, so it must be one that can be chosen.
        (least, Some(step)) if least.get() % step.get() != 0 => min.refuse("must be a multiple of step"),
        (least, _) => Some(least),
    });
    let max = object.required("max", |max| match (max.points()?, min) {
        (most, Some(min)) if most < min => max.refuse("must be at least min"),
        (most, _) => Some(most),
    });
    object.finish();
    let per = CostPer { points: points?, value: value?, min: min?, max: max?, step: step? };
    if per.value_of(per.min).minor() == 0 {
        return node.refuse("the fewest points would be worth nothing: min must be worth at least one minor unit");
    }
    if per.value_of(per.max).minor() > MAX_MINOR {
        return node.refuse("the most points would be worth more than an amount of money can be");
    }
    Some(per)
}

/// The value of a reward whose points the shopper chooses: it follows from them.
#[allow(clippy::option_option, reason = "as Object::optional gives it: wrong, not there, or there")]
fn read_no_value(object: &Object<'_>) -> Option<Option<RewardValue>> {
    object.optional("value", |value| value.refuse("with cost_per, the value follows from the points"))
}

fn read_combines_with(node: &Node<'_>) -> Option<CombinesWith> {
    let object = node.object()?;
    let order = object.or("order", false, Node::boolean);
    let product = object.or("product", false, Node::boolean);
    let shipping = object.or("shipping", false, Node::boolean);
    object.finish();
    Some(CombinesWith { order: order?, product: product?, shipping: shipping? })
}

/// The units left at which the stock is low. Something must run out: a stock, or a pool of codes.
#[allow(clippy::option_option, reason = "as Object::optional gives it: wrong, not there, or there")]
fn read_low_stock(node: &Node<'_>, stock: Option<Option<u32>>, code: Option<&CodeSource>) -> Option<u32> {
    let units = node.count(0, MOST_COUPONS)?;
    if matches!((stock, code), (Some(None), Some(CodeSource::Pattern(_)))) {
        return node.refuse("only a reward with a stock or a pool of codes can run low");
    }
    Some(units)
}

/// The value that the type asks for: money, per cent, an SKU, any text, or none.
#[allow(clippy::option_option, reason = "as Object::optional gives it: wrong, not there, or there")]
fn read_value(object: &Object<'_>, kind: Option<RewardType>, currency: Currency) -> Option<Option<RewardValue>> {
    let money = |node: &Node<'_>| node.positive_money(currency).map(RewardValue::Money);
    let percent = |node: &Node<'_>| {
        let percent = node.decimal(101)?;
        if percent > Decimal::ONE_HUNDRED {
            return node.refuse("must be at most 100");
        }
        Some(RewardValue::Percent(percent))
    };
    let text = |node: &Node<'_>| node.filled(256).map(RewardValue::Text);
    match kind {
        Some(RewardType::AmountOff | RewardType::GiftCard) => object.required("value", money).map(Some),
        Some(RewardType::PercentOff) => object.required("value", percent).map(Some),
        Some(RewardType::FreeProduct) => object.required("value", text).map(Some),
        Some(RewardType::Custom) => object.optional("value", text),
        Some(RewardType::FreeShipping) => object.optional("value", |value| value.refuse("free shipping has no value")),
        // The type is the fault; of which kind the value should be, nobody can say.
        None => {
            object.read_only(&["value"]);
            None
        }
    }
}

fn read_code(node: &Node<'_>) -> Option<CodeSource> {
    let object = node.object()?;
    let found = object.exactly_one(&["pattern", "pool", "provider"]);
    object.finish();
    match found? {
        ("pattern", pattern) => read_pattern(&pattern).map(CodeSource::Pattern),
        ("pool", pool) if pool.boolean()? => Some(CodeSource::Pool(true)),
        ("pool", pool) => pool.refuse("must be true, or absent"),
        (_, provider) => provider.choice(&Provider::NAMES).map(CodeSource::Provider),
    }
}

fn read_pattern(node: &Node<'_>) -> Option<String> {
    let pattern = node.text(MOST_CODE)?;
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-' || c == '#';
    if !pattern.chars().all(allowed) {
        return node.refuse("must consist of A–Z, 0–9, - and #");
    }
    if pattern.chars().filter(|c| *c == '#').count() < LEAST_RANDOM {
        return node.refuse(format_args!(
            "must have at least {LEAST_RANDOM} times #: seven random characters (35 bits) and a check character; shorter \
             codes can be guessed"
        ));
    }
    Some(pattern)
}
