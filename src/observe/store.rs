//! Observes one store: GetSequenceStore and ListTagsForResource. I/O: AWS, read-only.

use std::collections::BTreeMap;

use super::Observer;
use crate::aws::{CallError, Class};
use crate::store::{Observed, ObservedPolicy, ObservedTags, Present};

impl Observer<'_> {
    /// Tags are read in every pass, because ownership is decided by them. Only those that the search before, or the
    /// operator's own Create, has just shown are passed in.
    pub(super) async fn store(
        &self,
        region: &str,
        id: &str,
        tags: Option<BTreeMap<String, String>>,
    ) -> Observed {
        let found = match self.aws.get(region, id).await {
            Ok(found) => found,
            Err(error) if error.class == Class::NotFound => {
                // A 404 counts only for the account of the credentials that got it.
                return match self.aws.account(region).await {
                    Ok(account) => Observed::Absent { account },
                    Err(error) => Observed::Failed(error),
                };
            }
            Err(error) => return Observed::Failed(error),
        };
        let tags = match tags {
            Some(tags) => ObservedTags::Read(tags),
            None => self.tags(region, &found.store.arn).await,
        };
        let (store, account) = (found.store, found.account);
        let (strays, policy) = (None, ObservedPolicy::NotRead);
        Observed::Present(Box::new(Present { store, account, tags, strays, policy }))
    }

    async fn tags(&self, region: &str, arn: &str) -> ObservedTags {
        match self.aws.list_tags(region, arn).await {
            Ok(tags) => ObservedTags::Read(tags),
            // The store vanished between the two calls, or is too new to have tags: the next Get tells.
            Err(error) if error.class == Class::NotFound => {
                ObservedTags::Unreadable(CallError { class: Class::Transient, ..error })
            }
            Err(error) => ObservedTags::Unreadable(error),
        }
    }
}
