//! The overview.

use tessera_domain::figures::{Overview, ProgramBudget, SeriesBucket, Valuation};
use tessera_domain::rule::BudgetPeriod;
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Parameter, Problem, Route, Services, handler};

use crate::{READ, period};

const BUCKET: Parameter =
    Parameter::text("bucket", "The length of a row of the series: day, week or month; day when absent.");

/// The route of the overview.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/overview", READ, handler!(overview))
    .named("getOverview", "Reports", "Reads the figures of a period, as totals and as a series")
    .query(period::FROM)
    .query(period::TO)
    .query(BUCKET)
    .gives::<Overview>(200, "The figures.")];

/// `GET /v1/overview`: one Query besides the program, and one read of its budgets, if it has any.
async fn overview(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let program = services.program(&caller.program).await?;
    let bucket = match request.query("bucket") {
        None => SeriesBucket::Day,
        Some(text) => {
            SeriesBucket::parse(text).ok_or_else(|| Problem::malformed_at("/bucket", "must be day, week or month"))?
        }
    };
    let today = Day::of(services.clock.now(), &program.compiled.zone);
    let period = period::of(request, today)?;
    // Too many rows are refused before anything is read.
    period.split(bucket).map_err(|fault| period::refused("/bucket", fault))?;
    let stored = services.store.figures(&program.id, period.from).await?;
    let valuation = Valuation::of(&program.compiled.program);
    let overview = Overview::new(&stored.history, period, bucket, &valuation)
        .map_err(|fault| period::refused("/bucket", fault))?;
    let budgets = ProgramBudget::all(&program.compiled.program, &program.compiled.zone, today);
    let periods: Vec<BudgetPeriod> = budgets.iter().map(|budget| budget.period.clone()).collect();
    let used = services.store.budgets_used(&program.id, &periods).await?;
    let budgets = budgets.iter().zip(used).map(|(budget, used)| budget.used(used, today)).collect();
    Ok(http::json(200, &Overview { budgets, uncounted: stored.unreadable, ..overview }))
}
