//! The read sets in the status: of which store they are counted, and what a count leaves there. Pure, with `now` passed in. No
//! I/O.

use jiff::Timestamp;

use super::conditions::failure;
use super::{REPORTED_FROM_FAILURE, Reason, find, whole_seconds};
use crate::aws::{CallError, Class, ReadSetCount};
use crate::crd::{DeletionDefaults, LONGEST_MESSAGE, ReadSets, SequenceStoreStatus, StoreStatus, one_line};
use crate::plan::{self, Target};
use crate::store::Prepared;

/// Region and id of the store whose read sets are to be counted. None where the spec does not ask for it, and where no pass
/// has found the store yet, has lost it since, or found that it is somebody else's.
#[must_use]
pub fn store_to_count(prepared: &Prepared, deletion: DeletionDefaults) -> Option<(String, String)> {
    let Prepared { object, access, desired, .. } = prepared;
    if !object.observes_read_sets() {
        return None;
    }
    let target = plan::target(object, access, desired.as_ref(), deletion)?;
    let Target::Store { region, id } = target else { return None };
    let status = object.status.as_ref()?;
    let store = status.store.as_ref()?;
    // AWS would answer about another store than the one on record, or not at all.
    let is_elsewhere = find(&status.conditions, "Ready").is_some_and(|ready| {
        [Reason::WrongAccount, Reason::OwnershipConflict, Reason::StoreMissing, Reason::StoreNotFound]
            .iter()
            .any(|reason| reason.as_str() == ready.reason)
    });
    let is_there = store.id == id && store.status.is_some() && !store.is(StoreStatus::Deleting);
    (is_there && !is_elsewhere).then_some((region, id))
}

/// The status after a count. It equals the old one where nothing changes: a failure that may be over soon is not told at once,
/// and no failure touches the last count.
#[must_use]
pub fn with_read_sets(
    old: &SequenceStoreStatus,
    counted: Result<&ReadSetCount, &CallError>,
    failures: u32,
    now: Timestamp,
) -> SequenceStoreStatus {
    let read_sets = match counted {
        Ok(count) => Some(ReadSets {
            total: Some(count.display()),
            by_status: count.by_status.clone(),
            observed_time: Some(whole_seconds(now).to_string()),
            message: None,
        }),
        Err(error) if is_brief(error, failures) => old.read_sets.clone(),
        Err(error) => {
            Some(ReadSets { message: Some(message(error)), ..old.read_sets.clone().unwrap_or_default() })
        }
    };
    SequenceStoreStatus { read_sets, ..old.clone() }
}

fn is_brief(error: &CallError, failures: u32) -> bool {
    let lasts = matches!(
        error.class,
        Class::Denied | Class::Credentials | Class::Quota | Class::Terminal | Class::NotFound
    );
    !lasts && failures < REPORTED_FROM_FAILURE
}

fn message(error: &CallError) -> String {
    let why = match error.class {
        Class::NotFound => format!(
            "AWS says to {} that the store does not exist; the next poll of the store finds out whether it does.",
            error.operation.iam_action()
        ),
        _ => failure(error).1,
    };
    one_line(
        format!("The read sets could not be counted, which is tried again later. {why}"),
        LONGEST_MESSAGE,
    )
}

/// What a pass leaves of the last count: nothing where it is not wanted any more, or about a store that is not there. `old` is
/// the status before the pass, `new` the one after it.
#[must_use]
pub(super) fn kept(
    is_wanted: bool,
    old: &SequenceStoreStatus,
    new: &SequenceStoreStatus,
) -> Option<ReadSets> {
    let id = |status: &SequenceStoreStatus| status.store.as_ref().map(|store| store.id.clone());
    let is_there = new.store.as_ref().is_some_and(|store| store.status.is_some());
    old.read_sets.clone().filter(|_| is_wanted && is_there && id(old) == id(new))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::aws::Operation;
    use crate::crd::{PAUSED_ANNOTATION, SequenceStore};
    use crate::plan::State;
    use crate::samples::{ID, OTHER_ID, REGION, Scene, call_error, now, settled_object};
    use crate::status::{Input, next};
    use crate::store::{Defaults, prepare};
    use crate::tenancy::{Access, AccessRefusal};

    fn counting() -> SequenceStore {
        let mut object = settled_object();
        object.spec.observe_read_sets = Some(true);
        object
    }

    fn after(access: Access, change: impl FnOnce(&mut SequenceStore)) -> Option<(String, String)> {
        let mut object = counting();
        change(&mut object);
        let defaults = Defaults { region: Some(REGION.into()), poll_interval: Duration::from_secs(300) };
        let prepared = prepare(Arc::new(object), access, &defaults, "cluster");
        store_to_count(&prepared, DeletionDefaults::default())
    }

    fn count(total: usize, more: bool) -> ReadSetCount {
        let by_status = BTreeMap::from([("ACTIVE".to_owned(), 2), ("NEW".to_owned(), 1)]);
        ReadSetCount { total, more, by_status }
    }

    #[test]
    fn the_store_on_record_is_counted_unless_something_speaks_against_it() {
        let operator = || Access::Operator;
        let store = |object: &mut SequenceStore, status: Option<&str>| {
            let store = object.status.get_or_insert_default().store.get_or_insert_default();
            store.status = status.map(Into::into);
        };
        assert_eq!(after(operator(), |_| {}), Some((REGION.into(), ID.into())));
        for status in ["CREATING", "UPDATING", "FAILED", "NEW"] {
            assert!(after(operator(), |o| store(o, Some(status))).is_some(), "{status}");
        }
        assert_eq!(after(operator(), |o| store(o, Some("DELETING"))), None);
        assert_eq!(after(operator(), |o| store(o, None)), None, "it is missing");
        assert_eq!(after(operator(), |o| o.spec.observe_read_sets = None), None);
        assert_eq!(after(operator(), |o| o.spec.observe_read_sets = Some(false)), None);
        assert_eq!(after(operator(), |o| o.spec.sequence_store_id = Some(OTHER_ID.into())), None);
        assert_eq!(after(operator(), |o| o.spec.poll_interval = Some("soon".into())), None, "invalid");
        assert_eq!(after(operator(), |o| o.status = None), None, "no pass has seen it");
        let paused = [(PAUSED_ANNOTATION.to_owned(), "true".to_owned())];
        assert_eq!(after(operator(), |o| o.metadata.annotations = Some(paused.into())), None);
        assert_eq!(after(Access::Refused(AccessRefusal::Missing { recorded: None }), |_| {}), None);
        for reason in ["WrongAccount", "OwnershipConflict", "StoreMissing"] {
            let ready = |object: &mut SequenceStore| {
                let status = object.status.get_or_insert_default();
                status.conditions.iter_mut().for_each(|condition| condition.reason = reason.into());
            };
            assert_eq!(after(operator(), ready), None, "{reason}");
        }
    }

    #[test]
    fn a_count_takes_the_place_of_the_one_before_and_of_a_failure() {
        let old = counting().status.unwrap_or_default();
        let first = with_read_sets(&old, Ok(&count(3, false)), 0, now());
        let shown = first.read_sets.clone().expect("a count");
        assert_eq!((shown.total.as_deref(), &shown.by_status), (Some("3"), &count(3, false).by_status));
        assert_eq!((shown.observed_time, shown.message), (Some(now().to_string()), None));
        let denied = call_error(Operation::ListReadSets, Class::Denied);
        let failed = with_read_sets(&first, Err(&denied), 1, now()).read_sets.expect("a count");
        assert_eq!(failed.total.as_deref(), Some("3"), "the count stays");
        let message = failed.message.clone().expect("a message");
        assert!(message.contains("omics:ListReadSets") && message.contains("allow"), "{message}");
        let failed = SequenceStoreStatus { read_sets: Some(failed), ..old };
        let again = with_read_sets(&failed, Ok(&count(1000, true)), 0, now()).read_sets.expect("a count");
        assert_eq!((again.total.as_deref(), again.message), (Some("1000+"), None));
    }

    #[test]
    fn a_failure_that_may_be_over_soon_is_told_only_if_it_lasts() {
        let old = counting().status.unwrap_or_default();
        for class in Class::ALL {
            let error = call_error(Operation::ListReadSets, class);
            let told = |failures| with_read_sets(&old, Err(&error), failures, now()).read_sets;
            let lasts = [Class::Denied, Class::Credentials, Class::Quota, Class::Terminal, Class::NotFound];
            assert_eq!(told(1).is_some(), lasts.contains(&class), "{class:?}");
            let read_sets = told(REPORTED_FROM_FAILURE).expect("told");
            assert_eq!((read_sets.total, read_sets.observed_time), (None, None), "{class:?}");
            let message = read_sets.message.expect("a message");
            assert!(!message.contains("11111111-2222"), "no request id: {message}");
            assert_eq!(told(9).and_then(|read_sets| read_sets.message), Some(message), "nothing moves");
        }
    }

    #[test]
    fn a_pass_leaves_the_count_alone_until_nobody_wants_it_or_the_store_is_another() {
        let shown = |change: fn(&mut SequenceStore), state: State| {
            let mut scene = Scene::settled().with(|scene| scene.object = counting());
            let status = scene.object.status.get_or_insert_default();
            *status = with_read_sets(status, Ok(&count(3, false)), 0, now());
            change(&mut scene.object);
            next(&Input::of(&scene.object, &scene.observed, &state, now())).read_sets
        };
        assert!(shown(|_| {}, State::Available).is_some());
        assert!(shown(|_| {}, State::Paused).is_some());
        assert!(shown(|o| o.metadata.generation = Some(3), State::Available).is_some());
        let off = |object: &mut SequenceStore| {
            object.spec.observe_read_sets = None;
            object.metadata.generation = Some(3);
        };
        assert_eq!(shown(off, State::Available), None);
        assert_eq!(
            shown(off, State::CallFailed(call_error(Operation::GetSequenceStore, Class::Transient))),
            None
        );
        let missing = State::StoreMissing { id: ID.into(), region: REGION.into(), named: true };
        assert_eq!(shown(|_| {}, missing), None);
        let replaced = |object: &mut SequenceStore| {
            object.status.get_or_insert_default().store.get_or_insert_default().id = OTHER_ID.into();
        };
        assert_eq!(shown(replaced, State::Available), None, "it was the count of another store");
    }
}
