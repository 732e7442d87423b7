//! Rule templates.

use tessera_domain::rule::{RuleTemplate, rule_templates};
use tessera_domain::time::Day;
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::paging::ListPage;
use tessera_lambda::{Problem, Route, Services, handler};

use crate::ADMIN;

/// The routes of rule templates.
pub(crate) const ROUTES: &[Route] = &[Route::get("/v1/rule-templates", ADMIN, handler!(list))
    .named("listRuleTemplates", "Program", "Lists rule templates")
    .details("Their names are in the program's language, their calendars begin on its current day.")
    .paged()
    .lists::<RuleTemplate>("A page of templates.")];

/// `GET /v1/rule-templates`: in the program's language, from its present day.
async fn list(services: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let caller = request.caller()?;
    let current = services.program(&caller.program).await?;
    let today = Day::of(services.clock.now(), &current.compiled.zone);
    let templates =
        rule_templates(&current.compiled.program.locale, today).map_err(|error| Problem::internal(&error))?;
    let page = ListPage::of_all(services, request, "rule templates", templates, |template| &template.id).await?;
    Ok(http::json(200, &page))
}
