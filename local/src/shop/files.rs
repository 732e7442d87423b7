//! The demo shop's pages.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::respond;

/// The demo shop is as strict as a careful merchant's: nothing `unsafe-`.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
     trusted-types 'none'",
);
const HTML: &str = "text/html; charset=utf-8";

/// The files by path, with their media types.
const FILES: [(&str, &str, &[u8]); 5] = [
    ("", HTML, include_bytes!("files/index.html")),
    ("points", HTML, include_bytes!("files/points.html")),
    ("shop.css", "text/css; charset=utf-8", include_bytes!("files/shop.css")),
    ("shop.js", "text/javascript; charset=utf-8", include_bytes!("files/shop.js")),
    ("pictures.svg", "image/svg+xml", include_bytes!("files/pictures.svg")),
];

/// The response with a file.
pub(super) fn response(path: &str) -> Response<Bytes> {
    let Some((_, kind, body)) = FILES.iter().find(|(name, ..)| *name == path) else {
        return respond(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "the demo shop has no such page\n");
    };
    let mut response = respond(StatusCode::OK, kind, *body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
