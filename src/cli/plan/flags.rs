//! Flags of `plan`. No I/O.

use clap::{Args, ValueEnum};

use crate::cli::flags::{KubernetesFlags, Pace, Place};
use crate::cli::values::namespace;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} plan lab/genomes
  {bin} plan -n lab genomes
  {bin} plan -f genomes.yaml
  helm template my-stores | {bin} plan -f - -o json
  {bin} plan lab/genomes --delete

A plan is made as the operator makes it: by the same code, from the same read-only AWS calls, with these
credentials in place of the operator's. For a file it is the plan for the object in the cluster with the
file's spec in place of its own. Nothing is changed, in AWS or in Kubernetes; where the API server can be
asked, it checks the file by a dry run.

Exit code:
  0  nothing to do
  1  there are changes, or changes under way
  2  error: no plan could be made
  3  the operator cannot go on until somebody acts; the plan says what to do";

/// Flags of `plan`.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// Objects in the cluster
    #[arg(value_name = "[NAMESPACE/]NAME", required_unless_present = "files", conflicts_with = "files")]
    pub names: Vec<String>,

    /// Manifests instead of objects in the cluster; `-` is standard input; can be given several times
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub files: Vec<String>,

    /// Namespace of names and manifests that have none [default: the kubeconfig's]
    #[arg(short, long, value_parser = namespace)]
    pub namespace: Option<String>,

    /// What deleting the object would lead to
    #[arg(long, conflicts_with = "files")]
    pub delete: bool,

    /// Do not look into the cluster: plan as if the objects of the files were new in it
    #[arg(long, conflicts_with = "names")]
    pub offline: bool,

    /// Form of the plan
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,

    /// Region and cluster name.
    #[command(flatten)]
    pub place: Place,

    /// Times.
    #[command(flatten)]
    pub pace: Pace,

    /// The way to Kubernetes.
    #[command(flatten)]
    pub access: KubernetesFlags,
}

/// Form of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people; in colour on a terminal.
    Text,
    /// For programs.
    Json,
}
