//! Flags that several commands have, so that a plan is made with the same settings as the operator's. No I/O.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::values::{cluster_name, duration, region};

/// Where stores are, and what this cluster is called in their owner tags.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Region of objects that name none [default: the AWS environment's]
    #[arg(long, env = "SEQSTORE_REGION", value_parser = region)]
    pub region: Option<String>,

    /// Name of this cluster in the owner tags of stores [default: the uid of namespace kube-system]
    #[arg(long, env = "SEQSTORE_CLUSTER_NAME", value_parser = cluster_name, value_name = "NAME")]
    pub cluster_name: Option<String>,
}

/// How often is looked, and for how long AWS may lag.
#[derive(Args, Clone, Debug)]
pub struct Pace {
    /// Time between two looks at a settled store, such as 30s, 5m or 1h
    #[arg(long, env = "SEQSTORE_POLL_INTERVAL", default_value = "5m", value_parser = duration, value_name = "TIME")]
    pub poll_interval: Duration,

    /// How long AWS's List, tags and Get may lag behind a write; a create whose outcome is unknown is
    /// repeated only after it
    #[arg(long, env = "SEQSTORE_CREATE_GRACE", default_value = "60s", value_parser = duration, value_name = "TIME")]
    pub create_grace: Duration,
}

/// The way to Kubernetes, as kubectl has it.
#[derive(Args, Clone, Debug, Default)]
pub struct KubernetesFlags {
    /// Kubeconfig file [default: KUBECONFIG, then ~/.kube/config, then inside a cluster]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
}

impl From<&KubernetesFlags> for crate::kubernetes::cluster::Access {
    fn from(flags: &KubernetesFlags) -> Self {
        Self { kubeconfig: flags.kubeconfig.clone(), context: flags.context.clone() }
    }
}
