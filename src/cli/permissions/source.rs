//! Where `permissions` learns of an AccountBinding and of the name of the cluster: the cluster, or a file. I/O: reads Kubernetes,
//! or a file.

use kube::Client;

use super::flags::PermissionsFlags;
use crate::cli::bindings;
use crate::cli::manifests::{self, documents};
use crate::crd::AccountBinding;
use crate::kubernetes::cluster;
use crate::metrics::Metrics;

/// The binding of this name, and the name of the cluster in session tags, where it is known.
pub(super) async fn read(
    flags: &PermissionsFlags,
    name: &str,
) -> Result<(AccountBinding, Option<String>), String> {
    if let Some(file) = &flags.file {
        return Ok((in_file(file, name).await?, flags.cluster_name.clone()));
    }
    let client = cluster::connect(&(&flags.kubernetes).into(), &Metrics::default()).await?;
    let found = bindings::get(&client, name).await;
    let found = found.map_err(|error| format!("cannot read the AccountBinding {name}: {error}"))?;
    let binding = found.ok_or_else(|| {
        format!("AccountBinding {name} not found; `kubectl get acctbinding` lists all of them")
    })?;
    let cluster = match &flags.cluster_name {
        Some(name) => Some(name.clone()),
        None => cluster_name(&client).await,
    };
    Ok((binding, cluster))
}

async fn in_file(file: &str, name: &str) -> Result<AccountBinding, String> {
    let (file, found) = manifests::read_bindings(file).await?;
    let is_wanted = |manifest: &&serde_json::Value| manifest["metadata"]["name"] == name;
    let manifest = found.iter().find(is_wanted);
    let manifest = manifest.ok_or_else(|| format!("{file} contains no AccountBinding {name}"))?;
    documents::binding(manifest).map_err(|error| format!("{file}: AccountBinding {name}: {error}"))
}

/// As `plan` finds it: the name that the operator wrote to a store of this cluster, or else its default.
async fn cluster_name(client: &Client) -> Option<String> {
    let objects = cluster::list_sequence_stores(client, None).await.unwrap_or_default();
    match cluster::recorded_name_in(&objects) {
        Some(name) => Some(name),
        None => cluster::uid(client).await.ok(),
    }
}
