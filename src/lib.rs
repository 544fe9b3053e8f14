//! Kubernetes operator that makes AWS HealthOmics sequence stores declarative.

pub mod apply;
pub mod aws;
pub mod cli;
pub mod controller;
pub mod crd;
pub mod kubernetes;
pub mod observe;
pub mod plan;
#[cfg(test)]
mod samples;
pub mod status;
pub mod store;
