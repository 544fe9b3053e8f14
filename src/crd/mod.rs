//! The Kubernetes API `healthomics.dev/v1alpha1`: the types of kinds `SequenceStore` and `AccountBinding`, the CEL rules that the API
//! server checks, the annotations and owner tags, and predicates on an object. No I/O.

#![warn(missing_docs)]

mod account_binding;
mod admission;
mod annotations;
mod check;
mod deletion;
mod names;
mod object;
mod one_line;
pub(crate) mod owner;
mod printer_columns;
mod rules;
mod schema;
mod spec;
mod status;
mod store;
#[cfg(test)]
mod tests;

pub use account_binding::{AccountBinding, AccountBindingSpec, AccountBindingStatus, Allow};
pub use admission::refusals;
pub use annotations::{
    AnnotationFinding, AnnotationProblem, INTENT_ANNOTATION, KNOWN_ANNOTATIONS, PAUSED_ANNOTATION,
    RECONCILE_ANNOTATION, RECREATE_ANNOTATION, TAKE_OVER_ANNOTATION, annotation_findings,
};
pub use deletion::{Deletion, DeletionDefaults};
pub use names::{account_of_arn, is_account_id, is_dns_label, is_dns_subdomain, is_region};
pub(crate) use one_line::{LONGEST_MESSAGE, LONGEST_NOTE, one_line};
pub use owner::{CLUSTER_TAG, OWNER_UID_TAG, OwnerTags};
pub(crate) use owner::{NAME_TAG, NAMESPACE_TAG};
pub(crate) use schema::spec_schema;
pub use schema::{account_binding_crd, crd, crd_yaml};
pub use spec::{
    ConnectionTarget, DeletionPolicy, ETagAlgorithmFamily, EncryptionType, ManagementPolicy, S3AccessConfig,
    SequenceStore, SequenceStoreSpec, SseConfig,
};
pub use status::{Connection, DeletionBlock, DeletionBlockReason, Drift, ReadSets, SequenceStoreStatus};
pub use store::{Store, StoreS3Access, StoreSseConfig, StoreStatus, is_store_id};

/// Finalizer that the operator sets while deleting the object must also delete the store.
pub const FINALIZER: &str = "healthomics.dev/sequencestore";
/// Prefix of the annotations on an object and of the tags on a store that belong to this operator.
pub const PREFIX: &str = "healthomics.dev/";
