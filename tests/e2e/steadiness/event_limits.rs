//! The API server accepts every Event, however long the name of the object and the facts in the note are.

use std::sync::Arc;

use healthomics_simulator::SeedStore;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams, PostParams};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, spec_for, tests};

tests![
    objects_with_the_longest_names_have_events,
    an_event_about_many_duplicate_stores_names_the_first_ones,
    a_note_about_a_long_annotation_is_cut,
];

/// 253 characters, with the characters at the cut that may not stand at the end of a part of a name.
fn longest_name(at_the_cut: &str) -> String {
    let mut name = "a".repeat(253);
    let middle = 236 - at_the_cut.len() / 2;
    name.replace_range(middle..middle + at_the_cut.len(), at_the_cut);
    name
}

async fn objects_with_the_longest_names_have_events(cluster: Arc<Cluster>) -> Result<(), Error> {
    let mut world = World::new(cluster).await?;
    let namespace = format!("{}-{}", world.namespace, "n".repeat(62 - world.namespace.len()));
    ensure!(namespace.len() == 63, "{namespace}");
    let object: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
    Api::all(world.client.clone()).create(&PostParams::default(), &object).await?;
    world.api = Api::namespaced(world.client.clone(), &namespace);
    world.namespace = namespace;
    // The name of a Pod may be longer than what an Event may hold as its reporting instance.
    let pod_name = [("POD_NAME", "p".repeat(253))].into();
    let operator = world.operator(&Start { environment: pod_name, ..Start::default() })?;
    for at_the_cut in ["a", ".a.a.a.a.a", "-------a"] {
        let name = longest_name(at_the_cut);
        let store = world.seed().await?;
        world.create(&name, spec_for(&store)).await?;
        world.until_ready(&name).await?;
        let note = world
            .until_event(&name, "Available")
            .await
            .map_err(|error| format!("{error}\n{}", operator.log_text()))?;
        ensure!(note.contains("ACTIVE"), "{note}");
        world.until_event(&name, "Adopted").await?;
    }
    Ok(())
}

async fn an_event_about_many_duplicate_stores_names_the_first_ones(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let mut manifest = sequencestore_operator::crd::SequenceStore::new("many", SequenceStoreSpec::default());
    manifest.metadata.annotations = Some([("healthomics.dev/paused".to_owned(), "true".to_owned())].into());
    let object = world.api.create(&PostParams::default(), &manifest).await?;
    let uid = object.metadata.uid.ok_or("a uid")?;
    let tags = json!({"healthomics.dev/uid": uid, "healthomics.dev/cluster": "e2e",
        "healthomics.dev/namespace": world.namespace, "healthomics.dev/name": "many"});
    let mut ids = Vec::new();
    for _ in 0..110 {
        let seed = SeedStore {
            name: Some("many".into()),
            tags: serde_json::from_value(tags.clone())?,
            ..SeedStore::default()
        };
        ids.push(world.seed_with(seed).await?.id);
    }
    world.annotate("many", "healthomics.dev/paused", None).await?;
    world.until_ready("many").await?;
    let note = world.until_event("many", "DuplicateStores").await?;
    ensure!(note.len() <= 1024, "{} bytes", note.len());
    let named = ids.iter().filter(|id| note.contains(id.as_str())).count();
    ensure!(named > 5, "only {named} ids are named: {note}");
    let more = format!("{} more", ids.len() - named);
    ensure!(note.contains(&more), "`{more}` is not in: {note}");
    ensure!(note.contains("owner tags"), "the note lost its remedy: {note}");
    Ok(())
}

async fn a_note_about_a_long_annotation_is_cut(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    // Each `\u{1}` is written as six characters, each `é` has two bytes.
    for value in ["é".repeat(4000), "\u{1}".repeat(4000)] {
        world.annotate("a", "healthomics.dev/paused", Some(&value)).await?;
        let api: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
        let end = tokio::time::Instant::now() + TIMEOUT;
        let start = value.chars().next().unwrap_or_default().escape_debug().to_string();
        loop {
            let events = api.list(&ListParams::default()).await?.items;
            let about = |event: &Event| {
                event.reason.as_deref() == Some("AnnotationWithoutEffect")
                    && event.note.as_deref().is_some_and(|note| note.contains(&start) && note.len() <= 1024)
            };
            if events.iter().any(about) {
                break;
            }
            ensure!(tokio::time::Instant::now() < end, "no Event on the annotation\n{}", world.logs());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }
    Ok(())
}
