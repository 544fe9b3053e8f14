//! Follows the bindings, and the namespaces where a binding selects by their labels; objects whose identity changes get a pass.
//! I/O: Kubernetes.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::Peekable;
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};

use super::{Tenancy, queue_objects};
use crate::controller::context::Context;
use crate::crd::AccountBinding;
use crate::kubernetes::cluster::Failure;
use crate::kubernetes::{Reference, lacks_account_bindings, watch_failure};
use crate::tenancy::{Access, Bindings, Labels, Touched, Unknown};

/// After a refusal, and while their kind is not installed, the bindings are listed anew so often. A watch that goes on where it
/// stopped would not tell what was missed.
const BETWEEN_LOOKS: Duration = Duration::from_secs(10);
/// Whoever may list need not be allowed to watch. After a refusal, a list counts only once its watch has lasted so long.
const MOMENT: Duration = Duration::from_secs(1);

/// Runs until it is dropped, where the operator reads bindings.
pub async fn watch_bindings(context: &Arc<Context>) {
    if !context.tenancy.is_on {
        return std::future::pending().await;
    }
    tokio::join!(follow_bindings(context), follow_namespaces(context));
}

async fn follow_bindings(context: &Context) {
    let mut told = None;
    loop {
        follow_bindings_until_refused(context, &mut told).await;
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn follow_bindings_until_refused(context: &Context, told: &mut Option<String>) {
    let mut events = pin!(context.kubernetes.watch_account_bindings().peekable());
    let mut listing = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitDone) if told.is_some() && is_refused(events.as_mut()).await => {}
            Ok(event) => {
                let is_part_of_list = matches!(event, Event::Init | Event::InitApply(_));
                bindings_changed(context, event, &mut listing).await;
                if !is_part_of_list {
                    *told = None;
                }
            }
            Err(error) => {
                if bindings_failed(context, watch_failure(error), told).await == Next::ListAnew {
                    return;
                }
            }
        }
    }
}

/// Whether the watch after a list fails at once.
async fn is_refused<T>(events: Pin<&mut Peekable<impl Stream<Item = Result<T, watcher::Error>>>>) -> bool {
    matches!(tokio::time::timeout(MOMENT, events.peek()).await, Ok(Some(Err(_))))
}

async fn bindings_changed(
    context: &Context,
    event: Event<AccountBinding>,
    listing: &mut Vec<Arc<AccountBinding>>,
) {
    match event {
        Event::Init => listing.clear(),
        Event::InitApply(binding) => listing.push(Arc::new(binding)),
        Event::InitDone => change(context, any, |bindings| bindings.listed(listing.drain(..))),
        Event::Apply(binding) => {
            let binding = Arc::new(binding);
            if is_known(context, &binding) {
                // Its status: nobody's identity depends on that.
                return context.tenancy.bindings.write().put(binding);
            }
            let labels = first_labels(context, &binding).await;
            let touched = |bindings: &Bindings| bindings.touched_by(&binding);
            change(context, touched, |bindings| {
                if let Some(labels) = labels {
                    bindings.labels_listed(labels.into_iter());
                }
                bindings.put(Arc::clone(&binding));
            });
        }
        Event::Delete(binding) => {
            let touched = |bindings: &Bindings| bindings.touched_by(&binding);
            change(context, touched, |bindings| bindings.remove(&binding.name_any()));
        }
    }
}

/// Whether nothing but its status may be new.
fn is_known(context: &Context, binding: &AccountBinding) -> bool {
    let bindings = context.tenancy.bindings.read();
    let known = bindings.get(&binding.name_any());
    known.is_some_and(|known| known.object.uid() == binding.uid() && known.object.spec == binding.spec)
}

/// The labels of all namespaces, where this binding is the first that selects by them. With the binding alone nobody could tell
/// which namespaces it is about: every object of the cluster would be refused for the moment until they are listed.
async fn first_labels(context: &Context, binding: &AccountBinding) -> Option<Vec<(String, Labels)>> {
    let is_first = {
        let bindings = context.tenancy.bindings.read();
        binding.spec.namespace_selector.is_some() && bindings.missing().is_none() && !bindings.have_selector()
    };
    if !is_first {
        return None;
    }
    // What is wrong, the watch tells.
    let namespaces = context.kubernetes.list_namespaces().await.ok()?;
    Some(namespaces.into_iter().map(labels_of).collect())
}

fn labels_of(namespace: PartialObjectMeta<Namespace>) -> (String, Labels) {
    (namespace.name_any(), namespace.metadata.labels.unwrap_or_default())
}

/// What becomes of a watch that failed.
#[derive(PartialEq, Eq)]
enum Next {
    ListAnew,
    /// It is soon resumed.
    Resume,
}

/// While it is not known which bindings there are, no object acts.
async fn bindings_failed(context: &Context, failure: Failure, told: &mut Option<String>) -> Next {
    let next = if matches!(failure, Failure::Forbidden(_)) { Next::ListAnew } else { Next::Resume };
    let why = match &failure {
        Failure::NotFound(_) if lacks_account_bindings(&context.kubernetes.client).await => {
            let text = "the CustomResourceDefinition accountbindings.healthomics.dev is not installed";
            if told.replace(text.to_owned()).as_deref() != Some(text) {
                tracing::info!("{text}");
            }
            change(context, any, |bindings| bindings.listed(std::iter::empty()));
            return Next::ListAnew;
        }
        Failure::Forbidden(why) => {
            let why = format!("The operator may not list and watch AccountBindings: {why}.");
            change(context, any, |bindings| bindings.lost(Unknown(why.clone())));
            why
        }
        other => format!("The operator cannot list the AccountBindings: {other}."),
    };
    if told.replace(why.clone()).as_ref() != Some(&why) {
        tracing::warn!("{why}");
    }
    context.tenancy.tried.send_replace(true);
    next
}

/// The labels of namespaces are watched only while a binding asks for them.
async fn follow_namespaces(context: &Context) {
    let tenancy = &context.tenancy;
    let mut was_refused = false;
    loop {
        until(tenancy, Bindings::have_selector).await;
        tokio::select! {
            () = follow_namespaces_until_refused(context, &mut was_refused) => {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            () = until(tenancy, |bindings| !bindings.have_selector()) => {
                let why = "No AccountBinding has selected by labels so far.".to_owned();
                change(context, any, |bindings| bindings.labels_lost(Unknown(why)));
            }
        }
    }
}

async fn follow_namespaces_until_refused(context: &Context, was_refused: &mut bool) {
    let mut events = pin!(context.kubernetes.watch_namespaces().peekable());
    let mut listing = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitDone) if *was_refused && is_refused(events.as_mut()).await => {}
            Ok(event) => {
                *was_refused &= matches!(event, Event::Init | Event::InitApply(_));
                namespaces_changed(context, event, &mut listing);
            }
            Err(error) => {
                if namespaces_failed(context, error, *was_refused) {
                    *was_refused = true;
                    return;
                }
            }
        }
    }
}

fn namespaces_changed(
    context: &Context,
    event: Event<PartialObjectMeta<Namespace>>,
    listing: &mut Vec<(String, Labels)>,
) {
    match event {
        Event::Init => listing.clear(),
        Event::InitApply(namespace) => listing.push(labels_of(namespace)),
        Event::InitDone => change(context, any, |bindings| bindings.labels_listed(listing.drain(..))),
        Event::Apply(namespace) => {
            let (name, labels) = labels_of(namespace);
            // Something else of it, such as an annotation.
            if context.tenancy.bindings.read().has_labels(&name, &labels) {
                return;
            }
            let touched = Touched::Only([name.clone()].into());
            change(context, |_| touched, |bindings| bindings.put_labels(name, labels));
        }
        Event::Delete(namespace) => {
            let name = namespace.name_any();
            let touched = Touched::Only([name.clone()].into());
            change(context, |_| touched, |bindings| bindings.remove_labels(&name));
        }
    }
}

/// While the labels are not known, no object acts. Returns whether the API server refuses to tell them.
fn namespaces_failed(context: &Context, error: watcher::Error, was_refused: bool) -> bool {
    let failure = watch_failure(error);
    let is_refused = matches!(failure, Failure::Forbidden(_));
    if let Failure::Forbidden(why) = failure {
        let why = format!(
            "The operator may not list and watch namespaces, by whose labels an AccountBinding selects: {why}."
        );
        if !was_refused {
            tracing::warn!("{why}");
        }
        change(context, any, |bindings| bindings.labels_lost(Unknown(why)));
    }
    context.tenancy.tried.send_replace(true);
    is_refused
}

/// Waits until this holds for the bindings.
async fn until(tenancy: &Tenancy, holds: impl Fn(&Bindings) -> bool) {
    loop {
        let changed = tenancy.selectors.notified();
        if holds(&tenancy.bindings.read()) {
            return;
        }
        changed.await;
    }
}

fn any(_: &Bindings) -> Touched {
    Touched::All
}

/// Changes the bindings; the objects of namespaces for which something else comes of it get a pass. `touched` says where that
/// may be.
fn change(context: &Context, touched: impl FnOnce(&Bindings) -> Touched, change: impl FnOnce(&mut Bindings)) {
    let tenancy = &context.tenancy;
    let references = context.kubernetes.cache.references();
    let (before, after) = {
        let mut bindings = tenancy.bindings.write();
        let touched = touched(&bindings);
        let namespaces = references.iter().map(Reference::namespace);
        let namespaces: BTreeSet<&str> = namespaces.filter(|namespace| touched.may_be(namespace)).collect();
        let access = |bindings: &Bindings| -> BTreeMap<&str, Access> {
            namespaces.iter().map(|namespace| (*namespace, bindings.access(namespace, None))).collect()
        };
        let before = access(&bindings);
        change(&mut bindings);
        (before, access(&bindings))
    };
    queue_objects(context, &references, |namespace| before.get(namespace) != after.get(namespace));
    tenancy.changed(&tenancy.bindings.read());
}
