//! Runs commands of the program as a user types them: with a kubeconfig and credentials of that user.

use std::path::PathBuf;
use std::process::Stdio;

use control_plane::service_account_user;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Error, REGION, TIMEOUT, World, ensure};

/// Output of a program that has exited.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    pub fn json(&self) -> Result<Value, Error> {
        serde_json::from_str(&self.stdout).map_err(|error| format!("{error}: {self:?}").into())
    }

    /// Exit code 2, one line on standard error, and nothing on standard output.
    pub fn ensure_mistake(&self, says: &str) -> Result<(), Error> {
        ensure!(self.code == Some(2), "exits with {self:?}");
        ensure!(self.stdout.is_empty() && self.stderr.lines().count() == 1, "more than one line: {self:?}");
        ensure!(self.stderr.contains(says), "{says} is not in {self:?}");
        Ok(())
    }
}

/// A user of the command line, who also has AWS credentials.
pub struct CliUser {
    pub kubeconfig: PathBuf,
    /// Name in the audit log; empty if a test does not read it.
    pub audit_name: String,
}

impl CliUser {
    pub fn admin(world: &World) -> Self {
        Self { kubeconfig: world.cluster.plane.kubeconfig().to_owned(), audit_name: String::new() }
    }

    /// A user with AWS credentials but no kubeconfig.
    pub fn without_cluster() -> Self {
        Self { kubeconfig: "/nowhere/kubeconfig".into(), audit_name: String::new() }
    }
}

impl World {
    /// Creates a user with a default ClusterRole of Kubernetes, such as `view` or `edit`, in this namespace.
    pub async fn cli_user(&self, role: &str) -> Result<CliUser, Error> {
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
        let audit_name = service_account_user(&self.namespace, &account);
        let user = CliUser { kubeconfig, audit_name };
        self.until_allowed(&user).await?;
        Ok(user)
    }

    /// Waits until kube-controller-manager has aggregated the chart's rules into the default ClusterRoles.
    async fn until_allowed(&self, user: &CliUser) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        let kubeconfig = format!("--kubeconfig={}", user.kubeconfig.display());
        let can_get = [&kubeconfig, "auth", "can-i", "get", "sequencestores.healthomics.dev"];
        while !self.kubectl(&can_get).await?.success() {
            ensure!(tokio::time::Instant::now() < end, "{} may not read", user.audit_name);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// A command of the program as this user runs it.
    pub fn command(&self, user: &CliUser, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.cluster.binary);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &user.kubeconfig)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "AKIAPERSON0000000000")
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret-access-key")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_OMICS", self.simulator.url())
            .env("AWS_ENDPOINT_URL_STS", self.simulator.url())
            // Many run at once, and the default port is one.
            .env("SEQSTORE_METRICS_BIND_ADDRESS", "off");
        command
    }

    pub async fn run(&self, user: &CliUser, arguments: &[&str]) -> Result<Output, Error> {
        run_to_end(&mut self.command(user, arguments), "").await
    }

    /// Runs a command with `input` on standard input.
    pub async fn run_with_input(
        &self,
        user: &CliUser,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output, Error> {
        run_to_end(&mut self.command(user, arguments), input).await
    }

    /// A manifest of an object in this namespace.
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

/// Runs a program until it exits.
pub async fn run_to_end(command: &mut Command, input: &str) -> Result<Output, Error> {
    use tokio::io::AsyncWriteExt;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Fails when the program does not read its input, which is no error.
        stdin.write_all(input.as_bytes()).await.ok();
    }
    let output = tokio::time::timeout(TIMEOUT, child.wait_with_output()).await??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Output { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}
