//! Requests about the tags of a store. I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::call::Call;
use super::{Aws, CallError, Operation, Turn};

impl Aws {
    pub(crate) async fn list_tags(
        &self,
        region: &str,
        arn: &str,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let request = self.omics_tags(region).list_tags_for_resource().resource_arn(arn);
        let call = Call::new(Operation::ListTagsForResource, region);
        let read =
            self.call(call, || request.clone().send(), |response| Ok(response.tags.into_iter().collect()));
        let tags: BTreeMap<String, String> = read.await?;
        self.shared.other_owners().remember(arn, &tags, Instant::now());
        Ok(tags)
    }

    /// Adds `tags`, or replaces the values of those keys. Other tags of the store stay.
    pub(crate) async fn tag(
        &self,
        turn: Turn,
        region: &str,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), CallError> {
        self.shared.other_owners().change(arn, Instant::now());
        let tags = tags.clone().into_iter().collect();
        let request = self.omics_tags(region).tag_resource().resource_arn(arn).set_tags(Some(tags));
        let call = Call::new(Operation::TagResource, region);
        self.call_in_turn(call, Some(turn), || request.clone().send(), |_| Ok(())).await
    }

    pub(crate) async fn untag(
        &self,
        turn: Turn,
        region: &str,
        arn: &str,
        keys: &BTreeSet<String>,
    ) -> Result<(), CallError> {
        self.shared.other_owners().change(arn, Instant::now());
        let keys = keys.iter().cloned().collect();
        let request = self.omics_tags(region).untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
        let call = Call::new(Operation::UntagResource, region);
        self.call_in_turn(call, Some(turn), || request.clone().send(), |_| Ok(())).await
    }
}
