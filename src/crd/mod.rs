//! The Kubernetes API `healthomics.dev/v1alpha1`: the types of kind `SequenceStore`, the rules that the API server
//! checks, and predicates on an object. Pure: no I/O.

mod annotations;
mod object;
mod owner;
mod rules;
mod schema;
mod spec;
mod status;
mod store;
#[cfg(test)]
mod tests;

pub use annotations::{AnnotationFinding, AnnotationProblem, KNOWN_ANNOTATIONS, annotation_findings};
pub(crate) use owner::CLUSTER_TAG;
pub use owner::OwnerTags;
pub use schema::{crd, crd_yaml};
pub use spec::{
    DeletionPolicy, ETagAlgorithmFamily, EncryptionType, ManagementPolicy, S3AccessConfig, SequenceStore,
    SequenceStoreSpec, SseConfig,
};
pub use status::{DeletionBlock, DeletionBlockReason, Drift, SequenceStoreStatus};
pub use store::{Store, StoreS3Access, StoreSseConfig, StoreStatus, is_store_id};

/// The finalizer held while deleting the object must also delete the store.
pub const FINALIZER: &str = "healthomics.dev/sequencestore";
/// Annotation that stops every AWS call for an object while its value is `true`.
pub const PAUSED_ANNOTATION: &str = "healthomics.dev/paused";
/// Annotation whose every new value asks for a reconciliation now.
pub const RECONCILE_ANNOTATION: &str = "healthomics.dev/reconcile-requested-at";
/// Annotation that lets this object take a store from the owner whose uid is its value.
pub const TAKE_OVER_ANNOTATION: &str = "healthomics.dev/take-over";
/// Annotation that lets one new store replace the missing one whose id is its value.
pub const RECREATE_ANNOTATION: &str = "healthomics.dev/recreate";
/// Annotation in which the operator records what it is about to create.
pub const INTENT_ANNOTATION: &str = "healthomics.dev/create-intent";
/// Prefix of everything this operator owns on an object or on a store.
pub const PREFIX: &str = "healthomics.dev/";
/// Store tag that names the owner: the `metadata.uid` of one object.
pub const OWNER_UID_TAG: &str = "healthomics.dev/uid";

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
