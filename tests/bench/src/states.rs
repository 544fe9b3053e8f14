//! What a watch shows of the objects of one namespace, or of all. I/O: watches them; what it keeps of each version is pure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Api, ApiResource, GroupVersionKind, Object};
use kube::runtime::{WatchStreamExt, watcher};
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Error;

const POLL: Duration = Duration::from_millis(50);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    conditions: Vec<Condition>,
    store: Option<Store>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Store {
    id: String,
    description: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct IgnoredSpec {}

/// A SequenceStore, as far as the measures look at it.
pub type Seen = Object<IgnoredSpec, Status>;

pub fn resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("healthomics.dev", "v1alpha1", "SequenceStore"))
}

/// What has been seen of one object.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// When it was first seen with `Ready=True`.
    pub ready_since: Option<Timestamp>,
    pub store_id: String,
    pub description: Option<String>,
    /// A condition had the reason `Throttled` in some version since [`States::forget_throttled`].
    pub throttled: bool,
}

#[derive(Default)]
struct Objects {
    by_name: HashMap<String, State>,
    ready: usize,
}

impl Objects {
    fn see(&mut self, object: &Seen, now: Timestamp) {
        let Some(status) = &object.status else { return };
        let state = self.by_name.entry(object.name_any()).or_default();
        let ready = status.conditions.iter().any(|c| c.kind == "Ready" && c.status == "True");
        if ready && state.ready_since.is_none() {
            state.ready_since = Some(now);
            self.ready += 1;
        }
        state.throttled |= status.conditions.iter().any(|condition| condition.reason == "Throttled");
        if let Some(store) = &status.store {
            state.store_id.clone_from(&store.id);
            state.description.clone_from(&store.description);
        }
    }
}

/// The objects of a watch. Dropping it ends the watch.
pub struct States {
    objects: Arc<Mutex<Objects>>,
    watch: JoinHandle<()>,
}

impl States {
    pub fn watch(client: kube::Client, namespace: &str) -> Self {
        Self::follow(Api::namespaced_with(client, namespace, &resource()))
    }

    /// Of all namespaces: each object must have a name of its own.
    pub fn watch_all(client: kube::Client) -> Self {
        Self::follow(Api::all_with(client, &resource()))
    }

    fn follow(api: Api<Seen>) -> Self {
        let objects = Arc::new(Mutex::new(Objects::default()));
        let seen = objects.clone();
        let watch = tokio::spawn(async move {
            let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event {
                    let mut objects = seen.lock().unwrap_or_else(PoisonError::into_inner);
                    objects.see(&object, Timestamp::now());
                }
            }
        });
        Self { objects, watch }
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn ready(&self) -> usize {
        self.objects().ready
    }

    pub fn of(&self, name: &str) -> State {
        self.objects().by_name.get(name).cloned().unwrap_or_default()
    }

    /// When the last of the objects became Ready, among those that have.
    pub fn last_ready(&self) -> Option<Timestamp> {
        self.objects().by_name.values().filter_map(|state| state.ready_since).max()
    }

    pub fn forget_throttled(&self) {
        self.objects().by_name.values_mut().for_each(|state| state.throttled = false);
    }

    pub fn throttled(&self) -> usize {
        self.objects().by_name.values().filter(|state| state.throttled).count()
    }

    /// Waits until this many objects have been Ready.
    pub async fn until_ready(&self, count: usize, deadline: Duration) -> Result<(), Error> {
        let end = Instant::now() + deadline;
        while self.ready() < count {
            if Instant::now() > end {
                let ready = self.ready();
                return Err(format!("after {deadline:?} {ready} of {count} objects are Ready").into());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

impl Drop for States {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(ready: &str, reason: &str) -> Seen {
        serde_json::from_value(json!({
            "metadata": {"name": "a"}, "spec": {"region": "us-east-1"},
            "status": {
                "conditions": [{"type": "Ready", "status": ready, "reason": reason}],
                "store": {"id": "1234567890", "description": "d"},
            },
        }))
        .expect("a version of an object")
    }

    #[test]
    fn an_object_counts_as_ready_once_and_its_first_time_stays() {
        let mut objects = Objects::default();
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::now());
        objects.see(&version("False", "Creating"), first);
        assert_eq!(objects.ready, 0);
        objects.see(&version("True", "Available"), first);
        objects.see(&version("True", "Available"), later);
        assert_eq!(objects.ready, 1);
        let state = objects.by_name.get("a").expect("seen");
        assert_eq!(state.ready_since, Some(first));
        assert_eq!((state.store_id.as_str(), state.description.as_deref()), ("1234567890", Some("d")));
    }

    #[test]
    fn an_object_that_was_throttled_in_any_version_is_counted() {
        let mut objects = Objects::default();
        objects.see(&version("False", "Throttled"), Timestamp::UNIX_EPOCH);
        objects.see(&version("True", "Available"), Timestamp::UNIX_EPOCH);
        assert!(objects.by_name.values().all(|state| state.throttled));
    }
}
