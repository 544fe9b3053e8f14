//! Writes to the terminal of the person who called a command. I/O: standard output and error.

use std::io::Write;

/// Writes to standard output, without colour where it is no terminal or `NO_COLOR` is set. A reader that
/// has seen enough, such as `head`, is no error.
pub(crate) fn print(text: &str) {
    let mut out = anstream::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Tells the person in front of it something that is no part of the answer.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Text from AWS, files or the cluster: nothing in it may steer the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
