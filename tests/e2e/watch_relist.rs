//! A watch that must list all objects again loses none of them.

use std::sync::Arc;
use std::time::Duration;

use kube::api::{DeleteParams, PostParams};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::kubernetes_proxy::{Fault, KubernetesProxy, is_later_page};
use crate::world::{Cluster, Error, Start, World, ensure, spec_for, status, tests};

tests![
    a_relist_of_several_pages_loses_no_change,
    an_object_of_a_list_that_broke_off_is_forgotten_once_it_is_gone,
];

fn through(proxy: &KubernetesProxy) -> Start {
    let environment = [("KUBECONFIG", proxy.kubeconfig.display().to_string())].into();
    Start { environment, flags: vec!["--poll-interval=1h".into()], ..Start::default() }
}

async fn a_relist_of_several_pages_loses_no_change(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let (edited, deleted, polled) = (world.seed().await?, world.seed().await?, world.seed().await?);
    world.adopt("a-deleted", &deleted).await?;
    world.adopt("a-edited", &edited).await?;
    let poller = SequenceStoreSpec { poll_interval: Some("10s".into()), ..spec_for(&polled) };
    world.create("a-poller", poller).await?;
    for number in 0..150 {
        let mut object = SequenceStore::new(&format!("b-{number:03}"), SequenceStoreSpec::default());
        object.metadata.annotations = Some([("healthomics.dev/paused".into(), "true".into())].into());
        world.api.create(&PostParams::default(), &object).await?;
    }
    let operator = world.operator(&through(&proxy))?;
    for name in ["a-deleted", "a-edited", "a-poller"] {
        world.until_ready(name).await?;
    }
    world.until_condition("b-149", "Synced", "False", "Paused").await?;

    // The watch misses these changes, and the list after it stands still after its first page.
    proxy.silence_watches();
    world.patch("a-edited", json!({"spec": {"description": "edited"}})).await?;
    world.api.delete("a-deleted", &DeleteParams::default()).await?;
    let made = world.seed().await?;
    world.adopt("a-made", &made).await?;
    let before = proxy.requests(is_later_page);
    proxy.fail(Fault::HoldBack, is_later_page);
    proxy.expire_watches();
    proxy.until_requests(before + 1, is_later_page).await?;
    // The other objects are polled meanwhile: whatever the first page triggers has had its turn.
    let polls = world.gets_of(&polled).await?.len();
    let end = tokio::time::Instant::now() + crate::world::TIMEOUT;
    while world.gets_of(&polled).await?.len() < polls + 1 {
        ensure!(tokio::time::Instant::now() < end, "nothing is polled\n{}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proxy.heal();

    world.until_ready("a-made").await?;
    world.until_gone("a-deleted").await?;
    world.ensure_gone_in_aws(&deleted).await?;
    let applied = |object: &SequenceStore| {
        status(object).store.is_some_and(|store| store.description.as_deref() == Some("edited"))
    };
    world.until("a-edited", "the edited description", applied).await?;
    let code = operator.terminate().await?;
    ensure!(code == Some(0), "exits with {code:?}");
    Ok(())
}

async fn an_object_of_a_list_that_broke_off_is_forgotten_once_it_is_gone(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let proxy = KubernetesProxy::start(&world.cluster.kubeconfig).await?;
    let store = world.seed().await?;
    let older = world.adopt("a-older", &store).await?;
    let made = older.metadata.creation_timestamp.ok_or("no creation time")?.0.as_second();
    for number in 0..15 {
        let mut object = SequenceStore::new(&format!("b-{number:03}"), SequenceStoreSpec::default());
        object.metadata.annotations = Some([("healthomics.dev/paused".into(), "true".into())].into());
        world.api.create(&PostParams::default(), &object).await?;
    }
    // Creation times have whole seconds.
    while jiff::Timestamp::now().as_second() <= made {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.adopt("c-younger", &store).await?;
    proxy.fail(Fault::Answer(500, "{}".into()), is_later_page);
    let _operator = world.operator(&through(&proxy))?;
    proxy.until_requests(1, is_later_page).await?;
    world.api.delete("a-older", &DeleteParams::default()).await?;
    world.until_gone("a-older").await?;
    proxy.heal();
    // The older object would have the store, if it were still there.
    world.until_ready("c-younger").await?;
    Ok(())
}
