//! The demo and the sandbox as a user runs them, and that nothing of them is left.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const DEMO: &str = env!("CARGO_BIN_EXE_demo");
/// Last line of what the sandbox prints.
const LAST_HINT: &str = "# Ctrl-C here";

/// A run with a temporary directory of its own: whatever belongs to the run names it.
struct Run {
    child: Child,
    temporary: tempfile::TempDir,
}

impl Run {
    fn start(command: &str) -> Self {
        let operator = Path::new(DEMO).with_file_name("sequencestore-operator");
        assert!(operator.is_file(), "{} is missing: `cargo build --workspace` builds it", operator.display());
        let temporary = tempfile::Builder::new().prefix("demo-test-").tempdir().expect("a directory");
        let child = Command::new(DEMO)
            .arg(command)
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the demo starts");
        Self { child, temporary }
    }

    fn signal(&self, name: &str) {
        let number = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &number]).status().expect("kill runs").success());
    }

    /// What the sandbox prints, as far as its last hint. The child goes on.
    fn hints(&mut self) -> String {
        let output = BufReader::new(self.child.stdout.take().expect("piped"));
        let (sender, received) = mpsc::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            for line in output.lines().map_while(Result::ok) {
                text.push_str(&line);
                text.push('\n');
                if line.starts_with(LAST_HINT) {
                    break;
                }
            }
            // Nobody waits any more when the test has failed.
            let _ = sender.send(text);
        });
        let text = received.recv_timeout(Duration::from_secs(120)).expect("the sandbox prints its hints");
        assert!(text.contains(LAST_HINT), "the sandbox ended early:\n{text}{}", self.errors());
        text
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            errors.read_to_string(&mut text).expect("text");
        }
        text
    }

    /// The processes of this run, the test itself apart: their command line or environment names the directory.
    fn processes(&self) -> Vec<String> {
        let output = Command::new("ps").args(["axeww", "-o", "pid=,args="]).output().expect("ps runs");
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        let mark = self.temporary.path().to_string_lossy().into_owned();
        listing.lines().filter(|line| line.contains(&mark)).map(shortened).collect()
    }

    fn runs(&self, program: &str) -> bool {
        let path = |line: &String| line.split_whitespace().nth(1).map(PathBuf::from);
        self.processes().iter().filter_map(path).any(|path| path.ends_with(program))
    }

    /// Waits until no process and no file of the run is left.
    fn nothing_is_left(&self) {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            let files: Vec<_> = fs::read_dir(self.temporary.path())
                .expect("readable")
                .flatten()
                .map(|file| file.path())
                .collect();
            let processes = self.processes();
            if files.is_empty() && processes.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "left behind: {files:?}\n{}", processes.join("\n"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // After a failed test: its parts end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(200).collect()
}

/// The part of the hints under a heading.
fn part<'a>(hints: &'a str, heading: &str) -> &'a str {
    let start = hints.find(heading).unwrap_or_else(|| panic!("no `{heading}` in\n{hints}"));
    let rest = &hints[start..];
    rest.split("\n\n").next().unwrap_or(rest)
}

fn shell(script: &str) -> Output {
    let output =
        Command::new("sh").args(["-e", "-c", script]).stdin(Stdio::null()).output().expect("sh runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let shown = format!("{script}\n{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}:\n{shown}", output.status);
    output
}

fn have(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|output| output.status.success())
}

#[test]
fn the_demo_ends_well_and_leaves_nothing() {
    let mut run = Run::start("demo");
    let mut output = String::new();
    run.child.stdout.take().expect("piped").read_to_string(&mut output).expect("text");
    let errors = run.errors();
    let status = run.child.wait().expect("it ends");
    assert!(status.success(), "{status}\n{output}\n{errors}");
    let life = [
        ". Create: ",
        "$ kill -9 ",
        ". Ready: ",
        "✓ there is one store in AWS, and not two",
        ". Update: ",
        "✓ AWS has the new description",
        ". Drift: ",
        "✓ the description in AWS is that of the spec again",
        ". Delete: ",
        "✓ the store is gone",
        "✓ the other store is there",
        "✓ one store was created, updated once and corrected once",
    ];
    let mut rest = output.as_str();
    for step in life {
        let at = rest.find(step).unwrap_or_else(|| panic!("no `{step}` where it belongs in\n{output}"));
        rest = &rest[at + step.len()..];
    }
    assert!(!output.contains('\x1b'), "colour without a terminal:\n{output}");
    run.nothing_is_left();
}

#[test]
fn what_the_sandbox_says_to_try_works_and_ctrl_c_ends_it() {
    let mut run = Run::start("sandbox");
    let hints = run.hints();
    let setup = part(&hints, "# kubectl and helm");
    let parts = ["# 1. ", "# 2. ", "# 3. ", "# A new store"].map(|heading| part(&hints, heading));
    let script = [&[setup], &parts[..]].concat().join("\n");
    let output = shell(&format!("{script}\nhelm list --all-namespaces"));
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    for shown in ["genomes created", "ReadSets", "another", "sequencestore-operator-"] {
        assert!(output.contains(shown), "no `{shown}` in\n{output}");
    }
    let left = output.lines().find(|line| line.starts_with('[')).unwrap_or_default();
    assert!(left.contains("archive") && !left.contains("genomes"), "stores after the deletion: {left}");
    if have("aws") {
        let output = shell(part(&hints, "# AWS, with the AWS CLI"));
        assert!(String::from_utf8_lossy(&output.stdout).contains("archive"));
    }
    for program in ["sequencestore-operator", "etcd", "kube-apiserver"] {
        assert!(run.runs(program), "{program} is not found among\n{}", run.processes().join("\n"));
    }
    run.signal("-INT");
    let status = run.child.wait().expect("it ends");
    assert!(status.success(), "{status}: {}", run.errors());
    run.nothing_is_left();
}

#[test]
fn a_sandbox_that_is_killed_leaves_no_process() {
    let mut run = Run::start("sandbox");
    run.hints();
    assert!(run.runs("sequencestore-operator"));
    run.signal("-KILL");
    run.child.wait().expect("it ends");
    let end = Instant::now() + Duration::from_secs(15);
    while !run.processes().is_empty() {
        assert!(Instant::now() < end, "left behind:\n{}", run.processes().join("\n"));
        std::thread::sleep(Duration::from_millis(100));
    }
}
