//! Observes the S3 access policy: GetS3AccessPolicy, of which AWS allows one call per second. I/O: AWS, read-only.

use super::{Known, Observer};
use crate::crd::{Store, StoreStatus};
use crate::store::{ObservedPolicy, Prepared};

impl Observer<'_> {
    /// The policy, where the spec manages it, and whether AWS was asked for it in this pass.
    pub(super) async fn policy(
        &self,
        prepared: &Prepared,
        store: &Store,
        known: &Known,
    ) -> (ObservedPolicy, bool) {
        let object = &prepared.object;
        let (Some(_), Some(access_point)) = (&object.spec.s3_access_policy, store.access_point()) else {
            return (ObservedPolicy::NotRead, false);
        };
        if object.is_being_deleted() || !store.is(StoreStatus::Active) {
            return (ObservedPolicy::NotRead, false);
        }
        if let Some(known) = known.policy.as_ref().filter(|known| known.access_point == access_point) {
            return (ObservedPolicy::Read(known.document.clone()), false);
        }
        if let Some(denied) = &known.policy_denied {
            return (ObservedPolicy::Unreadable(denied.clone()), false);
        }
        match self.aws.get_policy(prepared.region().unwrap_or_default(), access_point).await {
            Ok(document) => (ObservedPolicy::Read(document), true),
            Err(error) => (ObservedPolicy::Unreadable(error), true),
        }
    }
}
