//! Makes the manifest that adopts a store, without anything that the API server would reject, or that the binding of its
//! namespace does not allow. No I/O.

use std::collections::BTreeMap;
use std::fmt::Write;

use kube::Resource;
use serde::Serialize;

use crate::crd::{
    ETagAlgorithmFamily, EncryptionType, ManagementPolicy, PREFIX, S3AccessConfig, SequenceStore,
    SequenceStoreSpec, SseConfig, Store, StoreStatus,
};
use crate::tenancy::Limits;

/// Clears a field of a spec.
type Clear = fn(&mut SequenceStoreSpec);

/// The fields of a manifest that an AccountBinding may limit, beside those that name the store.
const LIMITED: [(&str, Clear); 3] = [
    ("sseConfig", |spec| spec.sse_config = None),
    ("fallbackLocation", |spec| spec.fallback_location = None),
    ("s3AccessConfig", |spec| spec.s3_access_config = None),
];

/// Limits of the CRD for `spec.tags` and `spec.propagatedSetLevelTags`.
const MAX_TAGS: usize = 46;
const MAX_PROPAGATED_KEYS: usize = 5;

/// A manifest. Unlike [`SequenceStore`] it has no status, and its fields are in the usual order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: SequenceStoreSpec,
    /// Comments for the user; only YAML can show them.
    #[serde(skip)]
    pub(super) remarks: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

impl Manifest {
    /// Names the store and manages none of its fields.
    pub(super) fn bare(
        store: &Store,
        region: &str,
        namespace: Option<&str>,
        name: &str,
        policy: ManagementPolicy,
    ) -> Self {
        let mut remarks = Vec::new();
        if let Some(status) = store.status.as_deref().filter(|_| !store.is(StoreStatus::Active)) {
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

    /// Adds the fields that AWS shows, so that the spec does not differ from the store.
    pub(super) fn with_fields(mut self, store: &Store, tags: &BTreeMap<String, String>) -> Self {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let spec = &mut self.spec;
        spec.name = set(&store.name);
        spec.description = set(&store.description);
        spec.fallback_location = set(&store.fallback_location);
        let log = store.s3_access.as_ref().and_then(|access| set(&access.access_log_location));
        // AWS may append the store's id to the location in its responses.
        let appended = format!("/{}/", store.id);
        let log = log.map(|log| log.strip_suffix(&appended).map_or(log.clone(), |log| format!("{log}/")));
        spec.s3_access_config = log.map(|log| S3AccessConfig { access_log_location: Some(log) });
        spec.e_tag_algorithm_family = store.e_tag_algorithm_family.as_deref().and_then(e_tag_family);
        let key = store.sse_config.as_ref().and_then(|sse| set(&sse.key_arn));
        spec.sse_config = key.map(|key| SseConfig { type_: EncryptionType::Kms, key_arn: Some(key) });

        let keys = store.propagated_set_level_tags.clone().filter(|keys| !keys.is_empty());
        match keys.as_ref().map_or(0, Vec::len) {
            0..=MAX_PROPAGATED_KEYS => spec.propagated_set_level_tags = keys,
            count => self.remarks.push(format!(
                "propagatedSetLevelTags is left out: the store has {count} keys, and a spec allows {MAX_PROPAGATED_KEYS}"
            )),
        }
        let foreign = |key: &&String| !key.starts_with("aws:") && !key.starts_with(PREFIX);
        let tags: BTreeMap<String, String> = tags
            .iter()
            .filter(|(key, _)| foreign(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if tags.len() > MAX_TAGS {
            self.remarks.push(format!(
                "tags are left out: the store has {}, and a spec allows {MAX_TAGS}",
                tags.len()
            ));
        } else if !tags.is_empty() {
            spec.tags = Some(tags);
        }
        self
    }
}

impl Manifest {
    /// Leaves out the fields that are outside the limits of the namespace's binding, with a remark.
    ///
    /// # Errors
    /// The limits do not allow the store itself: why.
    pub(super) fn within(mut self, limits: &Limits) -> Result<Self, String> {
        let region = self.spec.region.clone();
        let regions: Vec<&str> = region.as_deref().into_iter().collect();
        let with_only = |spec: &SequenceStoreSpec, kept: Option<usize>| {
            let mut spec = spec.clone();
            let others = LIMITED.iter().enumerate().filter(|(number, _)| Some(*number) != kept);
            others.for_each(|(_, (_, clear))| clear(&mut spec));
            spec
        };
        limits.check(&with_only(&self.spec, None), &regions)?;
        for (number, (field, clear)) in LIMITED.iter().enumerate() {
            if let Err(why) = limits.check(&with_only(&self.spec, Some(number)), &regions) {
                clear(&mut self.spec);
                self.remarks.push(format!("{field} is left out: {why}"));
            }
        }
        Ok(self)
    }
}

fn e_tag_family(text: &str) -> Option<ETagAlgorithmFamily> {
    let known = [ETagAlgorithmFamily::Md5up, ETagAlgorithmFamily::Sha256up, ETagAlgorithmFamily::Sha512up];
    known.into_iter().find(|family| family.as_str() == text)
}

/// YAML documents, each with its remarks as comments above it.
pub(super) fn to_yaml(manifests: &[Manifest]) -> Result<String, String> {
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

/// One Kubernetes List.
pub(super) fn to_json(manifests: &[Manifest]) -> Result<String, String> {
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

/// Puts text from AWS on one line, so that it cannot leave the YAML comment.
pub(super) fn comment(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{StoreS3Access, StoreSseConfig};

    fn within_the_rules(object: &SequenceStore) {
        let crd = serde_json::to_value(crate::crd::crd()).expect("serializes");
        let object = serde_json::to_value(object).expect("serializes");
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        kube_cel::validate(schema, &object, None).expect("within the rules");
    }

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
        let text = to_yaml(&[manifest.with_fields(store, tags)]).expect("YAML");
        let object = serde_saphyr::from_multiple(&text).expect("YAML").remove(0);
        (text, object)
    }

    #[test]
    fn a_manifest_reads_back_with_the_fields_that_aws_shows() {
        let (text, object) = exported(&store(), &tags(1));
        within_the_rules(&object);
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
    fn fields_that_exceed_the_limits_of_a_spec_are_left_out_with_a_remark() {
        let keys = (0..6).map(|n| format!("k{n}")).collect();
        let store = Store { propagated_set_level_tags: Some(keys), ..store() };
        let (text, object) = exported(&store, &tags(47));
        within_the_rules(&object);
        assert_eq!((object.spec.tags, object.spec.propagated_set_level_tags), (None, None));
        assert!(
            text.contains("# tags are left out") && text.contains("# propagatedSetLevelTags is left out")
        );
    }

    #[test]
    fn what_a_binding_does_not_allow_is_left_out() {
        let limits = |allow: serde_json::Value| {
            Limits::of("lab", Some(&serde_json::from_value(allow).expect("an allow")))
        };
        let manifest = || {
            Manifest::bare(&store(), "us-east-1", Some("lab"), "a", ManagementPolicy::Observe)
                .with_fields(&store(), &tags(1))
        };
        let id = "3936421177";
        let all = serde_json::json!({"regions": ["us-east-1"], "locations": ["s3://logs/"], "sequenceStoreIds": [id]});
        assert_eq!(manifest().within(&limits(all)), Ok(manifest()));
        let left =
            manifest().within(&limits(serde_json::json!({"locations": []}))).expect("the store is allowed");
        assert_eq!((left.spec.s3_access_config, left.spec.name.as_deref()), (None, Some("123")));
        let said = left.remarks.last().expect("a remark");
        assert!(
            said.contains("s3AccessConfig is left out") && said.contains("spec.allow.locations"),
            "{said}"
        );
        for field in ["regions", "sequenceStoreIds"] {
            let why = manifest().within(&limits(serde_json::json!({field: []}))).expect_err("not allowed");
            assert!(why.contains(&format!("spec.allow.{field}")), "{why}");
        }
    }

    #[test]
    fn a_bare_manifest_manages_nothing() {
        let manifest = Manifest::bare(&store(), "us-east-1", None, "a", ManagementPolicy::Observe);
        assert_eq!(manifest.spec.name, None);
        assert!(to_json(&[manifest]).expect("JSON").contains("\"kind\": \"List\""));
    }
}
