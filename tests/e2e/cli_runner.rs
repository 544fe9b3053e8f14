//! What the tests of the command line share: a plain user, and a program run to its end.

use std::path::PathBuf;
use std::process::Stdio;

use control_plane::service_account_user;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Error, PATIENCE, REGION, World, ensure};

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn json(&self) -> Result<Value, Error> {
        serde_json::from_str(&self.stdout).map_err(|error| format!("{error}: {self:?}").into())
    }

    /// One line on standard error, and nothing else.
    pub fn ensure_mistake(&self, says: &str) -> Result<(), Error> {
        ensure!(self.code == Some(2), "ends with {self:?}");
        ensure!(self.stdout.is_empty() && self.stderr.lines().count() == 1, "more than one line: {self:?}");
        ensure!(self.stderr.contains(says), "{says} is not in {self:?}");
        Ok(())
    }
}

/// Somebody with one of the cluster's own roles in one namespace, and credentials for AWS.
pub struct Person {
    pub kubeconfig: PathBuf,
    /// As the audit log calls them.
    pub user: String,
}

impl World {
    /// A person with a role such as `view` or `edit` in this namespace.
    pub async fn person(&self, role: &str) -> Result<Person, Error> {
        let account = format!("{role}er");
        let manifest = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": account},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": self.namespace}],
            },
        ]});
        self.kubectl_apply(&manifest.to_string()).await?.checked()?;
        let kubeconfig = self.cluster.plane.kubeconfig_for(&self.namespace, &account).await?;
        let user = service_account_user(&self.namespace, &account);
        let person = Person { kubeconfig, user };
        self.until_allowed(&person).await?;
        Ok(person)
    }

    /// The cluster's own roles take the chart's rules in a moment after its installation.
    async fn until_allowed(&self, person: &Person) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + PATIENCE;
        let kubeconfig = format!("--kubeconfig={}", person.kubeconfig.display());
        let ask = [&kubeconfig, "auth", "can-i", "get", "sequencestores.healthomics.dev"];
        while !self.kubectl(&ask).await?.success() {
            ensure!(tokio::time::Instant::now() < end, "{} may not even read", person.user);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// A command of this program, as this person types it.
    pub fn command(&self, person: &Person, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cluster.binary);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &person.kubeconfig)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIAPERSON0000000000")
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret-access-key")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_OMICS", self.simulator.url())
            .env("AWS_ENDPOINT_URL_STS", self.simulator.url());
        command
    }

    pub async fn ended(&self, person: &Person, arguments: &[&str]) -> Result<Ended, Error> {
        ended(&mut self.command(person, arguments), "").await
    }

    /// With a manifest on standard input.
    pub async fn ended_with(&self, person: &Person, arguments: &[&str], input: &str) -> Result<Ended, Error> {
        ended(&mut self.command(person, arguments), input).await
    }

    /// A manifest of this world's namespace.
    pub fn manifest(&self, name: &str, spec: Value) -> String {
        json!({
            "apiVersion": "healthomics.dev/v1alpha1",
            "kind": "SequenceStore",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        })
        .to_string()
    }
}

/// Runs a program to its end.
pub async fn ended(command: &mut Command, input: &str) -> Result<Ended, Error> {
    use tokio::io::AsyncWriteExt;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read has closed it.
        stdin.write_all(input.as_bytes()).await.ok();
    }
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}
