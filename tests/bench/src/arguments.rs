//! The command line. No I/O.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the operator and a plain controller side by side.
///
/// Everything runs on this machine: a real API server, a simulator of AWS HealthOmics, and the programs under
/// measurement. Writes tables, plots and results.json. Takes at most 25 minutes on two cores; other load on the machine
/// distorts the figures.
#[derive(Parser, Clone, Debug)]
#[command(name = "bench", version)]
pub struct Arguments {
    /// A few minutes with at most 300 objects, to see that the measures work; writes to --output only if that is given
    #[arg(long)]
    pub quick: bool,

    /// Take only this measure; repeatable
    #[arg(long, value_enum, value_name = "MEASURE")]
    pub only: Vec<Measure>,

    /// Leave out the sizes with more objects than this
    #[arg(long, value_name = "OBJECTS")]
    pub most: Option<usize>,

    /// Directory for README.md, results.json and the plots [default: docs/benchmarks]
    #[arg(long, value_name = "DIRECTORY")]
    pub output: Option<PathBuf>,

    /// The operator to measure [default: the one in the directory of this program]
    #[arg(long, value_name = "FILE")]
    pub operator: Option<PathBuf>,

    /// Creations at the default quotas that run beside everything else; AWS allows one a second
    #[arg(long, default_value_t = 800, value_name = "COUNT")]
    pub creations: usize,

    /// Keep the logs of the measured programs in a temporary directory
    #[arg(long)]
    pub keep_logs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// From the start of a process to its first request
    ColdStart,
    /// Memory and CPU time by the number of objects, restarts, and pages of metrics
    Scale,
    /// Creation of many stores
    Creations,
    /// Many new objects for existing stores, at the default quotas
    NewObjects,
    /// What settled objects cost
    Rest,
    /// Changes behind the operator's back
    Drift,
    /// From the end of the leader to the first request of the other replica
    Failover,
    /// Refusals by AWS for some minutes
    Storm,
    /// AccountBindings: a role for each of many namespaces, beside the same objects without
    Bindings,
}

impl Arguments {
    pub fn wants(&self, measure: Measure) -> bool {
        self.only.is_empty() || self.only.contains(&measure)
    }
}
