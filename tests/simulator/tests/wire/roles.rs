//! Prove that roles are assumed as in AWS: trust policies, session tags, durations, chains, web identity tokens and the clock.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_omics::config::Credentials;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder;
use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleOutput};
use aws_sdk_sts::types::Tag;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use healthomics_simulator::{Fault, FaultAction, Role, SessionRequest, Simulator};

use crate::client::{code, key, omics_as, session, simulator, sts, with_knobs};

const ROLE: &str = "arn:aws:iam::222222222222:role/operators/sequence-stores";
const OTHER: &str = "arn:aws:iam::333333333333:role/other";

/// Who asks STS.
struct Caller(aws_sdk_sts::Client);

impl Caller {
    fn of(simulator: &Simulator, credentials: Credentials) -> Self {
        Self(sts(simulator, credentials))
    }

    fn request(&self) -> AssumeRoleFluentBuilder {
        self.0.assume_role().role_arn(ROLE).role_session_name("team-a")
    }

    async fn assume(&self) -> Result<AssumeRoleOutput, AssumeRoleError> {
        self.request().send().await.map_err(SdkError::into_service_error)
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

#[tokio::test]
async fn the_trust_policy_of_a_role_decides_who_assumes_it() {
    let simulator = simulator().await;
    let (control, caller) = (simulator.client(), Caller::of(&simulator, key("AKIATEST")));
    let set = async |role: Role| control.set_role(ROLE, &role).await.unwrap();
    set(Role { external_id: Some("right".into()), ..Role::default() }).await;
    let with = |external_id: &str| caller.request().external_id(external_id).send();
    assert_eq!(code(caller.request().send().await), "AccessDenied");
    let error = with("wrong").await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("AccessDenied"));
    let message = "User: arn:aws:sts::123456789012:assumed-role/simulator/AKIATEST is not authorized to perform: \
                   sts:AssumeRole on resource: arn:aws:iam::222222222222:role/operators/sequence-stores";
    assert_eq!(error.message(), Some(message));
    with("right").await.unwrap();

    set(Role { callers: Some(vec![OTHER.into()]), ..Role::default() }).await;
    assert_eq!(code(caller.assume().await), "AccessDenied");
    for trusted in ["arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:role/simulator"] {
        set(Role { callers: Some(vec![trusted.into()]), ..Role::default() }).await;
        caller.assume().await.unwrap();
    }
    set(Role { denied: true, ..Role::default() }).await;
    assert_eq!(code(caller.assume().await), "AccessDenied");
    assert_eq!(control.roles().await.unwrap().len(), 1);
    control.forget_role(ROLE).await.unwrap();
    caller.assume().await.unwrap();
    // The caller's own policy has to allow it too.
    control.allow_actions("123456789012", Some(vec!["omics:*".into()])).await.unwrap();
    assert_eq!(code(caller.assume().await), "AccessDenied");
    control.allow_actions("123456789012", Some(vec!["sts:AssumeRole".into()])).await.unwrap();
    caller.assume().await.unwrap();
    assert!(control.set_role("not-an-arn", &Role::default()).await.is_err());
}

#[tokio::test]
async fn the_ledger_names_role_session_and_tags_of_every_call() {
    let simulator = simulator().await;
    let (control, caller) = (simulator.client(), Caller::of(&simulator, key("AKIATEST")));
    let tagged = caller.request().tags(tag("namespace", "team-a")).tags(tag("uid", "7"));
    let first = tagged.transitive_tag_keys("namespace").send().await.unwrap();
    let first = session(first.credentials().unwrap());
    let store = omics_as(&simulator, first.clone(), "us-east-1").create_sequence_store().name("a").send();
    let store = store.await.unwrap();
    let ledger = control.ledger().await.unwrap();
    assert_eq!(ledger[0].parameters["TransitiveTagKeys"], serde_json::json!(["namespace"]));
    let created = ledger.last().unwrap();
    assert_eq!(created.account.as_deref(), Some("222222222222"));
    assert_eq!((created.role_arn.as_deref(), created.session_name.as_deref()), (Some(ROLE), Some("team-a")));
    let pairs = |tags: &[(&str, &str)]| {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(created.session_tags, pairs(&[("namespace", "team-a"), ("uid", "7")]));

    // A chain: transitive tags are inherited and cannot be set again, and a session lasts at most an hour.
    let chained = sts(&simulator, first.clone());
    let chain = || chained.assume_role().role_arn(OTHER).role_session_name("second");
    assert_eq!(code(chain().tags(tag("namespace", "other")).send().await), "InvalidParameterValue");
    assert_eq!(code(chain().duration_seconds(3601).send().await), "ValidationError");
    let second = chain().tags(tag("uid", "8")).send().await.unwrap();
    let second = omics_as(&simulator, session(second.credentials().unwrap()), "us-east-1");
    let unseen = second.get_sequence_store().id(store.id()).send().await;
    assert_eq!(code(unseen), "ResourceNotFoundException", "a store of another account");
    let seen = control.ledger().await.unwrap();
    let last = seen.last().unwrap();
    assert_eq!(last.session_tags, pairs(&[("namespace", "team-a"), ("uid", "8")]));
    assert_eq!(last.role_arn.as_deref(), Some(OTHER));

    for misused in [
        caller.request().tags(tag("a", "1")).tags(tag("A", "2")),
        caller.request().tags(tag("a", "1")).transitive_tag_keys("b"),
    ] {
        assert_eq!(code(misused.send().await), "InvalidParameterValue");
    }
    assert_eq!(code(caller.request().tags(tag("aws:a", "1")).send().await), "ValidationError");
    control.set_role(ROLE, &Role { tags_denied: true, ..Role::default() }).await.unwrap();
    let denied = caller.request().tags(tag("a", "1")).send().await.unwrap_err().into_service_error();
    assert!(denied.message().unwrap().contains("sts:TagSession"));
}

#[tokio::test]
async fn sessions_expire_are_revoked_and_last_as_long_as_the_role_allows() {
    let simulator = with_knobs(|knobs| knobs.session_lifetime_ms = Some(200)).await;
    let (control, caller) = (simulator.client(), Caller::of(&simulator, key("AKIATEST")));
    let fresh = async || {
        let assumed = caller.assume().await.unwrap();
        omics_as(&simulator, session(assumed.credentials().unwrap()), "us-east-1")
    };
    let short = fresh().await;
    short.list_sequence_stores().send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(code(short.list_sequence_stores().send().await), "ExpiredTokenException");

    control.set_knobs(&healthomics_simulator::Knobs::default()).await.unwrap();
    control.set_role(ROLE, &Role::default()).await.unwrap();
    assert_eq!(code(caller.request().duration_seconds(3601).send().await), "ValidationError");
    let (one, other) =
        (fresh().await, control.open_session(OTHER, &SessionRequest::default()).await.unwrap());
    let other =
        Credentials::new(other.access_key_id, other.secret_access_key, Some(other.session_token), None, "t");
    let other = omics_as(&simulator, other, "us-east-1");
    control.revoke_sessions_of(ROLE).await.unwrap();
    let denied = one.list_sequence_stores().send().await.unwrap_err().into_service_error();
    assert!(denied.is_access_denied_exception());
    assert!(denied.meta().message().unwrap().contains("explicit deny"));
    let renewed = fresh().await;
    renewed.list_sequence_stores().send().await.unwrap();
    control.expire_sessions_of(ROLE).await.unwrap();
    assert_eq!(code(renewed.list_sequence_stores().send().await), "ExpiredTokenException");
    other.list_sequence_stores().send().await.unwrap();
    assert_eq!(control.ledger().await.unwrap().last().unwrap().session_name.as_deref(), Some("session"));
}

#[tokio::test]
async fn web_identity_tokens_name_their_subject_and_expire() {
    let simulator = simulator().await;
    let (control, client) = (simulator.client(), sts(&simulator, key("AKIATEST")));
    let token = |expires: i64| {
        let claims = format!(r#"{{"sub":"system:serviceaccount:a:b","exp":{expires}}}"#);
        format!("header.{}.canary-signature", URL_SAFE_NO_PAD.encode(claims))
    };
    let web = |token: &str| {
        let call = client.assume_role_with_web_identity().role_arn(ROLE).role_session_name("web");
        call.web_identity_token(token).send()
    };
    let assumed = web(&token(4_000_000_000)).await.unwrap();
    assert_eq!(assumed.subject_from_web_identity_token(), Some("system:serviceaccount:a:b"));
    assert_eq!(code(web(&token(1_000_000_000)).await), "ExpiredTokenException");
    web("no-jwt").await.unwrap();
    let trusting = |subject: &str| Role { callers: Some(vec![subject.to_owned()]), ..Role::default() };
    control.set_role(ROLE, &trusting("system:serviceaccount:a:b")).await.unwrap();
    web(&token(4_000_000_000)).await.unwrap();
    control.set_role(ROLE, &trusting("system:serviceaccount:a:c")).await.unwrap();
    let denied = web(&token(4_000_000_000)).await.unwrap_err().into_service_error();
    assert_eq!(denied.code(), Some("AccessDenied"));
    assert_eq!(denied.message(), Some("Not authorized to perform sts:AssumeRoleWithWebIdentity"));
    let ledger = control.ledger().await.unwrap();
    assert_eq!(ledger[0].parameters["Claims"]["sub"], "system:serviceaccount:a:b");
    let text = serde_json::to_string(&ledger).unwrap();
    assert!(!text.contains("canary-signature") && !text.contains("no-jwt"), "the token is a secret");
}

#[tokio::test]
async fn requests_signed_by_a_wrong_clock_are_refused() {
    let simulator = simulator().await;
    let control = simulator.client();
    for (ahead, text) in [(400_000, "Signature expired: "), (-400_000, "Signature not yet current: ")] {
        let knobs = healthomics_simulator::Knobs { clock_ahead_ms: ahead, ..Default::default() };
        control.set_knobs(&knobs).await.unwrap();
        let refused = sts(&simulator, key("AKIATEST")).get_caller_identity().send().await.unwrap_err();
        let refused = refused.into_service_error();
        assert_eq!(refused.meta().code(), Some("SignatureDoesNotMatch"));
        assert!(refused.meta().message().unwrap().starts_with(text));
        let omics = omics_as(&simulator, key("AKIATEST"), "us-east-1");
        assert_eq!(code(omics.list_sequence_stores().send().await), "InvalidSignatureException");
        // The SDK has learned the difference from the date of the response.
        omics.list_sequence_stores().send().await.unwrap();
    }
}

#[tokio::test]
async fn sts_denies_everything_on_request() {
    let simulator = with_knobs(|knobs| knobs.sts_denied = true).await;
    let (control, client) = (simulator.client(), sts(&simulator, key("AKIATEST")));
    assert_eq!(code(Caller::of(&simulator, key("AKIATEST")).assume().await), "AccessDenied");
    let web = client.assume_role_with_web_identity().role_arn(ROLE).role_session_name("web");
    assert_eq!(code(web.web_identity_token("jwt").send().await), "AccessDenied");
    control.expire_key("AKIATEST").await.unwrap();
    assert_eq!(code(client.get_caller_identity().send().await), "ExpiredToken");
    control.set_account("AKIATEST", "123456789012").await.unwrap();
    control.script_fault(&Fault::once("sts:*", FaultAction::error("InternalFailure"))).await.unwrap();
    assert_eq!(code(client.get_caller_identity().send().await), "InternalFailure");
}
