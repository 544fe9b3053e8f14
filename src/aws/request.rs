//! The members of the requests that create or change a store. No I/O.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::crd::{Drift, ETagAlgorithmFamily, OwnerTags, SequenceStore, SseConfig};

/// The members of a CreateSequenceStore request, except the client token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateRequest {
    pub name: String,
    pub description: Option<String>,
    pub sse_config: Option<SseConfig>,
    pub e_tag_algorithm_family: Option<ETagAlgorithmFamily>,
    pub fallback_location: Option<String>,
    pub access_log_location: Option<String>,
    /// Tag keys.
    pub propagated_set_level_tags: Option<Vec<String>>,
    /// The tags of the spec and the owner tags.
    pub tags: BTreeMap<String, String>,
}

impl CreateRequest {
    /// The request for an object; an unset name is the object's own.
    #[must_use]
    pub fn of(object: &SequenceStore, owner: &OwnerTags) -> Self {
        let spec = &object.spec;
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let mut tags = spec.tags.clone().unwrap_or_default();
        tags.extend(owner.tags());
        Self {
            name: store_name(object),
            description: spec.description.clone(),
            sse_config: spec.sse_config.clone(),
            e_tag_algorithm_family: spec.e_tag_algorithm_family,
            // Clearing what was never set needs no words.
            fallback_location: set(&spec.fallback_location),
            access_log_location: spec.s3_access_config.as_ref().and_then(|s3| set(&s3.access_log_location)),
            propagated_set_level_tags: spec.propagated_set_level_tags.clone().filter(|keys| !keys.is_empty()),
            tags,
        }
    }

    /// Tells this request to this region from others.
    #[must_use]
    pub fn hash(&self, region: Option<&str>) -> String {
        let json = serde_json::to_vec(&(self, region)).unwrap_or_default();
        crate::crd::hex(&Sha256::digest(json))[..16].to_owned()
    }
}

/// The name of a store that is created for the object.
#[must_use]
pub fn store_name(object: &SequenceStore) -> String {
    object.spec.name.clone().unwrap_or_else(|| object.name_any())
}

/// The members of an UpdateSequenceStore request. AWS leaves a member that is `None` as it is, and clears one
/// that is `""` or `[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateRequest {
    pub name: Option<String>,
    pub description: Option<String>,
    pub fallback_location: Option<String>,
    pub access_log_location: Option<String>,
    /// Tag keys.
    pub propagated_set_level_tags: Option<Vec<String>>,
}

impl UpdateRequest {
    /// The request that ends these differences; none where none of them is UpdateSequenceStore's.
    #[must_use]
    pub fn of(object: &SequenceStore, differences: &[Drift]) -> Option<Self> {
        let spec = &object.spec;
        let mut request = Self::default();
        for drift in differences {
            match drift.field.as_str() {
                "name" => request.name.clone_from(&spec.name),
                "description" => request.description.clone_from(&spec.description),
                "fallbackLocation" => request.fallback_location.clone_from(&spec.fallback_location),
                "propagatedSetLevelTags" => {
                    request.propagated_set_level_tags.clone_from(&spec.propagated_set_level_tags);
                }
                "s3AccessConfig.accessLogLocation" => {
                    request.access_log_location =
                        spec.s3_access_config.as_ref().and_then(|s3| s3.access_log_location.clone());
                }
                _ => {}
            }
        }
        (request != Self::default()).then_some(request)
    }

    /// The fields it changes, as the spec names them.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let all = [
            ("name", self.name.is_some()),
            ("description", self.description.is_some()),
            ("fallbackLocation", self.fallback_location.is_some()),
            ("s3AccessConfig.accessLogLocation", self.access_log_location.is_some()),
            ("propagatedSetLevelTags", self.propagated_set_level_tags.is_some()),
        ];
        all.into_iter().filter(|(_, set)| *set).map(|(field, _)| field).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::SequenceStoreSpec;

    fn owner() -> OwnerTags {
        OwnerTags { uid: "u".into(), cluster: "c".into(), namespace: "ns".into(), name: "a".into() }
    }

    #[test]
    fn a_create_carries_the_owner_tags_and_the_name_of_the_object() {
        let request = CreateRequest::of(&SequenceStore::new("a", SequenceStoreSpec::default()), &owner());
        assert_eq!(request.name, "a");
        assert_eq!(request.tags.get("healthomics.dev/uid").map(String::as_str), Some("u"));
        assert_eq!(request.tags.len(), 4);
    }

    #[test]
    fn the_hash_tells_requests_apart() {
        let spec = SequenceStoreSpec { description: Some("d".into()), ..Default::default() };
        let (one, other) =
            (SequenceStore::new("a", spec), SequenceStore::new("a", SequenceStoreSpec::default()));
        let hash = |object: &SequenceStore| CreateRequest::of(object, &owner()).hash(None);
        assert_eq!(hash(&one), hash(&one.clone()));
        assert_ne!(hash(&one), hash(&other));
    }
}
