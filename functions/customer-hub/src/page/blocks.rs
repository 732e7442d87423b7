//! Blocks: fragments for the pages of a shop, which show points before any script runs.
//!
//! The shop's server fetches them and puts them into its own page. The account block shows one member; the others show what
//! anybody would earn.

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};
use tessera_domain::program::CompiledProgram;
use tessera_domain::view::{HubState, HubView};
use tessera_lambda::http::{ApiRequest, with_basket_defaults};
use tessera_lambda::{Problem, Services};
use tessera_store::ActiveProgram;

use super::view::{Speaker, direction};
use super::words::fill;
use crate::preview::points_for_newcomer;

/// A kind of block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Product,
    Cart,
    Account,
}

impl Block {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "product" => Some(Self::Product),
            "cart" => Some(Self::Cart),
            "account" => Some(Self::Account),
            _ => None,
        }
    }
}

/// The currency of the query, where it is not the program's: what a purchase in it earns follows from its exchange rate.
fn foreign_currency<'r>(request: &'r ApiRequest, program: &CompiledProgram) -> Option<&'r str> {
    request.query("currency").filter(|currency| *currency != program.program.currency.code())
}

/// The basket that the query of a block describes.
fn basket(block: Block, request: &ApiRequest, program: &CompiledProgram) -> Result<Value, Problem> {
    let name = if block == Block::Product { "amount" } else { "total" };
    let total = request.query(name).ok_or_else(|| Problem::malformed_at("", format!("?{name} is missing")))?;
    let mut basket = json!({ "currency": program.program.currency.code(), "total": total });
    if let Some(currency) = foreign_currency(request, program) {
        // The rate is the shop's to know. Any lets the rest of the basket be checked.
        basket["currency"] = json!(currency);
        basket["fx_rate"] = json!("1");
    }
    if let (Block::Product, Some(fields)) = (block, basket.as_object_mut()) {
        let mut line = json!({ "id": "1", "quantity": "1", "amount": total });
        for field in ["sku", "category"] {
            if let (Some(value), Some(line)) = (request.query(field), line.as_object_mut()) {
                line.insert(field.to_owned(), json!(value));
            }
        }
        fields.insert("lines".to_owned(), json!([line]));
    }
    Ok(basket)
}

/// The sentence of a product or a cart: what it would earn a new member now. In another currency it names no number.
pub(super) async fn promise(
    block: Block,
    services: &Services,
    request: &ApiRequest,
    program: &ActiveProgram,
    language: &str,
) -> Result<Markup, Problem> {
    let now = services.clock.now();
    let basket = with_basket_defaults(basket(block, request, &program.compiled)?, now);
    let points = points_for_newcomer(services, program, &basket, now).await?;
    let speaker = Speaker::new(&program.compiled, language);
    let words = speaker.words;
    let text = if points.is_positive() && foreign_currency(request, &program.compiled).is_none() {
        let sentence = if block == Block::Product { words.earn_with_this } else { words.earn_with_basket };
        fill(sentence, &[("points", &speaker.points(points))])
    } else {
        words.earn_nothing.to_owned()
    };
    Ok(html! { p { (text) } })
}

/// The balance of a member, and the next step.
pub(super) fn account(hub: &HubView, program: &CompiledProgram, language: &str) -> Markup {
    let speaker = Speaker::new(program, language);
    let words = speaker.words;
    let Some(points) = &hub.points else { return html! { p { (hub.program.name) } } };
    let note = match (&hub.state, &hub.best_reward, &hub.next_reward) {
        (HubState::Visitor, ..) => Some(words.join.to_owned()),
        (_, Some(best), _) => Some(fill(words.ready, &[("reward", &best.name)])),
        (_, None, Some(next)) => {
            Some(fill(words.to_next, &[("points", &speaker.points(next.missing)), ("reward", &next.reward.name)]))
        }
        (_, None, None) => None,
    };
    html! {
        p { (words.balance) }
        p."tessera-balance" { (speaker.points(points.available)) }
        @if let Some(tier) = &hub.tier { p { b { bdi { (tier.name) } } } }
        @if let Some(next) = &hub.next_reward {
            @let missing = speaker.points(next.missing);
            progress value=(points.available.get().max(0)) max=(points.available.get().max(0).saturating_add(next.missing.get()))
                aria-label=(fill(words.to_next, &[("points", &missing), ("reward", &next.reward.name)])) {}
        }
        @if let Some(note) = note { p."tessera-note" { (note) } }
    }
}

/// A block with its style sheet.
pub(super) fn fragment(content: &Markup, sheet: &str, language: &str) -> String {
    let block = html! {
        section."tessera-block" lang=(language) dir=(direction(language)) {
            style { (PreEscaped(sheet)) }
            (content)
        }
    };
    block.into_string()
}
