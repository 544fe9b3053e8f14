//! Reads and writes the one Lease of the leader election. Every request has a deadline. I/O.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, ApiResource, PostParams};
use kube::core::{GroupVersionKind, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, FIELD_MANAGER, answered_within};

/// The spec of a Lease. Times are texts: nothing is decided by them, and one that no library reads must not make the whole
/// Lease unreadable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaseSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder_identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_duration_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acquire_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renew_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_transitions: Option<i64>,
    /// Members of later versions of the API.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// A Lease, which may have no spec.
pub type Lease = Object<Option<LeaseSpec>, Value>;

/// The Lease of one installation. It may not exist.
pub struct LeaseApi {
    api: Api<Lease>,
    resource: ApiResource,
    pub namespace: String,
    pub name: String,
    /// Limit for one request.
    deadline: Duration,
}

impl LeaseApi {
    #[must_use]
    pub fn new(client: Client, namespace: String, name: String, deadline: Duration) -> Self {
        let kind = GroupVersionKind::gvk("coordination.k8s.io", "v1", "Lease");
        let resource = ApiResource::from_gvk(&kind);
        let api = Api::namespaced_with(client, &namespace, &resource);
        Self { api, resource, namespace, name, deadline }
    }

    /// A Lease that does not exist yet.
    #[must_use]
    pub fn absent(&self) -> Lease {
        Lease::new(&self.name, &self.resource, None)
    }

    /// None where there is no such Lease.
    ///
    /// # Errors
    /// Everything but "not found".
    pub async fn read(&self) -> Result<Option<Lease>, Error> {
        answered_within(self.deadline, "read the Lease", self.api.get_opt(&self.name)).await
    }

    /// Creates the Lease if it has no resourceVersion, and else replaces exactly that version of it.
    ///
    /// # Errors
    /// A conflict or "not found", if somebody else was first.
    pub async fn write(&self, lease: &Lease) -> Result<Lease, Error> {
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        if lease.metadata.resource_version.is_some() {
            let replaced = self.api.replace(&self.name, &parameters, lease);
            answered_within(self.deadline, "renew the Lease", replaced).await
        } else {
            answered_within(self.deadline, "create the Lease", self.api.create(&parameters, lease)).await
        }
    }
}
