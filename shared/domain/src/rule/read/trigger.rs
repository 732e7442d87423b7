//! Reads triggers and conditions.

use crate::input::{Node, Object};
use crate::money::Currency;
use crate::readers;

use super::super::{
    BirthdaySpan, BirthdayTrigger, Counting, EmailTrigger, EnrolledSpan, Filter, InteractionFilter, InteractionTrigger,
    LineFilter, Measure, Nearness, Predicate, ProfileTest, ReceiptTrigger, ReferralRole, Spend, SpendHow, SpendRange,
    TierChangeTrigger, TierDirection, Trigger, Window, WindowStart,
};

/// The longest window in days: a leap year, whose daily sums fit an account.
const MOST_WINDOW_DAYS: u32 = 366;
/// The longest inactivity in days.
const MOST_INACTIVE_DAYS: u32 = 3_650;
/// The largest count of receipts or items.
const MOST_COUNT: u32 = 1_000_000_000;
/// The longest name of a list, tag, attribute or event, in bytes.
const MOST_NAME_BYTES: usize = 128;

const TRIGGERS: [&str; 11] = [
    "receipt",
    "interaction",
    "email_opened",
    "email_clicked",
    "birthday",
    "enrollment",
    "inactivity",
    "tier_change",
    "list_subscription",
    "profile",
    "referral",
];

const BIRTHDAY_SPANS: [(&str, BirthdaySpan); 3] =
    [("day", BirthdaySpan::Day), ("week", BirthdaySpan::Week), ("month", BirthdaySpan::Month)];

/// Reads a trigger of a program with this currency.
pub(super) fn read_trigger(node: &Node<'_>, currency: Currency) -> Option<Trigger> {
    let object = node.object()?;
    let found = object.exactly_one(&TRIGGERS);
    object.finish();
    let (name, on) = found?;
    if name == "receipt" {
        return read_receipt(&on, currency).map(Trigger::Receipt);
    }
    if name == "profile" {
        return read_profile(&on).map(Trigger::Profile);
    }
    let object = on.object()?;
    let trigger = match name {
        "interaction" => read_interaction(&object).map(Trigger::Interaction),
        "email_opened" => read_email(&object, false).map(Trigger::EmailOpened),
        "email_clicked" => read_email(&object, true).map(Trigger::EmailClicked),
        "birthday" => read_birthday(&object).map(Trigger::Birthday),
        "enrollment" => Some(Trigger::Enrollment {}),
        "inactivity" => {
            object.required("days", |days| days.count(1, MOST_INACTIVE_DAYS)).map(|days| Trigger::Inactivity { days })
        }
        "tier_change" => read_tier_change(&object).map(Trigger::TierChange),
        "list_subscription" => object.required("list", read_name).map(|list| Trigger::ListSubscription { list }),
        _ => object
            .required("role", |role| {
                role.choice(&[("advocate", ReferralRole::Advocate), ("friend", ReferralRole::Friend)])
            })
            .map(|role| Trigger::Referral { role }),
    };
    object.finish();
    trigger
}

fn read_name(node: &Node<'_>) -> Option<String> {
    node.filled(MOST_NAME_BYTES)
}

fn read_receipt(node: &Node<'_>, currency: Currency) -> Option<ReceiptTrigger> {
    let object = node.object()?;
    let filter = object.optional("where", read_filter);
    let spend = object.optional("spend", |spend| read_spend(spend, currency).map(Measure::Spend));
    let receipts = object.optional("receipts", |count| read_counting(count, false).map(Measure::Receipts));
    let quantity = object.optional("quantity", |count| read_counting(count, true).map(Measure::Quantity));
    let within = object.optional("within", read_window);
    let measures = ["spend", "receipts", "quantity"].iter().filter(|name| has(node, name)).count();
    if measures > 1 {
        object.node().fault("must have at most one of spend, receipts, quantity");
    }
    if measures == 0 && within.as_ref().is_some_and(Option::is_some) {
        object.node().fault("\"within\" needs a measure that is to be complete within that time");
    }
    object.finish();
    Some(ReceiptTrigger { filter: filter?, measure: spend?.or(receipts?).or(quantity?), within: within? })
}

fn has(node: &Node<'_>, name: &str) -> bool {
    node.value.get(name).is_some_and(|value| !value.is_null())
}

/// Reads a filter of receipts and lines.
pub(crate) fn read_filter(node: &Node<'_>) -> Option<Filter> {
    let object = node.object()?;
    let stores = object.optional("stores", readers::values);
    let stores_not = object.optional("stores_not", readers::values);
    let channels = object.optional("channels", readers::values);
    let lines = object.optional("lines", read_line_filter);
    object.finish();
    Some(Filter { stores: stores?, stores_not: stores_not?, channels: channels?, lines: lines? })
}

fn read_line_filter(node: &Node<'_>) -> Option<LineFilter> {
    let object = node.object()?;
    let skus = object.optional("skus", readers::values);
    let skus_not = object.optional("skus_not", readers::values);
    let products = object.optional("products", readers::values);
    let categories = object.optional("categories", readers::values);
    let categories_not = object.optional("categories_not", readers::values);
    let brands = object.optional("brands", readers::values);
    let brands_not = object.optional("brands_not", readers::values);
    let attributes = object.optional("attributes", readers::values_by_name);
    object.finish();
    Some(LineFilter {
        skus: skus?,
        skus_not: skus_not?,
        products: products?,
        categories: categories?,
        categories_not: categories_not?,
        brands: brands?,
        brands_not: brands_not?,
        attributes: attributes?.unwrap_or_default(),
    })
}

fn read_spend(node: &Node<'_>, currency: Currency) -> Option<Spend> {
    let object = node.object()?;
    let how = object.exactly_one(&["total_at_least", "per_receipt_at_least", "every", "every_per_receipt"]).and_then(
        |(name, amount)| {
            let money = amount.positive_money(currency)?;
            Some(match name {
                "total_at_least" => SpendHow::TotalAtLeast(money),
                "per_receipt_at_least" => SpendHow::PerReceiptAtLeast(money),
                "every" => SpendHow::Every(money),
                _ => SpendHow::EveryPerReceipt(money),
            })
        },
    );
    let from = object.optional("from", |from| from.money(currency));
    let up_to = object.optional("up_to", |up_to| {
        let end = up_to.positive_money(currency)?;
        match from {
            // The range is [from, up_to): an equal pair holds nothing.
            Some(Some(start)) if start.minor() >= end.minor() => up_to.refuse("must be above \"from\""),
            _ => Some(end),
        }
    });
    let range = object.optional("range", |range| {
        if !has(node, "from") && !has(node, "up_to") {
            return range.refuse("has no meaning without \"from\" or \"up_to\"");
        }
        range.choice(&[("gate", SpendRange::Gate), ("band", SpendRange::Band)])
    });
    object.finish();
    Some(Spend { how: how?, from: from?, up_to: up_to?, range: range? })
}

/// Reads how receipts or items fire; only items have the forms per receipt.
fn read_counting(node: &Node<'_>, items: bool) -> Option<Counting> {
    let object = node.object()?;
    let found = if items {
        object.exactly_one(&["total_at_least", "per_receipt_at_least", "every", "every_per_receipt"])
    } else {
        object.exactly_one(&["total_at_least", "every"])
    };
    object.finish();
    let (name, count) = found?;
    let count = count.count(1, MOST_COUNT)?;
    Some(match name {
        "total_at_least" => Counting::TotalAtLeast(count),
        "per_receipt_at_least" => Counting::PerReceiptAtLeast(count),
        "every" => Counting::Every(count),
        _ => Counting::EveryPerReceipt(count),
    })
}

fn read_window(node: &Node<'_>) -> Option<Window> {
    let object = node.object()?;
    if has(node, "days") {
        let days = object.required("days", |days| days.count(1, MOST_WINDOW_DAYS));
        let from = object.optional("from", |from| from.choice(&[("first_receipt", WindowStart::FirstReceipt)]));
        object.finish();
        return Some(Window::Days { days: days?, from: from? });
    }
    let starts_on = object.required("starts_on", Node::date);
    let ends_on = object.required("ends_on", |end| {
        let date = end.date()?;
        if starts_on.is_some_and(|start| date < start) {
            return end.refuse("must not be before \"starts_on\"");
        }
        Some(date)
    });
    object.finish();
    Some(Window::Fixed { starts_on: starts_on?, ends_on: ends_on? })
}

fn read_interaction(object: &Object<'_>) -> Option<InteractionTrigger> {
    let name = object.required("name", |node| {
        let name = read_name(node)?;
        if name == "email_opened" || name == "email_clicked" {
            return node.refuse(format_args!("use the trigger {name}, which knows what counts as one"));
        }
        Some(name)
    });
    let filter = object.optional("where", |filter| {
        let object = filter.object()?;
        let properties = object.optional("properties", readers::values_by_name);
        object.finish();
        Some(InteractionFilter { properties: properties?.unwrap_or_default() })
    });
    Some(InteractionTrigger { name: name?, filter: filter? })
}

fn read_email(object: &Object<'_>, clicked: bool) -> Option<EmailTrigger> {
    let campaign_categories = object.optional("campaign_categories", readers::values);
    let devices = object.optional("devices", readers::values);
    let link_categories = if clicked { object.optional("link_categories", readers::values) } else { Some(None) };
    Some(EmailTrigger {
        campaign_categories: campaign_categories?,
        devices: devices?,
        link_categories: link_categories?,
    })
}

fn read_birthday(object: &Object<'_>) -> Option<BirthdayTrigger> {
    let at = object.or("at", BirthdaySpan::Day, |at| at.choice(&BIRTHDAY_SPANS));
    let days_before = object.optional("days_before", |days| days.count(0, 364));
    Some(BirthdayTrigger { at: at?, days_before: days_before? })
}

fn read_tier_change(object: &Object<'_>) -> Option<TierChangeTrigger> {
    let direction = object.optional("direction", |direction| {
        direction.choice(&[
            ("upgrade", TierDirection::Upgrade),
            ("downgrade", TierDirection::Downgrade),
            ("vip", TierDirection::Vip),
        ])
    });
    let from = object.optional("from", readers::ids);
    let to = object.optional("to", readers::ids);
    Some(TierChangeTrigger { direction: direction?, from: from?, to: to? })
}

fn read_profile(node: &Node<'_>) -> Option<ProfileTest> {
    let object = node.object()?;
    let attribute = object.required("attribute", read_name);
    let values = object.required("in", readers::values);
    object.finish();
    Some(ProfileTest { attribute: attribute?, values: values? })
}

/// Reads one condition on the member.
pub(super) fn read_predicate(node: &Node<'_>) -> Option<Predicate> {
    let object = node.object()?;
    let found = object.exactly_one(&["birthday", "enrolled", "profile", "list", "tag", "referred"]);
    object.finish();
    let (name, test) = found?;
    match name {
        "birthday" => read_nearness(&test, &BIRTHDAY_SPANS).map(Predicate::Birthday),
        "enrolled" => read_nearness(&test, &[("day", EnrolledSpan::Day)]).map(Predicate::Enrolled),
        "profile" => read_profile(&test).map(Predicate::Profile),
        "list" => read_name(&test).map(Predicate::List),
        "tag" => read_name(&test).map(Predicate::Tag),
        _ => test.boolean().map(Predicate::Referred),
    }
}

fn read_nearness<Span: Copy>(node: &Node<'_>, spans: &[(&str, Span)]) -> Option<Nearness<Span>> {
    let object = node.object()?;
    let found = object.exactly_one(&["within", "days_after"]);
    object.finish();
    match found? {
        ("within", span) => span.choice(spans).map(Nearness::Within),
        (_, days) => days.count(0, 366).map(Nearness::DaysAfter),
    }
}
