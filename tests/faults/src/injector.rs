//! Decides what happens to each request of one plan: it numbers the requests, injects the fault at the chosen one, and
//! records violated invariants. The proxies carry out its decisions.

mod election;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::environment::{Clients, OBJECT_NAME};
use crate::invariants;
use crate::plan::{FaultMoment, InjectedFault, KubernetesFault};
use crate::replicas::Replicas;
use crate::request::{Backend, MutatingRequest, Occurrence, saves_store_id};

/// A delayed request is forwarded after this time even if no store ID has been saved.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// A request of the operator, as a proxy received it.
pub struct ProxiedRequest {
    pub replica: usize,
    /// The incarnation of the replica that sent the request.
    pub incarnation: u64,
    pub backend: Backend,
    pub method: String,
    pub path: String,
    /// Null if the body is not JSON.
    pub body: Value,
}

/// What the proxy does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyAction {
    /// Forward it and stream the response. If the operator dies, the request may be cancelled.
    Stream,
    /// Forward it and wait for the response, even if the operator dies meanwhile.
    Forward,
    /// Forward it after the ID of the store has been saved.
    ForwardAfterIdIsSaved,
    /// Neither forward it nor respond, because its sender is dead or about to be killed.
    Discard,
    Kill(FaultMoment),
    /// Stop the process with SIGSTOP, and wake it up after the other replica took over.
    Stop(FaultMoment),
    /// Forward it after somebody else was written into the Lease.
    ForwardAfterTheft,
    /// Respond with this HTTP status and do not forward the request.
    Reject(u16),
    /// Forward it, but respond with this HTTP status instead of the real response.
    ForwardThenFail(u16),
}

pub struct FaultInjector {
    pub replicas: Arc<Replicas>,
    pub clients: Clients,
    fault: InjectedFault,
    /// Delete the object as soon as the first Create arrives.
    delete_on_create: bool,
    state: Mutex<State>,
    /// Cancelled when a process that stood still goes on.
    woken: CancellationToken,
}

#[derive(Default)]
struct State {
    counting: bool,
    counts: HashMap<MutatingRequest, usize>,
    seen: Vec<Occurrence>,
    injections: usize,
    last_injection: Option<Instant>,
    /// The replica to stop with SIGSTOP when it sends its next request.
    to_stop: Option<usize>,
    /// The replica that sent the last numbered request.
    last_sender: Option<usize>,
    object_deleted: bool,
    violations: Vec<String>,
    saved_store_id: Option<String>,
}

impl FaultInjector {
    pub fn new(
        clients: Clients,
        replicas: Arc<Replicas>,
        fault: InjectedFault,
        delete_on_create: bool,
    ) -> Self {
        let (state, woken) = (Mutex::default(), CancellationToken::new());
        Self { replicas, clients, fault, delete_on_create, state, woken }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to number requests and to inject faults.
    pub fn start_counting(&self) {
        self.state().counting = true;
    }

    /// The numbered requests, in the order in which they arrived.
    pub fn seen(&self) -> Vec<Occurrence> {
        self.state().seen.clone()
    }

    pub fn last_injection(&self) -> Option<Instant> {
        self.state().last_injection
    }

    pub fn violations(&self) -> Vec<String> {
        let mut violations = self.state().violations.clone();
        violations.extend(self.replicas.restart_errors());
        violations
    }

    fn record_violation(&self, message: String) {
        self.state().violations.push(message);
    }

    /// Decides what happens to a request, before the proxy forwards any of it.
    pub async fn decide(self: &Arc<Self>, proxied: &ProxiedRequest) -> ProxyAction {
        if self.replicas.incarnation(proxied.replica) != proxied.incarnation {
            return ProxyAction::Discard;
        }
        if self.replicas.is_doomed(proxied.replica, proxied.incarnation) {
            self.replicas.kill_and_restart(proxied.replica, proxied.incarnation);
            return ProxyAction::Discard;
        }
        self.stop_if_due(proxied.replica).await;
        let Some(request) = MutatingRequest::parse(proxied.backend, &proxied.method, &proxied.path) else {
            return ProxyAction::Stream;
        };
        if let Err(violation) = invariants::check(&self.clients, proxied, &request).await {
            self.record_violation(violation);
        }
        self.delete_object_on_create(&request).await;
        self.count_and_choose_action(proxied, request)
    }

    /// Waits until the operator has saved the ID of the store in the status, but at most [`MAX_DELAY`].
    pub async fn wait_until_id_is_saved(&self) {
        let deadline = Instant::now() + MAX_DELAY;
        while self.state().saved_store_id.is_none() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Checks the response to a request that took effect: a store ID in the status must never change or disappear.
    pub fn check_response(&self, proxied: &ProxiedRequest, body: &[u8]) {
        let is_status = proxied.backend == Backend::Kubernetes && proxied.path.ends_with("/status");
        let Some(object) = is_status.then(|| serde_json::from_slice::<Value>(body).ok()).flatten() else {
            return;
        };
        let id = object["status"]["store"]["id"].as_str().map(ToOwned::to_owned);
        let mut state = self.state();
        if state.saved_store_id.is_some() && state.saved_store_id != id {
            let message = format!("replica {} changed the saved store ID to {id:?}", proxied.replica);
            state.violations.push(message);
        }
        state.saved_store_id = state.saved_store_id.take().or(id);
    }

    /// Plays the user who runs `kubectl delete` while the Create is in flight.
    async fn delete_object_on_create(&self, request: &MutatingRequest) {
        if !self.delete_on_create || !request.is("CreateSequenceStore") {
            return;
        }
        if std::mem::replace(&mut self.state().object_deleted, true) {
            return;
        }
        if let Err(error) = self.clients.objects.delete(OBJECT_NAME, &DeleteParams::default()).await {
            self.record_violation(format!("could not delete the object: {error}"));
        }
    }

    fn count_and_choose_action(&self, proxied: &ProxiedRequest, request: MutatingRequest) -> ProxyAction {
        let mut state = self.state();
        if !state.counting {
            return ProxyAction::Forward;
        }
        let number = *state.counts.entry(request.clone()).and_modify(|n| *n += 1).or_insert(1);
        let occurrence = Occurrence { request, number };
        state.seen.push(occurrence.clone());
        state.last_sender = Some(proxied.replica);
        let action = match &self.fault {
            InjectedFault::Kill(point) if point.at == occurrence => ProxyAction::Kill(point.moment),
            InjectedFault::Stop(point) if point.at == occurrence => ProxyAction::Stop(point.moment),
            InjectedFault::StolenLease(at) if *at == occurrence => ProxyAction::ForwardAfterTheft,
            InjectedFault::Kubernetes(fault) => {
                kubernetes_fault(*fault, proxied, &occurrence, state.injections)
            }
            InjectedFault::LateStatus
                if state.injections == 0 && is_status_without_store(proxied, &occurrence) =>
            {
                ProxyAction::ForwardAfterIdIsSaved
            }
            // The simulator injects the fault. Only record when.
            InjectedFault::Aws(_) if occurrence.request.is("CreateSequenceStore") => {
                state.last_injection.get_or_insert_with(Instant::now);
                ProxyAction::Forward
            }
            _ => ProxyAction::Forward,
        };
        if action != ProxyAction::Forward {
            state.injections += 1;
            state.last_injection = Some(Instant::now());
        }
        action
    }
}

fn is_status_without_store(proxied: &ProxiedRequest, occurrence: &Occurrence) -> bool {
    occurrence.request.is("PATCH sequencestores/status") && !saves_store_id(&proxied.body)
}

fn kubernetes_fault(
    fault: KubernetesFault,
    proxied: &ProxiedRequest,
    occurrence: &Occurrence,
    injections: usize,
) -> ProxyAction {
    let saves_id = occurrence.request.is("PATCH sequencestores/status") && saves_store_id(&proxied.body);
    // The first patch of the object's metadata saves the finalizer and the create intent.
    let saves_intent = occurrence.request.is("PATCH sequencestores") && occurrence.number == 1;
    match fault {
        KubernetesFault::IntentTimesOut if saves_intent => ProxyAction::ForwardThenFail(504),
        KubernetesFault::IdTimesOut if saves_id && injections == 0 => ProxyAction::ForwardThenFail(504),
        KubernetesFault::IdConflicts if saves_id && injections < 3 => ProxyAction::Reject(409),
        _ => ProxyAction::Forward,
    }
}
