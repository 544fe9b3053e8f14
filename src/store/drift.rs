//! Drift: compares what the spec manages with what AWS shows, field by field. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use super::policy_meaning::{Comparison, RenamedPrincipals, compare as compare_policies};
use super::{Field, ObservedPolicy, Present, TagChanges, s3_policy};
use crate::crd::{
    Drift, ETagAlgorithmFamily, SequenceStore, SequenceStoreSpec, SseConfig, Store, StoreSseConfig,
};

/// How many characters of a policy status shows: a policy may have 15 KB.
const POLICY_SHOWN: usize = 256;

/// How the observed value of a renamed principal begins if AWS shows a unique id in its place.
pub const DELETED_PRINCIPAL: &str = "deleted principal";

/// A field whose value in AWS is not the one that the spec asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub field: Field,
    /// None: the field is to be removed.
    pub desired: Option<String>,
    /// None: AWS shows no value.
    pub observed: Option<String>,
}

impl From<&Difference> for Drift {
    fn from(difference: &Difference) -> Self {
        let Difference { field, desired, observed } = difference;
        Self { field: field.to_string(), desired: desired.clone(), observed: observed.clone() }
    }
}

/// All differences between a spec and a store. A field that the spec leaves out is not managed: never a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// AWS can change these.
    pub correctable: Vec<Difference>,
    /// AWS cannot change these after the store is created.
    pub frozen: Vec<Difference>,
    /// The policy differs only in how principals are named: writing it again may change nothing.
    pub renamed_principals: Option<Difference>,
}

impl Differences {
    /// Those that an object reports if it only observes its store.
    pub fn observable(self) -> Vec<Difference> {
        self.correctable.into_iter().chain(self.renamed_principals).collect()
    }
}

/// Compares an object with its store. Tags and a policy that were not read are not compared.
pub fn differences(object: &SequenceStore, present: &Present) -> Differences {
    let tags = present.known_tags();
    let to_remove = tags.into_iter().flat_map(|tags| {
        TagChanges::of(object, tags).remove.into_iter().map(|key| Difference {
            observed: tags.get(&key).cloned(),
            field: Field::Tag(key),
            desired: None,
        })
    });
    let found = compare(&object.spec, &present.store, tags).into_iter().chain(to_remove);
    let (mut correctable, frozen): (Vec<_>, Vec<_>) =
        found.partition(|difference| difference.field.set_by().is_some());
    let mut renamed_principals = None;
    match policy(&object.spec, present) {
        None | Some((_, Comparison::Equal)) => {}
        Some((shown, Comparison::Different)) => correctable.extend(policy_difference(&object.spec, shown)),
        Some((_, Comparison::Renamed(principals))) => renamed_principals = Some(renamed(principals)),
    }
    Differences { correctable, frozen, renamed_principals }
}

/// Compares everything but the S3 access policy and tags to remove. Spec and store are taken apart in full, so that
/// the compiler asks how a new member compares.
fn compare(
    spec: &SequenceStoreSpec,
    store: &Store,
    tags: Option<&BTreeMap<String, String>>,
) -> Vec<Difference> {
    let SequenceStoreSpec {
        name,
        description,
        fallback_location,
        s3_access_config,
        propagated_set_level_tags,
        tags: wanted_tags,
        e_tag_algorithm_family,
        sse_config,
        s3_access_policy: _, // compared by meaning, in `policy`
        // The operator's own settings: AWS does not know them.
        region: _,
        sequence_store_id: _,
        management_policy: _,
        deletion_policy: _,
        deletion_protection: _,
        poll_interval: _,
        observe_read_sets: _,
        write_connection_to: _,
    } = spec;
    let Store {
        id,
        name: shown_name,
        description: shown_description,
        fallback_location: shown_fallback,
        s3_access,
        propagated_set_level_tags: shown_keys,
        e_tag_algorithm_family: shown_family,
        sse_config: shown_sse,
        // What AWS decides: no field of the spec asks for it. Tags come apart from the store.
        arn: _,
        creation_time: _,
        update_time: _,
        status: _,
        status_message: _,
        tags: _,
    } = store;
    let wanted_log = s3_access_config.as_ref().and_then(|s3| s3.access_log_location.as_deref());
    let shown_log = s3_access.as_ref().and_then(|s3| s3.access_log_location.as_deref());
    let shown_log = log_location(wanted_log, shown_log, id);
    let texts = [
        text(Field::Name, name.as_deref(), shown_name.as_deref()),
        text(Field::Description, description.as_deref(), shown_description.as_deref()),
        location(Field::FallbackLocation, fallback_location.as_deref(), shown_fallback.as_deref()),
        location(Field::AccessLogLocation, wanted_log, shown_log),
    ];
    let keys = keys(propagated_set_level_tags.as_deref(), shown_keys.as_deref());
    let tags = wanted_tags.iter().zip(tags).flat_map(|(wanted, shown)| missing_tags(wanted, shown));
    let family = family(e_tag_algorithm_family.as_ref(), shown_family.as_deref());
    let key_arn = key_arn(sse_config.as_ref(), shown_sse.as_ref());
    texts.into_iter().flatten().chain(keys).chain(tags).chain(family).chain(key_arn).collect()
}

/// After clearing, AWS shows null, nothing, or an empty text: all are the same.
fn text(field: Field, wanted: Option<&str>, shown: Option<&str>) -> Option<Difference> {
    let unless_empty = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let wanted = wanted?;
    let observed = unless_empty(shown);
    (unless_empty(Some(wanted)) != observed).then(|| Difference {
        field,
        desired: Some(wanted.into()),
        observed,
    })
}

/// A location is the same with and without a slash at its end.
fn location(field: Field, wanted: Option<&str>, shown: Option<&str>) -> Option<Difference> {
    let is_same =
        wanted.zip(shown).is_some_and(|(wanted, shown)| without_slash(wanted) == without_slash(shown));
    if is_same { None } else { text(field, wanted, shown) }
}

fn without_slash(location: &str) -> &str {
    location.strip_suffix('/').unwrap_or(location)
}

/// AWS may report the log location with the store's id appended. That is the location that was asked for.
fn log_location<'a>(wanted: Option<&'a str>, shown: Option<&'a str>, id: &str) -> Option<&'a str> {
    let asked = wanted.map(without_slash).filter(|asked| !asked.is_empty());
    let appended = shown.map(without_slash).and_then(|shown| shown.strip_suffix(id));
    let is_appended = asked.is_some() && appended.map(without_slash) == asked;
    if is_appended { wanted } else { shown }
}

/// Lists of tag keys compare as sets.
fn keys(wanted: Option<&[String]>, shown: Option<&[String]>) -> Option<Difference> {
    let set = |keys: &[String]| keys.iter().cloned().collect::<BTreeSet<String>>();
    let list = |keys: BTreeSet<String>| Some(format!("[{}]", Vec::from_iter(keys).join(", ")));
    let (wanted, shown) = (set(wanted?), set(shown.unwrap_or_default()));
    (wanted != shown).then(|| Difference {
        field: Field::PropagatedSetLevelTags,
        desired: list(wanted),
        observed: list(shown),
    })
}

fn missing_tags<'a>(
    wanted: &'a BTreeMap<String, String>,
    shown: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = Difference> + 'a {
    wanted.iter().filter(|(key, value)| shown.get(*key) != Some(*value)).map(|(key, value)| Difference {
        field: Field::Tag(key.clone()),
        desired: Some(value.clone()),
        observed: shown.get(key).cloned(),
    })
}

fn family(wanted: Option<&ETagAlgorithmFamily>, shown: Option<&str>) -> Option<Difference> {
    // AWS says nothing for stores that are older than the field: they have its default.
    let (wanted, shown) = (wanted?.as_str(), shown.unwrap_or("MD5up"));
    (shown != wanted).then(|| Difference {
        field: Field::ETagAlgorithmFamily,
        desired: Some(wanted.into()),
        observed: Some(shown.into()),
    })
}

fn key_arn(wanted: Option<&SseConfig>, shown: Option<&StoreSseConfig>) -> Option<Difference> {
    let wanted = wanted?.key_arn.as_deref()?;
    let shown = shown.and_then(|sse| sse.key_arn.as_deref());
    // Several aliases may stand for a key, and AWS may show an alias for a key as well as a key for an alias.
    let names_alias = |arn: &str| arn.contains(":alias/");
    if names_alias(wanted) || shown.is_some_and(names_alias) {
        return None;
    }
    (shown != Some(wanted)).then(|| Difference {
        field: Field::SseKeyArn,
        desired: Some(wanted.into()),
        observed: shown.map(ToOwned::to_owned),
    })
}

/// None where the spec manages no policy, or it was not read.
fn policy<'a>(spec: &SequenceStoreSpec, present: &'a Present) -> Option<(Option<&'a str>, Comparison)> {
    let (Some(wanted), ObservedPolicy::Read(shown)) = (&spec.s3_access_policy, &present.policy) else {
        return None;
    };
    // `arn:{partition}:…`
    let partition = present.store.arn.split(':').nth(1).unwrap_or("aws");
    Some((shown.as_deref(), compare_policies(wanted, shown.as_deref(), partition)))
}

fn policy_difference(spec: &SequenceStoreSpec, shown: Option<&str>) -> Option<Difference> {
    let wanted = spec.s3_access_policy.as_ref()?;
    Some(Difference {
        field: Field::S3AccessPolicy,
        desired: Some(shortened(&s3_policy::render(wanted))),
        observed: shown.map(shortened),
    })
}

/// Only the principals: the rest of the policies is equal.
fn renamed(principals: RenamedPrincipals) -> Difference {
    let kind = if principals.are_deleted() { DELETED_PRINCIPAL } else { "principal" };
    Difference {
        field: Field::S3AccessPolicy,
        desired: Some(shortened(&format!("principal {}", principals.wanted.join(", ")))),
        observed: Some(shortened(&format!("{kind} {}", principals.shown.join(", ")))),
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(POLICY_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::{EncryptionType, S3AccessConfig, StoreS3Access};

    fn fields(spec: &SequenceStoreSpec, store: &Store) -> Vec<String> {
        let found = compare(spec, store, Some(&BTreeMap::new()));
        found.into_iter().map(|difference| difference.field.to_string()).collect()
    }

    #[test]
    fn absent_fields_are_never_a_difference() {
        let store = Store {
            name: Some("n".into()),
            description: Some("d".into()),
            fallback_location: Some("s3://bucket/".into()),
            e_tag_algorithm_family: Some("SHA256up".into()),
            propagated_set_level_tags: Some(vec!["a".into()]),
            ..Default::default()
        };
        assert!(fields(&SequenceStoreSpec::default(), &store).is_empty());
    }

    #[test]
    fn cleared_and_unset_are_the_same() {
        let spec = SequenceStoreSpec {
            fallback_location: Some(String::new()),
            propagated_set_level_tags: Some(vec![]),
            s3_access_config: Some(S3AccessConfig { access_log_location: Some(String::new()) }),
            ..Default::default()
        };
        assert!(fields(&spec, &Store::default()).is_empty());
        let empty = Store { fallback_location: Some(String::new()), ..Default::default() };
        assert!(fields(&spec, &empty).is_empty());
        let set = Store { fallback_location: Some("s3://bucket/".into()), ..Default::default() };
        assert_eq!(fields(&spec, &set), ["fallbackLocation"]);
    }

    #[test]
    fn tag_keys_compare_as_sets_and_tags_by_key() {
        let spec = SequenceStoreSpec {
            propagated_set_level_tags: Some(vec!["a".into(), "b".into()]),
            tags: Some(BTreeMap::from([("team".into(), "genomics".into())])),
            ..Default::default()
        };
        let store =
            Store { propagated_set_level_tags: Some(vec!["b".into(), "a".into()]), ..Default::default() };
        assert_eq!(fields(&spec, &store), ["tags[team]"]);
        let foreign = BTreeMap::from([("team".into(), "genomics".into()), ("other".into(), "x".into())]);
        assert_eq!(compare(&spec, &store, Some(&foreign)), []);
        assert_eq!(compare(&spec, &store, None), []);
    }

    #[test]
    fn a_log_location_with_the_store_id_appended_is_equal() {
        let spec = SequenceStoreSpec {
            s3_access_config: Some(S3AccessConfig { access_log_location: Some("s3://logs/p/".into()) }),
            ..Default::default()
        };
        let shown = |location: &str| Store {
            id: "1234567890".into(),
            s3_access: Some(StoreS3Access {
                access_log_location: Some(location.into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        for same in
            ["s3://logs/p/1234567890/", "s3://logs/p/1234567890", "s3://logs/p1234567890/", "s3://logs/p"]
        {
            assert_eq!(fields(&spec, &shown(same)), [""; 0], "{same}");
        }
        for other in [
            "s3://logs/p/9/",
            "s3://logs/P/1234567890/",
            "s3://logs/p/1234567890/q/",
            "s3://logs/1234567890/",
        ] {
            assert_eq!(fields(&spec, &shown(other)), ["s3AccessConfig.accessLogLocation"], "{other}");
        }
    }

    #[test]
    fn a_slash_at_the_end_of_a_location_is_no_difference() {
        let fallback = |location: &str| SequenceStoreSpec {
            fallback_location: Some(location.into()),
            ..Default::default()
        };
        let shown = |location: &str| Store { fallback_location: Some(location.into()), ..Default::default() };
        for (one, other) in [("s3://b/p/", "s3://b/p"), ("s3://b/", "s3://b")] {
            assert_eq!(fields(&fallback(one), &shown(other)), [""; 0]);
            assert_eq!(fields(&fallback(other), &shown(one)), [""; 0]);
        }
        for (one, other) in
            [("s3://b/p/", "s3://b/P/"), ("s3://b/p/", "s3://b/"), ("", "s3://b"), ("s3://b/p//", "s3://b/p")]
        {
            assert_eq!(fields(&fallback(one), &shown(other)), ["fallbackLocation"], "{one} and {other}");
        }
    }

    #[test]
    fn a_key_is_compared_with_a_key_only() {
        let arn = |kind: &str| format!("arn:aws:kms:us-east-1:123456789012:{kind}/genomes");
        let spec = |kind: &str| SequenceStoreSpec {
            sse_config: Some(SseConfig { type_: EncryptionType::Kms, key_arn: Some(arn(kind)) }),
            ..Default::default()
        };
        let store = |key_arn: Option<String>| Store {
            sse_config: Some(StoreSseConfig { key_arn, ..Default::default() }),
            ..Default::default()
        };
        for (wanted, shown) in [("key", "alias"), ("alias", "key"), ("alias", "alias"), ("key", "key")] {
            assert_eq!(fields(&spec(wanted), &store(Some(arn(shown)))), [""; 0], "{wanted} and {shown}");
        }
        let another = store(Some(arn("key") + "2"));
        assert_eq!(fields(&spec("key"), &another), ["sseConfig.keyArn"]);
        assert_eq!(fields(&spec("key"), &store(None)), ["sseConfig.keyArn"]);
    }

    #[test]
    fn immutable_fields_are_told_apart_and_aliases_are_not_compared() {
        let spec = SequenceStoreSpec {
            e_tag_algorithm_family: Some(ETagAlgorithmFamily::Sha512up),
            sse_config: Some(SseConfig {
                type_: EncryptionType::Kms,
                key_arn: Some("arn:aws:kms:us-east-1:123456789012:alias/genomes".into()),
            }),
            ..Default::default()
        };
        let found = compare(&spec, &Store::default(), None);
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].field, found[0].field.set_by()), (&Field::ETagAlgorithmFamily, None));
        assert_eq!(found[0].observed.as_deref(), Some("MD5up"));
    }
}
