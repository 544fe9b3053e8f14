//! `completions`: prints a shell completion script for this command line. I/O: standard output.

use std::process::ExitCode;

use clap::Args;

use super::CalledAs;
use super::output::print;

pub(super) const EXAMPLES: &str = "\
Examples:
  source <({bin} completions bash)
  {bin} completions zsh > \"${fpath[1]}/_{file}\"
  {bin} completions fish > ~/.config/fish/completions/{file}.fish

These scripts complete the command {file}. For `kubectl seqstore`, kubectl's own completion asks the program,
if it is on the PATH under a second name, kubectl_complete-seqstore:
  ln -s {file} ~/.cargo/bin/kubectl_complete-seqstore";

#[derive(Args, Clone, Copy, Debug)]
pub struct CompletionsFlags {
    /// Shell to print the script for
    shell: clap_complete::Shell,
}

/// The script completes the name that the program was called by.
pub(super) fn execute(flags: CompletionsFlags, called: CalledAs) -> Result<ExitCode, String> {
    let mut text = Vec::new();
    clap_complete::generate(flags.shell, &mut called.command().name(called.file()), called.file(), &mut text);
    print(&String::from_utf8(text).map_err(|e| e.to_string())?)?;
    Ok(ExitCode::SUCCESS)
}
