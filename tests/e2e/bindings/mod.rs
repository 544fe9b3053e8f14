//! AccountBindings: namespaces that act with roles of their own. The ledger of the simulator is the judge: it has the account and
//! the session of every call.

pub mod absent;
pub mod attacks;
pub mod changes;
pub mod limits;
pub mod sessions;
pub mod tenants;

use healthomics_simulator::{LedgerEntry, Role};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use sequencestore_operator::crd::{AccountBinding, SequenceStore};
use serde_json::{Value, json};

use crate::world::{Error, Operator, Start, TIMEOUT, World, condition, ensure};

/// Accounts of two tenants. That of the operator is `world::ACCOUNT`.
pub const ACCOUNTS: [&str; 2] = ["111122223333", "444455556666"];

pub fn role(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/tenant")
}

/// Flags of an operator that reads bindings.
pub fn start(flags: &[&str]) -> Start {
    let all = ["--account-bindings", "--poll-interval=2s", "--create-grace=2s"];
    Start { flags: all.iter().chain(flags).map(ToString::to_string).collect(), ..Start::default() }
}

impl World {
    pub fn bindings(&self) -> Api<AccountBinding> {
        Api::all(self.client.clone())
    }

    /// Starts an operator that reads bindings, for this world's namespace and another one. Returns the other one too.
    pub async fn for_two_tenants(&self) -> Result<(Operator, String), Error> {
        let other = self.another_namespace().await?;
        let operator = self.operator(&start(&[&format!("--watch-namespace={other}")]))?;
        Ok((operator, other))
    }

    /// Makes a binding of this namespace to the role of this account. Its name starts with that of the namespace.
    pub async fn bind(&self, namespace: &str, account: &str) -> Result<String, Error> {
        self.bind_with(namespace, json!({"namespaces": [namespace], "roleArn": role(account)})).await
    }

    pub async fn bind_with(&self, namespace: &str, spec: Value) -> Result<String, Error> {
        let binding: AccountBinding = serde_json::from_value(json!({
            "apiVersion": "healthomics.dev/v1alpha1", "kind": "AccountBinding",
            "metadata": {"generateName": format!("{namespace}-")}, "spec": spec,
        }))?;
        Ok(self.bindings().create(&PostParams::default(), &binding).await?.name_any())
    }

    pub async fn change_binding(&self, name: &str, spec: Value) -> Result<AccountBinding, Error> {
        let patch = Patch::Merge(json!({"spec": spec}));
        Ok(self.bindings().patch(name, &PatchParams::default(), &patch).await?)
    }

    pub async fn unbind(&self, name: &str) -> Result<(), Error> {
        self.bindings().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Waits until `Ready` of the binding has this status and reason.
    pub async fn until_binding(
        &self,
        name: &str,
        status: &str,
        reason: &str,
    ) -> Result<AccountBinding, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let binding = self.bindings().get(name).await?;
            let shown = binding.status.clone().unwrap_or_default();
            let ready = shown.conditions.iter().find(|condition| condition.type_ == "Ready");
            if ready.is_some_and(|ready| ready.status == status && ready.reason == reason) {
                return Ok(binding);
            }
            ensure!(
                tokio::time::Instant::now() < end,
                "binding {name} never became {status} {reason}: {shown:?}\n{}",
                self.logs()
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    /// Waits until `kubectl describe` shows Events of the binding with these types and reasons, and returns what it shows.
    pub async fn until_described(&self, binding: &str, events: &[[&str; 2]]) -> Result<String, Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let shown = self.kubectl(&["describe", "accountbinding", binding]).await?.checked()?.stdout;
            let rows: Vec<Vec<&str>> =
                shown.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
            if events.iter().all(|event| rows.iter().any(|row| row == event)) {
                return Ok(shown);
            }
            ensure!(tokio::time::Instant::now() < end, "not all of {events:?}:\n{shown}\n{}", self.logs());
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    pub async fn set_role(&self, account: &str, role_settings: Role) -> Result<(), Error> {
        Ok(self.aws.set_role(&role(account), &role_settings).await?)
    }

    /// Calls about stores, each checked to be made in a session of this account for this namespace and binding.
    pub fn ensure_acted_as(
        &self,
        calls: &[LedgerEntry],
        account: &str,
        (namespace, binding): (&str, &str),
    ) -> Result<(), Error> {
        ensure!(!calls.is_empty(), "no call");
        for call in calls {
            let tags = &call.session_tags;
            ensure!(
                call.account.as_deref() == Some(account)
                    && call.role_arn.as_deref() == Some(&role(account))
                    && tags.get("healthomics.dev/namespace").map(String::as_str) == Some(namespace)
                    && tags.get("healthomics.dev/binding").map(String::as_str) == Some(binding)
                    && tags.contains_key("healthomics.dev/cluster"),
                "{} of {:?} was made by another: {call:?}",
                call.operation,
                call.store_id
            );
        }
        Ok(())
    }
}

/// The objects of one namespace.
pub struct Tenant<'a> {
    world: &'a World,
    pub namespace: String,
    api: Api<SequenceStore>,
}

impl World {
    pub fn tenant(&self, namespace: &str) -> Tenant<'_> {
        let api = Api::namespaced(self.client.clone(), namespace);
        Tenant { world: self, namespace: namespace.to_owned(), api }
    }
}

impl Tenant<'_> {
    pub async fn create(&self, name: &str, spec: Value) -> Result<SequenceStore, Error> {
        let object = SequenceStore::new(name, serde_json::from_value(spec)?);
        Ok(self.api.create(&PostParams::default(), &object).await?)
    }

    pub async fn patch(&self, name: &str, patch: Value) -> Result<SequenceStore, Error> {
        Ok(self.api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?)
    }

    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        self.api.delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    pub async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&SequenceStore) -> bool,
    ) -> Result<SequenceStore, Error> {
        self.world.until_in(&self.api, name, what, wanted).await
    }

    pub async fn until_ready(&self, name: &str) -> Result<SequenceStore, Error> {
        self.until_reason(name, "True", "Available").await
    }

    /// Waits for a status and a reason of `Ready`.
    pub async fn until_reason(&self, name: &str, status: &str, reason: &str) -> Result<SequenceStore, Error> {
        self.until(name, &format!("Ready={status} {reason}"), |object| {
            condition(object, "Ready").is_some_and(|c| c.status == status && c.reason == reason)
        })
        .await
    }

    pub async fn until_gone(&self, name: &str) -> Result<(), Error> {
        self.world.until_gone_in(&self.api, name).await
    }
}

/// Calls about stores of the ledger.
pub fn about_stores(ledger: Vec<LedgerEntry>) -> Vec<LedgerEntry> {
    ledger.into_iter().filter(LedgerEntry::is_about_stores).collect()
}

pub fn binding_of(object: &SequenceStore) -> Option<String> {
    object.status.as_ref()?.binding.clone()
}
