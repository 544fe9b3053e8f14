//! Sessions of roles: how many there are, and what happens where they end.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, LedgerEntry};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::{ACCOUNTS, about_stores, role, start};
use crate::world::{Cluster, Error, World, ensure, tests};

tests![
    one_session_serves_all_objects_of_a_namespace,
    two_bindings_with_one_role_have_a_session_for_each_namespace,
    a_session_that_expires_in_the_middle_of_a_create_leaves_one_store,
];

fn assumed(ledger: &[LedgerEntry]) -> usize {
    ledger.iter().filter(|call| call.operation == "sts:AssumeRole" && call.status == 200).count()
}

async fn one_session_serves_all_objects_of_a_namespace(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    for number in 0..5 {
        world.create(&format!("store-{number}"), SequenceStoreSpec::default()).await?;
    }
    for number in 0..5 {
        world.until_ready(&format!("store-{number}")).await?;
    }
    let ledger = world.aws.ledger().await?;
    ensure!(assumed(&ledger) == 1, "{} sessions", assumed(&ledger));
    world.unbind(&binding).await
}

async fn two_bindings_with_one_role_have_a_session_for_each_namespace(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (_operator, other) = world.for_two_tenants().await?;
    let tenants = [world.tenant(&world.namespace), world.tenant(&other)];
    let mut bindings = Vec::new();
    for tenant in &tenants {
        bindings.push(world.bind(&tenant.namespace, ACCOUNTS[0]).await?);
        tenant.create("genomes", json!({})).await?;
    }
    for tenant in &tenants {
        tenant.until_ready("genomes").await?;
    }
    let ledger = world.aws.ledger().await?;
    ensure!(assumed(&ledger) == 2, "{} sessions", assumed(&ledger));
    let calls = about_stores(ledger);
    for (tenant, binding) in tenants.iter().zip(&bindings) {
        let of_tenant = |call: &&LedgerEntry| {
            call.session_tags.get("healthomics.dev/namespace") == Some(&tenant.namespace)
        };
        let own: Vec<_> = calls.iter().filter(of_tenant).cloned().collect();
        world.ensure_acted_as(&own, ACCOUNTS[0], (&tenant.namespace, binding))?;
        let name = own[0].session_name.clone().unwrap_or_default();
        ensure!(name.starts_with(&format!("{}@{binding}", tenant.namespace)) || name.len() == 64, "{name}");
        world.unbind(binding).await?;
    }
    Ok(())
}

/// The request has reached AWS, and its credentials end before the answer comes. Nobody knows what became of it.
async fn a_session_that_expires_in_the_middle_of_a_create_leaves_one_store(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    let lost = Fault::once_after_commit("CreateSequenceStore", FaultAction::Reset);
    world.aws.script_fault(&lost).await?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    world.until_calls("CreateSequenceStore", 1).await?;
    world.aws.expire_sessions_of(&role(ACCOUNTS[0])).await?;
    world.until_ready("genomes").await?;
    let stores = world.aws.all_stores().await?;
    ensure!(stores.len() == 1, "{stores:?}");
    let calls = about_stores(world.aws.ledger().await?);
    world.ensure_acted_as(&calls, ACCOUNTS[0], (&world.namespace, &binding))?;
    ensure!(assumed(&world.aws.ledger().await?) >= 2, "no new session");
    world.unbind(&binding).await
}
