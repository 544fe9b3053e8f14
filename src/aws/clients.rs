//! The SDK clients, one for each region in use. They belong to no identity: each call brings its credentials. No I/O.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_omics::config::Region;
use aws_types::SdkConfig;

use super::call::CALL_TIMEOUT;
use super::chain::CONNECT_TIMEOUT;
use super::required_members::RequiredMembers;
use super::signing::CredentialsOfCall;
use super::{Fence, endpoint, host};

/// More than AWS has regions with HealthOmics. Specs may name any number of regions, also such as do not exist.
const MOST_REGIONS: usize = 32;

#[derive(Debug)]
pub(super) struct Clients {
    config: SdkConfig,
    omics: Mutex<RegionClients<aws_sdk_omics::Client>>,
    /// In use where the tag operations have an endpoint of their own.
    tags: Mutex<RegionClients<aws_sdk_omics::Client>>,
    sts: Mutex<RegionClients<aws_sdk_sts::Client>>,
    custom_endpoint: bool,
    /// Endpoint of the tag operations, where it is not that of the others.
    tags_endpoint: Option<String>,
    fence: Fence,
}

impl Clients {
    pub(super) fn new(loaded: SdkConfig, tags_endpoint: Option<String>) -> Self {
        // `Aws::call` sets the same limit once more, around everything the SDK does.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = loaded
            .into_builder()
            // The SDK must not retry: a second CreateSequenceStore after a lost response can make a second
            // store. Only the reconciler knows whether a request may be sent again.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .credentials_provider(SharedCredentialsProvider::new(CredentialsOfCall))
            // They are kept and renewed by `TrackedCredentials`. A cache of the clients would give one identity to all.
            .identity_cache(IdentityCache::no_cache())
            .build();
        Self {
            custom_endpoint: endpoint::is_custom(&config),
            config,
            omics: Mutex::default(),
            tags: Mutex::default(),
            sts: Mutex::default(),
            tags_endpoint,
            fence: Fence::default(),
        }
    }

    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(super) fn fence(&self) -> Fence {
        self.fence.clone()
    }

    pub(super) fn tags_endpoint(&self) -> Option<String> {
        self.tags_endpoint.clone()
    }

    pub(super) fn omics(&self, region: &str) -> aws_sdk_omics::Client {
        let mut clients = self.omics.lock().unwrap_or_else(PoisonError::into_inner);
        clients.of(region, || self.make_omics(region, None))
    }

    /// AWS serves the operations about tags from a host of their own.
    pub(super) fn omics_tags(&self, region: &str) -> aws_sdk_omics::Client {
        let Some(endpoint) = &self.tags_endpoint else { return self.omics(region) };
        let mut clients = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        clients.of(region, || self.make_omics(region, Some(endpoint)))
    }

    /// Kept like the others: a client knows how far this clock is from that of AWS.
    pub(super) fn sts(&self, region: &str) -> aws_sdk_sts::Client {
        let mut clients = self.sts.lock().unwrap_or_else(PoisonError::into_inner);
        clients.of(region, || {
            let config = aws_sdk_sts::config::Builder::from(&self.config)
                .region(Region::new(region.to_owned()))
                .interceptor(host::NoteHost)
                .interceptor(RequiredMembers);
            aws_sdk_sts::Client::from_conf(config.build())
        })
    }

    fn make_omics(&self, region: &str, endpoint: Option<&String>) -> aws_sdk_omics::Client {
        let mut config = aws_sdk_omics::config::Builder::from(&self.config)
            .region(Region::new(region.to_owned()))
            .interceptor(host::NoteHost)
            .interceptor(RequiredMembers)
            .interceptor(self.fence.clone());
        if let Some(endpoint) = endpoint {
            config = config.endpoint_url(endpoint);
        }
        if self.custom_endpoint || endpoint.is_some() {
            config = config.interceptor(endpoint::NoHostPrefix);
        }
        aws_sdk_omics::Client::from_conf(config.build())
    }
}

/// A client for each of the regions used last; the latest stands at the end.
#[derive(Debug)]
struct RegionClients<C>(VecDeque<(String, C)>);

impl<C> Default for RegionClients<C> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<C: Clone> RegionClients<C> {
    /// The client of a region, made if there is none. The one that was not used for longest makes room.
    fn of(&mut self, region: &str, make: impl FnOnce() -> C) -> C {
        let known = self.0.iter().position(|(known, _)| known == region);
        let entry = known.and_then(|position| self.0.remove(position));
        let (region, client) = entry.unwrap_or_else(|| (region.to_owned(), make()));
        if self.0.len() >= MOST_REGIONS {
            self.0.pop_front();
        }
        self.0.push_back((region, client.clone()));
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_made_up_regions_do_not_pile_up() {
        let mut clients = RegionClients::default();
        for number in 0..1000 {
            clients.of("us-east-1", || 7);
            clients.of(&format!("xx-made-{number}"), || number);
        }
        assert_eq!(clients.0.len(), MOST_REGIONS);
        assert_eq!(clients.of("us-east-1", || 8), 7, "the client in use is kept");
    }
}
