//! The environment of one plan: its own namespace, HealthOmics simulator, proxies and operator processes, on the
//! cluster that all plans share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use healthomics_simulator::{
    Fault, FaultAction, LedgerEntry, Options, SeedStore, Simulator, SimulatorClient, StoreRecord,
};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::cluster::Cluster;
use crate::injector::FaultInjector;
use crate::invariants::OWNER_TAG;
use crate::plan::{FaultPlan, Flow, InjectedFault};
use crate::proxy::{Proxy, Upstream};
use crate::replicas::{OperatorConfig, Replicas};
use crate::request::Backend;

/// The role of every binding, in the account of the simulator's stores.
const ROLE: &str = "arn:aws:iam::123456789012:role/tenant";

/// The name of the SequenceStore object of every flow.
pub const OBJECT_NAME: &str = "subject";

/// Direct access to both backends, past the proxies.
#[derive(Clone)]
pub struct Clients {
    pub objects: Api<DynamicObject>,
    pub aws: SimulatorClient,
    pub leases: Api<Lease>,
    pub config_maps: Api<ConfigMap>,
}

pub struct TestEnvironment {
    pub clients: Clients,
    pub injector: Arc<FaultInjector>,
    pub namespace: String,
    /// Stores with the same name as the object but without its owner tag. The operator must not change them.
    foreign_stores: Vec<StoreRecord>,
    directory: tempfile::TempDir,
    /// Cancelled to close all connections of the proxies.
    closed: CancellationToken,
    simulator: Simulator,
    /// The namespace acts with the role of an AccountBinding.
    is_bound: bool,
}

impl TestEnvironment {
    /// Starts everything that the plan needs, except that nothing creates the object yet.
    pub async fn start(cluster: &Cluster, plan: &FaultPlan) -> Result<Self, Error> {
        let client = cluster.plane.client();
        let namespace = create_namespace(client.clone()).await?;
        if cluster.binding {
            bind(client.clone(), &namespace).await?;
        }
        let simulator = Simulator::start(Options { knobs: plan.knobs.clone(), ..Options::default() }).await?;
        let aws = simulator.client();
        let foreign_stores = seed_foreign_stores(&aws).await?;
        script_faults(&aws, &plan.fault).await?;

        let resource =
            ApiResource::from_gvk(&GroupVersionKind::gvk("healthomics.dev", "v1alpha1", "SequenceStore"));
        let leases = Api::namespaced(client.clone(), &namespace);
        let config_maps = Api::namespaced(client.clone(), &namespace);
        let objects = Api::namespaced_with(client, &namespace, &resource);
        let clients = Clients { objects, aws, leases, config_maps };
        let injector = Arc::new(FaultInjector::new(
            clients.clone(),
            Arc::new(Replicas::default()),
            plan.fault.clone(),
            plan.flow == Flow::DeleteDuringCreate,
        ));
        let environment = Self {
            clients,
            injector,
            namespace,
            foreign_stores,
            directory: tempfile::tempdir()?,
            closed: CancellationToken::new(),
            simulator,
            is_bound: cluster.binding,
        };
        environment.start_operators(cluster, plan).await?;
        Ok(environment)
    }

    /// Starts two proxies and an operator process for each replica.
    async fn start_operators(&self, cluster: &Cluster, plan: &FaultPlan) -> Result<(), Error> {
        let kubernetes = Upstream::new(cluster.plane.server(), &cluster.config)?;
        let aws = Upstream::new(&self.simulator.url(), &cluster.config)?;
        let mut operators = Vec::new();
        for replica in 0..plan.replicas {
            let proxy = |backend, upstream: &Upstream| Proxy {
                injector: self.injector.clone(),
                replica,
                backend,
                upstream: upstream.clone(),
            };
            let server = proxy(Backend::Kubernetes, &kubernetes).listen(self.closed.clone()).await?;
            let aws_endpoint = proxy(Backend::Aws, &aws).listen(self.closed.clone()).await?;
            let kubeconfig = self.directory.path().join(format!("kubeconfig-{replica}"));
            write_kubeconfig(&kubeconfig, &server, &cluster.token)?;
            operators.push(OperatorConfig {
                binary: cluster.binary.clone(),
                namespace: self.namespace.clone(),
                kubeconfig,
                aws_endpoint,
                log: self.log_file(replica),
                default_grace: plan.default_grace,
                election: plan.election,
                binding: cluster.binding,
            });
        }
        Ok(self.injector.replicas.start(operators).await?)
    }

    fn log_file(&self, replica: usize) -> PathBuf {
        self.directory.path().join(format!("operator-{replica}.log"))
    }

    /// Kills the operators and closes all connections.
    pub async fn stop(&self) {
        self.closed.cancel();
        self.injector.replicas.stop().await;
    }

    /// Messages about foreign stores that have changed.
    pub async fn changed_foreign_stores(&self) -> Result<Vec<String>, Error> {
        let mut messages = Vec::new();
        for before in &self.foreign_stores {
            if self.clients.aws.store(&before.id).await?.as_ref() != Some(before) {
                messages.push(format!("store {}, which belongs to another owner, has changed", before.id));
            }
        }
        Ok(messages)
    }

    /// Messages about calls that were not made in a session of the role for this namespace.
    pub async fn calls_with_another_identity(&self) -> Result<Vec<String>, Error> {
        let calls = if self.is_bound { self.clients.aws.ledger().await? } else { Vec::new() };
        let is_other = |call: &&LedgerEntry| {
            call.is_about_stores()
                && (call.role_arn.as_deref() != Some(ROLE)
                    || call.session_tags.get("healthomics.dev/namespace") != Some(&self.namespace))
        };
        let message = |call: &LedgerEntry| format!("{} was called with another identity", call.operation);
        Ok(calls.iter().filter(is_other).map(message).collect())
    }

    /// All stores that ever existed, except the foreign stores.
    pub async fn stores(&self) -> Result<Vec<StoreRecord>, Error> {
        let mut stores = self.clients.aws.all_stores().await?;
        stores.retain(|store| self.foreign_stores.iter().all(|foreign| foreign.id != store.id));
        Ok(stores)
    }

    pub async fn create_object(&self, spec: Value) -> Result<(), Error> {
        let object = json!({
            "apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
            "metadata": {"name": OBJECT_NAME, "namespace": self.namespace}, "spec": spec,
        });
        let object: DynamicObject = serde_json::from_value(object)?;
        self.clients.objects.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// The last 30 lines of each operator's log, indented.
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

async fn create_namespace(client: kube::Client) -> Result<String, Error> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "faults-"}});
    let namespace: Namespace = serde_json::from_value(namespace)?;
    Ok(Api::all(client).create(&PostParams::default(), &namespace).await?.name_any())
}

async fn bind(client: kube::Client, namespace: &str) -> Result<(), Error> {
    let resource =
        ApiResource::from_gvk(&GroupVersionKind::gvk("healthomics.dev", "v1alpha1", "AccountBinding"));
    let binding = json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "AccountBinding", "metadata": {"name": namespace},
        "spec": {"namespaces": [namespace], "roleArn": ROLE},
    });
    let binding: DynamicObject = serde_json::from_value(binding)?;
    Api::all_with(client, &resource).create(&PostParams::default(), &binding).await?;
    Ok(())
}

/// Creates one store without an owner and one with the owner tag of another object.
async fn seed_foreign_stores(aws: &SimulatorClient) -> Result<Vec<StoreRecord>, Error> {
    let mut stores = Vec::new();
    for owner in [None, Some("00000000-0000-0000-0000-000000000000")] {
        let tags = owner.map(|owner| (OWNER_TAG.to_owned(), owner.to_owned())).into_iter().collect();
        let seed = SeedStore { name: Some(OBJECT_NAME.into()), tags, ..SeedStore::default() };
        stores.push(aws.seed_store(&seed).await?);
    }
    Ok(stores)
}

async fn script_faults(aws: &SimulatorClient, fault: &InjectedFault) -> Result<(), Error> {
    let slow_create = Fault::once("CreateSequenceStore", FaultAction::Delay { ms: 1500 });
    let scripted = match fault {
        InjectedFault::Aws(fault) => fault,
        InjectedFault::LateStatus => &slow_create,
        _ => return Ok(()),
    };
    aws.script_fault(scripted).await?;
    Ok(())
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
