//! `crd`: prints the CustomResourceDefinition as YAML. I/O: standard output.

use std::process::ExitCode;

use super::output::print;
use crate::crd::crd_yaml;

pub(super) const EXAMPLES: &str = "\
Example:
  {bin} crd | kubectl apply --server-side -f -";

pub(super) fn execute() -> Result<ExitCode, String> {
    print(&crd_yaml().map_err(|e| e.to_string())?)?;
    Ok(ExitCode::SUCCESS)
}
