//! Searches for the store of an object whose id is not known: ListSequenceStores by name, and the tags of every store
//! with that name. I/O: AWS, read-only.

use std::time::Duration;

use super::{Known, Observer};
use crate::aws::{CallError, Operation};
use crate::crd::OwnerTags;
use crate::store::owner_match::choose;
use crate::store::{Observed, OwnerMatch, Prepared};

impl Observer<'_> {
    /// A search that is not complete is a failure: a store must not be created because a page was missing.
    pub(super) async fn search(
        &self,
        prepared: &Prepared,
        names: &[String],
        replaced: Option<&str>,
        known: &Known,
    ) -> Observed {
        match self.find(prepared, names, replaced, known).await {
            Ok(observed) => observed,
            Err(error) => Observed::Failed(error),
        }
    }

    /// For whom stores are searched, and how old the owner tags of others may be.
    pub(super) fn seeker<'b>(&self, prepared: &'b Prepared) -> (&'b OwnerTags, Duration) {
        (&prepared.owner, self.settings.create_grace)
    }

    async fn find(
        &self,
        prepared: &Prepared,
        names: &[String],
        replaced: Option<&str>,
        known: &Known,
    ) -> Result<Observed, CallError> {
        let region = prepared.region().unwrap_or_default();
        let account = self.aws.account(region).await?;
        let mut stores = Vec::new();
        for name in names {
            stores.extend(self.aws.find_by_name(region, name, self.seeker(prepared)).await?);
        }
        stores.retain(|store| Some(store.id.as_str()) != replaced);
        let found = choose(&stores, &prepared.owner);
        let (id, duplicates) = match &found {
            OwnerMatch::Own { id, duplicates } => (id.clone(), duplicates.clone()),
            // `Observe` mirrors the store of a former object. `Manage` adopts it first.
            OwnerMatch::Former { id, .. } if !prepared.object.manages() => (id.clone(), Vec::new()),
            OwnerMatch::Former { .. } | OwnerMatch::Nothing => {
                return Ok(Observed::Searched { found, account });
            }
        };
        let listed = stores.into_iter().find(|store| store.id == id).map(|store| store.tags);
        match self.store(region, &id, listed.or(known.tags_of(&id))).await {
            // One of the two lags behind the other, so nothing is known.
            Observed::Absent { .. } => {
                let detail = "GetSequenceStore does not find a store that ListSequenceStores shows";
                tracing::warn!(store_id = id, region, "{detail}");
                Err(CallError::unreadable(Operation::GetSequenceStore, detail))
            }
            Observed::Present(mut present) => {
                present.strays = Some(duplicates);
                Ok(Observed::Present(present))
            }
            other => Ok(other),
        }
    }
}
