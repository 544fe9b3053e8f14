//! Flags of `run`. Each can also be set by an environment variable, `SEQSTORE_<FLAG>`. No I/O.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::leader_election::LeaderElectionFlags;
use crate::aws::{Operation, Quotas};
use crate::cli::defaults;
use crate::cli::shared_flags::{DeletionFlags, PlaceFlags, QuotaFlags, TimingFlags};
use crate::cli::values::{
    OptionalAddress, address, duration, log_level, optional_address, share, watched_namespace,
};
use crate::controller::{SweepPace, TenancySettings};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  {bin} run --region us-east-1
  {bin} run --watch-namespace lab --cluster-name production --log-format text

Kubernetes: the connection comes from KUBECONFIG, ~/.kube/config or, inside a cluster, the Pod's ServiceAccount.
AWS: credentials, region and endpoints come from the AWS SDK's default credential chain and from AWS_REGION,
AWS_ENDPOINT_URL_OMICS and AWS_ENDPOINT_URL_STS; docs/networks.md explains proxies, VPC endpoints and more.
Traces: sent by OTLP over HTTP where OTEL_EXPORTER_OTLP_ENDPOINT names a collector; docs/monitoring.md explains them.";

#[derive(Args, Debug)]
pub struct RunFlags {
    #[command(flatten)]
    pub(super) place: PlaceFlags,

    /// Watch only this namespace; repeatable or comma-separated; requires --cluster-name [default: all namespaces]
    #[arg(
        long = "watch-namespace",
        env = "SEQSTORE_WATCH_NAMESPACE",
        value_delimiter = ',',
        value_parser = watched_namespace,
        value_name = "NAMESPACE"
    )]
    watch_namespaces: Vec<String>,

    /// Read AccountBindings, which make namespaces act with roles of their own; the operator must be allowed to list and
    /// watch them
    #[arg(
        long,
        env = "SEQSTORE_ACCOUNT_BINDINGS",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "true|false",
        hide_possible_values = true
    )]
    account_bindings: bool,

    /// Make no AWS calls for objects in namespaces without an AccountBinding; requires --account-bindings
    #[arg(
        long,
        env = "SEQSTORE_REQUIRE_ACCOUNT_BINDING",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "true|false",
        hide_possible_values = true
    )]
    require_account_binding: bool,

    #[command(flatten)]
    pub(super) timing: TimingFlags,

    /// Time between two counts of the read sets of a store whose object has spec.observeReadSets, such as 30m or 6h
    #[arg(long, env = "SEQSTORE_READ_SET_POLL_INTERVAL", default_value = defaults::READ_SET_POLL_INTERVAL, value_parser = duration, value_name = "TIME")]
    pub(super) read_set_poll_interval: Duration,

    #[command(flatten)]
    pub(super) deletion: DeletionFlags,

    #[command(flatten)]
    pub(super) quotas: QuotaFlags,

    /// Share of the AWS request quotas for reads that nobody waits for, above 0 and at most 1
    #[arg(long, env = "SEQSTORE_BACKGROUND_SHARE", default_value = defaults::BACKGROUND_SHARE, value_parser = share, value_name = "SHARE")]
    pub(super) background_share: f64,

    /// How many objects to reconcile at the same time, 1 to 256
    #[arg(long, env = "SEQSTORE_CONCURRENCY", default_value_t = defaults::CONCURRENCY, value_parser = clap::value_parser!(u16).range(1..=256), value_name = "NUMBER")]
    pub(super) concurrency: u16,

    #[command(flatten)]
    pub(super) leader_election: LeaderElectionFlags,

    /// Address that serves /healthz and /readyz; `:8081` listens on all IPv6 and IPv4 addresses
    #[arg(long, env = "SEQSTORE_HEALTH_PROBE_BIND_ADDRESS", default_value = defaults::HEALTH_PROBE_BIND_ADDRESS, value_parser = address, value_name = "ADDRESS")]
    pub(super) health_probe_bind_address: SocketAddr,

    /// Address that serves /metrics; `:8080` listens on all IPv6 and IPv4 addresses, `off` or `0` serves no metrics
    #[arg(long, env = "SEQSTORE_METRICS_BIND_ADDRESS", default_value = defaults::METRICS_BIND_ADDRESS, value_parser = optional_address, value_name = "ADDRESS")]
    pub(super) metrics_bind_address: OptionalAddress,

    /// Whether /metrics has series for each object, besides the sums
    #[arg(long, env = "SEQSTORE_METRICS_PER_OBJECT", default_value_t = true, action = ArgAction::Set, value_name = "true|false")]
    pub(super) metrics_per_object: bool,

    /// Log format
    #[arg(long, env = "SEQSTORE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,

    /// Log level: error, warn, info, debug, trace or off; or a filter such as `info,sequencestore_operator=debug`
    #[arg(long, env = "SEQSTORE_LOG_LEVEL", default_value = defaults::LOG_LEVEL, value_parser = log_level, value_name = "LEVEL")]
    pub(super) log_level: String,

    /// How long a denied call may be due to IAM's eventual consistency; the object is Stalled after that
    #[arg(long, env = "SEQSTORE_DENIED_GRACE", default_value = defaults::DENIED_GRACE, value_parser = duration, hide = true)]
    pub(super) denied_grace: Duration,

    /// From so many settled objects on, one List for a hundred stores may take the place of a Get for each of them
    #[arg(long, env = "SEQSTORE_LIST_FROM", default_value_t = defaults::LIST_FROM, value_name = "OBJECTS", hide = true)]
    pub(super) list_from: usize,

    /// How long AWS may throttle the calls for an object before its conditions show it, if they report its generation
    #[arg(long, env = "SEQSTORE_THROTTLED_GRACE", default_value = defaults::THROTTLED_GRACE, value_parser = duration, hide = true)]
    pub(super) throttled_grace: Duration,

    /// How long the API server lets a watch run. Shorter than the 240 s after which load balancers in front of API servers
    /// drop idle connections
    #[arg(long, env = "SEQSTORE_WATCH_TIMEOUT", default_value = defaults::WATCH_TIMEOUT, value_parser = duration, hide = true)]
    pub(super) watch_timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LogFormat {
    /// One JSON object per line
    Json,
    /// Lines for people
    Text,
}

impl RunFlags {
    /// The namespaces to watch, each once; none for all.
    pub(super) fn namespaces(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        self.watch_namespaces.iter().filter(|name| seen.insert(*name)).cloned().collect()
    }

    pub(super) fn quotas(&self) -> Quotas {
        Quotas { background_share: self.background_share, ..self.quotas.quotas() }
    }

    pub(super) fn tenancy(&self) -> TenancySettings {
        TenancySettings { is_on: self.account_bindings, is_required: self.require_account_binding }
    }

    pub(super) fn sweep_pace(&self) -> SweepPace {
        let in_background = |operation| self.quotas().in_background(operation);
        SweepPace {
            interval: self.timing.poll_interval,
            gets_each_second: in_background(Operation::GetSequenceStore),
            policies_each_second: in_background(Operation::GetS3AccessPolicy),
            least_objects: self.list_from,
        }
    }

    /// Checks that depend on more than one flag.
    pub(super) fn check(&self) -> Result<(), String> {
        if !self.watch_namespaces.is_empty() && self.place.cluster_name.is_none() {
            // The operator reads the uid of kube-system only with a cluster-wide permission.
            return Err(
                "--watch-namespace requires --cluster-name: an operator that is limited to some namespaces \
                        cannot read the default, the uid of namespace kube-system"
                    .into(),
            );
        }
        if self.require_account_binding && !self.account_bindings {
            return Err("--require-account-binding requires --account-bindings: an operator that reads no AccountBindings \
                        would refuse every object"
                .into());
        }
        self.leader_election.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{CalledAs, Command};

    fn run(args: &[&str]) -> Result<RunFlags, String> {
        let line = ["sequencestore-operator", "run"].iter().chain(args);
        match CalledAs::Operator.parse(line.map(Into::into)).map_err(|e| e.to_string())? {
            Command::Run(run) => run.check().map(|()| *run),
            other => Err(format!("not run: {other:?}")),
        }
    }

    #[test]
    fn every_flag_can_be_set_by_an_environment_variable() {
        let command = CalledAs::Operator.command();
        let run = command.find_subcommand("run").expect("run");
        for argument in run.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help")) {
            let variable =
                format!("SEQSTORE_{}", argument.get_long().expect("long").to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|e| e.to_str()), Some(variable.as_str()));
        }
    }

    #[test]
    fn leader_election_is_off_unless_it_is_asked_for() {
        for (args, is_on) in [
            (&[][..], false),
            (&["--leader-elect"], true),
            (&["--leader-elect=true"], true),
            (&["--leader-elect=false"], false),
            (&["--leader-elect", "--leader-elect=false"], false),
            (&["--leader-elect", "--region=us-east-1"], true),
        ] {
            assert_eq!(run(args).expect("valid").leader_election.is_on, is_on, "{args:?}");
        }
    }

    #[test]
    fn a_namespace_given_twice_is_watched_once() {
        let flags =
            run(&["--watch-namespace=b,a", "--watch-namespace=b", "--cluster-name=c"]).expect("valid");
        assert_eq!(flags.namespaces(), ["b", "a"]);
    }

    #[test]
    fn the_default_shares_of_the_flags_are_those_of_the_request_budget() {
        assert_eq!(run(&[]).expect("valid").quotas(), Quotas::default());
    }

    #[test]
    fn quotas_of_the_account_replace_those_of_aws() {
        let flags = run(&["--quota=getSequenceStore=20,CreateSequenceStore=2", "--quota=TagResource=9"]);
        let quotas = flags.expect("valid").quotas.quotas();
        assert_eq!(quotas.of_account.values().copied().collect::<Vec<f64>>(), [20.0, 2.0, 9.0]);
        assert!((quotas.share - 0.8).abs() < 1e-9);
    }

    #[test]
    fn metrics_are_on_unless_they_are_turned_off() {
        let at = |args: &[&str]| run(args).expect("valid").metrics_bind_address.0.map(|at| at.to_string());
        assert_eq!(at(&[]).as_deref(), Some("[::]:8080"));
        assert_eq!(at(&["--metrics-bind-address=127.0.0.1:9"]).as_deref(), Some("127.0.0.1:9"));
        assert_eq!(at(&["--metrics-bind-address=0"]), None);
        assert_eq!(at(&["--metrics-bind-address=off"]), None);
        let per_object = |args: &[&str]| run(args).expect("valid").metrics_per_object;
        assert!(per_object(&[]) && !per_object(&["--metrics-per-object=false"]));
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        for (args, hint) in [
            (&["--region", "Frankfurt"][..], "us-east-1"),
            (&["--poll-interval", "5"], "5m"),
            (&["--health-probe-bind-address", "8081"], ":8081"),
            (&["--quota-share", "80"], "0.8"),
            (&["--background-share", "0"], "at most 1"),
            (&["--quota", "GetSequenceStor=20"], "operations: GetSequenceStore, ListTagsForResource"),
            (&["--quota", "GetSequenceStore"], "GetSequenceStore=20"),
            (&["--quota", "GetSequenceStore=0"], "GetSequenceStore=20"),
            (&["--metrics-bind-address", "8080"], ":8080"),
            (&["--metrics-bind-address", "on"], "off"),
            (&["--metrics-per-object", "no"], "false"),
            (&["--watch-namespace", "a"], "--cluster-name"),
            (&["--require-account-binding"], "--account-bindings"),
            (&["--log-level", "loud=very"], "debug"),
            (&["--log-level", "loud"], "debug"),
            (&["--log-level", "info,loud"], "debug"),
            (&["--log-level", ""], "debug"),
            (&["--watch-namespace=", "--cluster-name=a"], "all namespaces"),
            (&["--watch-namespace=lab,", "--cluster-name=a"], "all namespaces"),
            (&["--watch-namespace=Lab_", "--cluster-name=a"], "lower-case"),
            (&["--leader-elect=maybe"], "true"),
            (&["--leader-election-namespace=Lab"], "lower-case"),
            (&["--leader-election-lease-name=a_b"], "lower-case"),
            (&["--leader-election-lease-duration=10s"], "stops before another one begins"),
            (&["--leader-election-lease-duration=61s"], "at most 60s"),
            (&["--leader-election-retry-period=10s"], "shorter than --leader-election-renew-deadline"),
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
