//! `docs/metrics.md` is what the code generates, and every metric is as promtool wants it. Writes the page if
//! `SEQSTORE_WRITE_DOCS` is set.

#[path = "metrics-lint/lint.rs"]
mod lint;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sequencestore_operator::{metrics_example, metrics_reference};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_reference_of_metrics_is_up_to_date() {
    let (name, generated) = ("docs/metrics.md", metrics_reference());
    if std::env::var_os("SEQSTORE_WRITE_DOCS").is_some() {
        fs::write(path(name), &generated).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let found = fs::read_to_string(path(name)).unwrap_or_default();
    assert!(generated == found, "{name} is out of date: run `make docs` and commit the result");
}

#[test]
fn promtool_finds_a_page_with_every_metric_clean() {
    let series = lint::check(&metrics_example()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(series > 30, "only {series} series");
}

#[test]
fn the_checker_passes_its_own_tests() {
    let output = control_plane::go(&path("tests/metrics-lint"))
        .expect("Go is installed")
        .args(["test", "-vet=all", "./..."])
        .output()
        .expect("go runs");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn the_checker_is_formatted() {
    let source = path("tests/metrics-lint");
    let root = control_plane::go(&source).expect("Go is installed").args(["env", "GOROOT"]).output();
    let root = String::from_utf8(root.expect("go runs").stdout).expect("a path");
    let gofmt = Path::new(root.trim()).join("bin/gofmt");
    let output = Command::new(gofmt).arg("-l").arg(source).output().expect("gofmt runs");
    let files = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && files.is_empty(), "not formatted by gofmt:\n{files}");
}
