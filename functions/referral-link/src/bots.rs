//! Requests that are no clicks: robots, previews of links in messengers, and prefetches.

use tessera_lambda::http::ApiRequest;

/// Parts of the names of robots, in lower case.
const ROBOTS: [&str; 22] = [
    "bot",
    "crawl",
    "spider",
    "slurp",
    "preview",
    "facebookexternalhit",
    "whatsapp",
    "telegram",
    "skype",
    "curl",
    "wget",
    "python",
    "httpclient",
    "okhttp",
    "go-http",
    "java/",
    "headless",
    "lighthouse",
    "monitor",
    "scan",
    "fetch",
    "libwww",
];
/// The headers by which browsers say that nobody has clicked yet, with what they contain then.
const PREFETCH: [(&str, &str); 4] =
    [("purpose", "pre"), ("sec-purpose", "pre"), ("x-purpose", "pre"), ("x-moz", "prefetch")];

/// True if a person has clicked, as far as the request says.
pub(crate) fn is_counted(request: &ApiRequest, agent: &str) -> bool {
    let header = |name: &str| request.header(name).unwrap_or_default().to_ascii_lowercase();
    !is_robot(agent) && !PREFETCH.iter().any(|(name, value)| header(name).contains(value))
}

fn is_robot(agent: &str) -> bool {
    let agent = agent.to_ascii_lowercase();
    agent.trim().is_empty() || ROBOTS.iter().any(|robot| agent.contains(robot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_are_told_from_browsers() {
        for robot in ["", "Googlebot/2.1", "WhatsApp/2.24", "curl/8.5.0", "facebookexternalhit/1.1", "TelegramBot"] {
            assert!(is_robot(robot), "{robot}");
        }
        for browser in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1",
        ] {
            assert!(!is_robot(browser), "{browser}");
        }
    }
}
