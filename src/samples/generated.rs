//! Generators of objects, of AWS's responses and of recollections.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::aws::ReadSetCount;
use crate::crd::{
    Allow, Connection, ConnectionTarget, DeletionDefaults, DeletionPolicy, ETagAlgorithmFamily,
    INTENT_ANNOTATION, ManagementPolicy, PAUSED_ANNOTATION, RECREATE_ANNOTATION, ReadSets, S3AccessConfig,
    TAKE_OVER_ANNOTATION,
};
use crate::plan::{Correction, Denial, Refusal, TakeOver};
use crate::store::Field;
use crate::store::intent::AttemptOutcome;
use crate::store::owner_match::OwnerMatch;
use crate::tenancy::{AccessRefusal, Bound, Limits};

fn any_call_error() -> impl Strategy<Value = CallError> {
    let operations = [Operation::GetSequenceStore, Operation::ListTagsForResource, Operation::ListReadSets];
    (select(operations.to_vec()), select(Class::ALL.to_vec())).prop_map(|(o, c)| call_error(o, c))
}

fn any_map<V: Clone + std::fmt::Debug>(
    keys: &'static [&'static str],
    value: impl Strategy<Value = V>,
) -> impl Strategy<Value = BTreeMap<String, V>> {
    prop::collection::btree_map(select(keys.to_vec()).prop_map(ToOwned::to_owned), value, 0..3)
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
        prop_oneof![6 => Just(None), 1 => Just(Some("1m")), 1 => Just(Some("soon"))],
        (any_changeable().boxed(), option::of(Just("mine")), option::of(any::<bool>())),
    );
    (id, management, deletion, protection, fields).prop_map(
        |(
            id,
            management_policy,
            deletion_policy,
            deletion_protection,
            (name, text, family, poll, (more, config_map, observe_read_sets)),
        )| {
            SequenceStoreSpec {
                sequence_store_id: id.map(Into::into),
                management_policy,
                deletion_policy,
                deletion_protection,
                name: name.map(Into::into),
                description: text.map(Into::into),
                e_tag_algorithm_family: family,
                poll_interval: poll.map(Into::into),
                observe_read_sets,
                write_connection_to: config_map.map(|name| ConnectionTarget { config_map: name.into() }),
                ..more
            }
        },
    )
}

fn any_location() -> impl Strategy<Value = Option<String>> {
    option::of(select(vec!["", "s3://bucket/", "s3://other/prefix/"])).prop_map(|l| l.map(Into::into))
}

/// Fields that AWS can change, including cleared ones and empty policies.
fn any_changeable() -> impl Strategy<Value = SequenceStoreSpec> {
    let statement = serde_json::json!({"Version": "2012-10-17", "Statement": []});
    let policy = select(vec![serde_json::json!({}), statement]).prop_map(|p| p.as_object().cloned());
    (
        any_location(),
        any_location(),
        option::of(prop::collection::btree_set(select(vec!["a", "b", "c"]), 0..3)),
        option::of(any_map(&["team", "cost", "old"], select(vec!["", "1", "2"]))),
        prop_oneof![2 => Just(None), 1 => policy],
    )
        .prop_map(|(fallback_location, log, keys, tags, s3_access_policy)| SequenceStoreSpec {
            fallback_location,
            s3_access_config: log.map(|log| S3AccessConfig { access_log_location: Some(log) }),
            propagated_set_level_tags: keys.map(|keys| keys.into_iter().map(Into::into).collect()),
            tags: tags.map(|tags| tags.into_iter().map(|(key, value)| (key, value.to_owned())).collect()),
            s3_access_policy,
            ..Default::default()
        })
}

/// A valid spec that names a store.
pub(crate) fn any_valid_spec() -> impl Strategy<Value = SequenceStoreSpec> {
    (any_spec().boxed(), any_changeable().boxed()).prop_map(|(spec, more)| SequenceStoreSpec {
        sequence_store_id: Some(ID.into()),
        management_policy: None,
        deletion_policy: spec.deletion_policy,
        name: spec.name,
        description: spec.description,
        ..more
    })
}

fn any_read_sets() -> impl Strategy<Value = Option<ReadSets>> {
    let counted = any_map(&["ACTIVE", "ARCHIVED", "NEW"], 1..1000_i32).prop_map(|by_status| ReadSets {
        total: Some(by_status.values().sum::<i32>().to_string()),
        by_status,
        observed_time: Some(now().to_string()),
        message: None,
    });
    let failed = ReadSets { message: Some("denied".into()), ..ReadSets::default() };
    prop_oneof![2 => Just(None), 1 => counted.prop_map(Some), 1 => Just(Some(failed))]
}

fn any_status() -> impl Strategy<Value = Option<SequenceStoreStatus>> {
    let record =
        (select(vec![ID, ID, OTHER_ID]), any_account(), option::of(any_account()), option::of(Just(REGION)));
    let kept = option::of(select(vec!["mine", "former"]));
    let recorded = (record, any::<bool>(), kept, any_read_sets()).prop_map(
        |((id, in_arn, account, region), managed, kept, read_sets)| SequenceStoreStatus {
            read_sets,
            managed_store_id: managed.then(|| id.into()),
            connection: kept.map(|name| Connection { config_map: name.into() }),
            observed_generation: Some(2),
            store: Some(store(id, in_arn, Some("ACTIVE"))),
            account_id: account.map(Into::into),
            region: region.map(Into::into),
            ..Default::default()
        },
    );
    let fresh = SequenceStoreStatus { observed_generation: Some(-1), ..Default::default() };
    prop_oneof![1 => Just(None), 2 => Just(Some(fresh)), 5 => recorded.prop_map(Some)]
}

fn any_annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    let intents = vec![
        intent(None).render(),
        intent(Some(ID)).render(),
        Intent { outcome: Some(AttemptOutcome::Refused), ..intent(None) }.render(),
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
        spec in any_spec().boxed(),
        status in any_status().boxed(),
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

fn any_tags() -> impl Strategy<Value = ObservedTags> {
    prop_oneof![
        3 => Just(ObservedTags::Read(own_tags())),
        1 => Just(tags_of(UID)),
        2 => Just(tags_of(OTHER_UID)),
        2 => Just(ObservedTags::Read(BTreeMap::new())),
        2 => any_call_error().prop_map(ObservedTags::Unreadable),
    ]
}

fn any_store() -> impl Strategy<Value = Observed> {
    let status =
        select(vec!["ACTIVE", "ACTIVE", "ACTIVE", "CREATING", "UPDATING", "DELETING", "FAILED", "NEW", ""]);
    let policy = prop_oneof![
        2 => Just(ObservedPolicy::NotRead),
        1 => Just(ObservedPolicy::Read(None)),
        1 => Just(ObservedPolicy::Read(Some("{}".into()))),
        1 => any_call_error().prop_map(ObservedPolicy::Unreadable),
    ];
    (any_account(), status, any_tags(), policy.boxed(), any_changeable().boxed()).prop_map(
        |(account, status, tags, policy, shown)| {
            let mut seen = store(ID, account, Some(status).filter(|status| !status.is_empty()));
            seen.fallback_location = shown.fallback_location;
            seen.propagated_set_level_tags = shown.propagated_set_level_tags;
            let account = account.to_owned();
            Observed::Present(Box::new(Present { store: seen, account, tags, strays: None, policy }))
        },
    )
}

fn any_search() -> impl Strategy<Value = Observed> {
    let arn = store(OTHER_ID, ACCOUNT, None).arn;
    let former = OwnerMatch::Former { id: OTHER_ID.into(), arn, uid: OTHER_UID.into() };
    (select(vec![OwnerMatch::Nothing, OwnerMatch::Nothing, former]), any_account())
        .prop_map(|(found, account)| Observed::Searched { found, account: account.into() })
}

prop_compose! {
    fn any_recollection()(
        absent in option::of(0..10_u64),
        not_owner in option::of(0..10_u64),
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
        denials in any_denials(),
        corrections in any_corrections(),
        not_created in option::weighted(0.2, (0..2_u32, 1..3_u32)),
        attempt_known_for in select(vec![0_u64, 10, 74, 75, 400]),
        policy_rejected in any::<bool>(),
        tag_keys_not_kept in any::<bool>(),
    ) -> Recollection {
        Recollection {
            absent_for: absent.map(Duration::from_secs),
            not_owner_for: not_owner.map(Duration::from_secs),
            tag_keys_not_kept,
            unshown_tag_keys: BTreeMap::new(),
            delete_accepted_for: accepted.map(Duration::from_secs),
            refusal: refusal.map(|(read_sets, due)| Refusal { read_sets, due }),
            failures,
            denied_for: denied.map(Duration::from_secs),
            throttled_for: None,
            denials,
            corrections_of: Some(2),
            corrections,
            not_created,
            attempt_known_for: Duration::from_secs(attempt_known_for),
            policy_rejected,
        }
    }
}

fn any_denials() -> impl Strategy<Value = BTreeMap<Operation, Denial>> {
    let operations =
        vec![Operation::TagResource, Operation::UpdateSequenceStore, Operation::PutS3AccessPolicy];
    let denial = (select(operations), any::<bool>())
        .prop_map(|(o, waits)| (o, Denial { error: call_error(o, Class::Denied), waits }));
    prop::collection::vec(denial, 0..2).prop_map(|denials| denials.into_iter().collect())
}

fn any_corrections() -> impl Strategy<Value = BTreeMap<Field, Correction>> {
    let fields = vec![
        Field::Description,
        Field::Tag("team".into()),
        Field::S3AccessPolicy,
        Field::Tag("healthomics.dev/uid".into()),
    ];
    let correction = (1..5_u32, select(vec![0_u64, 59, 60, 4000]))
        .prop_map(|(accepted, last)| Correction { accepted, last: Duration::from_secs(last) });
    prop::collection::btree_map(select(fields), correction, 0..3)
}

/// Mostly the operator's own, so that the other properties see enough plans that call AWS.
fn any_access() -> impl Strategy<Value = Access> {
    let allow = Allow { sequence_store_ids: Some(vec![ID.into()]), ..Allow::default() };
    let bound = |allow: Option<&Allow>| {
        Access::Bound(Bound {
            binding: "lab".into(),
            role_arn: format!("arn:aws:iam::{ACCOUNT}:role/lab"),
            external_id: None,
            account: ACCOUNT.into(),
            limits: Arc::new(Limits::of("lab", allow)),
        })
    };
    let refusals = [
        AccessRefusal::Conflict { bindings: vec!["lab".into(), "other".into()] },
        AccessRefusal::NotReady { binding: Some("lab".into()), why: "The role cannot be assumed.".into() },
        AccessRefusal::Missing { recorded: Some("lab".into()) },
        AccessRefusal::Missing { recorded: None },
    ];
    prop_oneof![
        8 => Just(Access::Operator),
        2 => select(vec![bound(None), bound(Some(&allow))]),
        1 => select(refusals.map(Access::Refused).to_vec()),
    ]
}

prop_compose! {
    /// A pass that can happen: the operator asks AWS for the target of the object, and AWS responds with anything.
    pub(crate) fn any_scene()(
        // Boxed: generators in generators are large, and test threads have small stacks.
        object in any_object().boxed(),
        seen in any_store().boxed(),
        searched in any_search().boxed(),
        account in any_account(),
        error in any_call_error(),
        answer in 0..4_u8,
        recollection in any_recollection().boxed(),
        take_over in select(vec![
            TakeOver::NotAskedFor,
            TakeOver::Allowed,
            TakeOver::Allowed,
            TakeOver::OwnerManages,
            TakeOver::OwnerUnknown,
        ]),
        is_listed in any::<bool>(),
        rival in prop_oneof![3 => Just(None), 1 => Just(Some("ns/older"))],
        (retains, protects) in (prop::bool::weighted(0.2), prop::bool::weighted(0.2)),
        access in any_access(),
    ) -> Scene {
        let policy = if retains { DeletionPolicy::Retain } else { DeletionPolicy::Delete };
        let deletion_defaults = DeletionDefaults { policy, protection: protects };
        let (observed, unlisted) = (Observed::NotAsked, Vec::new());
        let mut scene = Scene { object, observed, recollection, take_over, rival, unlisted, deletion_defaults, access };
        scene.observed = match (scene.target(), answer, seen) {
            (None, ..) => Observed::NotAsked,
            (Some(_), 0, _) => Observed::Failed(error),
            (Some(Target::Store { .. }), 1, _) => Observed::Absent { account: account.into() },
            (Some(Target::Store { id, .. }), _, Observed::Present(present)) => {
                let account = present.account.clone();
                let status = present.store.status.clone();
                let seen = store(&id, &account, status.as_deref());
                let seen = Store { id: seen.id, arn: seen.arn, s3_access: seen.s3_access, ..present.store.clone() };
                Observed::Present(Box::new(Present { store: seen, ..*present }))
            }
            // A search that found the object's own store shows that store.
            (Some(Target::Search { .. }), 3, Observed::Present(present)) if present.tags.owner() == Some(UID) => {
                Observed::Present(present)
            }
            (Some(_), ..) => searched,
        };
        let is_claimed = |found: &Present| found.known_tags().is_none() || found.tags.owner().is_some();
        if !is_listed && scene.object.manages() && scene.observed.present().is_some_and(|p| !is_claimed(p)) {
            scene.unlisted = vec!["namespace closed".into()];
        }
        scene
    }
}
