//! From the SDK's answer to `status.store`, member for member. No I/O.

use aws_sdk_omics::operation::create_sequence_store::CreateSequenceStoreOutput;
use aws_sdk_omics::operation::get_sequence_store::GetSequenceStoreOutput;
use aws_sdk_omics::operation::update_sequence_store::UpdateSequenceStoreOutput;
use aws_sdk_omics::primitives::DateTime;
use aws_sdk_omics::types::SequenceStoreDetail;
use jiff::Timestamp;

use crate::crd::{Store, StoreS3Access, StoreSseConfig};

/// Answers of Get, Create and Update have the same members under the same names, but are types apart.
macro_rules! mirror {
    ($output:expr, $update_time:expr) => {{
        let output = $output;
        let text = |value: Option<&str>| value.map(ToOwned::to_owned);
        Store {
            id: output.id().to_owned(),
            arn: output.arn().to_owned(),
            name: text(output.name()),
            description: text(output.description()),
            sse_config: output.sse_config().map(|sse| StoreSseConfig {
                type_: Some(sse.r#type().as_str().to_owned()),
                key_arn: text(sse.key_arn()),
            }),
            creation_time: time(output.creation_time()),
            fallback_location: text(output.fallback_location()),
            s3_access: output.s3_access().map(|access| StoreS3Access {
                s3_uri: text(access.s3_uri()),
                s3_access_point_arn: text(access.s3_access_point_arn()),
                access_log_location: text(access.access_log_location()),
            }),
            e_tag_algorithm_family: output.e_tag_algorithm_family().map(|family| family.as_str().to_owned()),
            status: output.status().map(|status| status.as_str().to_owned()),
            status_message: text(output.status_message()),
            propagated_set_level_tags: output.propagated_set_level_tags.clone(),
            update_time: $update_time,
            tags: None,
        }
    }};
}

/// All thirteen members of GetSequenceStore; unknown enum values stay as AWS wrote them.
pub(super) fn store(output: &GetSequenceStoreOutput) -> Store {
    mirror!(output, output.update_time().and_then(time))
}

/// UpdateSequenceStore answers the same thirteen.
pub(super) fn updated(output: &UpdateSequenceStoreOutput) -> Store {
    mirror!(output, output.update_time().and_then(time))
}

/// CreateSequenceStore answers all but `updateTime`.
pub(super) fn created(output: &CreateSequenceStoreOutput) -> Store {
    mirror!(output, None)
}

/// A listing has fewer members than Get: no propagated tag keys and no S3 access.
pub(super) fn listed(detail: &SequenceStoreDetail) -> Store {
    let text = |value: Option<&str>| value.map(ToOwned::to_owned);
    Store {
        id: detail.id().to_owned(),
        arn: detail.arn().to_owned(),
        name: text(detail.name()),
        description: text(detail.description()),
        sse_config: detail.sse_config().map(|sse| StoreSseConfig {
            type_: Some(sse.r#type().as_str().to_owned()),
            key_arn: text(sse.key_arn()),
        }),
        creation_time: time(detail.creation_time()),
        fallback_location: text(detail.fallback_location()),
        e_tag_algorithm_family: detail.e_tag_algorithm_family().map(|family| family.as_str().to_owned()),
        status: detail.status().map(|status| status.as_str().to_owned()),
        status_message: text(detail.status_message()),
        update_time: detail.update_time().and_then(time),
        ..Store::default()
    }
}

/// As AWS writes it: milliseconds, always three digits, and `Z`.
fn time(time: &DateTime) -> Option<String> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok().map(|time| format!("{time:.3}"))
}
