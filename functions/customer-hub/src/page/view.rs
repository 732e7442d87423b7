//! The programme page: how to earn, tiers, rewards, and the questions that shoppers ask.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Value, json};
use tessera_domain::points::Points;
use tessera_domain::program::{
    CompiledProgram, Expiry, Program, ReturnedRedemption, Reward, RewardCost, Tier, TierWindow, VipTier,
};
use tessera_domain::rule::{Credit, Effect, EffectKind, Rate};
use tessera_domain::text::Text;
use tessera_domain::view::{Explainer, HubView, RewardView, WayView};

use super::words::{ALL, PageTexts, fill, words};

/// What a page is made from.
pub(super) struct PageView<'a> {
    pub program: &'a CompiledProgram,
    /// The program's id, for addresses.
    pub id: &'a str,
    /// What everybody may see: rewards on offer and ways to earn.
    pub hub: &'a HubView,
    /// The language of the program's texts.
    pub language: &'a str,
    pub sheet: &'a str,
}

/// Writes points and texts in the page's language.
pub(super) struct Speaker<'a> {
    pub words: &'static PageTexts,
    explainer: Explainer<'a>,
    language: &'a str,
}

impl<'a> Speaker<'a> {
    pub fn new(program: &'a CompiledProgram, language: &'a str) -> Self {
        Self { words: words(language), explainer: Explainer::new(program, language), language }
    }

    /// A number of points with the program's name for them.
    pub fn points(&self, points: Points) -> String {
        let form = self.explainer.points_form(points);
        format!("{} {form}", self.words.number(points.get())).trim_end().to_owned()
    }

    fn text<'t>(&self, text: &'t Text) -> &'t str {
        text.in_locale(self.language)
    }
}

/// The direction in which a language is written.
pub(super) fn direction(language: &str) -> &'static str {
    let primary = language.split('-').next().unwrap_or_default();
    if matches!(primary, "ar" | "dv" | "fa" | "he" | "iw" | "ps" | "ur" | "yi") { "rtl" } else { "ltr" }
}

impl PageView<'_> {
    /// The whole document.
    pub fn render(&self) -> String {
        let speaker = Speaker::new(self.program, self.language);
        let (program, words) = (&self.program.program, speaker.words);
        let page = html! {
            (DOCTYPE)
            html lang=(self.language) dir=(direction(self.language)) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (program.name) }
                    meta name="description" content=(words.lead);
                    @for other in &ALL {
                        link rel="alternate" hreflang=(other.tag) href=(self.address(other.tag));
                    }
                    link rel="alternate" hreflang="x-default" href={ "/p/" (self.id) };
                    style { (PreEscaped(self.sheet)) }
                    script type="application/ld+json" { (PreEscaped(data(&self.described(&speaker)))) }
                }
                body {
                    div.wide { (self.top(words)) }
                    main.wide {
                        (self.hero(&speaker))
                        (steps(words))
                        (ways(&speaker, &self.hub.ways_to_earn))
                        (tiers(&speaker, program))
                        (self.rewards(&speaker))
                        (referral(&speaker, program))
                        (questions(words, program))
                    }
                    div.wide { footer { (program.name) } }
                }
            }
        };
        page.into_string()
    }

    fn address(&self, language: &str) -> String {
        format!("/p/{}/{language}", self.id)
    }

    fn top(&self, words: &PageTexts) -> Markup {
        let program = &self.program.program;
        html! {
            header.top {
                p.brand {
                    @if let Some(logo) = &program.storefront.logo_url { img src=(logo) alt="" height="32"; }
                    bdi { (program.name) }
                }
                nav.languages aria-label=(words.languages) {
                    ul {
                        @for other in &ALL {
                            @let current = (other.tag == words.tag).then_some("page");
                            li { a href=(self.address(other.tag)) lang=(other.tag) hreflang=(other.tag) aria-current=[current] { (other.name) } }
                        }
                    }
                }
            }
        }
    }

    fn hero(&self, speaker: &Speaker<'_>) -> Markup {
        let (storefront, words) = (&self.program.program.storefront, speaker.words);
        let first =
            self.hub.rewards.iter().filter(|reward| reward.reason.is_none()).min_by_key(|reward| reward.cost.lowest());
        let is_plain = storefront.banner_url.is_none() && first.is_none();
        html! {
            div.hero.plain[is_plain] {
                div {
                    h1 { bdi { (self.program.program.name) } }
                    p.lead { (words.lead) }
                    @if let Some(shop) = &storefront.shop_url { a.action href=(shop) { (words.to_shop) } }
                }
                @if let Some(banner) = &storefront.banner_url {
                    img.banner src=(banner) alt="" width="640" height="360";
                } @else if let Some(reward) = first {
                    div.card.first {
                        p.muted { (words.first_reward) }
                        strong { bdi { (reward.name) } }
                        p.price { (speaker.points(reward.cost.lowest())) }
                    }
                }
            }
        }
    }

    fn rewards(&self, speaker: &Speaker<'_>) -> Markup {
        let mut rewards: Vec<&RewardView> = self.hub.rewards.iter().collect();
        if rewards.is_empty() {
            return html! {};
        }
        rewards.sort_by_key(|reward| reward.cost.lowest());
        html! {
            section aria-labelledby="rewards" {
                h2 #rewards { (speaker.words.rewards) }
                ul.grid {
                    @for reward in rewards { (self.reward(speaker, reward)) }
                }
            }
        }
    }

    fn reward(&self, speaker: &Speaker<'_>, reward: &RewardView) -> Markup {
        let words = speaker.words;
        let currency = self.program.program.currency.code();
        let tiers = self.program.reward(&reward.id).map(|stored| self.tiers(speaker, stored)).unwrap_or_default();
        let is_out = reward.reason == Some("out_of_stock");
        html! {
            li.card.out[is_out] {
                @if let Some(image) = &reward.image_url { img.picture src=(image) alt="" width="360" height="240" loading="lazy"; }
                h3 { bdi { (reward.name) } }
                @if let Some(description) = &reward.description { p.muted { (description) } }
                @if let RewardCost::Chosen(per) = &reward.cost {
                    @let worth = words.money(&per.value.to_string(), currency);
                    p.muted { (fill(words.worth, &[("points", &speaker.points(per.points)), ("money", &worth)])) }
                }
                div.foot {
                    span.cost {
                        @match &reward.cost {
                            RewardCost::Fixed(points) => { (speaker.points(*points)) }
                            RewardCost::Chosen(per) => { (fill(words.from, &[("points", &speaker.points(per.min))])) }
                        }
                    }
                    @if !tiers.is_empty() { span.chip { (fill(words.only_for, &[("tiers", &tiers)])) } }
                    @if is_out { span.chip { (words.sold_out) } }
                }
            }
        }
    }

    /// The names of the tiers that a reward is for; empty when it is for all.
    fn tiers(&self, speaker: &Speaker<'_>, reward: &Reward) -> String {
        let Some(tiers) = &self.program.program.tiers else { return String::new() };
        let ladder = tiers.ladder.iter().map(|tier| (&tier.id, &tier.name));
        let vip = tiers.vip.iter().map(|tier| (&tier.id, &tier.name));
        let named = ladder.chain(vip).filter(|(id, _)| reward.tiers.as_ref().is_some_and(|only| only.contains(id)));
        named.map(|(_, name)| speaker.text(name)).collect::<Vec<_>>().join(", ")
    }

    /// The program for search engines, by schema.org.
    fn described(&self, speaker: &Speaker<'_>) -> Value {
        let program = &self.program.program;
        let entry = |id: &str, name: &str, requirement: Option<String>| {
            let mut tier = json!({ "@type": "MemberProgramTier", "@id": format!("#{id}"), "name": name,
                                    "hasTierBenefit": "https://schema.org/TierBenefitLoyaltyPoints" });
            if let (Some(requirement), Value::Object(fields)) = (requirement, &mut tier) {
                fields.insert("hasTierRequirement".to_owned(), json!(requirement));
            }
            tier
        };
        let ladder = program.tiers.iter().flat_map(|tiers| &tiers.ladder);
        let mut tiers: Vec<Value> = ladder
            .map(|tier| {
                let threshold = tier.threshold.is_positive().then(|| speaker.points(tier.threshold));
                entry(tier.id.as_str(), speaker.text(&tier.name), threshold)
            })
            .collect();
        if tiers.is_empty() {
            tiers.push(entry("member", &program.name, None));
        }
        let mut host = json!({ "@type": "Organization", "name": program.name });
        if let Value::Object(fields) = &mut host {
            let storefront = &program.storefront;
            for (field, address) in [("url", &storefront.shop_url), ("logo", &storefront.logo_url)] {
                if let Some(address) = address {
                    fields.insert(field.to_owned(), json!(address));
                }
            }
        }
        json!({ "@context": "https://schema.org", "@type": "MemberProgram", "name": program.name,
                "description": speaker.words.lead, "hostingOrganization": host, "hasTiers": tiers })
    }
}

/// JSON inside a `script` element: nothing in it may end the element.
fn data(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn steps(words: &PageTexts) -> Markup {
    html! {
        section aria-labelledby="how" {
            h2 #how { (words.how) }
            ol.grid.steps {
                @for (title, text) in words.steps {
                    li { div { h3 { (title) } p.muted { (text) } } }
                }
            }
        }
    }
}

fn ways(speaker: &Speaker<'_>, ways: &[WayView]) -> Markup {
    if ways.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="ways" {
            h2 #ways { (speaker.words.ways) }
            ul.grid {
                @for way in ways {
                    li.card {
                        @if let Some(icon) = &way.icon_url { img.icon src=(icon) alt="" width="32" height="32"; }
                        h3 {
                            @match &way.action_url {
                                Some(address) => a href=(address) { bdi { (way.title) } },
                                None => bdi { (way.title) },
                            }
                        }
                        @if let Some(description) = &way.description { p.muted { (description) } }
                        @if let Some(points) = way.points { div.foot { span.chip { "+" (speaker.points(points)) } } }
                    }
                }
            }
        }
    }
}

/// What friends who come bring, where it is a number of points or a reward.
fn referral(speaker: &Speaker<'_>, program: &Program) -> Markup {
    let Some(referral) = program.referral.as_ref().filter(|referral| referral.enabled) else { return html! {} };
    let words = speaker.words;
    let friend = referral.friend.as_ref().map(|friend| gift(speaker, program, &friend.then));
    let friend = friend.filter(|gift| !gift.is_empty()).map(|gift| fill(words.friend_gets, &[("gift", &gift)]));
    let milestones = referral.advocate.iter().flat_map(|advocate| &advocate.milestones).filter_map(|milestone| {
        let gift = gift(speaker, program, &milestone.then);
        let friends = words.counted(&words.friends, milestone.at);
        (!gift.is_empty()).then(|| fill(words.you_get, &[("gift", &gift), ("friends", &friends)]))
    });
    html! {
        section aria-labelledby="refer" {
            h2 #refer { (words.refer) }
            p { (words.refer_how) }
            ul { @for line in friend.into_iter().chain(milestones) { li { (line) } } }
        }
    }
}

/// What effects give: points that can be spent, and rewards by their names.
fn gift(speaker: &Speaker<'_>, program: &Program, effects: &[Effect]) -> String {
    let parts = effects.iter().filter_map(|effect| match effect {
        Effect::Credit(Credit {
            rate: Rate::Points(points), kind: EffectKind::Redeemable | EffectKind::Both, ..
        }) => Some(speaker.points(*points)),
        Effect::Reward { reward } => {
            let reward = program.rewards.iter().find(|known| known.id == *reward)?;
            Some(speaker.text(&reward.name).to_owned())
        }
        Effect::Credit(_) | Effect::Debit(_) | Effect::Reset { .. } | Effect::Multiply(_) | Effect::Vip { .. } => None,
    });
    parts.collect::<Vec<_>>().join(" + ")
}

fn tiers(speaker: &Speaker<'_>, program: &Program) -> Markup {
    let Some(tiers) = &program.tiers else { return html! {} };
    let words = speaker.words;
    let from = |tier: &Tier| {
        if tier.threshold.is_positive() {
            fill(words.from, &[("points", &speaker.points(tier.threshold))])
        } else {
            words.from_start.to_owned()
        }
    };
    let card = |name: &Text, icon: Option<&String>, from: &str, benefits: &[Text]| {
        html! {
            li.card.tier {
                @if let Some(icon) = icon { img.icon src=(icon) alt="" width="32" height="32"; }
                h3 { bdi { (speaker.text(name)) } }
                p.muted.small { (from) }
                @if !benefits.is_empty() {
                    ul { @for benefit in benefits { li { (speaker.text(benefit)) } } }
                }
            }
        }
    };
    html! {
        section aria-labelledby="tiers" {
            h2 #tiers { (words.tiers) }
            ul.grid {
                @for tier in &tiers.ladder { (card(&tier.name, tier.icon_url.as_ref(), &from(tier), &tier.benefits)) }
                @for VipTier { name, icon_url, benefits, .. } in &tiers.vip {
                    (card(name, icon_url.as_ref(), words.by_invitation, benefits))
                }
            }
        }
    }
}

fn questions(words: &PageTexts, program: &Program) -> Markup {
    let points = &program.points;
    let months = |n: u32| words.counted(&words.months, n);
    let expiry = match points.expiry {
        None => words.never_expires.to_owned(),
        Some(Expiry::AfterMonths(n)) => fill(words.expires_after, &[("months", &months(n))]),
        Some(Expiry::EndOfYear(_)) => words.expires_with_year.to_owned(),
        Some(Expiry::InactiveMonths(n)) => fill(words.expires_inactive, &[("months", &months(n))]),
    };
    let spendable = match points.hold_days {
        0 => words.at_once.to_owned(),
        n => fill(words.after_days, &[("days", &words.counted(&words.days, n))]),
    };
    let returned = match points.returned_redemption {
        ReturnedRedemption::None => words.taken_back.to_owned(),
        ReturnedRedemption::FullOnly | ReturnedRedemption::Prorata => {
            format!("{} {}", words.taken_back, words.comes_back)
        }
    };
    let tier = program.tiers.as_ref().map(|tiers| match tiers.window {
        TierWindow::CalendarYear => words.tier_year.to_owned(),
        TierWindow::Lifetime => words.tier_lifetime.to_owned(),
        TierWindow::RollingMonths(n) => fill(words.tier_months, &[("months", &months(n))]),
    });
    let mut all = vec![(words.q_spendable, spendable), (words.q_expiry, expiry), (words.q_return, returned)];
    all.extend(tier.map(|tier| (words.q_tier, tier)));
    html! {
        section aria-labelledby="questions" {
            h2 #questions { (words.questions) }
            dl { @for (question, text) in &all { div { dt { (question) } dd { (text) } } } }
        }
    }
}
