//! The flows: what comes before, what the user does, and where it ends.

use healthomics_simulator::SeedStore;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::Error;
use crate::end::{End, wait_for};
use crate::plan::Flow;
use crate::stage::SUBJECT;
use crate::world::World;

impl Flow {
    /// Undisturbed and not numbered.
    pub async fn prepare(self, world: &World) -> Result<(), Error> {
        match self {
            Self::Create | Self::DeleteDuringCreate | Self::Adopt => Ok(()),
            Self::UpdateAll | Self::Delete => {
                world.create(first_spec()).await?;
                wait_for(world, "ready before the flow begins", |end| end.is_available()).await?;
                Ok(())
            }
        }
    }

    /// What the user does.
    pub async fn act(self, world: &World) -> Result<(), Error> {
        match self {
            Self::Create | Self::DeleteDuringCreate => world.create(first_spec()).await,
            Self::UpdateAll => {
                let patch = Patch::Merge(json!({"spec": second_spec()}));
                world.stage.objects.patch(SUBJECT, &PatchParams::default(), &patch).await?;
                Ok(())
            }
            Self::Adopt => {
                let seed = SeedStore { name: Some("genomes".into()), ..SeedStore::default() };
                let store = world.stage.aws.seed_store(&seed).await?;
                world.create(json!({"sequenceStoreId": store.id, "description": "adopted"})).await
            }
            Self::Delete => {
                world.stage.objects.delete(SUBJECT, &DeleteParams::default()).await?;
                Ok(())
            }
        }
    }

    /// What the flow is for; the reference run is held to it, and every other run to the reference run.
    pub fn is_reached(self, end: &End) -> bool {
        let [store] = end.stores.as_slice() else { return false };
        match self {
            Self::Create => end.is_available() && store["tags"]["team"] == "genomics",
            Self::UpdateAll => {
                let wanted = second_spec();
                end.is_available()
                    && ["name", "description", "fallbackLocation", "propagatedSetLevelTags"]
                        .iter()
                        .all(|field| store[field] == wanted[field])
                    && store["s3Access"]["accessLogLocation"] == wanted["s3AccessConfig"]["accessLogLocation"]
                    && store["tags"]["team"] == "assembly"
                    && store["tags"]["cost-center"] == "42"
                    && store["tags"]["temporary"].is_null()
            }
            Self::Adopt => end.is_available() && store["tags"]["healthomics.dev/uid"] == "<uid>",
            Self::Delete => end.object.is_null() && store["deleted"] == true,
            Self::DeleteDuringCreate => end.object.is_null() && store["deleted"] == true,
        }
    }

    /// Whether a disturbed run may end here, the undisturbed one having ended there.
    pub fn accepts(self, end: &End, reference: &End, replicas: usize) -> bool {
        // Killed before the Create was sent, it is never sent: the object is being deleted.
        let never_made = end.object.is_null() && end.stores.is_empty() && end.effects.is_empty();
        let equal = if replicas == 1 { end == reference } else { end.is_but_for_repeated_updates(reference) };
        equal || (self == Self::DeleteDuringCreate && never_made)
    }
}

fn first_spec() -> Value {
    json!({"description": "first", "tags": {"team": "genomics", "temporary": "yes"}})
}

/// As a merge patch: null removes.
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
