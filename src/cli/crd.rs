//! `crd`: prints a CustomResourceDefinition as YAML. I/O: standard output.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::output::print;
use crate::crd::{account_binding_crd, crd, crd_yaml};

pub(super) const EXAMPLES: &str = "\
Examples:
  {bin} crd | kubectl apply --server-side -f -
  {bin} crd accountbindings";

#[derive(Args, Clone, Debug)]
pub struct CrdFlags {
    /// Which one. That of AccountBindings belongs only where the operator runs with --account-bindings: any other operator
    /// does not read them
    #[arg(value_enum, default_value = "sequencestores")]
    resource: Resource,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Resource {
    Sequencestores,
    Accountbindings,
}

pub(super) fn execute(flags: &CrdFlags) -> Result<ExitCode, String> {
    let definition = match flags.resource {
        Resource::Sequencestores => crd(),
        Resource::Accountbindings => account_binding_crd(),
    };
    print(&crd_yaml(&definition).map_err(|e| e.to_string())?)?;
    Ok(ExitCode::SUCCESS)
}
