//! Manifests that a user names with `-f`: files, directories and standard input. I/O: files and standard input; writes standard
//! error.

pub(super) mod documents;
mod files;

pub(super) use files::{Manifests, read, read_bindings};
