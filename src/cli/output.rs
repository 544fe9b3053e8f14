//! Writes to the user's terminal. I/O: standard output and error.

use std::io::{ErrorKind, Write};

/// Writes to standard output, in colour only on a terminal and without `NO_COLOR`. A closed pipe, as `head` leaves
/// it, is not an error.
///
/// # Errors
/// Where the output is lost, for example on a full disk.
pub(super) fn print(text: &str) -> Result<(), String> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| format!("cannot write the output: {error}")),
    }
}

/// Writes a line to standard error: errors, and messages that are not part of the result.
pub(super) fn eprint(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Replaces control characters in text from AWS, files or the cluster, so that it cannot control the terminal.
pub(super) fn printable(text: &str) -> String {
    let controls = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    text.chars().map(|c| if controls(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
