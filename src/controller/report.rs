//! The report step: concludes where the object stands (pure), makes the next status, keeps the ConfigMap that goes with it, and
//! writes the status if it differs. The only place that writes a status, but for the counts of `read_sets/count.rs`. I/O:
//! Kubernetes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::connection::{Connected, keep_connection};
use super::context::Context;
use crate::apply::Effect;
use crate::crd::{DeletionBlock, DeletionBlockReason, FINALIZER, SequenceStore, SequenceStoreStatus};
use crate::kubernetes::{Error, Kubernetes, Precondition};
use crate::plan::{
    ConnectionOutcome, ConnectionStep, Next, NotKept, Plan, Recollection, Refusal, State, blocked_by_aws,
    connection_step, gone_tag_keys,
};
use crate::status::{
    self,
    event::{self, Event},
};
use crate::store::Observed;

/// Where the object stands now.
#[derive(Clone, Debug)]
pub struct Conclusion {
    pub state: State,
    pub next: Next,
    /// The status holds the id of a store that the operator has just created, which nobody else knows.
    pub must_be_saved: bool,
}

impl Conclusion {
    fn of(state: State, next: Next) -> Self {
        Self { state, next, must_be_saved: false }
    }

    /// An object with which all is well, but for a record that the API server did not keep, says so.
    #[must_use]
    pub fn with_missing_record(self, not_kept: Option<NotKept>) -> Self {
        match (not_kept, &self.state) {
            (Some(what), State::Available) => {
                Self { state: State::RecordNotKept { what, is_ready: true }, ..self }
            }
            _ => self,
        }
    }
}

/// The operator has finished with the store of an object that is being deleted, and its finalizer stays.
#[must_use]
pub fn not_released() -> Conclusion {
    let message = format!(
        "the operator has finished with the store, and something in the cluster does not let it remove its finalizer \
         {FINALIZER}, or puts it back: look for admission webhooks and policies that apply to \
         sequencestores.healthomics.dev"
    );
    let block = DeletionBlock::new(DeletionBlockReason::Finalizers, message);
    Conclusion::of(State::DeletionBlocked(vec![block]), Next::Poll)
}

/// The store as the response to the AWS call shows it.
#[must_use]
pub fn observed_after(effect: &Effect) -> Option<Observed> {
    match effect {
        Effect::Created(present) | Effect::Accepted { present: Some(present), .. } => {
            Some(Observed::Present(present.clone()))
        }
        _ => None,
    }
}

/// If the call changed what is known, plans again. The new state counts if that plan sends no call; otherwise the state of
/// the first plan stands. So an update ends in the pass that made it, and a denial is reported as what it means for the
/// object.
#[must_use]
pub fn conclude(plan: &Plan, effect: &Effect, plan_again: impl FnOnce() -> Plan) -> Conclusion {
    let planned = || Conclusion::of(plan.state.clone(), plan.next);
    let so = |state| Conclusion::of(state, plan.next);
    match effect {
        Effect::Nothing | Effect::Accepted { present: None, .. } => planned(),
        Effect::Accepted { present: Some(_), .. }
        | Effect::Denied(_)
        | Effect::NotRecorded { what: NotKept::TagKeys, .. } => {
            let again = plan_again();
            if again.action.operation().is_none() {
                Conclusion::of(again.state, again.next)
            } else {
                planned()
            }
        }
        Effect::Created(_) => Conclusion { must_be_saved: true, ..so(State::Creating) },
        Effect::CreationUnknown { attempt } => so(State::OutcomeUnknown { attempt: *attempt }),
        Effect::NotCreated { error, .. } | Effect::Failed(error) => so(State::CallFailed(error.clone())),
        Effect::NotRecorded { what, .. } => so(State::RecordNotKept { what: *what, is_ready: false }),
        Effect::DeleteAccepted | Effect::DeleteNotFound => so(State::Deleting),
        Effect::DeleteRefused { read_sets, .. } => {
            so(blocked_by_aws(&Refusal { read_sets: read_sets.clone(), due: false }))
        }
    }
}

/// What to report about which object.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    pub object: &'a Arc<SequenceStore>,
    pub observed: &'a Observed,
    pub state: &'a State,
    pub region: Option<&'a str>,
    /// The AccountBinding under which the pass acted.
    pub binding: Option<&'a str>,
    /// Keys of tags that the operator is about to write.
    pub managed_tag_keys: Option<&'a [String]>,
    /// Failures, this pass counted.
    pub recollection: &'a Recollection,
    /// The status holds the id of a new store. It is written until the API server accepts it or the pass is stopped; then
    /// the intent leads the next pass to the store.
    pub must_be_saved: bool,
}

/// What the report step wrote.
#[derive(Debug)]
pub struct Reported {
    /// The object as the API server returned it; none where the status has not changed.
    pub written: Option<Arc<SequenceStore>>,
    /// The Events of the change.
    pub events: Vec<Event>,
    /// Why it is not known whether the ConfigMap of the object is as it must be.
    pub connection_failed: Option<Error>,
}

/// Keeps the ConfigMap of the object, and writes the status if it differs.
///
/// # Errors
/// The API server's for the status, a conflict included.
pub async fn report(context: &Context, report: Report<'_>) -> Result<Reported, Error> {
    let Report { object, state, must_be_saved, .. } = report;
    let draft = next_status(context, &report, object, &ConnectionOutcome::AsBefore);
    let step = match report.managed_tag_keys {
        Some(_) => ConnectionStep::Leave,
        None => connection_step(object, &draft, status::is_ready(&draft), state),
    };
    let record = async |expected: &ConnectionOutcome| {
        let with_name = next_status(context, &report, object, expected);
        context.kubernetes.patch_status(object, &with_name, Precondition::SameVersion).await
    };
    let Connected { object: newest, outcome, failed: connection_failed } =
        keep_connection(&context.kubernetes, object.clone(), step, record).await;
    let outcome = match (report.managed_tag_keys, object.wanted_config_map()) {
        // It was not looked at, and must not count as there.
        (Some(_), Some(name)) => ConnectionOutcome::Unknown(name.to_owned()),
        _ => outcome,
    };
    let new = next_status(context, &report, &newest, &outcome);
    let events = || event::transitions(object.status.as_ref(), &new, state, &outcome);
    if newest.status.as_ref() == Some(&new) {
        // The end of a deletion changes no condition and is an Event all the same.
        let is_news = *state == State::Deleted || !Arc::ptr_eq(&newest, object);
        let events = if is_news { events() } else { Vec::new() };
        let written = Some(newest).filter(|newest| !Arc::ptr_eq(newest, object));
        return Ok(Reported { written, events, connection_failed });
    }
    let written = match must_be_saved {
        true => save(&context.kubernetes, &newest, &new).await?,
        false => context.kubernetes.patch_status(&newest, &new, Precondition::SameVersion).await?,
    };
    Ok(Reported { written: Some(written), events: events(), connection_failed })
}

/// The status of this version of the object.
fn next_status(
    context: &Context,
    report: &Report<'_>,
    object: &SequenceStore,
    connection: &ConnectionOutcome,
) -> SequenceStoreStatus {
    let recollection = report.recollection;
    status::next(&status::Input {
        object,
        observed: report.observed,
        state: report.state,
        region: report.region,
        failures: recollection.failures,
        denied_for: recollection.denied_for,
        denied_grace: context.denied_grace,
        throttled_briefly: recollection.throttled_for.is_some_and(|time| time < context.throttled_grace),
        deletion: context.settings.deletion,
        binding: report.binding,
        managed_tag_keys: report.managed_tag_keys,
        tag_keys_gone: &gone_tag_keys(recollection, context.settings.create_grace),
        connection,
        now: Timestamp::now(),
    })
}

/// Writes the status until the API server accepts it or the object is gone.
async fn save(
    kubernetes: &Kubernetes,
    object: &SequenceStore,
    status: &SequenceStoreStatus,
) -> Result<Arc<SequenceStore>, Error> {
    let mut wait = Duration::from_millis(100);
    loop {
        let error = match kubernetes.patch_status(object, status, Precondition::SameObject).await {
            Ok(written) => return Ok(written),
            Err(error) if error.is_not_found() => return Err(error),
            Err(error) => error,
        };
        // The object may have been deleted and created again under the same name.
        let is_another =
            || async { kubernetes.read(object).await.is_ok_and(|live| live.uid_str() != object.uid_str()) };
        if error.is_conflict() && is_another().await {
            return Err(error);
        }
        tracing::warn!("the id of the new store is not saved yet: {error}");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::{Class, Operation};
    use crate::plan::Action;
    use crate::samples::{Scene, call_error};

    fn plan() -> Plan {
        let mut plan = Scene::settled().plan();
        (plan.state, plan.next) = (State::Correcting(Vec::new()), Next::Quick);
        plan
    }

    fn again(action: Action) -> Plan {
        Plan { action, state: State::Available, next: Next::Poll, ..plan() }
    }

    fn never() -> Plan {
        unreachable!("the call changed nothing that is known")
    }

    #[test]
    fn a_second_plan_counts_only_if_it_sends_no_call() {
        let denied = Effect::Denied(call_error(Operation::TagResource, Class::Denied));
        let conclusion = conclude(&plan(), &denied, || again(Action::None));
        assert_eq!((conclusion.state, conclusion.next), (State::Available, Next::Poll));
        let delete = Action::DeleteStore { region: String::new(), id: String::new() };
        let conclusion = conclude(&plan(), &denied, || again(delete));
        assert_eq!((conclusion.state, conclusion.next), (plan().state, Next::Quick));
    }

    #[test]
    fn a_call_that_shows_no_store_keeps_the_planned_state() {
        for effect in [Effect::Nothing, Effect::Accepted { fields: Vec::new(), present: None }] {
            assert_eq!(conclude(&plan(), &effect, never).state, plan().state);
        }
    }

    #[test]
    fn a_tag_whose_key_is_not_on_record_concerns_nothing_else() {
        let mut scene = Scene::settled();
        scene.object.spec.tags = Some([("team".to_owned(), "genomics".to_owned())].into());
        scene.object.spec.description = Some("new".into());
        assert!(matches!(scene.plan().action, Action::Update { .. }));
        scene.object.spec.description = None;
        assert!(matches!(scene.plan().action, Action::Tag { .. }));
        let not_kept = Effect::NotRecorded { what: NotKept::TagKeys, attempt: None };
        assert!(not_kept.leaves_the_rest());
        scene.recollection.tag_keys_not_kept = true;
        let concluded = conclude(&plan(), &not_kept, || scene.plan());
        let ready = State::RecordNotKept { what: NotKept::TagKeys, is_ready: true };
        assert_eq!((concluded.state, concluded.next), (ready, Next::Poll));
        scene.object.status.get_or_insert_default().managed_tag_keys = vec!["dropped".into()];
        if let Observed::Present(present) = &mut scene.observed
            && let crate::store::ObservedTags::Read(tags) = &mut present.tags
        {
            tags.insert("dropped".into(), "1".into());
        }
        assert!(matches!(scene.plan().action, Action::Untag { .. }), "other tags are still removed");
    }

    #[test]
    fn an_unknown_creation_is_reported_as_unknown() {
        let state = conclude(&plan(), &Effect::CreationUnknown { attempt: 2 }, never).state;
        assert_eq!(state, State::OutcomeUnknown { attempt: 2 });
    }

    #[test]
    fn only_the_id_of_a_new_store_must_be_saved() {
        let Observed::Present(present) = Scene::settled().observed else { panic!("no store") };
        let created = conclude(&plan(), &Effect::Created(present), never);
        assert!(created.must_be_saved && created.state == State::Creating);
        let failed = Effect::Failed(call_error(Operation::UpdateSequenceStore, Class::Transient));
        assert!(!conclude(&plan(), &failed, never).must_be_saved);
    }
}
