//! The Go programs of the tests pass their own tests and are formatted: the checker of the status contract accepts good
//! versions and rejects each kind of bad one, and that of metrics finds each kind of bad page. Runs Go.

use std::path::{Path, PathBuf};
use std::process::Command;

fn source(program: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(program)
}

fn passes_its_own_tests(program: &str) {
    let output = control_plane::go(&source(program))
        .expect("Go is installed")
        .args(["test", "-vet=all", "./..."])
        .output()
        .expect("go runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

fn is_formatted(program: &str) {
    let source = source(program);
    let root = control_plane::go(&source).expect("Go is installed").args(["env", "GOROOT"]).output();
    let root = String::from_utf8(root.expect("go runs").stdout).expect("a path");
    let gofmt = Path::new(root.trim()).join("bin/gofmt");
    let output = Command::new(gofmt).arg("-l").arg(source).output().expect("gofmt runs");
    let files = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && files.is_empty(), "not formatted by gofmt:\n{files}");
}

#[test]
fn the_checker_of_the_status_contract_passes_its_own_tests() {
    passes_its_own_tests("status-contract");
}

#[test]
fn the_checker_of_the_status_contract_is_formatted() {
    is_formatted("status-contract");
}

#[test]
fn the_checker_of_metrics_passes_its_own_tests() {
    passes_its_own_tests("metrics-lint");
}

#[test]
fn the_checker_of_metrics_is_formatted() {
    is_formatted("metrics-lint");
}

#[test]
fn the_reader_of_monitors_is_formatted() {
    is_formatted("chart/monitoring");
}
