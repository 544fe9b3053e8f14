//! Makes the ConfigMap of an object what it must be, or removes it. Never touches one that does not belong to the object.
//! I/O: Kubernetes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::crd::SequenceStore;
use crate::kubernetes::{Error, Kubernetes};
use crate::plan::{ConnectionOutcome, FoundConfigMap, found_config_map, is_owned_by, new_config_map};

/// While others make and delete a ConfigMap of this name, so many requests are sent at most.
const MOST_WRITES: usize = 3;

/// What the ConfigMap of an object must be.
#[derive(Clone, Copy, Debug)]
pub struct WantedConfigMap<'a> {
    pub object: &'a SequenceStore,
    pub name: &'a str,
    pub data: &'a BTreeMap<String, String>,
}

/// What a look at the ConfigMap showed.
#[derive(Debug)]
pub enum Looked {
    /// Nothing is to be written, or nothing can be.
    Done(ConnectionOutcome),
    /// It is to be written, in place of this.
    ToWrite(FoundConfigMap),
}

/// Looks at the ConfigMap.
///
/// # Errors
/// The API server's, but for a refusal.
pub async fn look(kubernetes: &Kubernetes, wanted: WantedConfigMap<'_>) -> Result<Looked, Error> {
    let WantedConfigMap { object, name, data } = wanted;
    let found = match kubernetes.config_map(&object.namespace().unwrap_or_default(), name).await {
        Ok(found) => found_config_map(object, found, data),
        Err(error) => return refused(name, "get", error).map(Looked::Done),
    };
    let name = || name.to_owned();
    Ok(match found {
        FoundConfigMap::Equal => Looked::Done(ConnectionOutcome::Kept(name())),
        FoundConfigMap::Going => Looked::Done(ConnectionOutcome::Going(name())),
        FoundConfigMap::Foreign { other } => {
            Looked::Done(ConnectionOutcome::Conflict { name: name(), other })
        }
        to_write => Looked::ToWrite(to_write),
    })
}

/// Writes the ConfigMap, which is on record, in place of what a look found.
///
/// # Errors
/// The API server's, but for a refusal. The ConfigMap may have been written then.
pub async fn write(
    kubernetes: &Kubernetes,
    wanted: WantedConfigMap<'_>,
    mut found: FoundConfigMap,
) -> Result<ConnectionOutcome, Error> {
    let WantedConfigMap { object, name, data } = wanted;
    for _ in 0..MOST_WRITES {
        let (verb, written) = match &found {
            FoundConfigMap::Differs(repaired) => ("update", kubernetes.replace_config_map(repaired).await),
            FoundConfigMap::Immutable(before) => match kubernetes.delete_config_map(before).await {
                Ok(()) => {
                    found = FoundConfigMap::Absent;
                    continue;
                }
                failed => ("delete", failed),
            },
            _ => ("create", kubernetes.create_config_map(&new_config_map(object, name, data.clone())).await),
        };
        match written {
            Ok(()) => {
                tracing::info!(config_map = name, "the ConfigMap with the connection is written");
                return Ok(ConnectionOutcome::Kept(name.to_owned()));
            }
            // Somebody was faster. Whose the ConfigMap is now must be seen.
            Err(error) if error.is_conflict() || error.is_not_found() => {
                match look(kubernetes, wanted).await? {
                    Looked::Done(outcome) => return Ok(outcome),
                    Looked::ToWrite(now) => found = now,
                }
            }
            Err(error) => return refused(name, verb, error),
        }
    }
    Ok(ConnectionOutcome::Unknown(name.to_owned()))
}

/// Removes the ConfigMap of this name, if it belongs to the object. A refusal holds up nothing: Kubernetes removes the
/// ConfigMap with the object.
///
/// # Errors
/// The API server's, but for a refusal.
pub async fn remove(
    kubernetes: &Kubernetes,
    object: &SequenceStore,
    name: &str,
) -> Result<ConnectionOutcome, Error> {
    let found = kubernetes.config_map(&object.namespace().unwrap_or_default(), name).await;
    let removed = match found {
        Ok(found) => remove_own(kubernetes, object, found).await,
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => {
            tracing::info!(config_map = name, "the object has this ConfigMap no more");
            Ok(ConnectionOutcome::Removed)
        }
        Err(error) if error.is_refusal() => {
            tracing::warn!(config_map = name, "the ConfigMap stays for as long as the object: {error}");
            Ok(ConnectionOutcome::AsBefore)
        }
        Err(error) => Err(error),
    }
}

async fn remove_own(
    kubernetes: &Kubernetes,
    object: &SequenceStore,
    found: Option<ConfigMap>,
) -> Result<(), Error> {
    match found.filter(|found| is_owned_by(object, found)) {
        Some(own) => kubernetes.delete_config_map(&own).await,
        None => Ok(()),
    }
}

fn refused(name: &str, verb: &'static str, error: Error) -> Result<ConnectionOutcome, Error> {
    if !error.is_refusal() {
        return Err(error);
    }
    tracing::warn!(config_map = name, "the ConfigMap with the connection is not kept: {error}");
    Ok(ConnectionOutcome::Refused { name: name.to_owned(), verb })
}
