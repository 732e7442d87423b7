//! One interaction, with what was decided on it.

use tessera_domain::fact::{Fact, FactId};
use tessera_domain::ids::InteractionId;
use tessera_domain::view::{Explainer, InteractionView};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};
use tessera_store::{EntryKey, StoredFact};

use crate::READ;

/// The routes of interactions.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/interactions/{id}", READ, handler!(get))
    .named("getInteraction", "Facts", "Reads an interaction's outcome")
    .localized()
    .gives::<InteractionView>(200, "The interaction and its decision.")];

/// `GET /v1/interactions/{id}`
async fn get(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let id = InteractionId::new(request.path("id")?).map_err(|_| unknown())?;
    let program = services.program(&caller.program).await?;
    let named = FactId::Interaction { interaction: id };
    let stored = services.store.get_fact(&program.id, &named).await?;
    let Some(StoredFact { fact: Fact::Interaction(interaction), member: Some(member), .. }) = stored else {
        return Err(unknown());
    };
    let key = EntryKey::fact(interaction.occurred_at, &named);
    let owners = services.store.owners(&program.id, &member).await?;
    let entry = services.store.find_entry(&program.id, &owners, &key).await?;
    let explainer = Explainer::new(&program.compiled, request.language(&program, None));
    Ok(http::json(200, &InteractionView::new(&interaction, entry.as_ref(), &explainer)))
}

fn unknown() -> Problem {
    Problem::not_found("there is no such interaction")
}
