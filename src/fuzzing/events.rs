//! Texts of any kind in every Event and every condition: what AWS, users and other programs write ends there. No I/O.

use std::collections::BTreeMap;

use super::scene::now;
use super::{facts, text};
use crate::aws::{CallError, Cause, Class, Failure, Operation, ReadSetCount};
use crate::crd::{DeletionBlock, DeletionBlockReason, Drift, SequenceStore, SequenceStoreSpec};
use crate::plan::{
    ConnectionOutcome, NotKept, PinnedBy, Refusal, State, StoreOwner, TaggedOwner, TakeOver, blocked_by_aws,
};
use crate::status::{self, event};
use crate::store::Observed;

/// Separates the texts: no line break, as those must be in them.
const NEXT: char = '\u{1e}';
/// More of them show nothing new.
const MOST_TEXTS: usize = 100;

/// Texts, separated by the control character RS.
pub fn events(data: &[u8]) {
    let text = text(data);
    let texts: Vec<String> = text.split(NEXT).take(MOST_TEXTS).map(ToOwned::to_owned).collect();
    let at = |number: usize| texts[number % texts.len()].clone();
    facts::check_events(&[
        event::created(&at(0), &at(1)),
        event::adopted(&at(0), &at(1)),
        event::updated(&texts),
        event::updated(&texts[..1]),
        event::duplicate_stores(&at(0), &texts),
        event::undecodable(&at(0)),
    ]);
    let (operations, mut states) = (Operation::ALL, named_states(&texts));
    for (number, class) in Class::ALL.into_iter().enumerate() {
        let operation = operations[(data.len() + number) % operations.len()];
        states.extend(failed_states(error(operation, class, &texts), &texts));
    }
    for state in &states {
        report(state);
    }
}

fn report(state: &State) {
    let object = SequenceStore::new("a", SequenceStoreSpec::default());
    let status = status::next(&status::Input {
        failures: u32::MAX,
        ..status::Input::of(&object, &Observed::NotAsked, state, now())
    });
    facts::check_status(&status, None);
    facts::check_events(&event::transitions(None, &status, state, &ConnectionOutcome::AsBefore));
}

/// A failed call as the SDK's answers make one: its words are those of whoever answered.
fn error(operation: Operation, class: Class, texts: &[String]) -> CallError {
    let at = |number: usize| texts.get(number).cloned();
    CallError {
        class,
        code: at(1),
        region: at(2),
        failure: Box::new(Failure { cause: Cause::Answer { status: 500, code: at(1) }, host: at(3) }),
        ..CallError::unreadable(operation, at(0).unwrap_or_default())
    }
}

fn failed_states(error: CallError, texts: &[String]) -> Vec<State> {
    let refusal = Refusal { read_sets: Err(error.clone()), due: false };
    vec![
        State::CallFailed(error.clone()),
        State::TagsUnreadable(error.clone()),
        State::PolicyUnreadable(error.clone()),
        State::OwnerTagsDenied(error.clone()),
        State::ChangeDenied { error, drift: drift(texts) },
        blocked_by_aws(&refusal),
    ]
}

fn drift(texts: &[String]) -> Vec<Drift> {
    let value = |number: usize| texts.get(number).cloned();
    texts.iter().map(|field| Drift { field: field.clone(), desired: value(1), observed: value(2) }).collect()
}

fn named_states(texts: &[String]) -> Vec<State> {
    let at = |number: usize| texts[number % texts.len()].clone();
    let mut states = vec![
        State::ObjectsNotListed { places: texts.to_vec() },
        State::TagLimit { present: texts.len(), missing: texts.to_vec(), drift: drift(texts) },
        State::UnknownStatus { status: Some(at(0)) },
        State::Failed { message: Some(at(0)) },
        State::InvalidSpec { message: at(0) + "." },
        State::OwnershipConflict { owner: StoreOwner::OlderObject(at(0)) },
        State::StoreMissing { id: at(0), region: at(1), named: texts.len().is_multiple_of(2) },
        State::StoreNotFound { id: at(0), region: at(1), account: at(2) },
        State::DeletionBlocked(texts.iter().map(|text| block(text)).collect()),
        State::NeverManaged { id: at(0) },
    ];
    states.push(blocked_by_aws(&Refusal { read_sets: Ok(read_sets(texts)), due: true }));
    let lists = [State::Drifted, State::Correcting, State::NotConverging, State::PrincipalsRenamed];
    states.extend(lists.map(|list| list(drift(texts))));
    states.push(State::ImmutableFieldDiffers(drift(texts)));
    for pinned_by in [PinnedBy::Store, PinnedBy::Attempt] {
        states.push(State::WrongAccount { recorded: at(0), credentials: at(1), pinned_by });
    }
    let take_overs =
        [TakeOver::NotAskedFor, TakeOver::Allowed, TakeOver::OwnerManages, TakeOver::OwnerUnknown];
    states.extend(take_overs.map(|take_over| {
        let (object, cluster) = (texts.get(1).cloned(), texts.get(2).cloned());
        let owner = StoreOwner::Tagged(TaggedOwner { uid: at(0), object, cluster, take_over });
        State::OwnershipConflict { owner }
    }));
    for what in [NotKept::Finalizer, NotKept::Intent, NotKept::TagKeys, NotKept::Refused] {
        states.push(State::RecordNotKept { what, is_ready: false });
    }
    states
}

fn block(text: &str) -> DeletionBlock {
    DeletionBlock::new(DeletionBlockReason::Finalizers, text)
}

/// AWS may add states of read sets.
fn read_sets(texts: &[String]) -> ReadSetCount {
    let by_status: BTreeMap<String, i32> = texts.iter().map(|text| (text.clone(), 1)).collect();
    ReadSetCount { total: by_status.len(), more: false, by_status }
}
