//! Completes a command line of `kubectl seqstore` when kubectl asks for it: kubectl runs `kubectl_complete-seqstore`
//! with the words typed so far, the last one unfinished, and reads one candidate from each line. I/O: standard output.

use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, ValueHint};

use super::CalledAs;
use super::output::print;

/// What the shell does with the candidates, in the numbers of cobra, kubectl's command-line library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    /// Also offer files.
    Files = 0,
    NoFiles = 4,
}

#[derive(Debug, PartialEq)]
struct Completion {
    /// Each with its description after a tab.
    candidates: Vec<String>,
    directive: Directive,
}

/// `words` begins with the name of the program.
pub(super) fn execute(words: &[String]) -> Result<ExitCode, String> {
    let mut command = CalledAs::Plugin.command();
    command.build();
    let Completion { candidates, directive } = complete(&command, words.get(1..).unwrap_or_default());
    let lines: String = candidates.iter().map(|candidate| format!("{candidate}\n")).collect();
    print(&format!("{lines}:{}\n", directive as u8))?;
    Ok(ExitCode::SUCCESS)
}

fn complete(root: &Command, words: &[String]) -> Completion {
    let (unfinished, typed) = words.split_last().map_or(("", words), |(last, typed)| (last.as_str(), typed));
    let mut command = root;
    let mut awaited: Option<&Arg> = None;
    for word in typed {
        if awaited.take().is_some() {
            continue;
        }
        if let Some(found) = command.find_subcommand(word) {
            command = found;
        } else {
            awaited = flag(command, word).filter(|argument| takes_value(argument) && !word.contains('='));
        }
    }
    if let Some(argument) = awaited {
        return values(argument, unfinished, "");
    }
    if let Some((name, value)) = unfinished.split_once('=') {
        return match flag(command, name) {
            Some(argument) => values(argument, value, &format!("{name}=")),
            None => nothing(),
        };
    }
    if unfinished.starts_with('-') {
        return flags(command, unfinished);
    }
    if command.has_subcommands() {
        let subcommands = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
        let all = subcommands.map(|found| (found.get_name().to_owned(), found.get_about()));
        return of(all, unfinished, Directive::NoFiles);
    }
    command.get_positionals().next().map_or_else(nothing, |argument| values(argument, unfinished, ""))
}

/// The flag that a word names.
fn flag<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let is_named = |argument: &&Arg| match word.strip_prefix("--") {
        Some(long) => argument.get_long() == Some(long.split('=').next().unwrap_or_default()),
        None => argument.get_short().is_some_and(|short| word == format!("-{short}")),
    };
    command.get_arguments().find(is_named)
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

fn flags(command: &Command, unfinished: &str) -> Completion {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let all = shown.filter_map(|argument| Some((format!("--{}", argument.get_long()?), argument.get_help())));
    of(all, unfinished, Directive::NoFiles)
}

fn values(argument: &Arg, unfinished: &str, before: &str) -> Completion {
    let possible = argument.get_possible_values();
    let is_file = argument.get_value_hint() == ValueHint::AnyPath;
    let directive = if is_file { Directive::Files } else { Directive::NoFiles };
    let all = possible.iter().map(|value| (format!("{before}{}", value.get_name()), value.get_help()));
    of(all, &format!("{before}{unfinished}"), directive)
}

fn nothing() -> Completion {
    Completion { candidates: Vec::new(), directive: Directive::NoFiles }
}

/// The candidates that begin with the unfinished word.
fn of<'a>(
    all: impl Iterator<Item = (String, Option<&'a clap::builder::StyledStr>)>,
    unfinished: &str,
    directive: Directive,
) -> Completion {
    let fitting = all.filter(|(text, _)| text.starts_with(unfinished));
    let candidates = fitting.map(|(text, help)| match help {
        Some(help) => format!("{text}\t{}", help.to_string().lines().next().unwrap_or_default()),
        None => text,
    });
    Completion { candidates: candidates.collect(), directive }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The candidates without their descriptions.
    fn completed(line: &str) -> (Vec<String>, Directive) {
        let mut command = CalledAs::Plugin.command();
        command.build();
        let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        let Completion { candidates, directive } = complete(&command, &words);
        let word = |text: String| text.split('\t').next().unwrap_or_default().to_owned();
        (candidates.into_iter().map(word).collect(), directive)
    }

    #[test]
    fn commands_flags_and_values_are_completed() {
        for (line, expected) in [
            ("p", &["plan", "permissions"][..]),
            ("plan --of", &["--offline"]),
            ("plan -o ", &["text", "json"]),
            ("plan --output=j", &["--output=json"]),
            ("plan --region us-east-1 --del", &["--delete"]),
            ("export --management-policy O", &["Observe"]),
            ("permissions --for observe-", &["observe-and-delete"]),
            ("completions z", &["zsh"]),
            ("plan genomes", &[]),
            ("plan --nothing=x", &[]),
        ] {
            let (found, directive) = completed(line);
            assert_eq!(found, expected, "{line}");
            assert_eq!(directive, Directive::NoFiles, "{line}");
        }
        let (all, _) = completed("");
        assert!(all.contains(&"plan".to_owned()) && !all.contains(&"run".to_owned()), "{all:?}");
    }

    #[test]
    fn files_are_offered_where_a_flag_takes_one() {
        for line in ["plan -f ", "plan --filename g", "plan --kubeconfig ", "export --kubeconfig "] {
            assert_eq!(completed(line), (Vec::new(), Directive::Files), "{line}");
        }
    }
}
