//! Gathers the stores of a region from AWS, at AWS's pace and with a progress bar on a terminal. I/O,
//! read-only.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::filter::Filter;
use super::names;
use super::pace::Pace;
use crate::aws::{Aws, CallError, Class};
use crate::crd::{OWNER_UID_TAG, Store};

/// Requests under way at once; the pace decides, and slow answers must not.
const AT_ONCE: usize = 16;

/// One store of the inventory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What AWS shows of it; tags apart.
    pub store: Store,
    /// Its tags, where they were asked for.
    pub tags: Option<BTreeMap<String, String>>,
    /// Name of its object.
    pub name: String,
}

impl Entry {
    /// Whether the tags say that an object owns it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.contains_key(OWNER_UID_TAG))
    }
}

/// What is asked for of each store beside the listing.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// ListTagsForResource.
    pub tags: bool,
    /// GetSequenceStore, of stores that no object owns or of all.
    pub fields: Option<Owned>,
}

/// Whose fields are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owned {
    /// Only of stores that nobody owns.
    LeftOut,
    /// Of all.
    Included,
}

/// Calls to AWS at their pace.
#[derive(Debug)]
pub struct Gatherer<'a> {
    omics: &'a Aws,
    region: &'a str,
    list: Pace,
    get: Pace,
    tags: Pace,
}

impl<'a> Gatherer<'a> {
    /// With a share of the quotas.
    #[must_use]
    pub fn new(omics: &'a Aws, region: &'a str, share: f64) -> Self {
        Self { omics, region, list: Pace::of(share), get: Pace::of(share), tags: Pace::of(share) }
    }

    /// All stores that are wanted, in order of their names.
    ///
    /// # Errors
    /// The first call that failed for good: a part of an inventory is none.
    pub async fn gather(&self, filter: &Filter, asked: Asked) -> Result<Vec<Entry>, CallError> {
        let bar = bar();
        let listed = self.list(&bar).await?;
        let names = names::names(&listed);
        let wanted: Vec<Store> = listed.into_iter().filter(|store| filter.wants(store)).collect();
        bar.set_style(style("{msg} {bar:30} {pos}/{len}, {eta} left"));
        bar.set_length(wanted.len() as u64);
        bar.set_position(0);
        bar.set_message("reading stores");
        let entries = stream::iter(wanted)
            .map(|store| async {
                let name = names.get(&store.id).cloned().unwrap_or_default();
                let entry = self.read(store, name, filter, asked).await;
                bar.inc(1);
                entry
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|entry| async { Ok(entry) })
            .try_collect::<Vec<Entry>>()
            .await;
        bar.finish_and_clear();
        let mut entries = entries?;
        entries.sort_by(|a, b| (&a.name, &a.store.id).cmp(&(&b.name, &b.store.id)));
        Ok(entries)
    }

    async fn list(&self, bar: &ProgressBar) -> Result<Vec<Store>, CallError> {
        let mut stores: BTreeMap<String, Store> = BTreeMap::new();
        let mut token: Option<String> = None;
        bar.set_message("listing stores");
        loop {
            let page = self.list.call(|| self.omics.list_page(self.region, token.clone())).await?;
            stores.extend(page.stores.into_iter().map(|store| (store.id.clone(), store)));
            bar.set_position(stores.len() as u64);
            match page.next {
                Some(next) => token = Some(next),
                None => return Ok(stores.into_values().collect()),
            }
        }
    }

    /// None for a store that is not wanted after all, or gone since it was listed.
    async fn read(
        &self,
        store: Store,
        name: String,
        filter: &Filter,
        asked: Asked,
    ) -> Result<Option<Entry>, CallError> {
        let mut entry = Entry { store, tags: None, name };
        if asked.tags || filter.asks_for_tags() {
            let read = self.tags.call(|| self.omics.list_tags(self.region, &entry.store.arn)).await;
            let Some(tags) = unless_gone(read)? else { return Ok(None) };
            if !filter.wants_tags(&tags) {
                return Ok(None);
            }
            entry.tags = Some(tags);
        }
        match asked.fields {
            None => {}
            Some(Owned::LeftOut) if entry.is_owned() => {}
            Some(_) => {
                let Some(store) = self.look(&entry.store.id).await? else { return Ok(None) };
                entry.store = store;
            }
        }
        Ok(Some(entry))
    }

    /// GetSequenceStore; none where there is none any more.
    ///
    /// # Errors
    /// A failure that does not pass.
    pub async fn look(&self, id: &str) -> Result<Option<Store>, CallError> {
        let read = self.get.call(|| self.omics.get(self.region, id)).await;
        Ok(unless_gone(read)?.map(|answer| answer.store))
    }
}

fn unless_gone<T>(read: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match read {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Seen on a terminal alone.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{msg} {spinner} {pos}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
