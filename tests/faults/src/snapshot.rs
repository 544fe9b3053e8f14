//! Reads the object and the stores, and removes what differs from run to run, so that two runs can be compared.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Error;
use crate::environment::{OBJECT_NAME, TestEnvironment};
use crate::invariants::OWNER_TAG;

/// Long enough for two attempts to create a store, each with its `--create-grace`.
pub const TIMEOUT: Duration = Duration::from_secs(120);

pub const POLL_INTERVAL: Duration = Duration::from_millis(400);

/// The state of both backends, comparable between runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Null if the object does not exist.
    pub object: Value,
    /// Every store that ever existed, except the foreign stores.
    pub stores: Vec<Value>,
    /// The ConfigMaps that belong to a SequenceStore, by name.
    pub config_maps: BTreeMap<String, Value>,
    /// How many Create, Update and Delete requests took effect.
    pub committed: BTreeMap<String, usize>,
}

impl Snapshot {
    pub async fn take(environment: &TestEnvironment) -> Result<Self, Error> {
        let object = environment.clients.objects.get_opt(OBJECT_NAME).await?;
        let stores = environment.stores().await?;
        let mut masks: Vec<(String, &str)> = vec![(environment.namespace.clone(), "<namespace>")];
        // The owner tag of a deleted store still contains the uid after the object is gone.
        let owners = stores.iter().filter_map(|store| store.tags.get(OWNER_TAG).cloned());
        masks.extend(object.iter().filter_map(ResourceExt::uid).chain(owners).map(|uid| (uid, "<uid>")));
        masks.extend(stores.iter().map(|store| (store.s3_access.s3_uri.clone(), "<uri>")));
        masks.extend(stores.iter().map(|store| (store.id.clone(), "<id>")));
        let masked = |value: Value| -> Result<Value, Error> {
            let text = masks.iter().fold(value.to_string(), |text, (from, to)| text.replace(from, to));
            Ok(serde_json::from_str(&text)?)
        };

        let mut masked_stores = Vec::new();
        for store in &stores {
            let mut store = serde_json::to_value(store)?;
            for varying in ["creationTime", "updateTime", "s3AccessPolicyUpdateTime", "s3AccessPolicy"] {
                store[varying] = Value::Null;
            }
            masked_stores.push(masked(store)?);
        }
        let object = object.map_or(Ok(Value::Null), |object| masked(summary(&object)))?;
        let mut config_maps = BTreeMap::new();
        for config_map in environment.clients.config_maps.list(&ListParams::default()).await? {
            if !config_map.owner_references().is_empty() {
                config_maps.insert(config_map.name_any(), masked(serde_json::to_value(&config_map.data)?)?);
            }
        }
        let committed = committed_requests(environment).await?;
        Ok(Self { object, stores: masked_stores, config_maps, committed })
    }

    /// Whether this is the only ConfigMap of the object.
    pub fn has_config_map(&self, name: &str) -> bool {
        self.config_maps.len() == 1 && self.config_maps.contains_key(name)
    }

    /// Whether the object is Ready and Synced, and the status is of the current generation.
    pub fn is_available(&self) -> bool {
        self.object["generationObserved"] == true
            && self.object["conditions"]["Ready"] == "True Available"
            && self.object["conditions"]["Synced"] == "True InSync"
    }

    /// Compares without the number of Updates: two replicas may both send the same Update, of which the second changes
    /// nothing. Creates and Deletes must match exactly.
    pub fn equals_except_for_repeated_updates(&self, reference: &Self) -> bool {
        let with_one_update = |snapshot: &Self| {
            let mut snapshot = snapshot.clone();
            if let Some(updates) = snapshot.committed.get_mut("UpdateSequenceStore") {
                *updates = (*updates).min(1);
            }
            snapshot
        };
        with_one_update(self) == with_one_update(reference)
    }

    /// The differing lines, as in a diff: `-` lines are only in `reference`, `+` lines only in `self`.
    pub fn differences(&self, reference: &Self) -> String {
        let lines = |snapshot: &Self| {
            let all = json!({
                "object": snapshot.object, "stores": snapshot.stores, "committed": snapshot.committed,
                "configMaps": snapshot.config_maps,
            });
            let text = serde_json::to_string_pretty(&all).unwrap_or_default();
            text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let (found, wanted) = (lines(self), lines(reference));
        let only = |sign: char, these: &[String], those: &[String]| -> String {
            let only = these.iter().filter(|line| !those.contains(line));
            only.map(|line| format!("    {sign} {}\n", line.trim())).collect()
        };
        format!("{}{}", only('-', &wanted, &found), only('+', &found, &wanted))
    }
}

async fn committed_requests(environment: &TestEnvironment) -> Result<BTreeMap<String, usize>, Error> {
    let mut committed = BTreeMap::new();
    for entry in environment.clients.aws.ledger().await? {
        let counted = matches!(
            entry.operation.as_str(),
            "CreateSequenceStore" | "UpdateSequenceStore" | "DeleteSequenceStore"
        );
        if counted && entry.committed && !entry.replayed {
            *committed.entry(entry.operation).or_default() += 1;
        }
    }
    Ok(committed)
}

fn summary(object: &DynamicObject) -> Value {
    let status = &object.data["status"];
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let conditions: BTreeMap<String, String> = conditions
        .map(|c| {
            let text = |key: &str| c[key].as_str().unwrap_or_default().to_owned();
            (text("type"), format!("{} {}", text("status"), text("reason")))
        })
        .collect();
    let mut store = status["store"].clone();
    if let Some(store) = store.as_object_mut() {
        store.remove("creationTime");
        store.remove("updateTime");
    }
    json!({
        "spec": object.data["spec"],
        "finalizers": object.finalizers(),
        "deleting": object.metadata.deletion_timestamp.is_some(),
        "generationObserved": status["observedGeneration"] == json!(object.metadata.generation),
        "conditions": conditions,
        "store": store,
        "region": status["region"],
        "accountId": status["accountId"],
        "drift": status["drift"],
        "connection": status["connection"],
        "managedTagKeys": status["managedTagKeys"],
    })
}

/// Polls until `wanted` holds, for [`TIMEOUT`] at most. `description` says in the error what was wanted.
pub async fn wait_for(
    environment: &TestEnvironment,
    description: &str,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Result<Snapshot, Error> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let snapshot = Snapshot::take(environment).await?;
        if wanted(&snapshot) {
            return Ok(snapshot);
        }
        if Instant::now() >= deadline {
            return Err(format!("timed out waiting until {description}; the state is {snapshot:#?}").into());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
