//! The AccountBinding of the namespace that manifests are for. I/O: reads Kubernetes.

use super::flags::ExportFlags;
use crate::cli::bindings;
use crate::kubernetes::cluster;
use crate::metrics::Metrics;
use crate::tenancy::{Access, Bindings, Bound};

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
