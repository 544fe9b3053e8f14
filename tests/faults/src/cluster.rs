//! Starts the control plane that all plans share, installs the chart, and copies the operator's binary.

use std::path::{Path, PathBuf};

use control_plane::ControlPlane;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::Error;

const SYSTEM_NAMESPACE: &str = "sequencestore-system";
const SERVICE_ACCOUNT: &str = "sequencestore-operator";
const PROGRAM: &str = "sequencestore-operator";

pub struct Cluster {
    pub plane: ControlPlane,
    /// The token of the chart's ServiceAccount, so that RBAC applies to the operator.
    pub token: String,
    /// The address and CA of the API server. The proxies use it without its credentials: requests carry the operator's.
    pub config: kube::Config,
    /// A copy of the operator's binary, so that a build during the test does not replace it.
    pub binary: PathBuf,
    /// Each namespace acts with the role of an AccountBinding.
    pub binding: bool,
}

impl Cluster {
    pub async fn start(operator: Option<&Path>, binding: bool) -> Result<Self, Error> {
        let original = match operator {
            Some(path) => path.to_owned(),
            None => std::env::current_exe()?.with_file_name(PROGRAM),
        };
        let plane = ControlPlane::start().await?;
        let binary = plane.directory().join(PROGRAM);
        std::fs::copy(&original, &binary).map_err(|error| {
            format!(
                "could not copy {}: {error}; build it with `cargo build --package {PROGRAM}`",
                original.display()
            )
        })?;
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/sequencestore-operator");
        let install =
            ["install", SERVICE_ACCOUNT, chart, "--namespace", SYSTEM_NAMESPACE, "--create-namespace"];
        let settings = ["--set", "connectionConfigMaps.enabled=true,accountBindings.enabled=true"];
        plane.helm(&[&install[..], &settings].concat()).await?.checked()?;
        let wait_for_crds = ["wait", "--for=condition=Established", "crd", "--all"];
        plane.kubectl(&wait_for_crds).await?.checked()?;
        // The chart allows one Lease in its own namespace, and each plan has a Lease and a namespace of its own.
        let user = format!("--serviceaccount={SYSTEM_NAMESPACE}:{SERVICE_ACCOUNT}");
        let verbs = ["create", "clusterrole", "leases", "--verb=create,get,update", "--resource=leases"];
        plane.kubectl(&verbs).await?.checked()?;
        let granted = ["create", "clusterrolebinding", "leases", "--clusterrole=leases", &user];
        plane.kubectl(&granted).await?.checked()?;
        let token = plane.token_for(SYSTEM_NAMESPACE, SERVICE_ACCOUNT).await?;
        let kubeconfig =
            Kubeconfig::read_from(plane.kubeconfig_for(SYSTEM_NAMESPACE, SERVICE_ACCOUNT).await?)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        Ok(Self { plane, token, config, binary, binding })
    }
}
