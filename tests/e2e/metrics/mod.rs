//! `/metrics`: what it shows, what it leaves out, and how it is turned off.

pub mod endpoint;
pub mod objects;
pub mod page;
pub mod requests;
