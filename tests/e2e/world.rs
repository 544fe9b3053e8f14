//! The environment of the tests: the control plane that all tests share, and the `World` of a single test with its
//! own namespace, simulator and operator processes.

// The path is for `tests/alerts`, which has this file too.
#[path = "world/operator.rs"]
mod operator;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use control_plane::{AuditMark, CommandOutput, ControlPlane, service_account_user};
use healthomics_simulator::{
    LedgerEntry, Options, SeedStore, Simulator, SimulatorClient, StoreRecord, default_quotas,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
pub use operator::{Operator, Start, closed_address};
use sequencestore_operator::crd::{ManagementPolicy, SequenceStore, SequenceStoreSpec, SequenceStoreStatus};
use serde_json::{Value, json};
use tokio::process::Command;

pub type Error = Box<dyn std::error::Error + Send + Sync>;
pub type TestFuture = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Namespace and name of the chart's ServiceAccount.
pub const SYSTEM_NAMESPACE: &str = "sequencestore-system";
pub const SERVICE_ACCOUNT: &str = "sequencestore-operator";
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/sequencestore-operator");
/// The chart's deletion-protection policy applies only to namespaces with this label: most tests check what the
/// operator does once a deletion is admitted.
pub const POLICY_LABEL: &str = "deletion-protection-policy";
/// How long a test waits for an expected state.
pub const TIMEOUT: Duration = Duration::from_secs(60);
pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "123456789012";

/// Registers async functions as tests of the module.
macro_rules! tests {
    ($($name:ident),+ $(,)?) => {
        pub const TESTS: &[crate::Test] = &[$((
            concat!(module_path!(), "::", stringify!($name)),
            |cluster| Box::pin($name(cluster)),
        )),+];
    };
}
pub(crate) use tests;

/// Fails the test with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition { return Err(format!($($text)+).into()); }
    };
}
pub(crate) use ensure;

/// Quotas that hold up nothing, as the value of the environment variable. The simulator has none by default, and most tests are
/// about something else.
pub fn high_quotas() -> String {
    let quotas: Vec<String> = default_quotas().map(|(operation, _)| format!("{operation}=1000")).collect();
    quotas.join(",")
}

/// The control plane with the chart installed.
pub struct Cluster {
    pub plane: ControlPlane,
    pub kubeconfig: PathBuf,
    /// A copy of the operator, so that a build during the run does not replace the tested program.
    pub binary: PathBuf,
}

impl Cluster {
    pub async fn start() -> Arc<Self> {
        let plane = ControlPlane::start().await.expect("the control plane starts");
        let labelled = format!("admissionPolicy.namespaceSelector.matchLabels.{POLICY_LABEL}=on");
        let install =
            ["install", SERVICE_ACCOUNT, CHART, "--namespace", SYSTEM_NAMESPACE, "--create-namespace"];
        // Tests have users with the cluster role edit, and AccountBindings.
        let settings =
            ["--set-string", &labelled, "--set", "rbac.aggregate.edit=true,accountBindings.enabled=true"];
        let install = [&install[..], &settings].concat();
        plane.helm(&install).await.and_then(|output| output.checked()).expect("the chart installs");
        let kubeconfig = plane.kubeconfig_for(SYSTEM_NAMESPACE, SERVICE_ACCOUNT).await.expect("a token");
        established(&plane).await.expect("the definition is established");
        let binary = plane.directory().join("sequencestore-operator");
        std::fs::copy(env!("CARGO_BIN_EXE_sequencestore-operator"), &binary).expect("a copy of the operator");
        Arc::new(Self { plane, kubeconfig, binary })
    }

    pub async fn stop(self) {
        self.plane.stop().await;
    }

    /// What `helm template` makes of the chart with these values, as release `a` in the namespace `b`.
    pub async fn rendered(&self, values: &[&str]) -> Result<CommandOutput, Error> {
        let settings = values.iter().flat_map(|value| ["--set", value]);
        let template = ["template", "a", CHART, "--namespace", "b"];
        Ok(self.plane.helm(&template.into_iter().chain(settings).collect::<Vec<_>>()).await?)
    }
}

/// The environment of one test: a namespace, a simulator, and the operator processes that the test starts.
pub struct World {
    pub cluster: Arc<Cluster>,
    pub namespace: String,
    pub simulator: Simulator,
    pub aws: SimulatorClient,
    pub client: Client,
    pub api: Api<SequenceStore>,
    directory: tempfile::TempDir,
}

/// Records the called operations for the comparison with the IAM policy at the end of the run.
impl Drop for World {
    fn drop(&mut self) {
        crate::called_operations::record(&self.simulator.ledger());
    }
}

impl World {
    pub async fn new(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let client = cluster.plane.client();
        let namespace = create_namespace(&client).await?;
        let simulator = Simulator::start(Options::default()).await?;
        let aws = simulator.client();
        let api = Api::namespaced(client.clone(), &namespace);
        let directory = tempfile::tempdir()?;
        Ok(Self { cluster, namespace, simulator, aws, client, api, directory })
    }

    pub async fn with_operator(cluster: Arc<Cluster>) -> Result<(Self, Operator), Error> {
        let world = Self::new(cluster).await?;
        let operator = world.operator(&Start::default())?;
        Ok((world, operator))
    }

    /// Makes a namespace beside that of this world.
    pub async fn another_namespace(&self) -> Result<String, Error> {
        create_namespace(&self.client).await
    }

    /// Starts an operator that watches this world's namespace.
    pub fn operator(&self, start: &Start) -> Result<Operator, Error> {
        let mut command = Command::new(&self.cluster.binary);
        command
            .args(["run", "--log-format=text"])
            .arg(format!("--health-probe-bind-address={}", start.health))
            .arg(format!("--cluster-name={}", start.cluster_name))
            .arg(format!("--watch-namespace={}", self.namespace))
            .args(start.region.map(|region| format!("--region={region}")))
            .args(&start.flags)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &self.cluster.kubeconfig)
            .env("AWS_ACCESS_KEY_ID", start.access_key)
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret-access-key")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SEQSTORE_QUOTA", high_quotas())
            .env("AWS_ENDPOINT_URL_OMICS", self.simulator.url())
            .env("AWS_ENDPOINT_URL_STS", self.simulator.url())
            // Many run at once, and the default port is one.
            .env("SEQSTORE_METRICS_BIND_ADDRESS", "off");
        for (name, value) in &start.environment {
            match value.is_empty() {
                true => command.env_remove(name),
                false => command.env(name, value),
            };
        }
        self.start(command)
    }

    /// Starts this command as an operator of this world, with a log.
    pub fn start(&self, mut command: Command) -> Result<Operator, Error> {
        let log = self.directory.path().join(format!("operator-{:08x}.log", fastrand::u32(..)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&log)?);
        Ok(Operator { child: command.kill_on_drop(true).spawn()?, log })
    }

    /// Creates a store in the simulator that no object refers to.
    pub async fn seed(&self) -> Result<StoreRecord, Error> {
        self.seed_with(SeedStore { name: Some("genomes".into()), ..SeedStore::default() }).await
    }

    pub async fn seed_with(&self, seed: SeedStore) -> Result<StoreRecord, Error> {
        Ok(self.aws.seed_store(&seed).await?)
    }

    pub async fn create(&self, name: &str, spec: SequenceStoreSpec) -> Result<SequenceStore, Error> {
        Ok(self.api.create(&PostParams::default(), &SequenceStore::new(name, spec)).await?)
    }

    /// Creates an object whose spec has nothing but the id of this store.
    pub async fn adopt(&self, name: &str, store: &StoreRecord) -> Result<SequenceStore, Error> {
        self.create(name, spec_for(store)).await
    }

    /// Sends a merge patch as the administrator.
    pub async fn patch(&self, name: &str, patch: Value) -> Result<SequenceStore, Error> {
        Ok(self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    /// Requests a reconcile pass by annotation; returns the value, which the operator copies to
    /// `status.lastHandledReconcileAt`.
    pub async fn reconcile_now(&self, name: &str) -> Result<String, Error> {
        let value = format!("{:016x}", fastrand::u64(..));
        self.patch(
            name,
            json!({"metadata": {"annotations": {"healthomics.dev/reconcile-requested-at": value}}}),
        )
        .await?;
        Ok(value)
    }

    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        self.api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until the object satisfies `wanted`; `what` describes that in the error.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&SequenceStore) -> bool,
    ) -> Result<SequenceStore, Error> {
        self.until_in(&self.api, name, what, wanted).await
    }

    /// The same for the objects of any namespace.
    pub async fn until_in(
        &self,
        api: &Api<SequenceStore>,
        name: &str,
        what: &str,
        wanted: impl Fn(&SequenceStore) -> bool,
    ) -> Result<SequenceStore, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let object = api.get_opt(name).await?;
            if let Some(object) = object.as_ref().filter(|object| wanted(object)) {
                return Ok(object.clone());
            }
            if tokio::time::Instant::now() >= end {
                let shown = object.map(|o| {
                    serde_json::to_string_pretty(&json!({"metadata": o.metadata, "status": o.status}))
                });
                return Err(format!("{name} never reached: {what}; it is {shown:?}\n{}", self.logs()).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn until_condition(
        &self,
        name: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> Result<SequenceStore, Error> {
        let what = format!("{kind}={status} {reason}");
        self.until(name, &what, |object| {
            condition(object, kind).is_some_and(|c| c.status == status && c.reason == reason)
        })
        .await
    }

    pub async fn until_ready(&self, name: &str) -> Result<SequenceStore, Error> {
        self.until_condition(name, "Ready", "True", "Available").await
    }

    pub async fn until_gone(&self, name: &str) -> Result<(), Error> {
        self.until_gone_in(&self.api, name).await
    }

    /// The same for the objects of any namespace.
    pub async fn until_gone_in(&self, api: &Api<SequenceStore>, name: &str) -> Result<(), Error> {
        // A store that does not show the owner tag of the object is given up only after the create grace.
        let end = tokio::time::Instant::now() + 2 * TIMEOUT;
        while let Some(object) = api.get_opt(name).await? {
            if tokio::time::Instant::now() >= end {
                return Err(format!("{name} is still there: {:?}\n{}", object.status, self.logs()).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Ledger entries of one operation.
    pub async fn calls(&self, operation: &str) -> Result<Vec<LedgerEntry>, Error> {
        Ok(self.aws.ledger().await?.into_iter().filter(|entry| entry.operation == operation).collect())
    }

    /// Waits until an operation was called at least this many times.
    pub async fn until_calls(&self, operation: &str, at_least: usize) -> Result<Vec<LedgerEntry>, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let calls = self.calls(operation).await?;
            if calls.len() >= at_least {
                return Ok(calls);
            }
            ensure!(
                tokio::time::Instant::now() < end,
                "only {} of {at_least} calls of {operation}",
                calls.len()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All calls but the one with which the operator learns at its start who it is.
    pub async fn calls_for_objects(&self) -> Result<Vec<LedgerEntry>, Error> {
        let ledger = self.aws.ledger().await?.into_iter();
        Ok(ledger.filter(|entry| entry.operation != "sts:GetCallerIdentity").collect())
    }

    /// Calls of mutating operations, including the ones that AWS refused.
    pub async fn mutating_calls(&self) -> Result<Vec<LedgerEntry>, Error> {
        Ok(self.aws.ledger().await?.into_iter().filter(LedgerEntry::is_mutating).collect())
    }

    pub fn mark(&self) -> AuditMark {
        self.cluster.plane.audit().mark()
    }

    /// Counts the writes of the operator in this namespace by verb and resource, without Events.
    pub fn operator_writes(&self, since: &AuditMark) -> BTreeMap<(String, String), usize> {
        let user = service_account_user(SYSTEM_NAMESPACE, SERVICE_ACCOUNT);
        let mut writes = self.cluster.plane.audit().writes_since(since, &user, Some(&self.namespace));
        writes.retain(|(_, resource), _| resource != "events");
        writes
    }

    /// Waits for an Event of the object; returns its note.
    pub async fn until_event(&self, name: &str, reason: &str) -> Result<String, Error> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let events = api.list(&ListParams::default()).await?;
            let ours = events.items.into_iter().find(|event| {
                let regarding = event.regarding.as_ref().and_then(|object| object.name.as_deref());
                regarding == Some(name) && event.reason.as_deref() == Some(reason)
            });
            if let Some(event) = ours {
                return Ok(event.note.unwrap_or_default());
            }
            ensure!(tokio::time::Instant::now() < end, "no Event {reason} of {name}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Runs `kubectl` as the administrator, in this namespace.
    pub async fn kubectl(&self, args: &[&str]) -> Result<CommandOutput, Error> {
        let scoped = [&["--namespace", &self.namespace], args].concat();
        Ok(self.cluster.plane.kubectl(&scoped).await?)
    }

    pub async fn kubectl_apply(&self, manifest: &str) -> Result<CommandOutput, Error> {
        let args = ["--namespace", &self.namespace, "apply", "-f", "-"];
        Ok(self.cluster.plane.kubectl_stdin(&args, manifest).await?)
    }

    /// The last 25 log lines of every operator that this test started.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for file in std::fs::read_dir(self.directory.path()).into_iter().flatten().flatten() {
            let log = std::fs::read_to_string(file.path()).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(25).collect();
            text.extend(tail.into_iter().rev().map(|line| format!("  | {line}\n")));
        }
        text
    }
}

/// Waits until the API server serves the CRD.
pub async fn established(plane: &ControlPlane) -> Result<(), Error> {
    let crds = ["wait", "--for=condition=Established", "crd", "--all"];
    plane.kubectl(&crds).await?.checked()?;
    Ok(())
}

async fn create_namespace(client: &Client) -> Result<String, Error> {
    let namespace: Namespace = serde_json::from_value(json!({"metadata": {"generateName": "e2e-"}}))?;
    Ok(Api::all(client.clone()).create(&PostParams::default(), &namespace).await?.name_any())
}

pub fn spec_for(store: &StoreRecord) -> SequenceStoreSpec {
    SequenceStoreSpec { sequence_store_id: Some(store.id.clone()), ..SequenceStoreSpec::default() }
}

/// The same for an object that only observes it.
pub fn observing(store: &StoreRecord) -> SequenceStoreSpec {
    SequenceStoreSpec { management_policy: Some(ManagementPolicy::Observe), ..spec_for(store) }
}

pub fn condition<'a>(object: &'a SequenceStore, kind: &str) -> Option<&'a Condition> {
    object.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
}

pub fn message(object: &SequenceStore, kind: &str) -> String {
    condition(object, kind).map(|c| c.message.clone()).unwrap_or_default()
}

pub fn status(object: &SequenceStore) -> SequenceStoreStatus {
    object.status.clone().unwrap_or_default()
}
