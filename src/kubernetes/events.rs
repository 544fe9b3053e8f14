//! Publishes Events, within the limits of the API server. A repeated Event becomes a series. I/O.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event as ApiEvent;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::events::EventType;
use kube::{Client, Resource};
use serde_json::json;

use super::{Error, FIELD_MANAGER, Kubernetes, answered};
use crate::status::event::Event;

/// An Event that comes again within this time is counted in a series.
const SERIES_LASTS: Duration = Duration::from_secs(360);
/// Bounds memory, because notes vary without limit. At this number all series end.
const MOST_SERIES: usize = 500;

// The limits of the API server, in bytes. A note keeps to its own.
const LONGEST_NAME: usize = 253;
const LONGEST_INSTANCE: usize = 128;

/// What has been published lately.
pub(super) struct Recorder {
    client: Client,
    /// Name of the Pod, so that replicas can be told apart.
    instance: String,
    series: Mutex<HashMap<Key, Series>>,
}

/// An Event with all its facts: the same one comes again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    uid: Option<String>,
    reason: &'static str,
    action: &'static str,
    note: String,
}

#[derive(Clone, Debug)]
struct Series {
    /// Name of the API object.
    name: String,
    count: i32,
    last: Instant,
}

impl Recorder {
    pub(super) fn new(client: Client) -> Self {
        let instance = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
        let instance = instance.unwrap_or_else(|| FIELD_MANAGER.to_owned());
        Self { client, instance: cut(&instance, LONGEST_INSTANCE).to_owned(), series: Mutex::default() }
    }

    async fn publish(&self, event: Event, regarding: ObjectReference) -> Result<(), Error> {
        let namespace = regarding.namespace.clone().unwrap_or_else(|| "default".into());
        let api: Api<ApiEvent> = Api::namespaced(self.client.clone(), &namespace);
        let uid = regarding.uid.clone();
        let key = Key { uid, reason: event.reason, action: event.action, note: event.note.clone() };
        if let Some(series) = self.of(&key) {
            let count = series.count + 1;
            let observed = json!({"count": count, "lastObservedTime": MicroTime(Timestamp::now())});
            let patch = Patch::Merge(json!({"series": observed}));
            match answered("publish an Event", api.patch(&series.name, &PatchParams::default(), &patch)).await
            {
                Ok(_) => {
                    self.remember(key, Series { count, last: Instant::now(), ..series });
                    return Ok(());
                }
                // The Event has expired: a new one begins.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        let new = api_event(event, regarding, &self.instance, Timestamp::now());
        answered("publish an Event", api.create(&PostParams::default(), &new)).await?;
        let name = new.metadata.name.unwrap_or_default();
        self.remember(key, Series { name, count: 1, last: Instant::now() });
        Ok(())
    }

    fn of(&self, key: &Key) -> Option<Series> {
        let series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        series.get(key).filter(|series| series.last.elapsed() < SERIES_LASTS).cloned()
    }

    fn remember(&self, key: Key, new: Series) {
        let mut series = self.series.lock().unwrap_or_else(PoisonError::into_inner);
        if series.len() >= MOST_SERIES {
            series.clear();
        }
        series.insert(key, new);
    }
}

impl Kubernetes {
    /// Publishes Events. A failure is logged and has no other effect.
    pub async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        object: &K,
        events: impl IntoIterator<Item = Event>,
    ) {
        for event in events {
            let reason = event.reason;
            if let Err(error) = self.recorder.publish(event, object.object_ref(&())).await {
                tracing::warn!(reason, "{error}");
            }
        }
    }
}

/// The Event as the API server takes it. Its name begins with that of the object, as people expect it.
fn api_event(event: Event, regarding: ObjectReference, instance: &str, now: Timestamp) -> ApiEvent {
    let Event { type_, reason, action, note } = event;
    let type_ = match type_ {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    let name = event_name(regarding.name.as_deref().unwrap_or_default(), now);
    ApiEvent {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: regarding.namespace.clone(),
            ..ObjectMeta::default()
        },
        type_: Some(type_.into()),
        reason: Some(reason.into()),
        action: Some(action.into()),
        note: Some(note),
        event_time: Some(MicroTime(now)),
        regarding: Some(regarding),
        reporting_controller: Some(FIELD_MANAGER.into()),
        reporting_instance: Some(instance.into()),
        ..ApiEvent::default()
    }
}

/// The name of the object, cut where it is too long, and a suffix that makes it unique. A cut name must not end with a
/// dot or hyphen.
fn event_name(object: &str, now: Timestamp) -> String {
    let suffix = format!("{:x}", now.as_nanosecond());
    let start = cut(object, LONGEST_NAME.saturating_sub(suffix.len() + 1));
    match start.trim_end_matches(['.', '-']) {
        "" => format!("{FIELD_MANAGER}.{suffix}"),
        start => format!("{start}.{suffix}"),
    }
}

/// The start of a text, whole characters only.
fn cut(text: &str, most_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(most_bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).expect("a time")
    }

    fn published(object: &str, note: &str) -> ApiEvent {
        let regarding = ObjectReference { name: Some(object.into()), ..ObjectReference::default() };
        let event =
            Event { type_: EventType::Normal, reason: "Available", action: "Observe", note: note.into() };
        api_event(event, regarding, "operator-0", now())
    }

    #[test]
    fn the_name_of_an_event_is_valid_however_long_that_of_the_object_is() {
        for length in 1..=253 {
            for name in [
                "a".repeat(length),
                "a.".repeat(length / 2) + "a",
                format!("a{}", "-".repeat(length - 1)) + "a",
            ] {
                let name = cut(&name, 253);
                let event = published(name, "note").metadata.name.expect("a name");
                assert!(event.len() <= 253, "{event}");
                let is_valid =
                    |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
                assert!(event.split('.').all(is_valid), "{event}");
            }
        }
        let event = published("genomes", "note").metadata.name.expect("a name");
        assert!(event.starts_with("genomes."), "{event}");
    }
}
