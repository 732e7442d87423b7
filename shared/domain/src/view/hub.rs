//! The storefront view: everything on a shopper's page, in one response.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::coupon::CouponView;
use super::member::{PointsView, points, today};
use super::points_name::points_forms;
use super::reward::{Catalogue, NextReward, Progress, RewardView, catalogue};
use super::tier::{TierView, tier};
use super::way::{Missing, WayProgress};
use crate::account::{Account, Status};
use crate::coupon::{Coupon, CouponStatus};
use crate::ids::{RewardId, RuleId};
use crate::member::Profile;
use crate::money::Currency;
use crate::points::Points;
use crate::program::{CompiledProgram, Storefront};
use crate::rule::{CompiledRule, Effect, EffectKind, Rate, RuleStatus};
use crate::time::Day;

/// The state of the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HubState {
    /// Not signed in.
    Anonymous,
    /// Excluded from the program.
    Excluded,
    /// Known, but not enrolled.
    Visitor,
    /// Enrolled.
    Member,
}

/// The next step for the shopper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Sign in to the shop.
    SignIn,
    /// Join the program.
    Join,
    /// Earn the first points.
    StartEarning,
}

/// The storefront view.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HubView {
    /// The state of the shopper.
    pub state: HubState,
    /// The next step for the shopper.
    pub prompt: Option<Prompt>,
    /// The program.
    pub program: HubProgram,
    /// The shopper's points; null when unknown or excluded.
    pub points: Option<PointsView>,
    /// The shopper's tier; null without tiers, and when unknown or excluded.
    pub tier: Option<TierView>,
    /// The most expensive reward that the shopper can afford.
    pub best_reward: Option<RewardView>,
    /// The cheapest reward that the shopper cannot afford yet.
    pub next_reward: Option<NextReward>,
    /// The progress to the next reward, 0 to 1; 1 when none is left, null for those who are not members.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<f64>))]
    pub progress: Option<Progress>,
    /// The rewards on offer.
    pub rewards: Vec<RewardView>,
    /// The shopper's coupons; null when unknown.
    pub coupons: Option<Coupons>,
    /// The shopper's referral code; null while the program has no referrals.
    pub referral: Option<ReferralView>,
    /// The ways to earn.
    pub ways_to_earn: Vec<WayView>,
}

/// The program, as the storefront shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HubProgram {
    /// Its name.
    pub name: String,
    /// The name of its points in the response's language, by plural category.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub points_name: Value,
    /// The language of the response.
    pub locale: String,
    /// The currency of its amounts (ISO 4217).
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub currency: Currency,
    /// Its looks.
    pub theme: Theme,
}

/// The looks of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Theme {
    /// Its colour for primary actions: `#rrggbb`.
    pub accent: Option<String>,
    /// The address of its logo.
    pub logo_url: Option<String>,
}

impl Theme {
    /// The looks that a program sets.
    pub fn of(storefront: &Storefront) -> Self {
        Self { accent: storefront.accent().map(str::to_owned), logo_url: storefront.logo_url.clone() }
    }
}

/// The open coupons of a shopper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Coupons {
    /// The number of coupons in the wallet.
    pub available: usize,
    /// The newest coupons that are reserved, available or applied, at most ten.
    pub items: Vec<CouponView>,
}

/// A member's referral code and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReferralView {
    /// The code.
    pub code: String,
    /// The link, which counts the click and redirects to the shop.
    pub url: String,
    /// The number of clicks.
    pub clicks: u64,
    /// The number of friends who qualified, whether or not the hold is over.
    pub qualified: u64,
}

/// A way to earn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WayView {
    /// The rule.
    pub rule: RuleId,
    /// Its title.
    pub title: String,
    /// What the shopper has to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The address of its icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon_url: Option<String>,
    /// The address where the shopper can do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_url: Option<String>,
    /// The redeemable points of each firing, if they are a fixed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// What is missing to the next firing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// True when this member cannot earn more with it now.
    pub completed: bool,
    /// When it was completed, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub completed_at: Option<Timestamp>,
}

/// A known shopper.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// The profile; `None` when only a token is known.
    pub profile: Option<&'a Profile>,
    /// The stored account.
    pub account: &'a Account,
    /// The coupons, newest first.
    pub coupons: &'a [Coupon],
}

impl HubView {
    /// The storefront view at a moment; without a known shopper, the anonymous view.
    ///
    /// `sold_out` lists the rewards without stock.
    pub fn new(
        program: &CompiledProgram,
        visitor: Option<&Visitor<'_>>,
        sold_out: &BTreeSet<RewardId>,
        now: Timestamp,
        language: &str,
    ) -> Self {
        hub(program, visitor, sold_out, now, language)
    }
}

fn hub(
    program: &CompiledProgram,
    visitor: Option<&Visitor<'_>>,
    sold_out: &BTreeSet<RewardId>,
    now: Timestamp,
    language: &str,
) -> HubView {
    let named = HubProgram {
        name: program.program.name.clone(),
        points_name: points_forms(&program.program, language).1.clone(),
        locale: language.to_owned(),
        currency: program.program.currency,
        theme: Theme::of(&program.program.storefront),
    };
    let Some(visitor) = visitor else {
        return anonymous(program, named, sold_out, now, language);
    };
    let account = visitor.account.settled_at(program, now);
    let today = today(program, &account, now);
    let coupons = Some(wallet(program, visitor, now, language));
    let state = match account.status {
        Status::Excluded => return excluded(named, coupons),
        Status::Visitor | Status::Pending => HubState::Visitor,
        Status::Member => HubState::Member,
    };
    let numbers = points(program, &account, today);
    let prompt = match state {
        HubState::Visitor => Some(Prompt::Join),
        // Pending and reserved points count for nothing here, as in the bar beside it.
        HubState::Member if !numbers.available.is_positive() => Some(Prompt::StartEarning),
        _ => None,
    };
    let Catalogue { rewards, best, next, progress } = catalogue(program, Some(&account), sold_out, now, language);
    HubView {
        state,
        prompt,
        program: named,
        points: Some(numbers),
        tier: tier(program, &account, today, language),
        best_reward: best,
        next_reward: next,
        // A visitor has no progress before enrolling.
        progress: (state == HubState::Member).then_some(progress),
        rewards,
        coupons,
        referral: None,
        ways_to_earn: ways(program, Some((&account, today)), now, language),
    }
}

fn anonymous(
    program: &CompiledProgram,
    named: HubProgram,
    sold_out: &BTreeSet<RewardId>,
    now: Timestamp,
    language: &str,
) -> HubView {
    HubView {
        state: HubState::Anonymous,
        prompt: Some(Prompt::SignIn),
        program: named,
        points: None,
        tier: None,
        best_reward: None,
        next_reward: None,
        progress: None,
        rewards: catalogue(program, None, sold_out, now, language).rewards,
        coupons: None,
        referral: None,
        ways_to_earn: ways(program, None, now, language),
    }
}

fn excluded(named: HubProgram, coupons: Option<Coupons>) -> HubView {
    HubView {
        state: HubState::Excluded,
        prompt: None,
        program: named,
        points: None,
        tier: None,
        best_reward: None,
        next_reward: None,
        progress: None,
        rewards: Vec::new(),
        coupons,
        referral: None,
        ways_to_earn: Vec::new(),
    }
}

/// The most coupons that the view lists.
const MOST_COUPONS: usize = 10;

fn wallet(program: &CompiledProgram, visitor: &Visitor<'_>, now: Timestamp, language: &str) -> Coupons {
    let view = |coupon: &Coupon| CouponView::new(program, coupon, visitor.profile, now).named(program, language);
    let open = visitor.coupons.iter().map(view).filter(|coupon| {
        matches!(coupon.status, CouponStatus::Reserved | CouponStatus::Available | CouponStatus::Applied)
    });
    let mut items: Vec<CouponView> = open.collect();
    let available = items.iter().filter(|coupon| coupon.status == CouponStatus::Available).count();
    items.truncate(MOST_COUPONS);
    Coupons { available, items }
}

/// The visible rules in force; for a known shopper, those of the tier.
fn ways(program: &CompiledProgram, known: Option<(&Account, Day)>, now: Timestamp, language: &str) -> Vec<WayView> {
    let shown = program.program.rules.iter().filter_map(|rule| {
        let way = rule.storefront.as_ref().filter(|way| way.visible)?;
        let works = |compiled: &&CompiledRule| rule.status == RuleStatus::Active && compiled.covers(now);
        let compiled = program.rules.get(&rule.id).filter(works)?;
        let in_scope = known.is_none_or(|(account, _)| {
            let tier = account.tier.current();
            rule.tiers.as_ref().is_none_or(|tiers| tier.is_some_and(|tier| tiers.contains(tier)))
        });
        if !in_scope {
            return None;
        }
        let progress = match known {
            Some((account, day)) => WayProgress::of(program, compiled, account, day, now)?,
            None => WayProgress::default(),
        };
        let text = |text: &crate::text::Text| text.in_locale(language).to_owned();
        Some(WayView {
            rule: rule.id.clone(),
            title: way.title.as_ref().map_or_else(|| rule.name.clone(), text),
            description: way.description.as_ref().map(text),
            icon_url: way.icon_url.clone(),
            action_url: way.action_url.clone(),
            points: fixed_points(&rule.then),
            missing: progress.missing,
            completed: progress.completed,
            completed_at: progress.completed_at,
        })
    });
    shown.collect()
}

/// The redeemable points of a firing; `None` when they depend on an amount, or there are none.
fn fixed_points(effects: &[Effect]) -> Option<Points> {
    let mut sum = Points::ZERO;
    for effect in effects {
        match effect {
            Effect::Credit(amount) if amount.kind == EffectKind::Qualifying => {}
            Effect::Credit(amount) => match amount.rate {
                Rate::Points(points) => sum = sum.plus(points),
                Rate::PerUnit(_) => return None,
            },
            _ => {}
        }
    }
    sum.is_positive().then_some(sum)
}
