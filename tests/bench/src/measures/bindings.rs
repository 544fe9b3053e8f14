//! AccountBindings: what it costs that each namespace acts with a role of its own, beside the same objects without. The ledger of
//! the simulator says which sessions were opened, and which calls were made in them.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use control_plane::AuditMark;
use healthomics_simulator::LedgerEntry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{POLL, seconds_between, until_current};
use crate::cluster::Cluster;
use crate::process::Process;
use crate::process_figures::ProcessFigures;
use crate::progress::Progress;
use crate::quotas::Quotas;
use crate::scene::{Program, Start, writes};
use crate::tenants::{Binds, Tenants};
use crate::{Error, calls};

const READY_DEADLINE: Duration = Duration::from_secs(300);
const CURRENT_DEADLINE: Duration = Duration::from_secs(180);
const CHANGE_DEADLINE: Duration = Duration::from_secs(180);
/// After the last request, until figures are read.
const SETTLE: Duration = Duration::from_secs(10);

/// How many namespaces, and how long requests are counted at rest: as long as the poll interval, so that each object has one
/// poll in that time.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    pub namespaces: usize,
    pub rest_seconds: u32,
}

/// Everything about one kind of bindings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bindings {
    pub binds: Binds,
    pub namespaces: usize,
    pub accounts: usize,
    /// The first life, while AWS refuses nothing, until all objects are Ready.
    pub first: Life,
    /// The next life at the default quotas, until the operator knows the state of all stores.
    pub restart: Option<Life>,
    /// That life, once all is settled.
    pub rest: Option<AtRest>,
    /// Then each binding gets a limit, one after the other.
    pub changed: Option<Changed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Life {
    /// From the start of the process; `None` if that takes too long.
    pub seconds: Option<f64>,
    pub figures: ProcessFigures,
    /// Calls of HealthOmics.
    pub aws_requests: usize,
    /// Of objects and bindings.
    pub kubernetes_writes: usize,
    pub sessions: Sessions,
}

/// The sessions of one life.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sessions {
    /// Different roles and namespaces for which a role was assumed.
    pub opened: usize,
    pub assume_role_calls: usize,
    /// Calls of HealthOmics that were not made in a session.
    pub calls_outside: usize,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AtRest {
    /// How long requests were counted.
    pub seconds: f64,
    pub poll_seconds: u32,
    pub aws_requests: BTreeMap<String, usize>,
    pub kubernetes_requests: BTreeMap<String, usize>,
    pub cpu_seconds: f64,
    pub rss_mib: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Changed {
    pub bindings: usize,
    /// From the first change until the operator has looked at the store of each object.
    pub seconds: f64,
    pub cpu_seconds: f64,
}

impl Bindings {
    /// Calls of HealthOmics for one object in a minute at rest.
    pub fn calls_per_object_and_minute(&self) -> Option<f64> {
        let rest = self.rest.as_ref()?;
        let of_omics = |(name, _): &(&String, &usize)| !name.starts_with("sts:");
        let calls: usize = rest.aws_requests.iter().filter(of_omics).map(|(_, count)| count).sum();
        Some(calls as f64 * 60.0 / rest.seconds / self.namespaces as f64)
    }
}

impl AtRest {
    /// Of one core.
    pub fn cpu(&self) -> f64 {
        self.cpu_seconds / self.seconds
    }
}

/// An operator that goes on after its restart.
pub struct Resting {
    tenants: Tenants,
    process: Process,
    sizes: Sizes,
    began: Began,
    measured: Bindings,
}

/// Where ledger and audit log stood when a life began.
#[derive(Clone)]
struct Began {
    request: u64,
    mark: AuditMark,
}

impl Began {
    async fn now(tenants: &Tenants) -> Result<Self, Error> {
        Ok(Self { request: tenants.aws.last_seq().await?, mark: tenants.cluster().audit_mark().await? })
    }

    async fn kubernetes_writes(&self, tenants: &Tenants) -> Result<usize, Error> {
        Ok(writes(&tenants.cluster().program_requests(self.mark.clone(), |_| true).await?))
    }
}

/// What becomes of an operator after its lives.
pub enum Lived {
    Done(Box<Bindings>),
    Rests(Box<Resting>),
}

/// The first life and, where the cost at rest is asked for, the next one, which goes on.
pub async fn lives(
    cluster: &Cluster,
    binds: Binds,
    sizes: Sizes,
    progress: &Progress,
) -> Result<Lived, Error> {
    let namespaces = sizes.namespaces;
    let step = progress.start(format!("{namespaces} namespaces, {}", binds.name()));
    let tenants = Tenants::new(cluster, binds, namespaces).await?;
    let first = first_life(&tenants).await?;
    let text = format!("{:.1} MiB and {:.1} s CPU", first.figures.rss_mib, first.figures.cpu_seconds);
    let accounts = binds.accounts(namespaces);
    let mut measured =
        Bindings { binds, namespaces, accounts, first, restart: None, rest: None, changed: None };
    if binds == Binds::Selector {
        // Its stores are in one account, whose quotas alone would decide how long all else takes.
        step.done(text);
        return Ok(Lived::Done(Box::new(measured)));
    }
    tenants.aws.set_knobs(&Quotas::Default.knobs()).await?;
    let began = Began::now(&tenants).await?;
    let start =
        Start { poll_seconds: Some(sizes.rest_seconds), ..Start::new(Program::Operator, Quotas::Default) };
    let process = tenants.start(start)?;
    let current = until_current(&tenants.aws, &process, began.request, namespaces, CURRENT_DEADLINE).await?;
    tokio::time::sleep(SETTLE).await;
    let restart = life(&tenants, &process, &began, current.map(|current| current.seconds)).await?;
    step.done(format!("{text}, {:.1} MiB after a restart", restart.figures.rss_mib));
    measured.restart = Some(restart);
    Ok(Lived::Rests(Box::new(Resting { tenants, process, sizes, began, measured })))
}

async fn first_life(tenants: &Tenants) -> Result<Life, Error> {
    let began = Began::now(tenants).await?;
    let mut process = tenants.start(Start::new(Program::Operator, Quotas::None))?;
    tenants.states.until_ready(tenants.namespaces, READY_DEADLINE).await?;
    let ready = tenants.states.last_ready().map(|at| seconds_between(process.started, at));
    tokio::time::sleep(SETTLE).await;
    process.check()?;
    let life = life(tenants, &process, &began, ready).await?;
    process.terminate().await?;
    Ok(life)
}

async fn life(
    tenants: &Tenants,
    process: &Process,
    began: &Began,
    seconds: Option<f64>,
) -> Result<Life, Error> {
    let figures = process.figures()?;
    let ledger = tenants.aws.ledger_since(began.request).await?;
    let aws_requests = ledger.iter().filter(|entry| entry.is_about_stores()).count();
    let kubernetes_writes = began.kubernetes_writes(tenants).await?;
    Ok(Life { seconds, figures, aws_requests, kubernetes_writes, sessions: sessions(&ledger) })
}

/// What the ledger of one life says about its sessions.
fn sessions(ledger: &[LedgerEntry]) -> Sessions {
    let assumed = || ledger.iter().filter(|entry| entry.operation == "sts:AssumeRole");
    let session = |entry: &LedgerEntry| {
        let of = |member: &str| entry.parameters[member].as_str().unwrap_or_default().to_owned();
        let namespace = entry.parameters["Tags"]["healthomics.dev/namespace"].as_str().unwrap_or_default();
        (of("RoleArn"), namespace.to_owned())
    };
    Sessions {
        opened: assumed().map(session).collect::<HashSet<_>>().len(),
        assume_role_calls: assumed().count(),
        calls_outside: ledger
            .iter()
            .filter(|entry| entry.is_about_stores() && entry.role_arn.is_none())
            .count(),
    }
}

/// Counts what the operator sends at rest, and then, where there are bindings, has each of them changed.
pub async fn rest(resting: Resting, progress: &Progress) -> Result<Bindings, Error> {
    let Resting { tenants, mut process, sizes, began, mut measured } = resting;
    let step = progress.start(format!("{} namespaces at rest, {}", sizes.namespaces, measured.binds.name()));
    // All objects had their looks at about the same time, and have the next ones in about one interval.
    tokio::time::sleep(Duration::from_secs(u64::from(sizes.rest_seconds) / 2)).await;
    let from = Began::now(&tenants).await?;
    let before = process.figures()?;
    let started = Instant::now();
    tokio::time::sleep(Duration::from_secs(u64::from(sizes.rest_seconds))).await;
    let requests = tenants.aws.brief_ledger_since(from.request).await?;
    let seconds = started.elapsed().as_secs_f64();
    process.check()?;
    let after = process.figures()?;
    let rest = AtRest {
        seconds,
        poll_seconds: sizes.rest_seconds,
        aws_requests: calls::by_operation(&requests),
        kubernetes_requests: tenants.cluster().program_requests(from.mark, |_| true).await?,
        cpu_seconds: after.cpu_seconds - before.cpu_seconds,
        rss_mib: after.rss_mib,
    };
    measured.rest = Some(rest);
    if let Some(restart) = &mut measured.restart {
        // Of the whole life: no session is opened twice unless it was renewed, and nothing is written.
        restart.sessions = sessions(&tenants.aws.ledger_since(began.request).await?);
        restart.kubernetes_writes = began.kubernetes_writes(&tenants).await?;
    }
    if measured.binds != Binds::None {
        measured.changed = Some(change(&tenants, &process).await?);
    }
    process.terminate().await?;
    let calls = measured.calls_per_object_and_minute().unwrap_or_default();
    step.done(format!("{calls:.3} calls for each object and minute"));
    Ok(measured)
}

/// Each object whose binding changes gets a look.
async fn change(tenants: &Tenants, process: &Process) -> Result<Changed, Error> {
    let (since, began, before) = (tenants.aws.last_seq().await?, Timestamp::now(), process.figures()?);
    tenants.limit_bindings().await?;
    let end = Instant::now() + CHANGE_DEADLINE;
    let last = loop {
        let requests = tenants.aws.brief_ledger_since(since).await?;
        if let Some(at) = calls::current_at(&requests, tenants.namespaces) {
            break requests.get(at).and_then(calls::time).unwrap_or(began);
        }
        if Instant::now() > end {
            return Err(format!("no look at each object within {} s", CHANGE_DEADLINE.as_secs()).into());
        }
        tokio::time::sleep(POLL).await;
    };
    tokio::time::sleep(SETTLE).await;
    Ok(Changed {
        bindings: tenants.namespaces,
        seconds: seconds_between(began, last),
        cpu_seconds: process.figures()?.cpu_seconds - before.cpu_seconds,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assumed(role: &str, namespace: &str) -> LedgerEntry {
        LedgerEntry {
            operation: "sts:AssumeRole".into(),
            parameters: json!({"RoleArn": role, "Tags": {"healthomics.dev/namespace": namespace}}),
            ..LedgerEntry::default()
        }
    }

    fn get(role: Option<&str>) -> LedgerEntry {
        LedgerEntry {
            operation: "GetSequenceStore".into(),
            role_arn: role.map(ToOwned::to_owned),
            ..LedgerEntry::default()
        }
    }

    #[test]
    fn a_session_is_a_role_for_a_namespace() {
        let identity = LedgerEntry { operation: "sts:GetCallerIdentity".into(), ..LedgerEntry::default() };
        let ledger = [
            identity,
            assumed("one", "a"),
            get(Some("one")),
            assumed("one", "b"),
            assumed("two", "a"),
            assumed("one", "a"),
            get(None),
        ];
        let expected = Sessions { opened: 3, assume_role_calls: 4, calls_outside: 1 };
        assert_eq!(sessions(&ledger), expected);
        assert_eq!(sessions(&[]), Sessions::default());
    }

    #[test]
    fn calls_of_sts_are_no_calls_for_an_object() {
        let rest = AtRest {
            seconds: 300.0,
            poll_seconds: 300,
            aws_requests: BTreeMap::from([
                ("GetSequenceStore".into(), 100),
                ("ListTagsForResource".into(), 100),
                ("sts:AssumeRole".into(), 100),
            ]),
            kubernetes_requests: BTreeMap::new(),
            cpu_seconds: 1.0,
            rss_mib: 20.0,
        };
        let first = Life {
            seconds: None,
            figures: ProcessFigures::default(),
            aws_requests: 0,
            kubernetes_writes: 0,
            sessions: Sessions::default(),
        };
        let binds = Binds::Each;
        let mut measured =
            Bindings { binds, namespaces: 100, accounts: 4, first, restart: None, rest: None, changed: None };
        assert_eq!(measured.calls_per_object_and_minute(), None);
        measured.rest = Some(rest);
        assert_eq!(measured.calls_per_object_and_minute(), Some(0.4));
    }
}
