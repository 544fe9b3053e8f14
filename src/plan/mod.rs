//! Decides what to do next: a total, pure function over tables of rules, first match wins. No I/O.

mod creation;
mod deletion;
mod life;
mod state;
#[cfg(test)]
mod tests;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::arn::StoreArn;
use crate::crd::{FINALIZER, OwnerTags, RECREATE_ANNOTATION, SequenceStore, TAKE_OVER_ANNOTATION};
use crate::desired::{self, Desired, InvalidSpec};
use crate::intent::Intent;
use crate::observed::{Observed, Present, ReadSetCount, Tags};
use crate::omics::CallError;
use crate::request::{CreateRequest, UpdateRequest};
pub(crate) use deletion::refused;
pub use state::State;

/// A second 404, at least this long after the first, is believed.
pub const ABSENCE_CONFIRMED_AFTER: Duration = Duration::from_secs(5);
/// After an accepted delete, reads may lag this long before the delete is sent again.
pub const DELETE_GRACE: Duration = Duration::from_secs(60);

/// Everything a plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The object as it was last read.
    pub object: &'a SequenceStore,
    /// What it asks for.
    pub desired: Result<&'a Desired, &'a InvalidSpec>,
    /// What AWS said in this pass.
    pub observed: &'a Observed,
    /// What earlier passes of this process leave behind.
    pub recollection: &'a Recollection,
    /// The owner tags of the object.
    pub owner: &'a OwnerTags,
    /// Settings of the operator.
    pub settings: &'a Settings,
    /// The time of the pass.
    pub now: Timestamp,
    /// The owner whom the annotation `take-over` names is no live, managing object of this cluster.
    pub owner_is_gone: bool,
    /// An older object that names the same store, as `namespace/name`.
    pub rival: Option<&'a str>,
}

/// Settings of the operator that plans depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of this cluster in owner tags.
    pub cluster: String,
    /// Name of this process in intents.
    pub replica: String,
    /// How long List, tags and Get may lag behind a write.
    pub create_grace: Duration,
}

/// Updates of one field that AWS accepted without having shown the wanted value since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Correction {
    /// How many.
    pub accepted: u32,
    /// How long ago the last one was.
    pub last: Duration,
}

/// What earlier passes leave behind. Losing it in a restart costs calls, never safety.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recollection {
    /// How long ago the first of an unbroken row of 404s was.
    pub absent_for: Option<Duration>,
    /// How long ago AWS accepted our delete.
    pub delete_accepted_for: Option<Duration>,
    /// AWS refused our delete.
    pub refusal: Option<Refusal>,
    /// Failed passes in a row, this one not counted.
    pub failures: u32,
    /// How long AWS has been denying us.
    pub denied_for: Option<Duration>,
    /// Epoch and attempt up to which every answer of the epoch was a definite no.
    pub not_created: Option<(u32, u32)>,
    /// Writing owner tags was denied; whether it is too early to try again.
    pub tagging_denied: Option<(CallError, bool)>,
    /// Generation that the corrections are of.
    pub corrections_of: Option<i64>,
    /// Corrections by field.
    pub corrections: BTreeMap<String, Correction>,
}

/// AWS's refusal to delete a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Read sets in the store, or why they could not be counted.
    pub read_sets: Result<ReadSetCount, CallError>,
    /// It is time to ask AWS again.
    pub due: bool,
}

/// What to do in this pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What becomes of our finalizer.
    pub finalizer: FinalizerStep,
    /// The intent to write to the object along with the finalizer.
    pub intent: Option<Box<Intent>>,
    /// The one mutating AWS action of this pass.
    pub action: Action,
    /// What the object is told.
    pub state: State,
    /// When to look again.
    pub next: Next,
}

/// What becomes of our finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerStep {
    /// Nothing.
    Keep,
    /// It is written before anything else is done.
    Add,
    /// It is removed, last of all.
    Remove,
}

/// A mutating AWS action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// None.
    None,
    /// CreateSequenceStore, after the intent is recorded.
    Create {
        /// Account of the credentials.
        account: String,
        /// The attempt to record.
        intent: Box<Intent>,
        /// The request.
        request: Box<CreateRequest>,
    },
    /// TagResource with owner tags.
    Claim {
        /// Region of the store.
        region: String,
        /// ARN of the store.
        arn: String,
        /// Owner tags.
        tags: BTreeMap<String, String>,
        /// uid of the former owner, or empty.
        former: String,
    },
    /// UpdateSequenceStore.
    Update {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
        /// The members that differ.
        request: Box<UpdateRequest>,
    },
    /// TagResource with tags of the spec.
    Tag {
        /// Region of the store.
        region: String,
        /// ARN of the store.
        arn: String,
        /// Tags to set.
        tags: BTreeMap<String, String>,
        /// Keys that are ours from now on; saved before the call.
        managed: Vec<String>,
    },
    /// PutS3AccessPolicy or DeleteS3AccessPolicy.
    SetPolicy {
        /// Region of the store.
        region: String,
        /// ARN of the store's access point.
        access_point: String,
        /// The document; none deletes the policy.
        policy: Option<String>,
    },
    /// UntagResource.
    Untag {
        /// Region of the store.
        region: String,
        /// ARN of the store.
        arn: String,
        /// Keys to remove.
        keys: BTreeSet<String>,
    },
    /// DeleteSequenceStore.
    DeleteStore {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
    },
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// In seconds: a store or a deletion is in motion.
    Quick,
    /// When a second 404 would be believed.
    Confirm,
    /// When an attempt to create the store is over, and now and then before.
    Within(Duration),
    /// At the poll interval.
    Poll,
    /// By the backoff of the failed call's class.
    Backoff,
}

/// What to look at before planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A store that is known.
    Store {
        /// Region of the store.
        region: String,
        /// Id of the store.
        id: String,
    },
    /// All stores of these names.
    LookUp {
        /// Region to look in.
        region: String,
        /// Exact names.
        names: Vec<String>,
        /// A missing store that is not to be found again.
        replaced: Option<String>,
    },
}

/// What the plan for this object depends on; none where it does not depend on AWS.
#[must_use]
pub fn target(object: &SequenceStore, desired: Result<&Desired, &InvalidSpec>) -> Option<Target> {
    let desired = desired.ok()?;
    if desired::is_paused(object) || (is_deleting(object) && deletion::decided_without_aws(object)) {
        return None;
    }
    let region = desired.region.clone();
    Some(match desired.id.clone() {
        Some(id) => Target::Store { region, id },
        None => Target::LookUp {
            region,
            names: desired.names.clone(),
            replaced: desired.intent.as_ref().and_then(|intent| intent.replaces.clone()),
        },
    })
}

/// Plans one pass.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let rules = if is_deleting(input.object) { deletion::RULES } else { life::RULES };
    let verdict = rules.iter().find_map(|rule| rule(input));
    // The last rule of each table matches everything; the fallback keeps the function total.
    let mut plan = verdict.unwrap_or_else(|| Plan::wait(State::Reconciling, Next::Poll));
    if !is_deleting(input.object) && !desired::is_paused(input.object) {
        plan.intent = plan.intent.or_else(|| resolved_intent(input).map(Box::new));
        plan.finalizer = finalizer_of_the_living(input, &plan);
    }
    plan
}

type Rule = fn(&Input<'_>) -> Option<Plan>;

/// Held while deleting the object must delete a store that is known; an operator that was
/// uninstalled then strands nothing under `Retain` and `Observe`. Held under every policy while an
/// attempt to create the store is unresolved.
fn finalizer_of_the_living(input: &Input<'_>, plan: &Plan) -> FinalizerStep {
    let known = desired::store_id(input.object).is_some() || matches!(input.observed, Observed::Present(_));
    let recorded = input.desired.is_ok_and(|desired| desired.intent.is_some());
    let unresolved =
        !known && (recorded || plan.intent.is_some() || matches!(plan.action, Action::Create { .. }));
    let wanted = (desired::deletes(input.object) && known) || unresolved;
    // It goes only where it is known that nothing was asked for or that a store is found.
    let blind = input.desired.is_err() || matches!(input.observed, Observed::Failed(_) | Observed::NotAsked);
    if !known && blind {
        return FinalizerStep::Keep;
    }
    match (wanted, has_our_finalizer(input.object)) {
        (true, false) => FinalizerStep::Add,
        (false, true) => FinalizerStep::Remove,
        _ => FinalizerStep::Keep,
    }
}

/// The id is noted in the intent as well, so that a status that was wiped does not make the store unknown.
fn resolved_intent(input: &Input<'_>) -> Option<Intent> {
    let Observed::Present(present) = input.observed else { return None };
    let named = input.object.spec.sequence_store_id.is_some();
    let intent = input.desired.ok()?.intent.as_ref().filter(|intent| intent.id.is_none() && !named)?;
    let ours = present.tags.owner() == Some(intent.uid.as_str());
    ours.then(|| Intent { id: Some(present.store.id.clone()), ..intent.clone() })
}

/// The user allows one new store for the loss of this one.
fn recreation(input: &Input<'_>, missing: &str) -> Option<Plan> {
    let allowed = input.object.annotations().get(RECREATE_ANNOTATION).is_some_and(|id| id == missing);
    if !allowed || input.object.spec.sequence_store_id.is_some() || !desired::manages(input.object) {
        return None;
    }
    let desired = input.desired.ok()?;
    let request = CreateRequest::of(input.object, input.owner);
    let intent = Intent {
        uid: input.owner.uid.clone(),
        epoch: desired.intent.as_ref().map_or(1, |intent| intent.epoch + 1),
        attempt: 0,
        replica: input.settings.replica.clone(),
        started_at: input.now,
        account: None,
        region: desired.region.clone(),
        name: request.name.clone(),
        request_hash: creation::request_hash(input, &request),
        tag_keys: Vec::new(),
        id: None,
        replaces: Some(missing.to_owned()),
    };
    Some(Plan { intent: Some(Box::new(intent)), ..Plan::wait(State::Creating, Next::Quick) })
}

impl Plan {
    fn wait(state: State, next: Next) -> Self {
        Self { finalizer: FinalizerStep::Keep, intent: None, action: Action::None, state, next }
    }

    fn release(state: State) -> Self {
        Self { finalizer: FinalizerStep::Remove, ..Self::wait(state, Next::Poll) }
    }
}

/// Whether the object is being deleted.
#[must_use]
pub fn is_deleting(object: &SequenceStore) -> bool {
    object.metadata.deletion_timestamp.is_some()
}

/// Whether our finalizer is on the object.
#[must_use]
pub fn has_our_finalizer(object: &SequenceStore) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

// Rules that hold whether the object lives or is being deleted.

fn paused(input: &Input<'_>) -> Option<Plan> {
    desired::is_paused(input.object).then(|| Plan::wait(State::Paused, Next::Poll))
}

fn invalid(input: &Input<'_>) -> Option<Plan> {
    let error = input.desired.err()?;
    Some(Plan::wait(State::InvalidSpec { message: error.to_string() }, Next::Poll))
}

fn call_failed(input: &Input<'_>) -> Option<Plan> {
    let Observed::Failed(error) = input.observed else { return None };
    Some(Plan::wait(State::CallFailed(error.clone()), Next::Backoff))
}

/// Ids hold neither account nor region, so an answer got with other credentials says nothing about the
/// store on record, or about one whose creation was asked for.
fn wrong_account(input: &Input<'_>) -> Option<Plan> {
    let status = input.object.status.as_ref();
    let record = status.and_then(|status| status.store.as_ref());
    let by_arn = || Some(StoreArn::parse(&record?.arn)?.account.to_owned());
    let by_intent = || {
        let named = input.object.spec.sequence_store_id.is_some();
        input.desired.ok()?.intent.as_ref().filter(|_| !named)?.account.clone()
    };
    let recorded = status.and_then(|status| status.account_id.clone()).or_else(by_arn).or_else(by_intent);
    let recorded = recorded.as_deref();
    let (account, same) = match input.observed {
        Observed::Present(present) => {
            // With an edited status, the id that the spec names still leads to the right store.
            let other_arn = record.is_some_and(|record| {
                record.id == present.store.id && !record.arn.is_empty() && record.arn != present.store.arn
            });
            (&present.account, !other_arn && recorded.is_none_or(|recorded| recorded == present.account))
        }
        Observed::Absent { account } | Observed::LookedUp { account, .. } => {
            (account, recorded.is_none_or(|recorded| recorded == account))
        }
        Observed::NotAsked | Observed::Failed(_) => return None,
    };
    let state =
        State::WrongAccount { recorded: recorded.unwrap_or_default().into(), credentials: account.clone() };
    (!same).then(|| Plan::wait(state, Next::Poll))
}

/// Why this object may not change or delete the store it names.
fn stranger(input: &Input<'_>, present: &Present) -> Option<State> {
    let uid = input.object.uid().unwrap_or_default();
    let named = input.object.spec.sequence_store_id.is_some();
    match present.tags.owner() {
        Some(owner) if owner == uid => None,
        Some(owner) => Some(State::OwnershipConflict {
            owner: format!("the object with uid {owner}"),
            way_on: Some(format!("{TAKE_OVER_ANNOTATION}: \"{owner}\"")),
        }),
        None => match input.rival {
            Some(rival) => {
                Some(State::OwnershipConflict { owner: format!("the older object {rival}"), way_on: None })
            }
            // A store that nobody named and that does not carry our tag came from an edited status.
            None if !named && matches!(present.tags, Tags::Read(_)) => Some(State::OwnershipConflict {
                owner: "nobody that its tags name: the tag healthomics.dev/uid is not on it".into(),
                way_on: None,
            }),
            None => None,
        },
    }
}

/// The annotation names the very owner to displace, and that owner is gone or merely observes.
fn may_take_over(input: &Input<'_>, present: &Present) -> bool {
    let named = input.object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    input.owner_is_gone && named.is_some() && named == present.tags.owner()
}

fn absence_is_confirmed(input: &Input<'_>) -> bool {
    if input.recollection.delete_accepted_for.is_some() {
        return true;
    }
    // A store that was just made, and never seen since, may not show yet.
    let intent = input.desired.ok().and_then(|desired| desired.intent.as_ref());
    let named = input.object.spec.sequence_store_id.is_some();
    let fresh = intent.is_some_and(|intent| {
        !named && intent.id.is_none() && intent.open_for(input.settings.create_grace, input.now).is_some()
    });
    !fresh && input.recollection.absent_for.is_some_and(|absent| absent >= ABSENCE_CONFIRMED_AFTER)
}
