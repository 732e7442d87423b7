//! Which URLs and addresses a request may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;
use ipnet::{Ipv4Net, Ipv6Net};

/// Which addresses are reachable. The default is what the build allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Targets {
    /// Addresses of the public internet, over HTTPS.
    #[cfg_attr(not(feature = "loopback-targets"), default)]
    Public,
    /// Also loopback addresses, over HTTPS or HTTP. Exists only with the cargo feature `loopback-targets`.
    #[cfg(feature = "loopback-targets")]
    #[default]
    PublicAndLoopback,
}

/// Why a target is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The URL is neither HTTPS nor, where loopback is allowed, HTTP to a loopback host.
    #[error("a URL must begin with https://")]
    Scheme,
    /// The URL has no host.
    #[error("a URL must name a host")]
    Host,
    /// The URL holds a user name or a password.
    #[error("a URL must not contain user information")]
    UserInfo,
    /// No address of the host is reachable.
    #[error("{0} is not a public address")]
    Address(String),
}

impl Targets {
    /// Checks a URL as far as possible without DNS, for settings that a merchant submits.
    ///
    /// # Errors
    /// When no request to this URL would be sent.
    pub fn check(self, url: &Uri) -> Result<(), TargetError> {
        let host = host(url).ok_or(TargetError::Host)?;
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(TargetError::UserInfo);
        }
        let address = host.parse::<IpAddr>().ok();
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if self.allows_loopback() && address.is_some_and(is_loopback) => {}
            _ => return Err(TargetError::Scheme),
        }
        let is_allowed = address.map_or_else(|| is_name(host), |address| self.allows(address));
        if is_allowed { Ok(()) } else { Err(TargetError::Address(host.to_owned())) }
    }

    /// True for an address that a connection may be opened to.
    pub fn allows(self, address: IpAddr) -> bool {
        is_public(address) || (self.allows_loopback() && is_loopback(address))
    }

    pub(crate) const fn allows_loopback(self) -> bool {
        match self {
            Self::Public => false,
            #[cfg(feature = "loopback-targets")]
            Self::PublicAndLoopback => true,
        }
    }
}

/// The host of a URL, an IPv6 address without its brackets.
pub(crate) fn host(url: &Uri) -> Option<&str> {
    let host = url.host()?;
    let host = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty()).then_some(host)
}

/// True for a name that the internet may have: neither `localhost` nor an unusual spelling of an IPv4 address, such as `127.1` or
/// `0x7f000001`. No top-level domain begins with a digit.
fn is_name(host: &str) -> bool {
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    !last.starts_with(|first: char| first.is_ascii_digit()) && !last.eq_ignore_ascii_case("localhost")
}

/// The two addresses of this machine that the local stack sends requests to.
pub(crate) fn is_loopback(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// The special-purpose blocks of the IANA registry that are not globally reachable, and multicast.
const NOT_PUBLIC_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// Global unicast. Everything outside is refused: loopback, unique local, link-local, multicast, NAT64.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 3);

/// Blocks of global unicast for protocols, documentation, and IPv4 addresses in disguise (Teredo, 6to4).
const NOT_PUBLIC_V6: [Ipv6Net; 4] = [v6(0x2001, 0, 23), v6(0x2001, 0x0db8, 32), v6(0x2002, 0, 16), v6(0x3fff, 0, 20)];

fn is_public(address: IpAddr) -> bool {
    // An IPv4 address mapped into IPv6 is reached over IPv4.
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|block| block.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !NOT_PUBLIC_V6.iter().any(|block| block.contains(&address))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(targets: Targets, url: &str) -> Result<(), TargetError> {
        targets.check(&url.parse().unwrap())
    }

    #[test]
    fn only_public_addresses_are_public() {
        let public =
            ["8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.167.0.1", "223.255.0.1"];
        let public_v6 = ["2606:4700::1111", "2a00:1450:4001::5e", "::ffff:8.8.8.8", "2001:200::1"];
        for address in public.into_iter().chain(public_v6) {
            assert!(Targets::Public.allows(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!Targets::Public.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_url_is_https_to_a_host_that_may_be_public() {
        for url in
            ["https://a.klaviyo.com/api", "https://shop.example:8443/", "https://8.8.8.8", "https://[2606:4700::1]/"]
        {
            assert_eq!(check(Targets::Public, url), Ok(()), "{url}");
        }
        for (url, error) in [
            ("http://a.klaviyo.com/", TargetError::Scheme),
            ("ftp://a.klaviyo.com/", TargetError::Scheme),
            ("a.klaviyo.com", TargetError::Scheme),
            ("/api", TargetError::Host),
            ("https://user:secret@shop.example/", TargetError::UserInfo),
            ("https://169.254.169.254/latest", TargetError::Address("169.254.169.254".to_owned())),
            ("https://[::1]/", TargetError::Address("::1".to_owned())),
            ("https://[::ffff:10.0.0.1]/", TargetError::Address("::ffff:10.0.0.1".to_owned())),
            ("https://127.1/", TargetError::Address("127.1".to_owned())),
            ("https://2130706433/", TargetError::Address("2130706433".to_owned())),
            ("https://0x7f000001/", TargetError::Address("0x7f000001".to_owned())),
            ("https://shop.localhost/", TargetError::Address("shop.localhost".to_owned())),
            ("https://127.0.0.1./", TargetError::Address("127.0.0.1.".to_owned())),
            ("http://127.0.0.1:8080/", TargetError::Scheme),
            ("http://localhost/", TargetError::Scheme),
        ] {
            assert_eq!(check(Targets::Public, url), Err(error), "{url}");
        }
    }

    #[cfg(not(feature = "loopback-targets"))]
    #[test]
    fn a_build_without_the_feature_reaches_public_addresses_only() {
        assert_eq!(Targets::default(), Targets::Public);
    }

    #[cfg(feature = "loopback-targets")]
    #[test]
    fn the_feature_adds_loopback_and_no_other_address() {
        let targets = Targets::default();
        for url in ["http://127.0.0.1:8080/", "http://[::1]:1/", "https://127.0.0.1/"] {
            assert_eq!(check(targets, url), Ok(()), "{url}");
        }
        for url in [
            "http://8.8.8.8/",
            "http://10.0.0.1/",
            "https://10.0.0.1/",
            "http://shop.example/",
            "http://127.0.0.2/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "https://localhost/",
        ] {
            assert!(check(targets, url).is_err(), "{url}");
        }
    }
}
