//! Writes down every version that any `SequenceStore` of the cluster ever has, for the status contract.

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
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{Error, PATIENCE};

/// One watch over the whole run, from before the first object. The API server sends every version of a watch that
/// starts where the last one ended; when it no longer has them it says so, and then the recording is not complete.
pub struct Recorder {
    client: Client,
    file: PathBuf,
    task: JoinHandle<()>,
    /// Name of the newest object whose deletion was seen.
    gone: watch::Receiver<String>,
    gap: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    /// Starts to write to `file`; no object may be there yet.
    pub async fn start(client: Client, file: &Path) -> Result<Self, Error> {
        let api: Api<SequenceStore> = Api::all(client.clone());
        let list = api.list_metadata(&ListParams::default()).await?;
        if !list.items.is_empty() {
            return Err("the recording starts after the first object".into());
        }
        let from = list.metadata.resource_version.ok_or("a list without a resource version")?;
        let (tell, gone) = watch::channel(String::new());
        let gap: Arc<Mutex<Option<String>>> = Arc::default();
        let lines = BufWriter::new(File::create(file)?);
        let recording = record(client.clone(), from, lines, tell);
        let noted = Arc::clone(&gap);
        let task = tokio::spawn(async move {
            if let Err(error) = recording.await {
                *noted.lock().expect("nobody panics with it") = Some(error.to_string());
            }
        });
        Ok(Self { client, file: file.to_owned(), task, gone, gap })
    }

    /// Waits until everything that has happened is written; returns the file.
    pub async fn finish(mut self) -> Result<PathBuf, Error> {
        // A last object: what came before it has been seen when its deletion is.
        let api: Api<SequenceStore> = Api::namespaced(self.client.clone(), "default");
        let last = SequenceStore::new("last-of-the-recording", SequenceStoreSpec::default());
        let name = api.create(&PostParams::default(), &last).await?.name_any();
        api.delete(&name, &DeleteParams::default()).await?;
        let seen = tokio::time::timeout(PATIENCE, self.gone.wait_for(|gone| *gone == name)).await;
        self.task.abort();
        if let Some(gap) = self.gap.lock().expect("nobody panics with it").take() {
            return Err(format!("the recording has a gap: {gap}").into());
        }
        seen.map_err(|_| "the recording does not come to its end")??;
        Ok(self.file)
    }
}

/// Ends only with an error: the file cannot be written, or versions may be lost.
async fn record(
    client: Client,
    from: String,
    mut lines: impl Write,
    tell: watch::Sender<String>,
) -> Result<(), Error> {
    let mut version = from;
    let parameters = WatchParams::default().timeout(280);
    loop {
        let request = Request::new(SequenceStore::url_path(&(), None)).watch(&parameters, &version)?;
        let events = match client.request_events::<Value>(request).await {
            Ok(events) => events,
            Err(kube::Error::Api(status)) if status.code == 410 => return Err(status.message.into()),
            Err(_) => {
                // Nothing is lost: the next watch starts at the same version.
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let mut events = std::pin::pin!(events);
        // An end or a broken connection loses nothing either.
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
            let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
            version = text("resourceVersion");
            writeln!(lines, "{}", json!({"event": event, "object": object}))?;
            if event == "DELETED" {
                lines.flush()?;
                tell.send_replace(text("name"));
            }
        }
    }
}
