//! Checks the addresses that a merchant submits.

use http::Uri;
use tessera_domain::input::Node;
use tessera_lambda::Problem;
use tessera_outbound::{TargetError, Targets};

/// The longest URL.
pub(crate) const MAX_URL_BYTES: usize = 2_000;

/// Reads an absolute URL. Whether it may be reached, [`check`] says.
pub(crate) fn read_url(node: &Node<'_>) -> Option<String> {
    let text = node.text(MAX_URL_BYTES)?;
    match text.parse::<Uri>() {
        Ok(url) if url.scheme().is_some() && url.host().is_some_and(|host| !host.is_empty()) => Some(text),
        _ => node.refuse("must be a URL such as \"https://shop.example/hooks\""),
    }
}

/// Checks that requests to a URL would be sent.
///
/// # Errors
/// 422 `address_not_allowed`.
pub(crate) async fn check(url: &str) -> Result<(), Problem> {
    let parsed: Uri = url.parse().map_err(|_| Problem::malformed_at("/url", "must be a URL"))?;
    Targets::default().check_host(&parsed).await.map_err(|error| not_allowed(&error))
}

fn not_allowed(error: &TargetError) -> Problem {
    Problem::not_allowed("address_not_allowed", format!("requests to this URL would not be sent: {error}"))
}

/// Whether two URLs lead to the same host, port and scheme.
pub(crate) fn is_same_host(one: &str, other: &str) -> bool {
    let parts = |text: &str| {
        let url: Uri = text.parse().ok()?;
        let host = url.host()?.to_ascii_lowercase();
        Some((url.scheme_str().map(str::to_ascii_lowercase), host, url.port_u16()))
    };
    parts(one).is_some() && parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_the_same_whatever_its_path_and_case() {
        assert!(is_same_host("https://Shop.example/a", "https://shop.example/b?c=1"));
        for other in ["https://shop.example:444/a", "http://shop.example/a", "https://evil.example/a", "no url"] {
            assert!(!is_same_host("https://shop.example/a", other), "{other}");
        }
        assert!(!is_same_host("no url", "no url"));
    }

    #[tokio::test]
    async fn private_addresses_are_refused() {
        for url in [
            "https://10.0.0.1/",
            "http://10.0.0.1/",
            "https://169.254.169.254/latest",
            "https://[fd00::1]/",
            "http://shop.example/",
            "https://127.1/",
        ] {
            assert_eq!(check(url).await.unwrap_err().slug(), "address_not_allowed", "{url}");
        }
        check("https://8.8.8.8/hook").await.unwrap();
    }
}
