//! Proves that the operator survives a sample of the fault plans; `make faults` runs all of them. Starts a real control
//! plane.

use std::process::Command;

/// Enough to include all flows. The seed makes the sample the same each time.
const SAMPLE: &str = "60";

#[test]
fn the_operator_survives_a_sample_of_the_fault_plans() {
    let output = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(["--replicas", "1", "--sample", SAMPLE, "--seed", "1"])
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.lines().last().is_some_and(|line| line.ends_with("passed, 0 failed")), "no totals");
}
