//! Computes the next status of an AccountBinding. Pure, with `now` passed in. No I/O.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::names::first_of;
use super::{REPORTED_FROM_FAILURE, find, whole_seconds};
use crate::aws::{CallError, Class};
use crate::crd::{AccountBinding, AccountBindingStatus};

/// A reason of the condition `Ready` of an AccountBinding, for people.
#[derive(Clone, Copy, Debug)]
pub struct BindingReason {
    pub reason: &'static str,
    /// With the full stop.
    pub meaning: &'static str,
    pub remedy: &'static str,
}

/// All of them: the page of conditions and the tests read this table.
pub const BINDING_REASONS: [BindingReason; 7] = [
    BindingReason {
        reason: "RoleAssumed",
        meaning: "STS lets the operator assume the role, and no bound namespace has another binding.",
        remedy: "",
    },
    BindingReason {
        reason: "RoleNotAssumable",
        meaning: "STS denies it: the role does not exist, or its trust policy or the operator's own policy does not allow it.",
        remedy: "Allow sts:AssumeRole and sts:TagSession in both policies, with the external id of the binding if it has one.",
    },
    BindingReason {
        reason: "NoCredentials",
        meaning: "The operator has no valid AWS credentials of its own.",
        remedy: "See the log of the operator.",
    },
    BindingReason {
        reason: "AwsUnavailable",
        meaning: "STS does not answer, or fails. The operator tries again.",
        remedy: "Wait; if it lasts, see the log of the operator.",
    },
    BindingReason {
        reason: "NamespaceConflict",
        meaning: "Another AccountBinding is about one of the namespaces, whose objects do not act. Those of the others do.",
        remedy: "Change the bindings, so that each namespace has one.",
    },
    BindingReason {
        reason: "NamespacesUnknown",
        meaning: "The operator does not know the labels of the namespaces yet, or may not read them.",
        remedy: "If it lasts, grant the operator list and watch of namespaces, as the chart does.",
    },
    BindingReason {
        reason: "InvalidSpec",
        meaning: "The binding was stored before the API server checked it, and cannot be used.",
        remedy: "Correct what the message names.",
    },
];

/// How many names a message lists at most.
const MOST_NAMES: usize = 6;

/// Everything the next status depends on.
#[derive(Clone, Copy, Debug)]
pub struct BindingInput<'a> {
    pub binding: &'a AccountBinding,
    pub role: &'a RoleState,
    /// Looks in a row, with this one, in which the role could not be assumed or the namespaces were not known.
    pub failures: u32,
    /// Bound namespaces that another binding is about too, each with the names of the others.
    pub conflicts: &'a [(String, Vec<String>)],
    /// Why it is not known which namespaces are bound.
    pub unknown: Option<&'a str>,
    pub namespaces: usize,
    pub sequence_stores: usize,
    /// The time of the look.
    pub now: Timestamp,
}

/// What is known of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleState {
    Assumed {
        account: String,
    },
    Failed(CallError),
    /// The binding cannot be used: a sentence.
    Invalid(String),
}

struct Verdict {
    is_ready: bool,
    reason: &'static str,
    message: String,
    /// Which of the two conditions that exist only while true is there.
    also: Option<&'static str>,
}

/// The status after a look. It equals the old one if nothing changed.
#[must_use]
pub fn next_of_binding(input: &BindingInput<'_>) -> AccountBindingStatus {
    let old = input.binding.status.clone().unwrap_or_default();
    if is_brief(input, &old) {
        return old;
    }
    let Verdict { is_ready, reason, message, also } = verdict(input);
    let condition = |kind: &str, is_true: bool| {
        let status = if is_true { "True" } else { "False" };
        let since = find(&old.conditions, kind).filter(|old| old.status == status);
        Condition {
            type_: kind.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.clone(),
            observed_generation: input.binding.metadata.generation,
            last_transition_time: since
                .map_or_else(|| Time(whole_seconds(input.now)), |old| old.last_transition_time.clone()),
        }
    };
    let account_id = match input.role {
        RoleState::Assumed { account } => Some(account.clone()),
        RoleState::Failed(_) | RoleState::Invalid(_) => old.account_id.clone(),
    };
    let number = |count: usize| Some(i32::try_from(count).unwrap_or(i32::MAX));
    AccountBindingStatus {
        observed_generation: input.binding.metadata.generation,
        conditions: [condition("Ready", is_ready)]
            .into_iter()
            .chain(also.map(|kind| condition(kind, true)))
            .collect(),
        account_id,
        namespaces: if input.unknown.is_some() { old.namespaces } else { number(input.namespaces) },
        sequence_stores: if input.unknown.is_some() {
            old.sequence_stores
        } else {
            number(input.sequence_stores)
        },
    }
}

/// What may be over soon is not shown at once, as with a SequenceStore: while STS does not answer, a binding that was ready stays so
/// for two looks; and the labels of namespaces are listed a moment after the first binding that selects by them.
fn is_brief(input: &BindingInput<'_>, old: &AccountBindingStatus) -> bool {
    let was_ready = find(&old.conditions, "Ready").is_some_and(|ready| {
        ready.status == "True" && ready.observed_generation == input.binding.metadata.generation
    });
    let may_pass = match input.role {
        RoleState::Failed(error) => was_ready && !matches!(error.class, Class::Denied | Class::Credentials),
        RoleState::Assumed { .. } => input.unknown.is_some(),
        RoleState::Invalid(_) => false,
    };
    may_pass && input.failures < REPORTED_FROM_FAILURE
}

fn verdict(input: &BindingInput<'_>) -> Verdict {
    let not_ready = |reason, message, also| Verdict { is_ready: false, reason, message, also: Some(also) };
    let role = &input.binding.spec.role_arn;
    match input.role {
        RoleState::Invalid(why) => not_ready("InvalidSpec", why.clone(), "Stalled"),
        RoleState::Failed(error) if matches!(error.class, Class::Denied) => not_ready(
            "RoleNotAssumable",
            format!(
                "AWS STS does not let the operator assume the role {role} ({}): check that the role exists, that its trust \
                 policy allows sts:AssumeRole and sts:TagSession to the operator{}, and that the operator's own policy allows \
                 both for this role. The command `permissions --binding` prints these policies.",
                error.code.as_deref().unwrap_or("denied"),
                external_id(input.binding)
            ),
            "Stalled",
        ),
        RoleState::Failed(error) if error.class == Class::Credentials => not_ready(
            "NoCredentials",
            format!(
                "The operator has no valid AWS credentials of its own with which it could assume the role {role} ({}): see its \
                 log.",
                error.code.as_deref().unwrap_or("no credentials found")
            ),
            "Reconciling",
        ),
        RoleState::Failed(_) => not_ready(
            "AwsUnavailable",
            format!(
                "AWS STS does not answer the request to assume the role {role}, or fails; the operator tries again."
            ),
            "Reconciling",
        ),
        RoleState::Assumed { .. } => match (input.unknown, input.conflicts) {
            (Some(why), _) => not_ready("NamespacesUnknown", why.to_owned(), "Reconciling"),
            (None, []) => Verdict {
                is_ready: true,
                reason: "RoleAssumed",
                message: "The operator can assume the role.".into(),
                also: None,
            },
            (None, conflicts) => not_ready("NamespaceConflict", conflict(conflicts), "Stalled"),
        },
    }
}

fn external_id(binding: &AccountBinding) -> &'static str {
    match binding.spec.external_id {
        Some(_) => " with the external id of spec.externalId",
        None => " without an external id",
    }
}

fn conflict(conflicts: &[(String, Vec<String>)]) -> String {
    let named: Vec<String> = conflicts
        .iter()
        .map(|(namespace, others)| format!("{namespace} ({})", first_of(others, MOST_NAMES)))
        .collect();
    format!(
        "Namespaces that another AccountBinding is about too do not act in AWS: {}. Change the bindings, so that each namespace \
         has one.",
        first_of(&named, MOST_NAMES)
    )
}

#[cfg(test)]
mod tests {
    use kube::runtime::events::EventType;

    use super::*;
    use crate::aws::Operation;
    use crate::samples::{call_error, now};
    use crate::status::event::binding_transition;

    fn binding() -> AccountBinding {
        let spec = serde_json::from_value(serde_json::json!({
            "namespaces": ["a", "b"], "roleArn": "arn:aws:iam::111122223333:role/lab"
        }));
        let mut binding = AccountBinding::new("lab", spec.expect("a spec"));
        binding.metadata.generation = Some(3);
        binding
    }

    fn look<'a>(binding: &'a AccountBinding, role: &'a RoleState) -> BindingInput<'a> {
        BindingInput {
            binding,
            role,
            failures: REPORTED_FROM_FAILURE,
            conflicts: &[],
            unknown: None,
            namespaces: 2,
            sequence_stores: 7,
            now: now(),
        }
    }

    fn conditions(status: &AccountBindingStatus) -> Vec<(&str, &str, &str)> {
        let all = status.conditions.iter();
        all.map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str())).collect()
    }

    #[test]
    fn the_table_has_every_reason_and_no_other() {
        let (binding, assumed) = (binding(), RoleState::Assumed { account: "111122223333".into() });
        let failed = |class| RoleState::Failed(call_error(Operation::AssumeRole, class));
        let [denied, none, slow] = [Class::Denied, Class::Credentials, Class::Transient].map(failed);
        let invalid = RoleState::Invalid("It is unclear.".into());
        let conflicts = [("a".to_owned(), vec!["other".to_owned()])];
        let looks = [
            look(&binding, &assumed),
            look(&binding, &denied),
            look(&binding, &none),
            look(&binding, &slow),
            BindingInput { conflicts: &conflicts, ..look(&binding, &assumed) },
            BindingInput { unknown: Some("Not yet."), ..look(&binding, &assumed) },
            look(&binding, &invalid),
        ];
        let said = looks.map(|look| next_of_binding(&look).conditions[0].reason.clone());
        assert_eq!(said, BINDING_REASONS.map(|row| row.reason));
    }

    #[test]
    fn a_role_that_can_be_assumed_makes_the_binding_ready() {
        let (binding, role) = (binding(), RoleState::Assumed { account: "111122223333".into() });
        let status = next_of_binding(&look(&binding, &role));
        assert_eq!(conditions(&status), [("Ready", "True", "RoleAssumed")]);
        assert_eq!(
            (status.observed_generation, status.account_id.as_deref()),
            (Some(3), Some("111122223333"))
        );
        assert_eq!((status.namespaces, status.sequence_stores), (Some(2), Some(7)));
        let shown = AccountBinding { status: Some(status.clone()), ..binding };
        let later = BindingInput { now: now() + jiff::SignedDuration::from_secs(60), ..look(&shown, &role) };
        assert_eq!(next_of_binding(&later), status, "nothing has changed");
    }

    #[test]
    fn what_may_be_over_soon_is_shown_only_if_it_lasts() {
        let (mut binding, role) = (binding(), RoleState::Assumed { account: "111122223333".into() });
        let ready = next_of_binding(&look(&binding, &role));
        let down = RoleState::Failed(call_error(Operation::AssumeRole, Class::Transient));
        let shown = |binding: &AccountBinding, role: &RoleState, failures| {
            next_of_binding(&BindingInput { failures, ..look(binding, role) })
        };
        assert_eq!(conditions(&shown(&binding, &down, 1))[0].2, "AwsUnavailable", "it never was ready");
        binding.status = Some(ready.clone());
        assert_eq!([1, 2].map(|failures| shown(&binding, &down, failures)), [ready.clone(), ready]);
        assert_eq!(conditions(&shown(&binding, &down, 3))[0].2, "AwsUnavailable");
        let denied = RoleState::Failed(call_error(Operation::AssumeRole, Class::Denied));
        assert_eq!(conditions(&shown(&binding, &denied, 1))[0].2, "RoleNotAssumable");
        binding.status = None;
        let unknown = |failures| {
            next_of_binding(&BindingInput { unknown: Some("Not yet."), failures, ..look(&binding, &role) })
        };
        assert_eq!(unknown(2), AccountBindingStatus::default(), "nothing is written");
        assert_eq!(conditions(&unknown(3))[0].2, "NamespacesUnknown");
    }

    #[test]
    fn a_new_reason_is_an_event_and_a_new_message_is_none() {
        let (binding, role) = (binding(), RoleState::Assumed { account: "111122223333".into() });
        let assumed = next_of_binding(&look(&binding, &role));
        let announced = binding_transition(binding.status.as_ref(), &assumed).expect("an Event");
        assert_eq!((announced.type_, announced.reason), (EventType::Normal, "RoleAssumed"));
        assert_eq!(binding_transition(Some(&assumed), &assumed), None);
        let conflicts = [("a".to_owned(), vec!["other".to_owned()])];
        let conflict = next_of_binding(&BindingInput { conflicts: &conflicts, ..look(&binding, &role) });
        let announced = binding_transition(Some(&assumed), &conflict).expect("an Event");
        assert_eq!((announced.type_, announced.reason), (EventType::Warning, "NamespaceConflict"));
        assert!(announced.note.contains("a (other)"), "{}", announced.note);
        let mut reworded = conflict.clone();
        reworded.conditions[0].message = "Other words.".into();
        assert_eq!(binding_transition(Some(&conflict), &reworded), None);
        // Somebody else wrote it.
        reworded.conditions[0].reason = "Invented".into();
        assert_eq!(binding_transition(Some(&conflict), &reworded), None);
    }

    #[test]
    fn what_keeps_a_binding_from_being_used_is_said_with_what_to_do() {
        let binding = binding();
        let failed = |class| RoleState::Failed(call_error(Operation::AssumeRole, class));
        for (role, reason, also, word) in [
            (failed(Class::Denied), "RoleNotAssumable", "Stalled", "sts:TagSession"),
            (failed(Class::Credentials), "NoCredentials", "Reconciling", "its own"),
            (failed(Class::Transient), "AwsUnavailable", "Reconciling", "tries again"),
            (RoleState::Invalid("It is unclear.".into()), "InvalidSpec", "Stalled", "unclear"),
        ] {
            let status = next_of_binding(&look(&binding, &role));
            assert_eq!(conditions(&status), [("Ready", "False", reason), (also, "True", reason)]);
            assert!(status.conditions[0].message.contains(word), "{}", status.conditions[0].message);
            assert!(!status.conditions[0].message.contains("AWS's words"), "they change from call to call");
        }
    }

    #[test]
    fn a_conflict_names_the_namespaces_and_the_other_bindings() {
        let (binding, role) = (binding(), RoleState::Assumed { account: "111122223333".into() });
        let conflicts = [("a".to_owned(), vec!["other".to_owned()])];
        let status = next_of_binding(&BindingInput { conflicts: &conflicts, ..look(&binding, &role) });
        assert_eq!(conditions(&status)[0], ("Ready", "False", "NamespaceConflict"));
        assert!(status.conditions[0].message.contains("a (other)"), "{}", status.conditions[0].message);
        let unknown = next_of_binding(&BindingInput { unknown: Some("Not yet."), ..look(&binding, &role) });
        assert_eq!((conditions(&unknown)[0].2, unknown.namespaces), ("NamespacesUnknown", None));
    }
}
