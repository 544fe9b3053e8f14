//! Objects, observations and recollections for the unit tests: made by hand here, generated in `generated`.

mod effect;
mod generated;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::aws::{CallError, Class, Operation};
use crate::crd::{
    DeletionDefaults, FINALIZER, OWNER_UID_TAG, OwnerTags, SequenceStore, SequenceStoreSpec,
    SequenceStoreStatus, Store, StoreS3Access,
};
use crate::plan::{self, Input, Plan, Recollection, Settings, TakeOver, Target};
use crate::store::desired::{Defaults, Desired};
use crate::store::intent::Intent;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};
use crate::tenancy::Access;
pub(crate) use generated::{any_scene, any_valid_spec};

pub(crate) const ID: &str = "1111111111";
pub(crate) const OTHER_ID: &str = "2222222222";
pub(crate) const UID: &str = "uid-of-this-object";
pub(crate) const OTHER_UID: &str = "uid-of-another-object";
pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const OTHER_ACCOUNT: &str = "210987654321";
pub(crate) const REGION: &str = "us-east-1";

/// Everything that one plan depends on.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) object: SequenceStore,
    pub(crate) observed: Observed,
    pub(crate) recollection: Recollection,
    pub(crate) unlisted: Vec<String>,
    pub(crate) take_over: TakeOver,
    pub(crate) rival: Option<&'static str>,
    pub(crate) deletion_defaults: DeletionDefaults,
    pub(crate) access: Access,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

impl Scene {
    /// An object whose spec names a store. The store is ACTIVE, recorded in status, and owned by this object.
    pub(crate) fn settled() -> Self {
        let spec = SequenceStoreSpec { sequence_store_id: Some(ID.into()), ..Default::default() };
        let mut object = SequenceStore::new("a", spec);
        object.metadata.namespace = Some("ns".into());
        object.metadata.uid = Some(UID.into());
        object.metadata.generation = Some(2);
        object.metadata.finalizers = Some(vec![FINALIZER.into()]);
        object.status = Some(SequenceStoreStatus {
            store: Some(store(ID, ACCOUNT, Some("ACTIVE"))),
            region: Some(REGION.into()),
            account_id: Some(ACCOUNT.into()),
            managed_store_id: Some(ID.into()),
            ..Default::default()
        });
        let observed = present(ACCOUNT, Some("ACTIVE"), ObservedTags::Read(own_tags()));
        Self {
            object,
            observed,
            recollection: Recollection::default(),
            access: Access::default(),
            take_over: TakeOver::default(),
            rival: None,
            deletion_defaults: DeletionDefaults::default(),
            unlisted: Vec::new(),
        }
    }

    /// The same, being deleted.
    pub(crate) fn deleting() -> Self {
        Self::settled().with(|scene| scene.object.metadata.deletion_timestamp = Some(Time(now())))
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn annotated(self, key: &str, value: &str) -> Self {
        self.with(|scene| {
            let annotations = scene.object.metadata.annotations.get_or_insert_default();
            annotations.insert(key.into(), value.into());
        })
    }

    pub(crate) fn seen(self, observed: Observed) -> Self {
        self.with(|scene| scene.observed = observed)
    }

    pub(crate) fn desired(&self) -> Result<Desired, crate::store::desired::InvalidSpec> {
        let poll_interval = Duration::from_secs(300);
        let defaults = Defaults { region: Some(REGION.into()), poll_interval };
        Desired::of(&self.object, &defaults, self.access.limits())
    }

    pub(crate) fn target(&self) -> Option<Target> {
        plan::target(&self.object, &self.access, self.desired().as_ref(), self.deletion_defaults)
    }

    pub(crate) fn plan(&self) -> Plan {
        let settings = Settings {
            cluster: "cluster".into(),
            replica: "operator-0".into(),
            create_grace: Duration::from_secs(60),
            deletion: self.deletion_defaults,
        };
        plan::plan(&Input {
            object: &self.object,
            desired: self.desired().as_ref(),
            access: &self.access,
            observed: &self.observed,
            recollection: &self.recollection,
            owner: &OwnerTags::of(&self.object, &settings.cluster),
            settings: &settings,
            now: now(),
            unlisted: &self.unlisted,
            take_over: self.take_over,
            rival: self.rival,
        })
    }
}

pub(crate) fn store(id: &str, account: &str, status: Option<&str>) -> Store {
    Store {
        id: id.into(),
        arn: format!("arn:aws:omics:{REGION}:{account}:sequenceStore/{id}"),
        name: Some("a".into()),
        e_tag_algorithm_family: Some("MD5up".into()),
        status: status.map(Into::into),
        s3_access: Some(StoreS3Access {
            s3_access_point_arn: Some(format!("arn:aws:s3:{REGION}:555555555555:accesspoint/ap-{id}")),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(crate) fn present(account: &str, status: Option<&str>, tags: ObservedTags) -> Observed {
    Observed::Present(Box::new(Present {
        store: store(ID, account, status),
        account: account.into(),
        tags,
        strays: None,
        policy: ObservedPolicy::NotRead,
    }))
}

pub(crate) fn own_tags() -> BTreeMap<String, String> {
    let owner =
        OwnerTags { uid: UID.into(), cluster: "cluster".into(), namespace: "ns".into(), name: "a".into() };
    owner.tags()
}

pub(crate) fn tags_of(uid: &str) -> ObservedTags {
    ObservedTags::Read(BTreeMap::from([(OWNER_UID_TAG.to_owned(), uid.to_owned())]))
}

pub(crate) fn absent() -> Observed {
    Observed::Absent { account: ACCOUNT.into() }
}

pub(crate) fn call_error(operation: Operation, class: Class) -> CallError {
    let request_id = Some("11111111-2222-3333-4444-555555555555".into());
    CallError { class, request_id, ..CallError::unreadable(operation, "AWS's words") }
}

/// The object of [`Scene::settled`], as its status shows it once a pass has found nothing left to do.
pub(crate) fn settled_object() -> SequenceStore {
    let condition = |kind: &str, reason: &str| Condition {
        type_: kind.into(),
        status: "True".into(),
        reason: reason.into(),
        message: String::new(),
        observed_generation: Some(2),
        last_transition_time: Time(now()),
    };
    let mut object = Scene::settled().object;
    let status = object.status.get_or_insert_default();
    status.observed_generation = Some(2);
    status.conditions = vec![condition("Ready", "Available"), condition("Synced", "InSync")];
    object
}

pub(crate) fn intent(id: Option<&str>) -> Intent {
    Intent {
        uid: UID.into(),
        epoch: 0,
        attempt: 1,
        replica: "operator-0".into(),
        started_at: now(),
        account: None,
        binding: None,
        region: REGION.into(),
        name: "a".into(),
        request_hash: "hash".into(),
        tag_keys: Vec::new(),
        id: id.map(Into::into),
        replaces: None,
        outcome: None,
    }
}
