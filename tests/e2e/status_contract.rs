//! Runs the checker in `tests/status-contract` over every recorded version: kstatus, Flux's checks and Argo CD's Lua
//! engine judge each of them.

use std::path::Path;
use std::process::Command;

use sequencestore_operator::{BINDING_REASONS, Reason};

use crate::world::{Error, ensure};

/// Names a file to which the recording is copied, for use after the run.
const COPY: &str = "SEQSTORE_STATUS_VERSIONS";

/// Builds the checker and runs it over the recording.
pub fn check(recorded: &Path, directory: &Path) -> Result<(), Error> {
    if let Some(copy) = std::env::var_os(COPY).filter(|copy| !copy.is_empty()) {
        std::fs::copy(recorded, copy)?;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checker = directory.join("status-contract");
    let built = control_plane::go(&root.join("tests/status-contract"))?
        .args(["build", "-o"])
        .arg(&checker)
        .arg(".")
        .output()?;
    ensure!(
        built.status.success(),
        "the checker does not build:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );

    let reasons = Reason::ALL.map(Reason::as_str).join(",");
    let bindings = BINDING_REASONS.map(|row| row.reason);
    let status = Command::new(checker)
        .arg(format!("-reasons={reasons}"))
        .arg(format!("-binding-reasons={}", bindings.join(",")))
        .arg("-examples")
        .arg(root.join("examples"))
        .arg(recorded)
        .status()?;
    ensure!(status.success(), "a version breaks the status contract: see above ({status})");
    Ok(())
}
