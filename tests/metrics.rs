//! `docs/metrics.md` is what the code generates, and every metric is as promtool wants it. Writes the page if
//! `SEQSTORE_WRITE_DOCS` is set.

#[path = "metrics-lint/lint.rs"]
mod lint;

use std::fs;
use std::path::{Path, PathBuf};

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
