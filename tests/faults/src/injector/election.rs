//! Faults of a leader: its Lease is stolen, or its process stands still and wakes up after the other replica took over.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use super::FaultInjector;
use crate::replicas::{LEASE_NAME, RESPONSE_READ_AFTER};

/// How long the other replica may take to get the Lease.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(60);
/// How long a process stands still at most after that, if the other replica has nothing to change.
const STANDS_STILL: Duration = Duration::from_secs(6);
const POLL: Duration = Duration::from_millis(100);

/// The holder in the Lease; empty if there is none.
async fn holder(leases: &Api<Lease>) -> String {
    let lease = leases.get_opt(LEASE_NAME).await.ok().flatten().and_then(|lease| lease.spec);
    lease.and_then(|spec| spec.holder_identity).unwrap_or_default()
}

impl FaultInjector {
    /// Writes somebody else into the Lease, as a person would.
    pub async fn steal_lease(&self) {
        let patch = Patch::Merge(json!({"spec": {"holderIdentity": "thief"}}));
        if let Err(error) = self.clients.leases.patch(LEASE_NAME, &PatchParams::default(), &patch).await {
            self.record_violation(format!("could not steal the Lease: {error}"));
        }
    }

    /// Stops the process with SIGSTOP. It wakes up after another replica has taken over and changed something.
    pub async fn stop_leader(self: &Arc<Self>, replica: usize) {
        let before = holder(&self.clients.leases).await;
        if let Err(error) = self.replicas.signal(replica, "-STOP").await {
            self.record_violation(format!("could not stop the operator: {error}"));
            return;
        }
        let injector = self.clone();
        tokio::spawn(async move { injector.wake_after_take_over(replica, before).await });
    }

    /// The same when the operator sends its next request, and after [`RESPONSE_READ_AFTER`] at the latest.
    pub fn stop_after_response(self: &Arc<Self>, replica: usize) {
        self.state().to_stop = Some(replica);
        let injector = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(RESPONSE_READ_AFTER).await;
            injector.stop_if_due(replica).await;
        });
    }

    pub(super) async fn stop_if_due(self: &Arc<Self>, replica: usize) {
        let is_due = self.state().to_stop.take_if(|due| *due == replica).is_some();
        if is_due {
            self.stop_leader(replica).await;
        }
    }

    async fn wake_after_take_over(&self, replica: usize, before: String) {
        let deadline = Instant::now() + TAKEN_OVER_WITHIN;
        loop {
            let now = holder(&self.clients.leases).await;
            if !now.is_empty() && now != before {
                break;
            }
            if Instant::now() >= deadline {
                self.record_violation(
                    "no other replica takes the Lease of a process that stands still".into(),
                );
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        let deadline = Instant::now() + STANDS_STILL;
        while self.others_changed_nothing(replica) && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        if let Err(error) = self.replicas.signal(replica, "-CONT").await {
            self.record_violation(format!("could not wake the operator: {error}"));
        }
        // What the woken process does is part of the run.
        self.state().last_injection = Some(Instant::now());
        self.woken.cancel();
    }

    /// Since the process of this replica stands still.
    fn others_changed_nothing(&self, replica: usize) -> bool {
        self.state().last_sender.is_none_or(|last| last == replica)
    }

    pub async fn until_woken(&self) {
        self.woken.cancelled().await;
    }
}
