//! What the metrics read when somebody asks: the objects of the cache, the watches, the queue, the request budget, the
//! credentials, the AccountBindings, and how each region is observed. No I/O.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::context::Context;
use super::sweep::{Freshness, Mode};
use crate::kubernetes::WatchFailure;
use crate::metrics::{
    AccountBindingSample, Condition, CredentialsSample, Objects, Page, QueueSample, ReadSets, RegionSample,
    Sample, WatchSample,
};
use crate::status::{BINDING_REASONS, find};
use crate::tenancy::Binding;

/// The page /metrics with everything that is known of `context`. `per_object`: with series for each object.
pub fn metrics_page(context: &Arc<Context>, per_object: bool) -> Page {
    let objects = Arc::new(CachedObjects(Arc::clone(context)));
    let (queued, swept) = (Arc::clone(context), Arc::clone(context));
    let (aws, signing) = (context.aws.clone(), Arc::clone(context));
    let (watching, bound) = (Arc::clone(context), Arc::clone(context));
    Page::new(Arc::clone(&context.metrics))
        .with_objects(objects, per_object)
        .with_watches(move || watch_sample(&watching))
        .with_queue(move || queue_sample(&queued))
        .with_budget(move || aws.budget_readings())
        .with_credentials(move || credentials_samples(&signing))
        .with_account_bindings(move || account_binding_samples(&bound), per_object)
        .with_regions(move || region_samples(&swept))
}

/// The credentials in use that expire: the operator's own, and those of the roles of bindings.
fn credentials_samples(context: &Context) -> Vec<CredentialsSample> {
    let of_roles = context.tenancy.sessions.credentials_expiries();
    context.aws.credentials_expiry().into_iter().chain(of_roles).collect()
}

/// As their status says, which the leader writes and every replica watches.
fn account_binding_samples(context: &Context) -> Vec<AccountBindingSample> {
    let sample = |binding: &Binding| {
        let ready = binding.object.status.as_ref().and_then(|status| find(&status.conditions, "Ready"));
        let row = ready.and_then(|ready| BINDING_REASONS.iter().find(|row| row.reason == ready.reason));
        AccountBindingSample {
            name: binding.name().to_owned(),
            is_ready: ready.is_some_and(|ready| ready.status == "True"),
            reason: row.map_or("", |row| row.reason),
        }
    };
    let watched = context.kubernetes.cache.watches.names();
    let bindings = context.tenancy.bindings.read();
    // Those of other namespaces are reported by other operators.
    let is_reported = |binding: &&Binding| {
        watched.is_empty() || watched.iter().any(|namespace| bindings.is_about(binding, namespace))
    };
    bindings.iter().filter(is_reported).map(sample).collect()
}

fn watch_sample(context: &Context) -> WatchSample {
    let (watches, now) = (&context.kubernetes.cache.watches, Instant::now());
    WatchFailure::ALL.into_iter().map(|why| (why.label(), watches.failing(why, now))).collect()
}

/// Of the regions in which settled objects are or were, and those in which AWS refuses the credentials.
fn region_samples(context: &Context) -> Vec<RegionSample> {
    let refused = context.aws.open_breakers();
    let freshness = context.sweeps.freshness(Instant::now()).into_iter();
    let mut samples: Vec<RegionSample> = freshness
        .map(|Freshness { region, mode, age }| RegionSample {
            is_listed: mode == Mode::List,
            listing_age: age.map(|age| age.as_secs_f64()),
            listing_interval: age.map(|_| context.sweeps.pace.interval.as_secs_f64()),
            is_breaker_open: refused.contains(&region),
            region,
        })
        .collect();
    for region in refused {
        if context.metrics.aws.knows_region(&region) && samples.iter().all(|sample| sample.region != region) {
            samples.push(RegionSample { region, is_breaker_open: true, ..RegionSample::default() });
        }
    }
    samples
}

fn queue_sample(context: &Context) -> QueueSample {
    let numbers = context.queue.numbers(Instant::now());
    QueueSample {
        ready: numbers.ready.into_iter().map(|(kind, objects)| (kind.label(), objects)).collect(),
        added: numbers.added,
        unfinished: numbers.unfinished,
        longest_running: numbers.longest_running,
    }
}

/// The cache is locked for one object at a time, so that no pass waits for a reader of the page.
struct CachedObjects(Arc<Context>);

impl Objects for CachedObjects {
    fn visit(&self, visit: &mut dyn FnMut(&Sample<'_>)) {
        let cache = &self.0.kubernetes.cache;
        for reference in cache.references() {
            let Some(glance) = cache.glance(&reference) else { continue };
            let condition = glance.conditions.iter().map(|condition| Condition {
                kind: &condition.kind,
                status: &condition.status,
                reason: &condition.reason,
                since: condition.since(),
            });
            visit(&Sample {
                namespace: reference.namespace(),
                name: reference.name(),
                conditions: condition.collect(),
                is_drifted: glance.is_drifted,
                deleted_at: glance.deleted_at,
                deletion_blocked_by: glance.deletion_blocked_by.iter().map(String::as_str).collect(),
                read_sets: glance.read_sets.as_ref().map(|counted| ReadSets {
                    by_status: counted.by_status.iter().map(|(status, n)| (status.as_str(), *n)).collect(),
                    counted_at: counted.counted_at,
                }),
            });
        }
    }
}

impl fmt::Debug for CachedObjects {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CachedObjects")
    }
}
