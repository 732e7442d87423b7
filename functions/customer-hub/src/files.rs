//! The files of the storefront's component, under `/storefront/`.

use tessera_lambda::assets::{Release, ReleasedFile, Releases};
use tessera_lambda::http::{self, ApiRequest, Response};
use tessera_lambda::{Access, Problem, Route, Services, handler};

/// Where the files are mounted.
const MOUNT: &str = "/storefront";
/// The description of the newest release.
const MANIFEST: &str = "manifest.json";

/// The releases that `build.rs` found.
static RELEASES: Releases = include!(concat!(env!("OUT_DIR"), "/releases.rs"));

/// The route of the files. They need no credentials and read no program.
pub(crate) const ROUTES: &[Route] = &[Route::get("/storefront/{path+}", Access::Public, handler!(get))];

/// `GET /storefront/…`: a file of the newest release, of one of the last ten, or the manifest.
#[allow(clippy::unused_async, reason = "handlers are async")]
async fn get(_: &Services, request: &ApiRequest) -> Result<Response, Problem> {
    let path = request.path("path")?;
    if path == MANIFEST {
        let manifest = RELEASES.manifest(MOUNT).ok_or_else(Problem::unavailable)?;
        let response = http::with_header(http::json(200, &manifest), "cache-control", "public, max-age=300");
        return Ok(http::with_header(response, "access-control-allow-origin", "*"));
    }
    RELEASES.get(path, request).ok_or_else(|| Problem::not_found("there is no such file"))
}
