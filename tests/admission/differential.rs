//! What the definition accepts AWS accepts, as far as the simulator knows AWS; and where the definition refuses
//! what AWS would take, it does so on purpose. Over generated values.
//!
//! Both count characters as Unicode scalar values, whatever their bytes and however they compose: AWS's models are
//! written in Smithy, which says so. Which code points are letters is for each one's Unicode tables to say.

use std::collections::BTreeMap;

use aws_sdk_omics::Client;
use aws_sdk_omics::config::retry::RetryConfig;
use aws_sdk_omics::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_omics::error::ProvideErrorMetadata;
use aws_sdk_omics::types::{ETagAlgorithmFamily, S3AccessConfig, SseConfig};
use healthomics_simulator::{Options, Simulator};
use sequencestore_operator::store::create_request;
use sequencestore_operator::crd::{OwnerTags, SequenceStore};
use sequencestore_operator::store::s3_policy;
use serde_json::{Value, json};

use crate::examples::{STRICTER, object};
use crate::generated::cases;
use crate::offline::Definition;

/// Cases for every field: `PROPTEST_CASES`, as for other generated tests. Unoptimized, a pattern with all letters of
/// Unicode takes its time.
fn count() -> usize {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(30)
}

fn client(simulator: &Simulator) -> Client {
    // With a user in it the address stays what it is: the SDK puts a prefix before the host otherwise.
    let endpoint = simulator.url().replace("http://", "http://sim@");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIATEST", "secret", None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// Whether AWS takes the request; anything but a yes and a ValidationException fails the test.
fn taken<T, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, E>) -> bool {
    match answer.as_ref().map_err(|error| error.code()) {
        Ok(_) => true,
        Err(Some("ValidationException" | "ServiceQuotaExceededException")) => false,
        // An id in the right form, of no store.
        Err(Some("ResourceNotFoundException")) => true,
        Err(other) => panic!("{other:?}"),
    }
}

/// CreateSequenceStore as the operator would call it, owner tags included.
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
    let answer = client
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
    taken(answer)
}

/// The calls that change a store: UpdateSequenceStore, TagResource and PutS3AccessPolicy with what the spec has.
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
    let mut all = taken(update);
    if let Some(tags) = spec.tags {
        let tags = tags.into_iter().collect();
        all &= taken(client.tag_resource().resource_arn(&store.arn).set_tags(Some(tags)).send().await);
    }
    if let Some(policy) = spec.s3_access_policy.filter(|policy| !policy.is_empty()) {
        let put = client
            .put_s3_access_policy()
            .s3_access_point_arn(&store.s3_access.s3_access_point_arn)
            .s3_access_policy(s3_policy::render(&policy));
        all &= taken(put.send().await);
    }
    all
}

/// What the API server's rules, and after them the operator, say against a spec.
fn refusals(definition: &Definition, spec: &Value) -> Vec<String> {
    let mut all: Vec<String> = definition.of_spec(spec).into_iter().collect();
    if all.is_empty()
        && let Some(policy) = spec["s3AccessPolicy"].as_object()
    {
        all.extend(s3_policy::check(policy).err());
    }
    all
}

fn on_purpose(refusals: &[String]) -> bool {
    refusals.iter().all(|refusal| STRICTER.iter().any(|(rule, _)| refusal.starts_with(rule)))
}

#[tokio::test]
async fn what_the_definition_accepts_aws_accepts() {
    let simulator = Simulator::start(Options::default()).await.expect("starts");
    let (client, definition) = (client(&simulator), Definition::new());
    let mut tally: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for cases in cases(count()) {
        let field = cases.field;
        for spec in cases.specs {
            let refusals = refusals(&definition, &spec);
            let object = serde_json::from_value(object("genomes", &spec));
            let Ok(object) = object else {
                assert!(!refusals.is_empty(), "{field}: {spec} is accepted and cannot be read");
                continue;
            };
            let store = simulator.client().seed_store(&Default::default()).await.expect("a store");
            let accepted = match spec["sequenceStoreId"].as_str() {
                Some(id) => taken(client.get_sequence_store().id(id).send().await),
                None => create(&client, &object).await & change(&client, &store, &object).await,
            };
            if refusals.is_empty() {
                assert!(accepted, "{field}: {spec} is accepted, and AWS refuses it");
                tally.entry(field).or_default().0 += 1;
            } else {
                let reason = accepted && !on_purpose(&refusals);
                assert!(!reason, "{field}: {spec} is refused and AWS would take it: {refusals:?}");
                tally.entry(field).or_default().1 += 1;
            }
        }
    }
    println!("{tally:?}");
    for (field, (accepted, refused)) in tally {
        assert!(accepted >= 3 && refused >= 3, "{field}: {accepted} accepted, {refused} refused");
    }
}

/// What is listed as stricter is stricter: each has a value that AWS takes and the definition refuses.
#[tokio::test]
async fn what_is_stricter_on_purpose_is_stricter() {
    let simulator = Simulator::start(Options::default()).await.expect("starts");
    let (client, definition) = (client(&simulator), Definition::new());
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
        assert!(change(&client, &store, &object).await, "{rule}: AWS refuses {spec} as well");
    }
}
