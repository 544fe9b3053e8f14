//! Two replicas under leader election: who works, what a change of the leader loses or repeats, and what the Lease may do.
//! Each replica has an access key of its own, by which the ledger tells their calls apart.

pub mod edits;
pub mod hand_over;
pub mod rights;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::LedgerEntry;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::Api;
use serde_json::{Value, json};

use crate::world::{
    Cluster, Error, Operator, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, Start, TIMEOUT, World, closed_address,
    ensure,
};

/// Name of the Lease of a test.
const LEASE: &str = "replicas";
const POLL: Duration = Duration::from_millis(50);

/// Lease duration, renew deadline and retry period, in seconds.
type Times = [u32; 3];
/// For tests that wait for the end of a Lease.
const SHORT: Times = [6, 4, 1];
/// A Lease that ends within no test.
const LONG: Times = [60, 40, 2];

/// One replica: how it is started, and how the test sees it.
struct Replica {
    /// The Pod's name, which begins the holder of the Lease.
    name: &'static str,
    access_key: &'static str,
    start: Start,
}

impl Replica {
    fn new(world: &World, name: &'static str, times: Times) -> Result<Self, Error> {
        let access_key = match name {
            "first" => "AKIAFIRST00000000000",
            _ => "AKIASECOND0000000000",
        };
        let health = closed_address()?.to_string();
        let [duration, deadline, retry] = times;
        let flags = vec![
            "--poll-interval=2s".into(),
            "--create-grace=2s".into(),
            "--leader-elect".into(),
            format!("--leader-election-namespace={}", world.namespace),
            format!("--leader-election-lease-name={LEASE}"),
            format!("--leader-election-lease-duration={duration}s"),
            format!("--leader-election-renew-deadline={deadline}s"),
            format!("--leader-election-retry-period={retry}s"),
        ];
        let environment = BTreeMap::from([("POD_NAME", name.to_owned())]);
        Ok(Self {
            name,
            access_key,
            start: Start { access_key, health, flags, environment, ..Start::default() },
        })
    }

    async fn calls(&self, world: &World) -> Result<Vec<LedgerEntry>, Error> {
        let ledger = world.aws.ledger().await?.into_iter();
        Ok(ledger.filter(|entry| entry.access_key_id.as_deref() == Some(self.access_key)).collect())
    }

    async fn changes(&self, world: &World) -> Result<Vec<String>, Error> {
        let calls = self.calls(world).await?.into_iter();
        Ok(calls.filter(LedgerEntry::is_mutating).map(|entry| entry.operation).collect())
    }

    /// Waits until `/readyz` answers with this code and text.
    async fn until_readiness(&self, world: &World, code: &str, text: &str) -> Result<(), Error> {
        world.until_answers(&self.start.health, "/readyz", code, text).await.map(drop)
    }
}

impl World {
    /// A world whose Leases the operator may use, by a Role like the chart's.
    async fn with_lease(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let world = Self::new(cluster).await?;
        world.grant().await?;
        Ok(world)
    }

    async fn grant(&self) -> Result<(), Error> {
        let group = ["coordination.k8s.io"];
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "lease"},
            "rules": [
                {"apiGroups": group, "resources": ["leases"], "verbs": ["create"]},
                {"apiGroups": group, "resources": ["leases"], "resourceNames": [LEASE], "verbs": ["get", "update"]},
            ],
        });
        let account =
            json!({"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": SYSTEM_NAMESPACE});
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "lease"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lease"},
            "subjects": [account],
        });
        for object in [role, binding] {
            self.kubectl_apply(&object.to_string()).await?.checked()?;
        }
        Ok(())
    }

    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn lease(&self) -> Result<LeaseSpec, Error> {
        Ok(self.leases().get(LEASE).await?.spec.unwrap_or_default())
    }

    /// Waits until a replica holds the Lease; returns the Lease.
    async fn until_leads(&self, replica: &Replica) -> Result<LeaseSpec, Error> {
        self.until_holder(&format!("{}-", replica.name)).await
    }

    async fn until_holder(&self, prefix: &str) -> Result<LeaseSpec, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let found = self.leases().get_opt(LEASE).await?.and_then(|lease| lease.spec);
            let holder = found.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
            if holder.starts_with(prefix) {
                return Ok(found.unwrap_or_default());
            }
            ensure!(tokio::time::Instant::now() < end, "{prefix} never leads: {found:?}\n{}", self.logs());
            tokio::time::sleep(POLL).await;
        }
    }

    /// Changes the Lease by hand.
    async fn edit_lease(&self, spec: Value) -> Result<(), Error> {
        let patch = json!({"spec": spec}).to_string();
        self.kubectl(&["patch", "lease", LEASE, "--type=merge", "--patch", &patch]).await?.checked()?;
        Ok(())
    }

    /// Starts both replicas and waits until the first leads and the second is ready.
    async fn pair(&self, times: Times) -> Result<[(Replica, Operator); 2], Error> {
        let first = Replica::new(self, "first", times)?;
        let first_runs = self.operator(&first.start)?;
        self.until_leads(&first).await?;
        let second = Replica::new(self, "second", times)?;
        let second_runs = self.operator(&second.start)?;
        second.until_readiness(self, "200", "ok").await?;
        Ok([(first, first_runs), (second, second_runs)])
    }

    /// In one reading of the ledger: the leader calls AWS meanwhile.
    async fn ensure_calls_only_of(&self, replicas: &[&Replica]) -> Result<(), Error> {
        for entry in self.aws.ledger().await? {
            let known = |replica: &&Replica| entry.access_key_id.as_deref() == Some(replica.access_key);
            ensure!(replicas.iter().any(known), "a call of somebody else: {entry:?}");
        }
        Ok(())
    }

    /// Every object has one store, made by one Create, and each store belongs to one of them.
    async fn ensure_one_store_each(&self, objects: usize) -> Result<(), Error> {
        let created = self.calls("CreateSequenceStore").await?;
        let created = created.iter().filter(|call| call.committed && !call.replayed).count();
        let stores = self.aws.all_stores().await?.len();
        ensure!(
            created == objects && stores == objects,
            "{created} creations, {stores} stores of {objects} objects"
        );
        Ok(())
    }
}
