//! The picture of a member's card.

use tessera_codes::{DrawError, Format, IN_STORE_PREFIX, ean13};
use tessera_domain::member::IdentifierKind;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Content, Parameter, Problem, Route, Services, handler};

use crate::READ;
use crate::member::named;

/// The route of pictures of cards.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/members/{member}/card.svg", READ, handler!(get))
    .named("getCardPicture", "Members", "Draws the code of a member's card")
    .query(Parameter::text("format", "The format of the picture: `qr` (default), `code128` or `ean13`."))
    .responds(200, "The picture.", Content::Svg)
    .fails(422)];

/// `GET /v1/members/{member}/card.svg`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let format = Format::from_name(request.query("format").unwrap_or("qr"));
    let format = format.ok_or_else(|| Problem::malformed_at("", "?format is qr, code128 or ean13"))?;
    let program = services.program(&caller.program).await?;
    let member = named(services, &program, request).await?;
    let found = services.store.open_member(&program.id, &member).await?.ok_or_else(Problem::unknown_member)?;
    let card = found.profile.identifier(IdentifierKind::Card);
    let card = card.ok_or_else(|| Problem::not_found("the member has no card"))?;
    let prefix = program.compiled.program.identity.ean_prefix.as_deref().unwrap_or(IN_STORE_PREFIX);
    let drawn = if format == Format::Ean13 { ean13(card, prefix, card) } else { format.draw(card) };
    drawn.map(http::svg).map_err(|error| {
        let slug = match error {
            DrawError::NotNumeric => "not_numeric",
            DrawError::Unfit(_) => "not_drawable",
        };
        Problem::not_allowed(slug, error.to_string())
    })
}
