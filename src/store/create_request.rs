//! The request that creates a store for an object. No I/O.

use kube::ResourceExt;
use sha2::{Digest, Sha256};

use super::intent::hex;
use crate::aws::CreateRequest;
use crate::crd::{OwnerTags, SequenceStore, SequenceStoreSpec};

/// The request for an object: what the spec sets, and the owner tags.
pub fn create_request(object: &SequenceStore, owner: &OwnerTags) -> CreateRequest {
    // Taken apart in full, so that the compiler asks what a new field means for a creation.
    let SequenceStoreSpec {
        name: _, // `store_name` reads it
        description,
        sse_config,
        e_tag_algorithm_family,
        fallback_location,
        s3_access_config,
        propagated_set_level_tags,
        tags,
        s3_access_policy: _, // a call of its own, once the store is ACTIVE
        region: _,
        sequence_store_id: _,
        management_policy: _,
        deletion_policy: _,
        deletion_protection: _,
        poll_interval: _,
        observe_read_sets: _,
        write_connection_to: _,
    } = &object.spec;
    // A new store has nothing that could be cleared, so empty values are left out.
    let unless_empty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let mut tags = tags.clone().unwrap_or_default();
    tags.extend(owner.tags());
    CreateRequest {
        name: store_name(object),
        description: description.clone(),
        sse_config: sse_config.clone(),
        e_tag_algorithm_family: *e_tag_algorithm_family,
        fallback_location: unless_empty(fallback_location),
        access_log_location: s3_access_config.as_ref().and_then(|s3| unless_empty(&s3.access_log_location)),
        propagated_set_level_tags: propagated_set_level_tags.clone().filter(|keys| !keys.is_empty()),
        tags,
    }
}

/// The name of a store that is created for the object: `spec.name`, or the name of the object.
pub fn store_name(object: &SequenceStore) -> String {
    object.spec.name.clone().unwrap_or_else(|| object.name_any())
}

/// Tells an edited request from a repeated one. `region` is the one in the spec: a changed default of the operator is
/// not an edit by the user.
pub fn request_hash(request: &CreateRequest, region: Option<&str>) -> String {
    let json = serde_json::to_vec(&(request, region)).unwrap_or_default();
    hex(&Sha256::digest(json))[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> OwnerTags {
        OwnerTags { uid: "u".into(), cluster: "c".into(), namespace: "ns".into(), name: "a".into() }
    }

    #[test]
    fn a_create_carries_the_owner_tags_and_the_name_of_the_object() {
        let request = create_request(&SequenceStore::new("a", SequenceStoreSpec::default()), &owner());
        assert_eq!(request.name, "a");
        assert_eq!(request.tags.get("healthomics.dev/uid").map(String::as_str), Some("u"));
        assert_eq!(request.tags.len(), 4);
    }

    #[test]
    fn the_hash_tells_requests_apart() {
        let spec = SequenceStoreSpec { description: Some("d".into()), ..Default::default() };
        let (one, other) =
            (SequenceStore::new("a", spec), SequenceStore::new("a", SequenceStoreSpec::default()));
        let hash = |object: &SequenceStore| request_hash(&create_request(object, &owner()), None);
        assert_eq!(hash(&one), hash(&one.clone()));
        assert_ne!(hash(&one), hash(&other));
    }
}
