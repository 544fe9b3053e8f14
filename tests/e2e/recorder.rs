//! Records every version of every `SequenceStore` of the cluster to a file, for the status contract.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchParams};
use kube::core::{Request, WatchEvent};
use kube::{Client, Resource, ResourceExt};
use sequencestore_operator::crd::{SequenceStore, SequenceStoreSpec};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{Error, TIMEOUT};

/// Watches from before the first object until the end of the run. A watch that resumes at the version where the last
/// one ended misses nothing; if the API server no longer has that version it responds 410, and the recording fails.
pub struct Recorder {
    client: Client,
    file: PathBuf,
    task: JoinHandle<()>,
    /// Name of the object whose deletion was recorded last.
    deleted: watch::Receiver<String>,
    /// Why versions may be missing.
    gap: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    /// Starts to record to `file`. Fails if an object already exists.
    pub async fn start(client: Client, file: &Path) -> Result<Self, Error> {
        let api: Api<SequenceStore> = Api::all(client.clone());
        let list = api.list_metadata(&ListParams::default()).await?;
        if !list.items.is_empty() {
            return Err("the recording starts when objects already exist".into());
        }
        let from = list.metadata.resource_version.ok_or("a list without a resource version")?;
        let (notify, deleted) = watch::channel(String::new());
        let gap: Arc<Mutex<Option<String>>> = Arc::default();
        let lines = BufWriter::new(File::create(file)?);
        let recording = record(client.clone(), from, lines, notify);
        let reported = Arc::clone(&gap);
        let task = tokio::spawn(async move {
            if let Err(error) = recording.await {
                *reported.lock().expect("no holder of the lock panics") = Some(error.to_string());
            }
        });
        Ok(Self { client, file: file.to_owned(), task, deleted, gap })
    }

    /// Waits until all versions so far are written; returns the file.
    pub async fn finish(mut self) -> Result<PathBuf, Error> {
        // Versions arrive in order: once the deletion of this object is recorded, so is everything before it.
        let api: Api<SequenceStore> = Api::namespaced(self.client.clone(), "default");
        let last = SequenceStore::new("last-of-the-recording", SequenceStoreSpec::default());
        let name = api.create(&PostParams::default(), &last).await?.name_any();
        api.delete(&name, &DeleteParams::default()).await?;
        let seen = tokio::time::timeout(TIMEOUT, self.deleted.wait_for(|deleted| *deleted == name)).await;
        self.task.abort();
        if let Some(gap) = self.gap.lock().expect("no holder of the lock panics").take() {
            return Err(format!("the recording has a gap: {gap}").into());
        }
        seen.map_err(|_| "the recording does not reach its last object")??;
        Ok(self.file)
    }
}

/// Returns only with an error: the file cannot be written, or versions may be missing.
async fn record(
    client: Client,
    from: String,
    mut lines: impl Write,
    notify: watch::Sender<String>,
) -> Result<(), Error> {
    let mut version = from;
    let parameters = WatchParams::default().timeout(280);
    loop {
        let request = Request::new(SequenceStore::url_path(&(), None)).watch(&parameters, &version)?;
        let events = match client.request_events::<Box<RawValue>>(request).await {
            Ok(events) => events,
            Err(kube::Error::Api(status)) if status.code == 410 => return Err(status.message.into()),
            Err(_) => {
                // Nothing is missed: the next watch starts at the same version.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let mut events = std::pin::pin!(events);
        // Nor when the watch ends or the connection breaks.
        while let Ok(Some(event)) = events.try_next().await {
            let (event, object) = match event {
                WatchEvent::Added(object) => ("ADDED", object),
                WatchEvent::Modified(object) => ("MODIFIED", object),
                WatchEvent::Deleted(object) => ("DELETED", object),
                WatchEvent::Bookmark(bookmark) => {
                    version = bookmark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(status) => return Err(status.message.clone().into()),
            };
            // The object itself is not parsed: one that is nested very deep must not stop the recording.
            let Recorded { metadata } = serde_json::from_str(object.get())?;
            version = metadata.resource_version;
            writeln!(lines, "{{\"event\":\"{event}\",\"object\":{}}}", object.get())?;
            if event == "DELETED" {
                lines.flush()?;
                notify.send_replace(metadata.name);
            }
        }
    }
}

#[derive(Deserialize)]
struct Recorded {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    resource_version: String,
}
