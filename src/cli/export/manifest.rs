//! From a store to a manifest that adopts it, with nothing in it that the API server would refuse. No I/O.

use std::collections::BTreeMap;
use std::fmt::Write;

use kube::Resource;
use serde::Serialize;

use crate::crd::{
    ETagAlgorithmFamily, EncryptionType, ManagementPolicy, PREFIX, S3AccessConfig, SequenceStore,
    SequenceStoreSpec, SseConfig, Store,
};

/// What the definition takes at most.
const MOST_TAGS: usize = 46;
const MOST_PROPAGATED_KEYS: usize = 5;

/// A manifest, in the order in which people write one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: SequenceStoreSpec,
    /// What the manifest cannot say.
    #[serde(skip)]
    pub remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

impl Manifest {
    /// Names the store and leaves everything else open.
    #[must_use]
    pub fn bare(
        store: &Store,
        region: &str,
        namespace: Option<&str>,
        name: &str,
        policy: ManagementPolicy,
    ) -> Self {
        let mut remarks = Vec::new();
        if let Some(status) = store.status.as_deref().filter(|status| *status != "ACTIVE") {
            let why =
                store.status_message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            remarks.push(format!("the store is {status} in AWS{why}"));
        }
        Self {
            api_version: SequenceStore::api_version(&()).into_owned(),
            kind: SequenceStore::kind(&()).into_owned(),
            metadata: Metadata { name: name.to_owned(), namespace: namespace.map(ToOwned::to_owned) },
            spec: SequenceStoreSpec {
                region: Some(region.to_owned()),
                sequence_store_id: Some(store.id.clone()),
                management_policy: Some(policy),
                ..SequenceStoreSpec::default()
            },
            remarks,
        }
    }

    /// Adds what AWS shows of the store, so that the spec says what is.
    #[must_use]
    pub fn with_fields(mut self, store: &Store, tags: &BTreeMap<String, String>) -> Self {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let spec = &mut self.spec;
        spec.name = set(&store.name);
        spec.description = set(&store.description);
        spec.fallback_location = set(&store.fallback_location);
        let log = store.s3_access.as_ref().and_then(|access| set(&access.access_log_location));
        // AWS may answer the location with the store's id appended.
        let appended = format!("/{}/", store.id);
        let log = log.map(|log| log.strip_suffix(&appended).map_or(log.clone(), |log| format!("{log}/")));
        spec.s3_access_config = log.map(|log| S3AccessConfig { access_log_location: Some(log) });
        spec.e_tag_algorithm_family = store.e_tag_algorithm_family.as_deref().and_then(family);
        let key = store.sse_config.as_ref().and_then(|sse| set(&sse.key_arn));
        spec.sse_config = key.map(|key| SseConfig { type_: EncryptionType::Kms, key_arn: Some(key) });

        let keys = store.propagated_set_level_tags.clone().filter(|keys| !keys.is_empty());
        if keys.as_ref().is_some_and(|keys| keys.len() > MOST_PROPAGATED_KEYS) {
            self.remarks
                .push(format!("propagatedSetLevelTags is left out: more than {MOST_PROPAGATED_KEYS} keys"));
        } else {
            spec.propagated_set_level_tags = keys;
        }
        let foreign = |key: &&String| !key.starts_with("aws:") && !key.starts_with(PREFIX);
        let tags: BTreeMap<String, String> = tags
            .iter()
            .filter(|(key, _)| foreign(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if tags.len() > MOST_TAGS {
            self.remarks
                .push(format!("tags are left out: {} of them, and a spec takes {MOST_TAGS}", tags.len()));
        } else if !tags.is_empty() {
            spec.tags = Some(tags);
        }
        self
    }

    /// Name of the object.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.metadata.name
    }
}

fn family(text: &str) -> Option<ETagAlgorithmFamily> {
    let known = [ETagAlgorithmFamily::Md5up, ETagAlgorithmFamily::Sha256up, ETagAlgorithmFamily::Sha512up];
    known.into_iter().find(|family| family.as_str() == text)
}

/// Manifests as YAML documents; remarks stand above each as comments.
///
/// # Errors
/// None in practice: manifests are plain data.
pub fn yaml(manifests: &[Manifest]) -> Result<String, String> {
    let mut text = String::new();
    for manifest in manifests {
        text.push_str("---\n");
        for remark in &manifest.remarks {
            let _ = writeln!(text, "# {}", comment(remark));
        }
        text.push_str(&serde_saphyr::to_string(manifest).map_err(|e| e.to_string())?);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    Ok(text)
}

/// Manifests as one Kubernetes List.
///
/// # Errors
/// None in practice: manifests are plain data.
pub fn json(manifests: &[Manifest]) -> Result<String, String> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct List<'a> {
        api_version: &'static str,
        kind: &'static str,
        items: &'a [Manifest],
    }
    let list = List { api_version: "v1", kind: "List", items: manifests };
    serde_json::to_string_pretty(&list).map(|text| text + "\n").map_err(|e| e.to_string())
}

/// Text of AWS in one line, so that it stays a comment.
#[must_use]
pub fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{StoreS3Access, StoreSseConfig};
    use kube::core::cel::validate_cel;

    fn store() -> Store {
        Store {
            id: "3936421177".into(),
            name: Some("123".into()),
            description: Some("yes: \"quoted\" # no comment".into()),
            fallback_location: Some(String::new()),
            s3_access: Some(StoreS3Access {
                access_log_location: Some("s3://logs/p/3936421177/".into()),
                ..StoreS3Access::default()
            }),
            e_tag_algorithm_family: Some("SHA256up".into()),
            sse_config: Some(StoreSseConfig { type_: Some("KMS".into()), key_arn: None }),
            status: Some("FAILED".into()),
            status_message: Some("no\nkey".into()),
            ..Store::default()
        }
    }

    fn tags(many: usize) -> BTreeMap<String, String> {
        let mut tags: BTreeMap<String, String> =
            (0..many).map(|n| (format!("k{n}"), "on".to_owned())).collect();
        tags.insert("aws:cloudformation:stack-name".into(), "x".into());
        tags.insert("healthomics.dev/name".into(), "x".into());
        tags
    }

    fn exported(store: &Store, tags: &BTreeMap<String, String>) -> (String, SequenceStore) {
        let manifest = Manifest::bare(store, "us-east-1", Some("lab"), "a", ManagementPolicy::Observe);
        let text = yaml(&[manifest.with_fields(store, tags)]).expect("YAML");
        let object = serde_saphyr::from_multiple(&text).expect("YAML").remove(0);
        (text, object)
    }

    #[test]
    fn a_manifest_reads_back_as_what_aws_shows() {
        let (text, object) = exported(&store(), &tags(1));
        validate_cel(&object).expect("within the rules");
        let spec = object.spec;
        assert_eq!(spec.sequence_store_id.as_deref(), Some("3936421177"));
        assert_eq!(spec.name.as_deref(), Some("123"));
        assert_eq!(spec.description, store().description);
        assert_eq!((spec.fallback_location, spec.sse_config), (None, None));
        let log = spec.s3_access_config.and_then(|s3| s3.access_log_location);
        assert_eq!(log.as_deref(), Some("s3://logs/p/"));
        assert_eq!(spec.tags, Some(BTreeMap::from([("k0".to_owned(), "on".to_owned())])));
        assert!(text.contains("# the store is FAILED in AWS: no key\n"), "{text}");
    }

    #[test]
    fn what_a_spec_does_not_take_is_left_out_and_said() {
        let keys = (0..6).map(|n| format!("k{n}")).collect();
        let store = Store { propagated_set_level_tags: Some(keys), ..store() };
        let (text, object) = exported(&store, &tags(47));
        validate_cel(&object).expect("within the rules");
        assert_eq!((object.spec.tags, object.spec.propagated_set_level_tags), (None, None));
        assert!(
            text.contains("# tags are left out") && text.contains("# propagatedSetLevelTags is left out")
        );
    }

    #[test]
    fn a_bare_manifest_manages_nothing() {
        let manifest = Manifest::bare(&store(), "us-east-1", None, "a", ManagementPolicy::Observe);
        assert_eq!(manifest.spec.name, None);
        assert!(json(&[manifest]).expect("JSON").contains("\"kind\": \"List\""));
    }
}
