//! Notices: messages to a program or a member that no ledger entry carries.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{CouponCode, MemberId, RewardId, RuleId};
use crate::points::Points;
use crate::time::Day;

/// How long notices are kept.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// When its cause fell due or happened.
    #[serde(rename = "t", with = "jiff::fmt::serde::timestamp::millisecond::required")]
    pub at: Timestamp,
    /// What it says.
    #[serde(rename = "c")]
    pub content: NoticeContent,
}

/// What a notice says. The same content at the same time is the same notice, however often it is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NoticeContent {
    /// Points of a member expire soon.
    PointsExpiring {
        /// The member.
        member: MemberId,
        /// The last day on which they can be spent.
        on: Day,
        /// How many.
        points: Points,
    },
    /// A coupon of a member expires soon.
    CouponExpiring {
        /// The member.
        member: MemberId,
        /// The coupon.
        code: CouponCode,
        /// Its reward.
        reward: RewardId,
        /// The last day on which it can be used.
        on: Day,
    },
    /// Few units or codes of a reward are left.
    LowStock {
        /// The reward.
        reward: RewardId,
        /// How many are left.
        left: u32,
    },
    /// A budget is used up.
    Budget {
        /// The rule; `None` for the programme's own.
        rule: Option<RuleId>,
        /// The first day of its period; `None` for one that has no end.
        period: Option<Day>,
        /// Its points.
        points: Points,
    },
    /// A member has asked a shop for the data held on them.
    DataRequest {
        /// The member.
        member: MemberId,
        /// The connection to the shop.
        connection: String,
        /// The shop's own name of the request.
        request: String,
    },
    /// A shop has left: its connection is disabled, and its credentials are deleted.
    ShopLeft {
        /// The connection to the shop.
        connection: String,
    },
}

impl NoticeContent {
    /// The names of all types.
    pub const TYPES: [&'static str; 6] =
        ["points_expiring", "coupon_expiring", "low_stock", "budget", "data_request", "shop_left"];

    /// The type, as `?type` and events name it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PointsExpiring { .. } => "points_expiring",
            Self::CouponExpiring { .. } => "coupon_expiring",
            Self::LowStock { .. } => "low_stock",
            Self::Budget { .. } => "budget",
            Self::DataRequest { .. } => "data_request",
            Self::ShopLeft { .. } => "shop_left",
        }
    }

    /// The member that it concerns, if it concerns one.
    pub const fn member(&self) -> Option<&MemberId> {
        match self {
            Self::PointsExpiring { member, .. }
            | Self::CouponExpiring { member, .. }
            | Self::DataRequest { member, .. } => Some(member),
            Self::LowStock { .. } | Self::Budget { .. } | Self::ShopLeft { .. } => None,
        }
    }

    /// What distinguishes it from other notices of its time.
    pub fn natural_key(&self) -> String {
        let name = self.name();
        match self {
            Self::PointsExpiring { member, on, .. } => format!("{name}/{member}/{on}"),
            Self::CouponExpiring { member, code, .. } => format!("{name}/{member}/{code}"),
            Self::LowStock { reward, .. } => format!("{name}/{reward}"),
            Self::Budget { rule, period, .. } => {
                let rule = rule.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{name}/{rule}/{}", period.map(|day| day.to_string()).unwrap_or_default())
            }
            Self::DataRequest { connection, request, .. } => format!("{name}/{connection}/{request}"),
            Self::ShopLeft { connection } => format!("{name}/{connection}"),
        }
    }
}

/// A notice as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NoticeView {
    /// Its identifier, which its event has too.
    pub id: String,
    /// When its cause fell due or happened.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub at: Timestamp,
    /// `points_expiring`, `coupon_expiring`, `low_stock`, `budget`, `data_request` or `shop_left`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// The points that expire, or those of the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// The last day on which the points or the coupon can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// The coupon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coupon: Option<CouponCode>,
    /// The reward.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reward: Option<RewardId>,
    /// The units or codes that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
    /// The rule whose budget it is; absent for the programme's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The first day of the budget's period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The connection to the shop that asked, or that has left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Where the data that was asked for is returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub export: Option<String>,
}

impl NoticeView {
    /// A notice with its identifier.
    pub fn new(id: String, notice: &Notice) -> Self {
        let blank = Self {
            id,
            at: notice.at,
            kind: notice.content.name(),
            member: notice.content.member().cloned(),
            points: None,
            on: None,
            coupon: None,
            reward: None,
            left: None,
            rule: None,
            period: None,
            connection: None,
            export: None,
        };
        match notice.content.clone() {
            NoticeContent::PointsExpiring { on, points, .. } => {
                Self { on: Some(on.to_string()), points: Some(points), ..blank }
            }
            NoticeContent::CouponExpiring { code, reward, on, .. } => {
                Self { coupon: Some(code), reward: Some(reward), on: Some(on.to_string()), ..blank }
            }
            NoticeContent::LowStock { reward, left } => Self { reward: Some(reward), left: Some(left), ..blank },
            NoticeContent::Budget { rule, period, points } => {
                Self { rule, period: period.map(|day| day.to_string()), points: Some(points), ..blank }
            }
            NoticeContent::DataRequest { member, connection, .. } => {
                let export = format!("/v1/members/{member}/export");
                Self { connection: Some(connection), export: Some(export), ..blank }
            }
            NoticeContent::ShopLeft { connection } => Self { connection: Some(connection), ..blank },
        }
    }
}
