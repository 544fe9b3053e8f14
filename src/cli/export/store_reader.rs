//! Reads the stores of a region, with a progress bar on a terminal. I/O: reads AWS, writes
//! standard error.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;

use super::filter::Filter;
use super::object_names::object_names;
use crate::aws::{Aws, CallError, Class};
use crate::cli::progress::{progress_bar, set_end};
use crate::cli::retry;
use crate::crd::{OWNER_UID_TAG, Store};

/// Concurrent requests: enough that slow responses do not keep the rate below its limit.
const CONCURRENCY: usize = 16;

/// One store of the inventory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Without tags.
    pub(super) store: Store,
    /// None where tags were not read.
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) object_name: String,
}

impl Entry {
    /// Whether the owner tags name an object.
    pub(super) fn is_owned(&self) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.contains_key(OWNER_UID_TAG))
    }
}

/// What to read of each store in addition to ListSequenceStores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detail {
    /// ListTagsForResource.
    pub(super) tags: bool,
    /// GetSequenceStore.
    pub(super) fields: Fields,
}

/// Which stores to read with GetSequenceStore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    /// None: the fields of ListSequenceStores are enough.
    AsListed,
    OfStoresWithoutOwner,
    OfAllStores,
}

#[derive(Debug)]
pub(super) struct StoreReader<'a> {
    aws: &'a Aws,
    region: &'a str,
}

impl<'a> StoreReader<'a> {
    pub(super) fn new(aws: &'a Aws, region: &'a str) -> Self {
        Self { aws, region }
    }

    /// The account of the credentials.
    pub(super) async fn account(&self) -> Result<String, CallError> {
        retry::call(|| self.aws.account(self.region)).await
    }

    /// Reads all stores that the filter selects, sorted by object name.
    ///
    /// # Errors
    /// The first call that fails after its retries.
    pub(super) async fn read_all(&self, filter: &Filter, detail: Detail) -> Result<Vec<Entry>, CallError> {
        let bar = progress_bar();
        let listed = self.list(&bar).await?;
        let names = object_names(&listed);
        let selected: Vec<Store> = listed.into_iter().filter(|store| filter.selects(store)).collect();
        set_end(&bar, selected.len(), "reading stores");
        let entries = stream::iter(selected)
            .map(|store| async {
                let object_name = names.get(&store.id).cloned().unwrap_or_default();
                let entry = self.read(Entry { store, tags: None, object_name }, filter, detail).await;
                bar.inc(1);
                entry
            })
            .buffer_unordered(CONCURRENCY)
            .try_filter_map(|entry| async { Ok(entry) })
            .try_collect::<Vec<Entry>>()
            .await;
        bar.finish_and_clear();
        let mut entries = entries?;
        entries.sort_by(|a, b| (&a.object_name, &a.store.id).cmp(&(&b.object_name, &b.store.id)));
        Ok(entries)
    }

    async fn list(&self, bar: &ProgressBar) -> Result<Vec<Store>, CallError> {
        let mut stores: BTreeMap<String, Store> = BTreeMap::new();
        let mut token: Option<String> = None;
        bar.set_message("listing stores");
        loop {
            let page = retry::call(|| self.aws.list_page(self.region, token.clone())).await?;
            stores.extend(page.stores.into_iter().map(|store| (store.id.clone(), store)));
            bar.set_position(stores.len() as u64);
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(stores.into_values().collect()),
            }
        }
    }

    /// None where the tags do not match the filter, or the store was deleted after it was listed.
    async fn read(
        &self,
        mut entry: Entry,
        filter: &Filter,
        detail: Detail,
    ) -> Result<Option<Entry>, CallError> {
        if detail.tags || filter.needs_tags() {
            let read = retry::call(|| self.aws.list_tags(self.region, &entry.store.arn)).await;
            let Some(tags) = unless_not_found(read)? else { return Ok(None) };
            if !filter.selects_tags(&tags) {
                return Ok(None);
            }
            entry.tags = Some(tags);
        }
        let reads_fields = match detail.fields {
            Fields::AsListed => false,
            Fields::OfStoresWithoutOwner => !entry.is_owned(),
            Fields::OfAllStores => true,
        };
        if reads_fields {
            let Some(store) = self.read_store(&entry.store.id).await? else { return Ok(None) };
            entry.store = store;
        }
        Ok(Some(entry))
    }

    /// Calls GetSequenceStore; none where the store does not exist.
    pub(super) async fn read_store(&self, id: &str) -> Result<Option<Store>, CallError> {
        let read = retry::call(|| self.aws.get(self.region, id)).await;
        Ok(unless_not_found(read)?.map(|response| response.store))
    }
}

fn unless_not_found<T>(read: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match read {
        Ok(response) => Ok(Some(response)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
