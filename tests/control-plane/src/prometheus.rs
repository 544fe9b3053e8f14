//! Finds Prometheus and promtool in the cache, and builds them from the Go module `prometheus` when they are missing.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::go_build::{self, PROMETHEUS, Program};
use crate::{Error, Search};

/// The absolute paths of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrometheusBinaries {
    pub prometheus: PathBuf,
    pub promtool: PathBuf,
}

/// Finds the programs, and writes progress messages to standard error. Blocks, for minutes when it builds them. A control
/// plane does not need them, so only who asks for them waits.
///
/// # Errors
/// When the programs are not in the cache and cannot be built.
pub fn prometheus_binaries() -> Result<PrometheusBinaries, Error> {
    let Search { cache, go, .. } = Search::from_environment();
    let directory = cache.join(PROMETHEUS.key());
    let missing: Vec<&Program> =
        PROMETHEUS.programs.iter().filter(|program| !program.is_in(&directory)).collect();
    if !missing.is_empty() {
        let go = go.ok_or_else(|| go_build::go_missing(&missing, None))?;
        // Not eprintln!, because the test harness would hold its output back until the end of the test.
        let mut note = |note: &str| {
            let _ = writeln!(io::stderr(), "control-plane: {note}");
        };
        go_build::build(&PROMETHEUS, &missing, &directory, &go, &mut note)?;
    }
    Ok(PrometheusBinaries { prometheus: directory.join("prometheus"), promtool: directory.join("promtool") })
}
