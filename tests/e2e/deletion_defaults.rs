//! `--default-deletion-policy` and `--default-deletion-protection`: what happens on deletion where the spec does not say it.

use std::sync::Arc;

use sequencestore_operator::crd::{
    Deletion, DeletionBlockReason, DeletionPolicy, SequenceStore, SequenceStoreSpec,
};
use serde_json::json;

use crate::assertions::has_finalizer;
use crate::cli_runner::CliUser;
use crate::world::{Cluster, Error, Start, World, ensure, status, tests};

tests![
    under_retain_a_store_stays_unless_its_object_says_delete,
    an_object_that_says_nothing_is_protected_by_default,
    another_default_takes_effect_on_settled_objects_after_a_restart,
];

fn start(flags: &[&str]) -> Start {
    let mut start = Start::default();
    start.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
    start
}

fn saying(policy: DeletionPolicy) -> SequenceStoreSpec {
    SequenceStoreSpec { deletion_policy: Some(policy), ..SequenceStoreSpec::default() }
}

fn shows(object: &SequenceStore, policy: DeletionPolicy, protection: bool) -> bool {
    status(object).deletion == Some(Deletion { policy, protection })
}

/// The spec as the API server has it.
async fn ensure_spec_is_empty(world: &World, name: &str) -> Result<(), Error> {
    let spec = serde_json::to_value(world.api.get(name).await?.spec)?;
    ensure!(spec == json!({}), "written into the spec: {spec}");
    Ok(())
}

async fn under_retain_a_store_stays_unless_its_object_says_delete(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&["--default-deletion-policy=Retain"]))?;
    world.create("silent", SequenceStoreSpec::default()).await?;
    world.create("deletes", saying(DeletionPolicy::Delete)).await?;
    for (name, policy) in [("silent", DeletionPolicy::Retain), ("deletes", DeletionPolicy::Delete)] {
        let object = world.until_ready(name).await?;
        ensure!(shows(&object, policy, false), "{name}: {:?}", status(&object).deletion);
    }
    ensure_spec_is_empty(&world, "silent").await?;
    world.until("deletes", "it has the finalizer", has_finalizer).await?;
    world.until("silent", "it has no finalizer", |object| !has_finalizer(object)).await?;
    let columns = world.kubectl(&["get", "seqstore", "silent", "-o", "wide"]).await?.checked()?.stdout;
    ensure!(columns.contains("ON DELETION") && columns.contains("Retain"), "{columns}");

    // `plan` knows it without the flag, also for an object that does not exist yet.
    let user = CliUser::admin(&world);
    let arguments = ["plan", "-n", &world.namespace, "-o", "json"];
    let planned = world.run(&user, &[&arguments[..], &["silent"]].concat()).await?.json()?;
    let new = json!({
        "apiVersion": "healthomics.dev/v1alpha1",
        "kind": "SequenceStore",
        "metadata": {"name": "new"},
        "spec": {},
    });
    let in_file = [&arguments[..], &["-f", "-"]].concat();
    let new = world.run_with_input(&user, &in_file, &new.to_string()).await?.json()?;
    for plan in [planned, new] {
        let deletion = &plan["objects"][0]["deletion"];
        ensure!(*deletion == json!({"policy": "Retain", "protection": false}), "{plan}");
    }

    for name in ["silent", "deletes"] {
        world.delete(name).await?;
        world.until_gone(name).await?;
    }
    ensure!(world.deletes().await? == 1, "not exactly the store of the object that says Delete was deleted");
    let left = world.aws.stores().await?;
    ensure!(left.len() == 1 && left[0].name.as_deref() == Some("silent"), "{left:?}");
    Ok(())
}

async fn an_object_that_says_nothing_is_protected_by_default(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&["--default-deletion-protection"]))?;
    world.create("silent", SequenceStoreSpec::default()).await?;
    world
        .create(
            "free",
            SequenceStoreSpec { deletion_protection: Some(false), ..SequenceStoreSpec::default() },
        )
        .await?;
    ensure!(shows(&world.until_ready("silent").await?, DeletionPolicy::Delete, true), "not shown");
    ensure!(shows(&world.until_ready("free").await?, DeletionPolicy::Delete, false), "not shown");
    ensure_spec_is_empty(&world, "silent").await?;
    for name in ["silent", "free"] {
        world.delete(name).await?;
    }
    world.until_gone("free").await?;
    let message = world.until_blocked("silent", DeletionBlockReason::DeletionProtection).await?.message;
    ensure!(message.contains("the operator's default"), "{message}");
    ensure!(world.deletes().await? == 1, "a protected store was deleted");
    world.patch("silent", json!({"spec": {"deletionProtection": false}})).await?;
    world.until_gone("silent").await?;
    ensure!(world.deletes().await? == 2, "the store is still there");
    Ok(())
}

async fn another_default_takes_effect_on_settled_objects_after_a_restart(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    world.create("silent", SequenceStoreSpec::default()).await?;
    for (flags, policy, protection) in [
        (&[][..], DeletionPolicy::Delete, false),
        (&["--default-deletion-policy=Retain"], DeletionPolicy::Retain, false),
        (&["--default-deletion-protection"], DeletionPolicy::Delete, true),
        (&[], DeletionPolicy::Delete, false),
    ] {
        let mut start = start(flags);
        // One that would not look again by itself, and leaves settled objects to the listings.
        start.flags[0] = "--poll-interval=1h".into();
        start.flags.push("--list-from=1".into());
        let operator = world.operator(&start)?;
        world.until_ready("silent").await?;
        let what = format!("{flags:?} is in force");
        world
            .until("silent", &what, |object| {
                shows(object, policy, protection)
                    && has_finalizer(object) == (policy == DeletionPolicy::Delete)
            })
            .await?;
        operator.terminate().await?;
    }
    ensure!(world.deletes().await? == 0, "a store was deleted");
    Ok(())
}
