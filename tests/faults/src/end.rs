//! Where a run has come to, without what differs from run to run.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Error;
use crate::stage::SUBJECT;
use crate::world::World;

/// Two attempts to create with their windows, and a little.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks at both sides.
pub const GLANCE: Duration = Duration::from_millis(400);

/// Both sides, comparable between runs.
#[derive(Clone, Debug, PartialEq)]
pub struct End {
    /// Null where it is gone.
    pub object: Value,
    /// Every store that ever lived, but those of others.
    pub stores: Vec<Value>,
    /// Create, Update and Delete requests that took effect.
    pub effects: BTreeMap<String, usize>,
}

impl End {
    pub async fn of(world: &World) -> Result<Self, Error> {
        let object = world.stage.objects.get_opt(SUBJECT).await?;
        let stores = world.stores().await?;
        let mut masks: Vec<(String, &str)> = vec![(world.namespace.clone(), "<namespace>")];
        // The owner tag outlives the object.
        let owners = stores.iter().filter_map(|store| store.tags.get(crate::invariants::OWNER).cloned());
        masks.extend(object.iter().filter_map(ResourceExt::uid).chain(owners).map(|uid| (uid, "<uid>")));
        masks.extend(stores.iter().map(|store| (store.s3_access.s3_uri.clone(), "<uri>")));
        masks.extend(stores.iter().map(|store| (store.id.clone(), "<id>")));
        let masked = |value: Value| -> Result<Value, Error> {
            let text = masks.iter().fold(value.to_string(), |text, (from, to)| text.replace(from, to));
            Ok(serde_json::from_str(&text)?)
        };

        let mut shown = Vec::new();
        for store in &stores {
            let mut store = serde_json::to_value(store)?;
            for moving in ["creationTime", "updateTime", "s3AccessPolicyUpdateTime", "s3AccessPolicy"] {
                store[moving] = Value::Null;
            }
            shown.push(masked(store)?);
        }
        let mut effects = BTreeMap::new();
        for entry in world.stage.aws.ledger().await? {
            let counted = matches!(
                entry.operation.as_str(),
                "CreateSequenceStore" | "UpdateSequenceStore" | "DeleteSequenceStore"
            );
            if counted && entry.committed && !entry.replayed {
                *effects.entry(entry.operation).or_default() += 1;
            }
        }
        let object = object.map_or(Ok(Value::Null), |object| masked(summary(&object)))?;
        Ok(Self { object, stores: shown, effects })
    }

    /// Ready for the generation that the object has now, and in sync.
    pub fn is_available(&self) -> bool {
        self.object["observed"] == true
            && self.object["conditions"]["Ready"] == "True Available"
            && self.object["conditions"]["Synced"] == "True InSync"
    }

    /// Equal, but for how often the store was updated: two replicas may both send the same Update, and the second
    /// one changes nothing. Creates and deletes are counted.
    pub fn is_but_for_repeated_updates(&self, reference: &Self) -> bool {
        let once = |end: &Self| {
            let mut end = end.clone();
            if let Some(updates) = end.effects.get_mut("UpdateSequenceStore") {
                *updates = (*updates).min(1);
            }
            end
        };
        once(self) == once(reference)
    }

    /// The lines in which two ends differ.
    pub fn differences(&self, reference: &Self) -> String {
        let lines = |end: &Self| {
            let all = json!({"object": end.object, "stores": end.stores, "effects": end.effects});
            let text = serde_json::to_string_pretty(&all).unwrap_or_default();
            text.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let (mine, theirs) = (lines(self), lines(reference));
        let only = |sign: char, these: &[String], those: &[String]| -> String {
            let only = these.iter().filter(|line| !those.contains(line));
            only.map(|line| format!("    {sign} {}\n", line.trim())).collect()
        };
        format!("{}{}", only('-', &theirs, &mine), only('+', &mine, &theirs))
    }
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
        "observed": status["observedGeneration"] == json!(object.metadata.generation),
        "conditions": conditions,
        "store": store,
        "region": status["region"],
        "accountId": status["accountId"],
        "drift": status["drift"],
        "managedTagKeys": status["managedTagKeys"],
    })
}

/// Waits until the run has come to what is wanted.
pub async fn wait_for(world: &World, what: &str, wanted: impl Fn(&End) -> bool) -> Result<End, Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        let end = End::of(world).await?;
        if wanted(&end) {
            return Ok(end);
        }
        if Instant::now() >= until {
            return Err(format!("never came to: {what}; it is {end:#?}").into());
        }
        tokio::time::sleep(GLANCE).await;
    }
}
