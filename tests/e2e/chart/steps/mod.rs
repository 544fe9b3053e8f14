//! The steps of a release, each as the one before left the cluster. Every step ends with what the next one needs.

pub mod release;
pub mod removal;
pub mod rights;

const OTHER: &str = "another-name";
const OTHER_ACCOUNT: &str = "another-name-sequencestore-operator";
