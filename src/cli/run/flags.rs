//! Flags of `run`. Every one has an environment twin `SEQSTORE_<FLAG>`. No I/O.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cli::flags::{Pace, Place};
use crate::cli::values::{address, duration, log_level};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} run --region us-east-1
  {bin} run --watch-namespace lab --cluster-name production --log-format text

Kubernetes is found by KUBECONFIG, else from inside the cluster. AWS is found by the SDK's own
environment: credentials chain, AWS_REGION, AWS_ENDPOINT_URL_OMICS, AWS_ENDPOINT_URL_STS.";

/// Flags of `run`.
#[derive(Args, Debug)]
pub struct Run {
    /// Region and cluster name.
    #[command(flatten)]
    pub place: Place,

    /// Watch only this namespace; can be given several times; needs --cluster-name [default: all]
    #[arg(
        long = "watch-namespace",
        env = "SEQSTORE_WATCH_NAMESPACE",
        value_delimiter = ',',
        value_name = "NAMESPACE"
    )]
    pub watch_namespaces: Vec<String>,

    /// Times.
    #[command(flatten)]
    pub pace: Pace,

    /// How many objects are worked on at once
    #[arg(long, env = "SEQSTORE_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,

    /// Address of /healthz and /readyz; `:8081` means all addresses
    #[arg(long, env = "SEQSTORE_HEALTH_PROBE_BIND_ADDRESS", default_value = ":8081", value_parser = address)]
    pub health_probe_bind_address: SocketAddr,

    /// Form of the log
    #[arg(long, env = "SEQSTORE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,

    /// error, warn, info, debug or trace; or a filter such as `info,sequencestore_operator=debug`
    #[arg(long, env = "SEQSTORE_LOG_LEVEL", default_value = "info", value_parser = log_level)]
    pub log_level: String,

    /// How long a denial counts as IAM being slow before the object is reported as stalled
    #[arg(long, env = "SEQSTORE_DENIED_GRACE", default_value = "5m", value_parser = duration, hide = true)]
    pub denied_grace: Duration,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Run {
    /// What clap cannot check on one flag alone.
    ///
    /// # Errors
    /// One line that says what to set.
    pub fn check(&self) -> Result<(), String> {
        if !self.watch_namespaces.is_empty() && self.place.cluster_name.is_none() {
            return Err(
                "--watch-namespace needs --cluster-name: without a cluster-wide permission the cluster cannot be told \
                 from others by itself"
                    .into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{CalledAs, Command};

    fn run(args: &[&str]) -> Result<Run, String> {
        let line = ["sequencestore-operator", "run"].iter().chain(args);
        match CalledAs::Operator.parse(line.map(Into::into)).map_err(|e| e.to_string())? {
            Command::Run(run) => run.check().map(|()| *run),
            other => Err(format!("not run: {other:?}")),
        }
    }

    #[test]
    fn every_flag_has_an_environment_twin() {
        let command = CalledAs::Operator.command();
        let run = command.find_subcommand("run").expect("run");
        for argument in run.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help")) {
            let twin =
                format!("SEQSTORE_{}", argument.get_long().expect("long").to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|e| e.to_str()), Some(twin.as_str()));
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (args, hint) in [
            (&["--region", "Frankfurt"][..], "us-east-1"),
            (&["--poll-interval", "5"], "5m"),
            (&["--health-probe-bind-address", "8081"], ":8081"),
            (&["--watch-namespace", "a"], "--cluster-name"),
            (&["--log-level", "loud=very"], "debug"),
        ] {
            let error = run(args).expect_err("refused");
            assert!(error.contains(hint), "{args:?}: {error}");
        }
        assert_eq!(
            run(&["--health-probe-bind-address", ":1"]).expect("valid").health_probe_bind_address.port(),
            1
        );
    }
}
