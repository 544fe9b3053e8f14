//! Proves that a control plane leaves no process and no file behind, however it ends. Starts real control planes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use control_plane::ControlPlane;
use tempfile::TempDir;

/// Every process whose command line contains `directory`, in the form `PID COMMAND`.
fn processes(directory: &Path) -> Vec<String> {
    let output = Command::new("ps").args(["-A", "-ww", "-o", "pid=,args="]).output().expect("ps runs");
    let directory = directory.to_string_lossy();
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    listing.lines().filter(|line| line.contains(&*directory)).map(|line| line.trim().to_owned()).collect()
}

fn pid_of(directory: &Path, program: &str) -> String {
    let all = processes(directory);
    let line = all.iter().find(|line| line.split(' ').nth(1).is_some_and(|path| path.ends_with(program)));
    line.and_then(|line| line.split(' ').next())
        .unwrap_or_else(|| panic!("{program} is not in {all:#?}"))
        .to_owned()
}

fn signal(name: &str, pid: &str) {
    assert!(Command::new("kill").args([name, pid]).status().expect("kill runs").success());
}

fn eventually(what: &str, within: Duration, check: impl Fn() -> bool) {
    let started = Instant::now();
    while !check() {
        assert!(started.elapsed() < within, "not within {within:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A running `control-plane run` with its own temporary directory, so that the test can see what it leaves there.
struct Session {
    child: Child,
    temporary: TempDir,
}

impl Session {
    fn start() -> Self {
        let temporary = tempfile::tempdir().expect("a directory");
        let child = Command::new(env!("CARGO_BIN_EXE_control-plane"))
            .arg("run")
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        Self { child, temporary }
    }

    /// Waits for the first line of standard output, which the command prints when the control plane is ready.
    fn wait_until_ready(&mut self) {
        let stdout = self.child.stdout.take().expect("a pipe");
        let first = BufReader::new(stdout).lines().next().expect("a line").expect("text");
        let kubeconfig = first.strip_prefix("export KUBECONFIG=").expect("the kubeconfig").to_owned();
        assert!(Path::new(&kubeconfig).is_file());
        for program in ["/etcd", "/kube-apiserver", "/kube-controller-manager"] {
            pid_of(self.temporary.path(), program);
        }
    }

    fn signal(&mut self, name: &str) -> ExitStatus {
        signal(name, &self.child.id().to_string());
        self.child.wait().expect("it ends")
    }

    fn remaining_files(&self) -> usize {
        fs::read_dir(self.temporary.path()).expect("a directory").count()
    }

    fn assert_nothing_is_left(&self) {
        eventually("no process is left", Duration::from_secs(10), || {
            processes(self.temporary.path()).is_empty()
        });
        assert_eq!(self.remaining_files(), 0, "no file is left");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn ctrl_c_removes_everything_before_the_command_exits() {
    let mut session = Session::start();
    session.wait_until_ready();
    let status = session.signal("-INT");
    assert!(status.success(), "{status}");
    assert_eq!(processes(session.temporary.path()), Vec::<String>::new());
    assert_eq!(session.remaining_files(), 0);
}

#[test]
fn killing_the_parent_removes_everything() {
    let mut session = Session::start();
    session.wait_until_ready();
    session.signal("-KILL");
    session.assert_nothing_is_left();
}

#[test]
fn killing_the_parent_during_startup_removes_everything() {
    let mut session = Session::start();
    let temporary = session.temporary.path().to_owned();
    eventually("etcd runs", Duration::from_secs(30), || {
        processes(&temporary).iter().any(|line| line.contains("--data-dir"))
    });
    session.signal("-KILL");
    session.assert_nothing_is_left();
}

#[tokio::test]
async fn stop_removes_everything_before_it_returns() {
    let plane = ControlPlane::start().await.expect("it starts");
    let directory = plane.directory().to_owned();
    let version = plane.client().apiserver_version().await.expect("the API server responds");
    assert_eq!(version.major, "1");
    assert!(plane.crash().is_none());
    plane.stop().await;
    assert_eq!(processes(&directory), Vec::<String>::new());
    assert!(!directory.exists());
}

#[tokio::test]
async fn errors_name_a_crashed_component_and_quote_its_log_and_drop_removes_everything() {
    let plane = ControlPlane::start().await.expect("it starts");
    let directory = plane.directory().to_owned();
    signal("-KILL", &pid_of(&directory, "/kube-apiserver"));
    let message = tokio::time::timeout(Duration::from_secs(5), plane.crashed())
        .await
        .expect("crashed() returns")
        .to_string();
    assert!(message.starts_with("kube-apiserver exited unexpectedly with status 137"), "{message}");
    assert!(message.lines().count() > 3, "{message}");
    let error = plane.kubectl(&["get", "namespaces"]).await.expect_err("no server").to_string();
    assert!(error.starts_with("kube-apiserver exited unexpectedly"), "{error}");
    let error = plane.token_for("default", "default").await.expect_err("no server").to_string();
    assert!(error.starts_with("kube-apiserver exited unexpectedly"), "{error}");
    drop(plane);
    assert_eq!(processes(&directory), Vec::<String>::new());
    assert!(!directory.exists());
}
