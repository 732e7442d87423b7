//! Reads a program: first its parts, then the checks across them. One response lists the faults of both.

mod points;
pub(super) mod referral;
mod reward;
mod storefront;
mod tiers;

pub use reward::read_reward;
pub use tiers::read_tier;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use super::check::{ProgramParts, check_program};
use super::{CouponPolicy, IdentityPolicy, MembersPolicy, Program, PublishingPolicy, Storefront, unsupported};
use crate::input::{self, Fault, Faults, Node};
use crate::locale::is_language_tag;
use crate::member::IdentifierKind;
use crate::money::Currency;
use crate::readers;
use crate::rule::{read_budget, read_each_rule};

/// The most rewards of one program.
const MOST_REWARDS: usize = 1_000;
/// The longest time of an applied coupon on a cart: 30 days, in minutes.
const MOST_APPLY_MINUTES: u32 = 43_200;

/// The longest retention of idle visitors: ten years, in days.
const MOST_VISITOR_DAYS: u32 = 3_650;

/// Reads and checks a whole program; see [`super::SubmittedProgram::read`].
pub(super) fn read_document(value: &Value) -> Result<Program, Vec<Fault>> {
    // Checks across parts know pointers, not nodes: their faults are collected apart.
    let between = Faults::default();
    let read = input::read(value, |node| read_all(node, &between));
    let between = between.into_vec();
    match read {
        Ok(program) if between.is_empty() => Ok(program),
        Ok(_) => Err(between),
        Err(within) => Err(within.into_iter().chain(between).take(input::MOST_FAULTS).collect()),
    }
}

fn read_all(node: &Node<'_>, between: &Faults) -> Option<Program> {
    let object = node.object()?;
    object.read_only(&["id", "version", "updated_at"]);
    let name = object.required("name", |name| name.filled(200));
    let currency = object.required("currency", read_currency);
    let timezone = object.required("timezone", read_zone);
    let locale = object.or("locale", "en".to_owned(), read_locale);
    // Without a currency, amounts are read in one with the most decimals, so that only amounts that are wrong in every
    // currency are faults.
    let counting = currency.or_else(|| Currency::from_code("CLF"))?;
    let points = object.or("points", points::default(), points::read_points);
    let tiers = object.optional("tiers", |tiers| tiers::read_tiers(tiers, between));
    let rewards =
        object.or("rewards", Vec::new(), |list| list.list(MOST_REWARDS, |reward| Some(read_reward(reward, counting))));
    let rules = object.or("rules", Vec::new(), |list| read_each_rule(list, counting));
    let coupons = object.or("coupons", CouponPolicy::default(), read_coupons);
    let members = object.or("members", MembersPolicy::default(), read_members);
    let storefront = object.or("storefront", Storefront::default(), storefront::read_storefront);
    let identity = object.or("identity", IdentityPolicy::default(), read_identity);
    let publishing = object.or("publishing", PublishingPolicy::default(), read_publishing);
    let budget = object.optional("budget", read_budget);
    let referral = object.optional("referral", |referral| referral::read_referral(referral, counting));
    object.finish();

    let parts = ProgramParts {
        document: node.value,
        zone: timezone.as_ref().map(|(_, zone)| zone),
        points: points.as_ref(),
        rewards: rewards.as_deref().unwrap_or_default(),
        rules: rules.as_deref().unwrap_or_default(),
        referral: referral.as_ref().and_then(Option::as_ref),
    };
    check_program(&parts, between);
    unsupported::check(&parts, between);

    Some(Program {
        name: name?,
        currency: currency?,
        timezone: timezone?.0,
        locale: locale?,
        points: points?,
        tiers: tiers?,
        rewards: rewards?.into_iter().collect::<Option<_>>()?,
        rules: rules?.into_iter().map(|rule| rule.map(Arc::new)).collect::<Option<_>>()?,
        referral: referral?,
        coupons: coupons?,
        members: members?,
        storefront: storefront?,
        identity: identity?,
        publishing: publishing?,
        budget: budget?,
    })
}

fn read_currency(node: &Node<'_>) -> Option<Currency> {
    node.parsed(|code| Currency::from_code(code).ok_or("must be a currency of ISO 4217, such as \"EUR\""))
}

fn read_zone(node: &Node<'_>) -> Option<(String, TimeZone)> {
    node.parsed(|name| match TimeZone::get(name) {
        Ok(zone) if !zone.is_unknown() => Ok((name.to_owned(), zone)),
        _ => Err("must be a time zone of the IANA database, such as \"Europe/Rome\""),
    })
}

fn read_locale(node: &Node<'_>) -> Option<String> {
    node.parsed(|tag| {
        is_language_tag(tag).then(|| tag.to_owned()).ok_or("must be a language tag, such as \"it\" or \"pt-BR\"")
    })
}

fn read_coupons(node: &Node<'_>) -> Option<CouponPolicy> {
    let object = node.object()?;
    let default = CouponPolicy::default();
    let apply_minutes =
        object.or("apply_minutes", default.apply_minutes, |minutes| minutes.count(1, MOST_APPLY_MINUTES));
    let warn_days = object.or("warn_days", default.warn_days, readers::warn_days);
    object.finish();
    Some(CouponPolicy { apply_minutes: apply_minutes?, warn_days: warn_days? })
}

fn read_members(node: &Node<'_>) -> Option<MembersPolicy> {
    let object = node.object()?;
    let visitor_days = object.optional("visitor_days", |days| days.count(1, MOST_VISITOR_DAYS));
    object.finish();
    Some(MembersPolicy { visitor_days: visitor_days? })
}

fn read_identity(node: &Node<'_>) -> Option<IdentityPolicy> {
    let object = node.object()?;
    let default = IdentityPolicy::default().verified;
    let verified = object.or("verified", default, IdentifierKind::read_set);
    let ean_prefix = object.optional("ean_prefix", |prefix| {
        let digits = prefix.text(3)?;
        if is_for_stores(&digits) {
            Some(digits)
        } else {
            prefix.refuse("must be 020 to 029, 040 to 049 or 200 to 299")
        }
    });
    object.finish();
    Some(IdentityPolicy { verified: verified?, ean_prefix: ean_prefix? })
}

/// True for the first digits of EAN-13 codes that GS1 leaves to stores.
fn is_for_stores(digits: &str) -> bool {
    matches!(digits.as_bytes(), [b'0', b'2' | b'4', b'0'..=b'9'] | [b'2', b'0'..=b'9', b'0'..=b'9'])
}

fn read_publishing(node: &Node<'_>) -> Option<PublishingPolicy> {
    let object = node.object()?;
    let two_person = object.or("two_person", false, Node::boolean);
    object.finish();
    Some(PublishingPolicy { two_person: two_person? })
}
