//! What the API server accepts and refuses, and what it says then. No operator runs here.

use std::sync::Arc;

use kube::Api;
use kube::api::{ApiResource, DynamicObject, PostParams};
use sequencestore_operator::crd::SequenceStore;
use serde_json::{Value, json};

use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![
    the_spec_is_checked_field_by_field,
    long_object_names_need_a_store_name,
    a_misspelt_field_is_named,
    nulls_mean_absent,
    a_fresh_object_is_not_ready_for_anyone,
];

/// Creates an object in a dry run; the refusal, if any.
async fn tried(world: &World, name: &str, spec: &Value) -> Result<Option<String>, Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(
        world.client.clone(),
        &world.namespace,
        &ApiResource::erase::<SequenceStore>(&()),
    );
    let object: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
        "metadata": {"name": name}, "spec": spec,
    }))?;
    match api.create(&PostParams { dry_run: true, ..PostParams::default() }, &object).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(refusal)) => Ok(Some(refusal.message.clone())),
        Err(error) => Err(error.into()),
    }
}

fn accepted() -> Vec<Value> {
    let key = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let alias = "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/genomes";
    let tags: serde_json::Map<_, _> = (0..46).map(|n| (format!("key-{n}"), json!("v"))).collect();
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"});
    vec![
        json!({}),
        json!({"region": "us-east-1"}),
        json!({"region": "us-gov-west-1"}),
        json!({"region": "ap-southeast-2"}),
        json!({"sequenceStoreId": "1234567890"}),
        json!({"sequenceStoreId": "1".repeat(36)}),
        json!({"managementPolicy": "Manage"}),
        json!({"managementPolicy": "Observe"}),
        json!({"deletionPolicy": "Delete"}),
        json!({"deletionPolicy": "Retain", "deletionProtection": true}),
        json!({"name": "n".repeat(127)}),
        json!({"name": "Genome 漢字 é – 1"}),
        json!({"description": "d".repeat(255)}),
        json!({"sseConfig": {"type": "KMS"}}),
        json!({"sseConfig": {"type": "KMS", "keyArn": key}}),
        json!({"sseConfig": {"type": "KMS", "keyArn": alias}}),
        json!({"eTagAlgorithmFamily": "MD5up"}),
        json!({"eTagAlgorithmFamily": "SHA256up"}),
        json!({"eTagAlgorithmFamily": "SHA512up"}),
        json!({"fallbackLocation": ""}),
        json!({"fallbackLocation": "s3://bucket/some/prefix/"}),
        json!({"fallbackLocation": "s3://bucket/"}),
        json!({"s3AccessConfig": {}}),
        json!({"s3AccessConfig": {"accessLogLocation": ""}}),
        json!({"s3AccessConfig": {"accessLogLocation": "s3://logs/p/"}}),
        json!({"propagatedSetLevelTags": []}),
        json!({"propagatedSetLevelTags": ["a", "b", "c", "d", "e"]}),
        json!({"s3AccessPolicy": {}}),
        json!({"s3AccessPolicy": {"Version": "2012-10-17", "Id": "x", "Statement": [statement]}}),
        json!({"tags": {}}),
        json!({"tags": tags}),
        json!({"tags": {"k".repeat(128): "v".repeat(256), "empty": ""}}),
        json!({"pollInterval": "10s"}),
        json!({"pollInterval": "5m"}),
        json!({"pollInterval": "1h"}),
    ]
}

/// Specs, and what the refusal says to the user.
fn refused() -> Vec<(Value, &'static str)> {
    let tags: serde_json::Map<_, _> = (0..47).map(|n| (format!("key-{n}"), json!("v"))).collect();
    vec![
        (json!({"region": "Frankfurt"}), "region must be the code of an AWS region, such as us-east-1"),
        (json!({"region": "us-east"}), "region must be the code of an AWS region"),
        (json!({"region": ""}), "region must be the code of an AWS region"),
        (
            json!({"sequenceStoreId": "123456789"}),
            "sequenceStoreId must be the id of a store, 10 to 36 digits",
        ),
        (json!({"sequenceStoreId": "1".repeat(37)}), "spec.sequenceStoreId"),
        (
            json!({"sequenceStoreId": "my-store-name"}),
            "sequenceStoreId must be the id of a store, 10 to 36 digits such as \"3936421177\" (in quotes)",
        ),
        // The classic YAML mistake: digits without quotes.
        (json!({"sequenceStoreId": 1234567890}), "spec.sequenceStoreId"),
        (json!({"managementPolicy": "observe"}), "supported values: \"Manage\", \"Observe\""),
        (json!({"deletionPolicy": "Orphan"}), "supported values: \"Delete\", \"Retain\""),
        (json!({"deletionProtection": "yes"}), "spec.deletionProtection"),
        (json!({"name": ""}), "spec.name"),
        (json!({"name": "n".repeat(128)}), "spec.name"),
        (json!({"name": "two\twords"}), "name must be made of letters"),
        (json!({"description": ""}), "spec.description"),
        (json!({"description": "d".repeat(256)}), "spec.description"),
        (json!({"description": "two\nlines"}), "description must be made of letters"),
        (json!({"description": "zero\u{200b}width"}), "no tab, line break or invisible character"),
        (json!({"sseConfig": {}}), "spec.sseConfig.type: Required"),
        (json!({"sseConfig": {"type": "AES256"}}), "supported values: \"KMS\""),
        (
            json!({"sseConfig": {"type": "KMS", "keyArn": "1234abcd-12ab-34cd-56ef-1234567890ab"}}),
            "keyArn must be the ARN of a KMS key",
        ),
        (json!({"sseConfig": {"type": "KMS", "keyArn": "alias/genomes"}}), "spec.sseConfig.keyArn"),
        (json!({"eTagAlgorithmFamily": "MD5"}), "\"SHA256up\""),
        (json!({"fallbackLocation": "s3://bucket/no-slash"}), "with a slash at the end, or \"\" to clear it"),
        (json!({"fallbackLocation": "https://bucket/p/"}), "fallbackLocation must be s3://bucket/prefix/"),
        (json!({"fallbackLocation": "s3://Bucket/p/"}), "fallbackLocation must be s3://bucket/prefix/"),
        (
            json!({"s3AccessConfig": {"accessLogLocation": "logs/"}}),
            "accessLogLocation must be s3://bucket/prefix/",
        ),
        (json!({"propagatedSetLevelTags": ["a", "b", "c", "d", "e", "f"]}), "spec.propagatedSetLevelTags"),
        (json!({"propagatedSetLevelTags": ["a", "a"]}), "every key may stand in the list only once"),
        (json!({"propagatedSetLevelTags": [""]}), "spec.propagatedSetLevelTags"),
        (json!({"propagatedSetLevelTags": ["k".repeat(129)]}), "spec.propagatedSetLevelTags"),
        (json!({"s3AccessPolicy": "{}"}), "spec.s3AccessPolicy"),
        (json!({"s3AccessPolicy": {"Version": 2012}}), "spec.s3AccessPolicy.Version"),
        (json!({"s3AccessPolicy": {"Statement": {"Effect": "Allow"}}}), "spec.s3AccessPolicy.Statement"),
        (json!({"tags": tags}), "spec.tags"),
        (json!({"tags": {"": "v"}}), "tag keys must have 1 to 128 characters"),
        (json!({"tags": {"k".repeat(129): "v"}}), "tag keys must have 1 to 128 characters"),
        (json!({"tags": {"aws:x": "v"}}), "tag keys must not start with aws:"),
        (json!({"tags": {"healthomics.dev/uid": "v"}}), "or healthomics.dev/ (this operator's own)"),
        (json!({"tags": {"k": "v".repeat(257)}}), "spec.tags"),
        (json!({"tags": {"k": 1}}), "spec.tags"),
        (json!({"pollInterval": "5"}), "pollInterval must be a whole number of s, m or h"),
        (json!({"pollInterval": "1d"}), "such as 30s, 5m or 1h"),
        (json!({"pollInterval": "9s"}), "pollInterval must be at least 10s"),
    ]
}

async fn the_spec_is_checked_field_by_field(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    for spec in accepted() {
        let refusal = tried(&world, "a", &spec).await?;
        ensure!(refusal.is_none(), "{spec} is refused: {refusal:?}");
    }
    for (spec, says) in refused() {
        let refusal = tried(&world, "a", &spec).await?;
        ensure!(refusal.as_ref().is_some_and(|text| text.contains(says)), "{spec}: {refusal:?}, not: {says}");
    }
    Ok(())
}

async fn long_object_names_need_a_store_name(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let long = "n".repeat(128);
    let refusal = tried(&world, &long, &json!({})).await?;
    let says = "set spec.name or shorten metadata.name";
    ensure!(refusal.as_ref().is_some_and(|text| text.contains(says)), "{refusal:?}");
    for spec in [json!({"name": "short"}), json!({"sequenceStoreId": "1234567890"})] {
        let refusal = tried(&world, &long, &spec).await?;
        ensure!(refusal.is_none(), "{spec} is refused: {refusal:?}");
    }
    ensure!(tried(&world, &long[..127], &json!({})).await?.is_none(), "127 characters fit");
    Ok(())
}

async fn a_misspelt_field_is_named(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let manifest = |spec: &str| {
        format!(
            "apiVersion: healthomics.dev/v1alpha1\nkind: SequenceStore\nmetadata: {{name: a}}\nspec: {spec}\n"
        )
    };
    for (spec, field) in [
        ("{sequencestoreid: '1234567890'}", "spec.sequencestoreid"),
        ("{s3AccessConfig: {logLocation: 's3://logs/p/'}}", "spec.s3AccessConfig.logLocation"),
    ] {
        let output = world.kubectl_apply(&manifest(spec)).await?;
        ensure!(!output.success(), "{spec} is accepted");
        ensure!(output.stderr.contains(&format!("unknown field \"{field}\"")), "{}", output.stderr);
    }
    // The message of a rule reaches the terminal as it is written.
    let output = world.kubectl_apply(&manifest("{sequenceStoreId: my-store}")).await?;
    ensure!(output.stderr.contains("sequenceStoreId must be the id of a store"), "{}", output.stderr);
    Ok(())
}

async fn nulls_mean_absent(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let fields = [
        "region",
        "managementPolicy",
        "deletionPolicy",
        "deletionProtection",
        "name",
        "description",
        "sseConfig",
        "eTagAlgorithmFamily",
        "fallbackLocation",
        "s3AccessConfig",
        "propagatedSetLevelTags",
        "s3AccessPolicy",
        "tags",
        "pollInterval",
    ];
    let mut spec: serde_json::Map<_, _> =
        fields.map(|field| (field.to_owned(), Value::Null)).into_iter().collect();
    spec.insert("sequenceStoreId".into(), json!(store.id));
    let manifest = json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
        "metadata": {"name": "a"}, "spec": spec,
    });
    world.kubectl_apply(&manifest.to_string()).await?.checked()?;
    let object = world.until_ready("a").await?;
    ensure!(status(&object).drift.is_empty(), "{:?}", status(&object).drift);
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world.ensure_harmless().await
}

async fn a_fresh_object_is_not_ready_for_anyone(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let object = world.create("a", Default::default()).await?;
    let generation = status(&object).observed_generation;
    ensure!(generation == Some(-1), "observedGeneration {generation:?}");
    ensure!(status(&object).conditions.is_empty(), "conditions before anybody looked");
    Ok(())
}
