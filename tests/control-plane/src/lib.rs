//! Runs a real Kubernetes control plane on loopback: etcd, kube-apiserver and kube-controller-manager, without a node.
//!
//! For tests and demos. RBAC is on and the API server audits every request. All processes and files are removed when
//! the process that started them ends, even by SIGKILL.
//!
//! ```no_run
//! # async fn example() -> Result<(), control_plane::Error> {
//! let plane = control_plane::ControlPlane::start().await?;
//! let mark = plane.audit().mark();
//! plane.kubectl(&["create", "namespace", "lab"]).await?.checked()?;
//! let writes = plane.audit().writes_since(&mark, control_plane::ADMIN, None);
//! assert_eq!(writes[&("create".to_owned(), "namespaces".to_owned())], 1);
//! plane.stop().await;
//! # Ok(())
//! # }
//! ```

mod archive;
mod audit;
mod binaries;
mod command;
mod component;
mod credentials;
mod error;
mod go_build;
mod plane;
mod prometheus;
mod startup;

pub use audit::{Audit, AuditMark, AuditedRequest};
pub use binaries::{Binaries, ENVTEST_INDEX_VARIABLE, Search, binaries};
pub use command::CommandOutput;
pub use error::Error;
pub use go_build::go;
pub use plane::{ADMIN, ControlPlane, service_account_user};
pub use prometheus::{PrometheusBinaries, prometheus_binaries};
