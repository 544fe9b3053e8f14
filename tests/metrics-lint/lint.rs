//! Runs the checker of metrics over a page. Used by `metrics` and `e2e`.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// The number of series, or what is wrong with the page.
pub fn check(page: &str) -> Result<usize, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/metrics-lint");
    let mut program = control_plane::go(&source)
        .map_err(|error| error.to_string())?
        .args(["run", "."])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut input) = program.stdin.take() {
        // A checker that does not build reads nothing; its own words follow.
        let _ = input.write_all(page.as_bytes());
    }
    let output = program.wait_with_output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let series = text.split_whitespace().next().and_then(|number| number.parse().ok());
    series
        .filter(|_| output.status.success())
        .ok_or_else(|| format!("{text}{}\n{page}", String::from_utf8_lossy(&output.stderr)))
}
