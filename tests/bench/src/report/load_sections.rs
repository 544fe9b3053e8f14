//! The sections about load: creations, new objects, rest, drift, failover and storm. No I/O.

use std::collections::BTreeMap;

use crate::calls::percent;
use crate::fit::median;
use crate::measures::rest::Rest;
use crate::quotas::{POLL_SECONDS, by_design};
use crate::report::table::{Table, count, list, or_dash, section, short, whole};
use crate::results::Results;

pub fn all(results: &Results) -> Vec<String> {
    let sections = [
        creations(results),
        new_objects(results),
        rest(results),
        drift(results),
        failover(results),
        storm(results),
    ];
    sections.into_iter().flatten().collect()
}

fn creations(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "stores",
        "quotas",
        "apply to last Ready, s",
        "floor, s",
        "efficiency",
        "stores/s",
        "AWS requests",
        "refused",
        "surplus stores",
    ]);
    for one in &results.creations {
        table.row([
            count(one.objects),
            format!("{} ×", whole(one.quota_factor)),
            short(one.seconds),
            short(one.floor_seconds),
            format!("{:.2}", one.efficiency()),
            short(one.objects as f64 / one.seconds),
            count(one.aws_requests),
            count(one.refused),
            count(one.surplus_stores),
        ]);
    }
    let words = "All objects are applied at once. The floor is N ÷ (share × quota of CreateSequenceStore), with the default \
                 share of 0.8; efficiency is floor ÷ measured. At a hundred times the quotas the operator and the API server \
                 are the bottleneck. The peer creates nothing.";
    section("Creation of many stores", words, &table)
}

fn new_objects(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "program",
        "objects",
        "apply to last Ready, s",
        "× floor",
        "AWS requests",
        "refused",
        "refused, %",
        "Kubernetes writes",
    ]);
    for new in &results.new_objects {
        table.row([
            new.program.name().to_owned(),
            count(new.objects),
            short(new.seconds),
            format!("{:.2}", new.seconds / new.floor_seconds),
            count(new.aws_requests),
            count(new.refused),
            short(percent(new.refused, new.aws_requests)),
            count(new.kubernetes_writes),
        ]);
    }
    let words = "Objects that observe existing stores, applied at once. The floor is N ÷ (0.8 × 5/s), one Get for each.";
    section("New objects at the default quotas", words, &table)
}

fn listed(counts: &BTreeMap<String, usize>, rest: &Rest) -> String {
    let words: Vec<String> =
        counts.iter().map(|(name, number)| format!("{name} {}", whole(rest.per_hour(*number)))).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn rest(results: &Results) -> Option<String> {
    let mut table = Table::of_words(&[
        "program",
        "objects",
        "counted for",
        "AWS requests per hour",
        "by operation",
        "refused, %",
        "Kubernetes requests per hour",
        "CPU, thousandths of a core",
        "RSS, MiB",
        "a change in AWS shows after, s",
    ]);
    for rest in &results.rest {
        table.row([
            rest.program.name().to_owned(),
            count(rest.objects),
            format!("{} s", whole(rest.seconds)),
            whole(rest.aws_requests_per_hour()),
            listed(&rest.aws_requests, rest),
            short(percent(rest.refused, rest.aws_requests.values().sum())),
            listed(&rest.kubernetes_requests, rest),
            short(1000.0 * rest.cpu_seconds / rest.seconds),
            short(rest.rss_mib),
            list(&rest.to_status_seconds),
        ]);
    }
    let design = by_design(10_000.0);
    let words = format!(
        "Settled objects at the default quotas and the default poll interval of {} minutes, counted for some minutes and \
         scaled to an hour. By design 10,000 stores cost {} listings and {} reads in the background per hour. The peer would \
         need 240,000 requests per hour for 10,000 stores, more than the quotas allow: its figure is for fewer.\n\n\
         ![AWS requests per hour](requests.svg)",
        whole(POLL_SECONDS / 60.0),
        whole(design.lists),
        whole(design.gets_and_tags),
    );
    section("At rest", &words, &table)
}

fn drift(results: &Results) -> Option<String> {
    let mut table =
        Table::new(&["program", "objects", "to status, s", "median", "to correction, s", "median"]);
    for drift in &results.drift {
        table.row([
            drift.program.name().to_owned(),
            count(drift.objects),
            list(&drift.to_status_seconds),
            or_dash(median(&drift.to_status_seconds), short),
            list(&drift.to_correction_seconds),
            or_dash(median(&drift.to_correction_seconds), short),
        ]);
    }
    let words = "Someone changes the description of a store in AWS, at different times of the poll interval of 5 minutes. Seconds \
                 until the status shows it, and until the operator has changed it back (the peer changes nothing).";
    section("Changes made behind the back", words, &table)
}

fn failover(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "the leader gets",
        "first request of the other after, s",
        "slowest",
        "requests of the standby before",
    ]);
    for one in &results.failover {
        table.row([
            format!("SIG{}", one.signal),
            one.seconds.iter().map(|seconds| format!("{seconds:.2}")).collect::<Vec<_>>().join(" / "),
            or_dash(one.seconds.iter().copied().max_by(f64::total_cmp), |slowest| format!("{slowest:.2}")),
            count(one.standby_requests),
        ]);
    }
    let words = "Two replicas with `--leader-elect` and its default times, while new objects keep coming.";
    section("Failover", words, &table)
}

fn storm(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "program",
        "objects",
        "requests, a fifth of the quotas left",
        "refused, %",
        "requests, all refused",
        "to full rate after the end, s",
        "objects shown Throttled",
    ]);
    for storm in &results.storm {
        table.row([
            storm.program.name().to_owned(),
            count(storm.objects),
            count(storm.scarce.requests),
            short(storm.scarce.refused_percent()),
            count(storm.closed.requests),
            or_dash(storm.to_full_rate_seconds, short),
            count(storm.shown_throttled),
        ]);
    }
    let seconds = results.storm.first().map_or(0, |storm| storm.scarce.seconds + storm.closed.seconds);
    let words = format!(
        "{} minutes in which AWS throttles: in the first half it admits a fifth of the quotas, as if others used up the rest, in \
         the second half it refuses every request. All objects are settled, and asked for again at the start of each half and \
         at the end. The full rate is 0.9 of share × quota of Gets over 5 seconds; a dash: not within 90 seconds.",
        short(seconds as f64 / 60.0)
    );
    section("Storm of refusals", &words, &table)
}
