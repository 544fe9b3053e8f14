//! The requests that make or change a store, as plain data. No I/O.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::crd::{ETagAlgorithmFamily, SseConfig};

/// The members of CreateSequenceStore, except the client token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRequest {
    pub name: String,
    pub description: Option<String>,
    pub sse_config: Option<SseConfig>,
    pub e_tag_algorithm_family: Option<ETagAlgorithmFamily>,
    pub fallback_location: Option<String>,
    pub access_log_location: Option<String>,
    pub propagated_set_level_tags: Option<Vec<String>>,
    /// Tags of the spec and owner tags.
    pub tags: BTreeMap<String, String>,
}

/// The members of UpdateSequenceStore that change: `Some("")` and `Some([])` clear, `None` leaves alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateRequest {
    pub name: Option<String>,
    pub description: Option<String>,
    pub fallback_location: Option<String>,
    pub access_log_location: Option<String>,
    pub propagated_set_level_tags: Option<Vec<String>>,
}
