//! The one function through which every request to AWS goes: request budget, deadline, error class, metrics and log. I/O.
//!
//! That a response has the members which the service model requires is checked before `Aws::call` sees it, by the
//! interceptor `RequiredMembers` of every client.

use std::time::{Duration, Instant};

use aws_sdk_omics::config::http::HttpResponse;
use aws_sdk_omics::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_omics::operation::RequestId;
use tracing::Level;

use super::cause::Cause;
use super::signing::signed_with;
use super::turn::Turn;
use super::{Aws, CallError, Class, Failure, Operation, host};
use crate::metrics::Begun;
use crate::traces::{Failed, Request};

/// Limit for one request, from loading the credentials to the last byte of the response.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The operation that a request calls, and where. AWS counts its quotas by these two and the account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) region: &'a str,
}

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation, region: &'a str) -> Self {
        Self { operation, region }
    }

    /// A logged [`Class::Unreadable`] error, for what no single response shows.
    pub(super) fn unreadable(self, detail: impl Into<String>) -> CallError {
        self.failed(CallError::unreadable(self.operation, detail))
    }

    /// Says where the call failed, and logs it.
    pub(super) fn failed(self, error: CallError) -> CallError {
        let error = CallError { region: Some(self.region.to_owned()), ..error };
        log(self, &error);
        error
    }
}

/// A request on its way, for metrics and traces.
struct Sent<'a> {
    counted: Begun<'a>,
    traced: Request,
}

/// A throttled request is sent so often in all, and not again after this time.
const MOST_TRIES: u32 = 5;
const TRIED_FOR: Duration = Duration::from_secs(30);

impl Aws {
    /// Waits for the request budget, then awaits `request` until the deadline and hands the response to `read`, which
    /// checks it and takes from it what the caller needs. Every failure is logged here, so callers do not log it again.
    ///
    /// # Errors
    /// The class of AWS's error. [`Class::Transient`] when no response arrives in time: the request may have
    /// taken effect. [`Class::Unreadable`] with the detail that `read` returns. [`Class::Throttled`] only where AWS throttles
    /// one try after the other.
    pub(super) async fn call<O, E, T, F>(
        &self,
        call: Call<'_>,
        request: impl Fn() -> F,
        read: impl FnOnce(O) -> Result<T, String>,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        O: RequestId,
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        self.call_in_turn(call, None, request, read).await
    }

    /// The same for a call whose turn has come already. Whatever must apply to every request belongs here.
    pub(super) async fn call_in_turn<O, E, T, F>(
        &self,
        call: Call<'_>,
        turn: Option<Turn>,
        request: impl Fn() -> F,
        read: impl FnOnce(O) -> Result<T, String>,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
        O: RequestId,
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        let budget = &self.shared.budget;
        let mut token = turn.and_then(|turn| turn.token_for(call));
        let (began, mut tries) = (Instant::now(), 1);
        let (sent, host, begun) = loop {
            let token = match token.take() {
                Some(token) => token,
                None => self.token(call.region, call.operation, &self.caller).await,
            };
            // Without a request, and so without a line in the log.
            budget.admit(&self.identity_in_use(), call.region, self.caller.urgency).map_err(|error| {
                CallError { operation: call.operation, region: Some(call.region.to_owned()), ..error }
            })?;
            token.spend();
            let begun = self.begin(call, tries);
            let signed = signed_with(self.shared.credentials.clone(), Box::pin(request()));
            let sent = send(call.operation, CALL_TIMEOUT, signed);
            let (sent, host) = begun.traced.of(host::noted(sent)).await;
            let identity = self.identity_in_use();
            budget.answered((&identity, call.region), sent.as_ref().err(), CallError::is_about_credentials);
            if let Err(error) = &sent {
                self.refused(call, error);
                if is_sent_again(call.operation, error, tries, began.elapsed()) {
                    self.ended(begun, Some(error));
                    tries += 1;
                    continue;
                }
            }
            break (sent, host, begun);
        };
        let outcome = match sent {
            Ok(response) => {
                let request_id = response.request_id().map(ToOwned::to_owned);
                read(response).inspect(|_| begun.traced.answered(request_id.as_deref())).map_err(|detail| {
                    CallError { request_id, ..CallError::unreadable(call.operation, detail) }
                })
            }
            Err(error) => Err(error),
        };
        self.ended(begun, outcome.as_ref().err());
        outcome.map_err(|mut error| {
            error.failure.host = host;
            call.failed(error)
        })
    }

    /// Tells the credentials and the budget what AWS refuses.
    fn refused(&self, call: Call<'_>, error: &CallError) {
        if error.is_refusal_of_key() {
            self.shared.credentials.refused(&self.identity_in_use());
        }
        if error.class == Class::Throttled {
            self.shared.budget.refused(&self.shared.counted_as(), call.region, call.operation);
        }
    }
}

impl Aws {
    /// The access key that the last request was signed with; empty where none could be loaded yet.
    fn identity_in_use(&self) -> String {
        self.shared.credentials.access_key_id().unwrap_or_default()
    }

    fn begin<'a>(&'a self, Call { operation, region }: Call<'a>, attempt: u32) -> Sent<'a> {
        Sent {
            counted: self.metrics.aws.begin(operation.name(), region),
            traced: Request::begin(operation.service(), operation.name(), region, attempt),
        }
    }

    /// A request is over.
    fn ended(&self, Sent { counted, traced }: Sent<'_>, error: Option<&CallError>) {
        if let Some(error) = error {
            traced.answered(error.request_id.as_deref());
            traced.failed(Failed {
                class: error.class.label(),
                code: error.code.as_deref(),
                is_expected: is_expected(error),
            });
        }
        let account = self.shared.account();
        counted.ended(
            &account,
            error.map_or("success", |error| error.class.label()),
            error.map_or("", CallError::code_label),
            error.is_none_or(|error| error.code.is_some()),
        );
    }
}

/// Whether a read that AWS throttled is sent again: one refusal must not discard all that a pass has read. What changes
/// something is decided anew by another pass, because people may have changed the object before its next turn comes.
///
/// From a refusal for the date of the signature the SDK learns how far this clock is off, so that the next try can succeed.
fn is_sent_again(operation: Operation, error: &CallError, tries: u32, tried_for: Duration) -> bool {
    let most = match error.class {
        Class::Throttled => MOST_TRIES,
        _ if error.is_clock_skew() => 2,
        _ => 1,
    };
    !operation.is_mutating() && tries < most && tried_for < TRIED_FOR
}

/// The SDK has timeouts of its own; this one holds even where the SDK's do not apply.
async fn send<O, E>(
    operation: Operation,
    deadline: Duration,
    request: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, CallError>
where
    E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
{
    match tokio::time::timeout(deadline, request).await {
        Ok(outcome) => outcome.map_err(|error| CallError::from_sdk(operation, &error)),
        Err(_) => Err(CallError {
            class: Class::Transient,
            failure: Box::new(Failure { cause: Cause::NoResponse, host: None }),
            ..CallError::unreadable(operation, format!("no response within {deadline:?}"))
        }),
    }
}

/// Writes what status and Events must not contain: AWS's message and request id. Never the request itself,
/// which can hold the members of a spec, and nothing that may quote a policy.
fn log(call: Call<'_>, error: &CallError) {
    let detail = match call.operation {
        Operation::PutS3AccessPolicy if error.class == Class::Terminal => {
            "AWS rejects the policy; the conditions of the object have its words"
        }
        _ => &error.detail,
    };
    macro_rules! event {
        ($level:expr) => {
            tracing::event!(
                $level,
                operation = call.operation.iam_action(),
                region = call.region,
                host = error.failure.host.as_deref(),
                class = ?error.class,
                code = error.code.as_deref(),
                aws_request_id = error.request_id.as_deref(),
                "AWS call failed: {detail}"
            )
        };
    }
    if is_expected(error) { event!(Level::DEBUG) } else { event!(Level::WARN) }
}

/// A 404 of these operations is a result, not a fault: it says that the store or the policy does not exist.
fn is_expected(error: &CallError) -> bool {
    use Operation::{DeleteS3AccessPolicy, DeleteSequenceStore, GetS3AccessPolicy, GetSequenceStore};
    error.class == Class::NotFound
        && matches!(
            error.operation,
            GetSequenceStore | DeleteSequenceStore | GetS3AccessPolicy | DeleteS3AccessPolicy
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_omics::error::ErrorMetadata;
    use aws_sdk_omics::operation::get_sequence_store::GetSequenceStoreError;
    use aws_sdk_omics::primitives::SdkBody;

    const CALL: Call<'static> = Call { operation: Operation::GetSequenceStore, region: "us-east-1" };

    type Outcome = Result<Response, SdkError<GetSequenceStoreError, HttpResponse>>;

    #[derive(Debug, PartialEq)]
    struct Response;

    impl RequestId for Response {
        fn request_id(&self) -> Option<&str> {
            Some("request-1")
        }
    }

    fn aws() -> Aws {
        Aws::for_tests()
    }

    fn refusal(code: &str, status: u16) -> SdkError<GetSequenceStoreError, HttpResponse> {
        let metadata = ErrorMetadata::builder().code(code).message("AWS's words").build();
        let raw = HttpResponse::new(status.try_into().expect("a status"), SdkBody::empty());
        SdkError::service_error(GetSequenceStoreError::generic(metadata), raw)
    }

    #[tokio::test]
    async fn a_response_is_returned_as_read_takes_it() {
        let request = || async { Outcome::Ok(Response) };
        assert_eq!(aws().call(CALL, request, |response| Ok((response, 1))).await, Ok((Response, 1)));
    }

    #[tokio::test]
    async fn a_response_that_read_refuses_is_unreadable_and_keeps_its_request_id() {
        let request = || async { Outcome::Ok(Response) };
        let error =
            aws().call(CALL, request, |_| Err::<(), _>("empty".to_owned())).await.expect_err("refused");
        assert_eq!((error.operation, error.class), (Operation::GetSequenceStore, Class::Unreadable));
        assert_eq!((error.detail.as_str(), error.request_id.as_deref()), ("empty", Some("request-1")));
    }

    #[tokio::test]
    async fn an_error_of_aws_has_its_class_code_and_message() {
        let request = || async { Outcome::Err(refusal("ResourceNotFoundException", 404)) };
        let error = aws().call(CALL, request, |_| Ok(())).await.expect_err("404");
        assert_eq!(error.class, Class::NotFound);
        assert_eq!(error.code.as_deref(), Some("ResourceNotFoundException"));
        assert_eq!(error.detail, "AWS's words");
    }

    #[tokio::test]
    async fn a_request_without_a_response_is_transient_and_its_effect_unknown() {
        let silence = std::future::pending::<Outcome>();
        let error = send(Operation::CreateSequenceStore, Duration::from_millis(1), silence).await;
        let error = error.expect_err("the deadline is over");
        assert_eq!((error.operation, error.class), (Operation::CreateSequenceStore, Class::Transient));
        assert!(!error.is_definite_no());
    }

    #[test]
    fn a_throttled_read_is_sent_again_a_few_times_and_what_changes_something_never() {
        let soon = Duration::from_secs(1);
        for operation in Operation::ALL {
            let error =
                |class| CallError { class, ..CallError::unreadable(operation, "Signature expired: 1") };
            let again = |class, tries, time| is_sent_again(operation, &error(class), tries, time);
            let is_read = !operation.is_mutating();
            assert_eq!(again(Class::Throttled, MOST_TRIES - 1, soon), is_read, "{operation:?}");
            assert!(!again(Class::Throttled, MOST_TRIES, soon));
            assert!(!again(Class::Throttled, 1, TRIED_FOR));
            assert_eq!(again(Class::Credentials, 1, soon), is_read, "the clock is off: {operation:?}");
            assert!(!again(Class::Credentials, 2, soon));
            assert!(!again(Class::Transient, 1, soon));
        }
    }

    #[tokio::test]
    async fn one_refusal_does_not_fail_a_read() {
        let sent = std::cell::Cell::new(0);
        let request = || {
            sent.set(sent.get() + 1);
            let is_refused = sent.get() == 1;
            async move {
                match is_refused {
                    true => Outcome::Err(refusal("ThrottlingException", 429)),
                    false => Outcome::Ok(Response),
                }
            }
        };
        assert_eq!(aws().call(CALL, request, |_| Ok(())).await, Ok(()));
        assert_eq!(sent.get(), 2);
    }

    #[test]
    fn only_a_404_about_a_store_or_a_policy_is_logged_at_debug() {
        let expected =
            |operation, class| is_expected(&CallError { class, ..CallError::unreadable(operation, "") });
        assert!(expected(Operation::GetSequenceStore, Class::NotFound));
        assert!(expected(Operation::GetS3AccessPolicy, Class::NotFound));
        assert!(!expected(Operation::GetSequenceStore, Class::Denied));
        assert!(!expected(Operation::ListTagsForResource, Class::NotFound));
        assert!(!expected(Operation::UpdateSequenceStore, Class::NotFound));
    }
}
