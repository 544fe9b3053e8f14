//! Lists the tests that cover each state of an object and each class of error, with recovery. The check compares the
//! list with the existing tests and with the condition reasons of the operator.

use std::collections::BTreeSet;

use sequencestore_operator::Reason;

/// A state or error class, the reasons that `Ready` or `Synced` has in it, and the tests that cover it.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const STATES: &[Row] = &[
    (
        "ACTIVE and equal",
        &["Available", "InSync"],
        &["status_mirror::the_status_mirrors_every_member_of_the_store"],
    ),
    ("creating", &["Creating"], &["create::the_operator_creates_updates_and_deletes_a_store_with_few_calls"]),
    (
        "outcome unknown",
        &["Creating"],
        &["store_status::an_unknown_create_outcome_is_reported_until_the_store_is_found"],
    ),
    (
        "CREATING, UPDATING, or DELETING by someone else",
        &["Creating", "Updating", "StoreDeleting"],
        &[
            "store_status::the_operator_waits_for_a_store_in_transition",
            "store_status::a_store_deleted_by_someone_else_ends_as_store_missing",
        ],
    ),
    ("correcting", &["Drifted"], &["drift::the_operator_reports_drift_while_it_corrects_it"]),
    (
        "a generation that is not applied yet",
        &["Updating", "Progressing"],
        &["store_status::a_new_generation_is_ready_only_after_it_is_applied"],
    ),
    ("ACTIVE, differs, Observe", &["Drifted"], &["drift::observe_reports_drift_while_it_lasts"]),
    (
        "a principal of the policy was deleted",
        &["Drifted"],
        &["steadiness::rewritten_values::a_deleted_principal_is_told_and_not_written_again"],
    ),
    (
        "reading or changing tags or the policy is denied",
        &["AccessDenied"],
        &[
            "missing_permissions::denied_owner_tags_affect_synced_only",
            "missing_permissions::denied_tag_changes_affect_synced_only",
            "missing_permissions::a_denied_policy_read_or_change_affects_synced_only",
            "ownership::unreadable_tags_stop_changes_but_not_the_status_mirror",
            "aws_errors::a_failure_to_read_tags_affects_synced_only",
            "denied_changes::a_denied_update_does_not_hold_up_tags",
            "steadiness::several_denials::denied_tags_and_untags_change_ready_at_most_once",
        ],
    ),
    (
        "invalid",
        &["InvalidSpec"],
        &[
            "rejected_requests::a_user_corrects_a_create_that_aws_rejects",
            "rejected_requests::a_user_corrects_an_update_that_aws_rejects",
            "rejected_requests::a_user_corrects_an_invalid_policy",
        ],
    ),
    (
        "an immutable field differs",
        &["ImmutableFieldDiffers"],
        &["immutable_fields::a_differing_immutable_field_does_not_stop_status_updates"],
    ),
    (
        "a record on the object is removed or refused",
        &["RecordNotKept"],
        &[
            "records::stripped::no_create_is_sent_while_a_policy_strips_its_record",
            "records::stripped::no_create_is_sent_while_a_policy_strips_the_finalizer",
            "records::stripped::a_stripped_finalizer_of_a_store_on_record_is_reported",
        ],
    ),
    (
        "a ConfigMap of the name belongs to somebody else",
        &["ConnectionConflict"],
        &[
            "connection::conflicts::a_config_map_of_somebody_else_is_left_alone_until_it_is_gone",
            "connection::conflicts::of_two_objects_with_one_name_the_first_keeps_its_config_map",
            "connection::conflicts::one_that_is_made_at_the_same_moment_is_not_overwritten",
        ],
    ),
    (
        "the right to keep the ConfigMap is missing",
        &["ConnectionDenied"],
        &[
            "connection::rights::a_missing_right_is_said_and_ends_by_itself_once_it_is_there",
            "connection::rights::a_config_map_that_the_api_server_refuses_to_make_is_said",
            "connection::at_rest::an_object_that_lacks_only_its_config_map_is_at_rest_and_recovers",
        ],
    ),
    (
        "owned by another object",
        &["OwnershipConflict"],
        &[
            "ownership::a_user_can_name_a_free_store_after_an_ownership_conflict",
            "ownership::the_older_of_two_objects_gets_the_store",
            "adoption::a_take_over_is_valid_only_for_the_owner_uid_it_names",
        ],
    ),
    (
        "a namespace that may not be listed",
        &["ObjectsNotListed"],
        &["watch_namespaces::a_namespace_that_may_not_be_listed_holds_up_only_claims_and_deletions"],
    ),
    (
        "accepted by AWS and never applied",
        &["NotConverging"],
        &[
            "update::the_operator_stops_writing_a_field_that_never_converges",
            "drift::a_user_resolves_not_converging_by_setting_the_observed_value",
            "denied_changes::the_operator_stops_writing_owner_tags_that_never_appear",
        ],
    ),
    (
        "FAILED in AWS",
        &["Failed"],
        &["store_status::a_failed_store_stalls_the_object_until_it_is_active_again"],
    ),
    (
        "gone",
        &["StoreMissing"],
        &[
            "account::a_store_counts_as_missing_after_two_404s",
            "create::the_operator_recreates_a_missing_store_only_when_allowed",
            "store_status::a_store_deleted_by_someone_else_ends_as_store_missing",
        ],
    ),
    (
        "never seen",
        &["StoreNotFound"],
        &[
            "account::an_id_that_never_existed_is_reported_as_store_not_found",
            "aws_access::a_store_in_another_region_is_reported_as_store_not_found",
        ],
    ),
    (
        "more than one AccountBinding",
        &["BindingConflict"],
        &["bindings::changes::overlapping_bindings_stop_an_object_until_one_is_left"],
    ),
    (
        "an AccountBinding whose role cannot be assumed",
        &["BindingNotReady"],
        &[
            "bindings::changes::a_role_that_is_denied_is_told_and_recovers",
            "bindings::changes::a_wrong_external_id_is_told_and_mended",
        ],
    ),
    (
        "no AccountBinding where one is needed",
        &["BindingMissing"],
        &[
            "bindings::changes::a_binding_made_after_its_object_makes_it_ready_without_an_edit",
            "bindings::changes::a_store_whose_binding_is_deleted_is_never_touched_with_another_identity",
        ],
    ),
    (
        "credentials of another account",
        &["WrongAccount"],
        &[
            "account::the_object_recovers_when_the_right_account_is_back",
            "account::the_operator_changes_nothing_with_credentials_of_another_account",
        ],
    ),
    (
        "unknown status in AWS",
        &["UnknownStatus"],
        &["store_status::an_unknown_status_leaves_synced_unchanged"],
    ),
    ("deleting", &["Deleting"], &["store_status::a_deletion_in_progress_is_reported_as_deleting"]),
    (
        "deletion blocked",
        &["DeletionBlocked"],
        &[
            "deletion::deletion_protection_blocks_a_deletion_until_it_is_turned_off",
            "deletion::the_operator_waits_for_other_finalizers_before_it_deletes_the_store",
            "deletion::the_operator_leaves_a_paused_object_alone",
            "read_sets::read_sets_block_a_deletion_until_they_are_removed",
            "read_sets::a_refused_delete_without_read_sets_is_reported_as_busy",
            "store_status::a_deletion_waits_for_a_store_in_transition",
        ],
    ),
    (
        "paused",
        &["Paused"],
        &[
            "paused::a_pause_changes_no_condition_but_synced",
            "paused::the_operator_makes_no_aws_call_for_a_new_paused_object",
            "paused::a_pause_also_holds_a_blocked_deletion",
        ],
    ),
];

const ERRORS: &[Row] = &[
    (
        "conflict in Kubernetes",
        &[],
        &[
            "write_conflicts::the_operator_retries_a_conflicting_status_write_without_reporting_a_failure",
            "write_conflicts::the_operator_never_creates_a_store_from_an_outdated_spec",
        ],
    ),
    (
        "conflict in AWS",
        &["Updating"],
        &["store_status::the_operator_retries_an_update_while_the_store_is_busy"],
    ),
    (
        "transient",
        &["AwsUnavailable"],
        &[
            "aws_errors::a_settled_object_reports_every_kind_of_failure_and_recovers",
            "aws_errors::a_new_object_reports_every_kind_of_failure_and_recovers",
            "aws_errors::two_transient_failures_in_a_row_are_not_reported",
            "aws_access::the_operator_retries_until_the_endpoint_accepts_connections",
        ],
    ),
    (
        "throttled",
        &["Throttled"],
        &[
            "aws_errors::two_transient_failures_in_a_row_are_not_reported",
            "rejected_requests::a_throttled_create_never_stalls_and_makes_one_store",
            "rejected_requests::brief_throttling_is_not_reported",
        ],
    ),
    (
        "denied",
        &["AccessDenied"],
        &[
            "aws_access::a_denied_call_stalls_after_the_grace_period_and_across_a_restart",
            "aws_access::the_operator_reports_expired_credentials",
            "aws_access::the_operator_reports_missing_credentials",
            "create::a_denied_create_leaves_no_store_and_recovers",
        ],
    ),
    (
        "quota",
        &["QuotaExceeded"],
        &[
            "rejected_requests::an_exceeded_quota_stalls_after_the_grace_period_and_recovers",
            "steadiness::tag_limit::a_store_without_room_for_the_owner_tags_is_mirrored_updated_and_deleted",
        ],
    ),
    (
        "terminal",
        &["InvalidSpec"],
        &[
            "aws_errors::a_settled_object_reports_every_kind_of_failure_and_recovers",
            "rejected_requests::a_user_corrects_a_create_that_aws_rejects",
        ],
    ),
    (
        "missing",
        &["StoreMissing", "StoreNotFound"],
        &[
            "account::a_single_404_does_not_make_a_store_missing",
            "account::an_id_that_never_existed_is_reported_as_store_not_found",
        ],
    ),
    (
        "each of them while deleting",
        &[],
        &["aws_access::the_operator_keeps_the_finalizer_until_a_failing_deletion_succeeds"],
    ),
];

/// Fails if a row names no test or one that does not exist, or if a reason is in no row.
pub fn check(tests: &BTreeSet<String>) -> Result<(), String> {
    let rows = || STATES.iter().chain(ERRORS);
    for (row, _, named) in rows() {
        let missing: Vec<_> = named.iter().filter(|name| !tests.contains(&format!("e2e::{name}"))).collect();
        if named.is_empty() || !missing.is_empty() {
            return Err(format!("`{row}` names tests that do not exist: {missing:?}"));
        }
    }
    let shown: BTreeSet<&str> = rows().flat_map(|(_, reasons, _)| reasons.iter().copied()).collect();
    let known: BTreeSet<&str> = Reason::ALL.into_iter().map(Reason::as_str).collect();
    match shown == known {
        true => Ok(()),
        false => Err(format!("reasons and rows differ: {:?}", shown.symmetric_difference(&known))),
    }
}
