//! The liability.

use tessera_domain::figures::{Liability, Valuation};
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Problem, Route, Services, handler};

use crate::{READ, period};

/// The route of the liability.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/liability", READ, handler!(liability))
    .named("getLiability", "Reports", "Reads the roll-forward of points, when they expire and how many were never used")
    .query(period::FROM)
    .query(period::TO)
    .gives::<Liability>(200, "The liability.")];

/// `GET /v1/liability`: one Query besides the program.
async fn liability(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let today = Day::of(services.clock.now(), &program.compiled.zone);
    let period = period::of(request, today)?;
    let stored = services.store.figures(&program.id, period.from).await?;
    let valuation = Valuation::of(&program.compiled.program);
    Ok(http::json(200, &Liability::new(&stored.history, period, &valuation)))
}
