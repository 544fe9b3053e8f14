//! The parts that run: control plane, simulated AWS, chart, operator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use control_plane::ControlPlane;
use healthomics_simulator::{Knobs, Options, Simulator, SimulatorClient};

use crate::Error;
use crate::operator::{self, Operator, Surroundings};
use crate::screen::Screen;

/// Namespace that the chart is installed in.
pub const SYSTEM_NAMESPACE: &str = "sequencestore-system";
/// Name of the release, and so of the ServiceAccount.
pub const RELEASE: &str = "sequencestore-operator";
/// Region of the stores.
pub const REGION: &str = "us-east-1";

/// Everything that runs. The fields are dropped in this order: the operator goes first.
pub struct Parts {
    /// The operator.
    pub operator: Operator,
    /// AWS.
    pub simulator: Simulator,
    /// Kubernetes.
    pub plane: ControlPlane,
    /// Where the operator's log and the manifests are; removed at the end.
    pub directory: tempfile::TempDir,
}

impl Parts {
    /// Starts everything, and says on `screen` what is being done.
    pub async fn start(screen: &Screen) -> Result<Self, Error> {
        operator::binary()?;
        let directory = tempfile::Builder::new()
            .prefix("sequencestore-demo-")
            .tempdir()
            .map_err(|error| format!("no temporary directory: {error}"))?;

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
        let definition = ["wait", "--for=condition=Established", "crd/sequencestores.healthomics.dev"];
        plane.kubectl(&definition).await?.checked()?;

        // There is no node, so the chart's Pod never runs; a process with the rights of that Pod does.
        screen.progress("Starting the operator with the token of the chart's ServiceAccount ...");
        let kubeconfig = plane.kubeconfig_for(SYSTEM_NAMESPACE, RELEASE).await?;
        let surroundings = Surroundings { kubeconfig, aws: simulator.url(), region: REGION };
        let operator = Operator::start(surroundings, directory.path().join("operator.log"))?;
        Ok(Self { operator, simulator, plane, directory })
    }

    /// The control side of the simulated AWS.
    pub fn aws(&self) -> SimulatorClient {
        self.simulator.client()
    }

    /// Directories of kubectl and helm, in the form of PATH.
    pub fn tools(&self) -> String {
        let binaries = self.plane.binaries();
        let mut directories: Vec<&Path> =
            [&binaries.kubectl, &binaries.helm].into_iter().filter_map(|program| program.parent()).collect();
        directories.dedup();
        directories.iter().map(|directory| directory.display().to_string()).collect::<Vec<_>>().join(":")
    }

    /// What kubectl needs in its environment, PATH included.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let mut path = OsString::from(self.tools());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut all = self.plane.environment();
        all.push(("PATH", path));
        all
    }

    /// Waits until a part ends by itself, and says which. Never returns while all is well.
    pub async fn crashed(&self) -> Error {
        tokio::select! {
            error = self.operator.crashed() => error,
            error = self.plane.crashed() => error.into(),
        }
    }

    /// Writes a manifest for the user to apply.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).map_err(|error| format!("could not write {name}: {error}"))?;
        Ok(path)
    }

    /// Stops everything: the operator while it can still reach the API server, then the rest. The operator's log is
    /// kept where it may be needed.
    pub async fn stop(self, keep_log: bool) {
        let Self { operator, simulator, plane, mut directory } = self;
        directory.disable_cleanup(keep_log);
        // Dropping waits for a process, which would hold up the runtime, and with it the simulator.
        let _ = tokio::task::spawn_blocking(move || drop(operator)).await;
        simulator.stop().await;
        plane.stop().await;
    }
}
