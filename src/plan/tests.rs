//! Every rule as a row of a table, and properties of every plan.

mod connection;
mod deletion;
mod life;
mod limits;
mod properties;

use super::{Action, FinalizerStep, Next, Plan};
use crate::samples::Scene;

/// A plan in words: state, action, finalizer, and when the next pass is due.
fn words(plan: &Plan) -> String {
    let state = format!("{:?}", plan.state);
    let state = state.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let action = match &plan.action {
        Action::None => "",
        Action::Create { .. } => " create",
        Action::Adopt { .. } => " adopt",
        Action::Update { .. } => " update",
        Action::Tag { .. } => " tag",
        Action::Untag { .. } => " untag",
        Action::DeleteStore { .. } => " delete",
        _ => " other",
    };
    let finalizer = match plan.finalizer {
        FinalizerStep::Keep => "",
        FinalizerStep::Add => " +finalizer",
        FinalizerStep::Remove => " -finalizer",
    };
    let next = match plan.next {
        Next::Quick => "quick",
        Next::Confirm => "confirm",
        Next::Within { .. } => "within",
        Next::Poll => "poll",
        Next::Backoff => "backoff",
    };
    format!("{state}{action}{finalizer}, {next}")
}

fn check(table: Vec<(&str, Scene, &str)>) {
    for (name, scene, expected) in table {
        assert_eq!(words(&scene.plan()), expected, "{name}: {scene:#?}");
    }
}
