//! Observes all stores of a region by one List for a hundred of them. What a listing shows decides only which objects get a
//! full look: nothing else is concluded from it. I/O: AWS, read-only.
//!
//! | file | holds |
//! |---|---|
//! | `choice` | whether a region is observed by List or by Get |
//! | `snapshot` | what a complete listing showed, as fingerprints |
//! | `next_look` | what that means for one object |
//! | `round` | when each settled object gets a look in the background |
//! | `policies` | which of them go before its order, because their S3 access policy is due |
//! | `regions` | how each region is observed at the moment, and which objects need no pass because of it |
//! | `pages` | one listing, page by page |
//! | `sweeper` | the task of one region |

mod choice;
mod next_look;
mod pages;
mod policies;
mod regions;
mod round;
mod snapshot;
mod sweeper;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{Id, JoinSet};

use super::context::Context;
pub use choice::Pace;
pub use next_look::{Disagreement, Sight};
pub use policies::POLICY_EVERY;
pub use regions::{Freshness, Mode, Sweeps};
use sweeper::Sweeper;

/// How often the objects are searched for regions without a sweeper.
const SHORTEST_SEARCH: Duration = Duration::from_secs(1);
const LONGEST_SEARCH: Duration = Duration::from_secs(60);

/// After so many objects other tasks get their turn.
const OBJECTS_AT_ONCE: usize = 200;

/// Starts a sweeper for each region in which settled objects are, while this process leads. Runs until it is dropped.
pub async fn sweep(context: &Arc<Context>) {
    let mut leading = context.leadership.leading();
    let mut sweepers = Sweepers::default();
    let search_every = (context.sweeps.pace.interval / 5).clamp(SHORTEST_SEARCH, LONGEST_SEARCH);
    while tokio::time::timeout(search_every, context.kubernetes.cache.watches.until_tried()).await.is_err() {
        context.sweeps.heard(Instant::now());
    }
    loop {
        context.sweeps.heard(Instant::now());
        let is_leading = *leading.borrow_and_update();
        match is_leading {
            true => sweepers.start_missing(context).await,
            false => sweepers.stop(context).await,
        }
        tokio::select! {
            // The sender lives as long as the context, so this cannot fail.
            _ = leading.changed() => {}
            () = sweepers.one_ended(context) => {}
            () = tokio::time::sleep(search_every) => {}
        }
    }
}

/// For whoever goes over all objects, which are decoded one by one: the tasks of passes and watches go on meanwhile.
pub async fn give_way(number: usize) {
    if number.is_multiple_of(OBJECTS_AT_ONCE) {
        tokio::task::yield_now().await;
    }
}

#[derive(Default)]
struct Sweepers {
    tasks: JoinSet<()>,
    regions: BTreeMap<Id, String>,
}

impl Sweepers {
    async fn start_missing(&mut self, context: &Arc<Context>) {
        let mut regions = BTreeSet::new();
        for (number, object) in context.kubernetes.cache.objects().enumerate() {
            give_way(number).await;
            let settled = object.0.as_ref().ok().and_then(|object| context.sweeps.may_rest(object));
            // Each region once.
            if let Some(settled) = settled.filter(|settled| !regions.contains(settled.region)) {
                regions.insert(settled.region.to_owned());
            }
        }
        regions.retain(|region| !self.regions.values().any(|running| running == region));
        for region in regions {
            let id = self.tasks.spawn(Sweeper::of(Arc::clone(context), region.clone()).run()).id();
            self.regions.insert(id, region);
        }
    }

    /// Nothing is decided any more: what another process did meanwhile, this one does not know.
    async fn stop(&mut self, context: &Context) {
        self.tasks.shutdown().await;
        for region in std::mem::take(&mut self.regions).into_values() {
            context.sweeps.forget(&region);
        }
    }

    /// Ends when a sweeper has ended, never while there is none.
    async fn one_ended(&mut self, context: &Context) {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let Some(region) = self.regions.remove(&id) else { return };
        let Err(error) = ended else { return context.sweeps.forget(&region) };
        // No object waits for a sweeper that may panic again.
        context.sweeps.set_mode(&region, Mode::Get, Instant::now());
        tracing::error!(region, "the sweeper ended, and the stores are polled: {error}");
        tokio::time::sleep(SHORTEST_SEARCH).await;
    }
}
