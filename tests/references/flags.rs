//! `docs/flags.md`: every flag and environment variable of every command, from the definition of the command line and the
//! chart's README. I/O: reads and writes files of the repository.

use std::fmt::Write;
use std::fs;

use clap::{Arg, Command};
use sequencestore_operator::cli::CalledAs;

use crate::{cell, path, write_or_compare};

const HEAD: &str = include_str!("flags.md");
const CHART: &str = "charts/sequencestore-operator/README.md";

#[test]
fn the_reference_of_flags_is_up_to_date() {
    let chart = fs::read_to_string(path(CHART)).expect("the README of the chart");
    let mut text = HEAD.to_owned();
    for command in
        CalledAs::Operator.command().get_subcommands().filter(|command| command.get_name() != "help")
    {
        section(command, &chart, &mut text);
    }
    write_or_compare("docs/flags.md", &text);
}

/// Writing to a String cannot fail.
fn section(command: &Command, chart: &str, text: &mut String) {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = write!(text, "\n## {}\n\n{about}.\n\n", command.get_name());
    let shown = |argument: &&Arg| !argument.is_hide_set() && argument.get_long() != Some("help");
    let arguments: Vec<&Arg> = command.get_arguments().filter(shown).collect();
    let values = |argument: &Arg| chart_values(argument, chart);
    let has_values = command.get_name() == "run";
    if arguments.is_empty() {
        *text += "It has no flags.\n";
        return;
    }
    let has_variables = arguments.iter().any(|argument| argument.get_env().is_some());
    let titles = ["flag", "environment variable", "chart value", "default", "meaning"];
    let keep = [true, has_variables, has_values, true, true];
    let mut line = |cells: [&str; 5]| {
        let kept: Vec<&str> =
            cells.into_iter().zip(keep).filter_map(|(cell, keep)| keep.then_some(cell)).collect();
        let _ = writeln!(text, "| {} |", kept.join(" | "));
    };
    line(titles);
    line(["---"; 5]);
    for argument in arguments {
        let variable =
            argument.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let (meaning, default) = meaning_and_default(argument);
        line([&flag(argument), &variable, &values(argument), &default, &meaning]);
    }
}

/// The flag as users type it.
fn flag(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let value = names.iter().map(ToString::to_string).collect::<Vec<String>>().join(" ");
    let Some(long) = argument.get_long() else { return format!("`{value}`") };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    if !argument.get_action().takes_values() {
        format!("{short}`--{long}`")
    } else if is_optional(argument) {
        format!("{short}`--{long}[=<{}>]`", choice(&value))
    } else {
        format!("{short}`--{long} <{}>`", choice(&value))
    }
}

fn is_optional(argument: &Arg) -> bool {
    argument.get_num_args().is_some_and(|count| count.min_values() == 0)
}

/// What the help calls the value. A cell of a table cannot show `true|false` everywhere.
fn choice(value: &str) -> &str {
    if value == "true|false" { "BOOLEAN" } else { value }
}

/// The help, the values that the flag takes, and the default, which some flags have in their help.
fn meaning_and_default(argument: &Arg) -> (String, String) {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, in_help) = match help.split_once(" [default: ") {
        Some((before, default)) => (before.to_owned(), cell(default.trim_end_matches(']'))),
        None => (help, String::new()),
    };
    let takes_value = argument.get_action().takes_values();
    let defaults = argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
    let defaults = defaults.filter(|_| takes_value).collect::<Vec<String>>().join(", ");
    let values = argument.get_possible_values();
    let explained = values.iter().filter(|value| takes_value && !value.is_hide_set()).map(|value| {
        let help =
            value.get_help().map(|help| format!(" ({})", in_sentence(&help.to_string()))).unwrap_or_default();
        format!("`{}`{help}", value.get_name())
    });
    let explained = explained.collect::<Vec<String>>().join(", ");
    let meaning = if explained.is_empty() { cell(&help) } else { format!("{}: {explained}", cell(&help)) };
    (meaning, if defaults.is_empty() { in_help } else { defaults })
}

/// Without the capital of a sentence; `JSON` keeps it.
fn in_sentence(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            format!("{}{}", first.to_lowercase(), letters.as_str())
        }
        _ => text.to_owned(),
    }
}

/// The values of the chart whose meaning names the flag.
fn chart_values(argument: &Arg, chart: &str) -> String {
    let Some(long) = argument.get_long() else { return String::new() };
    let named = format!("(--{long})");
    let rows = chart.lines().filter(|line| line.starts_with("| `") && line.contains(&named));
    rows.filter_map(|line| line.split('`').nth(1))
        .map(|value| format!("`{value}`"))
        .collect::<Vec<String>>()
        .join(", ")
}
