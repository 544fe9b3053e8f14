//! The list `NO_PROXY`: which destinations are reached without a proxy. Pure: no I/O.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

/// Destinations that `NO_PROXY` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exceptions {
    /// `*`: no connection goes through a proxy.
    everything: bool,
    networks: Vec<(IpNet, Option<u16>)>,
    /// In lower case, without dots at either end. A domain stands for its subdomains as well.
    domains: Vec<(String, Option<u16>)>,
}

impl Exceptions {
    /// Reads names, `.suffixes`, `*.suffixes`, addresses, networks such as `10.0.0.0/8`, each name and address with or without
    /// a port, and `*`. What is none of them matches nothing.
    pub(super) fn parse(list: &str) -> Self {
        let mut exceptions = Self::default();
        for item in list.split([',', ' ', '\t']).map(str::trim).filter(|item| !item.is_empty()) {
            if item == "*" {
                exceptions.everything = true;
            } else if let Some(network) = network(item) {
                exceptions.networks.push(network);
            } else {
                exceptions.domains.extend(domain(item));
            }
        }
        exceptions
    }

    /// `host` as it stands in a URL: an IPv6 address may be in brackets.
    pub(super) fn contain(&self, host: &str, port: Option<u16>) -> bool {
        let is_port = |wanted: &Option<u16>| wanted.is_none() || *wanted == port;
        if self.everything {
            return true;
        }
        match address(host) {
            Some(address) => {
                self.networks.iter().any(|(network, wanted)| network.contains(&address) && is_port(wanted))
            }
            None => {
                let host = host.trim_end_matches('.').to_ascii_lowercase();
                let is_host = |domain: &str| {
                    host == domain
                        || host.strip_suffix(domain).is_some_and(|subdomain| subdomain.ends_with('.'))
                };
                self.domains.iter().any(|(domain, wanted)| is_host(domain) && is_port(wanted))
            }
        }
    }
}

/// Whether the address is on this host or its link: no proxy can reach it for this process. The agents that hand out
/// credentials (EKS Pod Identity, ECS) and the instance metadata have such addresses.
pub(super) fn is_local(host: &str) -> bool {
    /// What AWS reserves for the services of an instance, `fd00:ec2::23` and `fd00:ec2::254` among them.
    const OF_THE_INSTANCE: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0);
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    match address(host) {
        Some(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Some(IpAddr::V6(address)) => {
            let of_the_instance =
                Ipv6Net::new(OF_THE_INSTANCE, 32).is_ok_and(|network| network.contains(&address));
            address.is_loopback() || address.is_unicast_link_local() || of_the_instance
        }
        None => name == "localhost" || name.ends_with(".localhost"),
    }
}

/// An IPv4 address that is written as IPv6 counts as IPv4.
fn address(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn network(item: &str) -> Option<(IpNet, Option<u16>)> {
    if let Ok(network) = item.parse::<IpNet>() {
        return Some((network, None));
    }
    if let Some(address) = address(item) {
        return Some((address.into(), None));
    }
    let (host, port) = item.rsplit_once(':')?;
    Some((address(host)?.into(), Some(port.parse().ok()?)))
}

fn domain(item: &str) -> Option<(String, Option<u16>)> {
    let (name, port) = match item.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (item, None),
    };
    let name = name.strip_prefix('*').unwrap_or(name).trim_matches('.').to_ascii_lowercase();
    (!name.is_empty()).then_some((name, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(list: &str, host: &str, port: u16) -> bool {
        Exceptions::parse(list).contain(host, Some(port))
    }

    #[test]
    fn names_suffixes_addresses_networks_and_ports_are_obeyed() {
        for (list, host, port) in [
            ("*", "anything.example", 443),
            ("example.com", "example.com", 443),
            ("example.com", "api.example.com", 443),
            (".example.com", "api.example.com", 443),
            ("*.example.com", "api.example.com", 443),
            ("EXAMPLE.com.", "Api.Example.COM.", 443),
            ("example.com:443", "example.com", 443),
            (".svc,.cluster.local", "kubernetes.default.svc", 443),
            ("10.0.0.0/8", "10.1.2.3", 443),
            ("10.1.2.3", "10.1.2.3", 6443),
            ("10.1.2.3:6443", "10.1.2.3", 6443),
            ("fd00::/8", "[fd12::1]", 443),
            ("[fd12::1]", "[fd12::1]", 443),
            ("[fd12::1]:443", "[fd12::1]", 443),
            ("fd12::1", "[fd12::1]", 443),
            ("10.0.0.0/8", "[::ffff:10.1.2.3]", 443),
            (" a.example , b.example,, ", "b.example", 443),
            ("a.example b.example", "b.example", 443),
        ] {
            assert!(matches(list, host, port), "`{list}` does not match {host}:{port}");
        }
    }

    #[test]
    fn nothing_else_matches() {
        for (list, host, port) in [
            ("", "example.com", 443),
            ("example.com", "notexample.com", 443),
            ("example.com", "example.com.evil", 443),
            ("example.com:8443", "example.com", 443),
            ("10.1.2.3:6443", "10.1.2.3", 443),
            ("10.0.0.0/8", "11.0.0.1", 443),
            ("10.0.0.0/8", "10.example.com", 443),
            (",", "example.com", 443),
            ("example.com:port", "example.com", 443),
            ("<local>", "example.com", 443),
            (".", "example.com", 443),
        ] {
            assert!(!matches(list, host, port), "`{list}` matches {host}:{port}");
        }
    }

    #[test]
    fn addresses_of_the_host_and_its_link_are_local() {
        for host in [
            "127.0.0.1",
            "127.8.8.8",
            "[::1]",
            "localhost",
            "LocalHost.",
            "a.localhost",
            "169.254.170.23",
            "169.254.169.254",
            "[fe80::1]",
            "[fd00:ec2::23]",
            "[fd00:ec2::254]",
            "[::ffff:169.254.170.2]",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "10.0.0.1",
            "169.253.1.1",
            "[fd00:ec3::1]",
            "[2001:db8::1]",
            "localhost.example",
            "omics.us-east-1.amazonaws.com",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }
}
