//! Files of several releases, compressed before the function was built.
//!
//! A page that loaded one file of a release may load the others much later, after another deployment: the folders of earlier
//! releases stay. Files without a folder are those of the newest release.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::GzDecoder;
use lambda_http::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING, HeaderValue, IF_NONE_MATCH, VARY,
};
use lambda_http::{Body, Response};
use serde::Serialize;

use super::{IMMUTABLE, SHORT, matches, response};
use crate::http::ApiRequest;

/// A file of a release.
#[derive(Debug)]
pub struct ReleasedFile {
    /// The name in its path. The extension determines the media type.
    pub name: &'static str,
    /// The hash of its content, for the entity tag.
    pub content: &'static str,
    /// Its size in bytes.
    pub bytes: usize,
    /// Its digest, as pages write it: `sha384-…`.
    pub integrity: &'static str,
    /// The content, compressed by gzip.
    pub gzip: &'static [u8],
    /// The content, compressed by Brotli.
    pub brotli: &'static [u8],
}

/// The files of one release, under a folder named by their hash.
#[derive(Debug)]
pub struct Release {
    /// The name of the folder.
    pub version: &'static str,
    /// Its files.
    pub files: &'static [ReleasedFile],
}

/// The files of a function in their last releases, usually in a `static`.
#[derive(Debug)]
pub struct Releases {
    /// The files without a folder.
    pub latest: &'static [ReleasedFile],
    /// The releases, the newest first.
    pub releases: &'static [Release],
}

/// What `manifest.json` says: the files of the newest release.
#[derive(Debug, Serialize)]
pub struct Manifest {
    version: &'static str,
    files: BTreeMap<&'static str, ManifestFile>,
}

/// A file of the newest release.
#[derive(Debug, Serialize)]
struct ManifestFile {
    /// Its immutable path.
    path: String,
    /// Its digest, for the attribute `integrity`.
    integrity: &'static str,
    /// Its size in bytes.
    bytes: usize,
    /// Its size in bytes, compressed by gzip.
    gzip: usize,
}

/// The forms in which a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Releases {
    /// The response for a path relative to where the files are mounted; `None` for an unknown path.
    ///
    /// Pages of every origin may read it: module scripts are always loaded with CORS.
    pub fn get(&self, path: &str, request: &ApiRequest) -> Option<Response<Body>> {
        let (file, cache) = self.find(path)?;
        let encoding = Encoding::accepted(request.header(ACCEPT_ENCODING.as_str()).unwrap_or_default());
        let etag = format!("\"{}-{}\"", file.content, encoding.name());
        let is_current = request.header(IF_NONE_MATCH.as_str()).is_some_and(|header| matches(header, &etag));
        let body = if is_current { None } else { Some(file.body(encoding)?) };
        let mut response = response(body, file.name, &etag, cache)?;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        if encoding != Encoding::Identity && !is_current {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
        }
        Some(response)
    }

    /// The files of the newest release, with paths below `mount`.
    pub fn manifest(&self, mount: &str) -> Option<Manifest> {
        let newest = self.releases.first()?;
        let files = newest.files.iter().map(|file| {
            let path = format!("{mount}/{}/{}", newest.version, file.name);
            let described = ManifestFile { path, integrity: file.integrity, bytes: file.bytes, gzip: file.gzip.len() };
            (file.name, described)
        });
        Some(Manifest { version: newest.version, files: files.collect() })
    }

    fn find(&self, path: &str) -> Option<(&'static ReleasedFile, HeaderValue)> {
        let named = |files: &'static [ReleasedFile], name: &str| files.iter().find(|file| file.name == name);
        if let Some(file) = named(self.latest, path) {
            return Some((file, SHORT));
        }
        let (folder, name) = path.split_once('/')?;
        let release = self.releases.iter().find(|release| release.version == folder)?;
        named(release.files, name).map(|file| (file, IMMUTABLE))
    }
}

impl ReleasedFile {
    /// The body in an encoding; `None` when the stored form is damaged.
    fn body(&self, encoding: Encoding) -> Option<Body> {
        match encoding {
            Encoding::Brotli => Some(Body::from(self.brotli)),
            Encoding::Gzip => Some(Body::from(self.gzip)),
            // Every browser takes gzip, so a third form of each file would be dead weight.
            Encoding::Identity => {
                let mut text = String::with_capacity(self.bytes);
                GzDecoder::new(self.gzip).read_to_string(&mut text).ok()?;
                Some(Body::from(text))
            }
        }
    }
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
            Self::Identity => "identity",
        }
    }

    /// The smallest form that an `Accept-Encoding` header allows. Weights other than 0 do not matter: the content is the same.
    fn accepted(header: &str) -> Self {
        let allows = |name: &str| {
            header.split(',').any(|part| {
                let mut fields = part.split(';').map(str::trim);
                let is_named = fields.next().is_some_and(|own| own.eq_ignore_ascii_case(name));
                is_named
                    && !fields.any(|field| matches!(field.strip_prefix("q="), Some("0" | "0.0" | "0.00" | "0.000")))
            })
        };
        if allows("br") {
            Self::Brotli
        } else if allows("gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_allowed_encoding_is_sent() {
        for (header, expected) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("BR;q=1.0, gzip;q=0.5", Encoding::Brotli),
            ("br;q=0, gzip", Encoding::Gzip),
            ("gzip, deflate", Encoding::Gzip),
            ("gzip;q=0.000", Encoding::Identity),
            ("identity", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            assert_eq!(Encoding::accepted(header), expected, "{header}");
        }
    }
}
