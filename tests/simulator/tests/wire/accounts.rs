//! Prove that accounts and regions are isolated, and that credentials, permissions and STS work as in AWS.

use std::time::Duration;

use aws_sdk_omics::config::Credentials;
use healthomics_simulator::{SeedStore, Simulator};

use crate::client::{code, omics, omics_as, simulator, with_knobs};

const ROLE: &str = "arn:aws:iam::222222222222:role/operators/sequence-stores";

fn key(id: &str) -> Credentials {
    Credentials::new(id, "secret", None, None, "test")
}

fn sts(simulator: &Simulator, id: &str) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_sts::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_sts::config::Credentials::new(id, "secret", None, None, "test"))
        .retry_config(aws_sdk_sts::config::retry::RetryConfig::disabled())
        .endpoint_url(simulator.url());
    aws_sdk_sts::Client::from_conf(config.build())
}

fn session(credentials: &aws_sdk_sts::types::Credentials) -> Credentials {
    Credentials::new(
        credentials.access_key_id(),
        credentials.secret_access_key(),
        Some(credentials.session_token().to_owned()),
        None,
        "test",
    )
}

#[tokio::test]
async fn accounts_and_regions_are_isolated_from_each_other() {
    let simulator = simulator().await;
    let control = simulator.client();
    control.set_account("AKIAOTHER", "222222222222").await.unwrap();
    let here = omics(&simulator);
    let other_region = omics_as(&simulator, key("AKIATEST"), "eu-west-1");
    let other_account = omics_as(&simulator, key("AKIAOTHER"), "us-east-1");
    let store = here.create_sequence_store().name("a").client_token("t").send().await.unwrap();
    for foreign in [&other_region, &other_account] {
        let got = foreign.get_sequence_store().id(store.id()).send().await;
        assert_eq!(code(got), "ResourceNotFoundException");
        assert!(foreign.list_sequence_stores().send().await.unwrap().sequence_stores().is_empty());
        let tags = foreign.list_tags_for_resource().resource_arn(store.arn()).send().await;
        assert_eq!(code(tags), "ValidationException");
        let own = foreign.create_sequence_store().name("a").client_token("t").send().await.unwrap();
        assert_ne!(own.id(), store.id(), "client tokens are separate too");
    }
    // The same id now exists in two regions: the control API distinguishes the stores by ARN.
    let twin = SeedStore {
        id: Some(store.id().to_owned()),
        region: "eu-west-1".to_owned(),
        name: Some("twin".to_owned()),
        ..SeedStore::default()
    };
    let twin = control.seed_store(&twin).await.unwrap();
    let got = other_region.get_sequence_store().id(store.id()).send().await.unwrap();
    assert_eq!(got.name(), Some("twin"));
    control.remove_store(&twin.arn).await.unwrap();
    here.get_sequence_store().id(store.id()).send().await.unwrap();
}

#[tokio::test]
async fn unknown_and_expired_keys_are_rejected() {
    let simulator = with_knobs(|knobs| knobs.require_known_keys = true).await;
    let control = simulator.client();
    let omics = omics(&simulator);
    let list = || omics.list_sequence_stores().send();
    assert_eq!(code(list().await), "UnrecognizedClientException");
    control.set_account("AKIATEST", "333333333333").await.unwrap();
    list().await.unwrap();
    control.expire_key("AKIATEST").await.unwrap();
    assert_eq!(code(list().await), "ExpiredTokenException");
    control.set_account("AKIATEST", "333333333333").await.unwrap();
    list().await.unwrap();
    let ledger = control.ledger().await.unwrap();
    assert_eq!(ledger.last().unwrap().account.as_deref(), Some("333333333333"));
}

#[tokio::test]
async fn permissions_apply_to_an_account_or_to_a_role() {
    let simulator = simulator().await;
    let (omics, control) = (omics(&simulator), simulator.client());
    let allow = |actions: &[&str]| Some(actions.iter().map(|action| (*action).to_owned()).collect());
    let store = control.seed_store(&SeedStore::default()).await.unwrap();
    control.allow_actions("123456789012", allow(&["omics:Get*", "omics:CreateSequenceStore"])).await.unwrap();
    omics.get_sequence_store().id(&store.id).send().await.unwrap();
    let denied = omics.delete_sequence_store().id(&store.id).send().await.unwrap_err().into_service_error();
    assert!(denied.is_access_denied_exception());
    let message = denied.meta().message().unwrap();
    let expected = format!(
        "User: arn:aws:sts::123456789012:assumed-role/simulator/AKIATEST is not authorized to perform: \
         omics:DeleteSequenceStore on resource: {}",
        store.arn
    );
    assert!(message.starts_with(&expected), "{message}");
    omics.create_sequence_store().name("plain").send().await.unwrap();
    let tagged = omics.create_sequence_store().name("tagged").tags("k", "v").send().await.unwrap_err();
    assert!(tagged.into_service_error().meta().message().unwrap().contains("omics:TagResource"));
    sts(&simulator, "AKIATEST").get_caller_identity().send().await.unwrap();
    control.allow_actions("123456789012", None).await.unwrap();
    omics.delete_sequence_store().id(&store.id).send().await.unwrap();

    control.allow_actions(ROLE, allow(&["omics:ListSequenceStores"])).await.unwrap();
    let assumed = sts(&simulator, "AKIATEST").assume_role().role_arn(ROLE).role_session_name("one").send();
    let assumed = assumed.await.unwrap();
    let as_role = omics_as(&simulator, session(assumed.credentials().unwrap()), "us-east-1");
    as_role.list_sequence_stores().send().await.unwrap();
    assert_eq!(code(as_role.create_sequence_store().name("a").send().await), "AccessDeniedException");
}

#[tokio::test]
async fn temporary_credentials_belong_to_the_account_of_the_role() {
    let simulator = simulator().await;
    let control = simulator.client();
    let client = sts(&simulator, "AKIATEST");
    let identity = client.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.account(), Some("123456789012"));
    let tag = aws_sdk_sts::types::Tag::builder().key("namespace").value("team-a").build().unwrap();
    let assumed = client
        .assume_role()
        .role_arn(ROLE)
        .role_session_name("team-a")
        .external_id("secret-handshake")
        .tags(tag)
        .send()
        .await
        .unwrap();
    let arn = "arn:aws:sts::222222222222:assumed-role/sequence-stores/team-a";
    assert_eq!(assumed.assumed_role_user().unwrap().arn(), arn);
    let credentials = assumed.credentials().unwrap();
    let as_role = omics_as(&simulator, session(credentials), "us-east-1");
    let created = as_role.create_sequence_store().name("a").send().await.unwrap();
    assert!(created.arn().contains(":222222222222:"));

    let without_token = omics_as(&simulator, key(credentials.access_key_id()), "us-east-1");
    assert_eq!(code(without_token.list_sequence_stores().send().await), "UnrecognizedClientException");
    control.expire_sessions().await.unwrap();
    assert_eq!(code(as_role.list_sequence_stores().send().await), "ExpiredTokenException");

    let ledger = control.ledger().await.unwrap();
    let entry = ledger.iter().find(|entry| entry.operation == "sts:AssumeRole").unwrap();
    assert_eq!(entry.parameters["RoleArn"], ROLE);
    assert_eq!(entry.parameters["RoleSessionName"], "team-a");
    assert_eq!(entry.parameters["ExternalId"], "secret-handshake");
    assert_eq!(entry.parameters["Tags"]["namespace"], "team-a");
}

#[tokio::test]
async fn sts_denies_roles_and_sessions_expire() {
    let simulator = with_knobs(|knobs| {
        knobs.required_external_ids.insert(ROLE.to_owned(), "right".to_owned());
        knobs.session_lifetime_ms = Some(100);
    })
    .await;
    let control = simulator.client();
    let client = sts(&simulator, "AKIATEST");
    let assume = |external_id: &str| {
        client.assume_role().role_arn(ROLE).role_session_name("s1").external_id(external_id).send()
    };
    assert_eq!(code(assume("wrong").await), "AccessDenied");
    let assumed = assume("right").await.unwrap();
    let as_role = omics_as(&simulator, session(assumed.credentials().unwrap()), "us-east-1");
    as_role.list_sequence_stores().send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(code(as_role.list_sequence_stores().send().await), "ExpiredTokenException");

    let mut knobs = control.knobs().await.unwrap();
    knobs.denied_roles.push(ROLE.to_owned());
    control.set_knobs(&knobs).await.unwrap();
    assert_eq!(code(assume("right").await), "AccessDenied");
    let web = || {
        let call = client.assume_role_with_web_identity().role_session_name("s1").web_identity_token("jwt");
        call.role_arn("arn:aws:iam::444444444444:role/web").send()
    };
    let assumed = web().await.unwrap();
    assert!(assumed.assumed_role_user().unwrap().arn().contains("444444444444"));
    let ledger = control.ledger().await.unwrap();
    assert!(
        !serde_json::to_string(&ledger).unwrap().contains("jwt"),
        "the ledger does not contain the web identity token, which is a secret"
    );
    knobs.sts_denied = true;
    control.set_knobs(&knobs).await.unwrap();
    assert_eq!(code(web().await), "AccessDenied");
    control.expire_key("AKIATEST").await.unwrap();
    assert_eq!(code(client.get_caller_identity().send().await), "ExpiredToken");
    let fault = healthomics_simulator::FaultAction::error("InternalFailure");
    control.set_account("AKIATEST", "123456789012").await.unwrap();
    control.script_fault(&healthomics_simulator::Fault::once("sts:*", fault)).await.unwrap();
    assert_eq!(code(client.get_caller_identity().send().await), "InternalFailure");
}
