//! The proxies of the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case. I/O: reads
//! the environment.

use http::Uri;

use super::exceptions::{Exceptions, is_local};
use super::web_url;

/// Which proxy leads to which destination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    http: Option<Uri>,
    https: Option<Uri>,
    exceptions: Exceptions,
}

impl Proxies {
    /// # Errors
    /// A proxy that cannot be used, with the variable that names it.
    pub(crate) fn from_environment() -> Result<Self, String> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// `variable` returns the value of an environment variable. An empty one counts as unset.
    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                variable(name)
                    .map(|value| value.trim().to_owned())
                    .filter(|v| !v.is_empty())
                    .map(|v| (name, v))
            })
        };
        let of_all = first(["ALL_PROXY", "all_proxy"]);
        let proxy = |names| first(names).or(of_all.clone()).map(|(name, url)| parse(name, &url)).transpose();
        Ok(Self {
            http: proxy(["HTTP_PROXY", "http_proxy"])?,
            https: proxy(["HTTPS_PROXY", "https_proxy"])?,
            exceptions: Exceptions::parse(&first(["NO_PROXY", "no_proxy"]).unwrap_or_default().1),
        })
    }

    /// The proxy to `destination`, none where it is reached directly.
    pub(crate) fn to(&self, destination: &Uri) -> Option<&Uri> {
        let (proxy, usual_port) = match destination.scheme_str() {
            Some("https") => (self.https.as_ref()?, 443),
            Some("http") => (self.http.as_ref()?, 80),
            _ => return None,
        };
        let host = destination.host()?;
        let port = destination.port_u16().unwrap_or(usual_port);
        (!is_local(host) && !self.exceptions.contain(host, Some(port))).then_some(proxy)
    }

    /// The proxies in use, each once.
    pub(crate) fn all(&self) -> Vec<&Uri> {
        let mut all: Vec<&Uri> = self.http.iter().chain(&self.https).collect();
        all.dedup();
        all
    }
}

/// The message does not quote the value, which may hold a password.
fn parse(variable: &str, value: &str) -> Result<Uri, String> {
    let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    web_url(&url).ok_or_else(|| {
        format!("{variable} is not the URL of an HTTP proxy: write http://HOST:PORT, or remove the variable")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, String> {
        let variables: HashMap<String, String> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Proxies::read(|name| variables.get(name).cloned())
    }

    fn to(variables: &[(&str, &str)], destination: &str) -> Option<String> {
        let proxies = proxies(variables).expect("valid proxies");
        proxies.to(&destination.parse().expect("a URL")).map(ToString::to_string)
    }

    const OMICS: &str = "https://control-storage-omics.us-east-1.amazonaws.com/sequencestore";

    #[test]
    fn each_scheme_has_its_proxy() {
        let both = [("HTTP_PROXY", "http://plain:1"), ("https_proxy", "secure:2")];
        assert_eq!(to(&both, OMICS).as_deref(), Some("http://secure:2/"));
        assert_eq!(to(&both, "http://omics.example/").as_deref(), Some("http://plain:1/"));
        assert_eq!(to(&[("ALL_PROXY", "http://all:3")], OMICS).as_deref(), Some("http://all:3/"));
        assert_eq!(to(&[("HTTP_PROXY", "http://plain:1")], OMICS), None);
        assert_eq!(
            to(&[("HTTPS_PROXY", " "), ("https_proxy", "low:4")], OMICS).as_deref(),
            Some("http://low:4/")
        );
    }

    #[test]
    fn no_proxy_and_local_addresses_are_reached_directly() {
        let proxied =
            [("HTTPS_PROXY", "http://p:1"), ("HTTP_PROXY", "http://p:1"), ("no_proxy", ".svc,10.0.0.0/8")];
        for direct in [
            "https://kubernetes.default.svc",
            "https://10.1.2.3:6443",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://127.0.0.1:6443",
        ] {
            assert_eq!(to(&proxied, direct), None, "{direct}");
        }
        assert!(to(&proxied, OMICS).is_some());
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_without_quoting_it() {
        for value in ["socks5://user:secret@p:1080", "ftp://p", "http://", "http://p roxy"] {
            let error = proxies(&[("HTTPS_PROXY", value)]).expect_err("refused");
            assert!(error.starts_with("HTTPS_PROXY") && !error.contains("secret"), "{error}");
        }
        // A proxy that is not used is not judged.
        let unused = [("ALL_PROXY", "socks5://p:1"), ("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:1")];
        assert!(proxies(&unused).is_ok());
    }
}
