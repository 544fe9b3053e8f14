//! The call that writes the S3 access policy, and when a policy with renamed principals is left alone. No I/O.

use super::life::drifts;
use super::update::correction;
use super::{Action, Input, Next, Plan, State};
use crate::store::drift::differences;
use crate::store::{Difference, Field, Present, s3_policy};

/// An empty policy in the spec deletes the policy. A store that has no access point yet cannot have a policy.
pub(super) fn policy_action(
    input: &Input<'_>,
    region: &str,
    present: &Present,
    due: &[Difference],
) -> Option<Action> {
    due.iter().find(|difference| difference.field == Field::S3AccessPolicy)?;
    let wanted = input.object.spec.s3_access_policy.as_ref()?;
    let access_point = present.store.access_point()?.to_owned();
    let policy = (!wanted.is_empty()).then(|| s3_policy::render(wanted));
    Some(Action::SetPolicy { region: region.to_owned(), access_point, policy })
}

/// Whether it is known that writing the policy again does not end this difference, because the principals that the spec
/// names are the ones that AWS shows under other names.
pub(super) fn is_known_renaming(input: &Input<'_>, renamed: &Difference) -> bool {
    let status = input.object.status.as_ref();
    let was_told = status.is_some_and(|status| {
        let field = renamed.field.to_string();
        status.drift.iter().any(|drift| drift.field == field && drift.desired == renamed.desired)
    });
    // The policies of this generation were equal before.
    let was_equal = status.is_some_and(|status| {
        status.conditions.iter().any(|condition| {
            condition.type_ == "Synced"
                && condition.status == "True"
                && condition.observed_generation == input.object.metadata.generation
        })
    });
    let was_written = correction(input, &renamed.field).is_some_and(|(accepted, _)| accepted > 0);
    was_told || was_equal || was_written || input.recollection.policy_rejected
}

/// Nothing else is to be corrected, and the principals have other names in AWS.
pub(super) fn principals_renamed(input: &Input<'_>) -> Option<Plan> {
    let present = input.observed.present().filter(|_| input.object.manages())?;
    let renamed = differences(input.object, present).renamed_principals?;
    Some(Plan::wait(State::PrincipalsRenamed(drifts(&[renamed])), Next::Poll))
}
