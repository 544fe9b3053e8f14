//! Runs the operator processes of one plan, sends signals to them, and starts those again that it kills with SIGKILL.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};

/// After this time the operator has read a response, even if it sends no further request.
pub const RESPONSE_READ_AFTER: Duration = Duration::from_millis(400);

/// Name of the Lease of every plan with an election; each plan has its own namespace.
pub const LEASE_NAME: &str = "operator";

/// The flags of an election in this namespace, with a shorter Lease than the default.
fn election_flags(namespace: &str) -> [String; 6] {
    [
        "--leader-elect".into(),
        format!("--leader-election-namespace={namespace}"),
        format!("--leader-election-lease-name={LEASE_NAME}"),
        "--leader-election-lease-duration=5s".into(),
        "--leader-election-renew-deadline=4s".into(),
        "--leader-election-retry-period=1s".into(),
    ]
}

/// How to start one replica of the operator.
pub struct OperatorConfig {
    pub binary: PathBuf,
    pub namespace: String,
    pub kubeconfig: PathBuf,
    pub aws_endpoint: String,
    /// All incarnations of the replica append to this file.
    pub log: PathBuf,
    /// Keep the default `--create-grace` of 60 s instead of 2 s.
    pub default_grace: bool,
    /// The replicas elect one of them.
    pub election: bool,
    /// The namespace acts with the role of an AccountBinding, and with no other identity.
    pub binding: bool,
}

impl OperatorConfig {
    fn spawn(&self) -> io::Result<Child> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log);
        Command::new(&self.binary)
            .args([
                "run",
                "--health-probe-bind-address=127.0.0.1:0",
                "--metrics-bind-address=off",
                "--log-format=text",
                "--region=us-east-1",
            ])
            .args(["--poll-interval=2s", "--cluster-name=faults"])
            .args(self.election.then(|| election_flags(&self.namespace)).into_iter().flatten())
            .args((!self.default_grace).then_some("--create-grace=2s"))
            .args(
                self.binding
                    .then_some(["--account-bindings", "--require-account-binding"])
                    .into_iter()
                    .flatten(),
            )
            .arg(format!("--watch-namespace={}", self.namespace))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("AWS_ACCESS_KEY_ID", "AKIAOPERATOR00000000")
            .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-simulator")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL_OMICS", &self.aws_endpoint)
            .env("AWS_ENDPOINT_URL_STS", &self.aws_endpoint)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.map_or_else(|_| Stdio::null(), Stdio::from))
            .kill_on_drop(true)
            .spawn()
    }
}

/// The operator processes. Each start of a replica is a new *incarnation* of it, counted from 0.
#[derive(Default)]
pub struct Replicas {
    processes: tokio::sync::Mutex<Vec<Process>>,
    state: Mutex<State>,
}

struct Process {
    config: OperatorConfig,
    child: Option<Child>,
}

#[derive(Default)]
struct State {
    /// The current incarnation of each replica.
    incarnations: HashMap<usize, u64>,
    /// Incarnations to kill when they send their next request.
    doomed: HashMap<usize, u64>,
    restart_errors: Vec<String>,
}

impl Replicas {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn start(&self, configs: Vec<OperatorConfig>) -> io::Result<()> {
        let mut processes = self.processes.lock().await;
        for config in configs {
            let child = Some(config.spawn()?);
            processes.push(Process { config, child });
        }
        Ok(())
    }

    pub async fn stop(&self) {
        for process in self.processes.lock().await.drain(..) {
            if let Some(mut child) = process.child {
                // Fails if the process has already exited.
                let _ = child.kill().await;
            }
        }
    }

    pub fn incarnation(&self, replica: usize) -> u64 {
        self.state().incarnations.get(&replica).copied().unwrap_or_default()
    }

    pub fn is_doomed(&self, replica: usize, incarnation: u64) -> bool {
        self.state().doomed.get(&replica) == Some(&incarnation)
    }

    pub fn restart_errors(&self) -> Vec<String> {
        self.state().restart_errors.clone()
    }

    /// Sends a signal such as `-STOP` to the process.
    pub async fn signal(&self, replica: usize, signal: &str) -> io::Result<()> {
        let processes = self.processes.lock().await;
        let child = processes.get(replica).and_then(|process| process.child.as_ref());
        let pid = child.and_then(Child::id).ok_or_else(|| io::Error::other("the process has ended"))?;
        let sent = Command::new("kill").args([signal, &pid.to_string()]).status().await?;
        sent.success().then_some(()).ok_or_else(|| io::Error::other(format!("kill {signal}: {sent}")))
    }

    /// Kills the process with SIGKILL and starts a new one, unless this incarnation has already been killed.
    ///
    /// This happens in a separate task, because the caller handles a request of the process: it is cancelled when the
    /// process dies.
    pub fn kill_and_restart(self: &Arc<Self>, replica: usize, incarnation: u64) {
        {
            let mut state = self.state();
            let current = state.incarnations.entry(replica).or_default();
            if *current != incarnation {
                return;
            }
            *current += 1;
        }
        let replicas = self.clone();
        tokio::spawn(async move {
            let mut processes = replicas.processes.lock().await;
            let Some(process) = processes.get_mut(replica) else { return };
            if let Some(mut child) = process.child.take() {
                // Fails if the process has already exited.
                let _ = child.kill().await;
            }
            match process.config.spawn() {
                Ok(child) => process.child = Some(child),
                Err(error) => {
                    let message = format!("could not restart the operator: {error}");
                    replicas.state().restart_errors.push(message);
                }
            }
        });
    }

    /// Kills the operator when it sends its next request, and after [`RESPONSE_READ_AFTER`] at the latest.
    pub fn kill_after_response(self: &Arc<Self>, replica: usize, incarnation: u64) {
        self.state().doomed.insert(replica, incarnation);
        let replicas = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(RESPONSE_READ_AFTER).await;
            replicas.kill_and_restart(replica, incarnation);
        });
    }
}
