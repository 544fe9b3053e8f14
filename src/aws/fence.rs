//! The fence: a process that may have lost its leadership changes nothing in AWS. It is asked when a request is signed and
//! about to leave, because the process may have stood still for any time since the decision. No I/O.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_omics::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

use super::Operation;

/// A point in time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Goes on while a process is stopped, but may stand still while its machine sleeps.
    pub clock: Instant,
    /// Goes on while a machine sleeps, but may be set.
    pub date: SystemTime,
}

impl Moment {
    #[must_use]
    pub fn now() -> Self {
        Self { clock: Instant::now(), date: SystemTime::now() }
    }

    /// By the clock that went further. One that was set back counts for nothing.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let by_date = self.date.duration_since(earlier.date).unwrap_or_default();
        by_date.max(self.clock.saturating_duration_since(earlier.clock))
    }
}

/// Whether requests that change something may leave. All clones are the same fence.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Gate>>);

#[derive(Clone, Copy, Debug, Default)]
enum Gate {
    /// There is no leader election.
    #[default]
    Open,
    /// Open for this long after the moment.
    OpenAfter(Moment, Duration),
    Closed,
}

/// Why a request did not leave.
#[derive(Debug, thiserror::Error)]
#[error("the request was not sent, because this replica may no longer be the leader")]
pub(super) struct Closed;

impl Fence {
    /// Opens until `lasts` after `from`.
    pub fn open_for(&self, from: Moment, lasts: Duration) {
        *self.gate() = Gate::OpenAfter(from, lasts);
    }

    pub fn close(&self) {
        *self.gate() = Gate::Closed;
    }

    #[must_use]
    pub fn is_open(&self, now: Moment) -> bool {
        match *self.gate() {
            Gate::Open => true,
            Gate::OpenAfter(from, lasts) => now.since(from) < lasts,
            Gate::Closed => false,
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Part of each client.
impl Intercept for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }

    /// The last step before the connection: credentials are loaded and the request is signed.
    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let name = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
        // What is not known to only read counts as a change.
        let only_reads =
            Operation::ALL.into_iter().any(|operation| operation.name() == name && !operation.is_mutating());
        if only_reads || self.is_open(Moment::now()) { Ok(()) } else { Err(Closed.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_sdk_omics::config::http::{HttpRequest, HttpResponse};
    use aws_sdk_omics::config::{BehaviorVersion, Region};
    use aws_sdk_omics::primitives::SdkBody;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_types::SdkConfig;

    use super::super::{Aws, CallError, Class, CreateRequest, UpdateRequest};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_fence_closes_by_the_clock_that_went_further() {
        let (fence, start) = (Fence::default(), Moment::now());
        assert!(fence.is_open(start), "open where there is no leader election");
        fence.open_for(start, 10 * SECOND);
        let at =
            |clock, date| Moment { clock: start.clock + clock * SECOND, date: start.date + date * SECOND };
        for (clock, date, is_open) in
            [(0, 0, true), (9, 9, true), (10, 0, false), (0, 10, false), (11, 3, false)]
        {
            assert_eq!(fence.is_open(at(clock, date)), is_open, "{clock} s on the clock, {date} s by date");
        }
        let set_back = Moment { clock: start.clock + SECOND, date: start.date - 3600 * SECOND };
        assert!(fence.is_open(set_back), "a date that is set back");
        fence.close();
        assert!(!fence.is_open(start));
    }

    const REGION: &str = "us-east-1";
    const ID: &str = "1234567890";
    const ARN: &str = "arn:aws:omics:us-east-1:123456789012:sequenceStore/1234567890";

    /// Counts the requests that leave, and answers each with a store.
    #[derive(Clone, Debug, Default)]
    struct Network(Arc<AtomicUsize>);

    impl HttpConnector for Network {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            self.0.fetch_add(1, Ordering::SeqCst);
            let store =
                format!(r#"{{"id": "{ID}", "arn": "{ARN}", "creationTime": "2026-01-01T00:00:00Z"}}"#);
            HttpConnectorFuture::ready(Ok(HttpResponse::new(
                200.try_into().expect("a status"),
                SdkBody::from(store),
            )))
        }
    }

    impl Network {
        fn aws(&self) -> Aws {
            let keys = Credentials::builder()
                .access_key_id("AKIA")
                .secret_access_key("secret")
                .provider_name("test");
            let connector = SharedHttpConnector::new(self.clone());
            let config = SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new(REGION))
                .credentials_provider(SharedCredentialsProvider::new(keys.build()))
                .http_client(http_client_fn(move |_, _| connector.clone()))
                .build();
            Aws::new(config)
        }

        fn sent(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    async fn change(aws: &Aws, operation: Operation) -> Result<(), CallError> {
        let turn = aws.turn(operation, REGION).await;
        let (tags, keys) = (BTreeMap::from([("key".into(), "value".into())]), BTreeSet::from(["key".into()]));
        match operation {
            Operation::CreateSequenceStore => {
                let request = CreateRequest {
                    name: "name".into(),
                    description: None,
                    sse_config: None,
                    e_tag_algorithm_family: None,
                    fallback_location: None,
                    access_log_location: None,
                    propagated_set_level_tags: None,
                    tags,
                };
                aws.create(turn, (REGION, "123456789012"), "token", &request).await.map(|_| ())
            }
            Operation::UpdateSequenceStore => {
                let request = UpdateRequest { name: Some("name".into()), ..UpdateRequest::default() };
                aws.update(turn, REGION, ID, &request).await.map(|_| ())
            }
            Operation::DeleteSequenceStore => aws.delete(turn, REGION, ID).await,
            Operation::TagResource => aws.tag(turn, REGION, ARN, &tags).await,
            Operation::UntagResource => aws.untag(turn, REGION, ARN, &keys).await,
            Operation::PutS3AccessPolicy => aws.put_policy(turn, REGION, "point", "{}").await,
            Operation::DeleteS3AccessPolicy => aws.delete_policy(turn, REGION, "point").await,
            other => panic!("{other:?} changes nothing"),
        }
    }

    #[tokio::test]
    async fn a_closed_fence_lets_no_change_leave_and_its_effect_counts_as_unknown() {
        let over = Moment { clock: Instant::now(), date: SystemTime::now() - 10 * SECOND };
        let closings: [&dyn Fn(&Fence); 2] = [&Fence::close, &|fence| fence.open_for(over, 10 * SECOND)];
        for operation in Operation::ALL.into_iter().filter(|operation| operation.is_mutating()) {
            let network = Network::default();
            change(&network.aws(), operation).await.expect("the fence is open");
            assert_eq!(network.sent(), 1, "{operation:?}");
            for close in closings {
                // Each with a request budget of its own, so that nothing waits for its turn.
                let aws = network.aws();
                close(&aws.fence());
                let error = change(&aws, operation).await.expect_err("the fence is closed");
                assert_eq!((network.sent(), error.class), (1, Class::Transient), "{operation:?}: {error}");
                assert!(error.detail.contains("may no longer be the leader"), "{operation:?}: {error}");
                // The replica that leads now waits as after any other attempt that may have succeeded. A definite no would be
                // true as well, but a former leader would have to write it into the object.
                assert!(!error.is_definite_no());
            }
        }
    }

    #[tokio::test]
    async fn a_closed_fence_lets_reads_pass() {
        let network = Network::default();
        let aws = network.aws();
        aws.fence().close();
        aws.get(REGION, ID).await.expect("a read");
        assert_eq!(network.sent(), 1);
    }
}
