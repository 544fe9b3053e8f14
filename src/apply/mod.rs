//! Carries out the one AWS action of a plan and says what came of it. I/O.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use kube::ResourceExt;

use crate::aws::{CallError, Class, Operation};
use crate::aws::{CreateRequest, UpdateRequest};
use crate::controller::context::Context;
use crate::crd::{SequenceStore, SequenceStoreStatus};
use crate::kubernetes::Error;
use crate::kubernetes::{self, Guard};
use crate::observe;
use crate::plan::{Action, FinalizerStep, Refusal, State, refused};
use crate::status::event::Event;
use crate::store::drift;
use crate::store::intent::{Intent, LEAVES_WITHIN};
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};

/// The Event of a change of tags.
const TAGGED: &str = "Tags of the sequence store are updated.";

/// What came of an action.
#[derive(Debug, Default)]
pub struct Acted {
    /// Where the object stands, if that is not as planned.
    pub state: Option<State>,
    /// What the answer showed of the store.
    pub observed: Option<Observed>,
    /// Region of that store.
    pub region: Option<String>,
    /// The plan is to be made again on what is known now, for its state.
    pub replan: bool,
    /// Events.
    pub notes: Vec<Event>,
}

impl Acted {
    fn state(state: State) -> Self {
        Self { state: Some(state), ..Self::default() }
    }

    fn failed(error: CallError) -> Self {
        observe::log(&error);
        Self::state(State::CallFailed(error))
    }
}

/// Sends the plan's AWS action.
///
/// # Errors
/// Kubernetes's, where something must be written before the action; then nothing was sent.
pub async fn act(
    context: &Context,
    object: &SequenceStore,
    observed: &Observed,
    action: &Action,
) -> Result<Acted, Error> {
    let uid = object.uid_str();
    Ok(match action {
        Action::None => Acted::default(),
        Action::Create { account, intent, request } => {
            create(context, object, account, intent, request).await?
        }
        Action::Claim { region, arn, tags, former } => {
            claim(context, object, observed, (region, arn), tags, former).await
        }
        Action::Update { region, id, request } => {
            update(context, object, observed, (region, id), request).await
        }
        Action::Tag { region, arn, tags, managed } => {
            save_managed_keys(context, object, managed).await?;
            let fields: Vec<String> = tags.keys().map(|key| drift::tag_field(key)).collect();
            let sent = context.aws.tag(region, arn, tags).await;
            accepted(context, object, action, sent, fields, TAGGED)
        }
        Action::Untag { region, arn, keys } => {
            let fields: Vec<String> = keys.iter().map(|key| drift::tag_field(key)).collect();
            let sent = context.aws.untag(region, arn, keys).await;
            accepted(context, object, action, sent, fields, TAGGED)
        }
        Action::SetPolicy { region, access_point, policy } => {
            let sent = match policy {
                Some(document) => context.aws.put_policy(region, access_point, document).await,
                None => context.aws.delete_policy(region, access_point).await,
            };
            let fields = vec![drift::POLICY.to_owned()];
            accepted(context, object, action, sent, fields, "The S3 access policy is updated.")
        }
        Action::DeleteStore { region, id } => delete_store(context, &uid, region, id).await,
    })
}

/// Records the attempt, and sends it at once or not at all.
async fn create(
    context: &Context,
    object: &SequenceStore,
    account: &str,
    intent: &Intent,
    request: &CreateRequest,
) -> Result<Acted, Error> {
    let recording = Instant::now();
    // The time counts from the recording, not from the plan that led to it.
    let intent = &Intent { started_at: Timestamp::now(), ..intent.clone() };
    kubernetes::metadata(context, object, FinalizerStep::Add, Some(intent)).await?;
    context.memory.intent(&intent.uid, intent, recording);
    if recording.elapsed() > LEAVES_WITHIN {
        tracing::warn!("recording the attempt took too long; it is not sent");
        return Ok(Acted::state(State::OutcomeUnknown { attempt: intent.attempt }));
    }
    match context.aws.create(&intent.region, account, &intent.client_token(), request).await {
        Ok(answer) => {
            tracing::info!(store_id = answer.store.id, region = intent.region, "created");
            context.memory.wrote_tags(&intent.uid, &answer.store.id, request.tags.clone());
            let present = Present {
                store: answer.store,
                account: answer.account,
                tags: ObservedTags::Read(request.tags.clone()),
                duplicates: Vec::new(),
                policy: ObservedPolicy::NotRead,
            };
            Ok(Acted {
                state: Some(State::Creating),
                observed: Some(Observed::Present(Box::new(present))),
                region: Some(intent.region.clone()),
                notes: vec![Event::normal("Created", "Create", "A sequence store is created in AWS.")],
                ..Acted::default()
            })
        }
        Err(error) if error.is_definite_no() => {
            context.memory.not_created(&intent.uid, intent.epoch, intent.attempt);
            Ok(Acted::failed(error))
        }
        Err(error) => {
            observe::log(&error);
            context.memory.outcome_unknown(&intent.uid);
            Ok(Acted::state(State::OutcomeUnknown { attempt: intent.attempt }))
        }
    }
}

async fn claim(
    context: &Context,
    object: &SequenceStore,
    observed: &Observed,
    (region, arn): (&str, &str),
    tags: &BTreeMap<String, String>,
    former: &str,
) -> Acted {
    let uid = object.uid_str();
    match context.aws.tag(region, arn, tags).await {
        Ok(()) => {
            tracing::info!(arn, former, "owner tags written");
            let fields: Vec<String> = tags.keys().map(|key| drift::tag_field(key)).collect();
            context.memory.allowed(uid, Operation::TagResource);
            context.memory.corrected(uid, &fields, object.metadata.generation, Instant::now());
            let text = match former {
                "" => "The sequence store carries the owner tags of this object now.".to_owned(),
                former if former == uid => "The owner tags of the sequence store are renewed.".to_owned(),
                former => format!("The sequence store is adopted; its former owner had the uid {former}."),
            };
            Acted { notes: vec![Event::normal("Adopted", "Adopt", text)], ..Acted::default() }
        }
        // A store that is known is mirrored and deleted with or without owner tags.
        Err(error)
            if error.class == Class::Denied
                && matches!(observed, Observed::Present(_))
                && (former.is_empty() || former == uid) =>
        {
            denied(context, uid, error)
        }
        Err(error) => Acted::failed(error),
    }
}

/// The denial is remembered, and what else there is to do goes on.
fn denied(context: &Context, uid: &str, error: CallError) -> Acted {
    observe::log(&error);
    context.memory.denied(uid, error, Instant::now());
    Acted { replan: true, ..Acted::default() }
}

async fn update(
    context: &Context,
    object: &SequenceStore,
    observed: &Observed,
    (region, id): (&str, &str),
    request: &UpdateRequest,
) -> Acted {
    let uid = object.uid_str();
    let answer = match context.aws.update(region, id, request).await {
        Ok(answer) => answer,
        Err(error) if error.class == Class::Denied => return denied(context, &uid, error),
        Err(error) => return Acted::failed(error),
    };
    context.memory.allowed(&uid, Operation::UpdateSequenceStore);
    let fields: Vec<String> = request.fields().into_iter().map(ToOwned::to_owned).collect();
    tracing::info!(store_id = id, region, ?fields, "UpdateSequenceStore accepted");
    context.memory.corrected(&uid, &fields, object.metadata.generation, Instant::now());
    let more = fields.len().saturating_sub(1);
    let text = match (fields.first(), more) {
        (Some(first), 0) => format!("The field {first} of the sequence store is updated."),
        (Some(first), more) => {
            format!("The field {first} of the sequence store and {more} more are updated.")
        }
        (None, _) => String::new(),
    };
    let notes = vec![Event::normal("Updated", "Update", text)];
    // The answer says all that a Get would.
    let observed = match observed {
        Observed::Present(present) if answer.id == id && answer.arn == present.store.arn => {
            Some(Observed::Present(Box::new(Present { store: answer, ..present.as_ref().clone() })))
        }
        _ => None,
    };
    Acted { replan: observed.is_some(), observed, notes, ..Acted::default() }
}

/// Keys are ours from before the call that writes them: a crash in between must not make them foreign.
async fn save_managed_keys(
    context: &Context,
    object: &SequenceStore,
    managed: &[String],
) -> Result<(), Error> {
    let status = object.status.clone().unwrap_or_default();
    if status.managed_tag_keys == managed {
        return Ok(());
    }
    let status = SequenceStoreStatus { managed_tag_keys: managed.to_vec(), ..status };
    kubernetes::status(context, object, &status, Guard::Unchanged).await
}

/// What came of a change of tags or of the policy.
fn accepted(
    context: &Context,
    object: &SequenceStore,
    action: &Action,
    sent: Result<(), CallError>,
    fields: Vec<String>,
    text: &str,
) -> Acted {
    let uid = object.uid_str();
    match sent {
        Ok(()) => {
            tracing::info!(?fields, "written");
            if let Some(operation) = action.operation() {
                context.memory.allowed(&uid, operation);
            }
            context.memory.corrected(&uid, &fields, object.metadata.generation, Instant::now());
            Acted { notes: vec![Event::normal("Updated", "Update", text)], ..Acted::default() }
        }
        Err(error) if error.class == Class::Denied => denied(context, &uid, error),
        Err(error) => Acted::failed(error),
    }
}

async fn delete_store(context: &Context, uid: &str, region: &str, id: &str) -> Acted {
    let Err(error) = context.aws.delete(region, id).await else {
        tracing::info!(store_id = id, region, "DeleteSequenceStore accepted");
        context.memory.delete_accepted(uid, Instant::now());
        return Acted::state(State::Deleting);
    };
    match error.class {
        // Gone since it was looked at; the next look decides.
        Class::NotFound => Acted::state(State::Deleting),
        Class::Conflict | Class::Terminal => {
            observe::log(&error);
            Acted::state(count_what_blocks(context, uid, region, id).await)
        }
        _ => Acted::failed(error),
    }
}

async fn count_what_blocks(context: &Context, uid: &str, region: &str, id: &str) -> State {
    let recent = context.memory.recent_count(uid, Instant::now());
    let counted_now = recent.is_none();
    let read_sets = match recent {
        Some(count) => count,
        None => context.aws.count_read_sets(region, id).await,
    };
    context.memory.delete_refused(uid, read_sets.clone(), counted_now, Instant::now());
    refused(&Refusal { read_sets, due: false })
}
