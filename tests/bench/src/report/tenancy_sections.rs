//! The section about AccountBindings. No I/O.

use std::collections::BTreeMap;

use crate::measures::bindings::{AtRest, Bindings, Life};
use crate::report::table::{Table, count, or_dash, section, short, whole};
use crate::results::Results;
use crate::tenants::Binds;

pub fn all(results: &Results) -> Vec<String> {
    [lives(results), rest(results)].into_iter().flatten().collect()
}

/// How much more memory a process takes for each session than one with the same objects and no bindings, in KiB.
pub fn kib_of_session(results: &Results, binds: Binds, life: fn(&Bindings) -> Option<&Life>) -> Option<f64> {
    let bound = life(results.bound(binds)?)?;
    let without = life(results.bound(Binds::None)?)?;
    let sessions = bound.sessions.opened;
    let more = bound.figures.rss_mib - without.figures.rss_mib;
    (sessions > 0).then(|| more * 1024.0 / sessions as f64)
}

pub fn first(bindings: &Bindings) -> Option<&Life> {
    Some(&bindings.first)
}

pub fn restart(bindings: &Bindings) -> Option<&Life> {
    bindings.restart.as_ref()
}

/// A figure as a multiple of that of the same objects without bindings.
pub fn ratio(results: &Results, binds: Binds, figure: fn(&Bindings) -> Option<f64>) -> Option<f64> {
    Some(figure(results.bound(binds)?)? / figure(results.bound(Binds::None)?)?)
}

fn times(ratio: Option<f64>) -> String {
    or_dash(ratio, |ratio| format!("{ratio:.2}"))
}

fn lives(results: &Results) -> Option<String> {
    let mut table = Table::new(&[
        "objects",
        "namespaces",
        "accounts",
        "until all Ready, s",
        "× without",
        "CPU, s",
        "RSS, first run, MiB",
        "× without",
        "KiB for each session",
        "RSS, after a restart, MiB",
        "× without",
        "KiB for each session",
        "sessions",
        "AssumeRole, first run",
        "AssumeRole, restart and rest",
        "calls outside of a session",
        "Kubernetes writes, first run",
        "restart and rest",
    ]);
    for one in &results.bindings {
        let Life { seconds, figures, sessions, .. } = &one.first;
        let restarted = one.restart.as_ref();
        let outside = |life: &Life| life.sessions.calls_outside;
        table.row([
            one.binds.name().to_owned(),
            count(one.namespaces),
            count(one.accounts),
            or_dash(*seconds, short),
            times(ratio(results, one.binds, |one| one.first.seconds)),
            short(figures.cpu_seconds),
            short(figures.rss_mib),
            times(ratio(results, one.binds, |one| Some(one.first.figures.rss_mib))),
            or_dash(kib_of_session(results, one.binds, first), short),
            or_dash(restarted, |life| short(life.figures.rss_mib)),
            times(ratio(results, one.binds, |one| Some(restart(one)?.figures.rss_mib))),
            or_dash(kib_of_session(results, one.binds, restart), short),
            count(sessions.opened),
            count(sessions.assume_role_calls),
            or_dash(restarted, |life| count(life.sessions.assume_role_calls)),
            match one.binds {
                Binds::None => "all".to_owned(),
                _ => count(outside(&one.first) + restarted.map_or(0, outside)),
            },
            count(one.first.kubernetes_writes),
            or_dash(restarted, |life| count(life.kubernetes_writes)),
        ]);
    }
    let words = "One object in each namespace, which observes an existing store. *A binding for each namespace*: each has a role of \
                 its own, in several accounts. The first run is one in which AWS refuses nothing, and the restart is at the default \
                 quotas; the one binding with a selector has all stores in one account, and no second run. The operator watches all \
                 namespaces; it has a control plane of its own. What was found on the way: [bindings.md](bindings.md).\n\n\
                 ![Memory with and without bindings](bindings.svg)";
    section("AccountBindings", words, &table)
}

fn per_hour(counts: &BTreeMap<String, usize>, rest: &AtRest) -> String {
    let hourly = |number: usize| whole(number as f64 * 3600.0 / rest.seconds);
    let words: Vec<String> =
        counts.iter().map(|(name, number)| format!("{name} {}", hourly(*number))).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn rest(results: &Results) -> Option<String> {
    let mut table = Table::of_words(&[
        "objects",
        "namespaces",
        "until current after the restart, s",
        "calls for each object and minute",
        "× without",
        "AWS requests per hour",
        "Kubernetes requests per hour",
        "CPU, thousandths of a core",
        "× without",
        "RSS, MiB",
        "a limit for every binding: until all objects had a look, s",
        "CPU for that, s",
    ]);
    for one in &results.bindings {
        let Some(rest) = &one.rest else { continue };
        table.row([
            one.binds.name().to_owned(),
            count(one.namespaces),
            or_dash(restart(one).and_then(|life| life.seconds), short),
            or_dash(one.calls_per_object_and_minute(), |calls| format!("{calls:.3}")),
            times(ratio(results, one.binds, Bindings::calls_per_object_and_minute)),
            per_hour(&rest.aws_requests, rest),
            per_hour(&rest.kubernetes_requests, rest),
            short(1000.0 * rest.cpu()),
            times(ratio(results, one.binds, |one| one.rest.as_ref().map(AtRest::cpu))),
            short(rest.rss_mib),
            or_dash(one.changed.as_ref(), |changed| short(changed.seconds)),
            or_dash(one.changed.as_ref(), |changed| short(changed.cpu_seconds)),
        ]);
    }
    let rest = results.bindings.iter().find_map(|one| one.rest.as_ref())?;
    let words = format!(
        "Counted for one poll interval, {} seconds. Without bindings a hundred stores are observed by one listing; objects of bound \
         namespaces are polled one by one, each by a Get and a read of its tags.",
        rest.poll_seconds
    );
    section("AccountBindings at rest", &words, &table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::bindings::Sessions;
    use crate::process_figures::ProcessFigures;

    fn measured(binds: Binds, rss_mib: f64, opened: usize) -> Bindings {
        let first = Life {
            seconds: Some(4.0 + opened as f64),
            figures: ProcessFigures { rss_mib, ..ProcessFigures::default() },
            aws_requests: 0,
            kubernetes_writes: 0,
            sessions: Sessions { opened, assume_role_calls: opened, calls_outside: 0 },
        };
        Bindings { binds, namespaces: 4, accounts: 1, first, restart: None, rest: None, changed: None }
    }

    #[test]
    fn a_session_costs_what_a_process_without_bindings_does_not_have() {
        let bindings = vec![measured(Binds::None, 10.0, 0), measured(Binds::Each, 11.0, 4)];
        let results = Results { bindings, ..Results::default() };
        assert_eq!(kib_of_session(&results, Binds::Each, first), Some(256.0));
        assert_eq!(kib_of_session(&results, Binds::None, first), None);
        assert_eq!(kib_of_session(&results, Binds::Each, restart), None);
        assert_eq!(ratio(&results, Binds::Each, |one| one.first.seconds), Some(2.0));
        assert_eq!(ratio(&results, Binds::Selector, |one| one.first.seconds), None);
        let text = all(&results).concat();
        assert!(text.contains("| a binding for each namespace | 4 | 1 | 8.0 | 2.00 |"), "{text}");
        assert!(!text.contains("at rest"), "{text}");
    }
}
