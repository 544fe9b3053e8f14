//! One object as the API server sends it, decoded by itself: what is too large, too deep or malformed is told apart and
//! harms no other object of its page. No I/O.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

use crate::crd::{INTENT_ANNOTATION, SequenceStore, SequenceStoreSpec, SequenceStoreStatus, Store};

/// Far above any object that the operator could use: a policy has at most 15 KB, and all annotations together 256 KiB.
const MOST_BYTES: usize = 512 * 1024;
/// Below the depth at which serde_json gives up, and above every depth that AWS accepts.
const MOST_LEVELS: usize = 100;
/// `kubectl apply` keeps a copy of the whole manifest in it, which nothing here reads.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// An object of a list, of a watch or of any other response. Without the parts that the operator never reads.
#[derive(Clone)]
pub struct WatchedObject(pub Result<SequenceStore, InvalidObject>);

/// An object that the operator leaves alone.
#[derive(Clone)]
pub struct InvalidObject {
    pub metadata: ObjectMeta,
    pub why: Undecodable,
    /// Of the object only what says which store it means, and whether it manages it; none where even that cannot be read.
    pub claim: Option<Box<SequenceStore>>,
}

/// Why an object cannot be decoded. Holds nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    #[error("it has more than {} KiB", MOST_BYTES / 1024)]
    TooLarge,
    #[error("it is nested more than {MOST_LEVELS} levels deep")]
    TooDeep,
    #[error("{0} has an unexpected form")]
    Malformed(String),
}

impl WatchedObject {
    /// Never fails: the metadata alone decide whose object it is.
    #[must_use]
    pub fn decode(text: &str) -> Self {
        let mut object = Self(sequence_store(text).map_err(|why| InvalidObject::of(text, why)));
        let metadata = object.meta_mut();
        metadata.managed_fields = None;
        metadata.annotations.iter_mut().for_each(|annotations| drop(annotations.remove(LAST_APPLIED)));
        object
    }

    /// What is known about which store the object means. None where the object may mean any store.
    #[must_use]
    pub fn claim(&self) -> Option<&SequenceStore> {
        self.0.as_ref().map_or_else(|invalid| invalid.claim.as_deref(), Some)
    }
}

impl InvalidObject {
    /// Its owner may have made it undecodable long after it got its store, which stays its own.
    fn of(text: &str, why: Undecodable) -> Self {
        let metadata = metadata(text);
        let claim = claim(text).map(|mut object| {
            let intent = metadata.annotations.as_ref().and_then(|all| all.get_key_value(INTENT_ANNOTATION));
            object.metadata = ObjectMeta {
                name: metadata.name.clone(),
                namespace: metadata.namespace.clone(),
                uid: metadata.uid.clone(),
                annotations: intent.map(|(key, value)| [(key.clone(), value.clone())].into()),
                ..ObjectMeta::default()
            };
            object
        });
        Self { metadata, why, claim }
    }
}

/// The text is taken as it is, without a limit of depth, so that no object can make a whole page unreadable.
impl<'de> Deserialize<'de> for WatchedObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&RawValue>::deserialize(deserializer).map(|text| Self::decode(text.get()))
    }
}

fn sequence_store(text: &str) -> Result<SequenceStore, Undecodable> {
    if text.len() > MOST_BYTES {
        return Err(Undecodable::TooLarge);
    }
    if levels(text) > MOST_LEVELS {
        return Err(Undecodable::TooDeep);
    }
    let mut json = serde_json::Deserializer::from_str(text);
    // The text of the error is left out: it quotes values.
    serde_path_to_error::deserialize(&mut json).map_err(|error| Undecodable::Malformed(place(error.path())))
}

/// How deep lists and maps are nested.
fn levels(json: &str) -> usize {
    let (mut level, mut deepest): (usize, usize) = (0, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The place of an error, as far as it consists of the names of fields: what follows may be anything.
fn place(path: &Path) -> String {
    let is_name = |key: &str| key.len() <= 40 && key.chars().all(|c| c.is_ascii_alphanumeric());
    let mut text = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Map { key } if is_name(key) && text.is_empty() => text.push_str(key),
            Segment::Map { key } if is_name(key) => text = format!("{text}.{key}"),
            Segment::Seq { index } => text = format!("{text}[{index}]"),
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    if text.is_empty() { "the object".into() } else { text }
}

/// Everything but the metadata is skipped, whatever it is.
fn metadata(text: &str) -> ObjectMeta {
    #[derive(Deserialize)]
    struct Whole {
        metadata: ObjectMeta,
    }
    #[derive(Deserialize)]
    struct Part {
        metadata: Identity,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        name: Option<String>,
        namespace: Option<String>,
        uid: Option<String>,
        resource_version: Option<String>,
    }
    let part = || {
        let Identity { name, namespace, uid, resource_version } =
            serde_json::from_str::<Part>(text).ok()?.metadata;
        Some(ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() })
    };
    let whole = serde_json::from_str::<Whole>(text).ok().map(|whole| whole.metadata);
    whole.or_else(part).unwrap_or_default()
}

/// Everything is skipped but what says which store the object means. Without metadata.
fn claim(text: &str) -> Option<Box<SequenceStore>> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow)]
        spec: Option<&'a RawValue>,
        #[serde(borrow)]
        status: Option<&'a RawValue>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct SpecPart<'a> {
        #[serde(borrow)]
        sequence_store_id: Option<&'a RawValue>,
        #[serde(borrow)]
        management_policy: Option<&'a RawValue>,
        #[serde(borrow)]
        region: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct StatusPart {
        store: Option<StorePart>,
        region: Option<String>,
    }
    #[derive(Deserialize)]
    struct StorePart {
        id: String,
        arn: Option<String>,
    }
    let Whole { spec, status } = serde_json::from_str(text).ok()?;
    // A field of a wrong type counts as absent: it names no store, and it does not say `Observe`.
    let spec: SpecPart<'_> = spec.and_then(read).unwrap_or_default();
    let spec = SequenceStoreSpec {
        sequence_store_id: spec.sequence_store_id.and_then(read),
        management_policy: spec.management_policy.and_then(read),
        region: spec.region.and_then(read),
        ..SequenceStoreSpec::default()
    };
    let mut object = SequenceStore::new("", spec);
    object.status = status.and_then(read).map(|StatusPart { store, region }| {
        let store =
            store.map(|StorePart { id, arn }| Store { id, arn: arn.unwrap_or_default(), ..Store::default() });
        SequenceStoreStatus { store, region, ..SequenceStoreStatus::default() }
    });
    Some(Box::new(object))
}

/// None for a value of another type.
fn read<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Option<T> {
    serde_json::from_str(json.get()).ok()
}

/// Without the content: kube logs what it watches.
impl fmt::Debug for WatchedObject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectMeta { namespace, name, .. } = self.meta();
        let (namespace, name) =
            (namespace.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default());
        write!(formatter, "{namespace}/{name}")
    }
}

impl Resource for WatchedObject {
    type DynamicType = <SequenceStore as Resource>::DynamicType;
    type Scope = <SequenceStore as Resource>::Scope;

    fn kind(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        SequenceStore::kind(dynamic)
    }

    fn group(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        SequenceStore::group(dynamic)
    }

    fn version(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        SequenceStore::version(dynamic)
    }

    fn plural(dynamic: &Self::DynamicType) -> Cow<'_, str> {
        SequenceStore::plural(dynamic)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|invalid| &invalid.metadata, SequenceStore::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match &mut self.0 {
            Ok(object) => object.meta_mut(),
            Err(invalid) => &mut invalid.metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::api::WatchEvent;
    use kube::core::ObjectList;
    use serde_json::{Value, json};

    use super::*;

    fn object(name: &str, spec: &str) -> String {
        let metadata = json!({"name": name, "namespace": "ns", "uid": name, "resourceVersion": "7",
            "managedFields": [{"manager": "m", "fieldsType": "FieldsV1", "fieldsV1": {}}],
            "annotations": {LAST_APPLIED: "copy", "kept": "yes"}});
        format!(
            r#"{{"apiVersion":"healthomics.dev/v1alpha1","kind":"SequenceStore","metadata":{metadata},"spec":{spec}}}"#
        )
    }

    fn policy(principal: &str) -> String {
        format!(
            r#"{{"s3AccessPolicy":{{"Statement":[{{"Effect":"Allow","Action":"a","Resource":"r","Principal":{principal}}}]}}}}"#
        )
    }

    fn deep() -> String {
        policy(&format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)))
    }

    fn why(text: &str) -> Undecodable {
        WatchedObject::decode(text).0.expect_err("undecodable").why
    }

    #[test]
    fn one_undecodable_object_leaves_the_rest_of_its_page_readable() {
        let large = policy(&format!("\"{}\"", "x".repeat(MOST_BYTES)));
        let items =
            [object("deep", &deep()), object("large", &large), object("odd", "7"), object("fine", "{}")];
        let page = format!(
            r#"{{"apiVersion":"healthomics.dev/v1alpha1","kind":"SequenceStoreList","metadata":{{"resourceVersion":"9"}},"items":[{}]}}"#,
            items.join(",")
        );
        let page: ObjectList<WatchedObject> = serde_json::from_str(&page).expect("the page is readable");
        let found: Vec<_> =
            page.items.iter().map(|o| o.0.as_ref().map(drop).map_err(|i| i.why.clone())).collect();
        let odd = Undecodable::Malformed("spec".into());
        assert_eq!(found, [Err(Undecodable::TooDeep), Err(Undecodable::TooLarge), Err(odd), Ok(())]);
        let names: Vec<_> = page.items.iter().map(|object| object.meta().name.as_deref()).collect();
        assert_eq!(names, [Some("deep"), Some("large"), Some("odd"), Some("fine")]);
        assert_eq!(page.items[0].meta().uid.as_deref(), Some("deep"));
    }

    #[test]
    fn one_undecodable_object_leaves_its_watch_readable() {
        for spec in [deep(), "7".into()] {
            let event = format!(r#"{{"type":"MODIFIED","object":{}}}"#, object("a", &spec));
            let event: WatchEvent<WatchedObject> = serde_json::from_str(&event).expect("readable");
            let WatchEvent::Modified(object) = event else { panic!("another event") };
            assert!(object.0.is_err() && object.meta().resource_version.as_deref() == Some("7"));
        }
    }

    #[test]
    fn the_reason_holds_nothing_of_the_content() {
        assert_eq!(
            why(&object("a", r#"{"tags":{"secret key":7}}"#)),
            Undecodable::Malformed("spec.tags".into())
        );
        assert_eq!(why(&object("a", r#"{"name":["secret"]}"#)), Undecodable::Malformed("spec.name".into()));
        let text = format!("{:?}", WatchedObject::decode(&object("a", r#"{"name":"secret"}"#)));
        assert_eq!(text, "ns/a");
    }

    #[test]
    fn an_undecodable_object_still_says_which_store_it_manages() {
        let spec =
            deep().replacen('{', r#"{"sequenceStoreId":"1111111111","managementPolicy":"Observe","#, 1);
        let object = WatchedObject::decode(&object("a", &spec));
        assert!(object.0.is_err());
        let claim = object.claim().expect("what it says of its store");
        assert_eq!(claim.spec.sequence_store_id.as_deref(), Some("1111111111"));
        assert!(!claim.manages() && claim.uid_str() == "a");
        let recorded =
            r#"{"metadata":{"name":"a"},"spec":{"tags":7},"status":{"store":{"id":"2222222222"}}}"#;
        let object = WatchedObject::decode(recorded);
        let status = object.claim().and_then(|claim| claim.status.as_ref());
        assert_eq!(status.and_then(|s| s.store.as_ref()).map(|s| s.id.as_str()), Some("2222222222"));
        let text = r#"{"metadata":{},"spec":{"sequenceStoreId":7,"managementPolicy":7}}"#;
        let object = WatchedObject::decode(text);
        let claim = object.claim().expect("it names no store");
        assert!(claim.manages() && claim.spec.sequence_store_id.is_none());
    }

    #[test]
    fn brackets_in_strings_are_not_levels() {
        assert_eq!(levels(r#"{"a":"[[[[","b":["\"[["]}"#), 2);
        let wide = policy(&Value::from("[{".repeat(5000)).to_string());
        assert!(WatchedObject::decode(&object("a", &wide)).0.is_ok());
    }

    #[test]
    fn what_nobody_reads_is_not_kept() {
        for spec in ["{}", "7"] {
            let object = WatchedObject::decode(&object("a", spec));
            assert_eq!(object.meta().managed_fields, None);
            let keys: Vec<_> =
                object.meta().annotations.iter().flatten().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, ["kept"]);
        }
    }

    #[test]
    fn an_object_with_unreadable_metadata_keeps_its_name() {
        let text = r#"{"metadata":{"name":"a","namespace":"ns","labels":7},"spec":{}}"#;
        let object = WatchedObject::decode(text);
        assert!(object.0.is_err());
        assert_eq!(object.meta().name.as_deref(), Some("a"));
    }
}
