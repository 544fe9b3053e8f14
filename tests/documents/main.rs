//! README and docs name what the operator has, their manifests, policies and commands are valid, and their links lead to what
//! exists. Their quotations of messages are checked in `src/status/tests`; spelling and the site in `tests/docs`.

mod commands;
mod links;
mod manifests;
mod names;
mod pages;
mod policies;
mod shell;
