//! Renders stores and read sets as JSON: the members each operation returns, and absent, cleared and changed
//! values as the knobs say. No I/O.

use serde_json::{Map, Value, json};

use crate::knobs::{AwsOwnedKey, ClearedValues, Knobs, LocationSlash, NullMode};
use crate::record::{ReadSetRecord, StoreRecord};

/// The response that contains the store; the responses differ in members.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Create,
    Get,
    Update,
    ListItem,
}

/// Collects the members of a JSON object, and represents those without a value as the knobs say.
pub(crate) struct Members {
    null_mode: NullMode,
    cleared_values: ClearedValues,
    salt: u64,
    out: Map<String, Value>,
}

impl Members {
    pub(crate) fn new(knobs: &Knobs, salt: u64) -> Self {
        Members { null_mode: knobs.null_mode, cleared_values: knobs.cleared_values, salt, out: Map::new() }
    }

    pub(crate) fn required(&mut self, member: &str, value: impl Into<Value>) {
        self.out.insert(member.to_owned(), value.into());
    }

    pub(crate) fn optional(&mut self, member: &str, value: Option<impl Into<Value>>) {
        self.salt += 1;
        match value {
            Some(value) => self.required(member, value),
            None if self.null_mode == NullMode::Null => self.required(member, Value::Null),
            None if self.null_mode == NullMode::Mixed && self.salt.is_multiple_of(2) => {
                self.required(member, Value::Null)
            }
            None => {}
        }
    }

    /// A member that Update can clear; `empty` is the value with which a caller clears it.
    fn clearable(&mut self, record: &StoreRecord, member: &str, value: Option<Value>, empty: Value) {
        let cleared = value.is_none() && record.cleared.contains(member);
        match self.cleared_values {
            ClearedValues::Null if cleared => self.required(member, Value::Null),
            ClearedValues::Empty if cleared => self.required(member, empty),
            _ => self.optional(member, value),
        }
    }

    pub(crate) fn finish(self) -> Value {
        Value::Object(self.out)
    }
}

/// `salt` makes [`NullMode::Mixed`] differ from request to request.
pub(crate) fn store(record: &StoreRecord, view: View, knobs: &Knobs, salt: u64) -> Value {
    let mut members = Members::new(knobs, salt);
    members.required("id", record.id.as_str());
    members.required("arn", record.arn.as_str());
    members.required("creationTime", record.creation_time.as_str());
    members.optional("name", record.name.as_deref());
    members.optional("description", record.description.as_deref());
    members.optional("sseConfig", sse_config(record, knobs, salt));
    let fallback = record.fallback_location.as_deref();
    let fallback = fallback.map(|location| Value::from(with_slash(location, knobs.location_slash)));
    members.clearable(record, "fallbackLocation", fallback, json!(""));
    members.optional("eTagAlgorithmFamily", record.e_tag_algorithm_family.as_deref());
    members.optional("status", Some(record.status.as_str()));
    members.optional("statusMessage", record.status_message.as_deref());
    if view != View::Create {
        members.optional("updateTime", record.update_time.as_deref());
    }
    if view != View::ListItem {
        let keys =
            (!record.propagated_set_level_tags.is_empty()).then(|| json!(record.propagated_set_level_tags));
        members.clearable(record, "propagatedSetLevelTags", keys, json!([]));
        let shown = knobs.s3_access_while_creating || record.status != "CREATING";
        members.optional("s3Access", shown.then(|| s3_access(record, knobs, salt)));
    }
    members.finish()
}

fn sse_config(record: &StoreRecord, knobs: &Knobs, salt: u64) -> Option<Value> {
    let Some(config) = &record.sse_config else {
        return (knobs.aws_owned_key == AwsOwnedKey::Structure).then(|| json!({"type": "KMS"}));
    };
    let mut members = Members::new(knobs, salt);
    members.required("type", config.kind.as_str());
    let key = config.key_arn.as_deref();
    members.optional(
        "keyArn",
        key.map(|arn| match (knobs.resolve_key_aliases, knobs.show_key_aliases) {
            (true, _) => resolve_alias(arn),
            (false, true) => arn.replace(":key/", ":alias/of-"),
            (false, false) => arn.to_owned(),
        }),
    );
    Some(members.finish())
}

/// A key ARN for an alias ARN: invented, but always the same for one alias.
fn resolve_alias(arn: &str) -> String {
    let Some((prefix, alias)) = arn.split_once(":alias/") else {
        return arn.to_owned();
    };
    let digest = alias.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hex = format!("{digest:016x}{digest:016x}");
    format!("{prefix}:key/{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32])
}

fn s3_access(record: &StoreRecord, knobs: &Knobs, salt: u64) -> Value {
    let access = &record.s3_access;
    let mut members = Members::new(knobs, salt);
    members.optional("s3Uri", Some(access.s3_uri.as_str()));
    members.optional("s3AccessPointArn", Some(access.s3_access_point_arn.as_str()));
    let location = access.access_log_location.as_ref().map(|location| {
        if !knobs.access_log_appends_store_id {
            return with_slash(location, knobs.location_slash);
        }
        let slash = if knobs.access_log_without_slash_before_id { "" } else { "/" };
        let location = format!("{}{slash}{}/", location.trim_end_matches('/'), record.id);
        with_slash(&location, knobs.location_slash)
    });
    members.clearable(record, "accessLogLocation", location.map(Value::from), json!(""));
    members.finish()
}

fn with_slash(location: &str, slash: LocationSlash) -> String {
    match slash {
        LocationSlash::AsWritten => location.to_owned(),
        LocationSlash::Added if !location.ends_with('/') => format!("{location}/"),
        LocationSlash::Added => location.to_owned(),
        LocationSlash::Removed => location.trim_end_matches('/').to_owned(),
    }
}

pub(crate) fn read_set(read_set: &ReadSetRecord, store_id: &str, knobs: &Knobs, salt: u64) -> Value {
    let mut members = Members::new(knobs, salt);
    members.required("id", read_set.id.as_str());
    members.required("arn", read_set.arn.as_str());
    members.required("sequenceStoreId", store_id);
    members.required("status", read_set.status.as_str());
    members.required("fileType", read_set.file_type.as_str());
    members.required("creationTime", read_set.creation_time.as_str());
    members.optional("subjectId", Some(read_set.subject_id.as_str()));
    members.optional("sampleId", Some(read_set.sample_id.as_str()));
    members.optional("name", read_set.name.as_deref());
    members.optional("description", None::<Value>);
    members.optional("referenceArn", None::<Value>);
    members.optional("sequenceInformation", None::<Value>);
    members.optional("statusMessage", None::<Value>);
    members.optional("creationType", Some(read_set.creation_type.as_str()));
    members.optional("etag", None::<Value>);
    members.finish()
}
