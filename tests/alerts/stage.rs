//! What all tests share: the control plane with the chart, Prometheus, and the list of alerts that fired and resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::Test;
use crate::prometheus::{Prometheus, Series};
use crate::rules;
use crate::world::{Cluster, Error, Operator, Start, TIMEOUT, World, closed_address, ensure, observing};

pub const LAST: &[Test] = &[("every_alert_fired_and_resolved", |stage| Box::pin(every_alert_fired(stage)))];

const POLL: Duration = Duration::from_millis(200);

pub struct Stage {
    pub cluster: Arc<Cluster>,
    pub prometheus: Prometheus,
    /// The groups of rules, as the chart renders them.
    pub groups: Value,
    seen: Mutex<BTreeSet<String>>,
    /// The namespace of an object whose life the dashboard of one store shows.
    pub story: OnceLock<String>,
    /// When it began, in seconds since 1970.
    pub began: f64,
}

/// An operator that Prometheus scrapes. The job is the namespace of its world.
pub struct Scraped {
    /// Ends with this.
    _operator: Operator,
    pub job: String,
}

impl Stage {
    pub async fn start() -> Arc<Self> {
        let began = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        let cluster = Cluster::start().await;
        let groups = rules::rendered(&cluster).await.expect("the chart renders the rules");
        let shortened = rules::shortened(&groups).expect("rules with short times");
        let directory = cluster.plane.directory().join("prometheus");
        let prometheus = Prometheus::start(&directory, &shortened).await.expect("Prometheus starts");
        Arc::new(Self { cluster, prometheus, groups, seen: Mutex::default(), story: OnceLock::new(), began })
    }

    pub async fn stop(self) {
        let Self { cluster, prometheus, .. } = self;
        drop(prometheus);
        if let Some(cluster) = Arc::into_inner(cluster) {
            cluster.stop().await;
        }
    }

    /// Starts an operator for this world that polls often, and waits until Prometheus has its metrics.
    pub async fn operator(&self, world: &World, start: Start) -> Result<Scraped, Error> {
        let address = closed_address()?.to_string();
        let metrics = BTreeMap::from([("SEQSTORE_METRICS_BIND_ADDRESS", address.clone())]);
        let environment = metrics.into_iter().chain(start.environment.clone()).collect();
        let mut operator = world.operator(&Start { environment, ..start })?;
        let job = world.namespace.clone();
        self.prometheus.scrape(&job, &address)?;
        let shown = self.prometheus.until_shown(&format!("sequencestore_build_info{{job=\"{job}\"}}")).await;
        if let Some(status) = operator.child.try_wait()? {
            return Err(format!("the operator has ended: {status}\n{}", world.logs()).into());
        }
        shown?;
        Ok(Scraped { _operator: operator, job })
    }

    /// A world with an operator as most tests need it.
    pub async fn scene(&self) -> Result<(World, Scraped), Error> {
        let world = World::new(Arc::clone(&self.cluster)).await?;
        let scraped = self.operator(&world, Start::with_create_grace(1)).await?;
        Ok((world, scraped))
    }

    /// Waits until the alert fires with these labels, and hands it over.
    pub async fn until_fires(&self, alert: &str, labels: &[(&str, &str)]) -> Result<Value, Error> {
        ensure!(rules::names(&self.groups).contains(&alert), "the chart has no alert {alert}");
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            if let Some(found) = self.prometheus.firing(alert, labels).await?.pop() {
                return Ok(found);
            }
            if tokio::time::Instant::now() > end {
                let others = self.prometheus.alerts("", &labels[..labels.len().min(1)]).await?;
                let figures = self.figures(labels).await;
                let what = format!("{alert} {labels:?} never fires; active are {others:?}; {figures:?}");
                return Err(what.into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The same while a new object of this world observes a store every so often.
    pub async fn until_fires_with_ever_more(
        &self,
        alert: &str,
        labels: &[(&str, &str)],
        world: &World,
        every: Duration,
    ) -> Result<(), Error> {
        let store = world.seed().await?;
        let ever_more = async {
            for number in 0.. {
                world.create(&format!("a-{number}"), observing(&store)).await?;
                tokio::time::sleep(every).await;
            }
            Ok(())
        };
        tokio::select! {
            fires = self.until_fires(alert, labels) => fires.map(drop),
            failed = ever_more => failed,
        }
    }

    /// Waits until the alert, which fired, is neither firing nor about to, while its operator is scraped: without its figures
    /// nearly every alert ends.
    pub async fn until_resolved(&self, alert: &str, labels: &[(&str, &str)]) -> Result<(), Error> {
        let scraped = format!("min_over_time(up{{job=~\"{}\"}}[3s]) == 1", job(labels));
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let active = self.prometheus.alerts(alert, labels).await?;
            let is_scraped = !self.prometheus.query(&scraped).await?.is_empty();
            if active.is_empty() && is_scraped {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(alert.to_owned());
                return Ok(());
            }
            if tokio::time::Instant::now() > end {
                let figures = self.figures(labels).await;
                return Err(format!("{alert} never resolves: {active:?}; {figures:?}").into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// What tells why an alert does not come or go: whether its operator is scraped, and how its objects and watches are.
    async fn figures(&self, labels: &[(&str, &str)]) -> Result<Vec<Series>, Error> {
        let names = "up|sequencestore_object_ready|sequencestore_watches_failing";
        self.prometheus.query(&format!("{{__name__=~\"{names}\",job=~\"{}\"}}", job(labels))).await
    }

    /// No alert of this job fires, some time after its objects have become ready.
    pub async fn ensure_quiet(&self, job: &str) -> Result<(), Error> {
        let ready = format!("sequencestore_object_ready{{job=\"{job}\"}}[8s]");
        let lasting = format!("min(min_over_time({ready})) == 1 and min(count_over_time({ready})) >= 6");
        self.prometheus.until_shown(&lasting).await?;
        let active = self.prometheus.alerts("", &[("job", job)]).await?;
        ensure!(active.is_empty(), "nothing is wrong, but {active:?}");
        Ok(())
    }
}

/// The job of an alert with these labels; without one, every job.
fn job<'a>(labels: &[(&str, &'a str)]) -> &'a str {
    labels.iter().find(|(name, _)| *name == "job").map_or(".+", |(_, job)| job)
}

async fn every_alert_fired(stage: Arc<Stage>) -> Result<(), Error> {
    let seen = stage.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut missing = rules::names(&stage.groups);
    let alerts = missing.len();
    missing.retain(|alert| !seen.contains(*alert));
    ensure!(missing.is_empty() && alerts > 10, "no test makes these fire and resolve: {missing:?}");
    println!("{} alerts fired and resolved", seen.len());
    Ok(())
}
