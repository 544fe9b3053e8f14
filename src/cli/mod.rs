//! The command line: one program that is the operator and, by another name, a kubectl plugin. No I/O.

mod aws_failure;
mod completions;
mod crd;
mod export;
mod flags;
mod output;
mod permissions;
mod plan;
mod run;
mod values;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use export::{Export, Output as ExportOutput, Policy};
pub use flags::{KubernetesFlags, Pace, Place};
use output::{print, printable, tell};
pub use permissions::{Level, Permissions, policy};
pub use plan::{Output as PlanOutput, Plan};
pub use run::{LogFormat, Run};

/// Makes AWS HealthOmics sequence stores declarative on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "sequencestore-operator", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  {bin} crd | kubectl apply --server-side -f -
  {bin} plan lab/genomes
  {bin} export --region us-east-1 > stores.yaml
  {bin} permissions --for observe

`{bin} <command> --help` has more. Kubernetes is found by KUBECONFIG, else from inside the cluster.
AWS is found by the SDK's own environment: credentials chain, AWS_REGION, AWS_ENDPOINT_URL_OMICS,
AWS_ENDPOINT_URL_STS.";

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until SIGTERM or SIGINT
    #[command(after_help = run::EXAMPLES)]
    Run(Box<Run>),
    /// Show what the operator would do now, and why; changes nothing
    #[command(after_help = plan::EXAMPLES)]
    Plan(Box<Plan>),
    /// Print existing stores as manifests that adopt them, or find stores whose object is gone
    #[command(after_help = export::EXAMPLES)]
    Export(Box<Export>),
    /// Print the IAM policy that the operator needs
    #[command(after_help = permissions::EXAMPLES)]
    Permissions(Permissions),
    /// Print the CustomResourceDefinition as YAML
    #[command(after_help = "Example:\n  {bin} crd | kubectl apply --server-side -f -")]
    Crd,
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions(Completions),
}

const COMPLETIONS: &str = "\
Examples:
  source <({bin} completions bash)
  {bin} completions zsh > \"${fpath[1]}/_{file}\"
  {bin} completions fish > ~/.config/fish/completions/{file}.fish";

/// Flags of `completions`.
#[derive(Args, Clone, Copy, Debug)]
pub struct Completions {
    /// Shell to complete in
    pub shell: clap_complete::Shell,
}

/// The name that the program was called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledAs {
    /// `sequencestore-operator`, or anything else.
    Operator,
    /// `kubectl-seqstore`, which kubectl calls for `kubectl seqstore`.
    Plugin,
}

impl CalledAs {
    /// Tells by the first argument of the process.
    #[must_use]
    pub fn of(program: Option<&OsString>) -> Self {
        let stem = program.and_then(|program| Path::new(program).file_stem());
        if stem.is_some_and(|stem| stem == "kubectl-seqstore") { Self::Plugin } else { Self::Operator }
    }

    /// As people type it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "sequencestore-operator",
            Self::Plugin => "kubectl seqstore",
        }
    }

    /// As the file is called.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Operator => "sequencestore-operator",
            Self::Plugin => "kubectl-seqstore",
        }
    }

    /// The command line under this name. A plugin is not where one looks for the operator itself.
    #[must_use]
    pub fn command(self) -> clap::Command {
        let command = Cli::command().name(self.name()).bin_name(self.name());
        let command = match self {
            Self::Operator => command,
            Self::Plugin => command
                .about("Plans, inventories and permissions for AWS HealthOmics sequence stores on Kubernetes")
                .mut_subcommand("run", |run| run.hide(true)),
        };
        self.named(command)
    }

    /// Reads a command line.
    ///
    /// # Errors
    /// A mistake in it, or what was asked for: help, the version.
    pub fn parse(self, arguments: impl Iterator<Item = OsString>) -> Result<Command, clap::Error> {
        let mut command = self.command();
        let mut matches = command.try_get_matches_from_mut(arguments)?;
        let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
        Ok(cli.command)
    }

    /// Puts the name into all examples.
    fn named(self, command: clap::Command) -> clap::Command {
        let help = command
            .get_after_help()
            .map(|help| help.to_string().replace("{bin}", self.name()).replace("{file}", self.file()));
        let subcommands: Vec<String> =
            command.get_subcommands().map(|subcommand| subcommand.get_name().to_owned()).collect();
        let command = match help {
            Some(help) => command.after_help(help),
            None => command,
        };
        subcommands
            .into_iter()
            .fold(command, |command, name| command.mut_subcommand(name, |sub| self.named(sub)))
    }
}

/// A bad flag, an unreadable kubeconfig: nothing that a restart heals.
const EXIT_ERROR: u8 = 2;

/// Runs the command that the arguments ask for, the first of which is the name of the program.
pub async fn main(arguments: Vec<OsString>) -> ExitCode {
    let called = CalledAs::of(arguments.first());
    let command = match called.parse(arguments.into_iter()) {
        Ok(command) => command,
        Err(error) => match mistake(&error) {
            Some(line) => return failed(called, &line),
            None => error.exit(),
        },
    };
    // Nothing else installs a crypto provider, so there is none that could be in the way.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ended = match command {
        Command::Run(flags) => run::run(*flags).await.map(|()| ExitCode::SUCCESS),
        Command::Plan(flags) => plan::plan(*flags, called.name()).await,
        Command::Export(flags) => export::export(*flags, called.name()).await,
        Command::Permissions(flags) => permissions::permissions(&flags),
        Command::Crd => crd::crd(),
        Command::Completions(flags) => completions::completions(flags, called),
    };
    ended.unwrap_or_else(|line| failed(called, &line))
}

fn failed(called: CalledAs, line: &str) -> ExitCode {
    eprintln!("{}: {line}", called.name());
    ExitCode::from(EXIT_ERROR)
}

/// What is wrong with a command line, in one line; none where help or the version was asked for.
#[must_use]
pub fn mistake(error: &clap::Error) -> Option<String> {
    use clap::error::ErrorKind as E;
    if let E::DisplayHelp | E::DisplayVersion | E::DisplayHelpOnMissingArgumentOrSubcommand = error.kind() {
        return None;
    }
    let text = error.to_string();
    let said = text.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let said: Vec<&str> = said.flat_map(str::split_whitespace).collect();
    Some(said.join(" ").trim_start_matches("error: ").to_owned())
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
    fn the_name_decides_what_the_program_is() {
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
    fn a_mistake_is_one_line_and_help_is_none() {
        let error = |args: &[&str]| parse(CalledAs::Operator, args).expect_err("refused");
        let line = mistake(&error(&["sequencestore-operator", "run", "--regio", "x"])).expect("a mistake");
        assert_eq!(line, "unexpected argument '--regio' found tip: a similar argument exists: '--region'");
        for asked in [&["sequencestore-operator", "--help"][..], &["sequencestore-operator", "-V"]] {
            assert_eq!(mistake(&error(asked)), None);
        }
    }

    #[test]
    fn a_plan_is_of_names_or_of_files() {
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
