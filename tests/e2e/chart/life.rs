//! A cluster in which releases of the chart come and go.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use control_plane::CommandOutput;
use tokio::process::Command;

use crate::world::{Cluster, Error, Operator, SYSTEM_NAMESPACE, Start, TIMEOUT, World, ensure, established};

pub const CRD: &str = "crd/sequencestores.healthomics.dev";

pub struct Life {
    pub world: World,
    pub helm3: PathBuf,
    pub directory: tempfile::TempDir,
}

impl Life {
    pub async fn start(like: &Cluster) -> Result<Self, Error> {
        let plane = control_plane::ControlPlane::start().await?;
        let (kubeconfig, binary) = (plane.kubeconfig().to_owned(), like.binary.clone());
        plane.kubectl(&["create", "namespace", SYSTEM_NAMESPACE]).await?.checked()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/helm3.sh");
        let output = Command::new(script).output().await?;
        ensure!(output.status.success(), "no Helm 3: {}", String::from_utf8_lossy(&output.stderr));
        let helm3 = String::from_utf8(output.stdout)?.trim().into();
        let world = World::new(Arc::new(Cluster { plane, kubeconfig, binary })).await?;
        Ok(Self { world, helm3, directory: tempfile::tempdir()? })
    }

    /// Helm 4, in the namespace of the chart.
    pub async fn helm(&self, arguments: &[&str]) -> Result<CommandOutput, Error> {
        let namespace = ["--namespace", SYSTEM_NAMESPACE];
        Ok(self.world.cluster.plane.helm(&[arguments, &namespace].concat()).await?)
    }

    /// Helm 3, in the namespace of the chart.
    pub async fn helm3(&self, arguments: &str) -> Result<CommandOutput, Error> {
        self.shell(&format!("{} {arguments} --namespace {SYSTEM_NAMESPACE}", self.helm3.display())).await
    }

    /// A command line in which `helm`, `kubectl` and the path of the chart are those of the tests; what it printed.
    pub async fn shell(&self, script: &str) -> Result<CommandOutput, Error> {
        let binaries = self.world.cluster.plane.binaries();
        let directory = |program: &Path| program.parent().unwrap_or(program).display().to_string();
        let path = std::env::var("PATH")?;
        let path = format!("{}:{}:{path}", directory(&binaries.helm), directory(&binaries.kubectl));
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.envs(self.world.cluster.plane.environment()).env("PATH", path);
        let output = command.output().await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(CommandOutput {
            command: script.to_owned(),
            status_code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// kubectl as the administrator of the cluster; what it printed.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, Error> {
        Ok(self.world.kubectl(arguments).await?.checked()?.stdout)
    }

    /// The operator with the rights of this ServiceAccount of the chart. It believes AWS soon after a write.
    pub async fn operator(&self, account: &str) -> Result<Operator, Error> {
        let kubeconfig = self.world.cluster.plane.kubeconfig_for(SYSTEM_NAMESPACE, account).await?;
        let environment = [("KUBECONFIG", kubeconfig.display().to_string())].into();
        let start = Start::with_create_grace(1);
        self.world.operator(&Start { environment, ..start })
    }

    /// Waits until the API server refuses this command with a message that has this in it.
    pub async fn until_refused(&self, arguments: &[&str], says: &str) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let output = self.world.kubectl(&[arguments, &["--dry-run=server"]].concat()).await?;
            if !output.success() && output.stderr.contains(says) {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < end, "never refused: {output:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn until_established(&self) -> Result<(), Error> {
        established(&self.world.cluster.plane).await
    }

    /// Deletes this. A policy may still be in force for a moment after it is deleted or no longer applies.
    pub async fn delete(&self, what: &[&str]) -> Result<(), Error> {
        let delete = [&["delete", "--timeout=60s"], what].concat();
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let output = self.world.kubectl(&delete).await?;
            if output.success() {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < end, "{output:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub async fn delete_crd(&self) -> Result<(), Error> {
        self.delete(&[CRD]).await
    }

    /// The changes that AWS was asked for, in order.
    pub async fn changes(&self) -> Result<Vec<String>, Error> {
        let calls = self.world.mutating_calls().await?;
        Ok(calls.into_iter().map(|call| call.operation).collect())
    }
}
