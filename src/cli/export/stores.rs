//! Exports stores as manifests. I/O: reads AWS, writes standard output and error.

use std::process::ExitCode;

use super::filter::Filter;
use super::flags::{ExportFlags, ExportOutput};
use super::manifest::{Manifest, comment, to_json, to_yaml};
use super::store_reader::{Detail, Entry, Fields, StoreReader};
use super::{count_of_stores, explained};
use crate::cli::output::{eprint, print, printable};
use crate::cli::table::{store_columns, table};
use crate::crd::{ManagementPolicy, OwnerTags};

pub(super) async fn export(
    flags: &ExportFlags,
    reader: &StoreReader<'_>,
    region: &str,
    program: &str,
) -> Result<ExitCode, String> {
    let fields = match (flags.bare, flags.include_owned) {
        (true, _) => Fields::AsListed,
        (false, true) => Fields::OfAllStores,
        (false, false) => Fields::OfStoresWithoutOwner,
    };
    let detail = Detail { tags: !flags.bare, fields };
    let entries = reader.read_all(&Filter::of(flags), detail).await;
    let entries = entries.map_err(|error| explained(&error, region, program))?;
    let (left_out, exported): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| entry.is_owned() && !flags.include_owned);

    let manifests: Vec<Manifest> = exported.iter().map(|entry| manifest(entry, flags, region)).collect();
    match flags.output.unwrap_or(ExportOutput::Yaml) {
        ExportOutput::Json => print(&to_json(&manifests)?)?,
        ExportOutput::Yaml => {
            let mut text = to_yaml(&manifests)?;
            left_out.iter().for_each(|entry| text.push_str(&left_out_comment(entry)));
            print(&text)?;
        }
        ExportOutput::Table => {
            let rows: Vec<Vec<String>> = exported.iter().chain(&left_out).map(row).collect();
            print(&table(&["STORE ID", "NAME", "STATUS", "CREATED", "OBJECT NAME", "OWNED BY"], &rows))?;
        }
    }
    let mut summary = format!("{program}: {} in {region}", count_of_stores(manifests.len()));
    if !left_out.is_empty() {
        summary.push_str(&format!(
            "; left out {} that an object owns already (--include-owned includes them)",
            count_of_stores(left_out.len())
        ));
    }
    eprint(&summary);
    Ok(ExitCode::SUCCESS)
}

fn manifest(entry: &Entry, flags: &ExportFlags, region: &str) -> Manifest {
    let policy = ManagementPolicy::from(flags.management_policy);
    let namespace = flags.namespace.as_deref();
    let bare = Manifest::bare(&entry.store, region, namespace, &entry.object_name, policy);
    let mut manifest = match (&entry.tags, flags.bare) {
        (Some(tags), false) => bare.with_fields(&entry.store, tags),
        _ => bare,
    };
    if entry.is_owned() {
        manifest.remarks.push(format!("the store is owned by {}", owner(entry)));
    }
    manifest
}

fn left_out_comment(entry: &Entry) -> String {
    let name = entry.store.name.as_deref().unwrap_or_default();
    let line = format!("# left out: store {} ({name}) is owned by {}", entry.store.id, owner(entry));
    comment(&line) + "\n"
}

fn row(entry: &Entry) -> Vec<String> {
    let owner = if entry.is_owned() { printable(&owner(entry)) } else { String::new() };
    store_columns(&entry.store).into_iter().chain([entry.object_name.clone(), owner]).collect()
}

fn owner(entry: &Entry) -> String {
    match entry.tags.as_ref().and_then(OwnerTags::read) {
        Some(owner) => format!("{}/{} of cluster {}", owner.namespace, owner.name, owner.cluster),
        None => "an unknown object, because its owner tags are incomplete".into(),
    }
}
