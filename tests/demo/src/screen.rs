//! What the tour looks like on a terminal, and without one.

use std::io::{IsTerminal, Write};

/// Where everything is printed. A reader that has gone away is no error: the tour goes on to its end.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    colour: bool,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const GREEN: &str = "32";
const CYAN: &str = "36";

impl Screen {
    /// With colour on a terminal only, and not where NO_COLOR is set.
    pub fn new() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { colour: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A line as it is.
    pub fn line(self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A line about starting and stopping; on standard error, so that output can be used by a shell.
    pub fn progress(self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// The title of a step.
    pub fn step(self, number: usize, title: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, &format!("{number}. {title}"))));
    }

    /// What is done, and what to look at.
    pub fn say(self, text: &str) {
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

    /// Something that happens in AWS, not in Kubernetes.
    pub fn in_aws(self, text: &str) {
        self.line(&format!("\n   {}", self.paint(DIM, &format!("[AWS] {text}"))));
    }

    /// A claim that was checked and holds.
    pub fn holds(self, claim: &str) {
        self.line(&format!("   {} {claim}", self.paint(GREEN, "✓")));
    }
}
