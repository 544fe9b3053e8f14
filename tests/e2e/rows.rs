//! Which tests show which row of the tables of states and of errors, with recovery. It is held to the tests that
//! there are, and to the reasons that a condition can give.

use std::collections::BTreeSet;

use sequencestore_operator::status::Reason;

/// What holds of an object, the reasons that `Ready` or `Synced` then gives, and the tests of it.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// From the state to the conditions.
const STATES: &[Row] = &[
    ("ACTIVE and equal", &["Available", "InSync"], &["mirror::all_members_are_mirrored"]),
    ("creating", &["Creating"], &["create::a_store_is_created_updated_and_deleted_at_a_low_cost"]),
    ("outcome unknown", &["Creating"], &["in_motion::an_unknown_outcome_is_told_until_the_store_is_found"]),
    (
        "CREATING, UPDATING, or DELETING by somebody else",
        &["Creating", "Updating", "StoreDeleting"],
        &[
            "in_motion::a_store_in_motion_is_waited_for",
            "in_motion::a_store_that_somebody_else_deletes_is_missing_in_the_end",
        ],
    ),
    ("correcting", &["Drifted"], &["drift::a_difference_is_told_while_it_is_corrected"]),
    (
        "a generation not finished yet",
        &["Updating", "Progressing"],
        &["in_motion::a_new_generation_is_ready_only_when_it_is_done"],
    ),
    ("ACTIVE, differs, Observe", &["Drifted"], &["drift::a_difference_under_observe_comes_and_goes"]),
    (
        "a denied change of tags or policy, or reading of them",
        &["AccessDenied"],
        &[
            "permissions::owner_tags_that_may_not_be_written_touch_synced_only",
            "permissions::tags_that_may_not_be_changed_touch_synced_only",
            "permissions::a_policy_that_may_not_be_read_or_changed_touches_synced_only",
            "ownership::unreadable_tags_stop_changes_but_not_the_mirror",
            "errors::failures_to_read_tags_touch_synced_only",
            "denied_changes::a_denied_update_keeps_no_tag_waiting",
        ],
    ),
    (
        "invalid",
        &["InvalidSpec"],
        &[
            "refused::a_create_that_aws_refuses_is_mended_by_the_user",
            "refused::an_update_that_aws_refuses_is_mended_by_the_user",
            "refused::a_policy_is_mended_by_the_user",
        ],
    ),
    (
        "a field differs that AWS cannot change",
        &["ImmutableFieldDiffers"],
        &["frozen::a_spec_that_differs_does_not_stop_status_writes"],
    ),
    (
        "owned by another",
        &["OwnershipConflict"],
        &[
            "ownership::a_named_store_that_is_taken_can_be_exchanged_for_a_free_one",
            "ownership::the_younger_of_two_objects_gets_nothing",
            "adoption::a_take_over_from_another_cluster_works_once",
        ],
    ),
    (
        "accepted and never shown",
        &["NotConverging"],
        &[
            "update::a_field_that_never_shows_stops_being_written",
            "drift::what_never_shows_is_mended_in_the_spec",
            "denied_changes::owner_tags_that_never_show_stop_being_written",
        ],
    ),
    ("FAILED in AWS", &["Failed"], &["in_motion::a_store_that_fails_is_told_and_comes_back"]),
    (
        "gone",
        &["StoreMissing"],
        &[
            "account::a_store_that_vanishes_is_missing_after_two_404s",
            "create::a_missing_store_is_replaced_only_when_allowed",
            "in_motion::a_store_that_somebody_else_deletes_is_missing_in_the_end",
        ],
    ),
    (
        "never seen",
        &["StoreNotFound"],
        &[
            "account::a_store_that_never_existed_is_not_found",
            "denied::a_store_in_another_region_is_not_found",
        ],
    ),
    (
        "credentials of another account",
        &["WrongAccount"],
        &[
            "account::the_right_account_again_is_enough",
            "account::another_account_changes_and_deletes_nothing",
        ],
    ),
    (
        "AWS status that is not known",
        &["UnknownStatus"],
        &["in_motion::an_unknown_status_leaves_synced_as_it_was"],
    ),
    ("deleting", &["Deleting"], &["in_motion::a_deletion_under_way_is_told"]),
    (
        "deletion blocked",
        &["DeletionBlocked"],
        &[
            "deletion::protection_holds_a_deletion_until_it_is_lifted",
            "deletion::foreign_finalizers_go_first",
            "deletion::a_paused_object_is_left_alone",
            "read_sets::read_sets_block_a_deletion_until_they_leave",
            "read_sets::a_refusal_without_read_sets_is_busy",
            "in_motion::a_deletion_waits_for_a_store_in_motion",
        ],
    ),
    (
        "paused",
        &["Paused"],
        &[
            "paused::a_pause_leaves_every_state_as_it_is",
            "paused::a_new_object_that_is_paused_is_not_looked_at",
            "paused::a_pause_holds_up_a_blocked_deletion_as_well",
        ],
    ),
];

/// From the class of an error to what is shown.
const ERRORS: &[Row] = &[
    (
        "conflict in Kubernetes",
        &[],
        &["conflict::an_overtaken_status_is_made_anew", "conflict::an_overtaken_plan_changes_nothing_in_aws"],
    ),
    ("conflict in AWS", &["Updating"], &["in_motion::a_busy_store_is_waited_for"]),
    (
        "transient",
        &["AwsUnavailable"],
        &[
            "errors::failures_of_a_settled_object_are_shown_and_pass",
            "errors::failures_at_first_sight_are_shown_and_pass",
            "errors::two_passing_failures_are_not_worth_a_write",
            "denied::a_closed_port_is_waited_for",
        ],
    ),
    (
        "throttled",
        &["Throttled"],
        &[
            "errors::two_passing_failures_are_not_worth_a_write",
            "refused::throttled_creates_never_stall_and_make_one_store",
            "refused::a_throttled_call_is_shown_only_when_it_lasts",
        ],
    ),
    (
        "denied",
        &["AccessDenied"],
        &[
            "denied::a_denial_stalls_after_its_grace_and_stays_so",
            "denied::an_expired_key_is_told_apart",
            "denied::a_missing_key_is_told_apart",
            "create::a_denied_create_leaves_nothing_and_recovers",
        ],
    ),
    ("quota", &["QuotaExceeded"], &["refused::a_quota_stalls_after_its_grace_and_one_store_is_made"]),
    (
        "terminal",
        &["InvalidSpec"],
        &[
            "errors::failures_of_a_settled_object_are_shown_and_pass",
            "refused::a_create_that_aws_refuses_is_mended_by_the_user",
        ],
    ),
    (
        "missing",
        &["StoreMissing", "StoreNotFound"],
        &[
            "account::a_store_that_comes_back_between_two_404s_is_not_missing",
            "account::a_store_that_never_existed_is_not_found",
        ],
    ),
    ("each of them while deleting", &[], &["denied::a_deletion_outlasts_every_failure"]),
];

/// Fails where a row names a test that is not there, or a reason stands in no row.
pub fn check(tests: &BTreeSet<String>) -> Result<(), String> {
    let rows = || STATES.iter().chain(ERRORS);
    for (row, _, named) in rows() {
        let missing: Vec<_> = named.iter().filter(|name| !tests.contains(&format!("e2e::{name}"))).collect();
        if named.is_empty() || !missing.is_empty() {
            return Err(format!("`{row}` has no such tests: {missing:?}"));
        }
    }
    let shown: BTreeSet<&str> = rows().flat_map(|(_, reasons, _)| reasons.iter().copied()).collect();
    let known: BTreeSet<&str> = Reason::ALL.into_iter().map(Reason::as_str).collect();
    match shown == known {
        true => Ok(()),
        false => Err(format!("reasons and rows differ: {:?}", shown.symmetric_difference(&known))),
    }
}
