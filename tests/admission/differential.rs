//! Compares the CRD with AWS on generated values: AWS (the simulator) accepts what the CRD accepts, and the CRD
//! refuses what AWS accepts only where `STRICTER` says so. I/O: the simulator.
//!
//! Both count characters as Unicode scalar values, as Smithy, the language of AWS's models, defines it.

use std::collections::BTreeMap;

use aws_sdk_omics::Client;
use aws_sdk_omics::config::retry::RetryConfig;
use aws_sdk_omics::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_omics::error::ProvideErrorMetadata;
use aws_sdk_omics::types::{ETagAlgorithmFamily, S3AccessConfig, SseConfig};
use healthomics_simulator::{Options, Simulator};
use sequencestore_operator::crd::{OwnerTags, SequenceStore};
use sequencestore_operator::create_request;
use sequencestore_operator::s3_policy;
use serde_json::{Value, json};

use crate::examples::{Kind, STRICTER, object};
use crate::generated::cases;
use crate::offline::Definition;

/// Number of cases for each field, from `PROPTEST_CASES`. The default is low, because the Unicode patterns are slow in
/// an unoptimized build.
fn count() -> usize {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(30)
}

fn client(simulator: &Simulator) -> Client {
    // The SDK adds a prefix to the host name of an endpoint, except when the URL has a user name.
    let endpoint = simulator.url().replace("http://", "http://sim@");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// Whether AWS accepts the request. Any unexpected error fails the test.
fn accepts<T, E: ProvideErrorMetadata + std::fmt::Debug>(response: Result<T, E>) -> bool {
    match response.as_ref().map_err(|error| error.code()) {
        Ok(_) => true,
        Err(Some("ValidationException" | "ServiceQuotaExceededException")) => false,
        // The id is valid, but no such store exists.
        Err(Some("ResourceNotFoundException")) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// Calls CreateSequenceStore like the operator, with owner tags; returns whether AWS accepts the request.
async fn create(client: &Client, object: &SequenceStore) -> bool {
    let owner = OwnerTags {
        uid: "6f1c2a3b-0000-4000-8000-1234567890ab".into(),
        cluster: "test".into(),
        namespace: "lab".into(),
        name: "genomes".into(),
    };
    let request = create_request(object, &owner);
    let sse = request.sse_config.map(|sse| {
        SseConfig::builder().r#type("KMS".into()).set_key_arn(sse.key_arn).build().expect("has a type")
    });
    let logs = request
        .access_log_location
        .map(|location| S3AccessConfig::builder().access_log_location(location).build());
    let response = client
        .create_sequence_store()
        .name(request.name)
        .set_description(request.description)
        .set_sse_config(sse)
        .set_e_tag_algorithm_family(
            request.e_tag_algorithm_family.map(|family| ETagAlgorithmFamily::from(family.as_str())),
        )
        .set_fallback_location(request.fallback_location)
        .set_s3_access_config(logs)
        .set_propagated_set_level_tags(request.propagated_set_level_tags)
        .set_tags(Some(request.tags.into_iter().collect()))
        .send()
        .await;
    accepts(response)
}

/// Calls UpdateSequenceStore, TagResource and PutS3AccessPolicy with the values of the spec; returns whether AWS
/// accepts all of them.
async fn change(client: &Client, store: &healthomics_simulator::StoreRecord, object: &SequenceStore) -> bool {
    let spec = object.spec.clone();
    let logs = spec
        .s3_access_config
        .map(|config| S3AccessConfig::builder().set_access_log_location(config.access_log_location).build());
    let update = client
        .update_sequence_store()
        .id(&store.id)
        .set_name(spec.name)
        .set_description(spec.description)
        .set_fallback_location(spec.fallback_location)
        .set_s3_access_config(logs)
        .set_propagated_set_level_tags(spec.propagated_set_level_tags)
        .send()
        .await;
    let mut all = accepts(update);
    if let Some(tags) = spec.tags {
        let tags = tags.into_iter().collect();
        all &= accepts(client.tag_resource().resource_arn(&store.arn).set_tags(Some(tags)).send().await);
    }
    if let Some(policy) = spec.s3_access_policy.filter(|policy| !policy.is_empty()) {
        let put = client
            .put_s3_access_policy()
            .s3_access_point_arn(&store.s3_access.s3_access_point_arn)
            .s3_access_policy(s3_policy::render(&policy));
        all &= accepts(put.send().await);
    }
    all
}

/// The reasons why the API server or, after it, the operator refuses a spec.
fn refusals(definition: &Definition, spec: &Value) -> Vec<String> {
    let mut all: Vec<String> = definition.of_spec(spec).into_iter().collect();
    if all.is_empty()
        && let Some(policy) = spec["s3AccessPolicy"].as_object()
    {
        all.extend(s3_policy::check(policy).err());
    }
    all
}

fn deliberately_stricter(refusals: &[String]) -> bool {
    refusals.iter().all(|refusal| STRICTER.iter().any(|(rule, _)| refusal.starts_with(rule)))
}

#[tokio::test]
async fn aws_accepts_what_the_crd_accepts() {
    let simulator = Simulator::start(Options::default()).await.expect("starts");
    let (client, definition) = (client(&simulator), Definition::new(Kind::SequenceStore));
    let mut tally: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for cases in cases(count()) {
        let field = cases.field;
        for spec in cases.specs {
            let refusals = refusals(&definition, &spec);
            let object = serde_json::from_value(object("genomes", &spec));
            let Ok(object) = object else {
                assert!(
                    !refusals.is_empty(),
                    "{field}: the CRD accepts {spec}, but it cannot be deserialized"
                );
                continue;
            };
            let store = simulator.client().seed_store(&Default::default()).await.expect("a store");
            let accepted = match spec["sequenceStoreId"].as_str() {
                Some(id) => accepts(client.get_sequence_store().id(id).send().await),
                None => create(&client, &object).await & change(&client, &store, &object).await,
            };
            if refusals.is_empty() {
                assert!(accepted, "{field}: the CRD accepts {spec}, but AWS refuses it");
                tally.entry(field).or_default().0 += 1;
            } else {
                let too_strict = accepted && !deliberately_stricter(&refusals);
                assert!(!too_strict, "{field}: AWS accepts {spec}, but the CRD refuses it: {refusals:?}");
                tally.entry(field).or_default().1 += 1;
            }
        }
    }
    println!("{tally:?}");
    for (field, (accepted, refused)) in tally {
        assert!(accepted >= 3 && refused >= 3, "{field}: {accepted} accepted, {refused} refused");
    }
}

/// For every entry of `STRICTER` there is a value that AWS accepts and the CRD refuses.
#[tokio::test]
async fn every_rule_listed_as_stricter_refuses_a_value_that_aws_accepts() {
    let simulator = Simulator::start(Options::default()).await.expect("starts");
    let (client, definition) = (client(&simulator), Definition::new(Kind::SequenceStore));
    for (rule, _) in STRICTER {
        let mut specs = vec![
            json!({"fallbackLocation": "s3://bucket/\u{200b}/"}),
            json!({"s3AccessConfig": {"accessLogLocation": "s3://bucket/\u{200b}/"}}),
            json!({"sseConfig": {"type": "KMS", "keyArn": "arn:aws:s3:us-east-1:111122223333:key/1"}}),
            json!({"propagatedSetLevelTags": ["a", "a"]}),
            json!({"tags": {"healthomics.dev/x": "v"}}),
            json!({"tags": (0..64).map(|n| (format!("k{n}"), json!("v"))).take(46 + 1).collect::<serde_json::Map<_, _>>()}),
            json!({"s3AccessPolicy": {"Statement": []}}),
        ];
        specs.retain(|spec| refusals(&definition, spec).iter().any(|refusal| refusal.starts_with(rule)));
        let [spec] = specs.as_slice() else { panic!("{rule}: {specs:?}") };
        let object = serde_json::from_value(object("genomes", spec)).expect("reads");
        let store = simulator.client().seed_store(&Default::default()).await.expect("a store");
        assert!(change(&client, &store, &object).await, "{rule}: AWS refuses {spec} too");
    }
}
