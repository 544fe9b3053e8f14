//! `export`: prints existing stores as manifests, or finds stores whose object no longer exists.
//! I/O: reads AWS and Kubernetes, writes standard output and error.

mod binding;
mod filter;
mod flags;
mod manifest;
mod object_names;
mod orphan_search;
mod orphans;
mod store_reader;
mod stores;

use std::process::ExitCode;

use super::aws_error::explain;
use crate::aws::{Aws, CallError, Class};
pub(super) use flags::EXAMPLES;
pub use flags::ExportFlags;
use store_reader::StoreReader;

/// `program` is the command as the user typed it. On an error nothing is printed: a partial inventory could be
/// mistaken for a whole one.
pub(super) async fn execute(flags: ExportFlags, program: &'static str) -> Result<ExitCode, String> {
    let aws = Aws::from_environment(flags.region.clone(), flags.quotas.quotas()).await?;
    let region =
        aws.default_region().ok_or("no region: set --region, AWS_REGION, or a region in the AWS profile")?;
    let reader = StoreReader::new(&aws, &region);
    if flags.orphans {
        orphans::export(&flags, &reader, &region, program).await
    } else {
        stores::export(&flags, &reader, &region, program).await
    }
}

/// A failed call in words. `export` has a flag against throttling.
fn explained(error: &CallError, region: &str, program: &str) -> String {
    let line = explain(error, Some(region), program);
    match error.class {
        Class::Throttled => format!("{line}, or set a smaller --quota-share"),
        _ => line,
    }
}

fn count_of_stores(count: usize) -> String {
    if count == 1 { "1 store".into() } else { format!("{count} stores") }
}
