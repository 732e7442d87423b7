//! Static files that are part of a function's binary.
//!
//! Each file has two paths: its name, which browsers check again after a few minutes, and `{version}/{name}`, which they keep
//! for a year. The version is a hash over all files, so that files that import each other by relative paths match.

mod releases;

pub use releases::{Manifest, Release, ReleasedFile, Releases};

use std::io::Write as _;
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use sha2::{Digest as _, Sha256};

use crate::http::ApiRequest;

const SHORT: HeaderValue = HeaderValue::from_static("public, max-age=300");
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// The number of bytes of a hash that versions and entity tags carry.
const HASH_BYTES: usize = 12;

/// A file: `Asset::new("hub.js", include_bytes!("hub.js"))`.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// The name in its path. The extension determines the media type.
    name: &'static str,
    /// The content.
    body: &'static [u8],
    /// The content as gzip, where the build compressed it.
    gzip: Option<&'static [u8]>,
}

/// The files of a function, usually in a `static`.
#[derive(Debug)]
pub struct Assets {
    files: &'static [Asset],
    hashes: OnceLock<Hashes>,
}

/// Computed at the first request, so that a cold start pays nothing.
#[derive(Debug)]
struct Hashes {
    version: String,
    /// The entity tag of each file, in the order of the files.
    etags: Vec<String>,
    /// Each file compressed, once it was asked for; `None` where compression gains nothing.
    compressed: Vec<OnceLock<Option<Vec<u8>>>>,
}

impl Assets {
    /// Creates the set of files.
    pub const fn new(files: &'static [Asset]) -> Self {
        Self { files, hashes: OnceLock::new() }
    }

    /// The immutable path of a file, relative to where the files are mounted; `None` for an unknown name.
    pub fn immutable_path(&self, name: &str) -> Option<String> {
        let is_known = self.files.iter().any(|file| file.name == name);
        is_known.then(|| format!("{}/{name}", self.hashes().version))
    }

    /// Responds to a request for a path relative to where the files are mounted; `None` for an unknown path.
    ///
    /// The file is compressed where the request accepts gzip: an HTTP API compresses nothing itself.
    pub fn respond(&self, request: &ApiRequest, path: &str) -> Option<Response<Body>> {
        let mut response = self.get(path, request.header(IF_NONE_MATCH.as_str()))?;
        response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
        if !request.header(ACCEPT_ENCODING.as_str()).is_some_and(accepts_gzip) {
            return Some(response);
        }
        if response.status() == StatusCode::OK
            && let Some(compressed) = self.compressed(path)
        {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(compressed);
        }
        // Weak: the same content in two encodings has one tag.
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(|tag| format!("W/{tag}"));
        if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
            response.headers_mut().insert(ETAG, tag);
        }
        Some(response)
    }

    /// The compressed content of a file, when that is smaller.
    fn compressed(&self, path: &str) -> Option<&[u8]> {
        let hashes = self.hashes();
        let place = self.files.iter().position(|file| file.name == self.name(path))?;
        let file = self.files[place];
        if let Some(gzip) = file.gzip {
            return Some(gzip).filter(|small| small.len() < file.body.len());
        }
        hashes
            .compressed
            .get(place)?
            .get_or_init(|| gzip(file.body).filter(|small| small.len() < file.body.len()))
            .as_deref()
    }

    /// The name of the file that a path asks for.
    fn name<'p>(&self, path: &'p str) -> &'p str {
        let versioned = path.strip_prefix(&*self.hashes().version).and_then(|rest| rest.strip_prefix('/'));
        versioned.unwrap_or(path)
    }

    /// The response for a path relative to where the files are mounted; `None` for an unknown path.
    ///
    /// `if_none_match` is the request's header. A match is a 304 without a body.
    pub fn get(&self, path: &str, if_none_match: Option<&str>) -> Option<Response<Body>> {
        let hashes = self.hashes();
        let name = self.name(path);
        let (file, etag) = self.files.iter().zip(&hashes.etags).find(|(file, _)| file.name == name)?;
        let is_current = if_none_match.is_some_and(|header| matches(header, etag));
        let body = (!is_current).then(|| file.body());
        response(body, file.name, etag, if name.len() < path.len() { IMMUTABLE } else { SHORT })
    }

    fn hashes(&self) -> &Hashes {
        self.hashes.get_or_init(|| {
            let mut version = Sha256::new();
            let etags = self.files.iter().map(|file| {
                let digest = Sha256::digest(file.body);
                version.update((file.name.len() as u64).to_be_bytes());
                version.update(file.name);
                version.update(digest);
                format!("\"{}\"", hash(&digest))
            });
            let etags = etags.collect();
            let compressed = self.files.iter().map(|_| OnceLock::new()).collect();
            Hashes { version: hash(&version.finalize()), etags, compressed }
        })
    }
}

impl Asset {
    /// A file with a name and a content.
    pub const fn new(name: &'static str, body: &'static [u8]) -> Self {
        Self { name, body, gzip: None }
    }

    /// The same file with its content as gzip, which is sent where that is smaller.
    #[must_use]
    pub const fn compressed(self, gzip: &'static [u8]) -> Self {
        Self { gzip: Some(gzip), ..self }
    }

    /// Text as text, because Lambda would pass anything else in base64, a third larger.
    fn body(self) -> Body {
        match std::str::from_utf8(self.body) {
            Ok(text) => Body::from(text),
            Err(_) => Body::from(self.body),
        }
    }
}

/// Whether an `Accept-Encoding` header allows gzip.
fn accepts_gzip(header: &str) -> bool {
    header.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case("gzip") && weight.chars().any(|digit| ('1'..='9').contains(&digit))
    })
}

/// The content compressed; `None` when memory for it cannot be written, which a `Vec` never reports.
fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

/// The response with a file; without a body, it has not changed.
fn response(body: Option<Body>, name: &str, etag: &str, cache: HeaderValue) -> Option<Response<Body>> {
    let status = if body.is_some() { StatusCode::OK } else { StatusCode::NOT_MODIFIED };
    let mut response = Response::new(body.unwrap_or(Body::Empty));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ETAG, HeaderValue::from_str(etag).ok()?);
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}

/// The beginning of a digest in hexadecimal.
fn hash(digest: &[u8]) -> String {
    hex::encode(&digest[..HASH_BYTES])
}

/// True when an `If-None-Match` header names an entity tag, also as a weak one, or is `*`.
fn matches(header: &str, etag: &str) -> bool {
    header.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag)
}

/// The media type of a file, by its extension.
fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        // TypeScript: a type of text, because `video/mp2t` is what the extension means elsewhere.
        "txt" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FILES: Assets =
        Assets::new(&[Asset::new("hub.js", b"export {}"), Asset::new("img/card.png", &[0x89, b'P', b'N', b'G', 0xff])]);

    fn header(response: &Response<Body>, name: &str) -> String {
        response.headers()[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_name_is_short_lived_and_its_version_immutable() {
        let hashed = FILES.immutable_path("hub.js").unwrap();
        assert_eq!(hashed.len(), 2 * HASH_BYTES + "/hub.js".len());
        for (path, cache) in [("hub.js", "public, max-age=300"), (&*hashed, "public, max-age=31536000, immutable")] {
            let response = FILES.get(path, None).unwrap();
            assert_eq!(response.status(), 200);
            assert_eq!(response.body(), &Body::Text("export {}".to_owned()));
            assert_eq!(header(&response, "cache-control"), cache);
            assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
            assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        }
    }

    #[test]
    fn a_binary_file_keeps_its_bytes() {
        let response = FILES.get("img/card.png", None).unwrap();
        assert_eq!(response.body(), &Body::Binary(vec![0x89, b'P', b'N', b'G', 0xff]));
        assert_eq!(header(&response, "content-type"), "image/png");
    }

    #[test]
    fn a_known_etag_is_not_sent_again() {
        let etag = header(&FILES.get("hub.js", None).unwrap(), "etag");
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\" , {etag}"), "*".to_owned()] {
            let response = FILES.get("hub.js", Some(&known)).unwrap();
            assert_eq!((response.status(), response.body()), (StatusCode::NOT_MODIFIED, &Body::Empty), "{known}");
            assert_eq!(header(&response, "etag"), etag);
        }
        for other in ["", "\"other\"", etag.trim_matches('"')] {
            assert_eq!(FILES.get("hub.js", Some(other)).unwrap().status(), 200, "{other}");
        }
    }

    #[test]
    fn encodings_are_read_with_their_weights() {
        for header in ["gzip", "br, gzip", "deflate, GZIP;q=0.5", "gzip; q=1.0"] {
            assert!(accepts_gzip(header), "{header}");
        }
        for header in ["", "br", "gzip;q=0", "gzip;q=0.0", "x-gzip"] {
            assert!(!accepts_gzip(header), "{header}");
        }
    }

    #[test]
    fn a_file_is_compressed_where_that_is_smaller() {
        static LONG: Assets = Assets::new(&[Asset::new("a.js", &[b'a'; 4000]), Asset::new("b.js", b"b")]);
        static BUILT: Assets =
            Assets::new(&[Asset::new("a.js", b"aaaa").compressed(b"zz"), Asset::new("b.js", b"b").compressed(b"bb")]);
        let versioned = LONG.immutable_path("a.js").unwrap();
        assert_eq!(LONG.compressed("a.js"), LONG.compressed(&versioned));
        assert!(LONG.compressed("a.js").unwrap().len() < 100);
        assert_eq!(LONG.compressed("b.js"), None);
        assert_eq!(LONG.compressed("c.js"), None);
        assert_eq!(BUILT.compressed("a.js"), Some(&b"zz"[..]));
        assert_eq!(BUILT.compressed("b.js"), None);
    }

    #[test]
    fn other_names_and_versions_do_not_exist() {
        let version = FILES.immutable_path("hub.js").unwrap().replace("/hub.js", "");
        let other = format!("{}/hub.js", "0".repeat(version.len()));
        for path in ["", "/hub.js", "hub", "../hub.js", "hub.js/", &*version, &*other] {
            assert!(FILES.get(path, None).is_none(), "{path}");
        }
        assert_eq!(FILES.immutable_path("none.js"), None);
    }

    #[test]
    fn a_changed_file_changes_the_version_and_its_own_etag() {
        static CHANGED: Assets = Assets::new(&[Asset::new("hub.js", b"export {}"), Asset::new("img/card.png", &[1])]);
        assert_ne!(FILES.immutable_path("hub.js"), CHANGED.immutable_path("hub.js"));
        let etag = |assets: &Assets, name: &str| header(&assets.get(name, None).unwrap(), "etag");
        assert_eq!(etag(&FILES, "hub.js"), etag(&CHANGED, "hub.js"));
        assert_ne!(etag(&FILES, "img/card.png"), etag(&CHANGED, "img/card.png"));
    }
}
