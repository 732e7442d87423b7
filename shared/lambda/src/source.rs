//! Where a request comes from, as far as it can be trusted.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

/// The network that a request comes from: an IPv4 address, or the /64 of an IPv6 address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(String);

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads a list of networks or addresses, separated by commas.
    ///
    /// # Errors
    /// The first part that is neither.
    pub fn parse(list: &str) -> Result<Self, String> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(|part| {
            let network = part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| part.to_owned())
        });
        networks.collect::<Result<_, _>>().map(Self)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Source {
    /// Finds the source of a request: the peer of the gateway, or, where that is a trusted proxy, the last address in
    /// `X-Forwarded-For` that is none.
    ///
    /// The header is read from its end: whatever stands before that address was written by the sender.
    pub fn find(peer: Option<&str>, forwarded_for: Option<&str>, proxies: &TrustedProxies) -> Self {
        let Some(peer) = peer.and_then(address) else { return Self("unknown".to_owned()) };
        let mut found = peer;
        if proxies.contains(peer) {
            for hop in forwarded_for.unwrap_or_default().rsplit(',') {
                let Some(hop) = address(hop) else { break };
                found = hop;
                if !proxies.contains(hop) {
                    break;
                }
            }
        }
        Self(network(found))
    }

    /// The network of an address that somebody reports; the text itself when it is no address.
    pub fn reported(text: &str) -> Self {
        Self(address(text).map_or_else(|| text.trim().to_owned(), network))
    }

    /// The network as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The network of an address: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from(u128::from(address) >> 64 << 64)),
    }
}

/// An address, with or without a port; an IPv4 address mapped into IPv6 is the IPv4 address.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    plain.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(peer: &str, forwarded_for: &str, proxies: &str) -> String {
        let proxies = TrustedProxies::parse(proxies).unwrap();
        Source::find(Some(peer), Some(forwarded_for), &proxies).as_str().to_owned()
    }

    #[test]
    fn a_reported_address_is_the_network_of_a_request_from_it() {
        for address in ["203.0.113.7", "2001:db8:1:2::7", "::ffff:203.0.113.7", "[2001:db8:1:2::7]:443"] {
            let seen = Source::find(Some(address), None, &TrustedProxies::default());
            assert_eq!(Source::reported(&format!(" {address} ")), seen);
        }
        assert_eq!(Source::reported("2001:db8:1:2::7"), Source::reported("2001:0DB8:1:2:ffff::9"));
        assert_eq!(Source::reported("shop floor").as_str(), "shop floor");
    }

    #[test]
    fn without_a_trusted_proxy_the_header_counts_for_nothing() {
        assert_eq!(source("203.0.113.7", "198.51.100.1", ""), "203.0.113.7");
        assert_eq!(source("203.0.113.7", "198.51.100.1", "10.0.0.0/8"), "203.0.113.7");
    }

    #[test]
    fn behind_trusted_proxies_the_last_other_address_counts() {
        let proxies = "10.0.0.0/8, 2001:db8:ffff::/48,192.0.2.1";
        assert_eq!(source("10.1.2.3", "198.51.100.1", proxies), "198.51.100.1");
        assert_eq!(source("10.1.2.3", "198.51.100.1, 192.0.2.1, 10.9.9.9", proxies), "198.51.100.1");
        // What the sender wrote itself stands before the address that the proxy saw.
        assert_eq!(source("10.1.2.3", "8.8.8.8, 198.51.100.1", proxies), "198.51.100.1");
        assert_eq!(source("10.1.2.3", "8.8.8.8, nonsense, 10.9.9.9", proxies), "10.9.9.9");
        assert_eq!(source("2001:db8:ffff::1", "198.51.100.1:4711", proxies), "198.51.100.1");
        assert_eq!(source("10.1.2.3", "", proxies), "10.1.2.3");
    }

    #[test]
    fn ipv6_counts_by_its_64() {
        let one = source("2001:db8:1:2:aaaa::1", "", "");
        assert_eq!(one, "2001:db8:1:2::/64");
        assert_eq!(source("2001:db8:1:2:ffff:ffff:ffff:ffff", "", ""), one);
        assert_ne!(source("2001:db8:1:3::1", "", ""), one);
        assert_eq!(source("::ffff:203.0.113.7", "", ""), "203.0.113.7");
    }

    #[test]
    fn a_list_that_cannot_be_read_is_named() {
        assert_eq!(TrustedProxies::parse("10.0.0.0/8,proxy.example"), Err("proxy.example".to_owned()));
        assert_eq!(TrustedProxies::parse(" "), Ok(TrustedProxies::default()));
        assert_eq!(Source::find(None, None, &TrustedProxies::default()).as_str(), "unknown");
    }
}
