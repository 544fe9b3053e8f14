//! The apply step: carries out the one AWS call of a plan, and says what came of it. I/O: AWS and Kubernetes.
//!
//! What must be recorded in Kubernetes before the call is written first, by `write_ahead`. `connection` writes the ConfigMap of
//! an object.

pub mod connection;
mod create;
mod delete;
mod outcome;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::aws::{Aws, CallError, Class, Operation, Turn, UpdateRequest};
use crate::crd::SequenceStore;
use crate::kubernetes::{Error, Kubernetes};
use crate::observe::Known;
use crate::plan::{Action, FinalizerStep, NotKept, Plan};
use crate::status::event::{self, Event};
use crate::store::field::fields_of;
use crate::store::{Field, Intent, Observed, Present};
pub use outcome::{Effect, Outcome};

/// What `write_ahead` wrote.
#[derive(Clone, Debug)]
pub struct WrittenAhead {
    /// The object as the API server has it now.
    pub object: Arc<SequenceStore>,
    /// Something was written, so that `object` is newer than the cache.
    pub is_newer: bool,
    /// The attempt to create a store that is on record, and when the recording began.
    pub attempt: Option<(Intent, Instant)>,
    /// Another intent that was written, and when.
    pub resolved: Option<(Intent, Instant)>,
    /// The API server's answer lacks what was to be written: a webhook or policy has removed it.
    pub not_kept: Option<NotKept>,
}

/// Writes finalizer and intent, the attempt to create a store included. Needs a Kubernetes client. `try_first`: the last
/// write was not kept, so this one is tried before it is made.
///
/// # Errors
/// The API server's. Nothing must be sent to AWS then.
pub async fn write_ahead(
    kubernetes: &Kubernetes,
    object: &Arc<SequenceStore>,
    plan: &Plan,
    try_first: bool,
) -> Result<WrittenAhead, Error> {
    let recording = Instant::now();
    let (step, intent) = match (&plan.action, plan.finalizer) {
        // The time of the attempt counts from here, not from the plan.
        (Action::Create { intent, .. }, _) => {
            (FinalizerStep::Add, Some(Intent { started_at: Timestamp::now(), ..intent.as_ref().clone() }))
        }
        // The removal is the last write of the pass, and takes the intent with it.
        (_, FinalizerStep::Remove) => (FinalizerStep::Keep, None),
        (_, step) => (step, plan.intent.as_deref().cloned()),
    };
    let is_create = matches!(plan.action, Action::Create { .. });
    // A store must not carry the uid of an object that may go without the operator.
    let is_needed = is_create || step == FinalizerStep::Add && matches!(plan.action, Action::Adopt { .. });
    let wanted = Wanted { step, intent: intent.as_ref(), is_needed };
    let (mut written, mut not_kept) = (None, None);
    if try_first {
        let tried = kubernetes.try_metadata(object, step, intent.as_ref()).await;
        not_kept = answer(tried, wanted)?.1;
    }
    let was_written = not_kept.is_none();
    if was_written {
        let answered = kubernetes.patch_metadata(object, step, intent.as_ref()).await;
        (written, not_kept) = answer(answered, wanted)?;
    }
    let is_on_record = was_written && !matches!(not_kept, Some(NotKept::Intent | NotKept::Refused));
    let intent = intent.map(|intent| (intent, recording));
    Ok(WrittenAhead {
        is_newer: written.is_some(),
        object: written.unwrap_or_else(|| object.clone()),
        attempt: intent.clone().filter(|_| is_create && is_on_record),
        resolved: intent.filter(|_| !is_create),
        not_kept,
    })
}

type Answered = (Option<Arc<SequenceStore>>, Option<NotKept>);

/// What is to be on record.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    step: FinalizerStep,
    intent: Option<&'a Intent>,
    /// The AWS call of the plan must not be sent without it.
    is_needed: bool,
}

/// What the API server made of a write. Whatever does not need the record goes on after a refusal, and where a webhook of
/// the cluster fails or hangs.
fn answer(
    answered: Result<Option<Arc<SequenceStore>>, Error>,
    wanted: Wanted<'_>,
) -> Result<Answered, Error> {
    match answered {
        Ok(written) => {
            let not_kept = written.as_ref().and_then(|written| not_kept(written, wanted.step, wanted.intent));
            Ok((written, not_kept))
        }
        Err(error) if error.is_refusal() || !wanted.is_needed && error.may_last() => {
            tracing::warn!("the API server does not write what must be on record: {error}");
            Ok((None, Some(NotKept::Refused)))
        }
        Err(error) => Err(error),
    }
}

/// A mutating webhook or policy may take away what was written, and the API server answers with success all the same.
fn not_kept(written: &SequenceStore, step: FinalizerStep, intent: Option<&Intent>) -> Option<NotKept> {
    let has_intent =
        intent.is_none_or(|sent| Intent::of(written).is_ok_and(|kept| kept.as_ref() == Some(sent)));
    let has_finalizer = step != FinalizerStep::Add || written.has_our_finalizer();
    match (has_intent, has_finalizer) {
        (false, _) => Some(NotKept::Intent),
        (true, false) => Some(NotKept::Finalizer),
        (true, true) => None,
    }
}

/// Sends the plan's AWS call. Needs an AWS client, and the turn of this call: without it nothing is sent.
pub(crate) async fn send(
    (aws, turn): (&Aws, Option<Turn>),
    observed: &Observed,
    action: &Action,
    ahead: &WrittenAhead,
    known: &Known,
) -> Outcome {
    let Some(turn) = turn else { return Outcome::from(Effect::Nothing) };
    aws.departure(&turn).await;
    match action {
        Action::None => Outcome::from(Effect::Nothing),
        Action::Create { account, request, intent } => match (&ahead.attempt, ahead.not_kept) {
            (Some((intent, recording)), None) => {
                create::create((aws, turn), account, (intent, *recording), request).await
            }
            // An attempt that is not recorded is never sent.
            (_, what) => {
                let attempt = Some((intent.epoch, intent.attempt));
                Outcome::from(Effect::NotRecorded { what: what.unwrap_or(NotKept::Intent), attempt })
            }
        },
        Action::Adopt { region, arn, tags, former } => {
            let sent = aws.tag(turn, region, arn, tags).await;
            adopted(ahead.object.uid_str(), observed, former, tag_fields(tags.keys()), sent)
        }
        Action::Update { region, id, request } => {
            let sent = aws.update(turn, region, id, request).await;
            updated(observed, id, request, sent)
        }
        Action::Tag { region, arn, tags, .. } => {
            let sent = aws.tag(turn, region, arn, tags).await;
            accepted(sent, tag_fields(tags.keys()), event::tags_updated())
        }
        Action::Untag { region, arn, keys } => {
            let sent = aws.untag(turn, region, arn, keys).await;
            accepted(sent, tag_fields(keys.iter()), event::tags_updated())
        }
        Action::SetPolicy { region, access_point, policy } => {
            let sent = match policy {
                Some(document) => aws.put_policy(turn, region, access_point, document).await,
                None => aws.delete_policy(turn, region, access_point).await,
            };
            accepted(sent, vec![Field::S3AccessPolicy], event::s3_access_policy_updated())
        }
        Action::DeleteStore { region, id } => delete::delete((aws, turn), region, id, known).await,
    }
}

fn tag_fields<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<Field> {
    keys.map(|key| Field::Tag(key.clone())).collect()
}

/// A change of tags or of the policy.
fn accepted(sent: Result<(), CallError>, fields: Vec<Field>, event: Event) -> Outcome {
    match sent {
        Ok(()) => {
            tracing::info!(fields = %names(&fields), "AWS accepted the change");
            Outcome { effect: Effect::Accepted { fields, present: None }, events: vec![event] }
        }
        Err(error) => failed(error),
    }
}

fn adopted(
    uid: &str,
    observed: &Observed,
    former: &str,
    fields: Vec<Field>,
    sent: Result<(), CallError>,
) -> Outcome {
    // If this object already owns the store, or nobody does, a denied adoption must not stop the rest of the work. Any other
    // store must be adopted first.
    let may_go_on = observed.present().is_some() && (former.is_empty() || former == uid);
    match sent {
        Err(error) if is_denial(&error) && !may_go_on => Outcome::from(Effect::Failed(error)),
        sent => accepted(sent, fields, event::adopted(former, uid)),
    }
}

fn updated(
    observed: &Observed,
    id: &str,
    request: &UpdateRequest,
    sent: Result<crate::crd::Store, CallError>,
) -> Outcome {
    let store = match sent {
        Ok(store) => store,
        Err(error) => return failed(error),
    };
    let fields = fields_of(request);
    tracing::info!(store_id = id, fields = %names(&fields), "AWS accepted the update");
    let events = vec![event::updated(&fields.iter().map(Field::to_string).collect::<Vec<_>>())];
    // The response has the members of GetSequenceStore, which saves the next Get.
    let present = observed.present().filter(|present| store.id == id && store.arn == present.store.arn);
    let present = present.map(|present| Box::new(Present { store, ..present.clone() }));
    Outcome { effect: Effect::Accepted { fields, present }, events }
}

/// A denial does not keep the operator from doing what else there is to do.
fn failed(error: CallError) -> Outcome {
    let is_denial = is_denial(&error);
    Outcome::from(if is_denial { Effect::Denied(error) } else { Effect::Failed(error) })
}

/// A limit for the tags of the store is one too: it concerns nothing else.
fn is_denial(error: &CallError) -> bool {
    error.class == Class::Denied || error.class == Class::Quota && error.operation == Operation::TagResource
}

fn names(fields: &[Field]) -> String {
    fields.iter().map(Field::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api_error(code: u16) -> Error {
        let status = serde_json::json!({"code": code, "reason": "", "message": "words"});
        let status = serde_json::from_value(status).expect("a status");
        Error::Request { step: "write", source: Box::new(kube::Error::Api(status)) }
    }

    #[test]
    fn a_webhook_that_is_down_stops_only_what_needs_the_record() {
        let no_answer = || Error::NoAnswer { step: "write", after: std::time::Duration::from_secs(10) };
        let after = |error, is_needed| {
            let wanted = Wanted { step: FinalizerStep::Add, intent: None, is_needed };
            answer(Err(error), wanted).ok().map(|(_, not_kept)| not_kept)
        };
        let goes_on = Some(Some(NotKept::Refused));
        for error in [no_answer, || api_error(500), || api_error(503)] {
            assert_eq!(after(error(), false), goes_on);
            assert_eq!(after(error(), true), None, "no Create without its record");
        }
        assert_eq!([false, true].map(|is_needed| after(api_error(422), is_needed)), [goes_on; 2]);
        for code in [404, 409, 429] {
            assert_eq!(after(api_error(code), false), None, "{code} soon passes, or the object is another");
        }
    }
}
