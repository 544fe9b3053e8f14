//! Calls that make or change a store, and the listing that comes before a create. I/O.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_omics::types::{
    ETagAlgorithmFamily, EncryptionType, S3AccessConfig, SequenceStoreFilter, SseConfig,
};

use super::{Answer, Aws, CallError, CreateRequest, Operation, StoreArn, UpdateRequest, mirror};
use crate::crd::Store;

/// Pages of a listing by name; more than this many stores of one name is no listing to trust.
const MOST_PAGES: usize = 100;

/// A store that a complete listing by name found, with its tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStore {
    /// Id of the store.
    pub id: String,
    /// ARN of the store.
    pub arn: String,
    /// Status in AWS.
    pub status: Option<String>,
    /// When it was created, seconds since 1970.
    pub created: i64,
    /// All tags.
    pub tags: BTreeMap<String, String>,
}

impl Aws {
    /// A complete ListSequenceStores by name, with the tags of every store of exactly that name.
    ///
    /// # Errors
    /// Any page or tag call that failed; a listing that repeats its page token.
    pub async fn find_by_name(&self, region: &str, name: &str) -> Result<Vec<NamedStore>, CallError> {
        let operation = Operation::ListSequenceStores;
        let client = self.client(region);
        let filter = SequenceStoreFilter::builder().name(name).build();
        let mut hits: BTreeMap<String, NamedStore> = BTreeMap::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let page = client
                .list_sequence_stores()
                .filter(filter.clone())
                .max_results(100)
                .set_next_token(token.clone())
                .send()
                .await
                .map_err(|e| CallError::of(operation, &e))?;
            for store in page.sequence_stores().iter().filter(|store| store.name() == Some(name)) {
                if StoreArn::parse(store.arn()).is_none_or(|arn| arn.id != store.id()) {
                    return Err(CallError::unreadable(
                        operation,
                        "the listing holds a store without a proper ARN",
                    ));
                }
                let tags = self.list_tags(region, store.arn()).await?;
                hits.insert(
                    store.id().to_owned(),
                    NamedStore {
                        id: store.id().to_owned(),
                        arn: store.arn().to_owned(),
                        status: store.status().map(|status| status.as_str().to_owned()),
                        created: store.creation_time().secs(),
                        tags,
                    },
                );
            }
            let next = page.next_token().map(ToOwned::to_owned);
            match next {
                None => return Ok(hits.into_values().collect()),
                Some(_) if next == token => break,
                Some(_) => token = next,
            }
        }
        Err(CallError::unreadable(operation, "the listing does not come to an end"))
    }

    /// CreateSequenceStore. Only a 200 with a proper id and an ARN of this region and of the account of
    /// the credentials is a yes.
    ///
    /// # Errors
    /// See [`CallError`]; whether a store was made is told by [`CallError::is_definite_no`].
    pub async fn create(
        &self,
        region: &str,
        account: &str,
        token: &str,
        request: &CreateRequest,
    ) -> Result<Answer, CallError> {
        let operation = Operation::CreateSequenceStore;
        let sse_config = request.sse_config.as_ref().map(|sse| {
            SseConfig::builder().r#type(EncryptionType::Kms).set_key_arn(sse.key_arn.clone()).build()
        });
        let sse_config =
            sse_config.transpose().map_err(|e| CallError::unreadable(operation, e.to_string()))?;
        let tags = request.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let output = self
            .client(region)
            .create_sequence_store()
            .client_token(token)
            .name(&request.name)
            .set_description(request.description.clone())
            .set_sse_config(sse_config)
            .set_e_tag_algorithm_family(
                request.e_tag_algorithm_family.map(|family| ETagAlgorithmFamily::from(family.as_str())),
            )
            .set_fallback_location(request.fallback_location.clone())
            .set_s3_access_config(access_config(request.access_log_location.as_ref()))
            .set_propagated_set_level_tags(request.propagated_set_level_tags.clone())
            .set_tags(Some(tags))
            .send()
            .await
            .map_err(|e| CallError::of(operation, &e))?;
        let store = mirror::created(&output);
        match StoreArn::parse(&store.arn) {
            Some(arn) if arn.id == store.id && arn.region == region && arn.account == account => {
                Ok(Answer { store, account: account.to_owned() })
            }
            _ => {
                Err(CallError::unreadable(operation, "the answer names no store of this account and region"))
            }
        }
    }

    /// UpdateSequenceStore with the members that are set.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn update(&self, region: &str, id: &str, request: &UpdateRequest) -> Result<Store, CallError> {
        let operation = Operation::UpdateSequenceStore;
        let output = self
            .client(region)
            .update_sequence_store()
            .id(id)
            .set_name(request.name.clone())
            .set_description(request.description.clone())
            .set_fallback_location(request.fallback_location.clone())
            .set_propagated_set_level_tags(request.propagated_set_level_tags.clone())
            .set_s3_access_config(access_config(request.access_log_location.as_ref()))
            .send()
            .await
            .map_err(|e| CallError::of(operation, &e))?;
        Ok(mirror::updated(&output))
    }

    /// TagResource.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn tag(
        &self,
        region: &str,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), CallError> {
        let tags = tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let request = self.client(region).tag_resource().resource_arn(arn).set_tags(Some(tags)).send();
        request.await.map(drop).map_err(|e| CallError::of(Operation::TagResource, &e))
    }

    /// UntagResource.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn untag(&self, region: &str, arn: &str, keys: &BTreeSet<String>) -> Result<(), CallError> {
        let keys = keys.iter().cloned().collect();
        let request = self.client(region).untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        request.await.map(drop).map_err(|e| CallError::of(Operation::UntagResource, &e))
    }
}

fn access_config(access_log_location: Option<&String>) -> Option<S3AccessConfig> {
    access_log_location.map(|location| S3AccessConfig::builder().access_log_location(location).build())
}
