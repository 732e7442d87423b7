//! What is sent: described beside readers that are written by hand, because those name every fault of a body in one
//! answer, which derived ones do not.

#![allow(dead_code, reason = "described, never made")]

use std::collections::BTreeMap;

use serde_json::Value;
use tessera_domain::member::IdentifierKind;
use tessera_domain::rule::EffectKind;
use utoipa::ToSchema;

/// Who is meant. The id decides; without one, the first of card, email, phone that is somebody's key.
#[derive(ToSchema)]
pub struct MemberReference {
    /// The shop's own id.
    id: Option<String>,
    /// The number of the loyalty card.
    card: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The phone number, with its country.
    phone: Option<String>,
    /// The kinds of identifiers that the sender has proven to be this person's; absent: the program's default.
    verified: Option<Vec<IdentifierKind>>,
}

/// Someone to enrol. At least one of id, card, email, phone.
#[derive(ToSchema)]
pub struct Enrollment {
    /// As what they are to be known: enrolled, or a contact that has not enrolled.
    status: Option<EnrollmentStatus>,
    /// The shop's own id.
    id: Option<String>,
    /// The number of the loyalty card.
    card: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The phone number, with its country.
    phone: Option<String>,
    /// The kinds of identifiers that the sender has proven to be this person's; absent: the program's default.
    verified: Option<Vec<IdentifierKind>>,
    /// The first name.
    first_name: Option<String>,
    /// The last name.
    last_name: Option<String>,
    /// The birthday, `1990-02-28` or without the year `--02-28`.
    birth_date: Option<String>,
    /// The language, `it` or `it-IT`.
    locale: Option<String>,
    /// Attributes by name: a text, a number, true or false, or a list of texts.
    attributes: Option<BTreeMap<String, Value>>,
    /// The lists that they are on.
    lists: Option<Vec<String>>,
    /// Their tags.
    tags: Option<Vec<String>>,
    /// The referral code that they came with.
    referral_code: Option<String>,
    /// The click on a referral link that they came with.
    click: Option<String>,
    /// What they agreed to: true, false or a time, by name.
    consent: Option<BTreeMap<String, Value>>,
}

/// As what someone is to be known.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum EnrollmentStatus {
    /// Enrolled.
    Member,
    /// Known, not enrolled.
    Visitor,
    /// Invited.
    Pending,
}

/// What is to change of a profile: fields that are not named stay, null empties them.
#[derive(ToSchema)]
pub struct ProfilePatch {
    /// The shop's own id; it can be changed, not taken away. The old one stays an alias.
    #[schema(nullable = false)]
    id: Option<String>,
    /// The number of the loyalty card.
    card: Option<String>,
    /// The e-mail address.
    email: Option<String>,
    /// The phone number, with its country.
    phone: Option<String>,
    /// The kinds of identifiers that the sender has proven to be this person's; absent: the program's default.
    verified: Option<Vec<IdentifierKind>>,
    /// The first name.
    first_name: Option<String>,
    /// The last name.
    last_name: Option<String>,
    /// The birthday, `1990-02-28` or without the year `--02-28`.
    birth_date: Option<String>,
    /// The language, `it` or `it-IT`.
    locale: Option<String>,
    /// Attributes by name; null deletes one, those not named stay.
    attributes: Option<BTreeMap<String, Value>>,
    /// The lists, replaced.
    lists: Option<Vec<String>>,
    /// The tags, replaced.
    tags: Option<Vec<String>>,
    /// Consents by name; null deletes one, those not named stay.
    consent: Option<BTreeMap<String, Value>>,
}

/// A receipt. With lines, the sum of their amounts less the discount is the total.
#[derive(ToSchema)]
pub struct Receipt {
    /// As the shop numbered it: the same receipt can be sent any number of times.
    id: String,
    /// When it was made, with offset.
    #[schema(format = DateTime)]
    occurred_at: String,
    /// Whose it is; null stores it without a member, until someone claims it.
    #[schema(required)]
    member: Option<MemberReference>,
    /// The store.
    store: Option<String>,
    /// The channel.
    channel: Option<String>,
    /// The currency (ISO 4217).
    currency: String,
    /// Units of the program's currency for one of the receipt's, where they differ.
    fx_rate: Option<String>,
    /// What the customer paid for goods: net of discounts, without shipping.
    total: String,
    /// The discount on the whole order, already taken off the total.
    discount: Option<String>,
    /// The lines, at most 1,000.
    lines: Option<Vec<ReceiptLine>>,
    /// The codes of coupons that were used.
    coupons: Option<Vec<String>>,
    /// The referral code that was used.
    referral_code: Option<String>,
}

/// Something that a member did: a named event, an opened e-mail, a followed link.
#[derive(ToSchema)]
pub struct Interaction {
    /// As the sender numbered it: the same interaction can be sent any number of times.
    id: String,
    /// When it happened, with offset.
    #[schema(format = DateTime)]
    occurred_at: String,
    /// Who did it; someone unknown becomes a visitor.
    member: MemberReference,
    /// What it is called. `email_opened` and `email_clicked` are the e-mails' own.
    name: String,
    /// What is known of it by name: a text, a number, true or false, or a list of texts. An e-mail needs `message` and
    /// may have `campaign_category`, `device`, `link`, `link_category` and `machine_open`.
    properties: Option<BTreeMap<String, Value>>,
}

/// A line of a receipt.
#[derive(ToSchema)]
pub struct ReceiptLine {
    /// What refunds name it by.
    id: Option<String>,
    /// The SKU.
    sku: Option<String>,
    /// The product's name.
    product: Option<String>,
    /// The category, or several.
    category: Option<OneOrMany>,
    /// The brand.
    brand: Option<String>,
    /// How many items, or how much of one that is weighed.
    quantity: Option<String>,
    /// What the line costs.
    amount: String,
    /// Attributes by name: one value, or several.
    attributes: Option<BTreeMap<String, OneOrMany>>,
}

/// A text or a list of texts.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A refund of a receipt: either of some lines or of an amount.
#[derive(ToSchema)]
pub struct Refund {
    /// As the shop numbered it, unique within the receipt.
    id: String,
    /// When it was made, with offset.
    #[schema(format = DateTime)]
    occurred_at: String,
    /// The lines that came back.
    #[schema(nullable = false)]
    lines: Option<Vec<RefundLine>>,
    /// The net amount that was given back.
    #[schema(nullable = false)]
    amount: Option<String>,
}

/// A line that came back.
#[derive(ToSchema)]
pub struct RefundLine {
    /// The line's id on the receipt.
    line: String,
    /// How many items came back; absent: none until the line's whole amount is back.
    quantity: Option<String>,
    /// How much of the line's own amount is given back.
    amount: String,
}

/// Whose a receipt is that was stored without a member.
#[derive(ToSchema)]
pub struct Claim {
    /// The member.
    member: MemberReference,
}

/// A change by hand: at most one of award, deduct and `set_balance`; at least one of these, reward and vip.
#[derive(ToSchema)]
pub struct Adjustment {
    /// So many points are given.
    award: Option<u64>,
    /// So many points are taken.
    deduct: Option<u64>,
    /// There shall be so many points; needs `expected_version`.
    set_balance: Option<u64>,
    /// Of which kind; redeemable when absent.
    kind: Option<EffectKind>,
    /// Why.
    reason: String,
    /// The version of the member that was seen.
    expected_version: Option<u64>,
    /// A reward to give.
    reward: Option<String>,
    /// The tier outside the ladder to give; null takes it away.
    vip: Option<String>,
}

/// A reward to redeem.
#[derive(ToSchema)]
pub struct Redemption {
    /// The reward.
    reward: String,
    /// Only set the points aside, until the coupon is committed, cancelled or lapses.
    reserve: Option<bool>,
    /// For how many minutes they are set aside; 30 when absent.
    reserve_minutes: Option<u32>,
    /// Put the coupon on the cart at once.
    apply: Option<bool>,
}

/// A basket that a coupon is tried on.
#[derive(ToSchema)]
pub struct Basket {
    /// What the customer would pay for goods.
    total: String,
    /// What is in it; needed for coupons that work on some SKUs only.
    lines: Option<Vec<ReceiptLine>>,
}

/// Where a coupon was used.
#[derive(ToSchema)]
pub struct CouponUse {
    /// The receipt.
    receipt: Option<String>,
}

/// An API key to make.
#[derive(ToSchema)]
pub struct ApiKeyWish {
    /// Its name: the actor in the audit.
    name: String,
    /// What it may do.
    scopes: Vec<Scope>,
    /// The identifiers that it may state as verified; absent: no bound.
    verifies: Option<Vec<IdentifierKind>>,
    /// Its own limit of requests per minute.
    #[schema(minimum = 1, maximum = 60000)]
    per_minute: Option<u32>,
}

/// How to rotate the storefront secret.
#[derive(ToSchema)]
pub struct Rotation {
    /// Ends the old secrets at once.
    #[schema(nullable = false)]
    revoke_previous: Option<bool>,
}

/// What an API key may do.
#[derive(ToSchema)]
pub enum Scope {
    /// Send receipts and refunds.
    #[schema(rename = "receipts:write")]
    ReceiptsWrite,
    /// Send interactions.
    #[schema(rename = "interactions:write")]
    InteractionsWrite,
    /// Send referrals.
    #[schema(rename = "referrals:write")]
    ReferralsWrite,
    /// Read members.
    #[schema(rename = "members:read")]
    MembersRead,
    /// Enrol and change members.
    #[schema(rename = "members:write")]
    MembersWrite,
    /// Redeem rewards, handle coupons.
    #[schema(rename = "rewards:redeem")]
    RewardsRedeem,
    /// Read reports.
    #[schema(rename = "reports:read")]
    ReportsRead,
    /// Correct points, move, merge, erase and exclude members.
    #[schema(rename = "support")]
    Support,
    /// Publish drafts of the program.
    #[schema(rename = "publisher")]
    Publisher,
    /// Everything.
    #[schema(rename = "admin")]
    Admin,
}

/// A tier, on the ladder or, without a threshold, outside it.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum AnyTier {
    /// A step of the ladder.
    Ladder(tessera_domain::program::Tier),
    /// A tier outside the ladder.
    Vip(tessera_domain::program::VipTier),
}

/// A fact to try rules on.
#[derive(ToSchema)]
pub struct Examine {
    /// One of `receipt`, `interaction`, `enrollment` (as their endpoints take them; id, time and member may be left out),
    /// `birthday` (`on`: the local day on which its rules come due) and `inactivity`.
    #[schema(value_type = Object)]
    fact: serde_json::Value,
    /// Whom it concerns, by path or by identifiers; absent: someone with no history.
    #[schema(value_type = Option<Object>)]
    member: Option<serde_json::Value>,
    /// The rules that decide instead of the program's.
    rules: Option<Vec<tessera_domain::rule::Rule>>,
}

/// Rules to try.
#[derive(ToSchema)]
pub struct Backtest {
    /// All rules of the program as they would be.
    rules: Vec<tessera_domain::rule::Rule>,
    /// Receipts from this date or time on; without an offset it is the program's.
    from: Option<String>,
    /// Receipts and refunds before this date or time.
    to: Option<String>,
}
