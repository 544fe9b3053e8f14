//! A 200 that lacks a member which the service model requires is no answer: the operator and the commands change nothing on
//! the strength of it, and go on once AWS answers.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore, StoreRecord};
use kube::ResourceExt;
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::assertions::has_finalizer;
use crate::cli_runner::CliUser;
use crate::world::{Cluster, Error, Start, World, condition, ensure, status, tests};

tests![
    a_store_of_another_owner_is_not_claimed_while_its_tags_are_no_answer,
    an_own_store_is_not_released_while_its_tags_are_no_answer,
    a_listing_that_is_no_answer_allows_no_second_create,
    a_policy_that_is_no_answer_is_not_rewritten,
    a_count_of_read_sets_that_is_no_answer_is_not_called_zero,
    a_response_to_a_change_that_is_no_answer_is_read_again,
    an_account_that_is_no_answer_releases_nothing,
    plan_and_export_fail_on_an_answer_without_required_members,
];

fn raw(status: u16, body: &str) -> FaultAction {
    FaultAction::Raw { status, headers: BTreeMap::new(), body: body.into() }
}

/// Responses to ListTagsForResource that say nothing about the tags.
fn no_tags() -> Vec<(&'static str, FaultAction)> {
    vec![
        ("empty-object", FaultAction::EmptyObject),
        ("null", raw(200, r#"{"tags":null}"#)),
        ("null-value", raw(200, r#"{"tags":{"healthomics.dev/uid":null}}"#)),
        ("list", raw(200, r#"{"tags":[]}"#)),
        ("array", raw(200, "[]")),
        ("empty-body", FaultAction::EmptyBody),
        ("no-content", raw(204, "")),
        ("html", FaultAction::Html { status: 200 }),
        ("truncated", FaultAction::TruncatedJson),
    ]
}

async fn fault_tags(world: &World, store: &StoreRecord, action: FaultAction) -> Result<(), Error> {
    let fault = Fault { store_id: Some(store.id.clone()), ..Fault::always("ListTagsForResource", action) };
    world.aws.script_fault(&fault).await?;
    Ok(())
}

/// Waits until the operator reports that AWS gives no answer.
async fn until_unavailable(world: &World, name: &str) -> Result<SequenceStore, Error> {
    world.until_condition(name, "Synced", "False", "AwsUnavailable").await
}

async fn a_store_of_another_owner_is_not_claimed_while_its_tags_are_no_answer(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let owner = [("uid", "another-owner"), ("cluster", "elsewhere"), ("namespace", "n"), ("name", "o")];
    let tags = owner.map(|(key, value)| (format!("healthomics.dev/{key}"), value.to_owned()));
    let mut stores = Vec::new();
    for (name, action) in no_tags() {
        let seed =
            SeedStore { name: Some("owned".into()), tags: tags.clone().into(), ..SeedStore::default() };
        let store = world.seed_with(seed).await?;
        fault_tags(&world, &store, action).await?;
        world.adopt(name, &store).await?;
        stores.push((name, store));
    }
    let _operator = world.operator(&Start::default())?;
    for (name, _) in &stores {
        until_unavailable(&world, name).await?;
        world.delete(name).await?;
    }
    for (name, _) in &stores {
        // Several passes, so that a second look changes nothing either.
        world.one_more_pass(name).await?;
        world.one_more_pass(name).await?;
    }
    let changed: Vec<_> = world.mutating_calls().await?.into_iter().map(|call| call.operation).collect();
    ensure!(changed.is_empty(), "changed stores whose owner is not known: {changed:?}");
    world.aws.clear_faults().await?;
    for (name, store) in &stores {
        world.reconcile_now(name).await.ok();
        world.until_gone(name).await?;
        world.ensure_there_in_aws(store).await?;
    }
    Ok(())
}

async fn an_own_store_is_not_released_while_its_tags_are_no_answer(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let mut stores = Vec::new();
    for (name, action) in no_tags() {
        let store = world.seed().await?;
        world.adopt(name, &store).await?;
        world.until_condition(name, "Synced", "True", "InSync").await?;
        fault_tags(&world, &store, action).await?;
        stores.push((name, store));
    }
    for (name, _) in &stores {
        let object = until_unavailable(&world, name).await?;
        ensure!(
            condition(&object, "Ready").is_some_and(|ready| ready.status == "True"),
            "{name} is no longer Ready: {:?}",
            status(&object).conditions
        );
        world.delete(name).await?;
        world.one_more_pass(name).await?;
        let object = world.one_more_pass(name).await?;
        ensure!(has_finalizer(&object), "{name}: the finalizer is gone");
    }
    ensure!(world.deletes().await? == 0, "a store was deleted whose owner is not known");
    world.aws.clear_faults().await?;
    for (name, store) in &stores {
        world.reconcile_now(name).await.ok();
        world.until_gone(name).await?;
        world.ensure_gone_in_aws(store).await?;
    }
    Ok(())
}

async fn a_listing_that_is_no_answer_allows_no_second_create(cluster: Arc<Cluster>) -> Result<(), Error> {
    let listings = [
        FaultAction::EmptyObject,
        raw(200, r#"{"sequenceStores":null}"#),
        raw(200, r#"{"sequenceStores":[null]}"#),
        raw(200, r#"{"sequenceStores":[{"name":"new"}]}"#),
        FaultAction::EmptyBody,
        raw(204, ""),
    ];
    let runs = listings.into_iter().map(|listing| no_second_create(cluster.clone(), listing));
    futures::future::try_join_all(runs).await.map(|_| ())
}

async fn no_second_create(cluster: Arc<Cluster>, listing: FaultAction) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    // AWS forgets the token at once, so that a second Create makes a second store.
    world.aws.set_knobs(&Knobs { token_window_ms: Some(0), ..Knobs::default() }).await?;
    world.aws.script_fault(&Fault::once_after_commit("CreateSequenceStore", FaultAction::Reset)).await?;
    let lists = Fault { skip: 1, ..Fault::always("ListSequenceStores", listing.clone()) };
    world.aws.script_fault(&lists).await?;
    let flags = vec!["--poll-interval=2s".into(), "--create-grace=2s".into()];
    let _operator = world.operator(&Start { flags, ..Start::default() })?;
    world.create("new", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    // The attempt is over after its time-out and the grace; the searches before that prove nothing.
    world.until_condition("new", "Ready", "False", "AwsUnavailable").await?;
    let searched = world.calls("ListSequenceStores").await?.len();
    world.until_calls("ListSequenceStores", searched + 3).await?;
    let creates = world.calls("CreateSequenceStore").await?.len();
    ensure!(creates == 1, "{listing:?}: {creates} creates");
    world.aws.clear_faults().await?;
    world.reconcile_now("new").await?;
    world.until_ready("new").await?;
    let stores = world.aws.stores().await?.len();
    ensure!(stores == 1, "{listing:?}: {stores} stores");
    Ok(())
}

async fn a_policy_that_is_no_answer_is_not_rewritten(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject", "Resource": "*",
    }]});
    let answers = [FaultAction::EmptyObject, raw(200, r#"{"s3AccessPolicy":null}"#), FaultAction::EmptyBody];
    for (number, action) in answers.into_iter().enumerate() {
        let name = format!("p{number}");
        let seed = SeedStore { s3_access_policy: Some(policy.to_string()), ..SeedStore::default() };
        let store = world.seed_with(seed).await?;
        let fault = Fault { store_id: Some(store.id.clone()), ..Fault::always("GetS3AccessPolicy", action) };
        world.aws.script_fault(&fault).await?;
        let mut spec = crate::world::spec_for(&store);
        spec.s3_access_policy = Some(serde_json::from_value(policy.clone())?);
        world.create(&name, spec).await?;
        until_unavailable(&world, &name).await?;
        world.until_more_gets(&store, 3).await?;
    }
    let written = world.calls("PutS3AccessPolicy").await?.len();
    ensure!(written == 0, "{written} policies are written on the strength of no answer");
    world.aws.clear_faults().await?;
    for name in ["p0", "p1", "p2"] {
        world.reconcile_now(name).await?;
        world.until_condition(name, "Synced", "True", "InSync").await?;
    }
    ensure!(world.calls("PutS3AccessPolicy").await?.is_empty(), "an equal policy is written");
    Ok(())
}

async fn a_count_of_read_sets_that_is_no_answer_is_not_called_zero(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.aws.add_read_sets(&store.id, 2, "ACTIVE").await?;
    let fault = Fault::always("ListReadSets", FaultAction::EmptyObject);
    world.aws.script_fault(&fault).await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    world.delete("a").await?;
    world.until_calls("ListReadSets", 1).await?;
    let object = world.until_condition("a", "Ready", "False", "DeletionBlocked").await?;
    let blocks = status(&object).deletion_blocked_by;
    ensure!(
        blocks.iter().all(|block| !block.message.contains("no read sets")),
        "an unanswered count is shown as none: {blocks:?}"
    );
    ensure!(has_finalizer(&object), "the finalizer is gone");
    world.ensure_there_in_aws(&store).await
}

async fn a_response_to_a_change_that_is_no_answer_is_read_again(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let empty = Fault::once_after_commit("UpdateSequenceStore", FaultAction::EmptyObject);
    world.aws.script_fault(&empty).await?;
    world.patch("a", json!({"spec": {"description": "new"}})).await?;
    let wanted = |object: &SequenceStore| {
        let shown = status(object).store.and_then(|store| store.description);
        shown.as_deref() == Some("new")
            && condition(object, "Synced").is_some_and(|synced| synced.status == "True")
    };
    let object = world.until("a", "the new description", wanted).await?;
    ensure!(status(&object).store.is_some_and(|s| s.id == store.id), "{:?}", status(&object).store);
    let updates = world.calls("UpdateSequenceStore").await?.len();
    ensure!(updates == 1, "{updates} updates");
    // A Create that is answered with nothing leaves one store all the same.
    let empty = Fault::once_after_commit("CreateSequenceStore", FaultAction::EmptyObject);
    world.aws.script_fault(&empty).await?;
    world.create("new", SequenceStoreSpec::default()).await?;
    world.until_ready("new").await?;
    let committed = world.calls("CreateSequenceStore").await?.iter().filter(|call| call.committed).count();
    ensure!(committed == 1, "{committed} stores are made");
    Ok(())
}

async fn an_account_that_is_no_answer_releases_nothing(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let answers = [
        FaultAction::EmptyObject,
        FaultAction::EmptyBody,
        FaultAction::Html { status: 200 },
        raw(
            200,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult/>\
             </GetCallerIdentityResponse>",
        ),
    ];
    for action in &answers {
        world.aws.script_fault(&Fault::once("sts:GetCallerIdentity", action.clone())).await?;
    }
    let last = Fault::always("sts:GetCallerIdentity", FaultAction::EmptyObject);
    world.aws.script_fault(&last).await?;
    let spec = SequenceStoreSpec { sequence_store_id: Some("9876543210".into()), ..Default::default() };
    world.create("a", spec).await?;
    let _operator = world.operator(&Start::default())?;
    world.until_condition("a", "Ready", "False", "AwsUnavailable").await?;
    world.delete("a").await?;
    world.until_calls("sts:GetCallerIdentity", answers.len() + 1).await?;
    ensure!(
        has_finalizer(&world.api.get("a").await?),
        "the finalizer is gone although the account is not known"
    );
    Ok(())
}

async fn plan_and_export_fail_on_an_answer_without_required_members(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let tags = [("healthomics.dev/uid".to_owned(), "another-owner".to_owned())];
    let seed = SeedStore { name: Some("owned".into()), tags: tags.into(), ..SeedStore::default() };
    let store = world.seed_with(seed).await?;
    let manifest = world.manifest("owned", json!({"sequenceStoreId": store.id}));
    for (operation, action) in [
        ("ListTagsForResource", FaultAction::EmptyObject),
        ("ListTagsForResource", raw(204, "")),
        ("ListSequenceStores", FaultAction::EmptyObject),
        ("ListSequenceStores", raw(200, r#"{"sequenceStores":[null]}"#)),
    ] {
        world.aws.clear_faults().await?;
        world.aws.script_fault(&Fault::always(operation, action.clone())).await?;
        let exported = world.run(&user, &["export"]).await?;
        exported.ensure_mistake(&format!("omics:{operation}")).map_err(|e| format!("{action:?}: {e}"))?;
        if operation == "ListTagsForResource" {
            let planned = world.run_with_input(&user, &["plan", "-f", "-", "--offline"], &manifest).await?;
            ensure!(planned.code == Some(2), "{action:?}: {planned:?}");
        }
    }
    world.aws.clear_faults().await?;
    let exported = world.run(&user, &["export", "--include-owned"]).await?;
    ensure!(exported.code == Some(0) && exported.stdout.contains(&store.id), "{exported:?}");
    ensure!(world.mutating_calls().await?.is_empty(), "a command changed something");
    let objects = world.api.list(&kube::api::ListParams::default()).await?;
    ensure!(objects.items.is_empty(), "{:?}", objects.items.first().map(ResourceExt::name_any));
    Ok(())
}
