//! What is to be done with the ConfigMap that tells pipelines how to reach the store, and what a ConfigMap that exists means
//! for that. Pure: no I/O.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::{Resource, ResourceExt};

use super::State;
use crate::crd::{SequenceStore, SequenceStoreStatus, is_dns_subdomain};

const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "sequencestore-operator");

/// What is to be done with the ConfigMap of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionStep {
    /// None is asked for, or it stays as it is: the object is paused or being deleted, or is not Ready for another reason.
    Leave,
    /// It stays as it is, because it is not certain that the store belongs to this object.
    Withhold,
    /// The ConfigMap of this name must hold this.
    Keep { name: String, data: BTreeMap<String, String> },
    /// The ConfigMap of this name is not wanted any more.
    Remove { name: String },
}

/// What came of the ConfigMap in a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionOutcome {
    /// Nothing was done, and the ConfigMap keeps nothing from being Ready.
    AsBefore,
    /// As [`ConnectionStep::Withhold`].
    Withheld,
    /// The ConfigMap of this name is about to be made.
    Writing(String),
    /// Whether the ConfigMap of this name is as it must be is not known: a request failed, and is sent again.
    Unknown(String),
    /// The ConfigMap of this name is being deleted, and something holds that up.
    Going(String),
    /// The ConfigMap of this name is as it must be.
    Kept(String),
    /// The object has no ConfigMap any more.
    Removed,
    /// A ConfigMap of this name belongs to somebody else.
    Conflict {
        name: String,
        /// The other SequenceStore whose it is, if it is one.
        other: Option<String>,
    },
    /// The API server does not let the operator do this with the ConfigMap of this name.
    Refused { name: String, verb: &'static str },
}

/// What the ConfigMap of an object needs. `draft` is the status of the pass, and `is_ready` whether it makes the object
/// Ready, the ConfigMap aside.
#[must_use]
pub fn connection_step(
    object: &SequenceStore,
    draft: &SequenceStoreStatus,
    is_ready: bool,
    state: &State,
) -> ConnectionStep {
    if object.is_paused() || object.is_being_deleted() {
        return ConnectionStep::Leave;
    }
    let is_lost = matches!(state, State::OwnershipConflict { .. });
    match (object.wanted_config_map(), object.kept_config_map()) {
        (None, Some(kept)) => ConnectionStep::Remove { name: kept.to_owned() },
        (Some(_), Some(kept)) if is_lost => ConnectionStep::Remove { name: kept.to_owned() },
        (Some(name), _) if is_ready => match connection(object, draft) {
            Some(data) => ConnectionStep::Keep { name: name.to_owned(), data },
            None => ConnectionStep::Withhold,
        },
        (Some(_) | None, _) => ConnectionStep::Leave,
    }
}

/// How to reach the store on record; none where it is not certain that the store belongs to the object. One that the object
/// only observes need not belong to it.
#[must_use]
pub fn connection(object: &SequenceStore, status: &SequenceStoreStatus) -> Option<BTreeMap<String, String>> {
    let store = status.store.as_ref()?;
    let is_certain = !object.manages() || status.managed_store_id.as_ref() == Some(&store.id);
    let (region, account) = (status.region.as_ref()?, status.account_id.as_ref()?);
    let s3 = store.s3_access.as_ref();
    let facts = [
        ("SEQUENCE_STORE_ID", Some(&store.id)),
        ("SEQUENCE_STORE_ARN", Some(&store.arn)),
        ("SEQUENCE_STORE_S3_URI", s3.and_then(|s3| s3.s3_uri.as_ref())),
        ("SEQUENCE_STORE_S3_ACCESS_POINT_ARN", s3.and_then(|s3| s3.s3_access_point_arn.as_ref())),
        ("SEQUENCE_STORE_REGION", Some(region)),
        ("SEQUENCE_STORE_ACCOUNT_ID", Some(account)),
    ];
    let known = facts.into_iter().filter_map(|(key, fact)| Some((key.to_owned(), fact?.clone())));
    is_certain.then(|| known.collect())
}

/// What a ConfigMap of the name is to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundConfigMap {
    Absent,
    /// It belongs to the object and is as it must be.
    Equal,
    /// It belongs to the object. With this in its place it is as it must be.
    Differs(Box<ConfigMap>),
    /// The same, and its content is immutable, so that it must be made anew.
    Immutable(Box<ConfigMap>),
    /// It belongs to the object and is being deleted.
    Going,
    /// It does not belong to the object.
    Foreign {
        /// The other SequenceStore whose it is, if it is one.
        other: Option<String>,
    },
}

/// Compares the ConfigMap that exists with what it must hold. What others added to its metadata stays; what they added to
/// its content goes, since `envFrom` would take it over.
#[must_use]
pub fn found_config_map(
    object: &SequenceStore,
    found: Option<ConfigMap>,
    data: &BTreeMap<String, String>,
) -> FoundConfigMap {
    let Some(found) = found else { return FoundConfigMap::Absent };
    if !is_owned_by(object, &found) {
        return FoundConfigMap::Foreign { other: other_owner(&found) };
    }
    if found.metadata.deletion_timestamp.is_some() {
        return FoundConfigMap::Going;
    }
    let has_content = found.data.as_ref() == Some(data) && found.binary_data.is_none();
    let is_labelled = found.labels().get(MANAGED_BY.0).map(String::as_str) == Some(MANAGED_BY.1);
    match (has_content, is_labelled) {
        (true, true) => FoundConfigMap::Equal,
        (false, _) if found.immutable == Some(true) => FoundConfigMap::Immutable(Box::new(found)),
        _ => {
            let mut repaired = ConfigMap { data: Some(data.clone()), binary_data: None, ..found };
            repaired.labels_mut().insert(MANAGED_BY.0.into(), MANAGED_BY.1.into());
            FoundConfigMap::Differs(Box::new(repaired))
        }
    }
}

/// Whether the ConfigMap belongs to this very object.
#[must_use]
pub fn is_owned_by(object: &SequenceStore, config_map: &ConfigMap) -> bool {
    let uid = object.uid_str();
    controller(config_map).is_some_and(|owner| !uid.is_empty() && owner.uid == uid)
}

/// A ConfigMap that belongs to the object. Kubernetes removes it with the object.
#[must_use]
pub fn new_config_map(object: &SequenceStore, name: &str, data: BTreeMap<String, String>) -> ConfigMap {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        namespace: object.namespace(),
        labels: Some([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())].into()),
        owner_references: object.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }
}

/// What a status says of the ConfigMap, where nothing else keeps the object from being Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownConnection {
    /// It is there, if one is asked for.
    Kept,
    /// It belongs to somebody else.
    Conflict,
    /// The operator may not write it.
    Refused,
}

/// Whether a pass would change the ConfigMap, which was found so, or what the status shows of it.
#[must_use]
pub fn connection_needs_pass(
    object: &SequenceStore,
    shown: ShownConnection,
    found: Option<ConfigMap>,
) -> bool {
    let Some(status) = &object.status else { return false };
    let Some(name) = object.wanted_config_map() else {
        // It could not be removed before.
        return object.kept_config_map().is_some();
    };
    let data = connection(object, status).unwrap_or_default();
    match found_config_map(object, found, &data) {
        FoundConfigMap::Equal => shown != ShownConnection::Kept || object.kept_config_map() != Some(name),
        FoundConfigMap::Foreign { .. } => shown != ShownConnection::Conflict,
        FoundConfigMap::Absent
        | FoundConfigMap::Going
        | FoundConfigMap::Differs(_)
        | FoundConfigMap::Immutable(_) => true,
    }
}

fn controller(config_map: &ConfigMap) -> Option<&OwnerReference> {
    config_map.owner_references().iter().find(|owner| owner.controller == Some(true))
}

fn other_owner(config_map: &ConfigMap) -> Option<String> {
    let owner = controller(config_map)?;
    let is_store =
        owner.kind == SequenceStore::kind(&()) && owner.api_version == SequenceStore::api_version(&());
    (is_store && is_dns_subdomain(&owner.name)).then(|| owner.name.clone())
}
