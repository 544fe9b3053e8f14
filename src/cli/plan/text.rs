//! Formats a report as text with colours, which the output removes where they are not wanted. No I/O.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::report::{Change, ObjectPlan, PlanOutcome, PlanStep, Report};
use crate::cli::output::printable;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const ADDED: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();
const REMOVED: Style = AnsiColor::Red.on_default();

/// The column of field names is at most this wide.
const MAX_COLUMN: usize = 40;
/// Longer values get a line of their own.
const LONG: usize = 80;

pub(super) fn text(report: &Report) -> String {
    let mut out = String::new();
    for object in report.objects.iter().filter(|object| object.error.is_none()) {
        object_text(object, &mut out);
        out.push('\n');
    }
    if report.objects.iter().any(|object| object.error.is_none()) {
        let _ = writeln!(out, "{BOLD}{}{BOLD:#}", summary(report));
    }
    out
}

pub(super) fn summary(report: &Report) -> String {
    let steps = report.objects.iter().flat_map(|object| &object.steps);
    let calls = steps.filter(|step| step.call.is_some()).count();
    let line = match (calls, report.outcome) {
        (0, PlanOutcome::NothingToDo) => "Nothing to do.".to_owned(),
        (0, _) => "No changes in AWS.".to_owned(),
        (1, _) => "Plan: 1 AWS call.".to_owned(),
        (calls, _) => format!("Plan: {calls} AWS calls."),
    };
    let objects = report.objects.len();
    let stuck = report.objects.iter().filter(|object| object.outcome == PlanOutcome::NeedsAttention).count();
    match (stuck, objects) {
        (0, _) => line,
        (1, 1) => format!("{line} {REMOVED}The object needs attention.{REMOVED:#}"),
        (1, _) => format!("{line} {REMOVED}1 of {objects} objects needs attention.{REMOVED:#}"),
        _ => format!("{line} {REMOVED}{stuck} of {objects} objects need attention.{REMOVED:#}"),
    }
}

fn object_text(object: &ObjectPlan, out: &mut String) {
    let from = object.file.as_deref().map(|file| format!(" from {}", printable(file))).unwrap_or_default();
    let (namespace, name) = (printable(&object.namespace), printable(&object.name));
    let _ = writeln!(out, "{BOLD}{namespace}/{name}{BOLD:#}{from}");
    let _ = writeln!(out, "  now: {}", printable(&object.now));
    for (number, step) in object.steps.iter().enumerate() {
        step_text(number + 1, step, out);
    }
    differences_text(object, out);
    let style = match object.outcome {
        PlanOutcome::NeedsAttention | PlanOutcome::Failed => REMOVED,
        PlanOutcome::Changes => CHANGED,
        PlanOutcome::NothingToDo => ADDED,
    };
    let _ = writeln!(out, "  result: {style}{}{style:#}: {}", object.reason, printable(&object.message));
    for note in &object.notes {
        let _ = writeln!(out, "  {DIM}note: {}{DIM:#}", printable(note));
    }
}

/// The differences that no step corrects.
fn differences_text(object: &ObjectPlan, out: &mut String) {
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
}

fn step_text(number: usize, step: &PlanStep, out: &mut String) {
    let title = match (step.call, &step.on) {
        (Some(call), Some(on)) => format!("{BOLD}{call}{BOLD:#}: {}", printable(on)),
        (Some(call), None) => format!("{BOLD}{call}{BOLD:#}"),
        (None, _) if step.object.is_empty() => "wait".into(),
        (None, _) => "update the object only".into(),
    };
    let _ = writeln!(out, "  {number}. {title}");
    let _ = writeln!(out, "     {DIM}{}{DIM:#}", printable(&step.why));
    if !step.object.is_empty() {
        let _ = writeln!(out, "     {DIM}object: {}{DIM:#}", step.object.join(", "));
    }
    changes_text(&step.changes, out);
}

fn changes_text(changes: &[Change], out: &mut String) {
    let column = column(changes.iter().map(|change| change.field.as_str()));
    for Change { field, from, to } in changes {
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
    fields.map(|field| field.chars().count()).max().unwrap_or_default().min(MAX_COLUMN)
}

fn quoted(value: Option<&str>) -> String {
    match value {
        Some(value) => format!("\"{}\"", printable(value)),
        None => "unset".into(),
    }
}
