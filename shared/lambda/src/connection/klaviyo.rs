//! The names that Klaviyo sees.

/// What the names of profile properties begin with unless the settings say otherwise.
pub const USUAL_PREFIX: &str = "Loyalty ";
/// The usual names of the profile properties, without prefix.
pub const PROFILE_PROPERTIES: [&str; 13] = [
    "State",
    "Points Balance",
    "Points Expire At",
    "Tier Name",
    "Tier ID",
    "Points To Next Tier",
    "Next Reward",
    "Points To Next Reward",
    "Coupons Available",
    "Referral URL",
    "Referral Code",
    "Referrals Completed",
    "Referral Clicks",
];
/// The usual names of the metrics.
pub const METRICS: [&str; 15] = [
    "Points Earned",
    "Points Redeemed",
    "Points Expiring",
    "Reward Issued",
    "Reward Expiring",
    "Birthday Reward Issued",
    "Tier Achieved",
    "Tier Lost",
    "Referral Shared",
    "Referral Started",
    "Referral Progress",
    "Referral Reminder",
    "Referral Completed",
    "Coupon Used",
    "Coupon Assigned",
];
/// The names of the properties of metrics. A metric has those that its event knows.
pub const EVENT_PROPERTIES: [&str; 18] = [
    "Event",
    "Points",
    "Qualifying Points",
    "Balance",
    "Previous Tier",
    "Tier",
    "Receipt",
    "Rule",
    "Reward",
    "Referral",
    "Friends",
    "Channel",
    "Code",
    "Coupon ID",
    "Unique Code",
    "Expiration",
    "Expires On",
    "Test",
];
