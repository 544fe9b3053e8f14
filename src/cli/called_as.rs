//! The name that the program was called by, and how the command line is read under that name: the operator and
//! the kubectl plugin are one program. No I/O.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};

use super::{Cli, Command};

/// The name that the program was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledAs {
    /// `sequencestore-operator`, or any name but the plugin's.
    Operator,
    /// `kubectl-seqstore`, which kubectl runs for `kubectl seqstore`.
    Plugin,
}

impl CalledAs {
    /// Reads the name from the first argument of the process.
    pub(super) fn of(program: Option<&OsString>) -> Self {
        let stem = program.and_then(|program| Path::new(program).file_stem());
        if stem.is_some_and(|stem| stem == "kubectl-seqstore") { Self::Plugin } else { Self::Operator }
    }

    /// The command as users type it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Operator => "sequencestore-operator",
            Self::Plugin => "kubectl seqstore",
        }
    }

    /// The name of the executable file.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Operator => "sequencestore-operator",
            Self::Plugin => "kubectl-seqstore",
        }
    }

    /// The definition of the command line under this name. The plugin hides `run`, which belongs in a Pod.
    pub(super) fn command(self) -> clap::Command {
        let command = Cli::command().name(self.name()).bin_name(self.name());
        let command = match self {
            Self::Operator => command,
            Self::Plugin => command
                .about("Show what the operator for AWS HealthOmics sequence stores would do, export stores, and print IAM policies")
                .mut_subcommand("run", |run| run.hide(true)),
        };
        self.named(command)
    }

    /// Parses a command line, of which the first argument is the name of the program.
    ///
    /// # Errors
    /// A usage error, or a request for help or the version.
    pub fn parse(self, arguments: impl Iterator<Item = OsString>) -> Result<Command, clap::Error> {
        let mut command = without_empty_variables(self.command());
        let mut matches = command.try_get_matches_from_mut(arguments)?;
        let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        Ok(cli.command)
    }

    /// Replaces `{bin}` and `{file}` in the examples of the command and of its subcommands.
    fn named(self, command: clap::Command) -> clap::Command {
        let help = command
            .get_after_help()
            .map(|help| help.to_string().replace("{bin}", self.name()).replace("{file}", self.file()));
        let command = match help {
            Some(help) => command.after_help(help),
            None => command,
        };
        let subcommands: Vec<String> =
            command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
        subcommands
            .into_iter()
            .fold(command, |command, name| command.mut_subcommand(name, |sub| self.named(sub)))
    }
}

/// An environment variable that is set to nothing counts as unset: manifests often set one from an optional value.
fn without_empty_variables(command: clap::Command) -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|argument| match argument.get_env().is_some_and(is_empty) {
        true => argument.env(Resettable::Reset),
        false => argument,
    });
    command.mut_subcommands(without_empty_variables)
}

/// A usage error in one line; none where the user asked for help or the version.
pub(super) fn usage_error(error: &clap::Error) -> Option<String> {
    if let ErrorKind::DisplayHelp
    | ErrorKind::DisplayVersion
    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand = error.kind()
    {
        return None;
    }
    let text = error.to_string();
    let lines = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    Some(words.join(" ").trim_start_matches("error: ").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(called: CalledAs, arguments: &[&str]) -> Result<Command, clap::Error> {
        called.parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        for called in [CalledAs::Operator, CalledAs::Plugin] {
            called.command().debug_assert();
        }
    }

    #[test]
    fn the_name_of_the_file_decides_between_operator_and_plugin() {
        for (program, called) in [
            ("sequencestore-operator", CalledAs::Operator),
            ("/usr/local/bin/kubectl-seqstore", CalledAs::Plugin),
            ("kubectl-seqstore.exe", CalledAs::Plugin),
            ("something-else", CalledAs::Operator),
        ] {
            assert_eq!(CalledAs::of(Some(&program.into())), called, "{program}");
        }
        assert_eq!(CalledAs::of(None), CalledAs::Operator);
    }

    #[test]
    fn every_command_has_examples_under_the_name_it_was_called_by() {
        for called in [CalledAs::Operator, CalledAs::Plugin] {
            let command = called.command();
            let all = std::iter::once(&command).chain(command.get_subcommands());
            for command in all.filter(|command| command.get_name() != "help") {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{} has none", command.get_name());
                assert!(help.contains(called.name()), "{help}");
                assert!(!help.contains("{bin}") && !help.contains("{file}"), "{help}");
            }
        }
    }

    #[test]
    fn a_usage_error_is_one_line_and_help_is_no_error() {
        let error = |args: &[&str]| parse(CalledAs::Operator, args).expect_err("refused");
        let line = usage_error(&error(&["sequencestore-operator", "run", "--regio", "x"])).expect("an error");
        assert_eq!(line, "unexpected argument '--regio' found tip: a similar argument exists: '--region'");
        for asked in [&["sequencestore-operator", "--help"][..], &["sequencestore-operator", "-V"]] {
            assert_eq!(usage_error(&error(asked)), None);
        }
    }

    #[test]
    fn flags_that_exclude_each_other_are_refused() {
        let accepts =
            |args: &[&str]| parse(CalledAs::Plugin, &[&["kubectl-seqstore"], args].concat()).is_ok();
        assert!(accepts(&["plan", "lab/genomes"]));
        assert!(accepts(&["plan", "-n", "lab", "genomes", "--delete"]));
        assert!(accepts(&["plan", "-f", "-", "--offline", "-o", "json"]));
        assert!(!accepts(&["plan"]));
        assert!(!accepts(&["plan", "genomes", "-f", "a.yaml"]));
        assert!(!accepts(&["plan", "-f", "a.yaml", "--delete"]));
        assert!(!accepts(&["plan", "genomes", "--offline"]));
        assert!(accepts(&["export", "--management-policy", "observe", "--status", "active,failed"]));
        assert!(!accepts(&["export", "--status", "sleeping"]));
        assert!(!accepts(&["permissions", "--cluster-name", "a"]));
    }
}
