//! Routing by the rules of an HTTP API: a fixed segment wins over a parameter, a parameter over a greedy one, a method over
//! `ANY`. Paths are not normalized.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use super::template::TemplateRoute;

/// The routes of a template.
#[derive(Debug, Default)]
pub(super) struct RouteTable {
    routes: Vec<(TemplateRoute, Vec<Segment>)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Fixed(String),
    Parameter(String),
    Greedy(String),
}

impl Segment {
    /// The order of precedence: smaller is more specific.
    fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) => 0,
            Self::Parameter(_) => 1,
            Self::Greedy(_) => 2,
        }
    }
}

/// A matched route with the decoded values of its parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RouteMatch<'r> {
    pub route: &'r TemplateRoute,
    pub parameters: HashMap<String, String>,
}

/// A path that cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undecodable;

impl RouteTable {
    /// Creates the routes of a template.
    pub fn new(routes: &[TemplateRoute]) -> Self {
        let parsed = routes.iter().map(|route| (route.clone(), segments(&route.path)));
        Self { routes: parsed.collect() }
    }

    /// Finds the most specific route for a method and a raw path.
    pub fn find(&self, method: &str, path: &str) -> Result<Option<RouteMatch<'_>>, Undecodable> {
        let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let fits = self
            .routes
            .iter()
            .filter(|(route, segments)| (route.method == "ANY" || route.method == method) && fits(segments, &parts));
        let Some((route, segments)) = fits.min_by(|left, right| specific(left, right)) else {
            return Ok(None);
        };
        let mut parameters = HashMap::new();
        for (index, segment) in segments.iter().enumerate() {
            let (name, raw) = match segment {
                Segment::Fixed(_) => continue,
                Segment::Parameter(name) => (name, parts[index].to_owned()),
                Segment::Greedy(name) => (name, parts[index..].join("/")),
            };
            parameters.insert(name.clone(), decode(&raw).ok_or(Undecodable)?);
        }
        Ok(Some(RouteMatch { route, parameters }))
    }
}

fn segments(path: &str) -> Vec<Segment> {
    path.strip_prefix('/')
        .unwrap_or(path)
        .split('/')
        .map(|segment| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None => Segment::Fixed(segment.to_owned()),
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Segment::Greedy(name.to_owned()),
                None => Segment::Parameter(name.to_owned()),
            },
        })
        .collect()
}

fn fits(segments: &[Segment], parts: &[&str]) -> bool {
    let greedy = matches!(segments.last(), Some(Segment::Greedy(_)));
    if segments.len() > parts.len() || (segments.len() < parts.len() && !greedy) {
        return false;
    }
    segments.iter().zip(parts).all(|(segment, part)| match segment {
        Segment::Fixed(text) => text == part || decode(part).as_ref() == Some(text),
        Segment::Parameter(_) | Segment::Greedy(_) => !part.is_empty(),
    })
}

fn specific(left: &(TemplateRoute, Vec<Segment>), right: &(TemplateRoute, Vec<Segment>)) -> Ordering {
    let ranks = |segments: &[Segment]| segments.iter().map(Segment::rank).collect::<Vec<_>>();
    ranks(&left.1).cmp(&ranks(&right.1)).then_with(|| (left.0.method == "ANY").cmp(&(right.0.method == "ANY")))
}

/// Percent-decodes a path segment; `None` for invalid UTF-8 or a broken escape.
fn decode(raw: &str) -> Option<String> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !raw.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(raw).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn routes(list: &[(&str, &str)]) -> RouteTable {
        let routes: Vec<TemplateRoute> = list
            .iter()
            .map(|(method, path)| TemplateRoute {
                method: (*method).to_owned(),
                path: (*path).to_owned(),
                function: format!("{method} {path}"),
                authorizer: None,
            })
            .collect();
        RouteTable::new(&routes)
    }

    fn taken<'r>(routes: &'r RouteTable, method: &str, path: &str) -> Option<&'r str> {
        routes.find(method, path).unwrap().map(|taken| taken.route.function.as_str())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = routes(&[
            ("ANY", "/v1/{all+}"),
            ("GET", "/v1/receipts/{id}"),
            ("POST", "/v1/receipts/preview"),
            ("POST", "/v1/receipts/{id}"),
            ("ANY", "/v1/receipts/{id}"),
            ("POST", "/v1/receipts/{id}/refunds"),
        ]);
        for (method, path, expected) in [
            ("POST", "/v1/receipts/preview", Some("POST /v1/receipts/preview")),
            ("POST", "/v1/receipts/a", Some("POST /v1/receipts/{id}")),
            ("PUT", "/v1/receipts/a", Some("ANY /v1/receipts/{id}")),
            ("POST", "/v1/receipts/a/refunds", Some("POST /v1/receipts/{id}/refunds")),
            ("GET", "/v1/x/y/z", Some("ANY /v1/{all+}")),
            ("GET", "/v1", None),
            ("GET", "/v2/x", None),
            ("GET", "/v1/", None),
        ] {
            assert_eq!(taken(&routes, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn nothing_is_rewritten() {
        let routes = routes(&[("GET", "/v1/members/{member}")]);
        assert_eq!(taken(&routes, "GET", "/v1/members/"), None);
        assert_eq!(taken(&routes, "GET", "/v1/members/a/"), None);
        assert_eq!(taken(&routes, "GET", "//v1/members/a"), None);
        assert_eq!(taken(&routes, "POST", "/v1/members/a"), None);
    }

    #[test]
    fn parameters_are_decoded_once() {
        let routes = routes(&[("GET", "/m/{member}"), ("GET", "/g/{rest+}")]);
        let value =
            |path: &str, name: &str| routes.find("GET", path).map(|taken| taken.unwrap().parameters[name].clone());
        assert_eq!(value("/m/email:ada%40example.com", "member").unwrap(), "email:ada@example.com");
        assert_eq!(value("/m/a%2Fb%2525", "member").unwrap(), "a/b%25");
        assert_eq!(value("/m/a+b", "member").unwrap(), "a+b");
        assert_eq!(value("/g/a/b%20c", "rest").unwrap(), "a/b c");
        assert_eq!(value("/m/%FF", "member"), Err(Undecodable));
        assert_eq!(value("/m/%4", "member"), Err(Undecodable));
    }
}
