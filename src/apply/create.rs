//! Sends a recorded attempt to create a store. I/O: AWS.

use std::time::Instant;

use super::{Effect, Outcome};
use crate::aws::{Aws, CreateRequest, Turn};
use crate::status::event;
use crate::store::intent::LEAVES_WITHIN;
use crate::store::{Intent, ObservedPolicy, ObservedTags, Present};

/// The attempt leaves soon after it was recorded, or not at all: after that time another replica may make the next one.
pub(super) async fn create(
    (aws, turn): (&Aws, Turn),
    account: &str,
    (intent, recording): (&Intent, Instant),
    request: &CreateRequest,
) -> Outcome {
    let (epoch, attempt) = (intent.epoch, intent.attempt);
    if recording.elapsed() > LEAVES_WITHIN {
        tracing::warn!("recording the attempt to create a store took too long; the attempt is not sent");
        return Outcome::from(Effect::CreationUnknown { attempt });
    }
    match aws.create(turn, (&intent.region, account), &intent.client_token(), request).await {
        Ok(created) => {
            tracing::info!(store_id = created.store.id, region = intent.region, "created a store");
            let present = Present {
                store: created.store,
                account: created.account,
                tags: ObservedTags::Read(request.tags.clone()),
                strays: None,
                policy: ObservedPolicy::NotRead,
            };
            let event = event::created(&present.store.id, &intent.region);
            Outcome { effect: Effect::Created(Box::new(present)), events: vec![event] }
        }
        Err(error) if error.is_definite_no() => Outcome::from(Effect::NotCreated { epoch, attempt, error }),
        Err(_) => Outcome::from(Effect::CreationUnknown { attempt }),
    }
}
