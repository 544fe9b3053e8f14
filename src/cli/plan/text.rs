//! Plans as text for people. Pure: the colours are always in it, and taken out where they are not wanted.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::report::{Change, ObjectPlan, Outcome, Report, ShownStep};
use crate::cli::output::printable;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const ADDED: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();

/// Fields stand in a column as wide as the longest of them, up to this width.
const WIDEST: usize = 40;
/// A value longer than this stands on a line of its own.
const LONG: usize = 80;

/// The whole report.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    for object in report.objects.iter().filter(|object| object.error.is_none()) {
        object_text(object, &mut out);
        out.push('\n');
    }
    let calls =
        report.objects.iter().flat_map(|object| &object.steps).filter(|step| step.call.is_some()).count();
    let with = |outcome| report.objects.iter().filter(|object| object.outcome == outcome).count();
    let (stuck, failed) = (with(Outcome::NeedsAttention), with(Outcome::Failed));
    if report.objects.len() > failed {
        let mut line = match (calls, report.outcome) {
            (0, Outcome::NothingToDo) => "Nothing to do.".to_owned(),
            (0, _) => "Nothing to change in AWS.".to_owned(),
            (1, _) => "1 AWS call to change something.".to_owned(),
            (calls, _) => format!("{calls} AWS calls to change something."),
        };
        if stuck > 0 {
            let who = if report.objects.len() == 1 {
                "It needs".into()
            } else {
                format!("{stuck} of {} objects need", report.objects.len())
            };
            let _ = write!(line, " {REMOVED}{who} somebody to act.{REMOVED:#}");
        }
        let _ = writeln!(out, "{BOLD}{line}{BOLD:#}");
    }
    out
}

fn object_text(object: &ObjectPlan, out: &mut String) {
    let from = object.file.as_deref().map(|file| format!(" from {file}")).unwrap_or_default();
    let _ = writeln!(out, "{BOLD}{}/{}{BOLD:#}{from}", object.namespace, object.name);
    let _ = writeln!(out, "  now: {}", printable(&object.now));
    for (number, step) in object.steps.iter().enumerate() {
        step_text(number + 1, step, out);
    }
    let corrected: Vec<&str> =
        object.steps.iter().flat_map(|step| &step.changes).map(|change| change.field.as_str()).collect();
    let kept = || object.differences.iter().filter(|drift| !corrected.contains(&drift.field.as_str()));
    let column = column(kept().map(|drift| drift.field.as_str()));
    for drift in kept() {
        let (wanted, shown) = (quoted(drift.desired.as_deref()), quoted(drift.observed.as_deref()));
        let field = printable(&drift.field);
        if wanted.chars().count().max(shown.chars().count()) > LONG {
            let _ =
                writeln!(out, "  {REMOVED}≠ {field}{REMOVED:#}\n      spec  {wanted}\n      store {shown}");
        } else {
            let _ = writeln!(out, "  {REMOVED}≠ {field:column$}{REMOVED:#} spec {wanted}, store {shown}");
        }
    }
    let style = match object.outcome {
        Outcome::NeedsAttention | Outcome::Failed => REMOVED,
        Outcome::Changes => CHANGED,
        Outcome::NothingToDo => ADDED,
    };
    let word = if object.steps.is_empty() { "so:" } else { "then:" };
    let _ = writeln!(out, "  {word} {style}{}{style:#}: {}", object.reason, printable(&object.message));
    for note in &object.notes {
        let _ = writeln!(out, "  {DIM}note: {}{DIM:#}", printable(note));
    }
}

fn step_text(number: usize, step: &ShownStep, out: &mut String) {
    let title = match (step.call, &step.on) {
        (Some(call), Some(on)) => format!("{BOLD}{call}{BOLD:#}: {on}"),
        (Some(call), None) => format!("{BOLD}{call}{BOLD:#}"),
        (None, _) if step.object.is_empty() => "wait".into(),
        (None, _) => "write to the object alone".into(),
    };
    let _ = writeln!(out, "  {number}. {title}");
    let _ = writeln!(out, "     {DIM}{}{DIM:#}", printable(&step.why));
    if !step.object.is_empty() {
        let _ = writeln!(out, "     {DIM}object: {}{DIM:#}", step.object.join(", "));
    }
    let column = column(step.changes.iter().map(|change| change.field.as_str()));
    for Change { field, from, to } in &step.changes {
        let field = printable(field);
        let (sign, style) = match (from, to.as_deref()) {
            (None, _) => ('+', ADDED),
            (Some(_), None | Some("")) => ('-', REMOVED),
            (Some(_), Some(_)) => ('~', CHANGED),
        };
        let values: Vec<String> = match sign {
            '+' => vec![quoted(to.as_deref())],
            '-' => vec![quoted(from.as_deref())],
            _ => vec![quoted(from.as_deref()), quoted(to.as_deref())],
        };
        if values.iter().any(|value| value.chars().count() > LONG) {
            let _ = writeln!(out, "     {style}{sign} {field}{style:#}");
            let words = if values.len() == 2 { &["from", "to  "][..] } else { &[""] };
            for (word, value) in words.iter().zip(&values) {
                let _ = writeln!(out, "         {}", format!("{word} {value}").trim_start());
            }
        } else {
            let _ = writeln!(out, "     {style}{sign} {field:column$}{style:#} {}", values.join(" → "));
        }
    }
}

fn column<'a>(fields: impl Iterator<Item = &'a str>) -> usize {
    fields.map(|field| field.chars().count()).max().unwrap_or_default().min(WIDEST)
}

fn quoted(value: Option<&str>) -> String {
    match value {
        Some(value) => format!("\"{}\"", printable(value)),
        None => "unset".into(),
    }
}
