//! Looks at the ConfigMaps of all objects that ask for one, one after the other, and gives an object a pass where its
//! ConfigMap is not as it must be. So neither a watch nor a list of ConfigMaps is needed, and no object is polled because of its
//! ConfigMap. I/O: Kubernetes, read-only.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::sweep::{Sight, give_way};
use crate::crd::SequenceStore;
use crate::kubernetes::{Reference, Uid};
use crate::plan::{ShownConnection, connection_needs_pass};
use crate::status::shown_connection;

/// Between two looks: ten a second are nothing to an API server, and go over 3,000 ConfigMaps in 5 minutes.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// An object of which only its ConfigMap may be out of order.
struct ToLookAt {
    object: SequenceStore,
    /// Of the ConfigMap.
    name: String,
    shown: ShownConnection,
}

/// Goes round and round while this process leads. Runs until it is dropped.
pub async fn check_connections(context: &Context) {
    let mut leading = context.leadership.leading();
    loop {
        let is_leading = *leading.borrow_and_update();
        tokio::select! {
            // The sender lives as long as the context, so this cannot fail.
            _ = leading.changed() => {}
            () = one_round(context), if is_leading => {}
        }
    }
}

/// Looks at each ConfigMap once within the poll interval of the operator, or as long as that takes.
async fn one_round(context: &Context) {
    let interval = context.sweeps.pace.interval;
    let objects = with_config_map(context).await;
    let Ok(count @ 1..) = u32::try_from(objects.len()) else { return tokio::time::sleep(interval).await };
    let pause = (interval / count).max(SHORTEST_PAUSE);
    for object in objects {
        tokio::time::sleep(pause).await;
        check(context, &object).await;
    }
}

/// In the same order each time, so that each is looked at as often as the others.
async fn with_config_map(context: &Context) -> Vec<Reference> {
    let mut found = Vec::new();
    for (number, reference) in context.kubernetes.cache.references().into_iter().enumerate() {
        give_way(number).await;
        if to_look_at(context, &reference).is_some() {
            found.push(reference);
        }
    }
    found.sort();
    found
}

async fn check(context: &Context, reference: &Reference) {
    let Some(ToLookAt { object, name, shown }) = to_look_at(context, reference) else { return };
    let uid = Uid::of(&object);
    // A pass runs or is due by itself, and looks too.
    if context.memory.sight(&uid) == Sight::Busy {
        return;
    }
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let found = match context.kubernetes.config_map(namespace, &name).await {
        Ok(found) => found,
        // A pass would meet the same.
        Err(error) => return tracing::debug!(%reference, config_map = name, "not looked at: {error}"),
    };
    if connection_needs_pass(&object, shown, found) {
        tracing::debug!(%reference, config_map = name, "the ConfigMap is not as it must be");
        context.memory.expect_pass(&uid);
        context.queue.add(reference);
    }
}

/// None where a look at the ConfigMap cannot say whether the object needs a pass.
fn to_look_at(context: &Context, reference: &Reference) -> Option<ToLookAt> {
    let object = context.kubernetes.cache.get(reference)?;
    // One that can be decoded was decoded just now, for nobody else.
    let object = Arc::unwrap_or_clone(object).0.ok()?;
    let name = object.wanted_config_map().or(object.kept_config_map())?.to_owned();
    let shown = match object.wanted_config_map() {
        Some(_) => shown_connection(object.status.as_ref()?)?,
        // To be removed, whatever else there is.
        None => ShownConnection::Kept,
    };
    let is_quiet = object.is_handled() && !object.is_paused() && !object.is_being_deleted();
    is_quiet.then_some(ToLookAt { object, name, shown })
}
