//! The stage of one measure: a namespace, a simulator as a process of its own, objects, and the programs that watch
//! them. I/O.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use control_plane::{AuditMark, AuditedRequest};
use futures::{StreamExt, TryStreamExt, stream};
use healthomics_simulator::{LedgerEntry, SeedStore, SimulatorClient};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, PostParams};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Error;
use crate::cluster::{Cluster, Programs, SYSTEM_NAMESPACE};
use crate::process::{Process, start_simulator};
use crate::quotas::Quotas;
use crate::states::{States, resource};

pub const REGION: &str = "us-east-1";
/// Requests that prepare a measure, at the same time.
pub const PARALLEL: usize = 16;

/// A side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Program {
    Operator,
    Peer,
}

impl Program {
    pub const BOTH: [Self; 2] = [Self::Operator, Self::Peer];

    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Peer => "peer",
        }
    }
}

/// Whether objects name existing stores, or have the operator create them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stores {
    Observed,
    Created,
}

impl Stores {
    pub fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Created => "created",
        }
    }
}

/// How to start a program.
pub struct Start {
    pub program: Program,
    pub quotas: Quotas,
    pub poll_seconds: Option<u32>,
    pub access_key: &'static str,
    /// Where the operator serves its metrics.
    pub metrics: SocketAddr,
    /// More flags of the operator.
    pub flags: Vec<String>,
}

impl Start {
    pub fn new(program: Program, quotas: Quotas) -> Self {
        Self {
            program,
            quotas,
            poll_seconds: None,
            access_key: "AKIAOPERATOR00000000",
            metrics: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            flags: Vec::new(),
        }
    }
}

pub struct Scene {
    cluster: Arc<Cluster>,
    pub namespace: String,
    pub aws: SimulatorClient,
    pub states: States,
    objects: Api<DynamicObject>,
    _simulator: Process,
}

impl Scene {
    pub async fn new(cluster: &Arc<Cluster>, name: &str, quotas: Quotas) -> Result<Self, Error> {
        let client = cluster.plane.client();
        let namespace = format!("{name}-{:04x}", fastrand::u16(..));
        let body: Namespace = serde_json::from_value(json!({"metadata": {"name": namespace}}))?;
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &body).await?;
        let mut command = Command::new(&cluster.programs.simulator);
        command.args(["--knobs", &serde_json::to_string(&quotas.knobs())?]);
        let (simulator, url) = start_simulator(command, &cluster.guard).await?;
        let states = States::watch(cluster.plane.client(), &namespace);
        let objects = Api::namespaced_with(client, &namespace, &resource());
        let aws = SimulatorClient::new(url);
        Ok(Self { cluster: cluster.clone(), namespace, aws, states, objects, _simulator: simulator })
    }

    /// Adds objects `o<first>`, `o<first + 1>` and so on, with what they observe.
    pub async fn add(&self, stores: Stores, first: usize, count: usize) -> Result<(), Error> {
        match stores {
            Stores::Created => self.apply(first, count, created_spec).await,
            Stores::Observed => {
                let ids = self.seed(count).await?;
                let spec =
                    |number: usize| ids.get(number - first).map_or(Value::Null, |id| observed_spec(id));
                self.apply(first, count, spec).await
            }
        }
    }

    /// Adds stores that no object names yet, and returns their ids.
    pub async fn seed(&self, count: usize) -> Result<Vec<String>, Error> {
        let seeds = stream::iter(0..count).map(|number| {
            let seed = SeedStore {
                name: Some(format!("reads-{number}")),
                description: Some(format!("Store {number} of a measurement")),
                tags: BTreeMap::from([("team".to_owned(), "genomics".to_owned())]),
                ..SeedStore::default()
            };
            async move { Ok::<_, Error>(self.aws.seed_store(&seed).await?.id) }
        });
        seeds.buffer_unordered(PARALLEL).try_collect().await
    }

    /// Creates objects with the specs that `spec` makes of their numbers.
    pub async fn apply(
        &self,
        first: usize,
        count: usize,
        spec: impl Fn(usize) -> Value,
    ) -> Result<(), Error> {
        let numbers = (first..first + count).map(|number| (object_name(number), spec(number)));
        let requests = stream::iter(numbers).map(|(name, spec)| self.create(name, spec));
        requests.buffer_unordered(PARALLEL).try_collect().await
    }

    async fn create(&self, name: String, spec: Value) -> Result<(), Error> {
        let object: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        }))?;
        self.objects.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// Asks for a look at the objects now, as a person would.
    pub async fn ask(&self, numbers: std::ops::Range<usize>) -> Result<(), Error> {
        use kube::api::{Patch, PatchParams};
        let at = jiff::Timestamp::now().to_string();
        let patch = json!({"metadata": {"annotations": {"healthomics.dev/reconcile-requested-at": at}}});
        let requests = stream::iter(numbers).map(|number| {
            let patch = Patch::Merge(patch.clone());
            async move {
                let parameters = PatchParams::default();
                self.objects.patch(&object_name(number), &parameters, &patch).await?;
                Ok::<_, Error>(())
            }
        });
        requests.buffer_unordered(PARALLEL).try_collect().await
    }

    pub async fn set_quotas(&self, quotas: Quotas) -> Result<(), Error> {
        Ok(self.aws.set_knobs(&quotas.knobs()).await?)
    }

    pub fn start(&self, start: &Start) -> Result<Process, Error> {
        let programs = &self.cluster.programs;
        let command = match start.program {
            Program::Operator => {
                let place = [
                    format!("--watch-namespace={}", self.namespace),
                    format!("--cluster-name={}", self.namespace),
                ];
                operator(programs, &self.aws, &place, start)
            }
            Program::Peer => {
                let mut command = Command::new(&programs.peer);
                command.env_clear().args(["--namespace", &self.namespace]);
                command.args(start.poll_seconds.map(|seconds| format!("--poll-seconds={seconds}")));
                // The SDK prepends its host prefix to the user information, where it does no harm.
                command.env("AWS_ENDPOINT_URL_OMICS", self.aws.url().replace("http://", "http://peer@"));
                command
            }
        };
        let name = format!("{}-{}", self.namespace, start.program.name());
        started(command, &self.cluster, &name, start.access_key)
    }

    /// The number of the last request so far.
    pub async fn last_request(&self) -> Result<u64, Error> {
        Ok(self.aws.last_seq().await?)
    }

    pub async fn requests_since(&self, number: u64) -> Result<Vec<LedgerEntry>, Error> {
        Ok(self.aws.brief_ledger_since(number).await?)
    }

    pub async fn audit_mark(&self) -> Result<AuditMark, Error> {
        self.cluster.audit_mark().await
    }

    /// Requests to Kubernetes of the measured programs in this namespace since `mark`, by verb and resource.
    pub async fn kubernetes_requests(&self, mark: AuditMark) -> Result<BTreeMap<String, usize>, Error> {
        let is_own = |request: &AuditedRequest| request.namespace.as_ref() == Some(&self.namespace);
        self.cluster.program_requests(mark, is_own).await
    }
}

/// The command line and the environment of an operator, up to what [`started`] adds. `place` says what it watches, and the
/// name of its cluster.
pub fn operator(programs: &Programs, aws: &SimulatorClient, place: &[String], start: &Start) -> Command {
    let metrics = format!("--metrics-bind-address={}", start.metrics);
    let mut command = Command::new(&programs.operator);
    command
        .arg("run")
        .args(place)
        .arg("--health-probe-bind-address=127.0.0.1:0")
        .args(programs.has("--metrics-bind-address").then_some(metrics))
        .args(start.poll_seconds.map(|seconds| format!("--poll-interval={seconds}s")))
        .args(if programs.has("--quota") { start.quotas.flags() } else { Vec::new() })
        .args(&start.flags)
        // Neither the AWS credentials nor the settings of whoever runs this.
        .env_clear()
        // Where the Lease of an election is.
        .env("POD_NAMESPACE", SYSTEM_NAMESPACE)
        .env("AWS_ENDPOINT_URL_OMICS", aws.url())
        .env("AWS_ENDPOINT_URL_STS", aws.url());
    command
}

/// Starts the command with what every program needs. `name` is that of its log.
pub fn started(
    mut command: Command,
    cluster: &Cluster,
    name: &str,
    access_key: &str,
) -> Result<Process, Error> {
    command
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KUBECONFIG", &cluster.kubeconfig)
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", access_key)
        .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-simulator")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    Process::start(command, &cluster.log(name), &cluster.guard)
}

fn created_spec(number: usize) -> Value {
    json!({"description": format!("Store {number} of a measurement"), "tags": {"team": "genomics"}})
}

/// The spec of an object that only observes a store.
pub fn observed_spec(id: &str) -> Value {
    json!({"managementPolicy": "Observe", "sequenceStoreId": id})
}

pub fn object_name(number: usize) -> String {
    format!("o{number:05}")
}

/// Those of the requests to Kubernetes that write.
pub fn writes(requests: &BTreeMap<String, usize>) -> usize {
    let reads = ["get ", "list ", "watch "];
    requests.iter().filter(|(name, _)| !reads.iter().any(|verb| name.starts_with(verb))).map(|(_, n)| n).sum()
}
