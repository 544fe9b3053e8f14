//! The knobs: one for each behaviour that AWS does not document, and for each state that a test needs. No
//! I/O.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The default of [`Knobs::default_account`].
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// How responses represent an optional member without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum NullMode {
    /// The member is absent.
    #[default]
    Absent,
    /// The member is JSON `null`.
    Null,
    /// Alternates between absent and `null`.
    Mixed,
}

/// How responses represent a member that a caller cleared with `""` or `[]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum ClearedValues {
    /// Like a member that was never set; see [`NullMode`].
    #[default]
    Unset,
    /// As JSON `null`.
    Null,
    /// As `""` or `[]`.
    Empty,
}

/// The value of `sseConfig` for a store that is encrypted with an AWS owned key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum AwsOwnedKey {
    /// No value; see [`NullMode`].
    #[default]
    Absent,
    /// `{"type": "KMS"}` without a key.
    Structure,
}

/// Which Updates put the store into status `UPDATING`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum UpdatingWhen {
    /// Those that change the propagated tag keys of a store with read sets, as AWS documents.
    #[default]
    TagKeysWithReadSets,
    Always,
}

/// The error that Delete returns for a store with read sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum NonEmptyDelete {
    /// `ConflictException` 409.
    #[default]
    Conflict,
    /// `ValidationException` 400.
    Validation,
}

/// The response to a known client token with different parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum TokenMismatch {
    /// `ValidationException` 400.
    #[default]
    Validation,
    /// The first result again; the simulator ignores the new parameters.
    Replay,
    /// The simulator executes the call as if the token were new.
    NewResource,
}

/// How `filter.name` of `ListSequenceStores` compares names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum NameFilter {
    /// The whole name, case-sensitive.
    #[default]
    Exact,
    /// Any part of the name.
    Substring,
}

/// The response to `GetS3AccessPolicy` after `DeleteS3AccessPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum DeletedPolicy {
    /// `ResourceNotFoundException` 404.
    #[default]
    NotFound,
    /// A document `{}`.
    Empty,
}

/// How `GetS3AccessPolicy` represents the policy document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum PolicyReadBack {
    /// Byte for byte as the caller wrote it.
    #[default]
    AsWritten,
    /// Compact JSON with sorted keys; a list of one element becomes that element.
    Canonical,
    /// Every text that may be a list is a list of one element.
    Lists,
    /// Lists and statements are in reverse order, and their first element is there twice.
    ReversedAndRepeated,
    /// An account id in `Principal` becomes the ARN of its root user.
    RootArns,
    /// The ARN of a root user in `Principal` becomes the account id.
    AccountIds,
    /// The principal `"*"` becomes `{"AWS": "*"}`.
    AnyoneAsMap,
    /// The principal `{"AWS": "*"}` becomes `"*"`.
    AnyoneAsText,
    /// Booleans and numbers in conditions become texts.
    ConditionTexts,
    /// Texts in conditions that are a boolean or a number become one.
    ConditionValues,
    /// Condition operators and condition keys in lower case.
    LowerCaseConditions,
    /// Condition operators and condition keys in upper case.
    UpperCaseConditions,
    /// Actions in lower case.
    LowerCaseActions,
    /// An absent `Sid` becomes `""`, an absent `Condition` becomes `{}`.
    EmptyElements,
    /// An empty `Sid` or `Condition` is absent.
    NoEmptyElements,
    /// A `Version` that is absent becomes `2008-10-17`, the default of IAM.
    DefaultVersion,
    /// The only statement stands alone, without a list.
    OneStatement,
    /// Characters outside ASCII, and slashes, are escaped.
    Escaped,
    /// The ARN of a role or user becomes its unique id, as IAM shows a principal that was deleted.
    DeletedPrincipals,
}

/// How responses represent `fallbackLocation` and `accessLogLocation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum LocationSlash {
    /// As the caller wrote it.
    #[default]
    AsWritten,
    /// With a slash at the end.
    Added,
    /// Without a slash at the end.
    Removed,
}

/// The error of a tag operation on an ARN of another account or region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum ForeignArn {
    /// `ValidationException` 400.
    #[default]
    Validation,
    /// `AccessDeniedException` 403.
    AccessDenied,
    /// `ResourceNotFoundException` 404.
    NotFound,
}

/// All knobs. [`Knobs::default`] is the likeliest behaviour of AWS, without request quotas and without lag.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Knobs {
    /// The account of every access key that is not assigned to another account.
    pub default_account: String,
    /// Reject access keys that are not assigned to an account: `UnrecognizedClientException` 403.
    pub require_known_keys: bool,
    pub null_mode: NullMode,
    pub cleared_values: ClearedValues,
    pub aws_owned_key: AwsOwnedKey,

    /// Number of Get responses with status `CREATING` after a Create.
    pub creating_gets: u32,
    /// Minimum time in status `CREATING`, in milliseconds.
    pub creating_ms: u64,
    /// `CREATING` ends in `FAILED` with this message.
    pub create_fails: Option<String>,
    /// Number of Get responses with status `UPDATING` after an Update that [`Knobs::updating_when`] covers.
    pub updating_gets: u32,
    /// Minimum time in status `UPDATING`, in milliseconds.
    pub updating_ms: u64,
    pub updating_when: UpdatingWhen,
    /// `UPDATING` ends in `FAILED` with this message.
    pub update_fails: Option<String>,
    /// Number of Get responses with status `DELETING` after a Delete.
    pub deleting_gets: u32,
    /// Minimum time in status `DELETING`, in milliseconds.
    pub deleting_ms: u64,
    /// `DELETING` ends in `FAILED` with this message, and the store still exists.
    pub delete_fails: Option<String>,
    /// Update and Delete fail with `ConflictException` 409 while the store is `CREATING`, `UPDATING` or
    /// `DELETING`.
    pub busy_conflict: bool,
    pub non_empty_delete: NonEmptyDelete,
    /// `ListReadSets` returns read sets with status `DELETED`.
    pub list_deleted_read_sets: bool,
    /// Responses contain `s3Access` while the store is `CREATING`.
    pub s3_access_while_creating: bool,

    /// Milliseconds for which the simulator remembers a client token; 0 is not at all, `None` is forever.
    pub token_window_ms: Option<u64>,
    pub token_mismatch: TokenMismatch,
    /// The simulator repeats the result of a client token even if the store has been deleted since.
    pub token_survives_delete: bool,

    /// Items per page if the request has no `maxResults`.
    pub default_page_size: u32,
    pub name_filter: NameFilter,
    /// Every page has the same `nextToken`, and following it returns the same items again.
    pub repeat_next_token: bool,
    /// An empty page with a `nextToken` precedes every page.
    pub empty_pages: bool,
    /// Milliseconds for which a `nextToken` is valid; `None` is forever.
    pub next_token_lifetime_ms: Option<u64>,

    pub deleted_policy: DeletedPolicy,
    pub policy_read_back: PolicyReadBack,
    /// Maximum size of a policy in bytes.
    pub policy_max_bytes: u32,
    /// `PutS3AccessPolicy` and `DeleteS3AccessPolicy` change the `updateTime` of the store.
    pub policy_moves_update_time: bool,
    /// `TagResource` and `UntagResource` change the `updateTime` of the store.
    pub tags_move_update_time: bool,
    /// More than 50 tags on a store are a `ServiceQuotaExceededException` 402 instead of a
    /// `ValidationException` 400.
    pub tag_limit_is_quota: bool,
    pub foreign_arn: ForeignArn,
    /// Access points for which the policy operations return `NotSupportedOperationException` 405, as AWS may
    /// do for those of reference stores.
    pub reference_store_access_points: Vec<String>,

    /// Enforce the default request quotas for each account, region and operation.
    pub quotas: bool,
    /// Requests per second by operation name; overrides the default quota, and applies even if `quotas` is
    /// off.
    pub tps: BTreeMap<String, f64>,
    /// The `x-amz-retry-after` header of throttled responses, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Maximum number of stores for each account and region; beyond it, Create returns
    /// `ServiceQuotaExceededException` 402.
    pub max_stores: Option<u32>,
    /// Maximum number of propagated tag keys for each store. The documented quota is 5; the service model
    /// allows 50.
    pub max_propagated_keys: u32,

    /// Responses append `{store id}/` to `accessLogLocation`.
    pub access_log_appends_store_id: bool,
    /// With [`Knobs::access_log_appends_store_id`], no slash stands before the id.
    pub access_log_without_slash_before_id: bool,
    /// The slash at the end of locations.
    pub location_slash: LocationSlash,
    /// Responses contain a key ARN where the caller wrote a key alias ARN.
    pub resolve_key_aliases: bool,
    /// Responses contain an alias ARN where the caller wrote a key ARN.
    pub show_key_aliases: bool,

    /// Milliseconds until `GetSequenceStore` shows a write.
    pub get_lag_ms: u64,
    /// Milliseconds until `ListSequenceStores` shows a write.
    pub list_lag_ms: u64,
    /// Milliseconds until `ListTagsForResource` shows a write.
    pub tags_lag_ms: u64,
    /// While `ListTagsForResource` lags behind a Create, it returns no tags instead of
    /// `ResourceNotFoundException`.
    pub tags_lag_empty: bool,
    /// Milliseconds until `GetS3AccessPolicy` shows a write.
    pub policy_lag_ms: u64,

    /// STS denies every AssumeRole and AssumeRoleWithWebIdentity: `AccessDenied` 403.
    pub sts_denied: bool,
    /// Lifetime of temporary credentials in milliseconds; overrides the duration in the request.
    pub session_lifetime_ms: Option<u64>,
    /// How far the clock of AWS is ahead of that of this host, in milliseconds; negative: behind. Requests whose
    /// signature is more than five minutes off fail: `InvalidSignatureException` 403.
    pub clock_ahead_ms: i64,

    /// Maximum number of ledger entries; the simulator drops the oldest first.
    pub ledger_limit: u64,
}

impl Default for Knobs {
    fn default() -> Self {
        Knobs {
            default_account: DEFAULT_ACCOUNT.to_owned(),
            require_known_keys: false,
            null_mode: NullMode::default(),
            cleared_values: ClearedValues::default(),
            aws_owned_key: AwsOwnedKey::default(),
            creating_gets: 0,
            creating_ms: 0,
            create_fails: None,
            updating_gets: 0,
            updating_ms: 0,
            updating_when: UpdatingWhen::default(),
            update_fails: None,
            deleting_gets: 0,
            deleting_ms: 0,
            delete_fails: None,
            busy_conflict: true,
            non_empty_delete: NonEmptyDelete::default(),
            list_deleted_read_sets: true,
            s3_access_while_creating: true,
            token_window_ms: Some(8 * 3600 * 1000),
            token_mismatch: TokenMismatch::default(),
            token_survives_delete: true,
            default_page_size: 100,
            name_filter: NameFilter::default(),
            repeat_next_token: false,
            empty_pages: false,
            next_token_lifetime_ms: None,
            deleted_policy: DeletedPolicy::default(),
            policy_read_back: PolicyReadBack::default(),
            policy_max_bytes: 15 * 1024,
            policy_moves_update_time: false,
            tags_move_update_time: false,
            tag_limit_is_quota: false,
            foreign_arn: ForeignArn::default(),
            reference_store_access_points: Vec::new(),
            quotas: false,
            tps: BTreeMap::new(),
            retry_after_ms: None,
            max_stores: None,
            max_propagated_keys: 5,
            access_log_appends_store_id: false,
            access_log_without_slash_before_id: false,
            location_slash: LocationSlash::default(),
            resolve_key_aliases: false,
            show_key_aliases: false,
            get_lag_ms: 0,
            list_lag_ms: 0,
            tags_lag_ms: 0,
            tags_lag_empty: false,
            policy_lag_ms: 0,
            sts_denied: false,
            session_lifetime_ms: None,
            clock_ahead_ms: 0,
            ledger_limit: 500_000,
        }
    }
}
