//! Records every version of every `SequenceStore` and `AccountBinding` of the cluster to a file, for the status contract.

use std::fmt::Debug;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::TryStreamExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams, WatchParams};
use kube::core::{Request, WatchEvent};
use kube::{Client, Resource, ResourceExt};
use sequencestore_operator::crd::{AccountBinding, SequenceStore, SequenceStoreSpec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::world::{Error, TIMEOUT};

type Lines = Arc<Mutex<BufWriter<File>>>;

/// Watches from before the first object until the end of the run. A watch that resumes at the version where the last
/// one ended misses nothing; if the API server no longer has that version it responds 410, and the recording fails.
pub struct Recorder {
    client: Client,
    file: PathBuf,
    stores: Recording,
    bindings: Recording,
}

/// Of one kind.
struct Recording {
    task: JoinHandle<()>,
    /// Name of the object whose deletion was recorded last.
    deleted: watch::Receiver<String>,
    /// Why versions may be missing.
    gap: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    /// Starts to record to `file`. Fails if an object already exists.
    pub async fn start(client: Client, file: &Path) -> Result<Self, Error> {
        let lines = Arc::new(Mutex::new(BufWriter::new(File::create(file)?)));
        let stores = Recording::start::<SequenceStore>(&client, &lines).await?;
        let bindings = Recording::start::<AccountBinding>(&client, &lines).await?;
        Ok(Self { client, file: file.to_owned(), stores, bindings })
    }

    /// Waits until all versions so far are written; returns the file.
    pub async fn finish(self) -> Result<PathBuf, Error> {
        const LAST: &str = "last-of-the-recording";
        let store = SequenceStore::new(LAST, SequenceStoreSpec::default());
        self.stores.finish(Api::namespaced(self.client.clone(), "default"), store).await?;
        let spec = json!({"namespaces": [LAST], "roleArn": "arn:aws:iam::111122223333:role/last"});
        let binding = AccountBinding::new(LAST, serde_json::from_value(spec)?);
        self.bindings.finish(Api::all(self.client), binding).await?;
        Ok(self.file)
    }
}

impl Recording {
    async fn start<K: Kind>(client: &Client, lines: &Lines) -> Result<Self, Error> {
        let api: Api<K> = Api::all(client.clone());
        let list = api.list_metadata(&ListParams::default()).await?;
        if !list.items.is_empty() {
            return Err("the recording starts when objects already exist".into());
        }
        let from = list.metadata.resource_version.ok_or("a list without a resource version")?;
        let (notify, deleted) = watch::channel(String::new());
        let gap: Arc<Mutex<Option<String>>> = Arc::default();
        let recording = record(K::url_path(&(), None), client.clone(), from, Arc::clone(lines), notify);
        let reported = Arc::clone(&gap);
        let task = tokio::spawn(async move {
            if let Err(error) = recording.await {
                *reported.lock().expect("no holder of the lock panics") = Some(error.to_string());
            }
        });
        Ok(Self { task, deleted, gap })
    }

    /// Versions arrive in order: once the deletion of this object is recorded, so is everything before it.
    async fn finish<K: Kind>(mut self, api: Api<K>, last: K) -> Result<(), Error> {
        let name = api.create(&PostParams::default(), &last).await?.name_any();
        api.delete(&name, &DeleteParams::default()).await?;
        let seen = tokio::time::timeout(TIMEOUT, self.deleted.wait_for(|deleted| *deleted == name)).await;
        self.task.abort();
        if let Some(gap) = self.gap.lock().expect("no holder of the lock panics").take() {
            return Err(format!("the recording has a gap: {gap}").into());
        }
        seen.map_err(|_| "the recording does not reach its last object")??;
        Ok(())
    }
}

trait Kind: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned {}
impl Kind for SequenceStore {}
impl Kind for AccountBinding {}

/// Returns only with an error: the file cannot be written, or versions may be missing.
async fn record(
    path: String,
    client: Client,
    from: String,
    lines: Lines,
    notify: watch::Sender<String>,
) -> Result<(), Error> {
    let mut version = from;
    let parameters = WatchParams::default().timeout(280);
    loop {
        let request = Request::new(path.clone()).watch(&parameters, &version)?;
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
            let is_deleted = event == "DELETED";
            {
                let mut lines = lines.lock().expect("no holder of the lock panics");
                writeln!(lines, "{{\"event\":\"{event}\",\"object\":{}}}", object.get())?;
                if is_deleted {
                    lines.flush()?;
                }
            }
            if is_deleted {
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
