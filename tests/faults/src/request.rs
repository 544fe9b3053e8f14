//! Recognises requests that change something, and gives them names. No I/O.

use std::fmt;

use serde_json::Value;

/// The two APIs that the operator calls. All its effects are requests to one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    Kubernetes,
    /// HealthOmics and STS.
    Aws,
}

/// A kind of request that changes something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MutatingRequest {
    pub backend: Backend,
    /// The method and resource of a Kubernetes request, such as `PATCH sequencestores/status`, or the AWS operation.
    pub name: String,
}

/// The n-th request of its kind in a run, counted from 1. It means the same request in every run of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Occurrence {
    pub request: MutatingRequest,
    pub number: usize,
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.request.name, self.number)
    }
}

impl MutatingRequest {
    /// Returns `None` for requests that only read, and for Events and Leases, which influence no decision.
    pub fn parse(backend: Backend, method: &str, path: &str) -> Option<Self> {
        let name = match backend {
            Backend::Kubernetes => kubernetes_name(method, path)?,
            Backend::Aws => omics_operation(method, path)?.to_owned(),
        };
        Some(Self { backend, name })
    }

    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }
}

fn kubernetes_name(method: &str, path: &str) -> Option<String> {
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
    let subresource = parts.get(3).map(|name| format!("/{name}")).unwrap_or_default();
    Some(format!("{method} {resource}{subresource}"))
}

fn omics_operation(method: &str, path: &str) -> Option<&'static str> {
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

/// The ID of the store in an AWS path, which contains the ID itself or the store's ARN. `None` for other paths, such as
/// those of S3 access points.
pub fn store_id(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    match segments.as_slice() {
        ["sequencestore", id, ..] => Some((*id).to_owned()),
        // The slash in the ARN is percent-encoded.
        ["tags", arn] => {
            let arn = arn.replace("%2F", "/").replace("%2f", "/");
            Some(arn.rsplit('/').next()?.to_owned())
        }
        _ => None,
    }
}

/// Whether the body of a Kubernetes request contains a status with the ID of a store.
pub fn saves_store_id(body: &Value) -> bool {
    body["status"]["store"]["id"].as_str().is_some_and(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(backend: Backend, method: &str, path: &str) -> Option<String> {
        MutatingRequest::parse(backend, method, path).map(|request| request.name)
    }

    #[test]
    fn requests_that_change_something_get_a_name_and_others_none() {
        let object = "/apis/healthomics.dev/v1alpha1/namespaces/n/sequencestores/a";
        let kubernetes = |method, path: &str| name(Backend::Kubernetes, method, path);
        assert_eq!(kubernetes("PATCH", object).as_deref(), Some("PATCH sequencestores"));
        let status = format!("{object}/status");
        assert_eq!(kubernetes("PATCH", &status).as_deref(), Some("PATCH sequencestores/status"));
        assert_eq!(kubernetes("GET", object), None);
        assert_eq!(kubernetes("POST", "/apis/events.k8s.io/v1/namespaces/n/events"), None);
        assert_eq!(name(Backend::Aws, "POST", "/sequencestore").as_deref(), Some("CreateSequenceStore"));
        assert_eq!(name(Backend::Aws, "POST", "/sequencestores"), None);
        assert_eq!(name(Backend::Aws, "POST", "/"), None);
    }

    #[test]
    fn store_id_reads_the_id_from_an_id_or_an_arn() {
        assert_eq!(store_id("/sequencestore/1234567890").as_deref(), Some("1234567890"));
        let arn = "/tags/arn%3Aaws%3Aomics%3Aus-east-1%3A123456789012%3AsequenceStore%2F1234567890";
        assert_eq!(store_id(arn).as_deref(), Some("1234567890"));
    }
}
