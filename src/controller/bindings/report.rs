//! Looks at each binding: whether its role can be assumed, and what it is about; and writes its status and Events, while this
//! process leads. I/O: STS and Kubernetes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use kube::ResourceExt;

use super::identity::session_key;
use super::queue_objects;
use crate::controller::context::Context;
use crate::crd::AccountBinding;
use crate::kubernetes::Reference;
use crate::status::{BindingInput, RoleState, event, next_of_binding};
use crate::tenancy::{Binding, Bound};

/// Between two rounds over all bindings: their counts change, and sessions are renewed.
const ROUND: Duration = Duration::from_secs(30);
/// While a role cannot be assumed, so that it is noticed soon once it can.
const ROUND_AFTER_FAILURE: Duration = Duration::from_secs(5);
/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(200);
/// So many roles are assumed at the same time.
const AT_ONCE: usize = 8;

/// What a look is about, copied from the bindings, which may change meanwhile.
struct Subject {
    object: Arc<AccountBinding>,
    /// With the namespace for which the role is assumed: the first one that is bound, if there is one.
    bound: Result<(Bound, String), String>,
    conflicts: Vec<(String, Vec<String>)>,
    unknown: Option<String>,
    namespaces: Vec<String>,
}

/// What is remembered from one round to the next, by the uid of the binding: another one may get its name, as where somebody
/// replaces a role.
#[derive(Default)]
struct Rounds {
    /// Bindings whose role could not be assumed, or whose namespaces were not known, and for how many looks in a row.
    failing: HashMap<String, u32>,
    /// The reasons that this process told last in an Event. Where two operators see a binding differently, each rewrites the status
    /// of the other, and what each sees is no news.
    told: HashMap<String, &'static str>,
}

/// Runs until it is dropped.
pub async fn report_bindings(context: &Arc<Context>) {
    if !context.tenancy.is_on {
        return std::future::pending().await;
    }
    // A look before would count too few objects, and write that.
    tokio::join!(context.kubernetes.cache.watches.until_tried(), context.tenancy.until_tried());
    let mut leading = context.leadership.leading();
    let mut rounds = Rounds::default();
    loop {
        // The sender lives as long as the context, so this cannot fail.
        let _ = leading.wait_for(|is_leading| *is_leading).await;
        context.tenancy.close_sessions();
        rounds = round(context, rounds).await;
        let rest = if rounds.failing.is_empty() { ROUND } else { ROUND_AFTER_FAILURE };
        tokio::select! {
            () = context.tenancy.changed.notified() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// One look at each binding.
async fn round(context: &Context, before: Rounds) -> Rounds {
    let subjects = subjects(context);
    let objects = context.kubernetes.cache.references();
    let stores = stores_by_namespace(&objects);
    let looks = stream::iter(subjects.into_iter().map(|subject| {
        let count = subject.namespaces.iter().filter_map(|namespace| stores.get(namespace)).sum();
        look(context, subject, count, &before)
    }));
    let looked: Vec<Looked> = looks.buffer_unordered(AT_ONCE).collect().await;
    let mut rounds = Rounds::default();
    for Looked { uid, failures, told, namespaces } in looked {
        if let Some(told) = told {
            rounds.told.insert(uid.clone(), told);
        }
        if failures > 0 {
            rounds.failing.insert(uid, failures);
        } else if before.failing.contains_key(&uid) {
            // They were refused while the role could not be assumed.
            let bound: HashSet<String> = namespaces.into_iter().collect();
            queue_objects(context, &objects, |namespace| bound.contains(namespace));
        }
    }
    rounds
}

/// An operator that watches some namespaces only leaves bindings of other ones to other operators.
fn subjects(context: &Context) -> Vec<Subject> {
    let watched = context.kubernetes.cache.watches.names();
    let bindings = context.tenancy.bindings.read();
    let subject = |binding: &Binding| {
        let mut namespaces = bindings.namespaces_of(binding);
        if !watched.is_empty() {
            namespaces.retain(|namespace| watched.contains(namespace));
            if namespaces.is_empty() {
                return None;
            }
        }
        let others = |namespace: &String| {
            let all = bindings.of_namespace(namespace).unwrap_or_default();
            let names = all.into_iter().map(Binding::name).filter(|name| *name != binding.name());
            (namespace.clone(), names.map(ToOwned::to_owned).collect::<Vec<_>>())
        };
        let conflicts = namespaces.iter().map(others).filter(|(_, others)| !others.is_empty()).collect();
        let first = namespaces.first().cloned().unwrap_or_default();
        Some(Subject {
            object: Arc::clone(&binding.object),
            bound: binding.bound().map(|bound| (bound.clone(), first)).map_err(ToOwned::to_owned),
            conflicts,
            unknown: bindings.unknown_namespaces_of(binding).map(ToOwned::to_owned),
            namespaces,
        })
    };
    bindings.iter().filter_map(subject).collect()
}

/// What came of a look at a binding.
struct Looked {
    uid: String,
    /// Looks in a row that failed, with this one.
    failures: u32,
    told: Option<&'static str>,
    namespaces: Vec<String>,
}

/// Looks at one binding, and writes its status if it differs.
async fn look(context: &Context, subject: Subject, sequence_stores: usize, before: &Rounds) -> Looked {
    let Subject { object, bound, conflicts, unknown, namespaces } = subject;
    let uid = object.uid().unwrap_or_default();
    let role = match bound {
        Ok((bound, namespace)) => {
            match context.tenancy.sessions.assume(&session_key(&bound, &namespace)).await {
                Ok(_) => RoleState::Assumed { account: bound.account },
                Err(error) => RoleState::Failed(error),
            }
        }
        Err(why) => RoleState::Invalid(why),
    };
    let is_well = matches!(role, RoleState::Assumed { .. }) && unknown.is_none();
    let failures = if is_well { 0 } else { before.failing.get(&uid).map_or(1, |failed| failed + 1) };
    let status = next_of_binding(&BindingInput {
        binding: &object,
        role: &role,
        failures,
        conflicts: &conflicts,
        unknown: unknown.as_deref(),
        namespaces: namespaces.len(),
        sequence_stores,
        now: Timestamp::now(),
    });
    let mut told = before.told.get(&uid).copied();
    if object.status.clone().unwrap_or_default() != status && context.leadership.is_leading() {
        match context.kubernetes.patch_account_binding_status(&object, &status).await {
            Ok(written) => {
                let event = event::binding_transition(object.status.as_ref(), &status);
                if let Some(event) = event.filter(|event| told != Some(event.reason)) {
                    told = Some(event.reason);
                    context.kubernetes.publish(&*object, [event]).await;
                }
                remember(context, written);
            }
            // It is gone, or another one has its name: the watch shows that.
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => tracing::warn!(binding = object.name_any(), "{error}"),
        }
    }
    Looked { uid, failures, told, namespaces }
}

/// Until the watch shows what was written, the next look must not start from the status before.
fn remember(context: &Context, written: Arc<AccountBinding>) {
    let mut bindings = context.tenancy.bindings.write();
    let is_same = |known: &AccountBinding| {
        known.uid() == written.uid() && known.metadata.generation == written.metadata.generation
    };
    if bindings.get(&written.name_any()).is_some_and(|known| is_same(&known.object)) {
        bindings.put(written);
    }
}

fn stores_by_namespace(references: &[Reference]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for reference in references {
        *counts.entry(reference.namespace().to_owned()).or_default() += 1;
    }
    counts
}
