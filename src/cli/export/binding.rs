//! The AccountBinding of the namespace that manifests are for, and what it leaves of a manifest. I/O: reads Kubernetes.

use super::flags::ExportFlags;
use super::manifest::Manifest;
use crate::cli::bindings;
use crate::crd::{S3AccessConfig, SequenceStoreSpec};
use crate::kubernetes::cluster;
use crate::metrics::Metrics;
use crate::tenancy::{Access, Bindings, Bound, Limits};

/// None where the manifests are for no namespace, where it has no binding, and where this user cannot read that: `export` needs
/// no cluster, and the operator checks the limits of a binding itself.
pub(super) async fn of_namespace(flags: &ExportFlags) -> Option<Bound> {
    let namespace = flags.namespace.as_deref()?;
    let client = cluster::connect(&(&flags.kubernetes).into(), &Metrics::default()).await.ok()?;
    let all = bindings::list(&client).await.ok().filter(|all| !all.is_empty())?;
    let mut known = Bindings::unknown(false);
    known.listed(all.into_iter().map(Into::into));
    if known.have_selector() {
        known.labels_listed(bindings::labels(&client).await.ok()?.into_iter());
    }
    match known.access(namespace, None) {
        Access::Bound(bound) => Some(bound),
        Access::Operator | Access::Refused(_) => None,
    }
}

/// What the limits leave of a manifest: fields outside them are left out with a remark.
///
/// # Errors
/// The limits do not allow the store itself: why.
pub(super) fn within(limits: &Limits, mut manifest: Manifest) -> Result<Manifest, String> {
    let spec = manifest.spec();
    let store = SequenceStoreSpec { sequence_store_id: spec.sequence_store_id.clone(), ..Default::default() };
    limits.check(&store, spec.region.as_deref())?;
    let (key, location, log) =
        (spec.sse_config.clone(), spec.fallback_location.clone(), spec.s3_access_config.clone());
    let alone = SequenceStoreSpec::default;
    if let Err(why) = limits.check(&SequenceStoreSpec { sse_config: key, ..alone() }, None) {
        manifest.leave_out("sseConfig", &why, |spec| spec.sse_config = None);
    }
    if let Err(why) = limits.check(&SequenceStoreSpec { fallback_location: location, ..alone() }, None) {
        manifest.leave_out("fallbackLocation", &why, |spec| spec.fallback_location = None);
    }
    if let Err(why) = limits.check(&SequenceStoreSpec { s3_access_config: log, ..alone() }, None) {
        let without_log = |access: S3AccessConfig| S3AccessConfig { access_log_location: None, ..access };
        manifest.leave_out("s3AccessConfig.accessLogLocation", &why, |spec| {
            spec.s3_access_config = spec.s3_access_config.take().map(without_log);
        });
    }
    Ok(manifest)
}
