//! The networks of real users: proxies, endpoints, sources of credentials that come and go, and what the operator says about
//! them at its start.

mod agent;
pub mod credential_sources;
pub mod denials;
pub mod endpoints;
pub mod own_account;
pub mod proxies;
pub mod recording_proxy;
pub mod start_up;
