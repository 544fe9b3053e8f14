//! The goals, beside what was measured. No I/O.

use crate::calls::percent;
use crate::fit::median;
use crate::measures::bindings::Sessions;
use crate::report::table::{Table, count, list, or_dash, short, whole};
use crate::report::tenancy_sections::{first, kib_of_session, ratio, restart as after_restart};
use crate::results::Results;
use crate::scene::{Program, Stores};
use crate::tenants::Binds;

const MEMORY: [(usize, f64); 4] = [(0, 12.0), (1000, 16.0), (5000, 28.0), (10_000, 42.0)];
/// What one session of a role may add to the memory of the process, in KiB.
const SESSION_KIB: f64 = 12.0;
/// The duration of the lease by default, in seconds.
const LEASE_SECONDS: f64 = 15.0;

struct Goal {
    measure: &'static str,
    goal: String,
    measured: Option<Measured>,
}

struct Measured {
    text: String,
    met: bool,
}

fn measured(text: String, met: bool) -> Option<Measured> {
    Some(Measured { text, met })
}

/// A run that missed a goal says so in this table, and is a run like any other.
pub fn table(results: &Results) -> String {
    let goals = [
        memory(
            results,
            Stores::Observed,
            &MEMORY,
            "RSS at 0 / 1,000 / 5,000 / 10,000 observed objects, the larger of first run and restart, MiB",
        ),
        memory(
            results,
            Stores::Created,
            &MEMORY[1..],
            "RSS at 1,000 / 5,000 / 10,000 created objects, the larger of first run and restart, MiB",
        ),
        cpu(results),
        restart(results),
        new_objects(results),
        restart_of_many(results),
        creations(results),
        calls_at_rest(results),
        writes_at_rest(results),
        cold_start(results),
        failover(results),
        storm(results),
        sessions(results),
        session_memory(results),
        bound_ready(results),
        bound_calls(results),
        bound_writes(results),
    ];
    let mut table = Table::of_words(&["measure", "goal", "measured", ""]);
    for goal in goals {
        let (text, mark) = match goal.measured {
            None => ("not measured in this run".to_owned(), "–"),
            Some(Measured { text, met }) => (text, if met { "✓" } else { "✗" }),
        };
        table.row([goal.measure.to_owned(), goal.goal, text, mark.to_owned()]);
    }
    table.text()
}

/// The largest of all lives of the operator with so many objects.
fn most_memory(results: &Results, stores: Stores, objects: usize) -> Option<f64> {
    let wanted = (Program::Operator, stores, objects);
    let first = results.first_lives.iter().filter(|life| (life.program, life.stores, life.objects) == wanted);
    let restarts = results.restarts.iter().filter(|one| (one.program, one.stores, one.objects) == wanted);
    first
        .map(|life| life.figures.rss_mib)
        .chain(restarts.map(|restart| restart.figures.rss_mib))
        .max_by(f64::total_cmp)
}

fn memory(results: &Results, stores: Stores, goals: &[(usize, f64)], measure: &'static str) -> Goal {
    let most = |objects| most_memory(results, stores, objects);
    let found: Vec<(f64, f64)> =
        goals.iter().filter_map(|(objects, goal)| Some((most(*objects)?, *goal))).collect();
    let values: Vec<f64> = found.iter().map(|(value, _)| *value).collect();
    let limits: Vec<String> = goals.iter().map(|(_, goal)| whole(*goal)).collect();
    Goal {
        measure,
        goal: format!("≤ {}", limits.join(" / ")),
        measured: (found.len() == goals.len())
            .then(|| Measured { text: list(&values), met: found.iter().all(|(value, goal)| value <= goal) }),
    }
}

/// CPU time of first passes, without what a process costs that has no objects.
pub fn cpu_of_passes(results: &Results, program: Program, objects: usize) -> Option<f64> {
    let cpu = |objects| Some(results.first_life(program, Stores::Observed, objects)?.figures.cpu_seconds);
    Some(cpu(objects)? - cpu(0)?)
}

fn cpu(results: &Results) -> Goal {
    let ratio = || {
        let many = cpu_of_passes(results, Program::Operator, 10_000)?;
        let few = cpu_of_passes(results, Program::Operator, 1000)?;
        measured(
            format!("{} × ({} s against {} s)", short(many / few), short(many), short(few)),
            many <= 12.0 * few,
        )
    };
    Goal {
        measure: "CPU of first passes, 10,000 against 1,000 objects",
        goal: "≤ 12 × for 10 ×".into(),
        measured: ratio(),
    }
}

fn restart(results: &Results) -> Goal {
    let found = results.restart(Program::Operator, Stores::Observed, 1000).and_then(|restart| {
        let requests = restart.aws_requests?;
        let text = format!("{} / {}", count(requests), count(restart.kubernetes_writes));
        measured(text, requests <= 12 && restart.kubernetes_writes == 0)
    });
    Goal {
        measure: "restart at 1,000 settled objects: AWS requests until current / Kubernetes writes",
        goal: "≤ 12 / 0".into(),
        measured: found,
    }
}

fn new_objects(results: &Results) -> Goal {
    let found = results.new_objects.iter().find(|one| one.program == Program::Operator).and_then(|new| {
        let (factor, refused) = (new.seconds / new.floor_seconds, percent(new.refused, new.aws_requests));
        let text = format!("{} s = {factor:.2} × / {} %", short(new.seconds), short(refused));
        measured(text, factor <= 1.1 && refused < 1.0)
    });
    Goal {
        measure: "new observed objects at the default quotas: time against N ÷ (share × 5/s) / refused requests",
        goal: "≤ 1.1 × / < 1 %".into(),
        measured: found,
    }
}

fn restart_of_many(results: &Results) -> Goal {
    let found =
        results.restart(Program::Operator, Stores::Observed, 10_000).map(|restart| match restart.seconds {
            Some(seconds) => Measured { text: format!("{} s", short(seconds)), met: seconds <= 45.0 },
            None => Measured { text: "not within 2 minutes".to_owned(), met: false },
        });
    Goal {
        measure: "restart at 10,000 settled objects at the default quotas: until all are current",
        goal: "≤ 45 s".into(),
        measured: found,
    }
}

fn creations(results: &Results) -> Goal {
    let most = results.creations.iter().filter(|one| one.quota_factor == 1.0).max_by_key(|one| one.objects);
    let found = most.and_then(|one| {
        let text =
            format!("{:.2} ({} stores in {} s)", one.efficiency(), count(one.objects), whole(one.seconds));
        measured(text, one.efficiency() >= 0.95 && one.surplus_stores == 0)
    });
    Goal {
        measure: "creations at the default quotas: floor ÷ measured",
        goal: "≥ 0.95".into(),
        measured: found,
    }
}

fn calls_at_rest(results: &Results) -> Goal {
    let rest = results.rest.iter().find(|one| one.program == Program::Operator && one.objects == 10_000);
    Goal {
        measure: "AWS requests per hour, 10,000 stores, 5 minutes fresh",
        goal: "≤ 5,000".into(),
        measured: rest
            .map(|rest| rest.aws_requests_per_hour())
            .map(|hourly| Measured { text: whole(hourly), met: hourly <= 5000.0 }),
    }
}

fn writes_at_rest(results: &Results) -> Goal {
    let rest = results.rest.iter().find(|one| one.program == Program::Operator);
    Goal {
        measure: "Kubernetes writes per hour at rest",
        goal: "0".into(),
        measured: rest
            .map(|rest| crate::scene::writes(&rest.kubernetes_requests))
            .map(|writes| Measured { text: count(writes), met: writes == 0 }),
    }
}

fn cold_start(results: &Results) -> Goal {
    let own = results.cold_start.iter().find(|one| one.program == Program::Operator);
    Goal {
        measure: "cold start to the first request about a store, median",
        goal: "≤ 200 ms".into(),
        measured: own.and_then(|one| median(&one.first_request_ms)).map(|milliseconds| Measured {
            text: format!("{} ms", whole(milliseconds)),
            met: milliseconds <= 200.0,
        }),
    }
}

fn failover(results: &Results) -> Goal {
    let slowest = |signal: &str| {
        let found = results.failover.iter().find(|one| one.signal == signal)?;
        found.seconds.iter().copied().max_by(f64::total_cmp)
    };
    let (term, kill) = (slowest("TERM"), slowest("KILL"));
    let text = format!("{} s / {} s", or_dash(term, short), or_dash(kill, short));
    Goal {
        measure: "failover after SIGTERM / SIGKILL, slowest",
        goal: format!("≤ 2 s / ≤ {} s (lease + 2 s)", whole(LEASE_SECONDS + 2.0)),
        measured: term
            .zip(kill)
            .map(|(term, kill)| Measured { text, met: term <= 2.0 && kill <= LEASE_SECONDS + 2.0 }),
    }
}

fn storm(results: &Results) -> Goal {
    let own = results.storm.iter().find(|one| one.program == Program::Operator);
    Goal {
        measure: "settled objects that ever show `Throttled` in the storm",
        goal: "0".into(),
        measured: own
            .map(|storm| Measured { text: count(storm.shown_throttled), met: storm.shown_throttled == 0 }),
    }
}

/// In every life, at any number of objects.
fn sessions(results: &Results) -> Goal {
    let bound = results.bindings.iter().filter(|one| one.binds != Binds::None);
    let lives: Vec<_> = bound
        .flat_map(|one| [Some(&one.first), one.restart.as_ref()])
        .flatten()
        .map(|life| &life.sessions)
        .collect();
    let sum = |figure: fn(&Sessions) -> usize| lives.iter().map(|sessions| figure(sessions)).sum::<usize>();
    let (opened, assumed) = (sum(|one| one.opened), sum(|one| one.assume_role_calls));
    let outside = sum(|one| one.calls_outside);
    Goal {
        measure: "AccountBindings: AssumeRole calls for each role and namespace until renewal / calls outside of their sessions",
        goal: "1 / 0".into(),
        measured: (opened > 0).then(|| Measured {
            text: format!("{} for {} / {}", count(assumed), count(opened), count(outside)),
            met: assumed == opened && outside == 0,
        }),
    }
}

/// With few sessions, what does not grow with their number is most of it.
fn session_memory(results: &Results) -> Goal {
    let of = |binds| [kib_of_session(results, binds, first), kib_of_session(results, binds, after_restart)];
    let many = |binds: &Binds| results.bound(*binds).is_some_and(|one| one.namespaces == 1000);
    let kinds = [Binds::Each, Binds::Selector].into_iter().filter(many);
    let found: Vec<f64> = kinds.flat_map(of).flatten().collect();
    Goal {
        measure: "AccountBindings: memory for each of 1,000 sessions of roles, KiB",
        goal: format!("≤ {}", whole(SESSION_KIB)),
        measured: (!found.is_empty())
            .then(|| Measured { text: list(&found), met: found.iter().all(|kib| *kib <= SESSION_KIB) }),
    }
}

/// Each namespace takes one call of STS more, and each binding one write of its status beside two for an object.
fn bound_ready(results: &Results) -> Goal {
    let ratio = ratio(results, Binds::Each, |one| one.first.seconds);
    Goal {
        measure: "AccountBindings: time until all objects are Ready, against without",
        goal: "≤ 2 ×".into(),
        measured: ratio.map(|ratio| Measured { text: format!("{ratio:.2} ×"), met: ratio <= 2.0 }),
    }
}

/// A Get and a read of the tags for each poll interval, which is a tenth longer or shorter each time.
fn bound_calls(results: &Results) -> Goal {
    let found = results.bound(Binds::Each).and_then(|one| {
        let (calls, rest) = (one.calls_per_object_and_minute()?, one.rest.as_ref()?);
        let wanted = 2.0 * 60.0 / f64::from(rest.poll_seconds);
        measured(format!("{calls:.2} against {wanted:.2}"), calls <= 1.1 * wanted)
    });
    Goal {
        measure: "AccountBindings: AWS requests for each bound object and minute at rest, against two for each poll interval",
        goal: "≤ 1.1 ×".into(),
        measured: found,
    }
}

fn bound_writes(results: &Results) -> Goal {
    let restart = results.bound(Binds::Each).and_then(|one| one.restart.as_ref());
    Goal {
        measure: "AccountBindings: Kubernetes writes of a restart and at rest",
        goal: "0".into(),
        measured: restart
            .map(|life| life.kubernetes_writes)
            .map(|writes| Measured { text: count(writes), met: writes == 0 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measures::new_objects::NewObjects;

    #[test]
    fn a_goal_is_met_missed_or_not_measured() {
        let new = |seconds| NewObjects {
            program: Program::Operator,
            objects: 300,
            seconds,
            floor_seconds: 75.0,
            aws_requests: 600,
            refused: 0,
            kubernetes_writes: 300,
        };
        let row = |results: &Results| {
            let table = table(results);
            table.lines().find(|line| line.contains("new observed objects")).map(ToOwned::to_owned)
        };
        let met = Results { new_objects: vec![new(80.0)], ..Results::default() };
        assert!(row(&met).is_some_and(|row| row.contains("80.0 s = 1.07 ×") && row.ends_with("| ✓ |")));
        let missed = Results { new_objects: vec![new(150.0)], ..Results::default() };
        assert!(row(&missed).is_some_and(|row| row.contains("2.00 ×") && row.ends_with("| ✗ |")));
        assert!(row(&Results::default()).is_some_and(|row| row.contains("not measured")));
    }
}
