//! Two tenants with two accounts side by side: no call of one is made with the identity of the other.

use std::sync::Arc;

use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::json;

use super::{ACCOUNTS, about_stores, binding_of};
use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![two_tenants_live_side_by_side, a_namespace_without_a_binding_acts_as_the_operator];

async fn two_tenants_live_side_by_side(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (_operator, other) = world.for_two_tenants().await?;
    let tenants = [world.tenant(&world.namespace), world.tenant(&other)];
    let mut bindings = Vec::new();
    for (tenant, account) in tenants.iter().zip(ACCOUNTS) {
        bindings.push(world.bind(&tenant.namespace, account).await?);
        // The same name and the same spec: only the identity tells them apart.
        tenant.create("genomes", json!({"description": "first"})).await?;
    }
    for ((tenant, account), binding) in tenants.iter().zip(ACCOUNTS).zip(&bindings) {
        let ready = tenant.until_ready("genomes").await?;
        ensure!(status(&ready).account_id.as_deref() == Some(account), "{:?}", status(&ready));
        ensure!(binding_of(&ready).as_ref() == Some(binding), "{:?}", status(&ready).binding);
        let bound = world.until_binding(binding, "True", "RoleAssumed").await?;
        let shown = bound.status.unwrap_or_default();
        ensure!(shown.account_id.as_deref() == Some(account) && shown.namespaces == Some(1), "{shown:?}");
        tenant.patch("genomes", json!({"spec": {"description": "second"}})).await?;
    }
    for tenant in &tenants {
        let is_shown =
            |store: &sequencestore_operator::crd::Store| store.description.as_deref() == Some("second");
        tenant
            .until("genomes", "the new description", |object| {
                status(object).store.as_ref().is_some_and(is_shown)
            })
            .await?;
        tenant.delete("genomes").await?;
    }
    for tenant in &tenants {
        tenant.until_gone("genomes").await?;
    }
    let calls = about_stores(world.aws.ledger().await?);
    for ((tenant, account), binding) in tenants.iter().zip(ACCOUNTS).zip(&bindings) {
        let own: Vec<_> =
            calls.iter().filter(|call| call.account.as_deref() == Some(account)).cloned().collect();
        world.ensure_acted_as(&own, account, (&tenant.namespace, binding))?;
        let count = |operation: &str| own.iter().filter(|call| call.operation == operation).count();
        let (creates, deletes) = (count("CreateSequenceStore"), count("DeleteSequenceStore"));
        ensure!((creates, deletes) == (1, 1), "{creates} creates and {deletes} deletes for {account}");
    }
    let is_of_a_tenant = |account: Option<&str>| account.is_some_and(|account| ACCOUNTS.contains(&account));
    let others = calls.iter().filter(|call| !is_of_a_tenant(call.account.as_deref())).count();
    ensure!(others == 0, "{others} calls by somebody else");
    for binding in &bindings {
        world.unbind(binding).await?;
    }
    Ok(())
}

async fn a_namespace_without_a_binding_acts_as_the_operator(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (_operator, other) = world.for_two_tenants().await?;
    let binding = world.bind(&other, ACCOUNTS[0]).await?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    let ready = world.until_ready("genomes").await?;
    ensure!(binding_of(&ready).is_none(), "{:?}", status(&ready));
    let calls = about_stores(world.aws.ledger().await?);
    ensure!(!calls.is_empty() && calls.iter().all(|call| call.role_arn.is_none()), "{calls:?}");
    world.unbind(&binding).await
}
