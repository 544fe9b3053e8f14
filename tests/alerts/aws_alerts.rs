//! Alerts about the requests to AWS: refused, denied, not enough of them, listings that fail, credentials that run out, and
//! roles that cannot be assumed.

use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Fault, FaultAction, Knobs, Role};
use kube::api::{Api, PostParams};
use sequencestore_operator::crd::{AccountBinding, AccountBindingSpec, SequenceStoreSpec};
use serde_json::json;

use crate::stage::{Scraped, Stage};
use crate::world::{ACCOUNT, Error, REGION, Start, World, high_quotas, observing, tests};

tests![
    throttling_by_aws_fires_until_it_ends,
    a_denied_action_fires_until_it_is_allowed,
    refused_credentials_fire_until_they_are_valid,
    a_budget_that_is_used_up_fires_until_it_suffices,
    a_region_that_cannot_be_listed_fires_until_it_can,
    credentials_that_are_nearly_over_fire_until_there_are_others,
    a_binding_whose_role_is_denied_fires_until_it_is_allowed,
];

async fn throttling_by_aws_fires_until_it_ends(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, scraped) = stage.scene().await?;
    for name in ["a", "b"] {
        world.adopt(name, &world.seed().await?).await?;
        world.until_ready(name).await?;
    }
    let throttled = FaultAction::error("ThrottlingException");
    world.aws.script_fault(&Fault::always("GetSequenceStore", throttled)).await?;
    let operation = ("operation", "GetSequenceStore");
    let labels = [("job", scraped.job.as_str()), operation, ("region", REGION), ("account", ACCOUNT)];
    stage.until_fires("OmicsOperatorAWSThrottled", &labels).await?;
    world.aws.clear_faults().await?;
    stage.until_resolved("OmicsOperatorAWSThrottled", &labels).await
}

async fn a_denied_action_fires_until_it_is_allowed(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, scraped) = stage.scene().await?;
    world.aws.allow_actions(ACCOUNT, Some(vec!["omics:List*".into(), "sts:*".into()])).await?;
    let labels = [("job", scraped.job.as_str()), ("operation", "GetSequenceStore"), ("region", REGION)];
    // A denied object waits for a minute, so each request needs another one.
    let every = Duration::from_millis(500);
    stage.until_fires_with_ever_more("OmicsOperatorAWSAccessDenied", &labels, &world, every).await?;
    world.aws.allow_actions(ACCOUNT, None).await?;
    stage.until_resolved("OmicsOperatorAWSAccessDenied", &labels).await
}

async fn refused_credentials_fire_until_they_are_valid(stage: Arc<Stage>) -> Result<(), Error> {
    let (world, scraped) = stage.scene().await?;
    for name in ["a", "b", "c", "d"] {
        world.create(name, observing(&world.seed().await?)).await?;
        world.until_ready(name).await?;
    }
    let key = Start::default().access_key;
    world.aws.expire_key(key).await?;
    let labels = [("job", scraped.job.as_str()), ("region", REGION)];
    stage.until_fires("OmicsOperatorAWSBreakerOpen", &labels).await?;
    world.aws.set_account(key, ACCOUNT).await?;
    // As a person would who has repaired them.
    world.reconcile_now("a").await?;
    stage.until_resolved("OmicsOperatorAWSBreakerOpen", &labels).await
}

async fn a_budget_that_is_used_up_fires_until_it_suffices(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    let quotas = high_quotas().replace("GetSequenceStore=1000", "GetSequenceStore=1");
    let environment = [("SEQSTORE_QUOTA", quotas)].into();
    let scraped = stage.operator(&world, Start { environment, ..Start::default() }).await?;
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for name in names {
        world.create(name, observing(&world.seed().await?)).await?;
    }
    let labels = [("job", scraped.job.as_str()), ("operation", "GetSequenceStore"), ("region", REGION)];
    stage.until_fires("OmicsOperatorAWSBudgetExhausted", &labels).await?;
    for name in names {
        let paused = json!({"metadata": {"annotations": {"healthomics.dev/paused": "true"}}});
        world.patch(name, paused).await?;
    }
    stage.until_resolved("OmicsOperatorAWSBudgetExhausted", &labels).await
}

async fn a_region_that_cannot_be_listed_fires_until_it_can(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    let environment = [("SEQSTORE_LIST_FROM", "1".to_owned())].into();
    let mut start = Start { environment, ..Start::default() };
    // So few Gets that three stores are better listed.
    start.flags.push("--background-share=0.0005".into());
    let scraped = stage.operator(&world, start).await?;
    for name in ["a", "b", "c"] {
        world.create(name, observing(&world.seed().await?)).await?;
        world.until_ready(name).await?;
    }
    let listed = format!("sequencestore_region_listing_age_seconds{{job=\"{}\"}}", scraped.job);
    stage.prometheus.until_shown(&listed).await?;
    let unavailable = FaultAction::error("InternalServerException");
    world.aws.script_fault(&Fault::always("ListSequenceStores", unavailable)).await?;
    let labels = [("job", scraped.job.as_str()), ("region", REGION)];
    stage.until_fires("OmicsOperatorSweepTooOld", &labels).await?;
    world.aws.clear_faults().await?;
    stage.until_resolved("OmicsOperatorSweepTooOld", &labels).await
}

/// The role of the AccountBindings, whose account is not that of the operator.
const ROLE: &str = "arn:aws:iam::444455556666:role/alerts";

/// An operator that reads AccountBindings, and one of these for its namespace.
async fn bound(stage: &Stage, world: &World) -> Result<Scraped, Error> {
    let mut start = Start::default();
    start.flags.push("--account-bindings".into());
    let scraped = stage.operator(world, start).await?;
    let spec = AccountBindingSpec {
        namespaces: Some(vec![world.namespace.clone()]),
        role_arn: ROLE.into(),
        ..AccountBindingSpec::default()
    };
    let bindings: Api<AccountBinding> = Api::all(world.client.clone());
    bindings.create(&PostParams::default(), &AccountBinding::new(&world.namespace, spec)).await?;
    Ok(scraped)
}

async fn credentials_that_are_nearly_over_fire_until_there_are_others(
    stage: Arc<Stage>,
) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    world.aws.set_knobs(&Knobs { session_lifetime_ms: Some(20_000), ..Knobs::default() }).await?;
    let scraped = bound(&stage, &world).await?;
    world.create("a", SequenceStoreSpec::default()).await?;
    world.until_ready("a").await?;
    let labels = [("job", scraped.job.as_str()), ("role_arn", ROLE)];
    world.aws.set_role(ROLE, &Role { denied: true, ..Role::default() }).await?;
    stage.until_fires("OmicsOperatorCredentialsExpiring", &labels).await?;
    world.aws.set_role(ROLE, &Role::default()).await?;
    stage.until_resolved("OmicsOperatorCredentialsExpiring", &labels).await
}

async fn a_binding_whose_role_is_denied_fires_until_it_is_allowed(stage: Arc<Stage>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&stage.cluster)).await?;
    world.aws.set_role(ROLE, &Role { denied: true, ..Role::default() }).await?;
    let scraped = bound(&stage, &world).await?;
    let labels = [("job", scraped.job.as_str()), ("status", "False")];
    stage.until_fires("OmicsOperatorAccountBindingNotReady", &labels).await?;
    world.aws.set_role(ROLE, &Role::default()).await?;
    stage.until_resolved("OmicsOperatorAccountBindingNotReady", &labels).await
}
