//! The view of a member's tier: its name, the next one, and what keeps this one.

use serde::Serialize;

use crate::account::{Account, HeldTier, window_sum};
use crate::ids::TierId;
use crate::points::Points;
use crate::program::{CompiledProgram, Downgrade, TierWindow, Tiers};
use crate::text::Text;
use crate::time::Day;

/// A member's tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TierView {
    /// The tier.
    pub id: TierId,
    /// The first day.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    #[serde(serialize_with = "super::member::date")]
    pub since: Day,
    /// The last day on which it is held without requalifying; null: no end.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Date))]
    #[serde(serialize_with = "super::member::optional_date")]
    pub until: Option<Day>,
    /// Its name.
    pub name: String,
    /// The address of its icon.
    pub icon_url: Option<String>,
    /// The benefits of its members.
    pub benefits: Vec<String>,
    /// The next step of the ladder; null on the highest one and outside the ladder.
    pub next: Option<NextTier>,
    /// The condition to keep it; null when there is none.
    pub keep: Option<KeepTier>,
}

/// The next step of the ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NextTier {
    /// The tier.
    pub id: TierId,
    /// Its name.
    pub name: String,
    /// The missing qualifying points.
    pub missing: Points,
}

/// The condition to keep a tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeepTier {
    /// The missing qualifying points.
    pub missing: Points,
    /// The last day to earn them.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Date))]
    #[serde(serialize_with = "super::member::date")]
    pub by: Day,
}

/// The tier of an account settled to `today`; `None` without tiers.
pub(super) fn tier(program: &CompiledProgram, account: &Account, today: Day, language: &str) -> Option<TierView> {
    let tiers = program.program.tiers.as_ref()?;
    let texts = |texts: &[Text]| texts.iter().map(|text| text.in_locale(language).to_owned()).collect();
    if let Some((id, since)) = &account.tier.vip
        && let Some(vip) = tiers.vip.iter().find(|vip| vip.id == *id)
    {
        return Some(TierView {
            id: id.clone(),
            since: *since,
            until: None,
            name: vip.name.in_locale(language).to_owned(),
            icon_url: vip.icon_url.clone(),
            benefits: texts(&vip.benefits),
            next: None,
            keep: None,
        });
    }
    let held = account.tier.held.as_ref()?;
    let rank = tiers.rank(&held.tier)?;
    let step = tiers.ladder.get(rank)?;
    Some(TierView {
        id: held.tier.clone(),
        since: held.since,
        until: held.until,
        name: step.name.in_locale(language).to_owned(),
        icon_url: step.icon_url.clone(),
        benefits: texts(&step.benefits),
        next: tiers.ladder.get(rank + 1).map(|next| NextTier {
            id: next.id.clone(),
            name: next.name.in_locale(language).to_owned(),
            missing: lacking(next.threshold, window_sum(tiers.window, &account.qualifying, today)),
        }),
        keep: keep(tiers, account, held, step.threshold, today),
    })
}

/// The condition to keep a tier beyond the day until which it is held.
///
/// Its threshold must be reached within that day's year; in grace, within that year and the new one together.
fn keep(tiers: &Tiers, account: &Account, held: &HeldTier, threshold: Points, today: Day) -> Option<KeepTier> {
    let until = held.until?;
    if tiers.downgrade == Downgrade::None {
        return None;
    }
    let in_year_of = |day: Day| window_sum(TierWindow::CalendarYear, &account.qualifying, day);
    let (earned, by) = if today > until {
        (in_year_of(until).plus(in_year_of(today)), until.plus_days(tiers.grace_days))
    } else {
        (in_year_of(until), until)
    };
    let missing = lacking(threshold, earned);
    missing.is_positive().then_some(KeepTier { missing, by })
}

fn lacking(threshold: Points, earned: Points) -> Points {
    threshold.minus(earned).max(Points::ZERO)
}
