//! Exports orphans: stores of this cluster whose object no longer exists. I/O: reads AWS and Kubernetes, writes
//! standard output and error.

use std::collections::BTreeSet;
use std::process::ExitCode;

use super::filter::Filter;
use super::flags::{ExportFlags, ExportOutput};
use super::manifest::{Manifest, to_json, to_yaml};
use super::orphan_search::{Orphan, OrphanSearch};
use super::store_reader::{Detail, Entry, Fields, StoreReader};
use super::{count_of_stores, explained};
use crate::cli::output::{eprint, print, printable};
use crate::cli::table::{store_columns, table};
use crate::crd::{ManagementPolicy, StoreStatus};
use crate::kubernetes::{WatchedObject, cluster};
use crate::metrics::Metrics;

const EXIT_ORPHANS_FOUND: u8 = 1;

pub(super) async fn export(
    flags: &ExportFlags,
    reader: &StoreReader<'_>,
    region: &str,
    program: &str,
) -> Result<ExitCode, String> {
    // Kubernetes comes first: an error there shows at once, while reading AWS takes minutes.
    let client = cluster::connect(&(&flags.kubernetes).into(), &Metrics::default()).await?;
    let before = all_objects(&client).await?;
    let cluster_name = match flags.cluster_name.clone().or_else(|| cluster::recorded_name_in(&before)) {
        Some(name) => name,
        None => cluster::uid(&client).await.map_err(|failure| cluster::no_uid(&failure))?,
    };
    let detail = Detail { tags: true, fields: Fields::AsListed };
    let entries = reader.read_all(&Filter::of(flags), detail).await;
    let entries = entries.map_err(|error| explained(&error, region, program))?;
    // Objects are listed again after the stores: one created in between already owns a listed store.
    let objects = all_objects(&client).await?;
    let OrphanSearch { orphans, owned_here, owned_elsewhere } =
        OrphanSearch::of(entries, &objects, &cluster_name);
    let mut found = Vec::new();
    for orphan in orphans {
        // The store may have been deleted while the others were read.
        let store = reader.read_store(&orphan.entry.store.id).await;
        let store = store.map_err(|error| explained(&error, region, program))?;
        if let Some(store) = store.filter(|store| !store.is(StoreStatus::Deleting)) {
            found.push(Orphan { entry: Entry { store, ..orphan.entry }, ..orphan });
        }
    }
    show(flags, region, &found)?;
    eprint(&format!(
        "{program}: {} of cluster {cluster_name} in {region}, {} without an object",
        count_of_stores(owned_here),
        found.len()
    ));
    if owned_here == 0 && !owned_elsewhere.is_empty() {
        let others: Vec<String> = owned_elsewhere
            .iter()
            .map(|(cluster, count)| format!("{} ({count})", printable(cluster)))
            .collect();
        eprint(&format!(
            "{program}: stores of other clusters exist: {}; if one of these names is this cluster, set --cluster-name",
            others.join(", ")
        ));
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_ORPHANS_FOUND) })
}

async fn all_objects(client: &kube::Client) -> Result<Vec<WatchedObject>, String> {
    cluster::list_sequence_stores(client, None).await.map_err(|error| match error {
        cluster::Failure::NotFound(_) => cluster::CRD_NOT_INSTALLED.to_owned(),
        error => {
            format!("cannot list the SequenceStores of all namespaces, which --orphans requires: {error}")
        }
    })
}

fn show(flags: &ExportFlags, region: &str, orphans: &[Orphan]) -> Result<(), String> {
    let policy = ManagementPolicy::from(flags.management_policy);
    match flags.output.unwrap_or(ExportOutput::Table) {
        ExportOutput::Yaml => print(&to_yaml(&manifests(orphans, region, policy))?)?,
        ExportOutput::Json => print(&to_json(&manifests(orphans, region, policy))?)?,
        ExportOutput::Table if orphans.is_empty() => {}
        ExportOutput::Table => {
            let head = ["STORE ID", "NAME", "STATUS", "CREATED", "FORMER OBJECT", "UID", "REMARK"];
            print(&table(&head, &orphans.iter().map(row).collect::<Vec<_>>()))?;
        }
    }
    Ok(())
}

fn manifests(orphans: &[Orphan], region: &str, policy: ManagementPolicy) -> Vec<Manifest> {
    let mut taken = BTreeSet::new();
    let mut manifests = Vec::new();
    for Orphan { entry, owner, has_successor } in orphans {
        // By the former name the operator adopts the store again. Only one store can have it.
        let is_free = taken.insert((&owner.namespace, &owner.name)) && !has_successor;
        let name = if is_free { &owner.name } else { &entry.object_name };
        let bare = Manifest::bare(&entry.store, region, Some(&owner.namespace), name, policy);
        manifests.push(bare.with_fields(&entry.store, &entry.tags.clone().unwrap_or_default()));
    }
    manifests
}

fn row(orphan: &Orphan) -> Vec<String> {
    let Orphan { entry, owner, has_successor } = orphan;
    let former = printable(&format!("{}/{}", owner.namespace, owner.name));
    let remark = if *has_successor { "another object has this name now" } else { "" };
    store_columns(&entry.store).into_iter().chain([former, printable(&owner.uid), remark.into()]).collect()
}
