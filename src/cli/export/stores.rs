//! Exports stores as manifests. I/O: reads AWS and the binding of a namespace, writes standard output and error.

use std::process::ExitCode;

use super::binding;
use super::filter::Filter;
use super::flags::{ExportFlags, ExportOutput};
use super::manifest::{Manifest, comment, to_json, to_yaml};
use super::store_reader::{Detail, Entry, Fields, StoreReader};
use super::{count_of_stores, explained};
use crate::cli::output::{eprint, print, printable};
use crate::cli::table::{store_columns, table};
use crate::crd::{ManagementPolicy, OwnerTags};
use crate::tenancy::Bound;

/// What becomes of the stores that the filter selects.
#[derive(Default)]
struct Sorted {
    manifests: Vec<Manifest>,
    exported: Vec<Entry>,
    /// An object owns these already.
    owned: Vec<Entry>,
    /// The binding of the namespace does not allow these, each with why.
    not_allowed: Vec<(Entry, String)>,
}

pub(super) async fn export(
    flags: &ExportFlags,
    reader: &StoreReader<'_>,
    region: &str,
    program: &str,
) -> Result<ExitCode, String> {
    let bound = binding::of_namespace(flags).await;
    if let Some(bound) = &bound {
        let account = reader.account().await.map_err(|error| explained(&error, region, program))?;
        if account != bound.account {
            eprint(&format!("{program}: {}", elsewhere(flags, bound, &account)));
        }
    }
    let fields = match (flags.bare, flags.include_owned) {
        (true, _) => Fields::AsListed,
        (false, true) => Fields::OfAllStores,
        (false, false) => Fields::OfStoresWithoutOwner,
    };
    let detail = Detail { tags: !flags.bare, fields };
    let entries = reader.read_all(&Filter::of(flags), detail).await;
    let entries = entries.map_err(|error| explained(&error, region, program))?;
    let sorted = sort(entries, flags, region, bound.as_ref());
    show(flags, &sorted)?;
    eprint(&format!("{program}: {}", summary(&sorted, region)));
    Ok(ExitCode::SUCCESS)
}

fn sort(entries: Vec<Entry>, flags: &ExportFlags, region: &str, bound: Option<&Bound>) -> Sorted {
    let mut sorted = Sorted::default();
    for entry in entries {
        if entry.is_owned() && !flags.include_owned {
            sorted.owned.push(entry);
            continue;
        }
        let made = manifest(&entry, flags, region);
        let made = match bound {
            Some(bound) => made.within(&bound.limits),
            None => Ok(made),
        };
        match made {
            Ok(made) => {
                sorted.manifests.push(made);
                sorted.exported.push(entry);
            }
            Err(why) => sorted.not_allowed.push((entry, why)),
        }
    }
    sorted
}

fn show(flags: &ExportFlags, sorted: &Sorted) -> Result<(), String> {
    let Sorted { manifests, exported, owned, not_allowed } = sorted;
    match flags.output.unwrap_or(ExportOutput::Yaml) {
        ExportOutput::Json => print(&to_json(manifests)?),
        ExportOutput::Yaml => {
            let mut text = to_yaml(manifests)?;
            for entry in owned {
                text.push_str(&left_out_comment(entry, &format!("is owned by {}", owner(entry))));
            }
            for (entry, why) in not_allowed {
                text.push_str(&left_out_comment(entry, &format!("is not allowed: {why}")));
            }
            print(&text)
        }
        ExportOutput::Table => {
            let rows: Vec<Vec<String>> = exported.iter().chain(owned).map(row).collect();
            print(&table(&["STORE ID", "NAME", "STATUS", "CREATED", "OBJECT NAME", "OWNED BY"], &rows))
        }
    }
}

fn summary(sorted: &Sorted, region: &str) -> String {
    let mut summary = format!("{} in {region}", count_of_stores(sorted.manifests.len()));
    if !sorted.owned.is_empty() {
        summary.push_str(&format!(
            "; left out {} that an object owns already (--include-owned includes them)",
            count_of_stores(sorted.owned.len())
        ));
    }
    if !sorted.not_allowed.is_empty() {
        summary.push_str(&format!(
            "; left out {} that the AccountBinding of the namespace does not allow",
            count_of_stores(sorted.not_allowed.len())
        ));
    }
    summary
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

/// The operator would look for the stores in another account.
fn elsewhere(flags: &ExportFlags, bound: &Bound, account: &str) -> String {
    format!(
        "namespace {} acts in account {} by AccountBinding {}, but your credentials belong to account {account}: the operator does \
         not find these stores there; use credentials of account {}",
        flags.namespace.as_deref().unwrap_or_default(),
        bound.account,
        bound.binding,
        bound.account
    )
}

fn left_out_comment(entry: &Entry, why: &str) -> String {
    let name = entry.store.name.as_deref().unwrap_or_default();
    let line = format!("# left out: store {} ({name}) {why}", entry.store.id);
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
