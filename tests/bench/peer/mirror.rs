//! From the answers of AWS to the status of an object. No I/O.

use aws_sdk_omics::operation::get_sequence_store::GetSequenceStoreOutput;
use aws_sdk_omics::operation::list_tags_for_resource::ListTagsForResourceOutput;
use aws_sdk_omics::primitives::DateTime;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreStatus, Store, StoreS3Access, StoreSseConfig};

pub fn status(
    object: &SequenceStore,
    got: &GetSequenceStoreOutput,
    tags: &ListTagsForResourceOutput,
) -> SequenceStoreStatus {
    let before = object.status.clone().unwrap_or_default();
    let generation = object.metadata.generation;
    let arn: Vec<&str> = got.arn().split(':').collect();
    SequenceStoreStatus {
        observed_generation: generation,
        conditions: ["Ready", "Synced"].map(|kind| condition(&before, kind, generation)).to_vec(),
        region: arn.get(3).map(ToString::to_string),
        account_id: arn.get(4).map(ToString::to_string),
        store: Some(store(got, tags)),
        ..before
    }
}

/// True since now, unless it is already.
fn condition(before: &SequenceStoreStatus, kind: &str, generation: Option<i64>) -> Condition {
    let known =
        before.conditions.iter().find(|condition| condition.type_ == kind && condition.status == "True");
    Condition {
        type_: kind.to_owned(),
        status: "True".to_owned(),
        reason: "Available".to_owned(),
        message: "the store is available".to_owned(),
        observed_generation: generation,
        last_transition_time: known
            .map_or_else(|| Time(Timestamp::now()), |condition| condition.last_transition_time.clone()),
    }
}

fn store(got: &GetSequenceStoreOutput, tags: &ListTagsForResourceOutput) -> Store {
    Store {
        id: got.id().to_owned(),
        arn: got.arn().to_owned(),
        name: text(got.name()),
        description: text(got.description()),
        sse_config: got.sse_config().map(|sse| StoreSseConfig {
            type_: text(Some(sse.r#type().as_str())),
            key_arn: text(sse.key_arn()),
        }),
        creation_time: time(got.creation_time()),
        fallback_location: text(got.fallback_location()),
        s3_access: got.s3_access().map(|access| StoreS3Access {
            s3_uri: text(access.s3_uri()),
            s3_access_point_arn: text(access.s3_access_point_arn()),
            access_log_location: text(access.access_log_location()),
        }),
        e_tag_algorithm_family: text(got.e_tag_algorithm_family().map(|family| family.as_str())),
        status: text(got.status().map(|status| status.as_str())),
        status_message: text(got.status_message()),
        propagated_set_level_tags: got.propagated_set_level_tags.clone(),
        update_time: got.update_time().and_then(time),
        tags: Some(tags.tags().iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
    }
}

fn text(value: Option<&str>) -> Option<String> {
    value.map(ToOwned::to_owned)
}

fn time(time: &DateTime) -> Option<String> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok().map(|time| format!("{time:.3}"))
}
