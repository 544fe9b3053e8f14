//! The operator as a process of its own, under a guardian that ends it when this process goes away.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Error;

const GUARDIAN: &str = include_str!("guardian.sh");
const PROGRAM: &str = "sequencestore-operator";

/// What the operator needs to know of its surroundings.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Kubeconfig with the token of the chart's ServiceAccount.
    pub kubeconfig: PathBuf,
    /// Address of the simulated AWS.
    pub aws: String,
    /// Region of objects that name none.
    pub region: &'static str,
}

/// A running operator. Dropping it stops it and waits for that.
pub struct Operator {
    running: Mutex<Running>,
    around: Surroundings,
    log: PathBuf,
}

struct Running {
    guardian: Child,
    lifeline: Option<ChildStdin>,
}

impl Operator {
    /// Starts the binary that lies next to this one.
    pub fn start(around: Surroundings, log: PathBuf) -> Result<Self, Error> {
        let running = Mutex::new(spawn(&around, &log)?);
        Ok(Self { running, around, log })
    }

    /// Kills it as a failing node would, with SIGKILL, and starts another one. Returns the number that the killed
    /// process had.
    pub fn kill_and_start_again(&self) -> Result<String, Error> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = fs::read_to_string(self.log.with_extension("log.pid"))
            .map_err(|error| format!("the operator's process is not known: {error}"))?;
        let pid = pid.trim().to_owned();
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        if !killed.is_ok_and(|status| status.success()) {
            return Err(format!("could not kill process {pid}").into());
        }
        running.guardian.wait().map_err(|error| format!("the guardian did not end: {error}"))?;
        *running = spawn(&self.around, &self.log)?;
        Ok(pid)
    }

    /// Where it logs.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until it ends by itself, and says so. Never returns while it runs.
    pub async fn crashed(&self) -> Error {
        loop {
            let ended = self.running.lock().unwrap_or_else(PoisonError::into_inner).guardian.try_wait();
            match ended {
                Ok(None) => tokio::time::sleep(Duration::from_millis(200)).await,
                Ok(Some(status)) => return format!("the operator ended by itself: {status}").into(),
                Err(error) => return format!("the operator cannot be watched: {error}").into(),
            }
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let running = self.running.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(running.lifeline.take());
        // The guardian gives the operator five seconds, so this ends.
        let _ = running.guardian.wait();
    }
}

fn spawn(around: &Surroundings, log: &Path) -> Result<Running, Error> {
    let mut guardian = Command::new("sh")
        .args(["-c", GUARDIAN, "guardian"])
        .arg(log)
        .arg(binary()?)
        .args(["run", "--region", around.region, "--poll-interval", "2s", "--log-format", "text"])
        .args(["--health-probe-bind-address", "127.0.0.1:0"])
        // Nothing of the caller's: no AWS account and no cluster but these.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KUBECONFIG", &around.kubeconfig)
        .env("AWS_ACCESS_KEY_ID", "AKIAOPERATOR00000000")
        .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-simulator")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_OMICS", &around.aws)
        .env("AWS_ENDPOINT_URL_STS", &around.aws)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C on a terminal goes to the whole process group; what it means is decided in this process.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("could not start {PROGRAM}: {error}"))?;
    let lifeline = guardian.stdin.take();
    Ok(Running { guardian, lifeline })
}

/// The last lines of a log, indented.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(15)..];
    last.iter().map(|line| format!("  | {line}\n")).collect()
}

/// Fails early and clearly where the operator is not built.
pub fn binary() -> Result<PathBuf, Error> {
    let here = std::env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let path = here.with_file_name(PROGRAM);
    if !path.is_file() {
        let message =
            format!("{} is missing: build it with `cargo build --package {PROGRAM}`", path.display());
        return Err(message.into());
    }
    Ok(path)
}
