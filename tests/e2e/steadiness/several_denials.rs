//! AWS denies several operations at once: the object changes its conditions once, and not again at each retry.

use std::sync::Arc;

use healthomics_simulator::SeedStore;
use sequencestore_operator::crd::SequenceStore;
use serde_json::json;

use crate::world::{ACCOUNT, Cluster, Error, World, condition, ensure, message, spec_for, status, tests};

tests![denied_tags_and_untags_change_ready_at_most_once, denied_tags_and_policy_change_ready_at_most_once,];

/// How often the value of a condition changed.
fn transitions(versions: &[SequenceStore], kind: &str) -> usize {
    let values: Vec<_> = versions
        .iter()
        .filter_map(|object| condition(object, kind))
        .map(|found| found.status.clone())
        .collect();
    values.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// AWS denies `denied` from now on, and `spec` needs both operations. A restarted operator knows of no denial, so that
/// each restart is a retry of both.
async fn ensure_ready_stays(
    cluster: Arc<Cluster>,
    denied: [&str; 2],
    spec: impl Fn(&str) -> serde_json::Value,
) -> Result<(), Error> {
    let (world, mut operator) = World::with_operator(cluster).await?;
    let store = world.seed_with(SeedStore::default()).await?;
    let tagged = sequencestore_operator::crd::SequenceStoreSpec {
        tags: Some([("old".to_owned(), "x".to_owned())].into()),
        ..spec_for(&store)
    };
    world.create("a", tagged).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    let allowed =
        ["Get*", "List*", "UpdateSequenceStore", "TagResource", "UntagResource", "PutS3AccessPolicy"];
    let allowed = allowed.iter().filter(|action| !denied.contains(action));
    world.aws.allow_actions(ACCOUNT, Some(allowed.map(|action| format!("omics:{action}")).collect())).await?;
    let versions = world.versions("a").await?;
    world.patch("a", json!({"spec": spec(&store.s3_access.s3_access_point_arn)})).await?;
    world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    for retry in 2..5 {
        for action in denied {
            world.until_calls(action, retry - 1).await?;
        }
        operator.kill().await;
        operator = world.operator(&crate::world::Start::default())?;
        for action in denied {
            world.until_calls(action, retry).await?;
        }
        world.one_more_pass("a").await?;
    }
    let object = world.until_condition("a", "Synced", "False", "AccessDenied").await?;
    ensure!(
        message(&object, "Synced").contains(&format!("omics:{}", denied[0])),
        "{}",
        message(&object, "Synced")
    );
    ensure!(status(&object).drift.len() == 2, "{:?}", status(&object).drift);
    let seen = world.until_caught_up("a", &versions).await?;
    // A new generation may be Reconciling once, until all of it was tried.
    let reported = seen.iter().skip_while(|object| {
        condition(object, "Synced").is_none_or(|synced| synced.reason != "AccessDenied")
    });
    let reported: Vec<SequenceStore> = reported.cloned().collect();
    for kind in ["Ready", "Synced"] {
        let since = transitions(&reported, kind);
        ensure!(since == 0, "{kind} changed {since} times while nothing changed");
        let whole = transitions(&seen, kind);
        ensure!(whole <= 2, "{kind} changed {whole} times");
    }
    let is_ready =
        |object: &SequenceStore| condition(object, "Ready").is_some_and(|ready| ready.status == "True");
    ensure!(reported.iter().all(is_ready), "not Ready although only tags and policy are denied");
    Ok(())
}

async fn denied_tags_and_untags_change_ready_at_most_once(cluster: Arc<Cluster>) -> Result<(), Error> {
    let spec = |_: &str| json!({"tags": {"old": null, "new": "y"}});
    ensure_ready_stays(cluster, ["TagResource", "UntagResource"], spec).await
}

async fn denied_tags_and_policy_change_ready_at_most_once(cluster: Arc<Cluster>) -> Result<(), Error> {
    let spec = |access_point: &str| {
        let statement =
            json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": access_point});
        json!({"tags": {"new": "y"}, "s3AccessPolicy": {"Version": "2012-10-17", "Statement": [statement]}})
    };
    ensure_ready_stays(cluster, ["TagResource", "PutS3AccessPolicy"], spec).await
}
