//! The command line. Every flag of `run` has an environment twin `SEQSTORE_<FLAG>`. No I/O.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::desired::parse_duration;

/// Makes AWS HealthOmics sequence stores declarative on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "sequencestore-operator", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sequencestore-operator crd | kubectl apply --server-side -f -
  sequencestore-operator run --region us-east-1

Kubernetes is found by KUBECONFIG, else from inside the cluster. AWS is found by the SDK's own
environment: credentials chain, AWS_REGION, AWS_ENDPOINT_URL_OMICS, AWS_ENDPOINT_URL_STS.";

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT
    Run(Run),
    /// Print the CustomResourceDefinition as YAML
    Crd,
}

/// Flags of `run`.
#[derive(Args, Debug)]
pub struct Run {
    /// Region of objects that name none [default: the AWS environment's]
    #[arg(long, env = "SEQSTORE_REGION", value_parser = region)]
    pub region: Option<String>,

    /// Name of this cluster in the owner tags of stores; needed with --watch-namespace
    /// [default: the uid of namespace kube-system]
    #[arg(long, env = "SEQSTORE_CLUSTER_NAME", value_parser = cluster_name)]
    pub cluster_name: Option<String>,

    /// Watch only this namespace; can be given several times [default: all]
    #[arg(
        long = "watch-namespace",
        env = "SEQSTORE_WATCH_NAMESPACE",
        value_delimiter = ',',
        value_name = "NAMESPACE"
    )]
    pub watch_namespaces: Vec<String>,

    /// Time between two looks at a settled store, such as 30s, 5m or 1h
    #[arg(long, env = "SEQSTORE_POLL_INTERVAL", default_value = "5m", value_parser = duration)]
    pub poll_interval: Duration,

    /// How long AWS's List, tags and Get may lag behind a write; a create whose outcome is unknown is
    /// repeated only after it
    #[arg(long, env = "SEQSTORE_CREATE_GRACE", default_value = "60s", value_parser = duration)]
    pub create_grace: Duration,

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
        if !self.watch_namespaces.is_empty() && self.cluster_name.is_none() {
            return Err(
                "--watch-namespace needs --cluster-name: without a cluster-wide permission the cluster cannot be told \
                 from others by itself"
                    .into(),
            );
        }
        Ok(())
    }
}

/// What is wrong with a command line, in one line; none where help or the version was asked for.
#[must_use]
pub fn mistake(error: &clap::Error) -> Option<String> {
    use clap::error::ErrorKind as E;
    if let E::DisplayHelp | E::DisplayVersion | E::DisplayHelpOnMissingArgumentOrSubcommand = error.kind() {
        return None;
    }
    let text = error.to_string();
    let said = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let said: Vec<&str> = said.flat_map(str::split_whitespace).collect();
    Some(said.join(" ").trim_start_matches("error: ").to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "write a whole number of s, m or h, such as 30s, 5m or 1h".into())
}

fn region(text: &str) -> Result<String, String> {
    let form = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_region =
        text.contains('-') && text.chars().all(form) && text.ends_with(|c: char| c.is_ascii_digit());
    is_region
        .then(|| text.to_owned())
        .ok_or_else(|| "write the code of an AWS region, such as us-east-1".into())
}

fn cluster_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    let fits = !text.is_empty() && text.chars().count() <= 256 && text.chars().all(allowed);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "it becomes the value of a tag: 1 to 256 letters, digits, spaces and _ . : / = + - @".into()
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    full.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8081 or :8081".into())
}

fn log_level(text: &str) -> Result<String, String> {
    text.parse::<tracing_subscriber::filter::Targets>()
        .map(|_| text.to_owned())
        .map_err(|_| "write error, warn, info, debug or trace".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run(args: &[&str]) -> Result<Run, String> {
        let line = ["sequencestore-operator", "run"].iter().chain(args);
        match Cli::try_parse_from(line).map_err(|e| e.to_string())?.command {
            Command::Run(run) => run.check().map(|()| run),
            Command::Crd => Err("not run".into()),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_twin() {
        let command = Cli::command();
        let run = command.find_subcommand("run").expect("run");
        for argument in run.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help")) {
            let twin =
                format!("SEQSTORE_{}", argument.get_long().expect("long").to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|e| e.to_str()), Some(twin.as_str()));
        }
    }

    #[test]
    fn a_mistake_is_one_line_and_help_is_none() {
        let error = |args: &[&str]| Cli::try_parse_from(args).expect_err("refused");
        let line = mistake(&error(&["sequencestore-operator", "run", "--regio", "x"])).expect("a mistake");
        assert_eq!(line, "unexpected argument '--regio' found tip: a similar argument exists: '--region'");
        for asked in [&["sequencestore-operator", "--help"][..], &["sequencestore-operator", "-V"]] {
            assert_eq!(mistake(&error(asked)), None);
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
