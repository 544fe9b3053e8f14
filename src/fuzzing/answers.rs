//! AWS's answers to the reads of one pass, through the SDK and everything behind it. No I/O: the answers are in the input.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_omics::config::http::{HttpRequest, HttpResponse};
use aws_sdk_omics::config::{BehaviorVersion, Region};
use aws_sdk_omics::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_types::SdkConfig;
use jiff::Timestamp;
use kube::{Client, Config};
use serde_json::json;

use super::scene::{ACCOUNT, ID, REGION, Scene, arn, defaults, now, settings};
use super::{PARTS, text};
use crate::aws::{Aws, Operation, Quotas, StoreArn};
use crate::crd::{FINALIZER, SequenceStore, SequenceStoreStatus};
use crate::kubernetes::{Cache, Kubernetes};
use crate::observe::{Known, Observer};
use crate::plan::Recollection;
use crate::status::with_read_sets;
use crate::store::{Observed, Present, prepare};
use crate::tenancy::{Access, Bindings, SharedBindings};

/// First what the object is about: `named`, `deleting`, `searching` or `counting`. Then, each after a line `===`, the answers: a line with
/// the status and AWS's error type, and the body. They are given in turn to GetSequenceStore or ListSequenceStores,
/// ListTagsForResource, GetS3AccessPolicy and GetCallerIdentity, or to ListReadSets; the last one to whatever is asked after
/// that.
pub fn answers(data: &[u8]) {
    let text = text(data);
    let mut parts = text.split(PARTS);
    let kind = parts.next().unwrap_or_default();
    let object = object(kind);
    let answers: VecDeque<Answer> = parts.take(8).map(Answer::read).collect();
    if kind.trim() == "counting" {
        return counted(&object, answers);
    }
    let Some(observed) = observe(&object, answers) else { return };
    if let Observed::Present(present) = &observed {
        believed(&object, present);
    }
    let settings = settings();
    for is_confirmed in [false, true] {
        Scene { object: &object, observed: &observed, settings: &settings, is_confirmed }.check();
    }
}

/// A count is complete in itself, and small whatever is answered; neither it nor a failure touches anything else of the status.
fn counted(object: &SequenceStore, answers: VecDeque<Answer>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let counted = runtime.block_on(aws(answers).count_read_sets(REGION, ID, Some(11)));
    if let Ok(count) = &counted {
        assert_eq!(usize::try_from(count.by_status.values().sum::<i32>()), Ok(count.total), "{count:?}");
        assert!(count.total <= 1000 && count.by_status.len() <= 32, "{count:?}");
        assert!(
            count.by_status.keys().all(|status| status.len() <= 64 && !status.contains('\n')),
            "{count:?}"
        );
    }
    let old = object.status.clone().unwrap_or_default();
    let new = with_read_sets(&old, counted.as_ref(), 3, now());
    assert!(new.read_sets.is_some(), "neither a count nor a message");
    assert_eq!(SequenceStoreStatus { read_sets: None, ..new }, old);
}

/// A store is believed only if the answer is about the one that was asked for.
fn believed(object: &SequenceStore, present: &Present) {
    let Present { store, account, .. } = present;
    let arn = StoreArn::parse(&store.arn).expect("an answer without a well-formed ARN");
    assert_eq!((arn.id, arn.region, arn.account), (store.id.as_str(), REGION, account.as_str()));
    if object.names_store() {
        assert_eq!(store.id, ID, "an answer about another store");
    }
    for time in [&store.creation_time, &store.update_time].into_iter().flatten() {
        assert!(time.parse::<Timestamp>().is_ok() && time.ends_with('Z'), "{time}");
    }
}

fn object(kind: &str) -> SequenceStore {
    let is = |word: &str| kind.trim() == word;
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject",
        "Resource": "*", "Principal": {"AWS": ACCOUNT}}]});
    let mut object = json!({
        "metadata": {"name": "genomes", "namespace": "lab", "uid": "uid-of-this-object", "generation": 2,
            "finalizers": [FINALIZER]},
        "spec": {"sequenceStoreId": ID, "name": "genomes", "description": "d", "s3AccessPolicy": policy,
            "tags": {"team": "genomics"}, "propagatedSetLevelTags": ["sample"], "fallbackLocation": "s3://bucket/"},
        "status": {"observedGeneration": 2, "managedStoreId": ID, "managedTagKeys": ["team", "old"],
            "region": REGION, "accountId": ACCOUNT, "store": {"id": ID, "arn": arn(REGION, ACCOUNT, ID)}},
    });
    if is("deleting") {
        object["metadata"]["deletionTimestamp"] = json!(now().to_string());
    }
    if is("searching") {
        object["spec"]["sequenceStoreId"] = json!(null);
        object["status"] = json!({"observedGeneration": -1});
    }
    serde_json::from_value(object).expect("an object")
}

/// One HTTP response.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    error_type: Option<String>,
    body: String,
}

impl Answer {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once('\n').unwrap_or((text, ""));
        let (status, error_type) = head.split_once(' ').unwrap_or((head, ""));
        // The HTTP library lets no other value of a header through.
        let is_header =
            |text: &&str| !text.is_empty() && text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        Self {
            status: status.parse().ok().filter(|status| (200..600).contains(status)).unwrap_or(500),
            error_type: Some(error_type).filter(is_header).map(ToOwned::to_owned),
            body: body.to_owned(),
        }
    }

    fn response(self) -> HttpResponse {
        let status = self.status.try_into().unwrap_or_else(|_| unreachable!("200 to 599"));
        let mut response = HttpResponse::new(status, SdkBody::from(self.body));
        response.headers_mut().insert("x-amzn-requestid", "11111111-2222-3333-4444-555555555555");
        if let Some(error_type) = self.error_type {
            response.headers_mut().insert("x-amzn-errortype", error_type);
        }
        response
    }
}

/// Answers whatever is asked; the last answer stays.
#[derive(Clone, Debug)]
struct Script(Arc<Mutex<VecDeque<Answer>>>);

impl HttpConnector for Script {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let next = next.unwrap_or_else(|| Answer::read("500"));
        HttpConnectorFuture::ready(Ok(next.response()))
    }
}

fn aws(answers: VecDeque<Answer>) -> Aws {
    let keys =
        Credentials::builder().access_key_id("AKIA").secret_access_key("secret").provider_name("input");
    let connector = SharedHttpConnector::new(Script(Arc::new(Mutex::new(answers))));
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(keys.build()))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    // Nothing waits for its turn.
    let of_account: BTreeMap<Operation, f64> = Operation::ALL.map(|operation| (operation, 10_000.0)).into();
    Aws::with_quotas(config, Quotas { share: 1.0, background_share: 1.0, of_account })
}

/// None where the machine lets no thread wait.
fn observe(object: &SequenceStore, answers: VecDeque<Answer>) -> Option<Observed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let _entered = runtime.enter();
    let nowhere = Config::new("http://127.0.0.1:0".parse().ok()?);
    let kubernetes = Kubernetes::new(Client::try_from(nowhere).ok()?, Cache::complete(&[]));
    let (aws, defaults, settings) = (aws(answers), defaults(), settings());
    let bindings = SharedBindings::new(Bindings::none());
    let observer = Observer {
        aws: &aws,
        kubernetes: &kubernetes,
        defaults: &defaults,
        settings: &settings,
        bindings: &bindings,
    };
    let prepared = prepare(Arc::new(object.clone()), Access::Operator, &defaults, &settings.cluster);
    let (recollection, known) = (Recollection::default(), Known::default());
    let observation = runtime.block_on(observer.observe(&prepared, &recollection, &known, now()));
    Some(observation.observed)
}
