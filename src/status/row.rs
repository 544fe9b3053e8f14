//! What the table of condition reasons says of each reason: in which conditions it appears, and which Event announces it.
//! No I/O.

use kube::runtime::events::EventType;

/// What is known about one reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// Every combination of conditions in which `Ready` or `Synced` has this reason; the usual one first.
    pub(super) combinations: &'static [Combination],
    /// Short enough for the table in `README.md`.
    pub(super) meaning: &'static str,
    /// Further sentences for `docs/conditions.md`; may be empty.
    pub(super) details: &'static str,
    /// Empty if the user has nothing to do.
    pub(super) remedy: &'static str,
    /// Where the remedy is explained, relative to `docs/`; may be empty.
    pub(super) link: &'static str,
    /// The Event to publish when `Ready` or `Synced` changes to this reason.
    pub(super) event: Option<TransitionEvent>,
}

/// The conditions of an object at one time. `None`: the pass leaves the condition unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Combination {
    pub(super) ready: Option<bool>,
    pub(super) synced: Option<bool>,
    pub(super) abnormal: Abnormal,
}

/// Which of the two conditions that exist only while true is present (kstatus calls them "abnormal-true").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abnormal {
    Neither,
    Reconciling,
    Stalled,
    Unchanged,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct TransitionEvent {
    pub(super) type_: EventType,
    pub(super) action: &'static str,
    pub(super) note: &'static str,
}

pub(super) const fn combination(ready: bool, synced: bool, abnormal: Abnormal) -> Combination {
    Combination { ready: Some(ready), synced: Some(synced), abnormal }
}

pub(super) const READY: Combination = combination(true, true, Abnormal::Neither);
pub(super) const READY_NOT_SYNCED: Combination = combination(true, false, Abnormal::Neither);
pub(super) const RECONCILING: Combination = combination(false, false, Abnormal::Reconciling);
pub(super) const STALLED: Combination = combination(false, false, Abnormal::Stalled);
/// Only the ConfigMap is not there yet, or cannot be made. `Synced` is what it is without that.
pub(super) const NO_CONFIG_MAP_YET: Combination = combination(false, true, Abnormal::Reconciling);
pub(super) const NO_CONFIG_MAP: &[Combination] = &[combination(false, true, Abnormal::Stalled), STALLED];

pub(super) const fn normal(action: &'static str, note: &'static str) -> Option<TransitionEvent> {
    Some(TransitionEvent { type_: EventType::Normal, action, note })
}

pub(super) const fn warning(action: &'static str, note: &'static str) -> Option<TransitionEvent> {
    Some(TransitionEvent { type_: EventType::Warning, action, note })
}
