//! What is printed: a line for each plan, a table, and the sum.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::Plan;
use crate::play::{Verdict, may_miss};

#[derive(Default)]
pub struct Report {
    rows: BTreeMap<(usize, String), Row>,
    passed: usize,
    failed: usize,
}

#[derive(Default)]
struct Row {
    plans: usize,
    survived: usize,
    missed: usize,
}

impl Report {
    /// Prints the line of a plan.
    pub fn add(&mut self, plan: &Plan, verdict: &Verdict, took: Duration) {
        let row = self.rows.entry((plan.replicas, plan.row())).or_default();
        row.plans += 1;
        let (text, details) = match verdict {
            Verdict::Survived => ("ok", ""),
            Verdict::NotReached if may_miss(plan) => ("ok, not reached", ""),
            Verdict::NotReached => ("FAILED", "    ! the request to disturb was never made\n"),
            Verdict::Failed(details) => ("FAILED", details.as_str()),
        };
        if text == "FAILED" {
            self.failed += 1;
        } else {
            self.passed += 1;
            row.survived += 1;
            row.missed += usize::from(matches!(verdict, Verdict::NotReached));
        }
        println!("{}, {} | {} | {text} ({:.0?})", plan.row(), crew(plan.replicas), plan.name, took);
        print!("{details}");
    }

    /// Prints the table and the sum; whether all is well.
    pub fn finish(&self, took: Duration) -> bool {
        println!(
            "\n{:<36} {:<12} {:>6} {:>9} {:>12}",
            "flow", "replicas", "plans", "survived", "not reached"
        );
        for ((replicas, name), row) in &self.rows {
            let Row { plans, survived, missed } = row;
            println!("{name:<36} {:<12} {plans:>6} {survived:>9} {missed:>12}", crew(*replicas));
        }
        println!("\nin {:.0} s", took.as_secs_f64());
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}

fn crew(replicas: usize) -> String {
    if replicas == 1 { "one replica".into() } else { format!("{replicas} replicas") }
}
