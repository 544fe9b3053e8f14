//! From the SDK's responses to `status.store`, member for member. No I/O.
//!
//! The SDK's types are `non_exhaustive`: other crates cannot take them apart without `..`, so the compiler does
//! not report a member that a new version of the SDK adds. The tests below do. It does report a new member of
//! [`Store`].

use aws_sdk_omics::operation::create_sequence_store::CreateSequenceStoreOutput;
use aws_sdk_omics::operation::get_sequence_store::GetSequenceStoreOutput;
use aws_sdk_omics::operation::update_sequence_store::UpdateSequenceStoreOutput;
use aws_sdk_omics::primitives::DateTime;
use aws_sdk_omics::types::{SequenceStoreDetail, SequenceStoreS3Access, SseConfig};
use jiff::Timestamp;

use crate::crd::{Store, StoreS3Access, StoreSseConfig};

/// The responses have the same members under the same names, but their types have nothing in common. What one
/// of them lacks is passed in. Enum values that the SDK does not know stay as AWS writes them.
macro_rules! mirror {
    ($response:expr, $s3_access:expr, $propagated_set_level_tags:expr, $update_time:expr) => {{
        let response = $response;
        Store {
            id: response.id().to_owned(),
            arn: response.arn().to_owned(),
            name: text(response.name()),
            description: text(response.description()),
            sse_config: response.sse_config().map(sse_config),
            creation_time: time(response.creation_time()),
            fallback_location: text(response.fallback_location()),
            s3_access: $s3_access,
            e_tag_algorithm_family: text(response.e_tag_algorithm_family().map(|family| family.as_str())),
            status: text(response.status().map(|status| status.as_str())),
            status_message: text(response.status_message()),
            propagated_set_level_tags: $propagated_set_level_tags,
            update_time: $update_time,
            // Only ListTagsForResource returns tags.
            tags: None,
        }
    }};
}

pub(super) fn got(response: &GetSequenceStoreOutput) -> Store {
    mirror!(
        response,
        response.s3_access().map(s3_access),
        response.propagated_set_level_tags.clone(),
        response.update_time().and_then(time)
    )
}

pub(super) fn updated(response: &UpdateSequenceStoreOutput) -> Store {
    mirror!(
        response,
        response.s3_access().map(s3_access),
        response.propagated_set_level_tags.clone(),
        response.update_time().and_then(time)
    )
}

/// Without `updateTime`, which Create does not return.
pub(super) fn created(response: &CreateSequenceStoreOutput) -> Store {
    mirror!(response, response.s3_access().map(s3_access), response.propagated_set_level_tags.clone(), None)
}

/// Without S3 access and propagated tag keys, which a listing does not contain.
pub(super) fn listed(detail: &SequenceStoreDetail) -> Store {
    mirror!(detail, None, None, detail.update_time().and_then(time))
}

fn text(value: Option<&str>) -> Option<String> {
    value.map(ToOwned::to_owned)
}

fn sse_config(sse: &SseConfig) -> StoreSseConfig {
    StoreSseConfig { type_: text(Some(sse.r#type().as_str())), key_arn: text(sse.key_arn()) }
}

fn s3_access(access: &SequenceStoreS3Access) -> StoreS3Access {
    StoreS3Access {
        s3_uri: text(access.s3_uri()),
        s3_access_point_arn: text(access.s3_access_point_arn()),
        access_log_location: text(access.access_log_location()),
    }
}

/// As AWS writes it: milliseconds, always three digits, and `Z`.
fn time(time: &DateTime) -> Option<String> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok().map(|time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Debug;

    /// The members of a Get, Create or Update, without those whose presence differs.
    const COMMON: &str = "id arn name description sse_config creation_time fallback_location \
                          e_tag_algorithm_family status status_message";

    /// Names of the fields of a struct, from its derived `Debug`.
    fn fields(value: &impl Debug) -> Vec<String> {
        let text = format!("{value:#?}");
        let members = text.lines().filter_map(|line| line.strip_prefix("    "));
        let members = members.filter(|line| !line.starts_with([' ', '}', ')', ']']));
        let names = members.filter_map(|line| line.split_once(": "));
        let mut names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
        names.retain(|name| name != "_request_id");
        names.sort();
        names
    }

    fn expected(others: &str) -> Vec<String> {
        let mut names: Vec<String> =
            COMMON.split_whitespace().chain(others.split_whitespace()).map(ToOwned::to_owned).collect();
        names.sort();
        names
    }

    #[test]
    fn the_responses_of_the_sdk_have_no_member_that_is_not_mirrored() {
        let time = DateTime::from_secs(0);
        let (id, arn) = ("1234567890", "arn:aws:omics:us-east-1:123456789012:sequenceStore/1234567890");
        let got = GetSequenceStoreOutput::builder().id(id).arn(arn).creation_time(time).build();
        let updated = UpdateSequenceStoreOutput::builder().id(id).arn(arn).creation_time(time).build();
        let created = CreateSequenceStoreOutput::builder().id(id).arn(arn).creation_time(time).build();
        let listed = SequenceStoreDetail::builder().id(id).arn(arn).creation_time(time).build();
        let all = expected("s3_access propagated_set_level_tags update_time");
        assert_eq!(fields(&got.expect("a response")), all);
        assert_eq!(fields(&updated.expect("a response")), all);
        assert_eq!(fields(&created.expect("a response")), expected("s3_access propagated_set_level_tags"));
        assert_eq!(fields(&listed.expect("a store")), expected("update_time"));
    }
}
