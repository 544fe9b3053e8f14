//! URLs that requests can be sent to. No I/O.

use http::Uri;

/// The URL, if a request can be sent to it.
pub(crate) fn web_url(text: &str) -> Option<Uri> {
    text.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// The host and port of a URL, without a password, which may stand before them.
pub(crate) fn host_and_port(url: &Uri) -> &str {
    url.authority().and_then(|authority| authority.as_str().rsplit('@').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_and_port_have_no_password() {
        let url = web_url("http://user:secret@a:4318/v1/traces").expect("a URL");
        assert_eq!(host_and_port(&url), "a:4318");
    }
}
