//! A sample of the plans; `make faults` plays all of them.

use std::process::Command;

/// Spread over all flows, and drawn the same way each time.
const SAMPLE: &str = "60";

#[test]
fn a_sample_of_the_plans_is_survived() {
    let output = Command::new(env!("CARGO_BIN_EXE_faults"))
        .args(["--replicas", "1", "--sample", SAMPLE, "--seed", "1"])
        .output()
        .expect("the harness runs");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.lines().last().is_some_and(|line| line.ends_with("passed, 0 failed")), "no sum");
}
