//! What this user can see of the cluster: a plan depends on all objects that name the same store. I/O: reads
//! Kubernetes, writes standard error.

use std::collections::{BTreeMap, BTreeSet};

use kube::Client;

use super::flags::PlanFlags;
use super::subject::Subject;
use crate::cli::output::eprint;
use crate::crd::{DeletionDefaults, SequenceStore};
use crate::kubernetes::cluster::{self, Failure};
use crate::kubernetes::{Cache, WatchedObject};
use crate::metrics::Metrics;

/// Stands for the name of a cluster that the command did not connect to.
const UNKNOWN_CLUSTER: &str = "(name of the cluster)";

pub(super) struct ClusterView {
    /// None where the plan is made without a cluster.
    pub(super) client: Option<Client>,
    /// The user may list the objects of some namespaces only.
    pub(super) is_partial: bool,
    pub(super) objects: Vec<WatchedObject>,
}

impl ClusterView {
    /// Connects and lists all SequenceStores. Manifests can also be planned without a cluster, unless flags name one.
    pub(super) async fn connect(flags: &PlanFlags, program: &str) -> Result<Self, String> {
        let offline = Self { client: None, is_partial: false, objects: Vec::new() };
        if flags.offline {
            return Ok(offline);
        }
        let is_required = flags.kubernetes.kubeconfig.is_some() || flags.kubernetes.context.is_some();
        match Self::online(flags).await {
            Ok(view) => Ok(view),
            Err(error) if flags.files.is_empty() || is_required => Err(error),
            Err(error) => {
                eprint(&format!(
                    "{program}: planning without the cluster (--offline does so without trying to connect): {error}"
                ));
                Ok(offline)
            }
        }
    }

    async fn online(flags: &PlanFlags) -> Result<Self, String> {
        let client = cluster::connect(&(&flags.kubernetes).into(), &Metrics::default()).await?;
        match cluster::list_sequence_stores(&client, None).await {
            Ok(objects) => Ok(Self { client: Some(client), is_partial: false, objects }),
            // Users with rights in single namespaces get a plan too, which ignores objects elsewhere.
            Err(Failure::Forbidden(_)) => {
                let default = flags.namespace.as_deref().unwrap_or(client.default_namespace());
                let named = flags.names.iter().map(|name| name.split_once('/').map_or(default, |(n, _)| n));
                let namespaces: BTreeSet<&str> = named.chain([default]).collect();
                let mut objects = Vec::new();
                for namespace in namespaces {
                    match cluster::list_sequence_stores(&client, Some(namespace)).await {
                        Ok(found) => objects.extend(found),
                        Err(Failure::Forbidden(_)) => {}
                        Err(error) => return Err(list_failed(&error)),
                    }
                }
                Ok(Self { client: Some(client), is_partial: true, objects })
            }
            Err(error) => Err(list_failed(&error)),
        }
    }

    /// The objects in the form of the operator's cache.
    pub(super) fn cache(&self) -> Cache {
        Cache::complete(&self.objects)
    }

    /// What the operator of each namespace does on deletion where a spec is silent, as the objects there show it.
    pub(super) fn deletion_defaults(&self) -> BTreeMap<String, DeletionDefaults> {
        let mut objects: BTreeMap<String, Vec<&SequenceStore>> = BTreeMap::new();
        for object in self.objects.iter().filter_map(|object| object.0.as_ref().ok()) {
            objects.entry(object.metadata.namespace.clone().unwrap_or_default()).or_default().push(object);
        }
        let shown =
            |(namespace, objects): (_, Vec<_>)| (namespace, DeletionDefaults::shown_by(objects.into_iter()));
        objects.into_iter().map(shown).collect()
    }

    /// The cluster's name in owner tags: the given one, or the one that the operator wrote to a store, or the
    /// operator's default.
    pub(super) async fn name(&self, given: Option<&str>, subjects: &[Subject], program: &str) -> String {
        if let Some(name) = given {
            return name.to_owned();
        }
        let own = subjects.iter().find_map(|subject| cluster::recorded_name(&subject.object));
        if let Some(name) = own.or_else(|| cluster::recorded_name_in(&self.objects)) {
            return name;
        }
        match &self.client {
            Some(client) => cluster::uid(client).await.unwrap_or_else(|error| {
                eprint(&format!(
                    "{program}: the plan ignores stores of deleted objects, because the cluster name is unknown: {}",
                    cluster::no_uid(&error)
                ));
                UNKNOWN_CLUSTER.into()
            }),
            None => UNKNOWN_CLUSTER.into(),
        }
    }
}

fn list_failed(failure: &Failure) -> String {
    match failure {
        Failure::NotFound(_) => cluster::CRD_NOT_INSTALLED.into(),
        other => format!("cannot list SequenceStores: {other}"),
    }
}
