//! Finds Prometheus and promtool in the cache, and builds them from the Go module `prometheus` when they are missing.

use std::path::PathBuf;

use crate::binaries::to_stderr;
use crate::go_build::{PROMETHEUS, Program};
use crate::{Error, Search};

/// The paths of the programs.
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
    let search = Search::from_environment();
    let directory = search.build_directory(&PROMETHEUS);
    let missing: Vec<&Program> =
        PROMETHEUS.programs.iter().filter(|program| !program.is_in(&directory)).collect();
    search.build(&PROMETHEUS, &missing, None, &mut to_stderr)?;
    Ok(PrometheusBinaries { prometheus: directory.join("prometheus"), promtool: directory.join("promtool") })
}
