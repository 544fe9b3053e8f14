//! Requests about stores: get, list, search by name, create, update and delete. I/O.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use aws_sdk_omics::operation::list_sequence_stores::ListSequenceStoresOutput;
use aws_sdk_omics::types::{
    ETagAlgorithmFamily, EncryptionType, S3AccessConfig, SequenceStoreDetail, SequenceStoreFilter, SseConfig,
};

use super::call::Call;
use super::page::{PAGE_SIZE, each_page, next_token};
use super::{Aws, CallError, CreateRequest, Operation, StoreArn, Turn, UpdateRequest, mirror};
use crate::crd::{self, OwnerTags, Store};

/// Limit for the search by name. A name with more stores than fit on 100 pages is a fault of the listing.
const MAX_SEARCH_PAGES: usize = 100;

/// The response to a Get or Create, checked to be about the store of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreResponse {
    /// Without its tags: no response about a store contains them.
    pub(crate) store: Store,
    /// The account in the store's ARN.
    pub(crate) account: String,
}

/// A store found by a complete listing by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStore {
    pub id: String,
    pub arn: String,
    /// As AWS writes it, such as `ACTIVE`.
    pub status: Option<String>,
    /// Creation time in seconds since 1970.
    pub created: i64,
    pub tags: BTreeMap<String, String>,
}

/// One page of ListSequenceStores.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Without what a listing does not contain: propagated tag keys, S3 access and tags.
    pub(crate) stores: Vec<Store>,
    /// Token of the next page, if there is one.
    pub(crate) next: Option<String>,
}

impl Aws {
    /// # Errors
    /// [`super::Class::NotFound`] for a 404; [`super::Class::Unreadable`] for a 200 that is not about this
    /// store in this region.
    pub(crate) async fn get(&self, region: &str, id: &str) -> Result<StoreResponse, CallError> {
        let key = self.shared.credentials.access_key_id();
        let request = self.omics(region).get_sequence_store().id(id);
        let response = self
            .call(
                Call::new(Operation::GetSequenceStore, region),
                || request.clone().send(),
                |response| {
                    // The SDK turns the response `200 {}` into a store with an empty id.
                    let store = mirror::got(&response);
                    let arn = StoreArn::parse(&store.arn).filter(|arn| arn.id == id && arn.region == region);
                    match arn.map(|arn| arn.account.to_owned()) {
                        Some(account) if store.id == id => Ok(StoreResponse { store, account }),
                        _ => Err(format!("the response is not about store {id} in {region}")),
                    }
                },
            )
            .await?;
        // No key is known before the first request; the SDK loads the credentials during it.
        self.remember_account(key.or_else(|| self.shared.credentials.access_key_id()), &response.account);
        Ok(response)
    }

    /// All stores of exactly this name, with their tags. Of stores of other owners than `seeker`, owner tags that were seen
    /// within `believed_for` are enough: so the tags of namesakes are not read again and again, and a search that was cut short
    /// goes on where it ended.
    ///
    /// # Errors
    /// The first failed request for a page or for tags, so that an incomplete search never looks like a
    /// complete one. [`super::Class::Unreadable`] for a listing that does not end.
    pub(crate) async fn find_by_name(
        &self,
        region: &str,
        name: &str,
        (seeker, believed_for): (&OwnerTags, Duration),
    ) -> Result<Vec<NamedStore>, CallError> {
        // A store that moves to the next page while the pages are read is listed twice.
        let mut found: BTreeMap<String, NamedStore> = BTreeMap::new();
        each_page(
            Call::new(Operation::ListSequenceStores, region),
            Some(MAX_SEARCH_PAGES),
            |token| self.named_page(region, name, (seeker, believed_for), token),
            |stores| {
                found.extend(stores.into_iter().map(|store| (store.id.clone(), store)));
                ControlFlow::Continue(())
            },
        )
        .await?;
        Ok(found.into_values().collect())
    }

    /// One page of the search by name, and the token of the next one.
    async fn named_page(
        &self,
        region: &str,
        name: &str,
        (seeker, believed_for): (&OwnerTags, Duration),
        token: Option<String>,
    ) -> Result<(Vec<NamedStore>, Option<String>), CallError> {
        let filter = SequenceStoreFilter::builder().name(name).build();
        let (details, next) = self
            .list(region, Some(filter), token, |response| {
                // Whether AWS matches the name exactly or as a substring is not documented.
                let named = response.sequence_stores.into_iter().filter(|store| store.name() == Some(name));
                let named: Vec<SequenceStoreDetail> = named.collect();
                named.iter().try_for_each(|store| check_arn(store.id(), store.arn()))?;
                Ok((named, response.next_token))
            })
            .await?;
        let mut stores = Vec::with_capacity(details.len());
        for detail in details {
            let arn = detail.arn();
            let known = self.shared.other_owners().recall(arn, seeker, believed_for, Instant::now());
            let tags = match known {
                Some(tags) => tags,
                None => self.list_tags(region, arn).await?,
            };
            stores.push(NamedStore {
                id: detail.id().to_owned(),
                arn: arn.to_owned(),
                status: detail.status().map(|status| status.as_str().to_owned()),
                created: detail.creation_time().secs(),
                tags,
            });
        }
        Ok((stores, next))
    }

    /// One page of all stores.
    ///
    /// # Errors
    /// [`super::Class::Unreadable`] for a store without a well-formed ARN, or a response that repeats `token`.
    pub(crate) async fn list_page(&self, region: &str, token: Option<String>) -> Result<Page, CallError> {
        let sent = token.clone();
        self.list(region, None, token, |response| {
            let stores: Vec<Store> = response.sequence_stores.iter().map(mirror::listed).collect();
            stores.iter().try_for_each(|store| check_arn(&store.id, &store.arn))?;
            Ok(Page { stores, next: next_token(sent.as_deref(), response.next_token)? })
        })
        .await
    }

    async fn list<T>(
        &self,
        region: &str,
        filter: Option<SequenceStoreFilter>,
        token: Option<String>,
        read: impl FnOnce(ListSequenceStoresOutput) -> Result<T, String>,
    ) -> Result<T, CallError> {
        let request = self.omics(region).list_sequence_stores();
        let request = request.set_filter(filter).max_results(PAGE_SIZE).set_next_token(token);
        self.call(Call::new(Operation::ListSequenceStores, region), || request.clone().send(), read).await
    }

    /// A success is a 200 with a store id and an ARN of this region and of `account`, the account of the
    /// credentials.
    ///
    /// # Errors
    /// After any error AWS may have created a store, unless [`CallError::is_definite_no`].
    pub(crate) async fn create(
        &self,
        turn: Turn,
        (region, account): (&str, &str),
        token: &str,
        request: &CreateRequest,
    ) -> Result<StoreResponse, CallError> {
        let call = Call::new(Operation::CreateSequenceStore, region);
        // Taken apart without `..`: a new member does not compile until it is sent.
        let CreateRequest {
            name,
            description,
            sse_config,
            e_tag_algorithm_family,
            fallback_location,
            access_log_location,
            propagated_set_level_tags,
            tags,
        } = request.clone();
        let sse_config = sse_config.map(encryption).transpose().map_err(|detail| call.unreadable(detail))?;
        let family = e_tag_algorithm_family.map(|family| ETagAlgorithmFamily::from(family.as_str()));
        let prepared = self
            .omics(region)
            .create_sequence_store()
            .client_token(token)
            .name(name)
            .set_description(description)
            .set_sse_config(sse_config)
            .set_e_tag_algorithm_family(family)
            .set_fallback_location(fallback_location)
            .set_s3_access_config(access_log_location.map(access_config))
            .set_propagated_set_level_tags(propagated_set_level_tags)
            .set_tags(Some(tags.into_iter().collect()));
        let created = self
            .call_in_turn(
                call,
                Some(turn),
                || prepared.clone().send(),
                |response| {
                    let store = mirror::created(&response);
                    match StoreArn::parse(&store.arn) {
                        Some(arn) if arn.id == store.id && arn.region == region && arn.account == account => {
                            Ok(StoreResponse { store, account: account.to_owned() })
                        }
                        _ => Err("the response names no store of this account and region".to_owned()),
                    }
                },
            )
            .await?;
        self.shared.other_owners().remember(&created.store.arn, &request.tags, Instant::now());
        Ok(created)
    }

    /// Changes the members that are set in `request`.
    pub(crate) async fn update(
        &self,
        turn: Turn,
        region: &str,
        id: &str,
        request: &UpdateRequest,
    ) -> Result<Store, CallError> {
        let UpdateRequest {
            name,
            description,
            fallback_location,
            access_log_location,
            propagated_set_level_tags,
        } = request.clone();
        let request = self
            .omics(region)
            .update_sequence_store()
            .id(id)
            .set_name(name)
            .set_description(description)
            .set_fallback_location(fallback_location)
            .set_s3_access_config(access_log_location.map(access_config))
            .set_propagated_set_level_tags(propagated_set_level_tags);
        let call = Call::new(Operation::UpdateSequenceStore, region);
        let send = || request.clone().send();
        self.call_in_turn(call, Some(turn), send, |response| Ok(mirror::updated(&response))).await
    }

    /// A success means that AWS has accepted the deletion, not that the store is gone.
    pub(crate) async fn delete(&self, turn: Turn, region: &str, id: &str) -> Result<(), CallError> {
        let request = self.omics(region).delete_sequence_store().id(id);
        let call = Call::new(Operation::DeleteSequenceStore, region);
        self.call_in_turn(call, Some(turn), || request.clone().send(), |_| Ok(())).await
    }
}

fn check_arn(id: &str, arn: &str) -> Result<(), String> {
    match StoreArn::parse(arn) {
        Some(arn) if arn.id == id => Ok(()),
        _ => Err("the listing holds a store without a well-formed ARN".to_owned()),
    }
}

fn encryption(sse_config: crd::SseConfig) -> Result<SseConfig, String> {
    let crd::SseConfig { type_, key_arn } = sse_config;
    let type_ = match type_ {
        crd::EncryptionType::Kms => EncryptionType::Kms,
    };
    SseConfig::builder().r#type(type_).set_key_arn(key_arn).build().map_err(|error| error.to_string())
}

fn access_config(access_log_location: String) -> S3AccessConfig {
    S3AccessConfig::builder().access_log_location(access_log_location).build()
}
