//! Objects, observations and recollections to test the pure parts with: by hand, and generated.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::crd::{
    DeletionPolicy, ETagAlgorithmFamily, FINALIZER, INTENT_ANNOTATION, ManagementPolicy, OWNER_UID_TAG,
    OwnerTags, PAUSED_ANNOTATION, RECREATE_ANNOTATION, SequenceStore, SequenceStoreSpec, SequenceStoreStatus,
    Store, TAKE_OVER_ANNOTATION,
};
use crate::desired::{Defaults, Desired};
use crate::intent::Intent;
use crate::lookup::Found;
use crate::observed::{Observed, Policy, Present, ReadSetCount, Tags};
use crate::omics::{CallError, Class, Operation};
use crate::plan::{self, Input, Plan, Recollection, Refusal, Settings, Target};

pub(crate) const ID: &str = "1111111111";
pub(crate) const OTHER_ID: &str = "2222222222";
pub(crate) const UID: &str = "uid-of-this-object";
pub(crate) const OTHER_UID: &str = "uid-of-another-object";
pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const OTHER_ACCOUNT: &str = "210987654321";
pub(crate) const REGION: &str = "us-east-1";

/// All that one plan depends on.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) object: SequenceStore,
    pub(crate) observed: Observed,
    pub(crate) recollection: Recollection,
    pub(crate) owner_is_gone: bool,
    pub(crate) rival: Option<&'static str>,
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time")
}

impl Scene {
    /// An object that names a store, which is there, ACTIVE, this object's own and on record.
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
            ..Default::default()
        });
        let observed = present(ACCOUNT, Some("ACTIVE"), Tags::Read(own_tags()));
        Self { object, observed, recollection: Recollection::default(), owner_is_gone: false, rival: None }
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

    pub(crate) fn desired(&self) -> Result<Desired, crate::desired::InvalidSpec> {
        let poll_interval = Duration::from_secs(300);
        Desired::of(&self.object, &Defaults { region: Some(REGION.into()), poll_interval })
    }

    pub(crate) fn target(&self) -> Option<Target> {
        plan::target(&self.object, self.desired().as_ref())
    }

    pub(crate) fn plan(&self) -> Plan {
        let settings = Settings {
            cluster: "cluster".into(),
            replica: "operator-0".into(),
            create_grace: Duration::from_secs(60),
        };
        plan::plan(&Input {
            object: &self.object,
            desired: self.desired().as_ref(),
            observed: &self.observed,
            recollection: &self.recollection,
            owner: &OwnerTags::of(&self.object, &settings.cluster),
            settings: &settings,
            now: now(),
            owner_is_gone: self.owner_is_gone,
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
        ..Default::default()
    }
}

pub(crate) fn present(account: &str, status: Option<&str>, tags: Tags) -> Observed {
    Observed::Present(Box::new(Present {
        store: store(ID, account, status),
        account: account.into(),
        tags,
        duplicates: Vec::new(),
        policy: Policy::NotRead,
    }))
}

pub(crate) fn own_tags() -> BTreeMap<String, String> {
    let owner =
        OwnerTags { uid: UID.into(), cluster: "cluster".into(), namespace: "ns".into(), name: "a".into() };
    owner.tags()
}

pub(crate) fn tags_of(uid: &str) -> Tags {
    Tags::Read(BTreeMap::from([(OWNER_UID_TAG.to_owned(), uid.to_owned())]))
}

pub(crate) fn absent() -> Observed {
    Observed::Absent { account: ACCOUNT.into() }
}

pub(crate) fn call_error(operation: Operation, class: Class) -> CallError {
    let request_id = Some("11111111-2222-3333-4444-555555555555".into());
    CallError { operation, class, code: None, detail: "AWS's words".into(), request_id }
}

pub(crate) fn intent(id: Option<&str>) -> Intent {
    Intent {
        uid: UID.into(),
        epoch: 0,
        attempt: 1,
        replica: "operator-0".into(),
        started_at: now(),
        account: None,
        region: REGION.into(),
        name: "a".into(),
        request_hash: "hash".into(),
        tag_keys: Vec::new(),
        id: id.map(Into::into),
        replaces: None,
    }
}

// Generators.

pub(crate) const CLASSES: [Class; 9] = [
    Class::Transient,
    Class::Throttled,
    Class::Denied,
    Class::Credentials,
    Class::Quota,
    Class::Terminal,
    Class::Conflict,
    Class::NotFound,
    Class::Unreadable,
];

fn any_call_error() -> impl Strategy<Value = CallError> {
    let operations = [Operation::GetSequenceStore, Operation::ListTagsForResource, Operation::ListReadSets];
    (select(operations.to_vec()), select(CLASSES.to_vec())).prop_map(|(o, c)| call_error(o, c))
}

fn any_account() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just(ACCOUNT), 1 => Just(OTHER_ACCOUNT)]
}

fn any_spec() -> impl Strategy<Value = SequenceStoreSpec> {
    let id = prop_oneof![3 => Just(Some(ID)), 2 => Just(None), 1 => Just(Some("not an id"))];
    let management = prop_oneof![4 => Just(None), 1 => Just(Some(ManagementPolicy::Manage)), 1 => Just(Some(ManagementPolicy::Observe))];
    let deletion = prop_oneof![4 => Just(None), 1 => Just(Some(DeletionPolicy::Delete)), 1 => Just(Some(DeletionPolicy::Retain))];
    let protection = prop_oneof![4 => Just(None), 1 => Just(Some(true)), 1 => Just(Some(false))];
    let fields = (
        option::of(select(vec!["a", "b"])),
        option::of(Just("new description")),
        option::of(select(vec![ETagAlgorithmFamily::Md5up, ETagAlgorithmFamily::Sha256up])),
        option::of(Just(BTreeMap::from([("team".to_owned(), "genomics".to_owned())]))),
        prop_oneof![6 => Just(None), 1 => Just(Some("1m")), 1 => Just(Some("soon"))],
    );
    (id, management, deletion, protection, fields).prop_map(
        |(id, management_policy, deletion_policy, deletion_protection, (name, text, family, tags, poll))| {
            SequenceStoreSpec {
                sequence_store_id: id.map(Into::into),
                management_policy,
                deletion_policy,
                deletion_protection,
                name: name.map(Into::into),
                description: text.map(Into::into),
                e_tag_algorithm_family: family,
                tags,
                poll_interval: poll.map(Into::into),
                ..Default::default()
            }
        },
    )
}

fn any_status() -> impl Strategy<Value = Option<SequenceStoreStatus>> {
    let record =
        (select(vec![ID, ID, OTHER_ID]), any_account(), option::of(any_account()), option::of(Just(REGION)));
    let recorded = record.prop_map(|(id, in_arn, account, region)| SequenceStoreStatus {
        observed_generation: Some(2),
        store: Some(store(id, in_arn, Some("ACTIVE"))),
        account_id: account.map(Into::into),
        region: region.map(Into::into),
        ..Default::default()
    });
    let fresh = SequenceStoreStatus { observed_generation: Some(-1), ..Default::default() };
    prop_oneof![1 => Just(None), 2 => Just(Some(fresh)), 5 => recorded.prop_map(Some)]
}

fn any_annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    let intents = vec![
        intent(None).render(),
        intent(Some(ID)).render(),
        Intent { uid: OTHER_UID.into(), ..intent(None) }.render(),
        Intent { epoch: 1, attempt: 0, replaces: Some(ID.into()), ..intent(None) }.render(),
        "{".into(),
    ];
    let annotation = |key: &'static str, values: Vec<String>| {
        prop_oneof![4 => Just(None), 1 => select(values).prop_map(Some)]
            .prop_map(move |value| value.map(|v| (key.to_owned(), v)))
    };
    (
        annotation(PAUSED_ANNOTATION, vec!["true".into(), "false".into()]),
        annotation(INTENT_ANNOTATION, intents),
        annotation(TAKE_OVER_ANNOTATION, vec![OTHER_UID.into(), "nobody".into()]),
        annotation(RECREATE_ANNOTATION, vec![ID.into(), OTHER_ID.into()]),
    )
        .prop_map(|(a, b, c, d)| [a, b, c, d].into_iter().flatten().collect())
}

prop_compose! {
    fn any_object()(
        spec in any_spec(),
        status in any_status(),
        annotations in any_annotations(),
        ours in prop::bool::weighted(0.8),
        foreign in prop::bool::weighted(0.2),
        deleting in any::<bool>(),
    ) -> SequenceStore {
        let mut object = SequenceStore { spec, status, ..Scene::settled().object };
        let finalizers = [ours.then_some(FINALIZER), foreign.then_some("example.com/other")];
        object.metadata.finalizers = Some(finalizers.into_iter().flatten().map(Into::into).collect());
        object.metadata.annotations = Some(annotations);
        object.metadata.deletion_timestamp = deleting.then(|| Time(now()));
        object
    }
}

fn any_tags() -> impl Strategy<Value = Tags> {
    prop_oneof![
        3 => Just(Tags::Read(own_tags())),
        1 => Just(tags_of(UID)),
        2 => Just(tags_of(OTHER_UID)),
        2 => Just(Tags::Read(BTreeMap::new())),
        2 => any_call_error().prop_map(Tags::Unreadable),
    ]
}

fn any_store() -> impl Strategy<Value = Observed> {
    let status =
        select(vec!["ACTIVE", "ACTIVE", "ACTIVE", "CREATING", "UPDATING", "DELETING", "FAILED", "NEW", ""]);
    (any_account(), status, any_tags()).prop_map(|(account, status, tags)| {
        present(account, Some(status).filter(|status| !status.is_empty()), tags)
    })
}

fn any_look_up() -> impl Strategy<Value = Observed> {
    let arn = store(OTHER_ID, ACCOUNT, None).arn;
    let former = Found::Former { id: OTHER_ID.into(), arn, uid: OTHER_UID.into() };
    (select(vec![Found::Nothing, Found::Nothing, former]), any_account())
        .prop_map(|(found, account)| Observed::LookedUp { found, account: account.into() })
}

prop_compose! {
    fn any_recollection()(
        absent in option::of(0..10_u64),
        accepted in option::of(select(vec![1_u64, 59, 61])),
        refusal in option::of((
            prop_oneof![
                (0..2_usize).prop_map(|total| Ok(ReadSetCount { total, ..Default::default() })),
                any_call_error().prop_map(Err),
            ],
            any::<bool>(),
        )),
        failures in 0..5_u32,
        denied in option::of(0..600_u64),
    ) -> Recollection {
        Recollection {
            absent_for: absent.map(Duration::from_secs),
            delete_accepted_for: accepted.map(Duration::from_secs),
            refusal: refusal.map(|(read_sets, due)| Refusal { read_sets, due }),
            failures,
            denied_for: denied.map(Duration::from_secs),
            ..Default::default()
        }
    }
}

prop_compose! {
    /// A pass as it can come about: AWS is asked for what the object's target says, and answers anything.
    pub(crate) fn any_scene()(
        object in any_object(),
        seen in any_store(),
        looked_up in any_look_up(),
        account in any_account(),
        error in any_call_error(),
        answer in 0..4_u8,
        recollection in any_recollection(),
        owner_is_gone in any::<bool>(),
        rival in prop_oneof![3 => Just(None), 1 => Just(Some("ns/older"))],
    ) -> Scene {
        let mut scene = Scene { object, observed: Observed::NotAsked, recollection, owner_is_gone, rival };
        scene.observed = match (scene.target(), answer, seen) {
            (None, ..) => Observed::NotAsked,
            (Some(_), 0, _) => Observed::Failed(error),
            (Some(Target::Store { .. }), 1, _) => Observed::Absent { account: account.into() },
            (Some(Target::Store { id, .. }), _, Observed::Present(present)) => {
                let account = present.account.clone();
                let status = present.store.status.clone();
                Observed::Present(Box::new(Present { store: store(&id, &account, status.as_deref()), ..*present }))
            }
            // A look-up that found the object's own store shows that store.
            (Some(Target::LookUp { .. }), 3, Observed::Present(present)) if present.tags.owner() == Some(UID) => {
                Observed::Present(present)
            }
            (Some(_), ..) => looked_up,
        };
        scene
    }
}
