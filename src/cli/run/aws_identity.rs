//! Says once, in the log, who the operator is in AWS, or how to give it credentials. I/O: STS, read-only, and the log.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::{CallError, Class};
use crate::controller::context::Context;

/// Limit for one attempt, the loading of the credentials included.
const DEADLINE: Duration = Duration::from_secs(20);
/// Between two attempts, while the source of the credentials or STS is down.
const PAUSE: Duration = Duration::from_secs(30);

/// What helps where there are no credentials. A Pod gets them when it starts, so that a change reaches only a new one.
const NO_CREDENTIALS: &str = "no AWS credentials: no call to AWS can succeed. On EKS, create a Pod Identity association for the \
     operator's ServiceAccount, or annotate that ServiceAccount with eks.amazonaws.com/role-arn; then restart the Deployment, \
     because only a new Pod gets them. Elsewhere, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/// Tries until AWS tells, or says that there is nothing to wait for. A standby calls AWS for nothing.
pub(super) async fn announce(context: Arc<Context>, shutdown: CancellationToken) {
    let Some(region) = context.defaults.region.clone() else {
        tracing::info!("AWS identity: not looked up, because no default region is set");
        return;
    };
    let mut leading = context.leadership.leading();
    loop {
        tokio::select! {
            // Fails where leadership ends with the process.
            elected = leading.wait_for(|is_leading| *is_leading) => if elected.is_err() { return },
            () = shutdown.cancelled() => return,
        }
        if try_once(&context, &region).await {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// False where another attempt may tell more.
async fn try_once(context: &Context, region: &str) -> bool {
    match tokio::time::timeout(DEADLINE, context.aws.identity(region)).await {
        Ok(Ok(identity)) => {
            let [stores, tags, sts] = context.aws.endpoints(region);
            let principal = identity.principal.as_deref().unwrap_or("unknown, because STS cannot be reached");
            tracing::info!(
                account = identity.account,
                principal,
                credentials = identity.provider,
                region,
                endpoint_stores = stores,
                endpoint_tags = tags,
                endpoint_sts = sts,
                "AWS identity"
            );
            true
        }
        Ok(Err(error)) => {
            warn(&error);
            !matches!(error.class, Class::Transient | Class::Throttled | Class::CredentialsUnavailable)
        }
        Err(_) => {
            tracing::warn!("AWS identity: unknown, because STS did not answer; the operator asks again");
            false
        }
    }
}

fn warn(error: &CallError) {
    let code = error.code.as_deref().unwrap_or("no response");
    let role = error.denial.as_ref().and_then(|denial| denial.principal.as_deref());
    match (error.class, role) {
        (Class::Credentials, Some(role)) => tracing::warn!(
            "AWS identity: STS does not let the operator assume the role {role} ({code}); check the role and its trust policy"
        ),
        (Class::Credentials, None) if error.code.is_none() => tracing::warn!("{NO_CREDENTIALS}"),
        (Class::Credentials, None) => {
            tracing::warn!("AWS identity: AWS rejects the credentials ({code}); {NO_CREDENTIALS}");
        }
        (Class::CredentialsUnavailable, _) => tracing::warn!(
            "AWS identity: unknown, because the source of the credentials does not answer ({code}); the operator asks again"
        ),
        _ => tracing::warn!("AWS identity: unknown, because STS does not answer ({code})"),
    }
}
