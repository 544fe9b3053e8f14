//! Runs kubectl and helm and captures their output.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Error;

/// The output and exit status of a finished command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// The command line, for messages.
    pub command: String,
    /// The exit status, or -1 if a signal killed the command.
    pub status_code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl CommandOutput {
    #[must_use]
    pub fn success(&self) -> bool {
        self.status_code == 0
    }

    /// Turns a failed command into an error.
    ///
    /// # Errors
    /// When the exit status is not 0. The error contains standard error and standard output.
    pub fn checked(self) -> Result<Self, Error> {
        if self.success() {
            return Ok(self);
        }
        let output = format!("{}{}", self.stderr, self.stdout).trim().to_owned();
        Err(Error::Command { command: self.command, status: self.status_code, output })
    }
}

/// Runs a program until it exits, with `input` on its standard input.
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
            // A command that needs no more input may close the pipe early. Its exit status shows whether it failed.
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
