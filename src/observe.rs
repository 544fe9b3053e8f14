//! Looks at the store of an object in AWS: Get, tags, and whose answer a 404 is. I/O, read-only.

use crate::observed::{Observed, Present, Tags};
use crate::omics::{CallError, Class, Omics};
use crate::plan::Target;

/// Observes one store. Tags are read every time: ownership is decided on them.
pub async fn observe(omics: &Omics, target: &Target) -> Observed {
    match omics.get(&target.region, &target.id).await {
        Ok(answer) => {
            let tags = match omics.list_tags(&target.region, &answer.store.arn).await {
                Ok(tags) => Tags::Read(tags),
                Err(error) => {
                    log(&error);
                    // The store went between the two calls, or is too new for its tags: the next Get tells.
                    let passing = error.class == Class::NotFound;
                    let class = if passing { Class::Transient } else { error.class };
                    Tags::Unreadable(CallError { class, ..error })
                }
            };
            Observed::Present(Box::new(Present { store: answer.store, account: answer.account, tags }))
        }
        Err(error) if error.class == Class::NotFound => match omics.account(&target.region).await {
            Ok(account) => Observed::Absent { account },
            Err(error) => failed(error),
        },
        Err(error) => failed(error),
    }
}

fn failed(error: CallError) -> Observed {
    log(&error);
    Observed::Failed(error)
}

/// The log carries what status and Events must not: AWS's own words and its request id.
pub(crate) fn log(error: &CallError) {
    tracing::warn!(
        operation = error.operation.action(),
        class = ?error.class,
        code = error.code.as_deref(),
        aws_request_id = error.request_id.as_deref(),
        "AWS call failed: {}",
        error.detail
    );
}
