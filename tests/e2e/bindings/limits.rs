//! Limits of a binding: what is outside is refused before any call to AWS.

use std::sync::Arc;

use healthomics_simulator::SeedStore;
use serde_json::{Value, json};

use super::{ACCOUNTS, about_stores, role, start};
use crate::world::{Cluster, Error, World, ensure, message, tests};

tests![
    what_is_outside_a_limit_is_refused_before_any_call,
    a_limit_that_comes_later_stops_changes_and_no_deletion,
    a_store_that_may_not_be_adopted_is_not_held_by_the_object,
];

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

async fn limited(world: &World, allow: Value) -> Result<String, Error> {
    let spec = json!({"namespaces": [world.namespace], "roleArn": role(ACCOUNTS[0]), "allow": allow});
    world.bind_with(&world.namespace, spec).await
}

async fn what_is_outside_a_limit_is_refused_before_any_call(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let binding = limited(
        &world,
        json!({
            "regions": ["us-east-1"], "kmsKeyArns": [], "locations": ["s3://lab/"],
            "policyPrincipals": ["arn:aws:iam::111122223333:role/*"], "sequenceStoreIds": [],
        }),
    )
    .await?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::999999999999:root"}, "Action": "s3:GetObject", "Resource": "*",
    }]});
    let tenant = world.tenant(&world.namespace);
    for (name, spec, limit) in [
        ("region", json!({"region": "eu-west-1"}), "regions"),
        ("key", json!({"sseConfig": {"type": "KMS", "keyArn": KEY}}), "kmsKeyArns"),
        ("location", json!({"fallbackLocation": "s3://lab-of-others/"}), "locations"),
        ("log", json!({"s3AccessConfig": {"accessLogLocation": "s3://others/"}}), "locations"),
        ("principal", json!({"s3AccessPolicy": policy}), "policyPrincipals"),
        ("store", json!({"sequenceStoreId": "1234567890"}), "sequenceStoreIds"),
        (
            "observed",
            json!({"sequenceStoreId": "1234567890", "managementPolicy": "Observe"}),
            "sequenceStoreIds",
        ),
    ] {
        tenant.create(name, spec).await?;
        let object = tenant.until_reason(name, "False", "InvalidSpec").await?;
        let text = message(&object, "Ready");
        ensure!(text.contains(&binding) && text.contains(&format!("spec.allow.{limit}")), "{text}");
    }
    let calls = about_stores(world.aws.ledger().await?);
    ensure!(calls.is_empty(), "{calls:?}");
    tenant.create("fine", json!({"fallbackLocation": "s3://lab/x/"})).await?;
    tenant.until_ready("fine").await?;
    // An edit of an object that was fine.
    let seen = world.aws.last_seq().await?;
    tenant.patch("fine", json!({"spec": {"fallbackLocation": "s3://others/"}})).await?;
    tenant.until_reason("fine", "False", "InvalidSpec").await?;
    let changed = world.aws.ledger_since(seen).await?.into_iter().filter(|call| call.is_mutating()).count();
    ensure!(changed == 0, "{changed} changes");
    world.unbind(&binding).await
}

async fn a_limit_that_comes_later_stops_changes_and_no_deletion(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let binding = limited(&world, json!({"regions": ["us-east-1", "eu-west-1"]})).await?;
    let tenant = world.tenant(&world.namespace);
    tenant.create("named", json!({"region": "eu-west-1"})).await?;
    tenant.create("silent", json!({})).await?;
    for name in ["named", "silent"] {
        tenant.until_ready(name).await?;
    }
    world.change_binding(&binding, json!({"allow": {"regions": ["us-west-2"]}})).await?;
    let object = tenant.until_reason("named", "False", "InvalidSpec").await?;
    ensure!(message(&object, "Ready").contains("eu-west-1"), "{}", message(&object, "Ready"));
    // Its spec asks for no region: what AWS shows is not judged.
    world.one_more_pass("silent").await?;
    tenant.until_ready("silent").await?;
    for name in ["named", "silent"] {
        tenant.delete(name).await?;
        tenant.until_gone(name).await?;
    }
    let deletes = world.calls("DeleteSequenceStore").await?;
    ensure!(deletes.len() == 2, "{deletes:?}");
    world.unbind(&binding).await
}

async fn a_store_that_may_not_be_adopted_is_not_held_by_the_object(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&start(&[]))?;
    let binding = limited(&world, json!({"sequenceStoreIds": []})).await?;
    let seed =
        SeedStore { account: ACCOUNTS[0].into(), name: Some("precious".into()), ..SeedStore::default() };
    let store = world.aws.seed_store(&seed).await?;
    let tenant = world.tenant(&world.namespace);
    tenant.create("thief", json!({"sequenceStoreId": store.id})).await?;
    tenant.until_reason("thief", "False", "InvalidSpec").await?;
    tenant.delete("thief").await?;
    tenant.until_gone("thief").await?;
    let calls = about_stores(world.aws.ledger().await?);
    ensure!(calls.is_empty(), "{calls:?}");
    world.ensure_there_in_aws(&store).await?;
    world.unbind(&binding).await
}
