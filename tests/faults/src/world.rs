//! A namespace, a simulator, proxies and operators of one plan's own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Options, SeedStore, Simulator, StoreRecord};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Error;
use crate::call::Edge;
use crate::cluster::Cluster;
use crate::invariants::OWNER;
use crate::plan::{Disturbance, Flow, Plan};
use crate::proxy::{Upstream, listen};
use crate::stage::{SUBJECT, Stage};

pub struct World {
    pub stage: Arc<Stage>,
    pub namespace: String,
    /// Stores of others, of the same name: nothing may happen to them.
    strangers: Vec<StoreRecord>,
    directory: tempfile::TempDir,
    _simulator: Simulator,
}

impl World {
    pub async fn new(cluster: &Cluster, plan: &Plan) -> Result<Self, Error> {
        let client = cluster.plane.client();
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "faults-"}});
        let namespace: Namespace = serde_json::from_value(namespace)?;
        let namespace = Api::all(client.clone()).create(&PostParams::default(), &namespace).await?.name_any();
        let simulator = Simulator::start(Options { knobs: plan.knobs.clone(), ..Options::default() }).await?;
        let aws = simulator.client();
        let mut strangers = Vec::new();
        for owner in [None, Some("00000000-0000-0000-0000-000000000000")] {
            let tags = owner.map(|owner| (OWNER.to_owned(), owner.to_owned())).into_iter().collect();
            let seed = SeedStore { name: Some(SUBJECT.into()), tags, ..SeedStore::default() };
            strangers.push(aws.seed_store(&seed).await?);
        }
        if let Disturbance::Aws(fault) = &plan.disturbance {
            aws.script_fault(fault).await?;
        }
        if matches!(plan.disturbance, Disturbance::LateStatus) {
            aws.script_fault(&Fault::once("CreateSequenceStore", FaultAction::Delay { ms: 1500 })).await?;
        }

        let resource =
            ApiResource::from_gvk(&GroupVersionKind::gvk("healthomics.dev", "v1alpha1", "SequenceStore"));
        let objects = Api::namespaced_with(client, &namespace, &resource);
        let directory = tempfile::tempdir()?;
        let operator = Operator {
            binary: cluster.binary.clone(),
            directory: directory.path().to_owned(),
            namespace: namespace.clone(),
            default_grace: plan.default_grace,
            aws: Arc::default(),
        };
        let addresses = operator.aws.clone();
        let stage = Arc::new(Stage::new(
            objects,
            aws,
            plan.disturbance.clone(),
            plan.flow == Flow::DeleteDuringCreate,
            Box::new(move |replica| operator.command(replica)),
        ));
        let kubernetes = Upstream::new(cluster.plane.server(), &cluster.config)?;
        let omics = Upstream::new(&simulator.url(), &cluster.config)?;
        for replica in 0..plan.replicas {
            let server = listen(stage.clone(), replica, Edge::Kubernetes, kubernetes.clone()).await?;
            let endpoint = listen(stage.clone(), replica, Edge::Aws, omics.clone()).await?;
            write_kubeconfig(&kubeconfig(directory.path(), replica), &server, &cluster.token)?;
            addresses.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(endpoint);
        }
        stage.start(plan.replicas).await?;
        Ok(Self { stage, namespace, strangers, directory, _simulator: simulator })
    }

    /// What happened to stores of others.
    pub async fn harm(&self) -> Result<Vec<String>, Error> {
        let mut harm = Vec::new();
        for before in &self.strangers {
            if self.stage.aws.store(&before.id).await?.as_ref() != Some(before) {
                harm.push(format!("store {} of somebody else has changed", before.id));
            }
        }
        Ok(harm)
    }

    /// The stores that ever lived, but those of others.
    pub async fn stores(&self) -> Result<Vec<StoreRecord>, Error> {
        let mut stores = self.stage.aws.all_stores().await?;
        stores.retain(|store| self.strangers.iter().all(|stranger| stranger.id != store.id));
        Ok(stores)
    }

    pub async fn create(&self, spec: Value) -> Result<(), Error> {
        let object = json!({
            "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
            "metadata": {"name": SUBJECT, "namespace": self.namespace}, "spec": spec,
        });
        let object: DynamicObject = serde_json::from_value(object)?;
        self.stage.objects.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// The last lines that the operators logged.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for file in std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten() {
            if file.path().extension().is_none_or(|extension| extension != "log") {
                continue;
            }
            let log = std::fs::read_to_string(file.path()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            text += &format!("    {}\n", file.file_name().display());
            let tail = &lines[lines.len().saturating_sub(30)..];
            text.extend(tail.iter().map(|line| format!("    | {line}\n")));
        }
        text
    }
}

struct Operator {
    binary: PathBuf,
    directory: PathBuf,
    namespace: String,
    default_grace: bool,
    /// Endpoint for each replica.
    aws: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Operator {
    fn command(&self, replica: usize) -> Command {
        let endpoints = self.aws.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let endpoint = endpoints.get(replica).cloned().unwrap_or_default();
        // One file for all lives of a replica.
        let path = self.directory.join(format!("operator-{replica}.log"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let mut command = Command::new(&self.binary);
        command
            .args([
                "run",
                "--health-probe-bind-address=127.0.0.1:0",
                "--log-format=text",
                "--region=us-east-1",
            ])
            .args(["--poll-interval=2s", "--cluster-name=faults"])
            .args((!self.default_grace).then_some("--create-grace=2s"))
            .arg(format!("--watch-namespace={}", self.namespace))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", kubeconfig(&self.directory, replica))
            .env("AWS_ACCESS_KEY_ID", "AKIAOPERATOR00000000")
            .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-simulator")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_OMICS", &endpoint)
            .env("AWS_ENDPOINT_URL_STS", &endpoint)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
            .kill_on_drop(true);
        command
    }
}

fn kubeconfig(directory: &Path, replica: usize) -> PathBuf {
    directory.join(format!("kubeconfig-{replica}"))
}

fn write_kubeconfig(path: &Path, server: &str, token: &str) -> Result<(), Error> {
    // JSON is YAML.
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "local",
        "clusters": [{"name": "local", "cluster": {"server": server}}],
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "operator"}}],
    });
    Ok(std::fs::write(path, kubeconfig.to_string())?)
}
