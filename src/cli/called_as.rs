//! The name that the program was called by, and how the command line is read under that name: the operator and
//! the kubectl plugin are one program. No I/O.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use super::{Cli, Command, PluginCli};

/// Whether kubectl called the program to complete a command line of the plugin.
pub(super) fn is_completer(program: Option<&OsString>) -> bool {
    stem(program).is_some_and(|stem| stem == "kubectl_complete-seqstore")
}

fn stem(program: Option<&OsString>) -> Option<&OsStr> {
    Path::new(program?).file_stem()
}

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
        if stem(program).is_some_and(|stem| stem == "kubectl-seqstore") {
            Self::Plugin
        } else {
            Self::Operator
        }
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

    /// The definition of the command line under this name. A flag that is given twice has its last value.
    #[must_use]
    pub fn command(self) -> clap::Command {
        let command = match self {
            Self::Operator => Cli::command(),
            Self::Plugin => PluginCli::command(),
        };
        self.named(command.args_override_self(true).name(self.name()).bin_name(self.name()))
    }

    /// Parses a command line, of which the first argument is the name of the program.
    ///
    /// # Errors
    /// A usage error, or a request for help or the version.
    pub fn parse(self, arguments: impl Iterator<Item = OsString>) -> Result<Command, clap::Error> {
        let mut command = without_empty_variables(self.command());
        let mut matches = command.try_get_matches_from_mut(arguments)?;
        let parsed = match self {
            Self::Operator => Cli::from_arg_matches_mut(&mut matches).map(|cli| cli.command),
            Self::Plugin => {
                PluginCli::from_arg_matches_mut(&mut matches).map(|cli| Command::ForUsers(cli.command))
            }
        };
        parsed.map_err(|error| error.format(&mut command))
    }

    /// A usage error in one line; none where the user asked for help or the version.
    pub(super) fn usage_error(self, error: &clap::Error) -> Option<String> {
        match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
            ErrorKind::InvalidSubcommand if self == Self::Plugin && is_about(error, "run") => Some(
                "the plugin cannot run the operator, which would act with your own rights: install the operator's chart, \
                 or start the program under its own name, sequencestore-operator run"
                    .into(),
            ),
            _ => Some(one_line(&error.to_string())),
        }
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

fn is_about(error: &clap::Error, subcommand: &str) -> bool {
    matches!(error.get(ContextKind::InvalidSubcommand), Some(ContextValue::String(name)) if name == subcommand)
}

/// Joins the lines of clap's text: what is wrong, and its tips.
fn one_line(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let mut joined = String::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("tip: ") {
            Some(tip) => joined.push_str(&format!("; {tip}")),
            None if joined.is_empty() => joined.push_str(line.trim_start_matches("error: ")),
            None => joined.push_str(&format!(" {line}")),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::UserCommand;

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
        let error = |args: &[&str]| {
            let error = parse(CalledAs::Operator, args).expect_err("refused");
            CalledAs::Operator.usage_error(&error)
        };
        let line = error(&["sequencestore-operator", "run", "--regio", "x"]).expect("an error");
        assert_eq!(line, "unexpected argument '--regio' found; a similar argument exists: '--region'");
        let line = error(&["sequencestore-operator", "plna"]).expect("an error");
        assert_eq!(line, "unrecognized subcommand 'plna'; a similar subcommand exists: 'plan'");
        for asked in [&["sequencestore-operator", "--help"][..], &["sequencestore-operator", "-V"]] {
            assert_eq!(error(asked), None);
        }
    }

    #[test]
    fn the_plugin_has_no_run_and_says_how_to_run_the_operator() {
        assert!(CalledAs::Plugin.command().find_subcommand("run").is_none());
        assert!(CalledAs::Operator.command().find_subcommand("run").is_some());
        for arguments in
            [&["run"][..], &["run", "--help"], &["run", "--region", "us-east-1"], &["help", "run"]]
        {
            let error = parse(CalledAs::Plugin, &[&["kubectl-seqstore"], arguments].concat());
            let line = CalledAs::Plugin.usage_error(&error.expect_err("refused")).expect("an error");
            assert!(line.contains("sequencestore-operator run"), "{arguments:?}: {line}");
        }
    }

    #[test]
    fn a_flag_given_twice_has_its_last_value_and_repeatable_ones_keep_all() {
        for called in [CalledAs::Operator, CalledAs::Plugin] {
            for command in called.command().get_subcommands().filter(|sub| sub.get_name() != "help") {
                for argument in command.get_arguments().filter(|a| a.get_long().is_some_and(|l| l != "help"))
                {
                    let flag = format!("--{}", argument.get_long().expect("long"));
                    let line = ["program", command.get_name(), &flag];
                    let once = called.command().try_get_matches_from(line);
                    let twice = called.command().try_get_matches_from(line.iter().chain(&[flag.as_str()]));
                    let kind = |parsed: Result<_, clap::Error>| parsed.err().map(|error| error.kind());
                    assert_eq!(kind(once), kind(twice), "{} {flag}", command.get_name());
                }
            }
        }
        let twice = [
            "export",
            "--region",
            "us-east-1",
            "--name",
            "a",
            "--region",
            "eu-west-1",
            "--name",
            "b",
            "--bare",
            "--bare",
        ];
        let line = [&["kubectl-seqstore"], &twice[..]].concat();
        match parse(CalledAs::Plugin, &line).expect("accepted") {
            Command::ForUsers(UserCommand::Export(flags)) => {
                let shown = format!("{flags:?}");
                assert!(shown.contains(r#"region: Some("eu-west-1")"#), "{shown}");
                assert!(shown.contains(r#"names: ["a", "b"]"#), "{shown}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_that_exclude_each_other_are_refused() {
        let accepts =
            |args: &[&str]| parse(CalledAs::Plugin, &[&["kubectl-seqstore"], args].concat()).is_ok();
        assert!(accepts(&["plan", "lab/genomes"]));
        assert!(accepts(&["plan", "-n", "lab", "genomes", "--delete"]));
        assert!(accepts(&["plan", "-f", "-", "--offline", "-o", "json"]));
        assert!(accepts(&["plan", "-A", "-o", "json"]));
        assert!(!accepts(&["plan", "-A", "genomes"]));
        assert!(!accepts(&["plan", "-A", "--offline"]));
        assert!(!accepts(&["plan", "-A", "-n", "lab"]));
        assert!(!accepts(&["plan", "genomes", "-f", "a.yaml"]));
        assert!(!accepts(&["plan", "-f", "a.yaml", "--delete"]));
        assert!(!accepts(&["plan", "genomes", "--offline"]));
        assert!(accepts(&["export", "--management-policy", "observe", "--status", "active,failed"]));
        assert!(!accepts(&["export", "--status", "sleeping"]));
        assert!(!accepts(&["permissions", "--cluster-name", "a"]));
    }
}
