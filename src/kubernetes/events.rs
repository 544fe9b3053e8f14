//! Publishes Events. I/O.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kube::runtime::events::{self, Recorder, Reporter};
use kube::{Client, Resource};

use super::{FIELD_MANAGER, Kubernetes, answered};
use crate::crd::SequenceStore;
use crate::status::event::Event;

/// Bounds memory, because notes vary without limit. At this number all recorders are dropped, and a repeated note starts a
/// new series.
const MOST_RECORDERS: usize = 500;

/// One recorder for each note. kube merges repeated Events into a series by reason and object alone: a single recorder
/// would show the first note in place of all that follow.
pub(super) struct Recorders {
    client: Client,
    by_note: Mutex<HashMap<String, Recorder>>,
}

impl Recorders {
    pub(super) fn new(client: Client) -> Self {
        Self { client, by_note: Mutex::default() }
    }

    fn recorder(&self, note: &str) -> Recorder {
        let mut by_note = self.by_note.lock().unwrap_or_else(PoisonError::into_inner);
        if by_note.len() >= MOST_RECORDERS {
            by_note.clear();
        }
        let new = || {
            let instance = std::env::var("POD_NAME").ok();
            Recorder::new(self.client.clone(), Reporter { controller: FIELD_MANAGER.into(), instance })
        };
        by_note.entry(note.to_owned()).or_insert_with(new).clone()
    }
}

impl Kubernetes {
    /// Publishes Events. A failure is logged and has no other effect.
    pub async fn publish(&self, object: &SequenceStore, events: Vec<Event>) {
        for Event { type_, reason, action, note } in events {
            let recorder = self.recorders.recorder(&note);
            let (action, note) = (action.into(), Some(note));
            let event = events::Event { type_, reason: reason.into(), note, action, secondary: None };
            let regarding = object.object_ref(&());
            if let Err(error) = answered("publish an Event", recorder.publish(&event, &regarding)).await {
                tracing::warn!(reason, "{error}");
            }
        }
    }
}
