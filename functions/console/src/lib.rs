//! The console, a small web application for the people who run a program, and the API's documentation.
//!
//! All of it is static: the application reads and changes the program through the API, with the key of its user.

use std::future::ready;

use tessera_lambda::assets::{Asset, Assets};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Routes, Variable};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The variables that it needs besides those of every function.
pub const NEEDS: &[Variable] = &[];

/// Its routes.
pub const ROUTES: Routes = &[PAGES];

const PAGES: &[Route] = &[
    Route::get("/console", Access::Public, |_, _| Box::pin(ready(Ok(application())))),
    Route::get("/console/{path+}", Access::Public, |_, request| Box::pin(ready(page_or_file(request)))),
    Route::get("/docs", Access::Public, |_, request| Box::pin(ready(documentation(request)))),
];

/// Where the application's files are, below the console's address.
const FILES: &str = "assets/";
const PLACEHOLDER: &str = "{assets}";

/// The policy of the console: its own files and API, images of the shop, and no text that becomes script or markup.
const CONSOLE_POLICY: &str = include_str!("console.policy");
/// The policy of the documentation, which has no script.
const DOCUMENTATION_POLICY: &str = include_str!("documentation.policy");

static ASSETS: Assets = Assets::new(CONSOLE_FILES);
static DOCUMENTATION: Assets = Assets::new(&[Asset::new("index.html", DOCUMENTATION_PAGE.as_bytes())]);

/// `GET /console/…`: a file of the application, or the application itself.
fn page_or_file(request: &ApiRequest) -> Result<Response, Problem> {
    let Some(file) = request.path("path")?.strip_prefix(FILES) else { return Ok(application()) };
    ASSETS.respond(request, file).ok_or_else(|| Problem::not_found("there is no such file"))
}

/// `GET /docs`: the API's documentation.
fn documentation(request: &ApiRequest) -> Result<Response, Problem> {
    let page = DOCUMENTATION.respond(request, "index.html");
    let page = page.ok_or_else(|| Problem::not_found("there is no documentation"))?;
    Ok(protected(page, DOCUMENTATION_POLICY))
}

/// The application's page. It is small and names the current files, so browsers load it anew each time.
fn application() -> Response {
    let version = ASSETS.immutable_path("app.js").unwrap_or_default();
    let version = version.trim_end_matches("/app.js");
    let page = PAGE.replace(PLACEHOLDER, &format!("/console/{FILES}{version}"));
    let mut response = http::with_header(http::empty(200), "content-type", "text/html; charset=utf-8");
    *response.body_mut() = page.into();
    protected(http::with_header(response, "cache-control", "no-cache"), CONSOLE_POLICY)
}

/// A page that no other page can frame, read or script.
fn protected(page: Response, policy: &str) -> Response {
    let page = http::with_header(page, "content-security-policy", &policy.lines().collect::<Vec<_>>().join("; "));
    let page = http::with_header(page, "cross-origin-opener-policy", "same-origin");
    http::with_header(page, "referrer-policy", "no-referrer")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use lambda_http::Body;
    use serde_json::Value;

    use super::*;

    fn text(response: &Response) -> &str {
        match response.body() {
            Body::Text(text) => text,
            _ => "",
        }
    }

    #[test]
    fn the_page_names_files_that_exist() {
        let page = application();
        let mut found = 0;
        for path in text(&page).split('"').filter_map(|part| part.strip_prefix("/console/assets/")) {
            assert!(ASSETS.get(path, None).is_some(), "{path}");
            found += 1;
        }
        assert!(found >= 2, "{}", text(&page));
        assert!(!text(&page).contains(PLACEHOLDER));
    }

    #[test]
    fn both_pages_forbid_what_they_do_not_need() {
        for policy in [CONSOLE_POLICY, DOCUMENTATION_POLICY] {
            assert!(!policy.contains("unsafe"), "{policy}");
            for needed in [
                "default-src 'none'",
                "object-src 'none'",
                "base-uri 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            ] {
                assert!(policy.lines().any(|line| line == needed), "{needed} in {policy}");
            }
        }
        assert!(!DOCUMENTATION_POLICY.contains("script-src"));
        assert_eq!(application().headers()["content-security-policy"].to_str().unwrap().lines().count(), 1);
    }

    #[test]
    fn the_documentation_has_every_operation_and_no_script() {
        let description: Value = serde_json::from_str(include_str!("../../program-admin/openapi.json")).unwrap();
        let mut operations = 0;
        for operation in
            description["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values())
        {
            let id = operation["operationId"].as_str().unwrap();
            assert!(DOCUMENTATION_PAGE.contains(&format!("id=\"{id}\"")), "{id}");
            operations += 1;
        }
        assert!(operations > 40);
        for schema in description["components"]["schemas"].as_object().unwrap().keys() {
            assert!(DOCUMENTATION_PAGE.contains(&format!("id=\"schema-{schema}\"")), "{schema}");
        }
        assert!(!DOCUMENTATION_PAGE.contains("<script"));
        assert!(!DOCUMENTATION_PAGE.contains("src=\"http") && !DOCUMENTATION_PAGE.contains("href=\"http"));
    }

    #[test]
    fn no_link_of_the_documentation_leads_nowhere() {
        for link in DOCUMENTATION_PAGE.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap();
            assert!(DOCUMENTATION_PAGE.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }
}
