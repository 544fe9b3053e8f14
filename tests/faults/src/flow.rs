//! Runs the user's part of each flow against the API server and the simulator, and says what each flow must achieve.

use healthomics_simulator::SeedStore;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::Error;
use crate::environment::{OBJECT_NAME, TestEnvironment};
use crate::plan::Flow;
use crate::snapshot::{Snapshot, wait_for};

impl Flow {
    /// Brings the environment into the state in which the flow begins. No fault is injected meanwhile.
    pub async fn prepare(self, environment: &TestEnvironment) -> Result<(), Error> {
        match self {
            Self::Create | Self::DeleteDuringCreate | Self::Adopt => Ok(()),
            Self::MoveConfigMap => {
                let spec = json!({"description": "first", "writeConnectionTo": {"configMap": "first"}});
                environment.create_object(spec).await?;
                let has_it =
                    |snapshot: &Snapshot| snapshot.is_available() && snapshot.has_config_map("first");
                wait_for(environment, "the object has a ConfigMap, before the flow begins", has_it).await?;
                Ok(())
            }
            Self::UpdateAll | Self::Delete => {
                environment.create_object(first_spec()).await?;
                wait_for(environment, "the object is ready, before the flow begins", Snapshot::is_available)
                    .await?;
                Ok(())
            }
        }
    }

    /// Does what the user does in this flow.
    pub async fn act(self, environment: &TestEnvironment) -> Result<(), Error> {
        let objects = &environment.clients.objects;
        match self {
            // In DeleteDuringCreate, the injector deletes the object.
            Self::Create | Self::DeleteDuringCreate => environment.create_object(first_spec()).await,
            Self::UpdateAll => {
                let patch = Patch::Merge(json!({"spec": second_spec()}));
                objects.patch(OBJECT_NAME, &PatchParams::default(), &patch).await?;
                Ok(())
            }
            Self::Adopt => {
                let seed = SeedStore { name: Some("genomes".into()), ..SeedStore::default() };
                let store = environment.clients.aws.seed_store(&seed).await?;
                let spec = json!({"sequenceStoreId": store.id, "description": "adopted"});
                environment.create_object(spec).await
            }
            Self::MoveConfigMap => {
                let patch = Patch::Merge(json!({"spec": {"writeConnectionTo": {"configMap": "second"}}}));
                objects.patch(OBJECT_NAME, &PatchParams::default(), &patch).await?;
                Ok(())
            }
            Self::Delete => {
                objects.delete(OBJECT_NAME, &DeleteParams::default()).await?;
                Ok(())
            }
        }
    }

    /// Whether the flow has achieved its purpose. Only the reference run is checked with this; all other runs are
    /// compared with the reference run.
    pub fn is_complete(self, snapshot: &Snapshot) -> bool {
        let [store] = snapshot.stores.as_slice() else { return false };
        match self {
            Self::Create => snapshot.is_available() && store["tags"]["team"] == "genomics",
            Self::UpdateAll => {
                let wanted = second_spec();
                snapshot.is_available()
                    && ["name", "description", "fallbackLocation", "propagatedSetLevelTags"]
                        .iter()
                        .all(|field| store[field] == wanted[field])
                    && store["s3Access"]["accessLogLocation"] == wanted["s3AccessConfig"]["accessLogLocation"]
                    && store["tags"]["team"] == "assembly"
                    && store["tags"]["cost-center"] == "42"
                    && store["tags"]["temporary"].is_null()
            }
            Self::MoveConfigMap => {
                let connection = &snapshot.object["connection"];
                snapshot.is_available()
                    && snapshot.has_config_map("second")
                    && connection["configMap"] == "second"
            }
            Self::Adopt => snapshot.is_available() && store["tags"]["healthomics.dev/uid"] == "<uid>",
            Self::Delete | Self::DeleteDuringCreate => snapshot.object.is_null() && store["deleted"] == true,
        }
    }

    /// Whether a run with a fault may end in this state, given the final state of the reference run.
    pub fn accepts(self, snapshot: &Snapshot, reference: &Snapshot, replicas: usize) -> bool {
        // An operator that is killed before it sends the Create finds the object deleted after its restart, and never
        // creates a store.
        let never_created =
            snapshot.object.is_null() && snapshot.stores.is_empty() && snapshot.committed.is_empty();
        let equal = if replicas == 1 {
            snapshot == reference
        } else {
            snapshot.equals_except_for_repeated_updates(reference)
        };
        equal || (self == Self::DeleteDuringCreate && never_created)
    }
}

fn first_spec() -> Value {
    json!({"description": "first", "tags": {"team": "genomics", "temporary": "yes"}})
}

/// A merge patch, in which null removes a tag.
fn second_spec() -> Value {
    json!({
        "name": "renamed",
        "description": "second",
        "fallbackLocation": "s3://fallback/parts/",
        "s3AccessConfig": {"accessLogLocation": "s3://logs/access/"},
        "propagatedSetLevelTags": ["sample", "subject"],
        "tags": {"team": "assembly", "temporary": null, "cost-center": "42"},
    })
}
