//! Runs the Go tests of the status-contract checker: it accepts good versions, rejects each kind of bad one, and Argo CD
//! and Flux accept our examples. The end-to-end tests run the checker over real versions.

use std::path::Path;
use std::process::Command;

fn source() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/status-contract")
}

#[test]
fn the_checker_passes_its_own_tests() {
    let output = control_plane::go(&source())
        .expect("Go is installed")
        .args(["test", "-vet=all", "./..."])
        .output()
        .expect("go runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn the_checker_is_formatted() {
    let root = control_plane::go(&source()).expect("Go is installed").args(["env", "GOROOT"]).output();
    let root = String::from_utf8(root.expect("go runs").stdout).expect("a path");
    let gofmt = Path::new(root.trim()).join("bin/gofmt");
    let output = Command::new(gofmt).arg("-l").arg(source()).output().expect("gofmt runs");
    let files = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && files.is_empty(), "not formatted by gofmt:\n{files}");
}
