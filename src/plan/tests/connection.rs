//! What is to be done with the ConfigMap of an object, and what one that exists means.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};

use crate::crd::{
    Connection, ConnectionTarget, ManagementPolicy, PAUSED_ANNOTATION, SequenceStore, StoreS3Access,
};
use crate::plan::connection::connection;
use crate::plan::{
    ConnectionStep, FoundConfigMap, ShownConnection, State, StoreOwner, connection_needs_pass,
    connection_step, found_config_map, is_owned_by, new_config_map,
};
use crate::samples::{ACCOUNT, ID, OTHER_ID, OTHER_UID, REGION, Scene, now};

/// An object that asks for a ConfigMap `mine` and has one of this name on record.
fn object(recorded: Option<&str>) -> SequenceStore {
    let mut object = Scene::settled().object;
    object.spec.write_connection_to = Some(ConnectionTarget { config_map: "mine".into() });
    object.status.get_or_insert_default().connection =
        recorded.map(|name| Connection { config_map: name.into() });
    object
}

fn step(object: &SequenceStore, is_ready: bool, state: &State) -> ConnectionStep {
    connection_step(object, object.status.as_ref().expect("a status"), is_ready, state)
}

fn data() -> BTreeMap<String, String> {
    let object = object(None);
    connection(&object, object.status.as_ref().expect("a status")).expect("its store")
}

fn own() -> ConfigMap {
    new_config_map(&object(None), "mine", data())
}

fn found(config_map: ConfigMap) -> FoundConfigMap {
    found_config_map(&object(None), Some(config_map), &data())
}

#[test]
fn the_config_map_says_how_to_reach_the_store_and_leaves_out_what_aws_does_not_say() {
    let mut object = object(None);
    let arn = format!("arn:aws:omics:{REGION}:{ACCOUNT}:sequenceStore/{ID}");
    let access_point = format!("arn:aws:s3:{REGION}:555555555555:accesspoint/ap-{ID}");
    let pairs = [
        ("SEQUENCE_STORE_ACCOUNT_ID", ACCOUNT),
        ("SEQUENCE_STORE_ARN", &arn),
        ("SEQUENCE_STORE_ID", ID),
        ("SEQUENCE_STORE_REGION", REGION),
        ("SEQUENCE_STORE_S3_ACCESS_POINT_ARN", &access_point),
    ];
    let mut expected: BTreeMap<String, String> =
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(data(), expected);
    let status = object.status.get_or_insert_default();
    let access = StoreS3Access { s3_uri: Some("s3://alias/".into()), ..Default::default() };
    status.store.as_mut().expect("a store").s3_access = Some(access);
    expected.remove("SEQUENCE_STORE_S3_ACCESS_POINT_ARN");
    expected.insert("SEQUENCE_STORE_S3_URI".into(), "s3://alias/".into());
    assert_eq!(connection(&object, object.status.as_ref().expect("a status")), Some(expected));
}

#[test]
fn a_store_is_published_only_by_an_object_that_manages_or_observes_it() {
    let is_published = |change: fn(&mut SequenceStore)| {
        let mut object = object(None);
        change(&mut object);
        connection(&object, object.status.as_ref().expect("a status")).is_some()
    };
    fn status(object: &mut SequenceStore) -> &mut crate::crd::SequenceStoreStatus {
        object.status.get_or_insert_default()
    }
    assert!(is_published(|_| {}));
    assert!(!is_published(|object| status(object).managed_store_id = None));
    assert!(!is_published(|object| status(object).managed_store_id = Some(OTHER_ID.into())));
    assert!(!is_published(|object| status(object).store = None));
    assert!(!is_published(|object| status(object).region = None));
    assert!(!is_published(|object| status(object).account_id = None));
    assert!(is_published(|object| {
        object.spec.management_policy = Some(ManagementPolicy::Observe);
        status(object).managed_store_id = None;
    }));
}

#[test]
fn the_step_follows_spec_record_and_state() {
    let keep = || ConnectionStep::Keep { name: "mine".into(), data: data() };
    let remove = |name: &str| ConnectionStep::Remove { name: name.into() };
    let lost = State::OwnershipConflict { owner: StoreOwner::Untagged };
    for recorded in [None, Some("mine"), Some("former")] {
        assert_eq!(step(&object(recorded), true, &State::Available), keep());
        assert_eq!(step(&object(recorded), false, &State::Updating), ConnectionStep::Leave);
    }
    assert_eq!(step(&object(Some("mine")), false, &lost), remove("mine"), "the store is somebody else's now");
    assert_eq!(step(&object(None), false, &lost), ConnectionStep::Leave);
    let mut unwanted = object(Some("mine"));
    unwanted.spec.write_connection_to = None;
    for (is_ready, state) in [(true, State::Available), (false, State::Updating), (false, lost)] {
        assert_eq!(step(&unwanted, is_ready, &state), remove("mine"), "{state:?}");
    }
    unwanted.status.get_or_insert_default().connection = None;
    assert_eq!(step(&unwanted, true, &State::Available), ConnectionStep::Leave);
    let mut uncertain = object(None);
    uncertain.status.get_or_insert_default().managed_store_id = None;
    assert_eq!(step(&uncertain, true, &State::Available), ConnectionStep::Withhold);
}

#[test]
fn a_paused_object_and_one_that_is_being_deleted_leave_everything_as_it_is() {
    for recorded in [None, Some("mine"), Some("former")] {
        let mut deleted = object(recorded);
        deleted.metadata.deletion_timestamp = Some(Time(now()));
        let mut paused = object(recorded);
        paused.annotations_mut().insert(PAUSED_ANNOTATION.into(), "true".into());
        for mut object in [deleted, paused] {
            for target in [object.spec.write_connection_to.clone(), None] {
                object.spec.write_connection_to = target;
                assert_eq!(step(&object, true, &State::Available), ConnectionStep::Leave, "{object:?}");
            }
        }
    }
}

#[test]
fn a_new_config_map_belongs_to_the_object_and_needs_no_repair() {
    let object = object(None);
    let owners = own().owner_references().to_vec();
    assert_eq!(owners.len(), 1);
    assert_eq!((&owners[0].uid, owners[0].controller), (&object.uid().expect("a uid"), Some(true)));
    // It would need a right that OpenShift asks for.
    assert_eq!(owners[0].block_owner_deletion, None);
    assert!(is_owned_by(&object, &own()));
    assert_eq!(found(own()), FoundConfigMap::Equal);
    assert_eq!(found_config_map(&object, None, &data()), FoundConfigMap::Absent);
}

#[test]
fn a_config_map_without_the_uid_of_the_object_as_its_controller_is_somebody_elses() {
    type Change = fn(&mut ConfigMap);
    let changes: [(&str, Change, Option<&str>); 5] = [
        ("no owner", |found| found.metadata.owner_references = None, None),
        ("not the controller", |found| found.owner_references_mut()[0].controller = Some(false), None),
        ("controller not said", |found| found.owner_references_mut()[0].controller = None, None),
        ("another uid", |found| found.owner_references_mut()[0].uid = OTHER_UID.into(), Some("a")),
        (
            "another kind",
            |found| {
                let owner = &mut found.owner_references_mut()[0];
                (owner.uid, owner.kind) = (OTHER_UID.into(), "Deployment".into());
            },
            None,
        ),
    ];
    for (what, change, other) in changes {
        let mut config_map = own();
        change(&mut config_map);
        let foreign = FoundConfigMap::Foreign { other: other.map(Into::into) };
        assert_eq!(found(config_map), foreign, "{what}");
    }
    let mut nobody = object(None);
    nobody.metadata.uid = None;
    let mut unowned = own();
    unowned.owner_references_mut()[0].uid = String::new();
    assert!(!is_owned_by(&nobody, &unowned), "an object without a uid owns nothing");
}

#[test]
fn what_others_changed_in_the_content_is_put_right_and_their_metadata_stays() {
    type Change = fn(&mut ConfigMap);
    let changes: [(&str, Change); 5] = [
        ("a value", |found| {
            found.data.get_or_insert_default().insert("SEQUENCE_STORE_ID".into(), "7".into());
        }),
        ("a key too many", |found| {
            found.data.get_or_insert_default().insert("PATH".into(), "/evil".into());
        }),
        ("no content", |found| found.data = None),
        ("bytes", |found| {
            found.binary_data = Some([("a".to_owned(), ByteString(vec![1]))].into());
        }),
        ("no label", |found| found.metadata.labels = None),
    ];
    for (what, change) in changes {
        let mut config_map = own();
        config_map.meta_mut().resource_version = Some("7".into());
        config_map.annotations_mut().insert("theirs".into(), "yes".into());
        config_map.labels_mut().insert("theirs".into(), "yes".into());
        assert_eq!(found(config_map.clone()), FoundConfigMap::Equal);
        change(&mut config_map);
        let FoundConfigMap::Differs(repaired) = found(config_map.clone()) else { panic!("{what}") };
        assert_eq!(repaired.resource_version().as_deref(), Some("7"), "exactly what was read is replaced");
        assert!(repaired.annotations().contains_key("theirs"), "{what}");
        assert_eq!(found(*repaired), FoundConfigMap::Equal, "{what}");
        config_map.immutable = Some(true);
        let is_content = what != "no label";
        assert_eq!(matches!(found(config_map), FoundConfigMap::Immutable(_)), is_content, "{what}");
    }
}

#[test]
fn one_that_is_being_deleted_must_be_gone_first() {
    let mut config_map = own();
    config_map.metadata.deletion_timestamp = Some(Time(now()));
    assert_eq!(found(config_map), FoundConfigMap::Going);
}

#[test]
fn an_object_gets_a_pass_where_a_pass_would_change_something() {
    use ShownConnection::{Conflict, Kept, Refused};
    let (kept, unrecorded) = (object(Some("mine")), object(None));
    let mut edited = own();
    edited.data = None;
    let mut foreign = own();
    foreign.metadata.owner_references = None;
    let rows = [
        ("all is well", &kept, Kept, Some(own()), false),
        ("edited", &kept, Kept, Some(edited), true),
        ("deleted", &kept, Kept, None, true),
        ("somebody else's now", &kept, Kept, Some(foreign.clone()), true),
        ("not on record", &unrecorded, Kept, Some(own()), true),
        ("somebody else's still", &unrecorded, Conflict, Some(foreign.clone()), false),
        ("no longer somebody else's", &unrecorded, Conflict, Some(own()), true),
        ("the other one is gone", &unrecorded, Conflict, None, true),
        ("seen again", &unrecorded, Refused, None, true),
        ("seen again, and not ours", &unrecorded, Refused, Some(foreign), true),
        ("seen again, and as it must be", &kept, Refused, Some(own()), true),
    ];
    for (what, object, shown, found, expected) in rows {
        assert_eq!(connection_needs_pass(object, shown, found), expected, "{what}");
    }
    let mut unwanted = object(Some("mine"));
    unwanted.spec.write_connection_to = None;
    for found in [None, Some(own())] {
        assert!(connection_needs_pass(&unwanted, Kept, found), "to be removed");
    }
}
