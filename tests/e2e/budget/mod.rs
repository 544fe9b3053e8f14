//! The request budget: what the operator sends keeps within AWS's quotas, in the right order, and a storm of refusals is no
//! news.

pub mod namesakes;
pub mod order;
pub mod pace;
pub mod refused_credentials;
pub mod storm;

use healthomics_simulator::{Knobs, SimulatorClient};

use crate::world::{Error, Start};

/// An operator with AWS's own quotas and many passes at once: they wait for the budget, not for each other.
fn with_default_quotas(flags: &[&str]) -> Start {
    let environment = [("SEQSTORE_QUOTA", String::new())].into();
    let flags = flags.iter().chain(&["--concurrency=128"]).map(ToString::to_string).collect();
    Start { environment, flags, ..Start::default() }
}

/// From now on AWS enforces its quotas.
async fn enforce_quotas(aws: &SimulatorClient) -> Result<(), Error> {
    Ok(aws.set_knobs(&Knobs { quotas: true, ..Knobs::default() }).await?)
}
