//! Every route of the API.

use tessera_domain::program::{Program, Reward};
use tessera_domain::rule::{Rule, RuleTemplate};
use tessera_domain::view;
use utoipa::openapi::path::HttpMethod::{self, Delete, Get, Patch, Post, Put};

use crate::answers as a;
use crate::bodies as b;
use crate::describe::{Carries, Parameter, Route, Values};

/// The headings.
pub const TAGS: &[(&str, &str)] = &[
    ("Program", "The configuration: one document, or its parts."),
    ("Access", "API keys, the storefront secret, this description."),
    ("Members", "Who takes part, and what they have."),
    ("Facts", "What shops report: receipts, refunds and interactions."),
    ("Coupons", "Redeemed rewards."),
];

const fn text(name: &'static str, text: &'static str) -> Parameter {
    Parameter { name, text, values: Values::Text }
}

/// Parameters of paths and queries, and headers.
pub const PARAMETERS: &[Parameter] = &[
    text("id", "The identifier."),
    text("member", "The shop's own id of the member, or `card:…`, `email:…`, `phone:+39…`, or our own `m_…`."),
    text("code", "The code; case, O for 0 and I or L for 1 do not matter where nothing else is meant."),
    text("cursor", "Where the page begins: the `next_cursor` of the one before."),
    text("program", "The program, for callers without credentials."),
    text("locale", "The language of texts for shoppers."),
    Parameter { name: "limit", text: "How many at most; 50 when absent.", values: Values::Between(1, 250) },
    Parameter { name: "dry_run", text: "Only check, and return what would change.", values: Values::Boolean },
    Parameter {
        name: "Idempotency-Key",
        text: "Repeating the same request with the same key returns the first response again.",
        values: Values::TextOf(1, 255),
    },
    text("If-Match", "The version that the change was made from; when it is not the current one: 409 `stale_version`."),
    text("Accept-Language", "The languages of texts for shoppers."),
];

fn route(method: HttpMethod, path: &'static str, id: &'static str, summary: &'static str) -> Route {
    Route::new(method, path, id, summary)
}

/// Every route.
pub fn routes() -> Vec<Route> {
    [program(), access(), members(), facts(), coupons()].into_iter().flatten().collect()
}

fn program() -> Vec<Route> {
    let whole = [
        route(Get, "/v1/program", "getProgram", "Reads the whole program")
            .etag()
            .gives::<a::StoredProgram>(200, "The program."),
        route(Put, "/v1/program", "putProgram", "Replaces the whole program")
            .details("A document that changes nothing changes no version.")
            .query("dry_run")
            .header("If-Match")
            .etag()
            .takes::<Program>()
            .gives::<a::PutProgramAnswer>(200, "The program as it is stored, or what would change.")
            .fails(&[409, 422]),
    ];
    let rules = part::<Rule>(
        ["/v1/rules", "/v1/rules/{id}"],
        ["listRules", "addRule", "getRule", "putRule", "deleteRule"],
        "rule",
    );
    let rewards = part::<Reward>(
        ["/v1/rewards", "/v1/rewards/{id}"],
        ["listRewards", "addReward", "getReward", "putReward", "deleteReward"],
        "reward",
    );
    let tiers = part::<b::AnyTier>(
        ["/v1/tiers", "/v1/tiers/{id}"],
        ["listTiers", "addTier", "getTier", "putTier", "deleteTier"],
        "tier",
    );
    let backtests = [
        route(Post, "/v1/rules/backtest", "backtestRules", "Tries rules on the stored receipts")
            .details(
                "What they would have cost, beside what the present rules did. Rules with status `draft` work here.",
            )
            .takes::<b::Backtest>()
            .gives::<a::BacktestTaken>(202, "It is being made."),
        route(Get, "/v1/rules/backtest/{id}", "getBacktest", "Reads what came of a backtest")
            .details("Kept for 30 days.")
            .gives::<a::BacktestAnswer>(200, "How far it is, with the report when it is done."),
    ];
    let rules = rules.into_iter().chain(backtests);
    let templates = [route(Get, "/v1/rule-templates", "listRuleTemplates", "Lists ready rules to begin with")
        .details("Their names are in the program's language, their calendars begin with its present day.")
        .lists::<RuleTemplate>("All of them.")];
    let all = whole.into_iter().chain(rules).chain(templates).chain(rewards).chain(tiers);
    all.map(|route| route.tag("Program")).collect()
}

/// The five routes of a kind of part.
fn part<T: utoipa::ToSchema>(paths: [&'static str; 2], ids: [&'static str; 5], name: &str) -> Vec<Route> {
    let summary = |verb: &str| -> &'static str { format!("{verb} {name}").leak() };
    let [all, one] = paths;
    vec![
        route(Get, all, ids[0], summary("Lists every")).lists::<T>("All of them."),
        route(Post, all, ids[1], summary("Adds a"))
            .header("If-Match")
            .etag()
            .takes::<T>()
            .gives::<T>(201, "As it is stored."),
        route(Get, one, ids[2], summary("Reads a")).etag().gives::<T>(200, "As it is stored."),
        route(Put, one, ids[3], summary("Replaces a"))
            .header("If-Match")
            .etag()
            .takes::<T>()
            .gives::<T>(200, "As it is stored.")
            .fails(&[409, 422]),
        route(Delete, one, ids[4], summary("Removes a"))
            .header("If-Match")
            .answers(204, "It is gone.", Carries::Nothing)
            .fails(&[409, 422]),
    ]
}

fn access() -> Vec<Route> {
    let routes = [
        route(Get, "/v1/api-keys", "listApiKeys", "Lists the API keys").lists::<a::ApiKey>("All of them."),
        route(Post, "/v1/api-keys", "makeApiKey", "Makes an API key")
            .details("The key is shown once.")
            .takes::<b::ApiKeyWish>()
            .gives::<a::NewApiKey>(201, "The key."),
        route(Get, "/v1/api-keys/self", "getOwnApiKey", "Reads the API key that sends the request")
            .gives::<a::OwnApiKey>(200, "Its name and scopes."),
        route(Delete, "/v1/api-keys/{id}", "deleteApiKey", "Deletes an API key")
            .details("The last key with the scope `admin` stays.")
            .answers(204, "It is gone.", Carries::Nothing)
            .fails(&[422]),
        route(Post, "/v1/storefront-secret/rotate", "rotateStorefrontSecret", "Makes a new storefront secret")
            .details("Up to three old ones stay valid, each for 24 more hours.")
            .may_take::<b::Rotation>()
            .gives::<a::StorefrontSecret>(200, "The secret, shown once."),
        route(Get, "/v1/openapi.json", "getOpenApi", "This description").answers(
            200,
            "An OpenAPI 3.1 document.",
            Carries::Any,
        ),
    ];
    routes.into_iter().map(|route| route.tag("Access")).collect()
}

fn members() -> Vec<Route> {
    let routes = [
        route(Post, "/v1/members", "enrol", "Enrols a member")
            .localized()
            .details("Who was known as a visitor keeps the points.")
            .takes::<b::Enrollment>()
            .gives::<view::MemberView>(201, "Enrolled now, or a new contact.")
            .gives::<view::MemberView>(200, "Known as that already; nothing changed."),
        route(Get, "/v1/members/{member}", "getMember", "Reads a member")
            .localized()
            .gives::<view::MemberView>(200, "The member."),
        route(Patch, "/v1/members/{member}", "patchMember", "Changes a profile")
            .localized()
            .takes::<b::ProfilePatch>()
            .fails(&[422])
            .gives::<view::MemberView>(200, "The member."),
        route(Post, "/v1/members/{member}/activate", "activateMember", "Enrols a contact")
            .localized()
            .gives::<view::MemberView>(201, "Enrolled now.")
            .gives::<view::MemberView>(200, "Enrolled already; nothing changed."),
        route(Post, "/v1/members/{member}/adjustments", "adjustMember", "Changes points, rewards or VIP by hand")
            .takes::<b::Adjustment>()
            .gives::<view::MemberView>(201, "The member, with the new numbers."),
        route(Get, "/v1/members/{member}/entries", "listEntries", "Lists the ledger, newest first")
            .localized()
            .query("limit")
            .query("cursor")
            .lists::<view::EntryView>("A page of entries."),
        route(Get, "/v1/members/{member}/receipts", "listReceipts", "Lists the receipts, newest first")
            .localized()
            .query("limit")
            .query("cursor")
            .lists::<view::ReceiptView>("A page of receipts."),
        route(Get, "/v1/members/{member}/coupons", "listCoupons", "Lists the coupons, newest first")
            .localized()
            .query("limit")
            .query("cursor")
            .lists::<view::CouponView>("A page of coupons."),
        route(Get, "/v1/members/{member}/hub", "getMemberHub", "What the storefront shows of a member")
            .localized()
            .gives::<view::HubView>(200, "The hub."),
        route(Get, "/v1/hub", "getHub", "What the storefront shows whoever looks")
            .query("program")
            .localized()
            .gives::<view::HubView>(200, "The hub.")
            .fails(&[404]),
    ];
    routes.into_iter().map(|route| route.tag("Members")).collect()
}

fn facts() -> Vec<Route> {
    let routes = [
        route(Post, "/v1/receipts", "sendReceipt", "Reports a receipt")
            .details("Stored when answered. The same receipt can be sent any number of times; other content under its id is refused.")
            .takes::<b::Receipt>()
            .gives::<a::Accepted>(202, "Stored now.")
            .gives::<a::Accepted>(200, "Stored before, with the same content."),
        route(Get, "/v1/receipts/{id}", "getReceipt", "Reads what became of a receipt").localized()
            .gives::<view::ReceiptView>(200, "The receipt, its decision, its refunds."),
        route(Post, "/v1/receipts/{id}/refunds", "sendRefund", "Reports a refund")
            .details("May arrive before its receipt.")
            .takes::<b::Refund>()
            .gives::<a::Accepted>(202, "Stored now.")
            .gives::<a::Accepted>(200, "Stored before, with the same content."),
        route(Post, "/v1/receipts/{id}/claim", "claimReceipt", "Says whose a receipt is that has no member")
            .takes::<b::Claim>()
            .gives::<a::Accepted>(202, "It is theirs now.")
            .gives::<a::Accepted>(200, "It was theirs already."),
        route(Post, "/v1/interactions", "sendInteraction", "Reports what a member did")
            .details("Stored when answered. The same interaction can be sent any number of times; other content under its id is refused.")
            .takes::<b::Interaction>()
            .gives::<a::Accepted>(202, "Stored now.")
            .gives::<a::Accepted>(200, "Stored before, with the same content."),
        route(Get, "/v1/interactions/{id}", "getInteraction", "Reads what became of an interaction").localized()
            .gives::<view::InteractionView>(200, "The interaction and its decision."),
        route(Get, "/v1/receipts/{id}/explanation", "explainReceipt", "Explains a receipt's decision, rule by rule").localized()
            .details("Every rule of the version of the program that decided, also those that the receipt did not concern.")
            .gives::<view::ReceiptExplanation>(200, "What each rule did, and why."),
        route(Post, "/v1/rules/examine", "examineRules", "Tries rules on a fact").localized()
            .details("Nothing is stored. Without `member` it is someone with no history; with `rules` those decide instead of the program's.")
            .takes::<b::Examine>()
            .gives::<view::ExaminedView>(200, "The decision."),
        route(Post, "/v1/receipts/preview", "previewReceipt", "What a basket would earn now").localized()
            .details("Nothing is stored.")
            .takes::<b::Receipt>()
            .gives::<view::PreviewView>(200, "The decision."),
    ];
    routes.into_iter().map(|route| route.tag("Facts")).collect()
}

fn coupons() -> Vec<Route> {
    let routes = [
        route(Post, "/v1/members/{member}/redemptions", "redeem", "Redeems a reward")
            .takes::<b::Redemption>()
            .gives::<view::CouponView>(201, "The coupon."),
        route(Get, "/v1/coupons/{code}", "getCoupon", "Reads a coupon").gives::<view::CouponView>(200, "The coupon."),
        route(Post, "/v1/coupons/{code}/check", "checkCoupon", "Tries a coupon on a basket")
            .may_take::<b::Basket>()
            .gives::<a::CouponCheck>(200, "What it is worth."),
        route(Post, "/v1/coupons/{code}/commit", "commitCoupon", "Turns a reservation into a coupon")
            .gives::<view::CouponView>(200, "The coupon."),
        route(Post, "/v1/coupons/{code}/apply", "applyCoupon", "Puts a coupon on a cart")
            .gives::<view::CouponView>(200, "The coupon."),
        route(Post, "/v1/coupons/{code}/release", "releaseCoupon", "Takes a coupon off a cart")
            .gives::<view::CouponView>(200, "The coupon."),
        route(Post, "/v1/coupons/{code}/use", "useCoupon", "Marks a coupon as used, for good")
            .may_take::<b::CouponUse>()
            .gives::<view::CouponView>(200, "The coupon."),
        route(Post, "/v1/coupons/{code}/cancel", "cancelCoupon", "Cancels a coupon and gives its points back")
            .gives::<view::CouponView>(200, "The coupon."),
    ];
    routes.into_iter().map(|route| route.tag("Coupons")).collect()
}
