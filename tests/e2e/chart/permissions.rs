//! What the chart's roles grant, and what the audit log shows that was asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use control_plane::AuditMark;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;

use crate::world::{Error, TIMEOUT, World, ensure};

const POLL: Duration = Duration::from_millis(100);

/// One verb on one kind of object, as a role grants it and as the audit log shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    pub verb: String,
    /// With the subresource.
    pub resource: String,
    pub group: String,
}

pub fn permission(verb: &str, resource: &str, group: &str) -> Permission {
    Permission { verb: verb.into(), resource: resource.into(), group: group.into() }
}

/// An operator of single namespaces asks whether they exist, and does without the answer.
pub fn optional() -> Permission {
    permission("get", "namespaces", "")
}

/// Permissions of the roles that are bound to somebody, each with the name of the only object that it is for.
pub fn granted(documents: &[Value]) -> BTreeMap<Permission, Option<String>> {
    let is_bound = |role: &Value| {
        documents.iter().any(|binding| {
            !binding["subjects"].is_null() && binding["roleRef"]["name"] == role["metadata"]["name"]
        })
    };
    let texts = |rule: &Value, key: &str| -> Vec<String> {
        let texts = rule[key].as_array().into_iter().flatten();
        texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mut granted = BTreeMap::new();
    let roles = documents.iter().filter(|object| !object["rules"].is_null() && is_bound(object));
    for rule in roles.flat_map(|role| role["rules"].as_array().into_iter().flatten()) {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    let only = texts(rule, "resourceNames").first().cloned();
                    granted.insert(permission(&verb, &resource, &group), only);
                }
            }
        }
    }
    granted
}

/// What a user has asked the API server for since then, and what of it was denied.
pub async fn used(
    world: &World,
    mark: &AuditMark,
    user: &str,
) -> Result<(BTreeSet<Permission>, BTreeSet<Permission>), Error> {
    let (audit, mark) = (world.cluster.plane.audit(), mark.clone());
    let requests = tokio::task::spawn_blocking(move || audit.requests_since(&mark)).await?;
    let (mut used, mut denied) = (BTreeSet::new(), BTreeSet::new());
    for request in requests.iter().filter(|request| request.user == user && !request.resource.is_empty()) {
        let group = request.uri.strip_prefix("/apis/").and_then(|path| path.split('/').next());
        let asked = permission(&request.verb, &request.full_resource(), group.unwrap_or_default());
        if request.code == 403 {
            denied.insert(asked.clone());
        }
        used.insert(asked);
    }
    Ok((used, denied))
}

/// Every permission was used, and nothing else was asked for.
pub async fn ensure_exact(
    world: &World,
    mark: &AuditMark,
    user: &str,
    granted: &BTreeMap<Permission, Option<String>>,
) -> Result<(), Error> {
    let granted: BTreeSet<Permission> = granted.keys().cloned().collect();
    let (mut used, mut denied) = used(world, mark, user).await?;
    if !granted.contains(&optional()) {
        used.remove(&optional());
        denied.remove(&optional());
    }
    ensure!(denied.is_empty(), "denied: {denied:?}");
    ensure!(
        granted == used,
        "granted but not used: {:?}; used but not granted: {:?}",
        &granted - &used,
        &used - &granted
    );
    Ok(())
}

/// Waits until the API server knows these permissions of the user in this namespace.
pub async fn until_known(
    world: &World,
    user: &str,
    namespace: &str,
    permissions: &BTreeMap<Permission, Option<String>>,
) -> Result<(), Error> {
    let reviews: Api<SubjectAccessReview> = Api::all(world.client.clone());
    let end = tokio::time::Instant::now() + TIMEOUT;
    for (permission, only) in permissions {
        let (resource, subresource) = match permission.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (permission.resource.as_str(), None),
        };
        let attributes = ResourceAttributes {
            group: Some(permission.group.clone()),
            name: only.clone(),
            namespace: Some(namespace.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            verb: Some(permission.verb.clone()),
            ..ResourceAttributes::default()
        };
        let spec = SubjectAccessReviewSpec {
            user: Some(user.to_owned()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        while !is_allowed(&reviews, &review).await? {
            ensure!(tokio::time::Instant::now() < end, "{user} never may {permission:?}");
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(())
}

async fn is_allowed(reviews: &Api<SubjectAccessReview>, review: &SubjectAccessReview) -> Result<bool, Error> {
    let answer = reviews.create(&PostParams::default(), review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
