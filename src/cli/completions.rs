//! `completions`: prints a shell's completions of this command line. I/O: standard output.

use std::process::ExitCode;

use super::print;
use crate::cli::{CalledAs, Completions};

/// Prints them for the name that the program was called by.
///
/// # Errors
/// None in practice.
pub fn completions(flags: Completions, called: CalledAs) -> Result<ExitCode, String> {
    let mut text = Vec::new();
    clap_complete::generate(flags.shell, &mut called.command().name(called.file()), called.file(), &mut text);
    print(&String::from_utf8(text).map_err(|e| e.to_string())?);
    Ok(ExitCode::SUCCESS)
}
