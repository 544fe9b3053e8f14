//! Starts and stops everything that the demo needs: control plane, simulated AWS, chart and operator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use control_plane::ControlPlane;
use healthomics_simulator::{Knobs, Options, Simulator, SimulatorClient};

use crate::Error;
use crate::operator::{self, Operator, OperatorConfig};
use crate::screen::Screen;

/// The namespace of the chart.
pub const SYSTEM_NAMESPACE: &str = "sequencestore-system";
/// The name of the Helm release. The chart gives the ServiceAccount the same name.
pub const RELEASE: &str = "sequencestore-operator";
pub const REGION: &str = "us-east-1";

/// Everything that runs. Rust drops the fields in this order, so the operator stops first.
pub struct Stack {
    pub operator: Operator,
    pub simulator: Simulator,
    pub plane: ControlPlane,
    /// The directory of the kubectl plugin, in `directory`.
    plugin: PathBuf,
    /// A temporary directory for the operator's log, the manifests and the plugin.
    pub directory: tempfile::TempDir,
}

impl Stack {
    /// Starts everything, and prints the progress on `screen`.
    pub async fn start(screen: &Screen) -> Result<Self, Error> {
        operator::binary()?;
        let directory = tempfile::Builder::new()
            .prefix("sequencestore-demo-")
            .tempdir()
            .map_err(|error| format!("could not create a temporary directory: {error}"))?;

        screen.progress("Starting etcd, kube-apiserver and kube-controller-manager ...");
        let plane = ControlPlane::start().await?;

        screen.progress("Starting the HealthOmics simulator ...");
        let knobs = Knobs { creating_ms: 2000, deleting_ms: 3000, ..Knobs::default() };
        let simulator = Simulator::start(Options { knobs, ..Options::default() }).await?;

        screen.progress("Installing the chart ...");
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/sequencestore-operator");
        let region = format!("aws.region={REGION}");
        let install = ["install", RELEASE, chart, "--set", &region];
        let namespace = ["--namespace", SYSTEM_NAMESPACE, "--create-namespace"];
        plane.helm(&[&install[..], &namespace].concat()).await?.checked()?;
        let wait_for_crd = ["wait", "--for=condition=Established", "crd/sequencestores.healthomics.dev"];
        plane.kubectl(&wait_for_crd).await?.checked()?;

        // Without a node the chart's Pod never runs. The operator runs as a process with the Pod's ServiceAccount
        // instead.
        screen.progress("Starting the operator with the token of the chart's ServiceAccount ...");
        let operator = Operator::start(OperatorConfig {
            kubeconfig: plane.kubeconfig_for(SYSTEM_NAMESPACE, RELEASE).await?,
            aws_endpoint: simulator.url(),
            region: REGION,
            log: directory.path().join("operator.log"),
        })?;
        let plugin = install_plugin(directory.path())?;
        Ok(Self { operator, simulator, plane, plugin, directory })
    }

    /// A client of the simulator's control API.
    pub fn aws(&self) -> SimulatorClient {
        self.simulator.client()
    }

    /// The directories of kubectl, its plugin and helm, in the form of PATH.
    pub fn tools(&self) -> String {
        let binaries = self.plane.binaries();
        let mut directories: Vec<&Path> =
            [&binaries.kubectl, &binaries.helm].into_iter().filter_map(|program| program.parent()).collect();
        directories.dedup();
        directories.insert(0, &self.plugin);
        directories.iter().map(|directory| directory.display().to_string()).collect::<Vec<_>>().join(":")
    }

    /// The environment variables for kubectl and helm, including PATH.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut path = OsString::from(self.tools());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut all = self.plane.environment();
        all.push(("PATH", path));
        all
    }

    /// Waits until a process exits unexpectedly, and returns the error that names it. Never returns otherwise.
    pub async fn crashed(&self) -> Error {
        tokio::select! {
            error = self.operator.crashed() => error,
            error = self.plane.crashed() => error.into(),
        }
    }

    /// Writes a manifest to the temporary directory.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).map_err(|error| format!("could not write {name}: {error}"))?;
        Ok(path)
    }

    /// Stops everything. The operator stops first, while it can still reach the API server. `keep_log` keeps the
    /// temporary directory with the operator's log.
    pub async fn stop(self, keep_log: bool) {
        let Self { operator, simulator, plane, mut directory, plugin: _ } = self;
        directory.disable_cleanup(keep_log);
        // Dropping waits for a process, which would block the runtime and with it the simulator.
        let _ = tokio::task::spawn_blocking(move || drop(operator)).await;
        simulator.stop().await;
        plane.stop().await;
    }
}

/// Links the operator's binary under the names by which kubectl runs and completes `kubectl seqstore`.
fn install_plugin(directory: &Path) -> Result<PathBuf, Error> {
    let plugin = directory.join("bin");
    let linked = std::fs::create_dir(&plugin).and_then(|()| {
        let program = operator::binary().map_err(std::io::Error::other)?;
        ["kubectl-seqstore", "kubectl_complete-seqstore"]
            .into_iter()
            .try_for_each(|name| std::os::unix::fs::symlink(&program, plugin.join(name)))
    });
    linked.map_err(|error| format!("could not install the kubectl plugin: {error}"))?;
    Ok(plugin)
}
