//! A program under measurement, or a simulator, as a process of its own. I/O: starts and signals processes.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Error;
use crate::process_figures::{self, ProcessFigures};
use crate::watchdog::Watchdog;

/// How long a program may take to end after SIGTERM.
const END_TIMEOUT: Duration = Duration::from_secs(60);
const SIMULATOR_START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running process. Dropping it kills it.
pub struct Process {
    child: Child,
    pid: u32,
    pub started: Timestamp,
    ticks_per_second: f64,
    watchdog: Arc<Watchdog>,
}

/// What every process needs to start.
pub struct Guard {
    pub watchdog: Arc<Watchdog>,
    pub ticks_per_second: f64,
}

impl Process {
    /// Starts the command with its output in the file `log`.
    pub fn start(mut command: Command, log: &Path, guard: &Guard) -> Result<Self, Error> {
        let log = File::options().create(true).append(true).open(log)?;
        command.stdout(log.try_clone()?).stderr(log);
        Self::spawn(command, guard)
    }

    fn spawn(mut command: Command, guard: &Guard) -> Result<Self, Error> {
        command.stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        let started = Timestamp::now();
        let child = command.spawn().map_err(|error| {
            format!("could not start {}: {error}", command.as_std().get_program().display())
        })?;
        let pid = child.id().ok_or("the process ended at once")?;
        guard.watchdog.started(pid);
        let (ticks_per_second, watchdog) = (guard.ticks_per_second, guard.watchdog.clone());
        Ok(Self { child, pid, started, ticks_per_second, watchdog })
    }

    pub fn figures(&self) -> Result<ProcessFigures, Error> {
        process_figures::read(self.pid, self.ticks_per_second)
    }

    /// An error once the process has ended, which no measure expects.
    pub fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(format!("the measured program ended: {status}").into()),
        }
    }

    /// Sends a signal by its name, such as `TERM`.
    pub async fn signal(&self, name: &str) -> Result<(), Error> {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("could not send SIG{name} to {}", self.pid).into())
        }
    }

    /// Waits until the process has ended.
    pub async fn ended(mut self) -> Result<(), Error> {
        tokio::time::timeout(END_TIMEOUT, self.child.wait()).await??;
        Ok(())
    }

    pub async fn terminate(self) -> Result<(), Error> {
        self.signal("TERM").await?;
        self.ended().await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Before the pid can belong to another process.
        self.watchdog.ended(self.pid);
    }
}

/// Starts a simulator and returns it with its URL.
pub async fn start_simulator(mut command: Command, guard: &Guard) -> Result<(Process, String), Error> {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Process::spawn(command, guard)?;
    let output = process.child.stdout.take().ok_or("the simulator has no output")?;
    let (mut url, mut output) = (String::new(), BufReader::new(output));
    tokio::time::timeout(SIMULATOR_START_TIMEOUT, output.read_line(&mut url)).await??;
    match url.trim() {
        "" => Err("the simulator did not start".into()),
        url => Ok((process, url.to_owned())),
    }
}
