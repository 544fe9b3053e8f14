//! Prove that accounts and regions are isolated, and that credentials, permissions and STS work as in AWS.

use healthomics_simulator::SeedStore;

use crate::client::{code, key, omics, omics_as, session, simulator, sts, with_knobs};

const ROLE: &str = "arn:aws:iam::222222222222:role/operators/sequence-stores";

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
    sts(&simulator, key("AKIATEST")).get_caller_identity().send().await.unwrap();
    control.allow_actions("123456789012", None).await.unwrap();
    omics.delete_sequence_store().id(&store.id).send().await.unwrap();

    control.allow_actions(ROLE, allow(&["omics:ListSequenceStores"])).await.unwrap();
    let assumed =
        sts(&simulator, key("AKIATEST")).assume_role().role_arn(ROLE).role_session_name("one").send();
    let assumed = assumed.await.unwrap();
    let as_role = omics_as(&simulator, session(assumed.credentials().unwrap()), "us-east-1");
    as_role.list_sequence_stores().send().await.unwrap();
    assert_eq!(code(as_role.create_sequence_store().name("a").send().await), "AccessDeniedException");
}

#[tokio::test]
async fn temporary_credentials_belong_to_the_account_of_the_role() {
    let simulator = simulator().await;
    let control = simulator.client();
    let client = sts(&simulator, key("AKIATEST"));
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
