//! Which requests change something, and what they are called.

use std::fmt;

use serde_json::Value;

/// The two edges of the operator: every effect it has is a request on one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edge {
    /// The Kubernetes API server.
    Kubernetes,
    /// HealthOmics and STS.
    Aws,
}

/// A request that changes something: edge, verb, resource or operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    pub edge: Edge,
    pub what: String,
}

/// The n-th occurrence of a call, from 1. It names the same request in every run of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nth {
    pub call: Call,
    pub n: usize,
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.call.what, self.n)
    }
}

impl Call {
    /// None for requests that only read, and for Events and Leases, which no decision depends on.
    pub fn of(edge: Edge, method: &str, path: &str) -> Option<Self> {
        let what = match edge {
            Edge::Kubernetes => kubernetes(method, path)?,
            Edge::Aws => omics(method, path)?.to_owned(),
        };
        Some(Self { edge, what })
    }

    pub fn is(&self, what: &str) -> bool {
        self.what == what
    }
}

fn kubernetes(method: &str, path: &str) -> Option<String> {
    if !matches!(method, "POST" | "PUT" | "PATCH" | "DELETE") {
        return None;
    }
    // /apis/GROUP/VERSION/namespaces/NAMESPACE/RESOURCE[/NAME[/SUBRESOURCE]]
    let rest = path.split_once("/namespaces/")?.1;
    let parts: Vec<&str> = rest.split('/').collect();
    let resource = *parts.get(1)?;
    if matches!(resource, "events" | "leases") {
        return None;
    }
    let sub = parts.get(3).map(|sub| format!("/{sub}")).unwrap_or_default();
    Some(format!("{method} {resource}{sub}"))
}

fn omics(method: &str, path: &str) -> Option<&'static str> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    Some(match (method, segments.as_slice()) {
        ("POST", ["sequencestore"]) => "CreateSequenceStore",
        ("PATCH", ["sequencestore", _]) => "UpdateSequenceStore",
        ("DELETE", ["sequencestore", _]) => "DeleteSequenceStore",
        ("POST", ["tags", _]) => "TagResource",
        ("DELETE", ["tags", _]) => "UntagResource",
        ("PUT", ["s3accesspolicy", _]) => "PutS3AccessPolicy",
        ("DELETE", ["s3accesspolicy", _]) => "DeleteS3AccessPolicy",
        ("POST", ["sequencestore", _, "readset", "batch", "delete"]) => "BatchDeleteReadSet",
        _ => return None,
    })
}

/// The id of the store that an AWS path names, by id or ARN; none for access points.
pub fn store_id(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    match segments.as_slice() {
        ["sequencestore", id, ..] => Some((*id).to_owned()),
        // An ARN in a path: its slash is percent-encoded.
        ["tags", arn] => {
            let arn = arn.replace("%2F", "/").replace("%2f", "/");
            Some(arn.rsplit('/').next()?.to_owned())
        }
        _ => None,
    }
}

/// Whether a Kubernetes body is a status that holds the id of a store.
pub fn saves_id(body: &Value) -> bool {
    body["status"]["store"]["id"].as_str().is_some_and(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(edge: Edge, method: &str, path: &str) -> Option<String> {
        Call::of(edge, method, path).map(|call| call.what)
    }

    #[test]
    fn requests_that_change_something_have_names() {
        let object = "/apis/healthomics.dev/v1alpha1/namespaces/n/sequencestores/a";
        let kubernetes = |method, path: &str| name(Edge::Kubernetes, method, path);
        assert_eq!(kubernetes("PATCH", object).as_deref(), Some("PATCH sequencestores"));
        let status = format!("{object}/status");
        assert_eq!(kubernetes("PATCH", &status).as_deref(), Some("PATCH sequencestores/status"));
        assert_eq!(kubernetes("GET", object), None);
        assert_eq!(kubernetes("POST", "/apis/events.k8s.io/v1/namespaces/n/events"), None);
        assert_eq!(name(Edge::Aws, "POST", "/sequencestore").as_deref(), Some("CreateSequenceStore"));
        assert_eq!(name(Edge::Aws, "POST", "/sequencestores"), None);
        assert_eq!(name(Edge::Aws, "POST", "/"), None);
    }

    #[test]
    fn a_store_is_named_by_id_or_arn() {
        assert_eq!(store_id("/sequencestore/1234567890").as_deref(), Some("1234567890"));
        let arn = "/tags/arn%3Aaws%3Aomics%3Aus-east-1%3A123456789012%3AsequenceStore%2F1234567890";
        assert_eq!(store_id(arn).as_deref(), Some("1234567890"));
    }
}
