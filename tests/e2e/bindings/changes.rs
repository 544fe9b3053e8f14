//! Bindings that come, change and go while objects live.

use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::Role;
use sequencestore_operator::crd::{DeletionBlockReason, SequenceStore, SequenceStoreSpec};
use serde_json::json;

use super::{ACCOUNTS, about_stores, binding_of, role, start};
use crate::world::{Cluster, Error, Operator, World, condition, ensure, message, status, tests};

tests![
    a_binding_made_after_its_object_makes_it_ready_without_an_edit,
    a_store_whose_binding_is_deleted_is_never_touched_with_another_identity,
    overlapping_bindings_stop_an_object_until_one_is_left,
    a_namespace_that_gets_another_label_changes_hands,
    the_role_of_a_binding_cannot_be_replaced,
    a_binding_of_another_account_than_the_pinned_one_changes_nothing,
    a_wrong_external_id_is_told_and_mended,
    a_role_that_is_denied_is_told_and_recovers,
];

/// What such an object learns of a binding it learns from the watches, not from its next poll.
fn rarely_polled() -> SequenceStoreSpec {
    SequenceStoreSpec { poll_interval: Some("1h".into()), ..SequenceStoreSpec::default() }
}

/// The operator demands bindings: nothing happens in AWS before there is one.
async fn a_binding_made_after_its_object_makes_it_ready_without_an_edit(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&["--require-account-binding"]))?;
    world.create("genomes", rarely_polled()).await?;
    let waiting = world.until_condition("genomes", "Ready", "False", "BindingMissing").await?;
    ensure!(
        message(&waiting, "Ready").contains("--require-account-binding"),
        "{}",
        message(&waiting, "Ready")
    );
    ensure!(about_stores(world.aws.ledger().await?).is_empty(), "AWS was called");
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    let ready = world.until_ready("genomes").await?;
    ensure!(ready.metadata.generation == waiting.metadata.generation, "somebody edited it");
    let calls = about_stores(world.aws.ledger().await?);
    world.ensure_acted_as(&calls, ACCOUNTS[0], (&world.namespace, &binding))?;
    world.unbind(&binding).await
}

/// A world whose object `genomes` got its store under a binding that has gone since: with its operator, the name of the binding,
/// and the object.
async fn unbound(cluster: Arc<Cluster>) -> Result<(World, Operator, String, SequenceStore), Error> {
    let world = World::new(cluster).await?;
    let operator = world.operator(&start(&[]))?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    world.until_ready("genomes").await?;
    world.unbind(&binding).await?;
    let missing = world.until_condition("genomes", "Ready", "False", "BindingMissing").await?;
    Ok((world, operator, binding, missing))
}

async fn a_store_whose_binding_is_deleted_is_never_touched_with_another_identity(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator, binding, missing) = unbound(cluster).await?;
    ensure!(message(&missing, "Ready").contains(&binding), "{}", message(&missing, "Ready"));
    let seen = world.aws.last_seq().await?;
    world.patch("genomes", json!({"spec": {"description": "an edit"}})).await?;
    world.one_more_pass("genomes").await?;
    world.delete("genomes").await?;
    let waiting = world
        .until("genomes", "what its deletion waits for", |object| {
            !status(object).deletion_blocked_by.is_empty()
        })
        .await?;
    let blocks = status(&waiting).deletion_blocked_by;
    ensure!(blocks[0].reason == DeletionBlockReason::AccountBinding, "{blocks:?}");
    // A few poll intervals.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let calls = about_stores(world.aws.ledger_since(seen).await?);
    ensure!(calls.is_empty(), "{calls:?}");
    // Another binding of the same account: the deletion goes on.
    let again = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    world.until_gone("genomes").await?;
    let calls = about_stores(world.aws.ledger_since(seen).await?);
    world.ensure_acted_as(&calls, ACCOUNTS[0], (&world.namespace, &again))?;
    ensure!(calls.iter().any(|call| call.operation == "DeleteSequenceStore"), "{calls:?}");
    world.unbind(&again).await
}

async fn overlapping_bindings_stop_an_object_until_one_is_left(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let first = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    world.until_binding(&first, "True", "RoleAssumed").await?;
    let second = world.bind(&world.namespace, ACCOUNTS[1]).await?;
    for binding in [&first, &second] {
        world.until_binding(binding, "False", "NamespaceConflict").await?;
    }
    world.create("genomes", rarely_polled()).await?;
    let object = world.until_condition("genomes", "Ready", "False", "BindingConflict").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains(&first) && text.contains(&second), "{text}");
    ensure!(about_stores(world.aws.ledger().await?).is_empty(), "AWS was called");
    world.unbind(&second).await?;
    let ready = world.until_ready("genomes").await?;
    ensure!(status(&ready).account_id.as_deref() == Some(ACCOUNTS[0]), "{:?}", status(&ready));
    world.until_binding(&first, "True", "RoleAssumed").await?;
    world.unbind(&first).await
}

async fn a_namespace_that_gets_another_label_changes_hands(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let label = world.namespace.clone();
    let selector = json!({"matchLabels": {"tenant": label}});
    let spec = json!({"namespaceSelector": selector, "roleArn": role(ACCOUNTS[0])});
    let binding = world.bind_with(&world.namespace, spec).await?;
    let set_label = |value: serde_json::Value| {
        let patch = json!({"metadata": {"labels": {"tenant": value}}}).to_string();
        let namespace = world.namespace.clone();
        let plane = &world.cluster.plane;
        async move {
            plane
                .kubectl(&["patch", "namespace", &namespace, "--type=merge", "-p", &patch])
                .await?
                .checked()?;
            Ok::<_, Error>(())
        }
    };
    world.create("operators", rarely_polled()).await?;
    let ready = world.until_ready("operators").await?;
    ensure!(binding_of(&ready).is_none(), "{:?}", status(&ready).binding);
    set_label(json!(label)).await?;
    // Its store is in the account of the operator, and stays what it is.
    let object = world.until_condition("operators", "Ready", "False", "WrongAccount").await?;
    ensure!(message(&object, "Ready").contains(ACCOUNTS[0]), "{}", message(&object, "Ready"));
    world.create("tenants", rarely_polled()).await?;
    let ready = world.until_ready("tenants").await?;
    ensure!(binding_of(&ready).as_ref() == Some(&binding), "{:?}", status(&ready).binding);
    let shown = world.until_binding(&binding, "True", "RoleAssumed").await?.status.unwrap_or_default();
    ensure!(shown.namespaces == Some(1), "{shown:?}");
    set_label(json!(null)).await?;
    world.until_condition("tenants", "Ready", "False", "BindingMissing").await?;
    world.until_ready("operators").await?;
    let stores = world.aws.all_stores().await?;
    ensure!(stores.len() == 2 && stores.iter().all(|store| !store.deleted), "{stores:?}");
    world.unbind(&binding).await
}

async fn the_role_of_a_binding_cannot_be_replaced(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    let refused = world.change_binding(&binding, json!({"roleArn": role(ACCOUNTS[1])})).await;
    let text = refused.err().map(|error| error.to_string()).unwrap_or_default();
    ensure!(text.contains("delete this AccountBinding and create one with the new role"), "{text}");
    world.change_binding(&binding, json!({"externalId": "another-id"})).await?;
    world.unbind(&binding).await
}

async fn a_binding_of_another_account_than_the_pinned_one_changes_nothing(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator, _former, _missing) = unbound(cluster).await?;
    let other = world.bind(&world.namespace, ACCOUNTS[1]).await?;
    let object = world.until_condition("genomes", "Ready", "False", "WrongAccount").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains(ACCOUNTS[0]) && text.contains(ACCOUNTS[1]), "{text}");
    world.delete("genomes").await?;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let changed = world.mutating_calls().await?;
    let by_other = changed.iter().filter(|call| call.account.as_deref() != Some(ACCOUNTS[0])).count();
    ensure!(by_other == 0, "{changed:?}");
    ensure!(!changed.iter().any(|call| call.operation == "DeleteSequenceStore"), "{changed:?}");
    world.unbind(&other).await?;
    let again = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    world.until_gone("genomes").await?;
    world.unbind(&again).await
}

async fn a_wrong_external_id_is_told_and_mended(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world
        .set_role(ACCOUNTS[0], Role { external_id: Some("the-right-one".into()), ..Role::default() })
        .await?;
    let _operator = world.operator(&start(&[]))?;
    let spec =
        json!({"namespaces": [world.namespace], "roleArn": role(ACCOUNTS[0]), "externalId": "a-wrong-one"});
    let binding = world.bind_with(&world.namespace, spec).await?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    let shown = world.until_binding(&binding, "False", "RoleNotAssumable").await?.status.unwrap_or_default();
    ensure!(shown.conditions[0].message.contains("spec.externalId"), "{shown:?}");
    // A binding of another test that selects by labels may be what the object waits for at first.
    let is_told = |object: &SequenceStore| {
        condition(object, "Ready").is_some_and(|ready| ready.reason == "BindingNotReady")
            && message(object, "Ready").contains(&binding)
    };
    world.until("genomes", "the binding is named", is_told).await?;
    ensure!(about_stores(world.aws.ledger().await?).is_empty(), "AWS was called");
    world.change_binding(&binding, json!({"externalId": "the-right-one"})).await?;
    world.until_binding(&binding, "True", "RoleAssumed").await?;
    world.until_ready("genomes").await?;
    world.unbind(&binding).await
}

async fn a_role_that_is_denied_is_told_and_recovers(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.set_role(ACCOUNTS[0], Role { denied: true, ..Role::default() }).await?;
    let _operator = world.operator(&start(&[]))?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    for name in ["one", "two", "three"] {
        world.create(name, SequenceStoreSpec::default()).await?;
    }
    world.until_binding(&binding, "False", "RoleNotAssumable").await?;
    for name in ["one", "two", "three"] {
        world.until_condition(name, "Ready", "False", "BindingNotReady").await?;
    }
    world.set_role(ACCOUNTS[0], Role::default()).await?;
    for name in ["one", "two", "three"] {
        world.until_ready(name).await?;
    }
    world.until_binding(&binding, "True", "RoleAssumed").await?;
    world.until_described(&binding, &[["Warning", "RoleNotAssumable"], ["Normal", "RoleAssumed"]]).await?;
    let creates = world.calls("CreateSequenceStore").await?;
    ensure!(creates.len() == 3, "{} creates", creates.len());
    world.ensure_acted_as(&creates, ACCOUNTS[0], (&world.namespace, &binding))?;
    world.unbind(&binding).await
}
