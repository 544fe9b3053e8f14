//! The AccountBindings that a plan counts with: those that this user may read in the cluster, and those of the manifests.
//! I/O: reads Kubernetes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::cluster_view::ClusterView;
use super::subject::Subject;
use crate::cli::bindings;
use crate::cli::manifests::documents;
use crate::crd::{AccountBinding, SequenceStore};
use crate::kubernetes::cluster::Failure;
use crate::status;
use crate::store::identity;
use crate::tenancy::{Access, AccessRefusal, Binding, Bindings, Labels, SharedBindings};

/// What is known of the bindings. What is not known is ignored, and each plan has a note of it.
pub(super) struct KnownBindings {
    shared: SharedBindings,
    /// What the plan ignores.
    ignored: Vec<String>,
    /// All bindings are known.
    are_complete: bool,
    /// The files of the bindings that come from manifests, by name.
    files: BTreeMap<String, String>,
    /// Where the operator makes no calls for objects without a binding, as the objects there show it.
    demanding: BTreeSet<String>,
}

impl KnownBindings {
    /// `manifests` are those of AccountBindings, each with its file.
    pub(super) async fn read(
        cluster: &ClusterView,
        manifests: &[(String, Value)],
        subjects: &[Subject],
    ) -> Result<Self, String> {
        let mut found = match &cluster.client {
            Some(client) => Found::in_cluster(client).await?,
            None => Found::default(),
        };
        let mut files = BTreeMap::new();
        for (file, manifest) in manifests {
            let binding = documents::binding(manifest).map_err(|error| format!("{file}: {error}"))?;
            files.insert(binding.name_any(), file.clone());
            found.put(binding);
        }
        let labels = match &cluster.client {
            Some(client) if found.have_selector() => match bindings::labels(client).await {
                Ok(labels) => Ok(labels),
                Err(Failure::Forbidden(_)) => Err("which you may not list"),
                Err(error) => return Err(format!("cannot list namespaces: {error}")),
            },
            Some(_) => Ok(Vec::new()),
            None => Err("which only the cluster knows"),
        };
        let namespaces = subjects.iter().filter_map(|subject| subject.object.namespace());
        let (bindings, ignored) = found.listed(labels, namespaces);
        Ok(Self {
            shared: SharedBindings::new(bindings),
            are_complete: cluster.client.is_some() && ignored.is_empty(),
            ignored,
            files,
            demanding: demanding(cluster),
        })
    }

    /// With which identity the operator would act for the object.
    pub(super) fn access(&self, object: &SequenceStore) -> Access {
        // A binding that is not known may well be there.
        let recorded = identity::recorded_binding(object).filter(|_| self.are_complete);
        let namespace = object.namespace().unwrap_or_default();
        match self.shared.access(object, recorded.as_deref()) {
            Access::Operator if self.are_complete && self.demanding.contains(&namespace) => {
                Access::Refused(AccessRefusal::Missing { recorded: None })
            }
            Access::Bound(bound) => match self.is_denied(&bound.binding) {
                false => Access::Bound(bound),
                true => Access::Refused(AccessRefusal::NotReady {
                    why: format!(
                        "The AccountBinding {} of this namespace says that the operator cannot assume the role {}; its status \
                         says more.",
                        bound.binding, bound.role_arn
                    ),
                    binding: Some(bound.binding),
                }),
            },
            access => access,
        }
    }

    /// For the judgement of other objects that name the same store.
    pub(super) fn shared(&self) -> &SharedBindings {
        &self.shared
    }

    /// Which binding applies to the object, and what is not known about that.
    pub(super) fn notes(&self, object: &SequenceStore, access: &Access) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some(bound) = access.bound() {
            let file = self.files.get(&bound.binding).map(|file| format!(" from {file}")).unwrap_or_default();
            notes.push(format!(
                "the namespace acts in account {} with the role {}, by AccountBinding {}{file}",
                bound.account, bound.role_arn, bound.binding
            ));
            if file.is_empty() && !self.is_looked_at(&bound.binding) {
                notes.push(format!(
                    "no operator has written a status to AccountBinding {} yet: an operator reads AccountBindings only with \
                     --account-bindings",
                    bound.binding
                ));
            }
            return notes;
        }
        notes.extend(self.ignored.iter().cloned());
        if let Some(recorded) = identity::recorded_binding(object).filter(|_| !self.are_complete) {
            notes.push(format!(
                "the store got on record under AccountBinding {recorded}, which the plan does not know"
            ));
        }
        notes
    }

    /// Whether an operator has looked at the binding.
    fn is_looked_at(&self, name: &str) -> bool {
        self.with_ready(name, |_, _| ()).is_some()
    }

    /// The operator has tried to assume the role of the binding as it is, and AWS denies it.
    fn is_denied(&self, name: &str) -> bool {
        let denied = |binding: &AccountBinding, ready: &Condition| {
            ready.reason == "RoleNotAssumable" && ready.observed_generation == binding.metadata.generation
        };
        !self.files.contains_key(name) && self.with_ready(name, denied).unwrap_or_default()
    }

    /// What `read` makes of a binding and its condition `Ready`; none where it has none.
    fn with_ready<T>(&self, name: &str, read: impl FnOnce(&AccountBinding, &Condition) -> T) -> Option<T> {
        let bindings = self.shared.read();
        let object = &bindings.get(name)?.object;
        let ready = status::find(&object.status.as_ref()?.conditions, "Ready")?;
        Some(read(object, ready))
    }
}

/// What was read, before the labels of namespaces.
#[derive(Default)]
struct Found {
    all: BTreeMap<String, Arc<AccountBinding>>,
    ignored: Vec<String>,
}

impl Found {
    async fn in_cluster(client: &Client) -> Result<Self, String> {
        let mut found = Self::default();
        match bindings::list(client).await {
            Ok(all) => all.into_iter().for_each(|binding| found.put(binding)),
            Err(Failure::Forbidden(_)) => found.ignored.push(
                "you may not list AccountBindings: the plan ignores them, as if the operator acted with its own role".into(),
            ),
            Err(error) => return Err(format!("cannot list AccountBindings: {error}")),
        }
        Ok(found)
    }

    fn put(&mut self, binding: AccountBinding) {
        self.all.insert(binding.name_any(), Arc::new(binding));
    }

    fn have_selector(&self) -> bool {
        self.all.values().any(|binding| Binding::of(Arc::clone(binding)).has_selector())
    }

    /// The bindings, and what is ignored of them: without labels, those that select by them. `labels` is an error that says
    /// why there are none.
    fn listed(
        mut self,
        labels: Result<Vec<(String, Labels)>, &str>,
        namespaces: impl Iterator<Item = String>,
    ) -> (Bindings, Vec<String>) {
        let mut labels: BTreeMap<String, Labels> = match labels {
            Ok(labels) => labels.into_iter().collect(),
            Err(why) => {
                let ignored = &mut self.ignored;
                self.all.retain(|name, binding| {
                    let is_kept = !Binding::of(Arc::clone(binding)).has_selector();
                    if !is_kept {
                        ignored.push(format!(
                            "AccountBinding {name} selects namespaces by their labels, {why}: the plan ignores it"
                        ));
                    }
                    is_kept
                });
                BTreeMap::new()
            }
        };
        // A namespace that does not exist yet has no labels yet.
        for namespace in namespaces {
            labels.entry(namespace).or_default();
        }
        let mut all = Bindings::unknown(false);
        all.listed(self.all.into_values());
        all.labels_listed(labels.into_iter());
        (all, self.ignored)
    }
}

/// The namespaces of objects for which the operator misses a binding that none of them had before.
fn demanding(cluster: &ClusterView) -> BTreeSet<String> {
    let objects = cluster.objects.iter().filter_map(|object| object.0.as_ref().ok());
    let misses = |object: &&SequenceStore| {
        let conditions = object.status.iter().flat_map(|status| &status.conditions);
        let is_missed = |(kind, reason): (&str, &str)| kind == "Ready" && reason == "BindingMissing";
        identity::recorded_binding(object).is_none()
            && conditions.map(|c| (c.type_.as_str(), c.reason.as_str())).any(is_missed)
    };
    objects.filter(misses).filter_map(ResourceExt::namespace).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crd::SequenceStoreSpec;
    use crate::samples::Scene;

    fn binding(name: &str, spec: Value) -> AccountBinding {
        let mut spec = spec;
        spec["roleArn"] = json!("arn:aws:iam::111122223333:role/lab");
        AccountBinding::new(name, serde_json::from_value(spec).expect("a spec"))
    }

    fn selecting(name: &str) -> AccountBinding {
        binding(name, json!({"namespaceSelector": {"matchLabels": {"team": "x"}}}))
    }

    fn known(bindings: Vec<AccountBinding>, labels: Result<Vec<(String, Labels)>, &str>) -> KnownBindings {
        let mut found = Found::default();
        bindings.into_iter().for_each(|binding| found.put(binding));
        let (all, ignored) = found.listed(labels, ["new".to_owned()].into_iter());
        KnownBindings {
            shared: SharedBindings::new(all),
            are_complete: ignored.is_empty(),
            ignored,
            files: BTreeMap::new(),
            demanding: BTreeSet::new(),
        }
    }

    fn object(namespace: &str) -> SequenceStore {
        let mut object = SequenceStore::new("genomes", SequenceStoreSpec::default());
        object.metadata.namespace = Some(namespace.into());
        object
    }

    /// An object with a store that got on record under a binding.
    fn recorded() -> SequenceStore {
        let mut object = Scene::settled().object;
        object.status.get_or_insert_default().binding = Some("gone".into());
        object
    }

    #[test]
    fn without_labels_a_binding_that_selects_by_them_is_ignored_with_a_note() {
        let both = || vec![selecting("selecting"), binding("named", json!({"namespaces": ["a"]}))];
        let without = known(both(), Err("which you may not list"));
        assert_eq!(without.access(&object("a")).binding(), Some("named"));
        let access = without.access(&object("b"));
        assert_eq!(access, Access::Operator);
        let notes = without.notes(&object("b"), &access).concat();
        assert!(notes.contains("selecting") && notes.contains("you may not list"), "{notes}");
        let x = Labels::from([("team".to_owned(), "x".to_owned())]);
        let with = known(both(), Ok(vec![("b".to_owned(), x)]));
        assert_eq!(with.access(&object("b")).binding(), Some("selecting"));
        assert_eq!(with.access(&object("new")), Access::Operator, "it has no labels yet");
        assert_eq!(with.notes(&object("new"), &Access::Operator), [""; 0]);
    }

    #[test]
    fn a_binding_is_missing_only_where_all_bindings_are_known() {
        let missing = |recorded: Option<&str>| {
            Access::Refused(AccessRefusal::Missing { recorded: recorded.map(ToOwned::to_owned) })
        };
        let mut known = known(Vec::new(), Ok(Vec::new()));
        assert_eq!(known.access(&recorded()), missing(Some("gone")));
        known.demanding.insert("a".into());
        assert_eq!(
            (known.access(&object("a")), known.access(&object("b"))),
            (missing(None), Access::Operator)
        );
        known.are_complete = false;
        assert_eq!(
            (known.access(&recorded()), known.access(&object("a"))),
            (Access::Operator, Access::Operator)
        );
        assert!(known.notes(&recorded(), &Access::Operator).concat().contains("AccountBinding gone"));
    }

    #[test]
    fn a_role_that_was_denied_refuses_until_the_binding_is_edited() {
        let mut denied = binding("lab", json!({"namespaces": ["a"]}));
        denied.metadata.generation = Some(2);
        let ready = json!({"type": "Ready", "status": "False", "reason": "RoleNotAssumable", "message": "",
            "observedGeneration": 2, "lastTransitionTime": "2026-01-01T00:00:00Z"});
        denied.status = serde_json::from_value(json!({"conditions": [ready]})).expect("a status");
        let access = known(vec![denied.clone()], Ok(Vec::new())).access(&object("a"));
        assert!(
            matches!(access, Access::Refused(AccessRefusal::NotReady { binding: Some(_), .. })),
            "{access:?}"
        );
        denied.metadata.generation = Some(3);
        let known = known(vec![denied], Ok(Vec::new()));
        let access = known.access(&object("a"));
        assert_eq!(access.binding(), Some("lab"));
        assert_eq!(known.notes(&object("a"), &access).len(), 1);
    }
}
