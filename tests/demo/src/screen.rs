//! Prints the tour to standard output and progress messages to standard error, with colour on a terminal.

use std::io::{IsTerminal, Write};

/// Errors while printing are ignored, so that the tour continues when its reader has closed the pipe.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colour: bool,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

impl Screen {
    /// Uses colour if standard output is a terminal, unless NO_COLOR is set.
    pub fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub fn line(self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A line on standard error, so that a shell can use standard output.
    pub fn progress(self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    pub fn step(self, number: usize, title: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, &format!("{number}. {title}"))));
    }

    /// An explanation for the reader.
    pub fn explain(self, text: &str) {
        for line in text.lines() {
            self.line(&format!("   {line}"));
        }
    }

    /// A command as a user would type it.
    pub fn command(self, command: &str) {
        self.line(&format!("\n   {}", self.paint(CYAN, &format!("$ {command}"))));
    }

    /// One line of a command's output.
    pub fn output(self, line: &str) {
        self.line(format!("     {line}").trim_end());
    }

    /// Something that happens in AWS.
    pub fn in_aws(self, text: &str) {
        self.line(&format!("\n   {}", self.paint(DIM, &format!("[AWS] {text}"))));
    }

    /// A claim that the demo has checked and found true.
    pub fn confirmed(self, claim: &str) {
        self.line(&format!("   {} {claim}", self.paint(GREEN, "✓")));
    }
}
