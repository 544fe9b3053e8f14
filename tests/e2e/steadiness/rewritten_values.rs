//! Values that AWS shows in another form than the one that was written: no drift, and no second write.

use std::sync::Arc;

use healthomics_simulator::{
    Knobs, LocationSlash, PolicyReadBack, SeedStore, SseConfig, StoreRecord, UpdatingWhen,
};
use sequencestore_operator::crd::{ManagementPolicy, S3AccessConfig, SequenceStoreSpec};
use serde_json::{Value, json};

use crate::world::{Cluster, Error, World, condition, ensure, message, spec_for, status, tests};

tests![
    a_policy_that_aws_shows_in_another_form_is_neither_drift_nor_written_again,
    a_deleted_principal_is_told_and_not_written_again,
    an_observed_policy_that_aws_shows_in_another_form_is_no_drift,
    locations_that_aws_shows_in_another_form_are_neither_drift_nor_written_again,
    a_key_and_an_alias_of_a_key_are_not_compared,
];

const FORMS: [PolicyReadBack; 16] = [
    PolicyReadBack::Canonical,
    PolicyReadBack::Lists,
    PolicyReadBack::ReversedAndRepeated,
    PolicyReadBack::RootArns,
    PolicyReadBack::AccountIds,
    PolicyReadBack::AnyoneAsMap,
    PolicyReadBack::AnyoneAsText,
    PolicyReadBack::ConditionTexts,
    PolicyReadBack::ConditionValues,
    PolicyReadBack::LowerCaseConditions,
    PolicyReadBack::UpperCaseConditions,
    PolicyReadBack::LowerCaseActions,
    PolicyReadBack::EmptyElements,
    PolicyReadBack::NoEmptyElements,
    PolicyReadBack::DefaultVersion,
    PolicyReadBack::Escaped,
];

const ROLE: &str = "arn:aws:iam::111122223333:role/reads";

/// Two policies that use every form that AWS may rewrite: each has the forms into which AWS rewrites the other one. The
/// third has a single statement and no version.
fn policies(access_point: &str) -> [Value; 3] {
    let objects = format!("{access_point}/object/*");
    let one = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": ["111122223333", "arn:aws:iam::444455556666:root", ROLE]},
         "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": [access_point, objects],
         "Condition": {"StringLike": {"s3:prefix": ["é/*", "b/*"]}, "NumericLessThan": {"s3:TlsVersion": 1.2},
                       "Null": {"s3:ExistingObjectTag/Team": false}}},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": objects, "Condition": {}},
    ]});
    let other = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": ["s3:GetObject"], "Resource": [objects]},
        {"Sid": "Read", "Effect": "Allow", "Principal": {"AWS": [ROLE, "arn:aws:iam::111122223333:root", "444455556666"]},
         "Action": ["s3:listbucket", "s3:getobject"], "Resource": [objects, access_point],
         "Condition": {"null": {"S3:existingobjecttag/Team": "false"}, "numericlessthan": {"s3:tlsversion": ["1.2"]},
                       "stringlike": {"S3:Prefix": ["b/*", "é/*"]}}},
    ]});
    let small = json!({"Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "s3:GetObject", "Resource": objects},
    ]});
    [one, other, small]
}

fn with_policy(store: &StoreRecord, policy: &Value) -> SequenceStoreSpec {
    SequenceStoreSpec { s3_access_policy: policy.as_object().cloned(), ..spec_for(store) }
}

async fn show_policies_as(world: &World, form: PolicyReadBack) -> Result<(), Error> {
    Ok(world.aws.set_knobs(&Knobs { policy_read_back: form, ..Knobs::default() }).await?)
}

async fn show_deleted_principals_and_update_slowly(world: &World) -> Result<(), Error> {
    let knobs = Knobs {
        policy_read_back: PolicyReadBack::DeletedPrincipals,
        updating_when: UpdatingWhen::Always,
        updating_gets: 2,
        ..Knobs::default()
    };
    Ok(world.aws.set_knobs(&knobs).await?)
}

/// Requests a pass, which reads the policy again, and checks that it changed nothing and found nothing.
async fn ensure_settled(world: &World, name: &str, form: &str) -> Result<(), Error> {
    let object = world.one_more_pass(name).await?;
    let drift = status(&object).drift;
    ensure!(drift.is_empty(), "{name}, {form}: drift {drift:?}");
    for kind in ["Ready", "Synced"] {
        let is_true = condition(&object, kind).is_some_and(|found| found.status == "True");
        ensure!(is_true, "{name}, {form}: {kind}: {}", message(&object, kind));
    }
    Ok(())
}

async fn a_policy_that_aws_shows_in_another_form_is_neither_drift_nor_written_again(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let mut stores = Vec::new();
    for (index, name) in ["one", "other", "small"].into_iter().enumerate() {
        let store = world.seed().await?;
        let policy = &policies(&store.s3_access.s3_access_point_arn)[index];
        world.create(name, with_policy(&store, policy)).await?;
        stores.push((name, store));
    }
    for (name, _) in &stores {
        world.until_condition(name, "Synced", "True", "InSync").await?;
    }
    for form in FORMS {
        show_policies_as(&world, form).await?;
        for (name, store) in &stores {
            ensure_settled(&world, name, &format!("{form:?}")).await?;
            let puts = world.calls_on("PutS3AccessPolicy", store).await?.len();
            ensure!(puts == 1, "{name}, {form:?}: the policy was written {puts} times");
        }
    }
    show_policies_as(&world, PolicyReadBack::OneStatement).await?;
    ensure_settled(&world, "small", "OneStatement").await?;
    // The other way round: the spec has the form of one, AWS has the other.
    show_policies_as(&world, PolicyReadBack::AsWritten).await?;
    let [(one, first), (other, second), _] = &stores[..] else { return Err("three stores".into()) };
    for (name, store, index) in [(one, first, 1), (other, second, 0)] {
        let written = policies(&store.s3_access.s3_access_point_arn)[index].to_string();
        world.aws.change_store(&store.id, json!({"s3AccessPolicy": written})).await?;
        ensure_settled(&world, name, "the form of the other").await?;
    }
    // A policy with another meaning is still written.
    let object = world.api.get("small").await?;
    let access_point = status(&object).store.and_then(|store| store.s3_access).ok_or("no S3 access")?;
    let access_point = access_point.s3_access_point_arn.ok_or("no access point")?;
    let mut foreign = policies(&access_point)[2].clone();
    foreign["Statement"][0]["Resource"] = json!(format!("{access_point}/OBJECT/*"));
    world.aws.change_store(&stores[2].1.id, json!({"s3AccessPolicy": foreign.to_string()})).await?;
    world.reconcile_now("small").await?;
    world.until_calls("PutS3AccessPolicy", 4).await?;
    Ok(())
}

async fn an_observed_policy_that_aws_shows_in_another_form_is_no_drift(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let [one, other, _] = policies(&store.s3_access.s3_access_point_arn);
    world.aws.change_store(&store.id, json!({"s3AccessPolicy": other.to_string()})).await?;
    let observe = Some(ManagementPolicy::Observe);
    world.create("a", SequenceStoreSpec { management_policy: observe, ..with_policy(&store, &one) }).await?;
    world.until_ready("a").await?;
    ensure_settled(&world, "a", "observed").await
}

async fn a_deleted_principal_is_told_and_not_written_again(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let store = world.seed().await?;
    let policy = &policies(&store.s3_access.s3_access_point_arn)[0];
    world.create("a", with_policy(&store, policy)).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    show_policies_as(&world, PolicyReadBack::DeletedPrincipals).await?;
    world.reconcile_now("a").await?;
    let object = world.until_condition("a", "Synced", "False", "Drifted").await?;
    let text = message(&object, "Synced");
    ensure!(text.contains("deleted principal") && text.contains("AROA") && text.contains(ROLE), "{text}");
    ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "not Ready");
    ensure!(condition(&object, "Reconciling").is_none(), "Reconciling, though nothing is tried");
    for _ in 0..4 {
        world.one_more_pass("a").await?;
    }
    let puts = world.calls("PutS3AccessPolicy").await?.len();
    ensure!(puts == 1, "the policy was written {puts} times");
    // An update of something else changes nothing about it.
    show_deleted_principals_and_update_slowly(&world).await?;
    world.patch("a", json!({"spec": {"description": "new"}})).await?;
    world.until_calls("UpdateSequenceStore", 1).await?;
    let settled = world.until("a", "Ready, and Synced tells of the deleted principal", |object| {
        let is_of_this_generation = status(object).observed_generation == object.metadata.generation;
        let is_ready = condition(object, "Ready").is_some_and(|ready| ready.status == "True");
        is_of_this_generation && is_ready && message(object, "Synced").contains("deleted principal")
    });
    settled.await?;
    world.one_more_pass("a").await?;
    let puts = world.calls("PutS3AccessPolicy").await?.len();
    ensure!(puts == 1, "the policy was written {puts} times");
    // Another difference beside it is corrected; a user who names another principal mends the rest.
    show_policies_as(&world, PolicyReadBack::AsWritten).await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    Ok(())
}

async fn locations_that_aws_shows_in_another_form_are_neither_drift_nor_written_again(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let mut names = Vec::new();
    for (name, fallback, logs) in [
        ("prefixes", "s3://fallback/p/", "s3://logs/p/"),
        ("buckets", "s3://fallback", "s3://logs"),
        ("slashes", "s3://fallback/", "s3://logs/"),
    ] {
        let store = world.seed().await?;
        let logs = S3AccessConfig { access_log_location: Some(logs.into()) };
        let spec = SequenceStoreSpec {
            fallback_location: Some(fallback.into()),
            s3_access_config: Some(logs),
            ..spec_for(&store)
        };
        world.create(name, spec).await?;
        names.push((name, store));
    }
    for (name, _) in &names {
        world.until_condition(name, "Synced", "True", "InSync").await?;
    }
    for location_slash in [LocationSlash::AsWritten, LocationSlash::Added, LocationSlash::Removed] {
        for (appended, no_slash) in [(false, false), (true, false), (true, true)] {
            let knobs = Knobs {
                location_slash,
                access_log_appends_store_id: appended,
                access_log_without_slash_before_id: no_slash,
                ..Knobs::default()
            };
            world.aws.set_knobs(&knobs).await?;
            let form = format!("{location_slash:?}, id appended: {appended}, without a slash: {no_slash}");
            for (name, store) in &names {
                ensure_settled(&world, name, &form).await?;
                let updates = world.calls_on("UpdateSequenceStore", store).await?.len();
                ensure!(updates == 1, "{name}, {form}: {updates} updates");
            }
        }
    }
    Ok(())
}

async fn a_key_and_an_alias_of_a_key_are_not_compared(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let alias = "arn:aws:kms:us-east-1:123456789012:alias/genomes";
    for (name, in_spec, in_aws) in [("key", key, alias), ("alias", alias, key), ("aliases", alias, alias)] {
        let sse_config = Some(SseConfig { kind: "KMS".into(), key_arn: Some(in_aws.into()) });
        let store = world.seed_with(SeedStore { sse_config, ..SeedStore::default() }).await?;
        let spec = json!({"sequenceStoreId": store.id, "sseConfig": {"type": "KMS", "keyArn": in_spec}});
        world.create(name, serde_json::from_value(spec)?).await?;
        let object = world.until(name, "a verdict", |object| {
            condition(object, "Stalled").is_some()
                || condition(object, "Synced").is_some_and(|c| c.status == "True")
        });
        let object = object.await?;
        ensure!(condition(&object, "Stalled").is_none(), "{name}: {}", message(&object, "Stalled"));
    }
    Ok(())
}
