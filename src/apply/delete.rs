//! Deletes a store, and counts its read sets where AWS refuses. I/O: AWS.

use super::{Effect, Outcome};
use crate::aws::{Aws, Class, Turn};
use crate::observe::Known;

pub(super) async fn delete((aws, turn): (&Aws, Turn), region: &str, id: &str, known: &Known) -> Outcome {
    let Err(error) = aws.delete(turn, region, id).await else {
        tracing::info!(store_id = id, region, "AWS accepted the delete");
        return Outcome::from(Effect::DeleteAccepted);
    };
    match error.class {
        Class::NotFound => Outcome::from(Effect::DeleteNotFound),
        // AWS documents ConflictException for a store that is not empty, and ValidationException is as final.
        Class::Conflict | Class::Terminal => {
            let (read_sets, counted_now) = match &known.read_sets {
                Some(read_sets) => (read_sets.clone(), false),
                None => (aws.count_read_sets(region, id, None).await, true),
            };
            Outcome::from(Effect::DeleteRefused { read_sets, counted_now })
        }
        // A failed delete leaves nothing else to try, even if AWS denied it.
        _ => Outcome::from(Effect::Failed(error)),
    }
}
