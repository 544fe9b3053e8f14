//! Candidates that share one Lease, under edits by hand, lost requests and processes that stand still.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn timing() -> Timing {
    Timing { lease_duration: 15 * SECOND, renew_deadline: 10 * SECOND, retry_period: 2 * SECOND }
}

/// The API server with one Lease, and a clock.
struct Server {
    start: Moment,
    elapsed: Duration,
    lease: Option<Lease>,
    version: u64,
}

impl Server {
    fn new() -> Self {
        Self { start: Moment::now(), elapsed: Duration::ZERO, lease: None, version: 0 }
    }

    fn with_spec(spec: Value) -> Self {
        let mut server = Self::new();
        server.edit(|lease| lease.spec = serde_json::from_value(spec).expect("a spec"));
        server
    }

    fn now(&self) -> Moment {
        Moment { clock: self.start.clock + self.elapsed, date: self.start.date + self.elapsed }
    }

    fn date(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.elapsed).expect("a short time")
    }

    fn write(&mut self, lease: &Lease) -> Option<Lease> {
        let stored = self.lease.as_ref().map(|lease| lease.metadata.resource_version.clone());
        if lease.metadata.resource_version != stored.flatten() {
            return None;
        }
        self.version += 1;
        let mut lease = lease.clone();
        lease.metadata.resource_version = Some(self.version.to_string());
        self.lease = Some(lease);
        self.lease.clone()
    }

    /// Changes the Lease by hand, or creates it.
    fn edit(&mut self, change: impl FnOnce(&mut Lease)) {
        let mut lease = self.lease.clone().unwrap_or_else(absent);
        change(&mut lease);
        self.write(&lease);
    }

    fn spec(&self) -> LeaseSpec {
        self.lease.clone().and_then(|lease| lease.spec).unwrap_or_default()
    }
}

fn absent() -> Lease {
    serde_json::from_value(
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}),
    )
    .expect("a Lease")
}

fn candidate(identity: &str) -> Candidate {
    Candidate::new(identity.into(), timing())
}

impl Candidate {
    fn look(&mut self, server: &Server) {
        self.read(server.lease.clone(), server.now().clock);
    }

    fn prepare(&self, server: &Server) -> Option<(Lease, Moment)> {
        let lease = match self.next(server.now().clock, server.date()) {
            Next::Wait => return None,
            Next::Create(spec) => Lease { spec: Some(spec), ..absent() },
            Next::Replace(lease) => *lease,
        };
        Some((lease, server.now()))
    }

    fn stand(&mut self, server: &mut Server) -> bool {
        self.look(server);
        if let Some((lease, sent)) = self.prepare(server)
            && let Some(written) = server.write(&lease)
        {
            self.written(written, sent, server.now().clock);
        }
        self.leads(server)
    }

    fn leads(&self, server: &Server) -> bool {
        self.leads_since(server.now().clock).is_some()
    }
}

#[test]
fn the_first_candidate_takes_an_absent_lease_and_the_second_waits() {
    let (mut server, mut a, mut b) = (Server::new(), candidate("a"), candidate("b"));
    assert_eq!((a.stand(&mut server), b.stand(&mut server)), (true, false));
    let spec = server.spec();
    assert_eq!(spec.holder_identity.as_deref(), Some("a"));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(0)));
    assert_eq!(spec.renew_time.as_deref(), Some("1970-01-01T00:00:00.000000Z"));
    assert_eq!(b.holder(), Some("a"));
}

#[test]
fn a_renewal_keeps_when_the_term_began_and_a_take_over_counts_it() {
    let (mut server, mut a, mut b) = (Server::new(), candidate("a"), candidate("b"));
    a.stand(&mut server);
    let began = server.spec().acquire_time;
    server.elapsed += 2 * SECOND;
    a.stand(&mut server);
    assert_eq!((server.spec().acquire_time, server.spec().lease_transitions), (began.clone(), Some(0)));
    assert_ne!(server.spec().renew_time, began);
    b.look(&server);
    server.elapsed += 15 * SECOND;
    assert!(b.stand(&mut server));
    assert_eq!(
        (server.spec().acquire_time, server.spec().lease_transitions),
        (server.spec().renew_time, Some(1))
    );
}

#[test]
fn a_holder_counts_as_alive_for_the_lease_duration_after_the_last_change_that_was_seen() {
    let (mut server, mut a, mut b) = (Server::new(), candidate("a"), candidate("b"));
    a.stand(&mut server);
    // The dates in the Lease are long past for a process whose clock is ahead; it waits all the same.
    server.elapsed += 1000 * SECOND;
    assert!(!b.stand(&mut server));
    server.elapsed += 14 * SECOND;
    assert!(!b.stand(&mut server));
    // A label is no sign of life.
    server.edit(|lease| lease.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into()));
    server.elapsed += SECOND;
    assert!(b.stand(&mut server));
}

#[test]
fn a_leader_ends_its_term_at_the_deadline_measured_from_before_the_request() {
    let (mut server, mut a) = (Server::new(), candidate("a"));
    a.look(&server);
    let (lease, sent) = a.prepare(&server).expect("a write");
    server.elapsed += 4 * SECOND;
    let written = server.write(&lease).expect("accepted");
    a.written(written, sent, server.now().clock);
    assert!(a.leads(&server));
    server.elapsed += 6 * SECOND - Duration::from_millis(1);
    assert!(a.leads(&server));
    server.elapsed += Duration::from_millis(1);
    assert!(!a.leads(&server));
}

#[test]
fn a_lease_that_was_given_up_is_taken_at_once() {
    let (mut server, mut a, mut b) = (Server::new(), candidate("a"), candidate("b"));
    a.stand(&mut server);
    b.look(&server);
    assert!(b.released(server.date()).is_none(), "it is not b's");
    let released = a.released(server.date()).expect("its own");
    server.write(&released).expect("accepted");
    assert_eq!(
        (server.spec().holder_identity.as_deref(), server.spec().lease_duration_seconds),
        (Some(""), Some(1))
    );
    assert!(b.stand(&mut server));
    assert_eq!((server.spec().lease_duration_seconds, server.spec().lease_transitions), (Some(15), Some(1)));
    a.look(&server);
    assert!(a.released(server.date()).is_none(), "it is b's now");
}

#[test]
fn a_leader_whose_lease_was_edited_leads_only_while_it_is_named_as_the_holder() {
    for (holder, leads) in [("a", true), ("someone", false), ("", false)] {
        let (mut server, mut a) = (Server::new(), candidate("a"));
        a.stand(&mut server);
        server.edit(|lease| {
            let spec = lease.spec.get_or_insert_default();
            (spec.holder_identity, spec.lease_duration_seconds) = (Some(holder.into()), Some(3));
        });
        assert_eq!(a.stand(&mut server), leads, "holder {holder:?}");
        // Not for ever: nobody else renews it.
        server.elapsed += 15 * SECOND;
        assert!(a.stand(&mut server), "holder {holder:?}");
    }
}

#[test]
fn a_deleted_lease_is_made_again_by_its_holder_and_is_not_free_for_others() {
    let (mut server, mut a, mut b) = (Server::new(), candidate("a"), candidate("b"));
    a.stand(&mut server);
    b.look(&server);
    server.lease = None;
    server.elapsed += SECOND;
    assert_eq!((b.stand(&mut server), a.stand(&mut server)), (false, true));
    server.lease = None;
    assert!(!b.stand(&mut server));
    server.elapsed += 15 * SECOND;
    assert!(b.stand(&mut server), "the holder is dead");
    // A former holder that stood still does not know who has led since.
    server.lease = None;
    assert!(!a.stand(&mut server));
}

#[test]
fn no_lease_locks_out_for_ever_and_none_ends_the_term_of_a_living_holder_sooner() {
    // How long a candidate waits that finds this Lease.
    let ten_years = 10 * 365 * 86_400;
    let rows = [
        (json!(null), 15),
        (json!({}), 15),
        (json!({"holderIdentity": ""}), 15),
        (json!({"holderIdentity": "", "leaseDurationSeconds": 15}), 15),
        (json!({"holderIdentity": "", "leaseDurationSeconds": 1}), 0),
        (json!({"holderIdentity": "x"}), 15),
        (json!({"holderIdentity": "x", "leaseDurationSeconds": 0}), 15),
        (json!({"holderIdentity": "x", "leaseDurationSeconds": 1}), 15),
        (json!({"holderIdentity": "x", "leaseDurationSeconds": -5}), 15),
        (json!({"holderIdentity": "x", "leaseDurationSeconds": 40}), 40),
        (json!({"holderIdentity": "x", "leaseDurationSeconds": ten_years}), 60),
        (
            json!({"holderIdentity": "x", "renewTime": "9999-12-31T23:59:59.999999Z", "leaseTransitions": i32::MAX}),
            15,
        ),
        (json!({"holderIdentity": "x", "leaseTransitions": -3, "strategy": "OldestEmulationVersion"}), 15),
    ];
    for (spec, seconds) in rows {
        let (mut server, mut a) = (Server::with_spec(spec.clone()), candidate("a"));
        let mut waited = 0;
        while !a.stand(&mut server) {
            server.elapsed += SECOND;
            waited += 1;
        }
        assert_eq!(waited, seconds, "{spec}");
        let transitions = server.spec().lease_transitions.expect("a number");
        assert!((0..=i64::from(i32::MAX)).contains(&transitions), "{spec}: {transitions}");
        assert_eq!(server.spec().others.get("strategy"), spec.get("strategy"), "{spec}");
    }
}

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Answered,
    Lost,
    /// It takes effect, and the answer is lost.
    AnswerLost,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(u64),
    Look(usize),
    /// Decides, and stands still before the request arrives.
    Prepare(usize),
    Arrive(usize, Fate),
    Stand(usize),
    /// The process ends, and another takes its place.
    Release(usize),
    Label,
    Steal,
    RemoveHolder,
    Delete,
    SetDuration(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let who = 0..3usize;
    let fate = prop_oneof![Just(Fate::Answered), Just(Fate::Lost), Just(Fate::AnswerLost)];
    prop_oneof![
        6 => (0..9_000u64).prop_map(Event::Pass),
        1 => (9_000..70_000u64).prop_map(Event::Pass),
        6 => who.clone().prop_map(Event::Stand),
        2 => who.clone().prop_map(Event::Look),
        3 => who.clone().prop_map(Event::Prepare),
        3 => (who.clone(), fate).prop_map(|(who, fate)| Event::Arrive(who, fate)),
        1 => who.prop_map(Event::Release),
        1 => Just(Event::Label),
        1 => Just(Event::Steal),
        1 => Just(Event::RemoveHolder),
        1 => Just(Event::Delete),
        1 => (-2..100i64).prop_map(|seconds| Event::SetDuration(if seconds == 1 { 2 } else { seconds })),
    ]
}

struct Play {
    server: Server,
    candidates: Vec<Candidate>,
    prepared: Vec<Option<(Lease, Moment)>>,
    ended: usize,
    was_deleted: bool,
}

impl Play {
    fn new() -> Self {
        let (mut server, mut candidates) = (Server::new(), ["a", "b", "c"].map(candidate));
        // Everybody has seen the Lease once: a process that starts where somebody has just deleted it knows of no holder.
        candidates[0].stand(&mut server);
        candidates.iter_mut().for_each(|candidate| candidate.look(&server));
        Self {
            server,
            candidates: candidates.into(),
            prepared: vec![None, None, None],
            ended: 0,
            was_deleted: false,
        }
    }

    fn happens(&mut self, event: Event) {
        let Self { server, candidates, prepared, ended, was_deleted } = self;
        match event {
            Event::Pass(millis) => server.elapsed += Duration::from_millis(millis),
            Event::Look(who) => candidates[who].look(server),
            Event::Stand(who) => drop(candidates[who].stand(server)),
            Event::Prepare(who) => prepared[who] = candidates[who].prepare(server),
            Event::Arrive(who, fate) => {
                let Some((lease, sent)) = prepared[who].take() else { return };
                let written = if matches!(fate, Fate::Lost) { None } else { server.write(&lease) };
                if let (Some(written), Fate::Answered) = (written, fate) {
                    candidates[who].written(written, sent, server.now().clock);
                }
            }
            // A process that starts where there is no Lease knows of no holder, and does not wait: mostly there is none.
            Event::Release(_) if server.lease.is_none() => {}
            Event::Release(who) => {
                if let Some(lease) = candidates[who].released(server.date()) {
                    server.write(&lease);
                }
                *ended += 1;
                candidates[who] = candidate(&format!("later-{ended}"));
                candidates[who].look(server);
                prepared[who] = None;
            }
            Event::Label => server.edit(|lease| lease.metadata.labels = None),
            Event::Steal => server.edit(|lease| {
                lease.spec.get_or_insert_default().holder_identity = Some("thief".into());
            }),
            Event::RemoveHolder => server.edit(|lease| {
                let spec = lease.spec.get_or_insert_default();
                if spec.lease_duration_seconds != Some(1) {
                    spec.holder_identity = None;
                }
            }),
            // Nobody can tell one deletion from two, with a holder in between.
            Event::Delete if *was_deleted => {}
            Event::Delete => {
                (server.lease, *was_deleted) = (None, true);
                candidates.iter_mut().for_each(|candidate| candidate.read(None, server.now().clock));
            }
            Event::SetDuration(seconds) => server.edit(|lease| {
                let spec = lease.spec.get_or_insert_default();
                if spec.holder_identity.as_deref() != Some("") {
                    spec.lease_duration_seconds = Some(seconds);
                }
            }),
        }
    }

    fn leaders(&self) -> Vec<usize> {
        (0..self.candidates.len()).filter(|&who| self.candidates[who].leads(&self.server)).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn there_are_never_two_leaders_and_there_is_one_again_soon(events in proptest::collection::vec(event(), 1..60)) {
        let mut play = Play::new();
        for event in events {
            play.happens(event);
            prop_assert!(play.leaders().len() <= 1, "after {event:?}: {:?}", play.leaders());
        }
        for _ in 0..62 {
            play.server.elapsed += SECOND;
            for who in 0..3 {
                play.happens(Event::Stand(who));
                prop_assert!(play.leaders().len() <= 1, "{:?}", play.leaders());
            }
        }
        prop_assert_eq!(play.leaders().len(), 1);
    }
}
