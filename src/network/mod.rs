//! How the process reaches other hosts: which connections go through a proxy, and which certificate authorities count besides
//! those of the system. The settings hold for AWS and for Kubernetes. I/O: reads the environment and certificate files.

mod authorities;
mod exceptions;
mod proxies;
mod url;

pub(crate) use authorities::{Certificates, added_certificates};
pub(crate) use proxies::Proxies;
pub(crate) use url::{host_and_port, web_url};
