//! Runs the operator as a process under a guardian, which stops it when this process ends for any reason.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Error;

const GUARDIAN: &str = include_str!("guardian.sh");
const PROGRAM: &str = "sequencestore-operator";

#[derive(Clone, Debug)]
pub struct OperatorConfig {
    /// A kubeconfig with the token of the chart's ServiceAccount.
    pub kubeconfig: PathBuf,
    /// The URL of the simulated AWS.
    pub aws_endpoint: String,
    /// The region of objects whose spec contains none.
    pub region: &'static str,
    pub log: PathBuf,
}

/// An operator. Dropping it stops it and waits for that.
pub struct Operator {
    /// None while the user has stopped it.
    running: Mutex<Option<Running>>,
    config: OperatorConfig,
}

struct Running {
    guardian: Child,
    /// The guardian stops the operator when this pipe closes.
    lifeline: Option<ChildStdin>,
}

impl Operator {
    /// Starts the binary in this program's directory.
    pub fn start(config: OperatorConfig) -> Result<Self, Error> {
        let running = Mutex::new(Some(spawn(&config)?));
        Ok(Self { running, config })
    }

    /// Kills the operator with SIGKILL, like a node failure, and starts a new one. Returns the process ID of the killed
    /// operator.
    pub fn kill_and_restart(&self) -> Result<String, Error> {
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let running = slot.as_mut().ok_or("the operator is not running")?;
        let pid = fs::read_to_string(self.config.log.with_extension("log.pid"))
            .map_err(|error| format!("could not read the operator's process ID: {error}"))?;
        let pid = pid.trim().to_owned();
        let killed = Command::new("kill").args(["-KILL", &pid]).status();
        if !killed.is_ok_and(|status| status.success()) {
            return Err(format!("could not kill process {pid}").into());
        }
        running.guardian.wait().map_err(|error| format!("could not wait for the guardian: {error}"))?;
        *slot = Some(spawn(&self.config)?);
        Ok(pid)
    }

    /// Stops the operator with SIGTERM, as Kubernetes does, and waits until it has ended.
    pub fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(running);
    }

    /// Starts the operator again after [`Self::stop`].
    pub fn start_again(&self) -> Result<(), Error> {
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(spawn(&self.config)?);
        }
        Ok(())
    }

    pub fn log(&self) -> &Path {
        &self.config.log
    }

    /// Waits until the operator exits unexpectedly, and returns an error that says so. Never returns otherwise.
    pub async fn crashed(&self) -> Error {
        loop {
            let ended = match &mut *self.running.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(running) => running.guardian.try_wait(),
                None => Ok(None),
            };
            match ended {
                Ok(None) => tokio::time::sleep(Duration::from_millis(200)).await,
                Ok(Some(status)) => return format!("the operator exited unexpectedly: {status}").into(),
                Err(error) => return format!("could not check the operator's process: {error}").into(),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        // The guardian kills the operator after five seconds at the latest, so this does not block for long.
        let _ = self.guardian.wait();
    }
}

fn spawn(config: &OperatorConfig) -> Result<Running, Error> {
    let mut guardian = Command::new("sh")
        .args(["-c", GUARDIAN, "guardian"])
        .arg(&config.log)
        .arg(binary()?)
        .args(["run", "--region", config.region, "--poll-interval", "2s", "--log-format", "text"])
        .args(["--health-probe-bind-address", "127.0.0.1:0", "--metrics-bind-address", "off"])
        // The operator must not find the AWS credentials or the cluster of the user who runs the demo.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("KUBECONFIG", &config.kubeconfig)
        .env("AWS_ACCESS_KEY_ID", "AKIAOPERATOR00000000")
        .env("AWS_SECRET_ACCESS_KEY", "not-checked-by-the-simulator")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_OMICS", &config.aws_endpoint)
        .env("AWS_ENDPOINT_URL_STS", &config.aws_endpoint)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // A terminal sends Ctrl-C to the whole foreground process group. Only this process must react to it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("could not start {PROGRAM}: {error}"))?;
    let lifeline = guardian.stdin.take();
    Ok(Running { guardian, lifeline })
}

/// The last 15 lines of a log, indented.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(15)..];
    last.iter().map(|line| format!("  | {line}\n")).collect()
}

/// The path of the operator's binary, or an error that says how to build it.
pub fn binary() -> Result<PathBuf, Error> {
    let here = std::env::current_exe().map_err(|error| format!("could not find this program: {error}"))?;
    let path = here.with_file_name(PROGRAM);
    if !path.is_file() {
        let message =
            format!("{} is missing: build it with `cargo build --package {PROGRAM}`", path.display());
        return Err(message.into());
    }
    Ok(path)
}
