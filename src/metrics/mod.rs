//! The figures of the process for Prometheus: counters that the rooms write, and the page that shows them. Knows only
//! strings and numbers. No I/O of its own but the figures of the kernel about the process.
//!
//! | file | holds |
//! |---|---|
//! | `aws`, `budget`, `rest_client` | requests to AWS, the request budget, requests to the Kubernetes API server |
//! | `watches` | watches of the API server that fail |
//! | `account_bindings` | whether the roles of AccountBindings can be used |
//! | `credentials` | when the credentials in use expire |
//! | `regions` | how the stores of each region are observed |
//! | `reconcile`, `workqueue`, `leadership` | passes, the queue and the lease, under the names of controller-runtime and client-go |
//! | `objects` | series about objects, made when they are asked for: they cost nothing at rest and go with their object |
//! | `process`, `build_info` | the process and the program |
//! | `page` | all of it as text |
//! | `family` | gauges that are read when somebody asks, as one family with its labels |
//! | `bounded` | labels whose values come from outside |
//! | `reference` | `docs/metrics.md` |

mod account_bindings;
mod aws;
mod bounded;
mod budget;
mod build_info;
mod credentials;
mod family;
mod leadership;
mod objects;
mod page;
mod process;
mod reconcile;
mod reference;
mod regions;
mod rest_client;
mod watches;
mod workqueue;

use std::fmt;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub(crate) use account_bindings::AccountBindingSample;
pub(crate) use aws::{AwsRequests, Begun};
pub(crate) use budget::BudgetSample;
pub(crate) use credentials::CredentialsSample;
pub(crate) use objects::{Condition, Objects, ReadSets, Sample};
pub(crate) use page::{CONTENT_TYPE, Page};
pub(crate) use reconcile::{PassResult, Passes};
pub use reference::{metrics_example, metrics_reference};
pub(crate) use regions::RegionSample;
pub(crate) use rest_client::RestClient;
pub(crate) use watches::WatchSample;
pub(crate) use workqueue::{QueueSample, WorkQueue};

/// Name of the one controller and its queue, as controller-runtime would call it.
const CONTROLLER: &str = "sequencestore";

/// What the rooms write. Handed down; there is no global registry.
pub struct Metrics {
    registry: Registry,
    pub(crate) aws: AwsRequests,
    pub(crate) rest_client: RestClient,
    pub(crate) passes: Passes,
    pub(crate) workqueue: WorkQueue,
    pub(crate) leadership: leadership::Leadership,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let registered = &mut registry;
        Self {
            passes: Passes::register(registered),
            workqueue: WorkQueue::register(registered),
            rest_client: RestClient::register(registered),
            leadership: leadership::Leadership::register(registered),
            aws: AwsRequests::register(registered),
            registry,
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

/// Histograms in seconds, one for each set of labels.
type Timings<L> = Family<L, Histogram, fn() -> Histogram>;
