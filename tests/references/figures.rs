//! The figures of `docs/sizing.md` and `README.md` are those of the last measurement, `docs/benchmarks/results.json`. I/O: reads
//! and writes files of the repository.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use crate::{path, write_or_compare_between};

const PAGE: &str = "docs/sizing.md";
const BEGIN: &str = "<!-- Figures, made from docs/benchmarks/results.json by `make docs`. -->\n\n";
const END: &str = "\n<!-- End of figures. -->\n";
const OBJECTS: [u64; 4] = [0, 1_000, 5_000, 10_000];

#[test]
fn the_figures_of_the_sizing_page_are_those_of_the_last_measurement() {
    write_or_compare_between(PAGE, (BEGIN, END), &table(&results()));
}

/// The README says how much memory 10,000 stores need: after a restart that observes them, and after creating them all.
#[test]
fn the_memory_in_the_readme_is_that_of_the_last_measurement() {
    let results = results();
    let least = figure(&results, "restarts", "observed", 10_000, "rss_mib").expect("measured");
    let most = figure(&results, "first_lives", "created", 10_000, "rss_mib").expect("measured");
    let readme = fs::read_to_string(path("README.md")).expect("README.md");
    let sentence = format!("needs {least:.0} to {most:.0} MiB of memory");
    assert!(readme.contains(&sentence), "README.md does not say that it {sentence}");
}

fn results() -> Value {
    let text = fs::read_to_string(path("docs/benchmarks/results.json")).expect("the results");
    serde_json::from_str(&text).expect("JSON")
}

/// Writing to a String cannot fail.
fn table(results: &Value) -> String {
    let mut text = "| objects | stores | memory after a restart | memory at most, while it reads or creates all | CPU for that | CPU of a restart |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for objects in OBJECTS {
        for stores in ["observed", "created"] {
            let cell = |life: &str, name: &str, unit: &str| {
                let value = figure(results, life, stores, objects, name);
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1} {unit}"))
            };
            let peak = cell("first_lives", "peak_mib", "MiB");
            if peak == "–" {
                continue;
            }
            let (restart, of_restart) =
                (cell("restarts", "rss_mib", "MiB"), cell("restarts", "cpu_seconds", "s"));
            let (cpu, stores) =
                (cell("first_lives", "cpu_seconds", "s"), if objects == 0 { "" } else { stores });
            let _ = writeln!(
                text,
                "| {} | {stores} | {restart} | {peak} | {cpu} | {of_restart} |",
                thousands(objects)
            );
        }
    }
    text
}

/// A figure of the operator in one of the lists of lives.
fn figure(results: &Value, life: &str, stores: &str, objects: u64, name: &str) -> Option<f64> {
    let lives = results[life].as_array()?;
    let is_it = |life: &&Value| {
        life["program"] == "operator" && life["stores"] == stores && life["objects"] == objects
    };
    lives.iter().find(is_it)?["figures"][name].as_f64()
}

fn thousands(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}
