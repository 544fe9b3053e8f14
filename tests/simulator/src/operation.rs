//! The thirteen simulated HealthOmics operations and their routes. No I/O.

use percent_encoding::percent_decode_str;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Operation {
    CreateSequenceStore,
    GetSequenceStore,
    UpdateSequenceStore,
    DeleteSequenceStore,
    ListSequenceStores,
    TagResource,
    UntagResource,
    ListTagsForResource,
    PutS3AccessPolicy,
    GetS3AccessPolicy,
    DeleteS3AccessPolicy,
    ListReadSets,
    BatchDeleteReadSet,
}

use Operation::{
    BatchDeleteReadSet, CreateSequenceStore, DeleteS3AccessPolicy, DeleteSequenceStore, GetS3AccessPolicy,
    GetSequenceStore, ListReadSets, ListSequenceStores, ListTagsForResource, PutS3AccessPolicy, TagResource,
    UntagResource, UpdateSequenceStore,
};

impl Operation {
    pub(crate) const ALL: [Operation; 13] = [
        CreateSequenceStore,
        GetSequenceStore,
        UpdateSequenceStore,
        DeleteSequenceStore,
        ListSequenceStores,
        TagResource,
        UntagResource,
        ListTagsForResource,
        PutS3AccessPolicy,
        GetS3AccessPolicy,
        DeleteS3AccessPolicy,
        ListReadSets,
        BatchDeleteReadSet,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            CreateSequenceStore => "CreateSequenceStore",
            GetSequenceStore => "GetSequenceStore",
            UpdateSequenceStore => "UpdateSequenceStore",
            DeleteSequenceStore => "DeleteSequenceStore",
            ListSequenceStores => "ListSequenceStores",
            TagResource => "TagResource",
            UntagResource => "UntagResource",
            ListTagsForResource => "ListTagsForResource",
            PutS3AccessPolicy => "PutS3AccessPolicy",
            GetS3AccessPolicy => "GetS3AccessPolicy",
            DeleteS3AccessPolicy => "DeleteS3AccessPolicy",
            ListReadSets => "ListReadSets",
            BatchDeleteReadSet => "BatchDeleteReadSet",
        }
    }

    pub(crate) fn by_name(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.name() == name)
    }

    pub(crate) fn is_mutating(self) -> bool {
        !matches!(
            self,
            GetSequenceStore | ListSequenceStores | ListTagsForResource | GetS3AccessPolicy | ListReadSets
        )
    }

    /// The input member in the path.
    pub(crate) fn label(self) -> Option<&'static str> {
        match self {
            CreateSequenceStore | ListSequenceStores => None,
            GetSequenceStore | UpdateSequenceStore | DeleteSequenceStore => Some("id"),
            TagResource | UntagResource | ListTagsForResource => Some("resourceArn"),
            PutS3AccessPolicy | GetS3AccessPolicy | DeleteS3AccessPolicy => Some("s3AccessPointArn"),
            ListReadSets | BatchDeleteReadSet => Some("sequenceStoreId"),
        }
    }

    /// Whether IAM authorises the operation on `*` instead of one resource.
    pub(crate) fn is_resourceless(self) -> bool {
        matches!(self, CreateSequenceStore | ListSequenceStores | ListTagsForResource)
    }

    /// The default quota, in requests per second for each account and region.
    pub(crate) fn quota(self) -> f64 {
        match self {
            CreateSequenceStore | UpdateSequenceStore | DeleteSequenceStore | BatchDeleteReadSet
            | PutS3AccessPolicy | GetS3AccessPolicy | DeleteS3AccessPolicy => 1.0,
            _ => 5.0,
        }
    }
}

/// AWS's default quotas, in requests per second for each account and region, of the operations that leave read sets alone.
pub fn default_quotas() -> impl Iterator<Item = (&'static str, f64)> {
    let operations = Operation::ALL.into_iter().filter(|operation| *operation != BatchDeleteReadSet);
    operations.map(|operation| (operation.name(), operation.quota()))
}

/// The operation of a request and the decoded path label, which is empty if the path has none. Matches the
/// path before decoding it, because an ARN in the path contains an encoded slash.
pub(crate) fn route(method: &str, path: &str) -> Option<(Operation, String)> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let (operation, label) = match (method, segments.as_slice()) {
        ("POST", ["sequencestore"]) => (CreateSequenceStore, ""),
        ("GET", ["sequencestore", id]) => (GetSequenceStore, *id),
        ("PATCH", ["sequencestore", id]) => (UpdateSequenceStore, *id),
        ("DELETE", ["sequencestore", id]) => (DeleteSequenceStore, *id),
        ("POST", ["sequencestores"]) => (ListSequenceStores, ""),
        ("POST", ["sequencestore", id, "readsets"]) => (ListReadSets, *id),
        ("POST", ["sequencestore", id, "readset", "batch", "delete"]) => (BatchDeleteReadSet, *id),
        ("POST", ["tags", arn]) => (TagResource, *arn),
        ("DELETE", ["tags", arn]) => (UntagResource, *arn),
        ("GET", ["tags", arn]) => (ListTagsForResource, *arn),
        ("PUT", ["s3accesspolicy", arn]) => (PutS3AccessPolicy, *arn),
        ("GET", ["s3accesspolicy", arn]) => (GetS3AccessPolicy, *arn),
        ("DELETE", ["s3accesspolicy", arn]) => (DeleteS3AccessPolicy, *arn),
        _ => return None,
    };
    if operation.label().is_some() && label.is_empty() {
        return None;
    }
    Some((operation, percent_decode_str(label).decode_utf8_lossy().into_owned()))
}

/// Decodes a query string or form body into pairs, in order.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}

/// The id of the store that a path label names.
pub(crate) fn store_id_of(operation: Operation, label: &str) -> Option<String> {
    let id = match operation.label()? {
        "resourceArn" => label.split_once(":sequenceStore/")?.1.split('/').next()?,
        "s3AccessPointArn" => label.split_once(":accesspoint/")?.1.split_once('-')?.1,
        _ => label,
    };
    Some(id.to_owned())
}
