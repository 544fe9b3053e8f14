//! The observe step: what a plan depends on, from AWS and from other objects. I/O, read-only.
//!
//! The command `plan` observes with the same code, so that it sees what the operator sees.

mod policy;
mod search;
mod store;
mod strays;

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::aws::{Aws, CallError, ReadSetCount};
use crate::crd::{OwnerTags, SequenceStore, TAKE_OVER_ANNOTATION};
use crate::kubernetes::Kubernetes;
use crate::plan::{self, Recollection, Settings, TakeOver, Target};
use crate::store::{Defaults, Observed, Prepared, Present};
use crate::tenancy::SharedBindings;
pub use strays::StrayLook;

/// What the observe step needs.
#[derive(Clone, Copy)]
pub struct Observer<'a> {
    pub aws: &'a Aws,
    pub kubernetes: &'a Kubernetes,
    pub defaults: &'a Defaults,
    pub settings: &'a Settings,
    /// Which namespaces act in which account.
    pub bindings: &'a SharedBindings,
}

/// What earlier passes know, so that this one need not ask AWS again.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The S3 access policy, if it was read recently.
    pub policy: Option<KnownPolicy>,
    /// AWS denied the read of it, and it is too early to try again.
    pub policy_denied: Option<CallError>,
    /// Id and tags of a store that the operator has just created.
    pub tags: Option<(String, BTreeMap<String, String>)>,
    /// Stores of an attempt made before the user set `sequenceStoreId` were searched for, and the user was told of them.
    pub strays_searched: bool,
    /// Earlier looks at the strays in status, by id.
    pub strays: BTreeMap<String, StrayLook>,
    /// The read sets in a store whose delete AWS refused, if they were counted recently.
    pub read_sets: Option<Result<ReadSetCount, CallError>>,
}

/// A policy that an earlier pass read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPolicy {
    /// ARN of the access point that it belongs to: the object may have another store by now.
    pub access_point: String,
    /// None where the access point has no policy.
    pub document: Option<String>,
}

impl Known {
    fn tags_of(&self, id: &str) -> Option<BTreeMap<String, String>> {
        self.tags.as_ref().filter(|(known, _)| known == id).map(|(_, tags)| tags.clone())
    }
}

/// What the step saw.
#[derive(Clone, Debug)]
pub struct Observation {
    /// What AWS was asked about; none where the plan does not depend on AWS.
    pub target: Option<Target>,
    pub observed: Observed,
    /// AWS was asked for the S3 access policy in this pass.
    pub policy_was_asked: bool,
    /// The same search was done in this pass.
    pub strays_were_searched: bool,
    /// Strays that this pass looked at, and whether they were there.
    pub strays_looked_at: Vec<(String, bool)>,
    pub take_over: TakeOver,
    /// An older object with the same store id, in its spec or recorded, as `namespace/name`.
    pub rival: Option<String>,
    /// Where older objects may exist that are not known, if the plan depends on them.
    pub unlisted: Vec<String>,
    /// When the step began: what it saw may be as old as that.
    pub began: Timestamp,
    /// The same moment on the clock of the process.
    pub looked_from: Instant,
}

impl Observer<'_> {
    /// Observes what the plan for this object depends on.
    pub async fn observe(
        &self,
        prepared: &Prepared,
        recollection: &Recollection,
        known: &Known,
        now: Timestamp,
    ) -> Observation {
        let mut observation = Observation {
            target: plan::target(
                &prepared.object,
                &prepared.access,
                prepared.desired.as_ref(),
                self.settings.deletion,
            ),
            observed: Observed::NotAsked,
            policy_was_asked: false,
            strays_were_searched: false,
            strays_looked_at: Vec::new(),
            take_over: TakeOver::NotAskedFor,
            rival: None,
            unlisted: Vec::new(),
            began: now,
            looked_from: Instant::now(),
        };
        let Some(target) = observation.target.clone() else { return observation };
        observation.observed = match &target {
            Target::Store { region, id } => self.store(region, id, known.tags_of(id)).await,
            Target::Search { names, replaced, .. } => {
                self.search(prepared, names, replaced.as_deref(), known).await
            }
        };
        if let Observed::Present(present) = &mut observation.observed {
            if present.strays.is_none() {
                let strays = self.strays(prepared, recollection, known, now).await;
                (observation.strays_were_searched, observation.strays_looked_at) =
                    (strays.searched, strays.looked_at);
                present.strays = strays.ids;
            }
            (present.policy, observation.policy_was_asked) =
                self.policy(prepared, &present.store, known).await;
        }
        self.other_objects(prepared, &mut observation).await;
        observation
    }

    /// Looks once more at a store that was found, and at its tags: another object may have taken it over. The rest of the
    /// observation stays.
    pub async fn look_again(&self, prepared: &Prepared, before: Observation) -> Observation {
        let Some((region, present)) = prepared.region().zip(before.observed.present()) else { return before };
        let (strays, policy) = (present.strays.clone(), present.policy.clone());
        let (began, looked_from) = (Timestamp::now(), Instant::now());
        let mut observed = self.store(region, &present.store.id, None).await;
        if let Observed::Present(present) = &mut observed {
            (present.strays, present.policy) = (strays, policy);
        }
        // Policy and strays were looked at before, and noted then.
        let (policy_was_asked, strays_looked_at) = (false, Vec::new());
        let mut observation =
            Observation { observed, policy_was_asked, strays_looked_at, began, looked_from, ..before };
        self.other_objects(prepared, &mut observation).await;
        observation
    }

    /// The store of a former object, as it will be once it is adopted. For the command `plan`.
    pub async fn former_store(&self, prepared: &Prepared, id: &str) -> Option<Present> {
        let Observed::Present(mut present) = self.store(prepared.region()?, id, None).await else {
            return None;
        };
        (present.policy, _) = self.policy(prepared, &present.store, &Known::default()).await;
        Some(*present)
    }

    /// Looks at the objects that decide whose the store is.
    async fn other_objects(&self, prepared: &Prepared, observation: &mut Observation) {
        let Some(present) = observation.observed.present() else { return };
        match (present.tags.owner(), present.known_tags()) {
            (Some(owner), Some(tags)) => {
                observation.take_over = self.take_over(&prepared.object, owner, tags).await;
            }
            // Where no tag names an owner, the oldest object that names the store may have it.
            (_, tags) => {
                observation.rival =
                    self.kubernetes.cache.rival((prepared, &present.account), self.defaults, self.bindings);
                if tags.is_some() && prepared.object.manages() {
                    observation.unlisted = self.kubernetes.cache.await_lists(&prepared.object);
                }
            }
        }
    }

    /// Whether the owner that the annotation `take-over` names is gone. If nobody can tell, it counts as existing.
    async fn take_over(
        &self,
        object: &SequenceStore,
        owner: &str,
        tags: &BTreeMap<String, String>,
    ) -> TakeOver {
        let named = object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
        if named != Some(owner) || owner == object.uid_str() {
            return TakeOver::NotAskedFor;
        }
        if self.kubernetes.cache.has_manager(owner) {
            return TakeOver::OwnerManages;
        }
        // The API server of another cluster cannot be asked.
        let Some(tags) = OwnerTags::read(tags).filter(|tags| tags.cluster == self.settings.cluster) else {
            return TakeOver::Allowed;
        };
        match self.kubernetes.read_named(&tags.namespace, &tags.name).await {
            Ok(Some(former)) if former.uid_str() == owner && former.manages() => TakeOver::OwnerManages,
            Ok(_) => TakeOver::Allowed,
            Err(error) => {
                tracing::warn!("cannot tell whether the owner {owner} is gone: {error}");
                TakeOver::OwnerUnknown
            }
        }
    }
}

impl Observation {
    /// What is known after an AWS call whose response shows the store.
    pub fn with(self, observed: Observed) -> Self {
        Self { observed, ..self }
    }

    /// Region in which AWS was asked.
    pub fn region(&self) -> Option<&str> {
        match self.target.as_ref()? {
            Target::Store { region, .. } | Target::Search { region, .. } => Some(region),
        }
    }

    /// What the plan depends on.
    pub fn input<'a>(
        &'a self,
        prepared: &'a Prepared,
        recollection: &'a Recollection,
        settings: &'a Settings,
    ) -> plan::Input<'a> {
        plan::Input {
            object: &prepared.object,
            desired: prepared.desired.as_ref(),
            access: &prepared.access,
            observed: &self.observed,
            recollection,
            owner: &prepared.owner,
            settings,
            now: self.began,
            take_over: self.take_over,
            rival: self.rival.as_deref(),
            unlisted: &self.unlisted,
        }
    }
}
