//! Proves that the demo and the sandbox work as a user runs them, and that they leave no process and no file behind.
//! Starts real control planes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const DEMO: &str = env!("CARGO_BIN_EXE_demo");
/// The start of the last line that the sandbox prints.
const LAST_HINT: &str = "# Ctrl-C here";

/// A run of the demo with its own temporary directory. Every process of the run has this directory in its command line
/// or environment.
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

    /// Reads what the sandbox prints, up to its last hint. The sandbox continues to run.
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
            // Fails if the test has already timed out.
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

    /// The processes of this run, without the test itself.
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
    fn assert_nothing_is_left(&self) {
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
        // After a failed test, the guardians stop everything else.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shortened(line: &str) -> String {
    line.chars().take(200).collect()
}

/// The paragraph of the hints that starts with `heading`.
fn paragraph<'a>(hints: &'a str, heading: &str) -> &'a str {
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

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    found.is_ok_and(|output| output.status.success())
}

#[test]
fn the_demo_passes_all_its_checks_and_leaves_nothing_behind() {
    let mut run = Run::start("demo");
    let mut output = String::new();
    run.child.stdout.take().expect("piped").read_to_string(&mut output).expect("text");
    let errors = run.errors();
    let status = run.child.wait().expect("it ends");
    assert!(status.success(), "{status}\n{output}\n{errors}");
    let expected = [
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
    for text in expected {
        let at = rest.find(text).unwrap_or_else(|| panic!("`{text}` is missing or too early in\n{output}"));
        rest = &rest[at + text.len()..];
    }
    assert!(!output.contains('\x1b'), "colour without a terminal:\n{output}");
    run.assert_nothing_is_left();
}

#[test]
fn the_commands_of_the_sandbox_work_and_ctrl_c_removes_everything() {
    let mut run = Run::start("sandbox");
    let hints = run.hints();
    let setup = paragraph(&hints, "# kubectl, its plugin");
    let steps =
        ["# 1. ", "# 2. ", "# 3. ", "# 4. ", "# A new store"].map(|heading| paragraph(&hints, heading));
    // The first plan has something to do, which its exit code says.
    let plan = |line: &str| match line.starts_with("kubectl seqstore plan") {
        true => format!("{line} || test $? = 1\n"),
        false => format!("{line}\n"),
    };
    let script: String = [&[setup], &steps[..]].concat().join("\n").lines().map(plan).collect();
    let output = shell(&format!("{script}\nhelm list --all-namespaces"));
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    for shown in ["omics:TagResource", "sandbox created", "ReadSets", "another", "sequencestore-operator-"] {
        assert!(output.contains(shown), "no `{shown}` in\n{output}");
    }
    let left = output.lines().find(|line| line.starts_with('[')).unwrap_or_default();
    assert!(left.contains("archive") && !left.contains("genomes"), "stores after the deletion: {left}");
    if is_installed("aws") {
        let output = shell(&format!("{setup}\n{}", paragraph(&hints, "# AWS, with the AWS CLI")));
        assert!(String::from_utf8_lossy(&output.stdout).contains("archive"));
    }
    for program in ["sequencestore-operator", "etcd", "kube-apiserver"] {
        assert!(run.runs(program), "{program} is not among\n{}", run.processes().join("\n"));
    }
    run.signal("-INT");
    let status = run.child.wait().expect("it ends");
    assert!(status.success(), "{status}: {}", run.errors());
    run.assert_nothing_is_left();
}

/// The README's own commands, beside the sandbox's.
#[test]
fn the_examples_of_the_readme_work_in_the_sandbox() {
    let mut run = Run::start("sandbox");
    let hints = run.hints();
    let setup = paragraph(&hints, "# kubectl, its plugin");
    let first = paragraph(&hints, "# 1. ").lines().filter(|line| !line.contains("seqstore plan"));
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).expect("a README");
    let fenced = |start: &str, language: &str| {
        let part = readme.split(start).nth(1).unwrap_or_else(|| panic!("no `{start}`"));
        let fence = format!("```{language}\n");
        let block = part.split(&fence[..]).nth(1).and_then(|rest| rest.split("```").next());
        block.unwrap_or_else(|| panic!("no {language} after `{start}`")).to_owned()
    };
    let directory = run.temporary.path().join("readme");
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("genomes.yaml"), fenced("## First object", "yaml")).expect("written");
    let plugin = fenced("## Command line", "console");
    // An exit code of 1 says that there is something to do.
    let plugin: String = plugin.lines().map(|line| format!("{line} || test $? = 1\n")).collect();
    let script = [
        setup.to_owned(),
        first.collect::<Vec<_>>().join("\n"),
        format!("cd {}", directory.display()),
        fenced("## First object", "console"),
        plugin,
        fenced("## Annotations", "console"),
        "kubectl __complete seqstore pl".into(),
    ];
    let output = shell(&script.join("\n"));
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    for shown in ["sandbox created", "genomes created", "omics:DeleteSequenceStore", "genomes-2026", "plan\t"]
    {
        assert!(output.contains(shown), "no `{shown}` in\n{output}");
    }
    fs::remove_dir_all(&directory).expect("removed");
    run.signal("-INT");
    assert!(run.child.wait().expect("it ends").success(), "{}", run.errors());
    run.assert_nothing_is_left();
}

#[test]
fn killing_the_sandbox_leaves_no_process_behind() {
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
