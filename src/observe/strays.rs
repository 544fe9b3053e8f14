//! Looks for stores that carry the owner tags of an object which uses another one. I/O: AWS, read-only.

use jiff::Timestamp;

use super::{Known, Observer};
use crate::aws::Class;
use crate::plan::Recollection;
use crate::store::{Intent, Prepared};

/// What became known about strays in one pass.
#[derive(Clone, Debug, Default)]
pub(super) struct Strays {
    /// The ids; none where nobody looked.
    pub(super) ids: Option<Vec<String>>,
    /// The stores of an attempt made before the user set `sequenceStoreId` were searched for.
    pub(super) searched: bool,
    /// It was checked whether the strays in status are still there.
    pub(super) checked: bool,
}

impl Observer<'_> {
    pub(super) async fn strays(
        &self,
        prepared: &Prepared,
        recollection: &Recollection,
        known: &Known,
        now: Timestamp,
    ) -> Strays {
        let told = prepared.object.status.as_ref().map(|status| status.stray_stores.as_slice());
        let told = told.unwrap_or_default();
        let checked = !told.is_empty() && !known.strays_checked && !prepared.object.is_being_deleted();
        let mut ids = match checked {
            true => self.still_strays(prepared, told).await,
            false => told.to_vec(),
        };
        let left = match known.strays_searched {
            true => None,
            false => self.left_by_an_attempt(prepared, recollection, now).await,
        };
        let searched = left.is_some();
        let new: Vec<String> = left.into_iter().flatten().filter(|id| !ids.contains(id)).collect();
        ids.extend(new);
        Strays { ids: (checked || searched).then_some(ids), searched, checked }
    }

    /// Those of the stores that still carry the owner tags. One that cannot be read counts as still there.
    async fn still_strays(&self, prepared: &Prepared, told: &[String]) -> Vec<String> {
        let intent = Intent::of(&prepared.object).ok().flatten();
        let region = intent.map(|intent| intent.region);
        let region = region.as_deref().or(prepared.region()).unwrap_or_default();
        let mut still = Vec::new();
        for id in told {
            let is_there = match self.aws.get(region, id).await {
                Ok(found) => match self.aws.list_tags(region, &found.store.arn).await {
                    Ok(tags) => prepared.owner.own(&tags),
                    Err(_) => true,
                },
                Err(error) => error.class != Class::NotFound,
            };
            if is_there {
                still.push(id.clone());
            }
        }
        still
    }

    /// Stores that an attempt of this object may have created before the user set `spec.sequenceStoreId`. Searched for
    /// when the attempt is over; none where that is not due or failed.
    async fn left_by_an_attempt(
        &self,
        prepared: &Prepared,
        recollection: &Recollection,
        now: Timestamp,
    ) -> Option<Vec<String>> {
        let named = prepared.object.spec.sequence_store_id.as_ref()?;
        let intent = Intent::of(&prepared.object).ok().flatten()?;
        let grace = self.settings.create_grace;
        let is_open = intent.open_for(grace, recollection.attempt_known_for, now).is_some();
        if intent.id.is_some() || !intent.may_have_a_store() || is_open {
            return None;
        }
        let stores = self.aws.find_by_name(&intent.region, &intent.name).await.ok()?;
        let left = stores.into_iter().filter(|store| store.id != *named && prepared.owner.own(&store.tags));
        Some(left.map(|store| store.id).collect())
    }
}
