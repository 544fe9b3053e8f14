//! The plots of a run, by file name. No I/O.

use super::life_sections::memory_points;
use super::svg::{Series, bars, lines};
use crate::results::Results;
use crate::scene::{Program, Stores};

pub fn all(results: &Results) -> Vec<(&'static str, String)> {
    let mut plots = Vec::new();
    if !results.first_lives.is_empty() {
        plots.push(("memory.svg", memory(results)));
        plots.push(("cpu.svg", cpu(results)));
    }
    if !results.rest.is_empty() {
        plots.push(("requests.svg", requests(results)));
    }
    if !results.bindings.is_empty() {
        plots.push(("bindings.svg", bindings(results)));
    }
    plots
}

fn memory(results: &Results) -> String {
    let series = [
        ("operator, first run", Program::Operator, Stores::Observed, false),
        ("operator, after a restart", Program::Operator, Stores::Observed, true),
        ("peer, first run", Program::Peer, Stores::Observed, false),
        ("peer, after a restart", Program::Peer, Stores::Observed, true),
        ("operator, created stores, first run", Program::Operator, Stores::Created, false),
    ];
    let series = series.map(|(name, program, stores, restarted)| Series {
        name: name.to_owned(),
        points: memory_points(results, program, stores, restarted),
    });
    lines("Resident memory", "objects", "MiB", &series)
}

fn cpu(results: &Results) -> String {
    let series = [
        ("operator, observed stores", Program::Operator, Stores::Observed),
        ("operator, created stores", Program::Operator, Stores::Created),
        ("peer, observed stores", Program::Peer, Stores::Observed),
    ];
    let series = series.map(|(name, program, stores)| {
        let lives = results.first_lives.iter().filter(|l| (l.program, l.stores) == (program, stores));
        let points = lives.map(|life| (life.objects as f64, life.figures.cpu_seconds)).collect();
        Series { name: name.to_owned(), points }
    });
    lines("CPU time until all objects are Ready", "objects", "s", &series)
}

fn requests(results: &Results) -> String {
    let values: Vec<(String, f64)> = results
        .rest
        .iter()
        .map(|rest| {
            let name = format!("{}, {} objects", rest.program.name(), super::table::count(rest.objects));
            (name, rest.aws_requests_per_hour())
        })
        .collect();
    bars("AWS requests per hour at rest, 5 minutes fresh", &values)
}

fn bindings(results: &Results) -> String {
    let values: Vec<(String, f64)> =
        results.bindings.iter().map(|one| (one.binds.name().to_owned(), one.first.figures.rss_mib)).collect();
    let namespaces = results.bindings.iter().map(|one| one.namespaces).max().unwrap_or_default();
    let title = format!("Resident memory with {} namespaces, MiB", super::table::count(namespaces));
    bars(&title, &values)
}
