//! Flags of the leader election, and where its Lease is. I/O: reads the Pod's environment and the file of its namespace.

use std::time::Duration;

use clap::{ArgAction, Args};

use crate::cli::defaults;
use crate::cli::values::{duration, namespace, object_name};
use crate::controller::leadership::{LONGEST_DURATION, LeasePlace, Timing};

/// Where Kubernetes tells a container its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// The Pod's namespace, where the manifest of the Pod sets it.
const NAMESPACE_VARIABLE: &str = "POD_NAMESPACE";

#[derive(Args, Debug)]
pub(super) struct LeaderElectionFlags {
    /// Work only while holding a Lease, so that several replicas can run and one of them works
    #[arg(
        long = "leader-elect",
        env = "SEQSTORE_LEADER_ELECT",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        value_name = "true|false",
        hide_possible_values = true
    )]
    pub(super) is_on: bool,

    /// Namespace of the Lease [default: the Pod's namespace]
    #[arg(long = "leader-election-namespace", env = "SEQSTORE_LEADER_ELECTION_NAMESPACE", value_parser = namespace, value_name = "NAMESPACE")]
    namespace: Option<String>,

    /// Name of the Lease: the same for all replicas of one installation, another one for each installation in the namespace
    #[arg(long = "leader-election-lease-name", env = "SEQSTORE_LEADER_ELECTION_LEASE_NAME", default_value = defaults::LEASE_NAME, value_parser = object_name, value_name = "NAME")]
    name: String,

    /// How long the other replicas leave the Lease to a holder that does not renew it
    #[arg(long = "leader-election-lease-duration", env = "SEQSTORE_LEADER_ELECTION_LEASE_DURATION", default_value = defaults::LEASE_DURATION, value_parser = duration, hide = true)]
    lease_duration: Duration,

    /// How long a replica works after it renewed the Lease
    #[arg(long = "leader-election-renew-deadline", env = "SEQSTORE_LEADER_ELECTION_RENEW_DEADLINE", default_value = defaults::LEASE_RENEW_DEADLINE, value_parser = duration, hide = true)]
    renew_deadline: Duration,

    /// Time between two renewals
    #[arg(long = "leader-election-retry-period", env = "SEQSTORE_LEADER_ELECTION_RETRY_PERIOD", default_value = defaults::LEASE_RETRY_PERIOD, value_parser = duration, hide = true)]
    retry_period: Duration,
}

impl LeaderElectionFlags {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.lease_duration > LONGEST_DURATION {
            let longest = LONGEST_DURATION.as_secs();
            return Err(format!("--leader-election-lease-duration is at most {longest}s"));
        }
        if self.renew_deadline >= self.lease_duration {
            return Err(
                "--leader-election-renew-deadline must be shorter than --leader-election-lease-duration: a \
                        replica stops before another one begins"
                    .into(),
            );
        }
        if self.retry_period >= self.renew_deadline {
            return Err(
                "--leader-election-retry-period must be shorter than --leader-election-renew-deadline".into(),
            );
        }
        Ok(())
    }

    pub(super) fn timing(&self) -> Timing {
        let Self { lease_duration, renew_deadline, retry_period, .. } = *self;
        Timing { lease_duration, renew_deadline, retry_period }
    }

    /// None without an election.
    ///
    /// # Errors
    /// Where nothing says in which namespace the Lease is.
    pub(super) fn place(&self, identity: String) -> Result<Option<LeasePlace>, String> {
        if !self.is_on {
            return Ok(None);
        }
        let of_pod = || std::env::var(NAMESPACE_VARIABLE).ok().filter(|name| !name.is_empty());
        let of_file = || std::fs::read_to_string(NAMESPACE_FILE).ok().map(|name| name.trim().to_owned());
        let known = self.namespace.clone().or_else(of_pod).or_else(of_file).filter(|name| !name.is_empty());
        match known {
            Some(namespace) => Ok(Some(LeasePlace { namespace, name: self.name.clone(), identity })),
            None => Err(format!(
                "--leader-elect: the namespace of the Lease is not known outside of a Pod: set \
                 --leader-election-namespace, or {NAMESPACE_VARIABLE}"
            )),
        }
    }
}
