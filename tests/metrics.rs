//! Every metric is as promtool wants it. Runs the checker in `metrics-lint`, a Go program.

#[path = "metrics-lint/lint.rs"]
mod lint;

use sequencestore_operator::metrics_example;

#[test]
fn promtool_finds_a_page_with_every_metric_clean() {
    let series = lint::check(&metrics_example()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(series > 30, "only {series} series");
}
