//! `export`: existing stores as manifests that adopt them, and stores whose object is gone. I/O, read-only.

pub mod filter;
mod flags;
pub mod inventory;
pub mod manifest;
pub mod names;
pub mod orphans;
pub mod pace;
pub mod table;

pub(in crate::cli) use flags::EXAMPLES;
pub use flags::{Export, Output, Policy};
use std::process::ExitCode;

use super::{aws_failure as aws, print, printable, tell};
use crate::aws::Aws;
use crate::cli::ExportOutput;
use crate::crd::{ManagementPolicy, OwnerTags};
use crate::kubernetes::cluster;
use filter::Filter;
use inventory::{Asked, Entry, Gatherer, Owned};
use manifest::{Manifest, comment, json, yaml};
use orphans::Orphan;
use table::table;

/// There are orphans.
const EXIT_SOME: u8 = 1;

/// Prints an inventory.
///
/// # Errors
/// One line, and then nothing is printed: a part of an inventory is none.
pub async fn export(flags: Export, program: &'static str) -> Result<ExitCode, String> {
    let omics = Aws::from_environment(flags.region.clone()).await;
    let region = omics
        .default_region()
        .ok_or("no region: give --region, or set AWS_REGION or a profile with a region")?;
    let gatherer = Gatherer::new(&omics, &region, flags.quota_share);
    match flags.orphans {
        true => orphaned(&flags, &gatherer, &region, program).await,
        false => inventory(&flags, &gatherer, &region, program).await,
    }
}

async fn inventory(
    flags: &Export,
    gatherer: &Gatherer<'_>,
    region: &str,
    program: &str,
) -> Result<ExitCode, String> {
    let fields = match (flags.bare, flags.include_owned) {
        (true, _) => None,
        (false, true) => Some(Owned::Included),
        (false, false) => Some(Owned::LeftOut),
    };
    let asked = Asked { tags: !flags.bare, fields };
    let entries = gatherer.gather(&Filter::of(flags), asked).await;
    let entries = entries.map_err(|error| aws::failure(&error, Some(region), program))?;
    let (owned, free): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.is_owned() && !flags.include_owned);

    let policy = ManagementPolicy::from(flags.management_policy);
    let manifests: Vec<Manifest> = free
        .iter()
        .map(|entry| {
            let namespace = flags.namespace.as_deref();
            let bare = Manifest::bare(&entry.store, region, namespace, &entry.name, policy);
            let mut manifest = match (&entry.tags, flags.bare) {
                (Some(tags), false) => bare.with_fields(&entry.store, tags),
                _ => bare,
            };
            manifest
                .remarks
                .extend(entry.is_owned().then(|| format!("the store belongs to {}", owner(entry))));
            manifest
        })
        .collect();
    match flags.output.unwrap_or(ExportOutput::Yaml) {
        ExportOutput::Json => print(&json(&manifests)?),
        ExportOutput::Yaml => {
            let mut text = yaml(&manifests)?;
            for entry in &owned {
                text.push_str(&comment(&format!(
                    "# left out: store {} ({}) belongs to {}",
                    entry.store.id,
                    entry.store.name.as_deref().unwrap_or_default(),
                    owner(entry)
                )));
                text.push('\n');
            }
            print(&text);
        }
        ExportOutput::Table => {
            let rows: Vec<Vec<String>> = free.iter().chain(&owned).map(row).collect();
            print(&table(&["STORE ID", "NAME", "STATUS", "CREATED", "OBJECT NAME", "OWNED BY"], &rows));
        }
    }
    let mut line = format!("{program}: {} in {region}", stores(manifests.len()));
    if !owned.is_empty() {
        line.push_str(&format!(
            "; {} left out that an object owns already (--include-owned takes them in)",
            stores(owned.len())
        ));
    }
    tell(&line);
    Ok(ExitCode::SUCCESS)
}

async fn orphaned(
    flags: &Export,
    gatherer: &Gatherer<'_>,
    region: &str,
    program: &str,
) -> Result<ExitCode, String> {
    // The way to the cluster is tried first: it costs nothing.
    let client = cluster::connect(&(&flags.access).into()).await?;
    let before = all_objects(&client).await?;
    let name = match flags.cluster_name.clone().or_else(|| cluster::written_name(&before)) {
        Some(name) => name,
        None => cluster::uid(&client).await?,
    };
    let entries = gatherer.gather(&Filter::of(flags), Asked { tags: true, fields: None }).await;
    let entries = entries.map_err(|error| aws::failure(&error, Some(region), program))?;
    // After the stores, so that the object of a store just made is there.
    let objects = all_objects(&client).await?;
    let found = orphans::find(entries, &objects, &name);
    let mut orphans = Vec::new();
    for orphan in found.orphans {
        // A deletion may have come to its end while the others were read.
        let store = gatherer.look(&orphan.entry.store.id).await;
        let store = store.map_err(|error| aws::failure(&error, Some(region), program))?;
        if let Some(store) = store.filter(|store| store.status.as_deref() != Some("DELETING")) {
            orphans.push(Orphan { entry: Entry { store, ..orphan.entry }, ..orphan });
        }
    }
    show_orphans(flags, region, &orphans)?;
    tell(&format!(
        "{program}: {} of cluster {name} in {region}, {} without an object",
        stores(found.ours),
        orphans.len()
    ));
    if found.ours == 0 && !found.others.is_empty() {
        let others: Vec<String> =
            found.others.iter().map(|(cluster, count)| format!("{} ({count})", printable(cluster))).collect();
        tell(&format!(
            "{program}: there are stores of other clusters: {}; is one of them this one? Then give --cluster-name",
            others.join(", ")
        ));
    }
    Ok(if orphans.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_SOME) })
}

async fn all_objects(client: &kube::Client) -> Result<Vec<crate::kubernetes::WatchedObject>, String> {
    cluster::objects(client, None).await.map_err(|error| match error {
        cluster::Failure::NotFound(_) => cluster::NOT_INSTALLED.to_owned(),
        error => format!(
            "cannot list the SequenceStores of all namespaces, without which no store is an orphan: {error}"
        ),
    })
}

fn show_orphans(flags: &Export, region: &str, orphans: &[Orphan]) -> Result<(), String> {
    let policy = ManagementPolicy::from(flags.management_policy);
    let manifests = || -> Vec<Manifest> {
        let mut taken = std::collections::BTreeSet::new();
        let mut manifests = Vec::new();
        for Orphan { entry, owner, has_successor } in orphans {
            // The former name leads the store back to its object; two stores cannot both have it.
            let first = taken.insert((&owner.namespace, &owner.name)) && !has_successor;
            let name = if first { owner.name.clone() } else { entry.name.clone() };
            let bare = Manifest::bare(&entry.store, region, Some(&owner.namespace), &name, policy);
            let tags = entry.tags.clone().unwrap_or_default();
            manifests.push(bare.with_fields(&entry.store, &tags));
        }
        manifests
    };
    match flags.output.unwrap_or(ExportOutput::Table) {
        ExportOutput::Yaml => print(&yaml(&manifests())?),
        ExportOutput::Json => print(&json(&manifests())?),
        ExportOutput::Table if orphans.is_empty() => {}
        ExportOutput::Table => {
            let rows: Vec<Vec<String>> = orphans
                .iter()
                .map(|Orphan { entry, owner, has_successor }| {
                    let remark = if *has_successor { "another object has this name now" } else { "" };
                    let mut row = row(entry);
                    row.truncate(4);
                    row.extend([
                        format!("{}/{}", owner.namespace, owner.name),
                        owner.uid.clone(),
                        remark.into(),
                    ]);
                    row.iter().map(|cell| printable(cell)).collect()
                })
                .collect();
            print(&table(
                &["STORE ID", "NAME", "STATUS", "CREATED", "FORMER OBJECT", "UID", "REMARK"],
                &rows,
            ));
        }
    }
    Ok(())
}

fn row(entry: &Entry) -> Vec<String> {
    let text = |value: &Option<String>| printable(value.as_deref().unwrap_or_default());
    let store = &entry.store;
    let created = store.creation_time.as_deref().and_then(|time| time.split('T').next()).unwrap_or_default();
    let owner = if entry.is_owned() { printable(&owner(entry)) } else { String::new() };
    vec![
        store.id.clone(),
        text(&store.name),
        text(&store.status),
        created.to_owned(),
        entry.name.clone(),
        owner,
    ]
}

/// Whose store it is, as its tags say.
fn owner(entry: &Entry) -> String {
    match entry.tags.as_ref().and_then(OwnerTags::read) {
        Some(owner) => format!("{}/{} of cluster {}", owner.namespace, owner.name, owner.cluster),
        None => "an object that its tags do not name in full".into(),
    }
}

fn stores(count: usize) -> String {
    if count == 1 { "1 store".into() } else { format!("{count} stores") }
}
