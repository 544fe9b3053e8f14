//! What a run writes: README.md with tables, results.json and plots. `write` and `log_tails` do I/O, the rest is pure.

mod goals;
mod life_sections;
mod load_sections;
mod plots;
mod published;
mod svg;
mod table;
mod tenancy_sections;

use std::fmt::Write;
use std::path::Path;

use crate::Error;
use crate::results::Results;
use table::{Table, short, whole};

pub fn write(results: &Results, directory: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("README.md"), text(results))?;
    std::fs::write(directory.join("results.json"), serde_json::to_string_pretty(results)? + "\n")?;
    for (name, svg) in plots::all(results) {
        std::fs::write(directory.join(name), svg)?;
    }
    Ok(())
}

/// The whole of README.md.
pub fn text(results: &Results) -> String {
    let mut text = String::from("# Benchmarks\n\n");
    text += "`make bench` wrote this page, its plots and [results.json](results.json).\n\n";
    if results.quick {
        text += "**A quick run: the figures are for development.**\n\n";
    }
    text += &setting(results);
    let _ = write!(text, "\n## Goals\n\n{}", goals::table(results));
    for missing in &results.missing {
        let _ = write!(text, "\n{missing}\n");
    }
    for failure in &results.failures {
        let _ = write!(text, "\n**Broken in this run**: {failure}\n");
    }
    let sections = [life_sections::all(results), load_sections::all(results), tenancy_sections::all(results)];
    for section in sections.into_iter().flatten() {
        text.push('\n');
        text += &section;
    }
    text.push('\n');
    text + &published::section()
}

fn setting(results: &Results) -> String {
    let machine = &results.machine;
    let mut table = Table::of_words(&["", ""]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("date", format!("{}, {} minutes", results.date, whole(results.seconds / 60.0)));
    row(
        "machine",
        format!(
            "{}, {} cores, {} GiB, Linux {}",
            machine.cpu,
            machine.cores,
            whole(machine.memory_gib),
            machine.kernel
        ),
    );
    row(
        "operator",
        format!(
            "{} ({}), {}, {} MiB",
            machine.operator,
            machine.commit,
            machine.build,
            short(machine.operator_mib)
        ),
    );
    row("API server", format!("kube-apiserver {}", machine.kubernetes));
    row("compiler", machine.rust.clone());
    row("repeat", "`make bench`, on a machine with nothing else to do".to_owned());
    format!("{}\n{SETTING}", table.text())
}

const SETTING: &str = "\
Everything runs on that one machine: etcd and kube-apiserver, the HealthOmics simulator as a process of its own for each
measure, the operator as users get it, and the *peer*: a controller of 200 lines on the same kube and AWS SDK that does
the obvious, one GetSequenceStore and one ListTagsForResource for each object and poll, the cache of kube's `Controller` as
it comes, the SDK's retries, no budget of requests, and as many objects at the same time as the operator (8). Its own status
write triggers one more pass, as nothing filters it out. The peer only observes: it creates nothing, owns nothing and checks
nothing, so it does less for each object. Both are in [tests/bench](../../tests/bench).

*Default quotas* are those of AWS for each account and region: 5 Get, List and tag reads, and 1 Create, Update and Delete
per second. The operator uses 0.8 of them unless told otherwise. What waits for quotas or time runs beside other measures;
memory and CPU time are the kernel's figures for the one process. One run has some noise: compare columns of one run, and
take differences below a tenth for none.
";

/// The last lines of every log, for a run that failed.
pub fn log_tails(logs: &Path) -> String {
    const LINES: usize = 3;
    let mut text = String::new();
    for file in std::fs::read_dir(logs).into_iter().flatten().flatten() {
        let log = std::fs::read_to_string(file.path()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let _ = writeln!(text, "{}:", file.file_name().display());
        for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_results_has_a_page_without_empty_sections() {
        let text = text(&Results::default());
        assert!(text.contains("## Goals") && text.contains("## Published figures"));
        assert!(!text.contains("## Failover"), "{text}");
    }

    #[test]
    fn a_run_can_be_read_back_from_its_json() {
        let results = Results { quick: true, ..Results::default() };
        let json = serde_json::to_string(&results).expect("written");
        let back: Results = serde_json::from_str(&json).expect("read");
        assert!(back.quick);
    }
}
