//! What one plan is played on: it numbers the requests, disturbs the chosen one, and watches the invariants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use healthomics_simulator::SimulatorClient;
use kube::api::{Api, DeleteParams, DynamicObject};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::call::{Call, Edge, Nth, saves_id};
use crate::invariants;
use crate::plan::{Disturbance, KubernetesFault, When};

/// Name of the object that every flow is about.
pub const SUBJECT: &str = "subject";
/// After this time the reply has been read, even by an operator that sends nothing more.
const REPLY_IS_READ: Duration = Duration::from_millis(400);
/// A request that waits for the id of the store goes on after this time in any case.
const LATEST: Duration = Duration::from_secs(5);

/// A request of the operator.
pub struct Arrived {
    pub replica: usize,
    /// Which life of the replica sent it.
    pub life: u64,
    pub edge: Edge,
    pub method: String,
    pub path: String,
    /// Null where it is no JSON.
    pub body: Value,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on; the answer is streamed.
    Stream,
    /// It goes on, and takes effect whatever becomes of the operator.
    Pass,
    /// It goes nowhere: its sender is dead, or as good as dead.
    Swallow,
    /// It goes on when the id of the store is on record.
    Late,
    KillBefore,
    KillAfterCommit,
    KillAfterReply,
    /// It goes nowhere and is answered.
    Answer(u16),
    /// It goes on, and is answered otherwise.
    AnswerAfterCommit(u16),
}

pub struct Stage {
    pub objects: Api<DynamicObject>,
    pub aws: SimulatorClient,
    disturbance: Disturbance,
    /// The object is deleted the moment the first Create is seen.
    delete_on_create: bool,
    state: Mutex<State>,
    crew: tokio::sync::Mutex<Vec<Option<Child>>>,
    launch: Box<dyn Fn(usize) -> Command + Send + Sync>,
    closed: CancellationToken,
}

#[derive(Default)]
struct State {
    counting: bool,
    counts: HashMap<Call, usize>,
    seen: Vec<Nth>,
    struck: usize,
    struck_at: Option<Instant>,
    deleted_on_create: bool,
    lives: HashMap<usize, u64>,
    condemned: HashMap<usize, u64>,
    violations: Vec<String>,
    /// Id of the store on record.
    recorded: Option<String>,
}

impl Stage {
    pub fn new(
        objects: Api<DynamicObject>,
        aws: SimulatorClient,
        disturbance: Disturbance,
        delete_on_create: bool,
        launch: Box<dyn Fn(usize) -> Command + Send + Sync>,
    ) -> Self {
        let (state, crew, closed) = Default::default();
        Self { objects, aws, disturbance, delete_on_create, state, crew, launch, closed }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn closed(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// Starts the operators, one process each.
    pub async fn start(&self, replicas: usize) -> std::io::Result<()> {
        let mut crew = self.crew.lock().await;
        for replica in 0..replicas {
            crew.push(Some((self.launch)(replica).spawn()?));
        }
        Ok(())
    }

    /// From here on requests are numbered.
    pub fn begin(&self) {
        self.state().counting = true;
    }

    /// Kills the operators and cuts all connections.
    pub async fn close(&self) {
        self.closed.cancel();
        for mut child in self.crew.lock().await.drain(..).flatten() {
            // It may have ended by itself.
            let _ = child.kill().await;
        }
    }

    /// Counts the lives of a replica.
    pub fn life(&self, replica: usize) -> u64 {
        self.state().lives.get(&replica).copied().unwrap_or_default()
    }

    /// The requests numbered so far.
    pub fn seen(&self) -> Vec<Nth> {
        self.state().seen.clone()
    }

    /// When the disturbance happened last.
    pub fn struck_at(&self) -> Option<Instant> {
        self.state().struck_at
    }

    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// SIGKILL, and a new process in the place of this one, unless that has happened already.
    ///
    /// In a task of its own: the request that asks for it goes away with the process that sent it.
    pub fn crash(self: &Arc<Self>, replica: usize, life: u64) {
        {
            let mut state = self.state();
            let current = state.lives.entry(replica).or_default();
            if *current != life {
                return;
            }
            *current += 1;
        }
        let stage = self.clone();
        tokio::spawn(async move {
            let mut crew = stage.crew.lock().await;
            let Some(place) = crew.get_mut(replica) else { return };
            if let Some(mut child) = place.take() {
                // It may have ended by itself.
                let _ = child.kill().await;
            }
            match (stage.launch)(replica).spawn() {
                Ok(child) => *place = Some(child),
                Err(error) => stage.violated(format!("the operator does not start again: {error}")),
            }
        });
    }

    /// Kills the operator at its next request, or soon.
    pub fn condemn(self: &Arc<Self>, replica: usize, life: u64) {
        self.state().condemned.insert(replica, life);
        let stage = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REPLY_IS_READ).await;
            stage.crash(replica, life);
        });
    }

    fn violated(&self, what: String) {
        self.state().violations.push(what);
    }

    /// Decides on a request before anything of it is forwarded.
    pub async fn arrives(self: &Arc<Self>, arrived: &Arrived) -> Verdict {
        if self.life(arrived.replica) != arrived.life {
            return Verdict::Swallow;
        }
        let condemned = self.state().condemned.get(&arrived.replica) == Some(&arrived.life);
        if condemned {
            self.crash(arrived.replica, arrived.life);
            return Verdict::Swallow;
        }
        let Some(call) = Call::of(arrived.edge, &arrived.method, &arrived.path) else {
            return Verdict::Stream;
        };
        for violation in invariants::breaches(self, arrived, &call).await {
            self.violated(violation);
        }
        self.delete_object_on(&call).await;
        self.verdict(arrived, call)
    }

    /// Waits until the id of the store is on record; not for ever, as it may never be.
    pub async fn recorded(&self) {
        let until = Instant::now() + LATEST;
        while self.state().recorded.is_none() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Looks at the answer to a request that took effect: an id on record stays there.
    pub fn answered(&self, arrived: &Arrived, body: &[u8]) {
        let status = arrived.edge == Edge::Kubernetes && arrived.path.ends_with("/status");
        let Some(object) = status.then(|| serde_json::from_slice::<Value>(body).ok()).flatten() else {
            return;
        };
        let id = object["status"]["store"]["id"].as_str().map(ToOwned::to_owned);
        let mut state = self.state();
        if state.recorded.is_some() && state.recorded != id {
            let lost = format!("replica {} turned the id on record into {id:?}", arrived.replica);
            state.violations.push(lost);
        }
        state.recorded = state.recorded.take().or(id);
    }

    /// The user's `kubectl delete`, at the worst moment.
    async fn delete_object_on(&self, call: &Call) {
        if !self.delete_on_create || !call.is("CreateSequenceStore") {
            return;
        }
        if std::mem::replace(&mut self.state().deleted_on_create, true) {
            return;
        }
        if let Err(error) = self.objects.delete(SUBJECT, &DeleteParams::default()).await {
            self.violated(format!("the object could not be deleted: {error}"));
        }
    }

    fn verdict(&self, arrived: &Arrived, call: Call) -> Verdict {
        let mut state = self.state();
        if !state.counting {
            return Verdict::Pass;
        }
        let n = *state.counts.entry(call.clone()).and_modify(|n| *n += 1).or_insert(1);
        let nth = Nth { call, n };
        state.seen.push(nth.clone());
        let verdict = match &self.disturbance {
            Disturbance::Kill { at, when } if *at == nth => match when {
                When::Before => Verdict::KillBefore,
                When::AfterCommit => Verdict::KillAfterCommit,
                When::AfterReply => Verdict::KillAfterReply,
            },
            Disturbance::Kubernetes(fault) => kubernetes_fault(*fault, arrived, &nth, state.struck),
            Disturbance::LateStatus if state.struck == 0 && looks_on(arrived, &nth) => Verdict::Late,
            // The simulator does it; this is only to know that it happened.
            Disturbance::Aws(_) if nth.call.is("CreateSequenceStore") => {
                state.struck_at.get_or_insert_with(Instant::now);
                Verdict::Pass
            }
            _ => Verdict::Pass,
        };
        if verdict != Verdict::Pass {
            state.struck += 1;
            state.struck_at = Some(Instant::now());
        }
        verdict
    }
}

/// A status without a store.
fn looks_on(arrived: &Arrived, nth: &Nth) -> bool {
    nth.call.is("PATCH sequencestores/status") && !saves_id(&arrived.body)
}

fn kubernetes_fault(fault: KubernetesFault, arrived: &Arrived, nth: &Nth, struck: usize) -> Verdict {
    let saves_id = nth.call.is("PATCH sequencestores/status") && saves_id(&arrived.body);
    let intent = nth.call.is("PATCH sequencestores") && nth.n == 1;
    match fault {
        KubernetesFault::IntentTimesOut if intent => Verdict::AnswerAfterCommit(504),
        KubernetesFault::IdTimesOut if saves_id && struck == 0 => Verdict::AnswerAfterCommit(504),
        KubernetesFault::IdConflicts if saves_id && struck < 3 => Verdict::Answer(409),
        _ => Verdict::Pass,
    }
}
