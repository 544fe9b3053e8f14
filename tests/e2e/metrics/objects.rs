//! Series about objects: they come and go with them, and hold nothing that only the owner of an object may see.

use std::sync::Arc;

use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::page::Measured;
use crate::world::{Cluster, Error, World, ensure, observing, spec_for, tests};

tests![
    series_of_an_object_come_and_go_with_it,
    a_flag_leaves_out_the_series_of_each_object,
    drift_and_stalls_are_shown_for_each_object,
    labels_hold_nothing_of_specs_and_no_made_up_region,
];

const READY: &str = "sequencestore_object_ready";
const DELETED_AT: &str = "sequencestore_object_deletion_timestamp_seconds";
const OBJECTS: &str = "sequencestore_objects";

async fn series_of_an_object_come_and_go_with_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let measured = Measured::start(&world, &[])?;
    ensure!(measured.page().await?.count(READY, &[]) == 0, "no object, no series");
    let spec = SequenceStoreSpec { deletion_protection: Some(true), ..spec_for(&store) };
    world.create("a", spec).await?;
    let ready = world.until_ready("a").await?;
    let labels = [("namespace", world.namespace.as_str()), ("name", "a")];
    let page = measured.until("a Ready object", |page| page.sum(READY, &labels) == 1).await?;
    let available = [("type", "Ready"), ("status", "True"), ("reason", "Available")];
    ensure!(page.sum(OBJECTS, &available) == 1, "{}", page.text);
    let since = page.sum("sequencestore_object_ready_transition_timestamp_seconds", &labels);
    let condition = crate::world::condition(&ready, "Ready").ok_or("no condition")?;
    ensure!(i64::try_from(since)? == condition.last_transition_time.0.as_second(), "{since}");
    ensure!(page.count(DELETED_AT, &[]) == 0, "{}", page.text);

    world.delete("a").await?;
    let object = world.until_condition("a", "Ready", "False", "DeletionBlocked").await?;
    let page = measured.until("the deletion", |page| page.sum(READY, &labels) == 0).await?;
    let deleted_at = object.metadata.deletion_timestamp.ok_or("not being deleted")?.0.as_second();
    ensure!(i64::try_from(page.sum(DELETED_AT, &labels))? == deleted_at, "{}", page.text);

    world.patch("a", json!({"spec": {"deletionProtection": false}})).await?;
    world.until_gone("a").await?;
    let page = measured.until("no object", |page| page.count(READY, &[]) == 0).await?;
    ensure!(!page.text.contains(r#"name="a""#), "{}", page.text);
    ensure!(page.count(OBJECTS, &[]) == 0, "{}", page.text);
    Ok(())
}

async fn a_flag_leaves_out_the_series_of_each_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let measured = Measured::start(&world, &["--metrics-per-object=false"])?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let page =
        measured.until("a Ready object", |page| page.sum(OBJECTS, &[("reason", "Available")]) == 1).await?;
    ensure!(!page.text.contains("sequencestore_object_"), "{}", page.text);
    ensure!(!page.text.contains(&world.namespace), "no name of a namespace: {}", page.text);
    Ok(())
}

async fn drift_and_stalls_are_shown_for_each_object(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let measured = Measured::start(&world, &[])?;
    let spec = SequenceStoreSpec { description: Some("not in AWS".into()), ..observing(&store) };
    world.create("observer", spec).await?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("lost", spec).await?;
    world.until_condition("observer", "Synced", "False", "Drifted").await?;
    world.until_condition("lost", "Stalled", "True", "StoreNotFound").await?;
    let page = measured
        .until("both", |page| {
            page.sum("sequencestore_object_drifted", &[("name", "observer")]) == 1
                && page.sum("sequencestore_object_stalled", &[("name", "lost")]) == 1
        })
        .await?;
    let stalled = [("name", "lost"), ("reason", "StoreNotFound")];
    ensure!(page.count("sequencestore_object_stalled", &stalled) == 1, "{}", page.text);
    ensure!(page.count("sequencestore_object_stalled", &[]) == 1, "{}", page.text);
    ensure!(page.sum("sequencestore_object_drifted", &[("name", "lost")]) == 0, "{}", page.text);
    ensure!(page.sum(OBJECTS, &[("type", "Ready")]) == 2, "{}", page.text);
    Ok(())
}

async fn labels_hold_nothing_of_specs_and_no_made_up_region(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let store = world.seed().await?;
    let measured = Measured::start(&world, &[])?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/canary-principal"},
        "Action": "s3:GetObject", "Resource": "*",
    }]});
    let spec = SequenceStoreSpec {
        s3_access_policy: policy.as_object().cloned(),
        tags: Some([("canary-key".to_owned(), "canary-value".to_owned())].into()),
        description: Some("canary-description".into()),
        ..spec_for(&store)
    };
    world.create("a", spec).await?;
    world.until_ready("a").await?;
    // Each region costs a time-out or an answer that says nothing.
    world
        .aws
        .script_fault(&healthomics_simulator::Fault::always(
            "ListSequenceStores",
            healthomics_simulator::FaultAction::Reset,
        ))
        .await?;
    for number in 1..=4 {
        let spec = SequenceStoreSpec { region: Some(format!("xx-canary-{number}")), ..Default::default() };
        world.create(&format!("made-up-{number}"), spec).await?;
    }
    let page = measured
        .until("requests in made-up regions", |page| {
            page.sum("sequencestore_aws_requests_total", &[("region", "other")]) >= 4
        })
        .await?;
    let line = page.text.lines().find(|line| line.contains("canary") || line.contains("AKIA"));
    ensure!(line.is_none(), "{line:?}");
    ensure!(page.sum("sequencestore_aws_requests_total", &[("region", "us-east-1")]) >= 1, "{}", page.text);
    Ok(())
}
