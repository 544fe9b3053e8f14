//! The control plane with the chart installed, and a copy of the operator to run on it.

use std::path::{Path, PathBuf};

use control_plane::ControlPlane;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::Error;

const SYSTEM_NAMESPACE: &str = "sequencestore-system";
const SERVICE_ACCOUNT: &str = "sequencestore-operator";
const PROGRAM: &str = "sequencestore-operator";

pub struct Cluster {
    pub plane: ControlPlane,
    /// Token of the chart's ServiceAccount: RBAC applies.
    pub token: String,
    /// How to reach the API server; without credentials, which the operator brings.
    pub config: kube::Config,
    /// A copy: a build that runs meanwhile must not change what is tested.
    pub binary: PathBuf,
}

impl Cluster {
    pub async fn start(operator: Option<&Path>) -> Result<Self, Error> {
        let original = match operator {
            Some(path) => path.to_owned(),
            None => std::env::current_exe()?.with_file_name(PROGRAM),
        };
        let plane = ControlPlane::start().await?;
        let binary = plane.directory().join(PROGRAM);
        std::fs::copy(&original, &binary).map_err(|error| {
            format!("{}: {error}; build it with `cargo build --package {PROGRAM}`", original.display())
        })?;
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/sequencestore-operator");
        let install =
            ["install", SERVICE_ACCOUNT, chart, "--namespace", SYSTEM_NAMESPACE, "--create-namespace"];
        plane.helm(&install).await?.checked()?;
        let definition = ["wait", "--for=condition=Established", "crd/sequencestores.healthomics.dev"];
        plane.kubectl(&definition).await?.checked()?;
        let token = plane.token_for(SYSTEM_NAMESPACE, SERVICE_ACCOUNT).await?;
        let kubeconfig =
            Kubeconfig::read_from(plane.kubeconfig_for(SYSTEM_NAMESPACE, SERVICE_ACCOUNT).await?)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        Ok(Self { plane, token, config, binary })
    }
}
