//! Prove how the simulator treats requests that no SDK sends: unusual targets, missing credentials, and
//! inputs that violate each constraint.

use std::time::Duration;

use healthomics_simulator::{SeedStore, Simulator};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::simulator;

/// How the connection ended; `Closed` holds the bytes received.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Closed(String),
    Reset,
}

const CREDENTIAL: &str = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/omics/aws4_request, SignedHeaders=host, Signature=0";

pub(crate) fn signed(method: &str, target: &str, body: &str) -> String {
    request(method, target, &format!("authorization: {CREDENTIAL}\r\n"), body)
}

fn request(method: &str, target: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "{method} {target} HTTP/1.1\r\nhost: control-storage-omics.sim\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
}

pub(crate) async fn exchange(simulator: &Simulator, request: &str) -> Outcome {
    let address = simulator.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut response)).await;
    match read.expect("the simulator closes the connection") {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Outcome::Reset,
        _ => Outcome::Closed(String::from_utf8(response).unwrap()),
    }
}

/// Returns status, headers in lower case, and body.
async fn send(simulator: &Simulator, request: &str) -> (u16, String, String) {
    let Outcome::Closed(text) = exchange(simulator, request).await else { panic!("reset") };
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

#[tokio::test]
async fn absolute_form_targets_and_any_host_are_accepted() {
    let simulator = simulator().await;
    let store = simulator.client().seed_store(&SeedStore::default()).await.unwrap();
    let target = format!("http://control-storage-omics.sim/sequencestore/{}", store.id);
    let (status, head, body) = send(&simulator, &signed("GET", &target, "")).await;
    assert_eq!(status, 200);
    assert!(body.contains(&store.arn));
    assert!(head.contains("x-amzn-requestid: ") && head.contains("\r\ndate: "));
    let ledger = simulator.client().ledger().await.unwrap();
    assert_eq!(ledger[0].host.as_deref(), Some("control-storage-omics.sim"));
}

#[tokio::test]
async fn paths_are_routed_before_they_are_decoded() {
    let simulator = simulator().await;
    let store = simulator.client().seed_store(&SeedStore::default()).await.unwrap();
    let target = format!("/tags/{}", encoded(&store.arn));
    let (status, _, body) = send(&simulator, &signed("GET", &target, "")).await;
    assert_eq!((status, body.as_str()), (200, r#"{"tags":{}}"#));
    for wrong in [
        format!("/tags/{}", store.arn),
        format!("/sequenceStore/{}", store.id),
        format!("/sequencestore/{}/", store.id),
        "/sequencestore/".to_owned(),
        "/tags/".to_owned(),
    ] {
        let (status, head, _) = send(&simulator, &signed("GET", &wrong, "")).await;
        assert_eq!(status, 404, "{wrong}");
        assert!(head.contains("x-amzn-errortype: unknownoperationexception"), "{wrong}");
    }
}

#[tokio::test]
async fn missing_and_malformed_credentials_are_rejected() {
    let simulator = simulator().await;
    let target = "/sequencestores";
    let cases = [
        ("", "missingauthenticationtokenexception", 403),
        ("authorization: AWS4-HMAC-SHA256 nonsense\r\n", "incompletesignatureexception", 400),
        (
            "authorization: AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request, Signature=0\r\n",
            "invalidsignatureexception",
            403,
        ),
    ];
    for (headers, code, expected) in cases {
        let (status, head, body) = send(&simulator, &request("POST", target, headers, "{}")).await;
        assert_eq!(status, expected, "{code}");
        assert!(head.contains(&format!("x-amzn-errortype: {code}")), "{head}");
        assert!(body.starts_with(r#"{"message":"#));
    }
}

fn long(length: usize) -> String {
    "ä".repeat(length)
}

fn keys(count: usize) -> String {
    (0..count).map(|index| format!("\"k{index}\"")).collect::<Vec<_>>().join(",")
}

fn tags(count: usize) -> String {
    (0..count).map(|index| format!("\"k{index}\":\"\"")).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn create_accepts_inputs_at_the_limits_of_the_model() {
    let simulator = simulator().await;
    let bodies = [
        format!(r#"{{"name":"{}","description":"{}"}}"#, long(127), long(255)),
        r#"{"name":" "}"#.to_owned(),
        r#"{"name":"n","description":null,"unknown":{"member":1}}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":""}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":"s3://bucket"}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":"s3://bucket/p/q r/"}"#.to_owned(),
        format!(r#"{{"name":"n","fallbackLocation":"s3://bucket/{}/"}}"#, long(1024)),
        format!(r#"{{"name":"n","s3AccessConfig":{{"accessLogLocation":"s3://bucket/{}/"}}}}"#, long(800)),
        format!(r#"{{"name":"n","propagatedSetLevelTags":[{}]}}"#, keys(5)),
        format!(r#"{{"name":"n","tags":{{{}}}}}"#, tags(50)),
        r#"{"name":"n","sseConfig":{"type":"KMS"}}"#.to_owned(),
        r#"{"name":"n","sseConfig":{"type":"KMS","keyArn":"arn:aws:kms:us-east-1:123456789012:alias/a"}}"#
            .to_owned(),
    ];
    for body in bodies {
        let (status, _, response) = send(&simulator, &signed("POST", "/sequencestore", &body)).await;
        assert_eq!(status, 200, "{body} {response}");
    }
}

#[tokio::test]
async fn create_rejects_inputs_that_violate_the_model() {
    let simulator = simulator().await;
    let bodies = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        r#"{"name":null}"#.to_owned(),
        r#"{"name":7}"#.to_owned(),
        r#"{"name":""}"#.to_owned(),
        r#"{"name":"a\tb"}"#.to_owned(),
        r#"{"name":"a\u200db"}"#.to_owned(),
        r#"{"name":"a\n"}"#.to_owned(),
        format!(r#"{{"name":"{}"}}"#, long(128)),
        r#"{"name":"n","description":""}"#.to_owned(),
        format!(r#"{{"name":"n","description":"{}"}}"#, long(256)),
        format!(r#"{{"name":"n","clientToken":"{}"}}"#, long(128)),
        r#"{"name":"n","eTagAlgorithmFamily":"MD5"}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":"s3://bucket/p"}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":"s3://Bucket/p/"}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":"x s3://bucket/"}"#.to_owned(),
        r#"{"name":"n","fallbackLocation":"s3://b/"}"#.to_owned(),
        format!(r#"{{"name":"n","fallbackLocation":"s3://bucket/{}/"}}"#, long(1025)),
        format!(r#"{{"name":"n","s3AccessConfig":{{"accessLogLocation":"s3://bucket/{}/"}}}}"#, long(801)),
        r#"{"name":"n","s3AccessConfig":"s3://bucket/"}"#.to_owned(),
        format!(r#"{{"name":"n","propagatedSetLevelTags":[{}]}}"#, keys(6)),
        r#"{"name":"n","propagatedSetLevelTags":[""]}"#.to_owned(),
        r#"{"name":"n","propagatedSetLevelTags":"a"}"#.to_owned(),
        format!(r#"{{"name":"n","propagatedSetLevelTags":["{}"]}}"#, long(129)),
        format!(r#"{{"name":"n","tags":{{{}}}}}"#, tags(51)),
        r#"{"name":"n","tags":{"aws:a":"b"}}"#.to_owned(),
        r#"{"name":"n","tags":{"a,b":"b"}}"#.to_owned(),
        r#"{"name":"n","tags":{"a":1}}"#.to_owned(),
        format!(r#"{{"name":"n","tags":{{"a":"{}"}}}}"#, long(257)),
        format!(r#"{{"name":"n","tags":{{"{}":"b"}}}}"#, long(129)),
        r#"{"name":"n","sseConfig":{}}"#.to_owned(),
        r#"{"name":"n","sseConfig":{"type":"AES"}}"#.to_owned(),
        r#"{"name":"n","sseConfig":{"type":"KMS","keyArn":"alias/a-rather-long-alias"}}"#.to_owned(),
    ];
    for body in bodies {
        let (status, head, _) = send(&simulator, &signed("POST", "/sequencestore", &body)).await;
        assert_eq!(status, 400, "{body}");
        assert!(head.contains("x-amzn-errortype: validationexception"), "{body}");
    }
}

type Case<'a> = (&'a str, String, String, u16);

/// Sends each request (method, target, body) and compares the status.
async fn check_statuses(simulator: &Simulator, cases: Vec<Case<'_>>) {
    for (method, target, body, expected) in cases {
        let (status, _, text) = send(simulator, &signed(method, &target, &body)).await;
        assert_eq!(status, expected, "{method} {target} {body:.200} {text}");
    }
}

fn encoded(arn: &str) -> String {
    arn.replace(':', "%3A").replace('/', "%2F")
}

#[tokio::test]
async fn ids_filters_and_tags_are_validated() {
    let simulator = simulator().await;
    let store = simulator.client().seed_store(&SeedStore::default()).await.unwrap();
    let tags = format!("/tags/{}", encoded(&store.arn));
    let read_sets = format!("/sequencestore/{}/readsets", store.id);
    let batch = format!("/sequencestore/{}/readset/batch/delete", store.id);
    let ids = |count: usize| vec!["\"1234567890\""; count].join(",");
    let cases = vec![
        ("GET", "/sequencestore/123456789".into(), String::new(), 400),
        ("GET", "/sequencestore/12345678901x".into(), String::new(), 400),
        ("GET", format!("/sequencestore/{}", "1".repeat(37)), String::new(), 400),
        ("GET", format!("/sequencestore/{}", "1".repeat(36)), String::new(), 404),
        ("POST", "/sequencestores".into(), String::new(), 200),
        ("POST", "/sequencestores?maxResults=100".into(), "{}".into(), 200),
        ("POST", "/sequencestores?maxResults=0".into(), "{}".into(), 400),
        ("POST", "/sequencestores?maxResults=101".into(), "{}".into(), 400),
        ("POST", "/sequencestores?maxResults=x".into(), "{}".into(), 400),
        ("POST", "/sequencestores?nextToken=".into(), "{}".into(), 400),
        ("POST", "/sequencestores".into(), r#"{"filter":{"status":"GONE"}}"#.into(), 400),
        ("POST", "/sequencestores".into(), r#"{"filter":{"createdAfter":1}}"#.into(), 400),
        ("POST", "/sequencestores".into(), r#"{"filter":{"name":""}}"#.into(), 400),
        ("POST", read_sets.clone(), r#"{"filter":{"status":"DELETED"}}"#.into(), 200),
        ("POST", read_sets, r#"{"filter":{"creationType":"OTHER"}}"#.into(), 400),
        ("POST", batch.clone(), format!(r#"{{"ids":[{}]}}"#, ids(100)), 200),
        ("POST", batch.clone(), format!(r#"{{"ids":[{}]}}"#, ids(101)), 400),
        ("POST", batch.clone(), r#"{"ids":[]}"#.into(), 400),
        ("POST", batch, "{}".into(), 400),
        ("POST", tags.clone(), "{}".into(), 400),
        ("POST", tags.clone(), r#"{"tags":{}}"#.into(), 204),
        ("DELETE", tags.clone(), String::new(), 400),
        ("DELETE", format!("{tags}?tagKeys=a&tagKeys=b%20c"), String::new(), 204),
        ("GET", "/tags/not-an-arn".into(), String::new(), 400),
        ("GET", format!("/tags/arn%3A{}", "a".repeat(150)), String::new(), 400),
        ("GET", tags.replace("us-east-1", "eu-west-1"), String::new(), 400),
        ("GET", tags.replace("123456789012", "222222222222"), String::new(), 400),
        ("GET", format!("{tags}%2FreadSet%2F1234567890"), String::new(), 404),
    ];
    check_statuses(&simulator, cases).await;
}

const STATEMENT: &str = r#""Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*""#;

fn policy_input(statement: &str) -> String {
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
    serde_json::json!({ "s3AccessPolicy": document }).to_string()
}

fn policy_input_with_condition(operator: &str, key: &str) -> String {
    policy_input(&format!(r#"{{{STATEMENT},"Condition":{{"{operator}":{{"{key}":"v"}}}}}}"#))
}

/// The policy document alone has this many bytes.
fn policy_input_of_size(bytes: usize) -> String {
    let empty: serde_json::Value =
        serde_json::from_str(&policy_input(&format!(r#"{{"Sid":"",{STATEMENT}}}"#))).unwrap();
    let overhead = empty["s3AccessPolicy"].as_str().unwrap().len();
    policy_input(&format!(r#"{{"Sid":"{}",{STATEMENT}}}"#, "x".repeat(bytes - overhead)))
}

#[tokio::test]
async fn access_policies_are_validated() {
    let simulator = simulator().await;
    let store = simulator.client().seed_store(&SeedStore::default()).await.unwrap();
    let policy = format!("/s3accesspolicy/{}", encoded(&store.s3_access.s3_access_point_arn));
    let cases = vec![
        ("GET", "/s3accesspolicy/arn%3Aaws%3As3".into(), String::new(), 400),
        ("GET", policy.replace("555555555555", "555555555556"), String::new(), 404),
        ("PUT", policy.clone(), "{}".into(), 400),
        ("PUT", policy.clone(), r#"{"s3AccessPolicy":{}}"#.into(), 400),
        ("PUT", policy.clone(), r#"{"s3AccessPolicy":"[]"}"#.into(), 400),
        ("PUT", policy.clone(), r#"{"s3AccessPolicy":"{}"}"#.into(), 400),
        ("PUT", policy.clone(), policy_input(&format!("{{{STATEMENT}}}")), 200),
        ("PUT", policy.clone(), policy_input(&format!(r#"{{{STATEMENT},"NotAction":"s3:*"}}"#)), 400),
        (
            "PUT",
            policy.clone(),
            policy_input(r#"{"Effect":"Maybe","Principal":"*","Action":"a","Resource":"*"}"#),
            400,
        ),
        (
            "PUT",
            policy.clone(),
            policy_input_with_condition("StringEquals", "s3:ExistingObjectTag/omics:sampleId"),
            200,
        ),
        ("PUT", policy.clone(), policy_input_with_condition("NumericGreaterThan", "s3:TlsVersion"), 200),
        ("PUT", policy.clone(), policy_input_with_condition("ArnLike", "aws:PrincipalArn"), 200),
        ("PUT", policy.clone(), policy_input_with_condition("StringEquals", "aws:PrincipalArn"), 400),
        ("PUT", policy.clone(), policy_input_with_condition("IpAddress", "aws:SourceIp"), 400),
        ("PUT", policy.clone(), policy_input_of_size(15 * 1024), 200),
        ("PUT", policy, policy_input_of_size(15 * 1024 + 1), 400),
    ];
    check_statuses(&simulator, cases).await;
}
