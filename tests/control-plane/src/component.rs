//! Runs one process of the control plane under a guardian, which stops it when this process ends for any reason.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::Error;

const GUARDIAN: &str = include_str!("guardian.sh");
/// Time between SIGTERM and SIGKILL, in tenths of a second.
const GRACE: &str = "30";
const LOG_TAIL_LINES: usize = 30;

/// A running component. Dropping it stops it and waits for that.
///
/// A thread and not a task watches it: tests that each have a runtime of their own may share a control plane.
#[derive(Debug)]
pub(crate) struct Component {
    name: &'static str,
    log: PathBuf,
    /// The guardian stops the component when this pipe closes. Rust opens pipes close-on-exec, so no other child
    /// process can keep it open.
    lifeline: Option<ChildStdin>,
    watcher: Option<JoinHandle<()>>,
    exit_status: watch::Receiver<Option<String>>,
}

impl Component {
    /// Starts `program` under a guardian that removes `directory` after the component has stopped.
    pub(crate) fn spawn(
        name: &'static str,
        program: &Path,
        arguments: impl IntoIterator<Item = OsString>,
        directory: &Path,
    ) -> Result<Self, Error> {
        let log = directory.join(format!("{name}.log"));
        let mut guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .args([directory.as_os_str(), log.as_os_str(), GRACE.as_ref(), program.as_os_str()])
            .args(arguments)
            // A quarter of the garbage collection that Go does by default, for a few hundred MiB more.
            .env("GOGC", "400")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A terminal sends Ctrl-C to the whole foreground process group. Only the parent must react to it.
            .process_group(0)
            .spawn()
            .map_err(Error::io(format!("could not start {name}")))?;
        let lifeline = guardian.stdin.take();
        let status_pipe = guardian.stdout.take();
        let (sender, exit_status) = watch::channel(None);
        let watcher = std::thread::spawn(move || {
            let mut status = String::new();
            if let Some(pipe) = status_pipe {
                // An unreadable pipe means that the guardian itself has died. The status is then unknown.
                let _ = BufReader::new(pipe).read_line(&mut status);
            }
            let status = status.trim();
            sender.send_replace(Some(if status.is_empty() { "unknown".into() } else { status.into() }));
            let _ = guardian.wait();
        });
        Ok(Self { name, log, lifeline, watcher: Some(watcher), exit_status })
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Tells the guardian to stop the component, without waiting for it.
    pub(crate) fn release(&mut self) {
        self.lifeline = None;
    }

    /// Waits until the component has exited and its guardian has cleaned up. Call [`Self::release`] first.
    pub(crate) fn join(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }

    /// The error for the component's crash, if it has crashed.
    pub(crate) fn crash(&self) -> Option<Error> {
        let status = self.exit_status.borrow().clone()?;
        Some(Error::Crashed { component: self.name, status, log_tail: self.log_tail() })
    }

    pub(crate) async fn crashed(&self) -> Error {
        let mut exit_status = self.exit_status.clone();
        // The watcher always sends a status before it drops the sender, so this does not fail.
        let _ = exit_status.wait_for(Option::is_some).await;
        let status = exit_status.borrow().clone().unwrap_or_else(|| "unknown".into());
        Error::Crashed { component: self.name, status, log_tail: self.log_tail() }
    }

    pub(crate) fn log_tail(&self) -> String {
        match fs::read(&self.log) {
            Ok(bytes) => tail(&String::from_utf8_lossy(&bytes), LOG_TAIL_LINES),
            Err(error) => format!("(no log: {error})"),
        }
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.release();
        self.join();
    }
}

/// The last `lines` lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> PathBuf {
        tempfile::Builder::new().prefix("component-").tempdir().expect("a directory").keep()
    }

    fn shell(script: &str) -> Vec<OsString> {
        vec!["-c".into(), script.into()]
    }

    #[tokio::test]
    async fn a_crash_is_reported_with_the_end_of_the_log() {
        let directory = directory();
        let component = Component::spawn(
            "sleeper",
            Path::new("sh"),
            shell("echo started; echo why >&2; exit 7"),
            &directory,
        )
        .expect("it starts");
        let message = component.crashed().await.to_string();
        assert!(message.contains("sleeper exited unexpectedly with status 7"), "{message}");
        assert!(message.contains("started\nwhy"), "{message}");
        assert!(component.crash().is_some());
        assert!(directory.exists(), "the guardian keeps the log until the component is dropped");
        drop(component);
        assert!(!directory.exists());
    }

    #[test]
    fn dropping_kills_a_component_that_ignores_sigterm() {
        let directory = directory();
        let script = "trap '' TERM; echo $$ > \"$0/pid\"; while :; do sleep 0.1; done";
        let mut arguments = shell(script);
        arguments.push(directory.clone().into());
        let component =
            Component::spawn("stubborn", Path::new("sh"), arguments, &directory).expect("it starts");
        let pid = loop {
            match fs::read_to_string(directory.join("pid")) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => std::thread::sleep(std::time::Duration::from_millis(10)),
            }
        };
        assert!(component.crash().is_none());
        drop(component);
        let alive =
            Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().expect("kill runs");
        assert!(!alive.success(), "process {pid} still runs");
        assert!(!directory.exists());
    }

    #[test]
    fn tail_returns_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
        assert_eq!(tail("", 2), "");
    }
}
