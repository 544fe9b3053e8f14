//! HealthOmics and STS: every request the operator sends to AWS, and what it reads from the responses.
//! I/O.
//!
//! | file | holds |
//! |---|---|
//! | `client` | whoever calls AWS: an identity, and what all identities share, built from the environment |
//! | `clients`, `signing` | the SDK clients, one for each region; with whose credentials each call is signed |
//! | `call` | the one function that every request goes through: request budget, deadline, error class, metrics, log |
//! | `budget` | the request budget: every request waits in it for a token |
//! | `turn` | a token taken ahead, for a call that must leave at once |
//! | `fence` | keeps a replica that may no longer be the leader from changing anything |
//! | `required_members` | what each response must have; a 200 without it is no answer |
//! | `page` | the one loop over the pages of a listing |
//! | `operation`, `error`, `cause` | the operations with their IAM actions; `CallError`, its classes and its causes in words |
//! | `host` | which host a request goes to |
//! | `stores`, `tags`, `s3_access_policy`, `read_sets` | the requests themselves, by subject |
//! | `other_owners` | owner tags that were seen a moment ago |
//! | `credentials`, `identity` | the credentials in use and the account they belong to |
//! | `chain`, `lifetime` | where credentials come from; how long they are used, and when new ones are asked for |
//! | `credentials_failure`, `denial` | why there are no credentials, and what a denial names |
//! | `role_session`, `sessions` | the roles of bindings: one session for each role and namespace |
//! | `http` | connections: direct, or through a proxy |
//! | `request`, `mirror`, `arn`, `endpoint` | pure parts: the members of requests and responses, ARNs, endpoints |

mod arn;
mod budget;
mod call;
mod cause;
mod chain;
mod client;
mod clients;
mod credentials;
mod credentials_failure;
mod denial;
mod endpoint;
mod error;
mod fence;
mod host;
mod http;
mod identity;
mod lifetime;
mod mirror;
mod operation;
mod other_owners;
mod page;
mod read_sets;
pub(crate) mod request;
mod required_members;
mod role_session;
mod s3_access_policy;
mod sessions;
mod signing;
mod stores;
mod tags;
mod turn;

pub(crate) use arn::StoreArn;
pub use budget::{Caller, Quotas, Urgency};
pub(crate) use call::CALL_TIMEOUT;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use cause::Cause;
pub use cause::Failure;
pub(crate) use cause::connection_failure;
pub use client::Aws;
pub(crate) use credentials_failure::is_throttling;
pub use denial::PolicyKind;
pub use error::{CallError, Class};
pub use fence::{Fence, Moment};
pub(crate) use http::connector;
pub use operation::Operation;
pub use read_sets::ReadSetCount;
pub use request::{CreateRequest, UpdateRequest};
pub(crate) use sessions::{BINDING_TAG, SessionKey, Sessions};
pub use stores::NamedStore;
pub(crate) use turn::Turn;
