//! The command line. To add a command: write its flags and its `execute` in a file or folder of its own, and add
//! one line to [`Command`] and one to `execute`. I/O: whatever the command does, and standard error.

mod aws_error;
mod bindings;
mod called_as;
mod completer;
mod completions;
mod crd;
mod defaults;
mod export;
mod manifests;
mod output;
mod permissions;
mod plan;
mod progress;
mod retry;
mod run;
mod shared_flags;
mod table;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use called_as::CalledAs;
pub use permissions::policy;
#[cfg(feature = "fuzzing")]
pub use plan::fuzzed_documents;
#[cfg(feature = "fuzzing")]
pub(crate) use values::fuzzed as fuzzed_values;

const EXAMPLES: &str = "\
Examples:
  {bin} crd | kubectl apply --server-side -f -
  {bin} plan lab/genomes
  {bin} export --region us-east-1 > stores.yaml
  {bin} permissions --for observe

Run `{bin} <command> --help` for the flags and examples of a command.

Kubernetes: the connection comes from KUBECONFIG, ~/.kube/config or, inside a cluster, the Pod's ServiceAccount.
AWS: credentials, region and endpoints come from the AWS SDK's default credential chain and from AWS_REGION,
AWS_ENDPOINT_URL_OMICS and AWS_ENDPOINT_URL_STS; docs/networks.md explains proxies, VPC endpoints and more.";

/// Kubernetes operator for AWS HealthOmics sequence stores
#[derive(Debug, Parser)]
#[command(name = "sequencestore-operator", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Show what the operator for AWS HealthOmics sequence stores would do, export stores, and print IAM policies
#[derive(Debug, Parser)]
#[command(name = "kubectl-seqstore", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct PluginCli {
    #[command(subcommand)]
    command: UserCommand,
}

/// Every subcommand. `{bin}` and `{file}` in examples become the name of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator until it receives SIGTERM or SIGINT
    #[command(after_help = run::EXAMPLES)]
    Run(Box<run::RunFlags>),
    #[command(flatten)]
    ForUsers(UserCommand),
}

/// The subcommands of the kubectl plugin. `run` is not among them: an operator that a user starts acts with the
/// rights of that user.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Show what the operator would do now and why, without changing anything
    #[command(after_help = plan::EXAMPLES)]
    Plan(Box<plan::PlanFlags>),
    /// Print existing stores as manifests, or find stores whose object no longer exists
    #[command(after_help = export::EXAMPLES)]
    Export(Box<export::ExportFlags>),
    /// Print the IAM policy that the operator needs, or the policies for the role of an AccountBinding
    #[command(after_help = permissions::EXAMPLES)]
    Permissions(Box<permissions::PermissionsFlags>),
    /// Print a CustomResourceDefinition as YAML
    #[command(after_help = crd::EXAMPLES)]
    Crd(crd::CrdFlags),
    /// Print a shell completion script
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::CompletionsFlags),
}

/// A bad flag, an unreadable kubeconfig: errors that a restart does not repair.
const EXIT_ERROR: u8 = 2;

/// Runs the command that the arguments name. The first argument is the name of the program.
pub async fn main(arguments: Vec<OsString>) -> ExitCode {
    if called_as::is_completer(arguments.first()) {
        let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        return completer::execute(&words).unwrap_or_else(|line| failed(CalledAs::Plugin, &line));
    }
    let called = CalledAs::of(arguments.first());
    let command = match called.parse(arguments.into_iter()) {
        Ok(command) => command,
        Err(error) => match called.usage_error(&error) {
            Some(line) => return failed(called, &line),
            None => return help(called, &error),
        },
    };
    // An error means that a provider is installed already, which is all that TLS needs.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    execute(command, called).await.unwrap_or_else(|line| failed(called, &line))
}

async fn execute(command: Command, called: CalledAs) -> Result<ExitCode, String> {
    match command {
        // Boxed, because the compiler limits how deep futures may be nested.
        Command::Run(flags) => Box::pin(run::execute(*flags)).await.map(|()| ExitCode::SUCCESS),
        Command::ForUsers(command) => match command {
            UserCommand::Plan(flags) => Box::pin(plan::execute(*flags, called.name())).await,
            UserCommand::Export(flags) => export::execute(*flags, called.name()).await,
            UserCommand::Permissions(flags) => permissions::execute(&flags, called.name()).await,
            UserCommand::Crd(flags) => crd::execute(&flags),
            UserCommand::Completions(flags) => completions::execute(flags, called),
        },
    }
}

/// Prints the help or the version that the user asked for, or the help in place of a missing command.
fn help(called: CalledAs, error: &clap::Error) -> ExitCode {
    let text = error.render().ansi().to_string();
    if error.use_stderr() {
        output::eprint(text.trim_end());
        return ExitCode::from(EXIT_ERROR);
    }
    output::print(&text).map_or_else(|line| failed(called, &line), |()| ExitCode::SUCCESS)
}

fn failed(called: CalledAs, line: &str) -> ExitCode {
    output::eprint(&format!("{}: {line}", called.name()));
    ExitCode::from(EXIT_ERROR)
}
