//! Prints a line for each plan, then a table and the totals.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::plan::FaultPlan;
use crate::run::{Outcome, may_miss_fault};

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
    not_reached: usize,
}

impl Report {
    /// Counts a plan and prints its line.
    pub fn add(&mut self, plan: &FaultPlan, outcome: &Outcome, took: Duration) {
        let row = self.rows.entry((plan.replicas, plan.row())).or_default();
        row.plans += 1;
        let (text, details) = match outcome {
            Outcome::Survived => ("ok", ""),
            Outcome::FaultNotReached if may_miss_fault(plan) => ("ok, not reached", ""),
            Outcome::FaultNotReached => (
                "FAILED",
                "    ! the operator never sent the request at which the fault was to be injected\n",
            ),
            Outcome::Failed(details) => ("FAILED", details.as_str()),
        };
        if text == "FAILED" {
            self.failed += 1;
        } else {
            self.passed += 1;
            row.survived += 1;
            row.not_reached += usize::from(matches!(outcome, Outcome::FaultNotReached));
        }
        println!("{}, {} | {} | {text} ({:.0?})", plan.row(), replicas_text(plan.replicas), plan.name, took);
        print!("{details}");
    }

    /// Prints the table and the totals. Returns true if at least one plan ran and none failed.
    pub fn finish(&self, took: Duration) -> bool {
        println!(
            "\n{:<36} {:<12} {:>6} {:>9} {:>12}",
            "flow", "replicas", "plans", "survived", "not reached"
        );
        for ((replicas, name), row) in &self.rows {
            let Row { plans, survived, not_reached } = row;
            println!(
                "{name:<36} {:<12} {plans:>6} {survived:>9} {not_reached:>12}",
                replicas_text(*replicas)
            );
        }
        println!("\nin {:.0} s", took.as_secs_f64());
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0 && self.passed > 0
    }
}

fn replicas_text(replicas: usize) -> String {
    if replicas == 1 { "one replica".into() } else { format!("{replicas} replicas") }
}
