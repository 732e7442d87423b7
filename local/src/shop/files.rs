//! The demo shop's pages.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use tessera_domain::ids::ProgramId;

use super::respond;

/// The demo shop is as strict as a careful merchant's: nothing `unsafe-`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'",
);
const HTML: &str = "text/html; charset=utf-8";

/// The files by path, with their media types. `{program}` in them stands for the program's id.
const FILES: [(&str, &str, &str); 5] = [
    ("", HTML, include_str!("files/index.html")),
    ("points", HTML, include_str!("files/points.html")),
    ("shop.css", "text/css; charset=utf-8", include_str!("files/shop.css")),
    ("shop.js", "text/javascript; charset=utf-8", include_str!("files/shop.js")),
    ("pictures.svg", "image/svg+xml", include_str!("files/pictures.svg")),
];

/// The response with a file.
pub(super) fn response(path: &str, program: &ProgramId) -> Response<Bytes> {
    let Some((_, kind, body)) = FILES.iter().find(|(name, ..)| *name == path) else {
        return respond(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "the demo shop has no such page\n");
    };
    let mut response = respond(StatusCode::OK, kind, body.replace("{program}", program.as_str()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
