//! Runs kubectl and helm and keeps what they print.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Error;

/// What a command printed and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// The command line, for messages.
    pub command: String,
    /// Its exit status; -1 when a signal ended it.
    pub status_code: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Whether the command ended with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status_code == 0
    }

    /// The output of a command that succeeded, or an error with all it printed.
    ///
    /// # Errors
    /// When the status is not 0.
    pub fn checked(self) -> Result<Self, Error> {
        if self.success() {
            return Ok(self);
        }
        let output = format!("{}{}", self.stderr, self.stdout).trim().to_owned();
        Err(Error::Command { command: self.command, status: self.status_code, output })
    }
}

/// Runs a program to its end, with `input` on its standard input.
pub(crate) async fn run(
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, OsString)],
    input: &str,
) -> Result<CommandOutput, Error> {
    let name = program.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let command = format!("{name} {}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(Error::io(format!("could not start {command}")))?;
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A command that needs no more input may close the pipe early; its own status says whether that is wrong.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    let output = output.map_err(Error::io(format!("could not run {command}")))?;
    Ok(CommandOutput {
        command,
        status_code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
