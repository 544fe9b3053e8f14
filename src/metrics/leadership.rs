//! Whether this process leads, under the name of client-go. No I/O.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Lease {
    name: String,
}

#[derive(Debug)]
pub(crate) struct Leadership {
    status: Family<Lease, Gauge>,
}

impl Leadership {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let leadership = Self { status: Family::default() };
        registry.register(
            "leader_election_master_status",
            "Whether this process holds the lease of that name: 1, or 0 while it stands by. Absent without leader election",
            leadership.status.clone(),
        );
        leadership
    }

    pub(crate) fn set(&self, lease: &str, leads: bool) {
        self.status.get_or_create_owned(&Lease { name: lease.to_owned() }).set(leads.into());
    }
}
