//! Events: one per transition, with the facts a person needs, and none while nothing changes.

use std::sync::Arc;

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use sequencestore_operator::crd::{ManagementPolicy, SequenceStoreSpec};
use serde_json::json;

use crate::world::{Cluster, Error, Start, World, ensure, spec_for, tests};

tests![
    the_operator_emits_an_event_for_each_transition,
    a_settled_object_causes_no_events,
    the_operator_reports_a_misspelt_annotation_once,
];

/// The Events of an object as `(reason, note, count)`, in no particular order.
async fn events(world: &World, name: &str) -> Result<Vec<(String, String, i32)>, Error> {
    let api: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    let ours = |event: &Event| event.regarding.as_ref().and_then(|r| r.name.as_deref()) == Some(name);
    let facts = |event: Event| {
        let count = event.series.map_or(1, |series| series.count);
        (event.reason.unwrap_or_default(), event.note.unwrap_or_default(), count)
    };
    Ok(api.list(&ListParams::default()).await?.items.into_iter().filter(ours).map(facts).collect())
}

async fn the_operator_emits_an_event_for_each_transition(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::with_create_grace(1))?;
    world.create("life", SequenceStoreSpec::default()).await?;
    let object = world.until_ready("life").await?;
    let id = object.status.and_then(|status| status.store).ok_or("a store")?.id;
    world.until_event("life", "Created").await?;
    world.until_event("life", "Available").await?;

    let spec = json!({"spec": {"description": "reads", "fallbackLocation": "s3://lab-uploads/failed/"}});
    world.patch("life", spec).await?;
    let note = world.until_event("life", "Updated").await?;
    ensure!(note.contains("description") && note.contains("1 more"), "{note}");
    world.until_ready("life").await?;
    let so_far = events(&world, "life").await?;
    ensure!(
        !so_far.iter().any(|(reason, ..)| reason == "Drifted"),
        "an edit is reported as drift: {so_far:?}"
    );

    world.aws.change_store(&id, json!({"description": "somebody else's", "fallbackLocation": ""})).await?;
    let note = world.until_event("life", "Drifted").await?;
    ensure!(note.contains("description and 1 more"), "{note}");
    world.until_ready("life").await?;

    world.delete("life").await?;
    world.until_gone("life").await?;
    world.until_event("life", "Deleting").await?;
    world.until_event("life", "Deleted").await?;
    Ok(())
}

async fn a_settled_object_causes_no_events(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    let observe = Some(ManagementPolicy::Observe);
    let spec = SequenceStoreSpec {
        management_policy: observe,
        description: Some("not this".into()),
        ..spec_for(&seeded)
    };
    world.create("watched", spec).await?;
    world.until_condition("watched", "Synced", "False", "Drifted").await?;
    let note = world.until_event("watched", "Drifted").await?;
    ensure!(note.contains("description"), "{note}");
    world.one_more_pass("watched").await?;
    let before = events(&world, "watched").await?;
    let gets = world.calls("GetSequenceStore").await?.len();
    world.until_calls("GetSequenceStore", gets + 4).await?;
    let after = events(&world, "watched").await?;
    ensure!(before == after, "{before:?} became {after:?}");
    Ok(())
}

async fn the_operator_reports_a_misspelt_annotation_once(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let seeded = world.seed().await?;
    world.adopt("a", &seeded).await?;
    world.until_ready("a").await?;
    world.patch("a", json!({"metadata": {"annotations": {"healthomics.dev/pause": "true"}}})).await?;
    let note = world.until_event("a", "AnnotationWithoutEffect").await?;
    ensure!(note.contains("did you mean healthomics.dev/paused?"), "{note}");
    for _ in 0..3 {
        world.one_more_pass("a").await?;
    }
    let so_far = events(&world, "a").await?;
    let reported: Vec<_> = so_far.iter().filter(|(reason, ..)| reason == "AnnotationWithoutEffect").collect();
    ensure!(reported.len() == 1 && reported[0].2 == 1, "{reported:?}");
    world.patch("a", json!({"metadata": {"annotations": {"healthomics.dev/paused": "yes"}}})).await?;
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while !events(&world, "a").await?.iter().any(|(_, note, _)| note.contains("\"yes\"")) {
        ensure!(tokio::time::Instant::now() < end, "no Event on an invalid annotation value");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Ok(())
}
