//! What the message of a denial keeps of AWS's text: the role, the key, and who denies; never the text itself.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, SeedStore};
use sequencestore_operator::crd::SequenceStoreSpec;

use crate::world::{Cluster, Error, World, ensure, message, spec_for, tests};

tests![
    a_denial_names_the_role_the_key_and_who_denies,
    an_unknown_key_in_an_opt_in_region_asks_whether_the_region_is_enabled,
];

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn denial(rest: &str) -> FaultAction {
    let user = "arn:aws:sts::123456789012:assumed-role/store-operator/session-1";
    let message = format!("User: {user} is not authorized to perform: {rest}");
    let code = "AccessDeniedException".to_owned();
    FaultAction::Error { code, status: None, message: Some(message), retry_after_ms: None }
}

async fn a_denial_names_the_role_the_key_and_who_denies(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let why = "because no identity-based policy allows the kms:DescribeKey action";
    let key = denial(&format!("kms:DescribeKey on resource: {KEY} {why}"));
    world.aws.script_fault(&Fault::always("CreateSequenceStore", key)).await?;
    world.create("key", SequenceStoreSpec::default()).await?;
    let mut expected = vec![("key", vec!["kms:DescribeKey", KEY])];
    for (name, rest, says) in [
        ("organization", "with an explicit deny in a service control policy", "service control policy"),
        ("resource-control", "with an explicit deny in a resource control policy", "resource control policy"),
        ("boundary", "because no permissions boundary allows the action", "permissions boundary"),
        ("session", "because no session policy allows the action", "session policy"),
        ("endpoint", "because no VPC endpoint policy allows the action", "VPC endpoint policy"),
    ] {
        let store = world.seed().await?;
        let action = denial(&format!("omics:GetSequenceStore on resource: {} {rest}", store.arn));
        let fault = Fault { store_id: Some(store.id.clone()), ..Fault::always("GetSequenceStore", action) };
        world.aws.script_fault(&fault).await?;
        world.adopt(name, &store).await?;
        expected.push((name, vec![says, "omics:GetSequenceStore"]));
    }
    for (name, parts) in expected {
        let object = world.until_condition(name, "Ready", "False", "AccessDenied").await?;
        let text = message(&object, "Ready");
        for part in parts.into_iter().chain(["arn:aws:iam::123456789012:role/store-operator"]) {
            ensure!(text.contains(part), "{name}: {part} is not in: {text}");
        }
        for raw in ["is not authorized to perform", "session-1"] {
            ensure!(!text.contains(raw), "{name}: AWS's own text: {text}");
        }
    }
    Ok(())
}

async fn an_unknown_key_in_an_opt_in_region_asks_whether_the_region_is_enabled(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let unknown = FaultAction::error("UnrecognizedClientException");
    world.aws.script_fault(&Fault::always("GetSequenceStore", unknown)).await?;
    let asks = "enabled in the AWS account";
    for (name, region, expected) in [("opt-in", "il-central-1", true), ("default", "us-east-1", false)] {
        let seed = SeedStore { region: region.into(), ..SeedStore::default() };
        let store = world.seed_with(seed).await?;
        let spec = SequenceStoreSpec { region: Some(region.into()), ..spec_for(&store) };
        world.create(name, spec).await?;
        let object = world.until_condition(name, "Ready", "False", "AccessDenied").await?;
        let text = message(&object, "Ready");
        ensure!((text.contains(asks) && text.contains(region)) == expected, "{name}: {text}");
    }
    Ok(())
}
