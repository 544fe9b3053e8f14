//! The stage of the measure of AccountBindings: a control plane of its own, one object in each of many namespaces, and an
//! operator that watches all of them. I/O.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use healthomics_simulator::{SeedStore, SimulatorClient};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, Patch, PatchParams, PostParams};
use sequencestore_operator::crd::{AccountBinding, SequenceStore};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::Error;
use crate::cluster::Cluster;
use crate::process::{Process, start_simulator};
use crate::quotas::Quotas;
use crate::scene::{self, PARALLEL, Start, object_name, observed_spec};
use crate::states::States;

/// So many namespaces share an account: a team has several, and the quotas of an account are not what is measured.
const OF_ONE_ACCOUNT: usize = 25;
const LABELS: [(&str, &str); 1] = [("measured", "tenant")];

/// By which bindings the namespaces act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Binds {
    /// None: all objects act with the operator's own identity.
    None,
    /// One for each namespace, each with a role of its own.
    Each,
    /// One for all namespaces, by a selector.
    Selector,
}

impl Binds {
    pub const ALL: [Self; 3] = [Self::None, Self::Each, Self::Selector];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "without bindings",
            Self::Each => "a binding for each namespace",
            Self::Selector => "one binding with a namespaceSelector",
        }
    }

    /// How many accounts so many namespaces are spread over.
    pub fn accounts(self, namespaces: usize) -> usize {
        match self {
            Self::None | Self::Selector => 1,
            Self::Each => namespaces.div_ceil(OF_ONE_ACCOUNT),
        }
    }

    /// The account of a namespace, and the role that acts for it. None where the operator acts with its own identity.
    fn identity(self, number: usize, namespaces: usize) -> Option<(String, String)> {
        let account = format!("{:012}", 111_100_000_000 + number % self.accounts(namespaces));
        let name = match self {
            Self::None => return None,
            Self::Each => format!("tenant-{number:05}"),
            Self::Selector => "tenants".to_owned(),
        };
        let role = format!("arn:aws:iam::{account}:role/{name}");
        Some((account, role))
    }

    fn bindings(self, namespaces: usize) -> Vec<AccountBinding> {
        let role = |number| self.identity(number, namespaces).map(|(_, role)| role).unwrap_or_default();
        let specs: Vec<Value> = match self {
            Self::None => Vec::new(),
            Self::Each => (0..namespaces)
                .map(|number| json!({"namespaces": [namespace_name(number)], "roleArn": role(number)}))
                .collect(),
            Self::Selector => {
                let labels =
                    serde_json::Map::from_iter(LABELS.map(|(key, value)| (key.into(), value.into())));
                vec![json!({"namespaceSelector": {"matchLabels": labels}, "roleArn": role(0)})]
            }
        };
        let binding = |(number, spec)| {
            let spec = serde_json::from_value(spec).unwrap_or_default();
            AccountBinding::new(&binding_name(number), spec)
        };
        specs.into_iter().enumerate().map(binding).collect()
    }
}

pub struct Tenants {
    cluster: Arc<Cluster>,
    pub binds: Binds,
    pub namespaces: usize,
    pub aws: SimulatorClient,
    pub states: States,
    _simulator: Process,
}

impl Tenants {
    /// All is there but an operator. AWS refuses nothing.
    pub async fn new(cluster: &Cluster, binds: Binds, namespaces: usize) -> Result<Self, Error> {
        let cluster = cluster.another(&["accountBindings.enabled=true"]).await?;
        let mut command = Command::new(&cluster.programs.simulator);
        command.args(["--knobs", &serde_json::to_string(&Quotas::None.knobs())?]);
        let (simulator, url) = start_simulator(command, &cluster.guard).await?;
        let states = States::watch_all(cluster.plane.client());
        let aws = SimulatorClient::new(url);
        let tenants = Self { cluster, binds, namespaces, aws, states, _simulator: simulator };
        // First the bindings: they need no namespaces.
        let bindings: Api<AccountBinding> = Api::all(tenants.cluster.plane.client());
        for_each(binds.bindings(namespaces), |binding| {
            let bindings = bindings.clone();
            async move {
                bindings.create(&PostParams::default(), &binding).await?;
                Ok(())
            }
        })
        .await?;
        for_each(0..namespaces, |number| tenants.add(number)).await?;
        Ok(tenants)
    }

    /// Adds a namespace with one object, which observes a store of the account of the namespace.
    async fn add(&self, number: usize) -> Result<(), Error> {
        let client = self.cluster.plane.client();
        let name = namespace_name(number);
        let labels = serde_json::Map::from_iter(LABELS.map(|(key, value)| (key.into(), value.into())));
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}}))?;
        Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        let mut seed = SeedStore { name: Some(format!("reads-{number}")), ..SeedStore::default() };
        seed.tags.insert("team".into(), "genomics".into());
        if let Some((account, _)) = self.binds.identity(number, self.namespaces) {
            seed.account = account;
        }
        let store = self.aws.seed_store(&seed).await?;
        let spec = serde_json::from_value(observed_spec(&store.id))?;
        let object = SequenceStore::new(&object_name(number), spec);
        let objects: Api<SequenceStore> = Api::namespaced(client, &name);
        objects.create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// Starts an operator that watches all namespaces, and reads bindings where there are some.
    pub fn start(&self, start: Start) -> Result<Process, Error> {
        let is_bound = self.binds != Binds::None;
        let place: Vec<String> = ["--cluster-name=bench".to_owned()]
            .into_iter()
            .chain(is_bound.then(|| "--account-bindings".to_owned()))
            .collect();
        let command = scene::operator(&self.cluster.programs, &self.aws, &place, &start);
        let name = format!("bindings-{:?}", self.binds).to_lowercase();
        scene::started(command, &self.cluster, &name, start.access_key)
    }

    /// Gives every binding a limit that all objects keep to.
    pub async fn limit_bindings(&self) -> Result<(), Error> {
        let bindings: Api<AccountBinding> = Api::all(self.cluster.plane.client());
        let patch = Patch::Merge(json!({"spec": {"allow": {"regions": [scene::REGION]}}}));
        let names = self.binds.bindings(self.namespaces).into_iter().filter_map(|one| one.metadata.name);
        for_each(names, |name| {
            let (bindings, patch) = (bindings.clone(), patch.clone());
            async move {
                bindings.patch(&name, &PatchParams::default(), &patch).await?;
                Ok(())
            }
        })
        .await
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }
}

/// Runs `request` for all, some at the same time.
async fn for_each<T, F>(all: impl IntoIterator<Item = T>, request: impl Fn(T) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    stream::iter(all).map(request).buffer_unordered(PARALLEL).try_collect().await
}

fn namespace_name(number: usize) -> String {
    format!("tenant-{number:05}")
}

fn binding_name(number: usize) -> String {
    format!("binding-{number:05}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_namespace_has_a_role_of_its_own_in_one_of_several_accounts() {
        let identities: Vec<_> = (0..100).filter_map(|number| Binds::Each.identity(number, 100)).collect();
        let accounts: BTreeSet<_> = identities.iter().map(|(account, _)| account).collect();
        let roles: BTreeSet<_> = identities.iter().map(|(_, role)| role).collect();
        assert_eq!((accounts.len(), roles.len()), (4, 100));
        assert!(accounts.iter().all(|account| account.len() == 12));
        assert_eq!(Binds::None.identity(0, 100), None);
        assert_eq!(Binds::Selector.identity(0, 100), Binds::Selector.identity(99, 100));
    }

    #[test]
    fn a_binding_names_one_namespace_or_selects_all() {
        let each = Binds::Each.bindings(30);
        assert_eq!(each.len(), 30);
        let last = each.last().expect("a binding");
        assert_eq!(last.spec.namespaces.as_deref(), Some(&["tenant-00029".to_owned()][..]));
        assert_eq!(last.spec.role_arn, "arn:aws:iam::111100000001:role/tenant-00029");
        let one = Binds::Selector.bindings(30);
        assert_eq!(one.len(), 1);
        assert!(one[0].spec.namespace_selector.is_some() && one[0].spec.namespaces.is_none());
        assert!(Binds::None.bindings(30).is_empty());
    }
}
