//! The operator keeps a store as the spec says and changes nothing else about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, PolicyReadBack, SeedStore};
use sequencestore_operator::crd::{ManagementPolicy, S3AccessConfig, SequenceStoreSpec};
use serde_json::json;

use crate::world::{Cluster, Error, Start, World, condition, ensure, spec_for, status, tests};

tests![
    the_operator_updates_and_clears_every_mutable_field,
    manage_corrects_drift_and_observe_only_reports_it,
    the_operator_manages_tags_key_by_key,
    the_operator_stops_writing_a_field_that_never_converges,
    the_operator_sets_and_deletes_the_policy_and_compares_it_by_meaning,
    the_operator_never_sends_a_policy_that_aws_would_refuse,
];

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn the_operator_updates_and_clears_every_mutable_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    world.adopt("all", &seeded).await?;
    world.until_ready("all").await?;
    let spec = SequenceStoreSpec {
        name: Some("renamed".into()),
        description: Some("described".into()),
        fallback_location: Some("s3://fallback-bucket/p/".into()),
        s3_access_config: Some(S3AccessConfig { access_log_location: Some("s3://log-bucket/p/".into()) }),
        propagated_set_level_tags: Some(vec!["b".into(), "a".into()]),
        ..spec_for(&seeded)
    };
    world.patch("all", json!({"spec": spec})).await?;
    world
        .until("all", "renamed", |o| status(o).store.is_some_and(|s| s.name.as_deref() == Some("renamed")))
        .await?;
    world.until_ready("all").await?;
    let updates = world.calls("UpdateSequenceStore").await?;
    ensure!(updates.len() == 1, "{} updates", updates.len());
    let clear = json!({"spec": {
        "fallbackLocation": "", "s3AccessConfig": {"accessLogLocation": ""}, "propagatedSetLevelTags": [],
    }});
    world.patch("all", clear).await?;
    world.until("all", "cleared", |o| status(o).observed_generation == o.metadata.generation).await?;
    world.until_ready("all").await?;
    let store = world.aws.store(&seeded.id).await?.ok_or("store")?;
    ensure!(store.fallback_location.is_none() && store.propagated_set_level_tags.is_empty(), "{store:?}");
    ensure!(store.s3_access.access_log_location.is_none(), "{store:?}");
    ensure!(
        store.name.as_deref() == Some("renamed") && store.description.as_deref() == Some("described"),
        "{store:?}"
    );
    let second = world.calls("UpdateSequenceStore").await?.pop().ok_or("no second update")?.parameters;
    ensure!(
        second.get("name").is_none() && second.get("description").is_none(),
        "the update sends unchanged fields: {second}"
    );
    Ok(())
}

async fn manage_corrects_drift_and_observe_only_reports_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    let (mine, watched) = (world.seed().await?, world.seed().await?);
    let wanted = |store| SequenceStoreSpec { description: Some("wanted".into()), ..spec_for(store) };
    world.create("mine", wanted(&mine)).await?;
    let observe =
        SequenceStoreSpec { management_policy: Some(ManagementPolicy::Observe), ..wanted(&watched) };
    world.create("watched", observe).await?;
    world.until_ready("mine").await?;
    world
        .until("mine", "in sync", |o| {
            status(o).store.is_some_and(|s| s.description.as_deref() == Some("wanted"))
        })
        .await?;
    let object = world.until_condition("watched", "Synced", "False", "Drifted").await?;
    ensure!(
        condition(&object, "Ready").is_some_and(|ready| ready.status == "True"),
        "an observed store is not Ready"
    );
    let drift = status(&object).drift;
    ensure!(
        drift.len() == 1 && drift[0].field == "description" && drift[0].desired.as_deref() == Some("wanted"),
        "{drift:?}"
    );
    world.aws.change_store(&mine.id, json!({"description": "changed behind its back"})).await?;
    let updates = world.calls("UpdateSequenceStore").await?.len();
    world.until_calls("UpdateSequenceStore", updates + 1).await?;
    world.until("mine", "corrected", |o| status(o).drift.is_empty()).await?;
    world.until_ready("mine").await?;
    let store = world.aws.store(&mine.id).await?.ok_or("store")?;
    ensure!(store.description.as_deref() == Some("wanted"), "{:?}", store.description);
    let touched =
        world.mutating_calls().await?.iter().any(|call| call.store_id.as_ref() == Some(&watched.id));
    ensure!(!touched, "the operator changed an observed store");
    Ok(())
}

async fn the_operator_manages_tags_key_by_key(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world
        .seed_with(SeedStore { tags: tags(&[("foreign", "f"), ("same", "s")]), ..SeedStore::default() })
        .await?;
    let spec =
        SequenceStoreSpec { tags: Some(tags(&[("a", "1"), ("b", "2"), ("same", "s")])), ..spec_for(&seeded) };
    world.create("tagged", spec).await?;
    let has = |wanted: &'static [(&'static str, &'static str)]| {
        move |object: &sequencestore_operator::crd::SequenceStore| {
            let shown = status(object).store.and_then(|store| store.tags).unwrap_or_default();
            let shown: BTreeMap<_, _> =
                shown.into_iter().filter(|(k, _)| !k.starts_with("healthomics.dev/")).collect();
            shown == tags(wanted)
        }
    };
    world
        .until("tagged", "all tags", has(&[("a", "1"), ("b", "2"), ("foreign", "f"), ("same", "s")]))
        .await?;
    let object = world.until_ready("tagged").await?;
    ensure!(status(&object).managed_tag_keys == ["a", "b"], "{:?}", status(&object).managed_tag_keys);
    world.patch("tagged", json!({"spec": {"tags": {"a": "9", "b": null, "same": null}}})).await?;
    world.until("tagged", "fewer tags", has(&[("a", "9"), ("foreign", "f"), ("same", "s")])).await?;
    world.until_condition("tagged", "Synced", "True", "InSync").await?;
    Ok(())
}

async fn the_operator_stops_writing_a_field_that_never_converges(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    let seeded = world.seed().await?;
    let member = |operation: &str| Fault {
        times: None,
        ..Fault::once(
            operation,
            FaultAction::Replace { member: "description".into(), value: json!("AWS knows better") },
        )
    };
    world.aws.script_fault(&member("GetSequenceStore")).await?;
    let spec = SequenceStoreSpec { description: Some("wanted".into()), ..spec_for(&seeded) };
    world.create("stubborn", spec).await?;
    let object = world.until_condition("stubborn", "Stalled", "True", "NotConverging").await?;
    ensure!(
        status(&object).drift.iter().any(|drift| drift.field == "description"),
        "{:?}",
        status(&object).drift
    );
    let updates = world.calls("UpdateSequenceStore").await?.len();
    ensure!(updates == 3, "{updates} updates");
    let gets = world.calls("GetSequenceStore").await?.len();
    world.until_calls("GetSequenceStore", gets + 3).await?;
    ensure!(
        world.calls("UpdateSequenceStore").await?.len() == updates,
        "the operator still updates the field"
    );
    world.aws.clear_faults().await?;
    world.until_ready("stubborn").await?;
    Ok(())
}

async fn the_operator_sets_and_deletes_the_policy_and_compares_it_by_meaning(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    world.aws.set_knobs(&Knobs { policy_read_back: PolicyReadBack::Canonical, ..Knobs::default() }).await?;
    let seeded = world.seed().await?;
    let statement = json!({
        "Sid": "Read", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::123456789012:root"]},
        "Action": ["s3:ListBucket"], "Resource": [seeded.s3_access.s3_access_point_arn],
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    let spec = SequenceStoreSpec { s3_access_policy: policy.as_object().cloned(), ..spec_for(&seeded) };
    world.create("policy", spec).await?;
    world.until_calls("PutS3AccessPolicy", 1).await?;
    world.until_condition("policy", "Synced", "True", "InSync").await?;
    let (puts, gets) =
        (world.calls("PutS3AccessPolicy").await?.len(), world.calls("GetS3AccessPolicy").await?.len());
    ensure!(puts == 1, "{puts} puts");
    let polls = world.calls("GetSequenceStore").await?.len();
    world.until_calls("GetSequenceStore", polls + 3).await?;
    ensure!(
        world.calls("GetS3AccessPolicy").await?.len() == gets,
        "the operator reads a settled policy at every poll"
    );
    world.aws.change_store(&seeded.id, json!({"s3AccessPolicy": "{}"})).await?;
    world.reconcile_now("policy").await?;
    world.until_calls("PutS3AccessPolicy", 2).await?;
    world.until_condition("policy", "Synced", "True", "InSync").await?;
    // A JSON patch, because a merge patch cannot replace an object with an empty one.
    let empty = json!([{"op": "replace", "path": "/spec/s3AccessPolicy", "value": {}}]).to_string();
    let patched = ["patch", "seqstore", "policy", "--type=json", "--patch", &empty];
    world.kubectl(&patched).await?.checked()?;
    world.until_calls("DeleteS3AccessPolicy", 1).await?;
    world.until_condition("policy", "Synced", "True", "InSync").await?;
    let store = world.aws.store(&seeded.id).await?.ok_or("store")?;
    ensure!(store.s3_access_policy.is_none(), "{:?}", store.s3_access_policy);
    Ok(())
}

async fn the_operator_never_sends_a_policy_that_aws_would_refuse(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    let statement = json!({
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", "NotAction": "s3:PutObject",
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    let spec = SequenceStoreSpec { s3_access_policy: policy.as_object().cloned(), ..spec_for(&seeded) };
    world.create("refused", spec).await?;
    let object = world.until_condition("refused", "Stalled", "True", "InvalidSpec").await?;
    ensure!(
        crate::world::message(&object, "Ready").contains("NotAction"),
        "the message does not name the element"
    );
    ensure!(world.mutating_calls().await?.is_empty(), "the policy was sent to AWS");
    Ok(())
}
