//! `crd`: prints the CustomResourceDefinition. I/O: standard output.

use std::process::ExitCode;

use super::print;
use crate::crd::crd_yaml;

/// Prints it as YAML.
///
/// # Errors
/// None in practice.
pub fn crd() -> Result<ExitCode, String> {
    print(&crd_yaml().map_err(|e| e.to_string())?);
    Ok(ExitCode::SUCCESS)
}
