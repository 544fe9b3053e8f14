//! The switches: one for each behaviour of AWS that is not documented, and for each state a test wants.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The account of every access key that was given no other.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// How an optional member without a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum NullMode {
    /// Left out.
    #[default]
    Absent,
    /// Written as JSON `null`.
    Null,
    /// Now one, now the other.
    Mixed,
}

/// How a member that was cleared by `""` or `[]` reads back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum ClearedValues {
    /// Like a member that was never set (see `NullMode`).
    #[default]
    Unset,
    /// As JSON `null`.
    Null,
    /// As `""` or `[]`.
    Empty,
}

/// What `sseConfig` reads as for a store under an AWS-owned key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum AwsOwnedKey {
    /// No value (see `NullMode`).
    #[default]
    Absent,
    /// `{"type": "KMS"}` without a key.
    Structure,
}

/// When an Update sends the store through `UPDATING`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum UpdatingWhen {
    /// The propagated tag keys change and the store holds read sets, as documented.
    #[default]
    TagKeysWithReadSets,
    /// On every Update.
    Always,
}

/// The error of a Delete on a store that holds read sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum NonEmptyDelete {
    /// `ConflictException` 409.
    #[default]
    Conflict,
    /// `ValidationException` 400.
    Validation,
}

/// The answer to a known client token with other parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum TokenMismatch {
    /// `ValidationException` 400.
    #[default]
    Validation,
    /// The first result, the new parameters ignored.
    Replay,
    /// The call is carried out as if the token were new.
    NewResource,
}

/// How `filter.name` of `ListSequenceStores` is compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum NameFilter {
    /// The whole name, case-sensitive.
    #[default]
    Exact,
    /// Any part of the name.
    Substring,
}

/// What `GetS3AccessPolicy` says after `DeleteS3AccessPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum DeletedPolicy {
    /// `ResourceNotFoundException` 404.
    #[default]
    NotFound,
    /// A document `{}`.
    Empty,
}

/// How a policy document reads back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "camelCase")]
pub enum PolicyReadBack {
    /// Byte for byte.
    #[default]
    AsWritten,
    /// Compact, keys sorted, lists of one element written as the element.
    Canonical,
}

/// The error of a tag call on an ARN of another account or region.
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

/// Every switch. [`Knobs::default`] is the best guess at AWS, with quotas and lag off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Knobs {
    /// Account of access keys that were given none.
    pub default_account: String,
    /// Refuse access keys that were given no account: `UnrecognizedClientException` 403.
    pub require_known_keys: bool,
    /// How optional members without a value are written.
    pub null_mode: NullMode,
    /// How cleared members read back.
    pub cleared_values: ClearedValues,
    /// How `sseConfig` of a store under an AWS-owned key reads back.
    pub aws_owned_key: AwsOwnedKey,

    /// Gets that answer `CREATING` after a Create.
    pub creating_gets: u32,
    /// Milliseconds that a store stays `CREATING`, whatever is read.
    pub creating_ms: u64,
    /// `CREATING` ends in `FAILED` with this message.
    pub create_fails: Option<String>,
    /// Gets that answer `UPDATING` after an Update that [`UpdatingWhen`] covers.
    pub updating_gets: u32,
    /// Milliseconds that a store stays `UPDATING`, whatever is read.
    pub updating_ms: u64,
    /// Which Updates pass through `UPDATING`.
    pub updating_when: UpdatingWhen,
    /// `UPDATING` ends in `FAILED` with this message.
    pub update_fails: Option<String>,
    /// Gets that answer `DELETING` after a Delete.
    pub deleting_gets: u32,
    /// Milliseconds that a store stays `DELETING`, whatever is read.
    pub deleting_ms: u64,
    /// `DELETING` ends in `FAILED` with this message, and the store stays.
    pub delete_fails: Option<String>,
    /// Update and Delete of a store that is `CREATING`, `UPDATING` or `DELETING`: `ConflictException` 409.
    pub busy_conflict: bool,
    /// The error of a Delete on a store that holds read sets.
    pub non_empty_delete: NonEmptyDelete,
    /// Read sets that are `DELETED` show up in `ListReadSets`.
    pub list_deleted_read_sets: bool,
    /// `s3Access` is already reported while the store is `CREATING`.
    pub s3_access_while_creating: bool,

    /// Milliseconds that a client token is remembered; 0 never, `None` for ever.
    pub token_window_ms: Option<u64>,
    /// The answer to a known token with other parameters.
    pub token_mismatch: TokenMismatch,
    /// A token still replays its result after the store was deleted.
    pub token_survives_delete: bool,

    /// Items per page when `maxResults` is absent.
    pub default_page_size: u32,
    /// How `filter.name` is compared.
    pub name_filter: NameFilter,
    /// Every page carries the same `nextToken`, and more of the same follows.
    pub repeat_next_token: bool,
    /// Every page is preceded by an empty one that carries a `nextToken`.
    pub empty_pages: bool,
    /// Milliseconds that a `nextToken` is accepted.
    pub next_token_lifetime_ms: Option<u64>,

    /// What `GetS3AccessPolicy` says after a delete.
    pub deleted_policy: DeletedPolicy,
    /// How a policy reads back.
    pub policy_read_back: PolicyReadBack,
    /// Size limit of a policy in bytes.
    pub policy_max_bytes: u32,
    /// `PutS3AccessPolicy` and `DeleteS3AccessPolicy` move the store's `updateTime`.
    pub policy_moves_update_time: bool,
    /// `TagResource` and `UntagResource` move the store's `updateTime`.
    pub tags_move_update_time: bool,
    /// More than 50 tags on a store is `ServiceQuotaExceededException` 402, not `ValidationException`.
    pub tag_limit_is_quota: bool,
    /// The error of a tag call on an ARN of another account or region.
    pub foreign_arn: ForeignArn,
    /// Access points that answer `NotSupportedOperationException` 405, as reference stores' may.
    pub reference_store_access_points: Vec<String>,

    /// Enforce the default request quotas for each account, region and operation.
    pub quotas: bool,
    /// Requests per second by operation name, instead of the default quota.
    pub tps: BTreeMap<String, f64>,
    /// `x-amz-retry-after` on throttled answers, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Stores for each account and region; one more is `ServiceQuotaExceededException` 402.
    pub max_stores: Option<u32>,
    /// Propagated tag keys for each store: the documented quota is 5, the model allows 50.
    pub max_propagated_keys: u32,

    /// `accessLogLocation` reads back with `{store id}/` appended.
    pub access_log_appends_store_id: bool,
    /// A key alias ARN reads back as the key's ARN.
    pub resolve_key_aliases: bool,

    /// Milliseconds until `GetSequenceStore` shows a write.
    pub get_lag_ms: u64,
    /// Milliseconds until `ListSequenceStores` shows a write.
    pub list_lag_ms: u64,
    /// Milliseconds until `ListTagsForResource` shows a write.
    pub tags_lag_ms: u64,
    /// A store too new for `ListTagsForResource` has no tags instead of being unknown.
    pub tags_lag_empty: bool,
    /// Milliseconds until `GetS3AccessPolicy` shows a write.
    pub policy_lag_ms: u64,

    /// STS refuses every AssumeRole and AssumeRoleWithWebIdentity: `AccessDenied`.
    pub sts_denied: bool,
    /// Role ARNs that may not be assumed.
    pub denied_roles: Vec<String>,
    /// External id that a role (by ARN) asks for.
    pub required_external_ids: BTreeMap<String, String>,
    /// Lifetime of temporary keys, whatever the caller asked for.
    pub session_lifetime_ms: Option<u64>,

    /// Ledger entries kept; the oldest go first.
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
            resolve_key_aliases: false,
            get_lag_ms: 0,
            list_lag_ms: 0,
            tags_lag_ms: 0,
            tags_lag_empty: false,
            policy_lag_ms: 0,
            sts_denied: false,
            denied_roles: Vec::new(),
            required_external_ids: BTreeMap::new(),
            session_lifetime_ms: None,
            ledger_limit: 500_000,
        }
    }
}
