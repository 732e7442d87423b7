//! Reading tiers.

use crate::ids::TierId;
use crate::input::{Faults, Node};
use crate::points::Points;
use crate::program::{Downgrade, Tier, TierWindow, Tiers, VipTier};
use crate::readers;
use crate::text::Text;

/// The most steps of the ladder, and the most tiers outside it.
const MOST_TIERS: usize = 20;
/// The most benefits of one tier.
const MOST_BENEFITS: usize = 50;
/// The longest grace, in days.
const MOST_GRACE_DAYS: u32 = 365;
/// The longest rolling window, in months.
const MOST_WINDOW_MONTHS: u32 = 60;

/// Reads the tiers of a program; what is wrong between the steps of the ladder goes to `between`.
pub(super) fn read_tiers(node: &Node<'_>, between: &Faults) -> Option<Tiers> {
    let object = node.object()?;
    let ladder = object.required("ladder", |ladder| {
        let steps = ladder.list(MOST_TIERS, |tier| Some(read_tier(tier)))?;
        if steps.is_empty() {
            return ladder.refuse("must have at least one tier");
        }
        check_thresholds(&steps, &ladder.pointer(), between);
        steps.into_iter().collect::<Option<Vec<Tier>>>()
    });
    let vip = object.or("vip", Vec::new(), |vip| vip.list(MOST_TIERS, read_vip_tier));
    let window = object.or("window", TierWindow::CalendarYear, read_window);
    let downgrade = object.or("downgrade", Downgrade::OneDown, |downgrade| {
        downgrade.choice(&[("none", Downgrade::None), ("one_down", Downgrade::OneDown), ("full", Downgrade::Full)])
    });
    let grace_days = object.or("grace_days", 0, |days| days.count(0, MOST_GRACE_DAYS));
    object.finish();
    Some(Tiers { ladder: ladder?, vip: vip?, window: window?, downgrade: downgrade?, grace_days: grace_days? })
}

/// The ladder begins at 0 and every step is higher than the one before.
fn check_thresholds(steps: &[Option<Tier>], pointer: &str, between: &Faults) {
    let mut below: Option<Points> = None;
    for (place, step) in steps.iter().enumerate() {
        let Some(step) = step else { continue };
        let pointer = format!("{pointer}/{place}/threshold");
        if place == 0 && !step.threshold.is_zero() {
            between.add(pointer, "must be 0: everybody stands on the lowest tier");
        } else if below.is_some_and(|below| step.threshold <= below) {
            between.add(pointer, "must be above the threshold of the tier below");
        }
        below = Some(step.threshold);
    }
}

/// Reads a step of the ladder.
pub fn read_tier(node: &Node<'_>) -> Option<Tier> {
    let object = node.object()?;
    object.read_only(&["version", "updated_at"]);
    let id = object.required("id", Node::id::<TierId>);
    let name = object.required("name", readers::name);
    let threshold = object.required("threshold", |node| node.integer(0, Points::MAX.get()).map(Points::new));
    let icon_url = object.optional("icon_url", readers::url);
    let benefits = object.or("benefits", Vec::new(), read_benefits);
    object.finish();
    Some(Tier { id: id?, name: name?, threshold: threshold?, icon_url: icon_url?, benefits: benefits? })
}

fn read_vip_tier(node: &Node<'_>) -> Option<VipTier> {
    let object = node.object()?;
    object.read_only(&["version", "updated_at"]);
    let id = object.required("id", Node::id::<TierId>);
    let name = object.required("name", readers::name);
    let icon_url = object.optional("icon_url", readers::url);
    let benefits = object.or("benefits", Vec::new(), read_benefits);
    object.finish();
    Some(VipTier { id: id?, name: name?, icon_url: icon_url?, benefits: benefits? })
}

fn read_benefits(node: &Node<'_>) -> Option<Vec<Text>> {
    node.list(MOST_BENEFITS, Text::read)
}

/// A word, or `{"rolling_months": 12}`.
fn read_window(node: &Node<'_>) -> Option<TierWindow> {
    if node.value.is_object() {
        let object = node.object()?;
        let months = object.required("rolling_months", |months| months.count(1, MOST_WINDOW_MONTHS));
        object.finish();
        return months.map(TierWindow::RollingMonths);
    }
    match node.value.as_str() {
        Some("calendar_year") => Some(TierWindow::CalendarYear),
        Some("lifetime") => Some(TierWindow::Lifetime),
        _ => node.refuse("must be calendar_year, lifetime or an object with rolling_months"),
    }
}
