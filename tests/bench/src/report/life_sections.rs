//! The sections about one process: memory, CPU time, start and restart, pages of metrics, and what follows for many
//! accounts. No I/O.

use crate::fit::{exponent, line, median};
use crate::quotas::{self, GETS_PER_SECOND, SHARE, floor_seconds};
use crate::report::goals::cpu_of_passes;
use crate::report::table::{Table, count, or_dash, section, short, whole};
use crate::results::Results;
use crate::scene::{Program, Stores};

/// The paper example.
const ACCOUNTS: f64 = 50.0;
const STORES: f64 = 100_000.0;

pub fn all(results: &Results) -> Vec<String> {
    let sections = [
        memory(results),
        cpu(results),
        start(results),
        restart(results),
        scrapes(results),
        on_paper(results),
    ];
    sections.into_iter().flatten().collect()
}

/// Resident memory by the number of objects, in the first life and after a restart.
pub fn memory_points(
    results: &Results,
    program: Program,
    stores: Stores,
    restarted: bool,
) -> Vec<(f64, f64)> {
    let first = results.first_lives.iter().map(|l| (l.program, l.stores, l.objects, l.figures.rss_mib));
    let restarts = results.restarts.iter().map(|r| (r.program, r.stores, r.objects, r.figures.rss_mib));
    let all: Vec<_> = if restarted { restarts.collect() } else { first.collect() };
    all.into_iter()
        .filter(|one| (one.0, one.1) == (program, stores))
        .map(|one| (one.2 as f64, one.3))
        .collect()
}

fn memory(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "program, stores",
        "objects",
        "RSS, first run, MiB",
        "allocated",
        "peak",
        "RSS, after a restart, MiB",
        "allocated",
        "peak",
    ]);
    for life in &results.first_lives {
        let restart = results.restart(life.program, life.stores, life.objects);
        table.row([
            format!("{}, {}", life.program.name(), life.stores.name()),
            count(life.objects),
            short(life.figures.rss_mib),
            short(life.figures.anonymous_mib),
            short(life.figures.peak_mib),
            or_dash(restart, |restart| short(restart.figures.rss_mib)),
            or_dash(restart, |restart| short(restart.figures.anonymous_mib)),
            or_dash(restart, |restart| short(restart.figures.peak_mib)),
        ]);
    }
    let growth: Vec<String> = Program::BOTH
        .iter()
        .flat_map(|program| [false, true].map(|restarted| (*program, restarted)))
        .filter_map(|(program, restarted)| {
            let fit = line(&memory_points(results, program, Stores::Observed, restarted))?;
            let life = if restarted { "after a restart" } else { "first run" };
            Some(format!(
                "* {}, {life}: {} MiB + {} KiB for each object",
                program.name(),
                short(fit.at_zero),
                short(fit.slope * 1024.0)
            ))
        })
        .collect();
    let words = "*Allocated* is the part that is not code of the program, mapped from its file.\n\n\
                 ![Memory by the number of objects](memory.svg)";
    let lines = format!(
        "\nThe straight lines that fit best, for observed stores:\n\n{}\n\nWhat was tried to get there, with figures: \
         [choices.md](choices.md).\n",
        growth.join("\n")
    );
    Some(section("Memory", words, &table)? + &lines)
}

fn cpu(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "program, stores",
        "objects",
        "CPU, s",
        "until all Ready, s",
        "objects/s",
        "AWS requests",
        "Kubernetes writes",
    ]);
    for life in results.first_lives.iter().filter(|life| life.objects > 0) {
        table.row([
            format!("{}, {}", life.program.name(), life.stores.name()),
            count(life.objects),
            short(life.figures.cpu_seconds),
            short(life.seconds),
            whole(life.objects as f64 / life.seconds),
            count(life.aws_requests),
            count(life.kubernetes_writes),
        ]);
    }
    let growth: Vec<String> = Program::BOTH
        .iter()
        .filter_map(|program| {
            let at = |objects: usize| Some((objects as f64, cpu_of_passes(results, *program, objects)?));
            let (few, many) = (at(1000)?, at(10_000)?);
            let grows = exponent(few, many)?;
            let factor = many.1 / few.1;
            Some(format!(
                "* {}: {} times the CPU time for ten times the objects, N to the power of {grows:.2}",
                program.name(),
                short(factor)
            ))
        })
        .collect();
    let words = "AWS refuses nothing here, so that the program is the bottleneck. The process with 10,000 created objects is the \
                 one with 5,000, after as many more were applied.\n\n\
                 ![CPU time by the number of objects](cpu.svg)";
    Some(section("CPU time of first passes", words, &table)? + &format!("\n{}\n", growth.join("\n")))
}

fn start(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "program",
        "starts",
        "first request about a store, median, ms",
        "first object Ready, median, ms",
    ]);
    for start in &results.cold_start {
        table.row([
            start.program.name().to_owned(),
            count(start.first_request_ms.len()),
            or_dash(median(&start.first_request_ms), whole),
            or_dash(median(&start.first_ready_ms), whole),
        ]);
    }
    section("Cold start", "From the start of the process, with one object that waits for it.", &table)
}

fn restart(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "program, stores",
        "objects",
        "until all are current, s",
        "AWS requests until then",
        "refused",
        "Kubernetes writes",
        "CPU, s",
    ]);
    for restart in results.restarts.iter().filter(|restart| restart.objects > 0) {
        table.row([
            format!("{}, {}", restart.program.name(), restart.stores.name()),
            count(restart.objects),
            or_dash(restart.seconds, short),
            or_dash(restart.aws_requests, count),
            or_dash(restart.refused, count),
            count(restart.kubernetes_writes),
            short(restart.figures.cpu_seconds),
        ]);
    }
    let at_quota = floor_seconds(10_000, 1.0, GETS_PER_SECOND);
    let words = format!(
        "The operator at the default quotas. For the peer AWS refuses nothing: at the default quotas 10,000 objects would take \
         it {} minutes at best. A dash: not within two minutes.",
        whole(at_quota / 60.0)
    );
    section("Restart with settled objects", &words, &table)
}

fn scrapes(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "series for each object",
        "objects",
        "page, KiB",
        "series",
        "answered after, median, ms",
        "slowest",
        "RSS before, MiB",
        "RSS after, MiB",
    ]);
    for scrape in &results.scrapes {
        table.row([
            if scrape.per_object { "yes" } else { "no" }.to_owned(),
            count(scrape.objects),
            short(scrape.bytes as f64 / 1024.0),
            count(scrape.series),
            or_dash(median(&scrape.milliseconds), short),
            or_dash(scrape.milliseconds.iter().copied().max_by(f64::total_cmp), short),
            short(scrape.rss_before_mib),
            short(scrape.rss_after_mib),
        ]);
    }
    let words = "`/metrics` is read five times, one after the other, from an operator that was started with settled, observed \
                 objects. RSS before the first page and after the last. Without the series for each object: \
                 `--metrics-per-object=false`.";
    section("Pages of metrics", words, &table)
}

fn on_paper(results: &Results) -> Option<String> {
    let memory = line(&memory_points(results, Program::Operator, Stores::Observed, true))?;
    let each = STORES / ACCOUNTS;
    let requests = quotas::by_design(each);
    let first = floor_seconds(each as usize, SHARE, GETS_PER_SECOND);
    Some(format!(
        "## 100,000 stores in 50 accounts, on paper\n\n**Arithmetic, not measured.** Each account has quotas of its own, so {} \
         stores in each of {} accounts need, for each account, {} listings and {} reads in the background per hour; together \
         {} requests per hour. First passes take {} minutes at share {SHARE}, in all accounts at the same time. By the line \
         above the process holds about {} MiB after a restart.\n",
        whole(each),
        whole(ACCOUNTS),
        whole(requests.lists),
        whole(requests.gets_and_tags),
        whole(ACCOUNTS * (requests.lists + requests.gets_and_tags)),
        short(first / 60.0),
        whole(memory.at(STORES))
    ))
}
