//! Series about objects. They are made from what is cached when somebody asks for them, so they cost nothing at rest and
//! vanish with their object. No I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::bounded::OTHER;
use super::family::gauges;

/// Only these conditions are counted: anybody who may write a status can invent others.
const TYPES: [&str; 4] = ["Ready", "Synced", "Reconciling", "Stalled"];
const STATUSES: [&str; 3] = ["True", "False", "Unknown"];
/// The statuses of read sets that AWS documents, without DELETED: others share one label.
const READ_SET_STATUSES: [&str; 6] =
    ["ACTIVE", "ARCHIVED", "ACTIVATING", "DELETING", "PROCESSING_UPLOAD", "UPLOAD_FAILED"];
/// More than there are reasons. Further ones, which somebody else wrote, share one label.
const MOST_COUNTS: usize = 256;

/// Where the objects are.
pub(crate) trait Objects: fmt::Debug + Send + Sync {
    /// Shows each object once.
    fn visit(&self, visit: &mut dyn FnMut(&Sample<'_>));
}

/// One object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) conditions: Vec<Condition<'a>>,
    pub(crate) is_drifted: bool,
    /// In seconds since 1970.
    pub(crate) deleted_at: Option<i64>,
    /// Reasons for which its deletion waits.
    pub(crate) deletion_blocked_by: Vec<&'a str>,
    /// Read sets in its store by status; none where they were not counted.
    pub(crate) read_sets: Option<ReadSets<'a>>,
}

/// The last count of the read sets of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadSets<'a> {
    pub(crate) by_status: Vec<(&'a str, i32)>,
    /// In seconds since 1970.
    pub(crate) counted_at: i64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition<'a> {
    pub(crate) kind: &'a str,
    pub(crate) status: &'a str,
    pub(crate) reason: &'a str,
    /// In seconds since 1970.
    pub(crate) since: i64,
}

impl Sample<'_> {
    fn condition(&self, kind: &str) -> Option<&Condition<'_>> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }
}

/// Makes the series.
#[derive(Debug)]
pub(super) struct ObjectSeries {
    pub(super) objects: Arc<dyn Objects>,
    /// Besides the sums, series for each object.
    pub(super) one_by_one: bool,
}

/// What the series of one object need: families follow each other on the page, and the objects are looked at once.
struct Row {
    namespace: Box<str>,
    name: Box<str>,
    is_ready: bool,
    ready_since: Option<i64>,
    is_drifted: bool,
    deleted_at: Option<i64>,
    deletion_blocked_by: Vec<Box<str>>,
    stalled: Option<Box<str>>,
    /// Sums by label, and when they were counted.
    read_sets: Option<(BTreeMap<&'static str, i64>, i64)>,
}

impl Row {
    fn of(object: &Sample<'_>) -> Self {
        let ready = object.condition("Ready");
        let stalled = object.condition("Stalled").filter(|stalled| stalled.status == "True");
        // Each reason once: two series with the same labels would spoil the page.
        let blocked: BTreeSet<&str> = object.deletion_blocked_by.iter().copied().collect();
        Self {
            namespace: object.namespace.into(),
            name: object.name.into(),
            is_ready: ready.is_some_and(|ready| ready.status == "True"),
            ready_since: ready.map(|ready| ready.since),
            is_drifted: object.is_drifted,
            deleted_at: object.deleted_at,
            deletion_blocked_by: blocked.into_iter().map(Box::from).collect(),
            stalled: stalled.map(|stalled| stalled.reason.into()),
            read_sets: object.read_sets.as_ref().map(|read_sets| (sums(read_sets), read_sets.counted_at)),
        }
    }

    fn labels(&self) -> [(&'static str, &str); 2] {
        [("namespace", &self.namespace), ("name", &self.name)]
    }
}

/// ACTIVE is always there, so that an empty store has a series too.
fn sums(read_sets: &ReadSets<'_>) -> BTreeMap<&'static str, i64> {
    let mut sums = BTreeMap::from([(READ_SET_STATUSES[0], 0)]);
    for (status, number) in &read_sets.by_status {
        let label = READ_SET_STATUSES.into_iter().find(|known| known == status).unwrap_or(OTHER);
        *sums.entry(label).or_default() += i64::from(*number);
    }
    sums
}

/// How many objects have which type, status and reason.
#[derive(Default)]
struct Sums(BTreeMap<(&'static str, &'static str, String), u64>);

impl Sums {
    fn count(&mut self, object: &Sample<'_>) {
        for kind in TYPES {
            let Some((status, reason)) = counted(object, kind) else { continue };
            let key = (kind, status, reason.to_owned());
            let is_full = self.0.len() >= MOST_COUNTS && !self.0.contains_key(&key);
            let key = if is_full { (kind, status, OTHER.to_owned()) } else { key };
            *self.0.entry(key).or_default() += 1;
        }
    }
}

/// Status and reason under which an object counts.
fn counted<'a>(object: &'a Sample<'_>, kind: &str) -> Option<(&'static str, &'a str)> {
    let condition = object.condition(kind);
    if condition.is_none() && kind != "Ready" {
        return None;
    }
    let status = condition.map_or("Unknown", |condition| condition.status);
    let status = STATUSES.into_iter().find(|known| *known == status).unwrap_or("Unknown");
    Some((status, condition.map_or("", |condition| condition.reason)))
}

impl Collector for ObjectSeries {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (mut sums, mut rows) = (Sums::default(), Vec::new());
        self.objects.visit(&mut |object| {
            sums.count(object);
            if self.one_by_one {
                rows.push(Row::of(object));
            }
        });
        let mut family = encoder.encode_descriptor(
            "sequencestore_objects",
            "SequenceStore objects by condition: type, status and reason. Those of type Ready are all objects; one that has \
             no condition yet, or cannot be decoded, counts there with status Unknown.",
            None,
            MetricType::Gauge,
        )?;
        for ((kind, status, reason), count) in &sums.0 {
            let labels = [("type", *kind), ("status", *status), ("reason", reason)];
            family.encode_family(&labels)?.encode_gauge(count)?;
        }
        if self.one_by_one { each(&mut encoder, &rows) } else { Ok(()) }
    }
}

fn each(encoder: &mut DescriptorEncoder<'_>, rows: &[Row]) -> fmt::Result {
    gauges(
        encoder,
        ("sequencestore_object_ready", "Whether the condition Ready of the object is True: 1 or 0."),
        rows.iter().map(|row| (row.labels(), u32::from(row.is_ready))),
    )?;
    gauges(
        encoder,
        (
            "sequencestore_object_ready_transition_timestamp_seconds",
            "When the condition Ready of the object changed last, in seconds since 1970.",
        ),
        rows.iter().filter_map(|row| Some((row.labels(), row.ready_since?))),
    )?;
    gauges(
        encoder,
        (
            "sequencestore_object_drifted",
            "Whether the store differs from the spec of the object, as status.drift shows: 1 or 0.",
        ),
        rows.iter().map(|row| (row.labels(), u32::from(row.is_drifted))),
    )?;
    gauges(
        encoder,
        (
            "sequencestore_object_deletion_timestamp_seconds",
            "When the deletion of the object was requested, in seconds since 1970; only of objects that are being deleted.",
        ),
        rows.iter().filter_map(|row| Some((row.labels(), row.deleted_at?))),
    )?;
    let blocked = rows.iter().flat_map(|row| {
        let [namespace, name] = row.labels();
        row.deletion_blocked_by
            .iter()
            .map(AsRef::as_ref)
            .map(move |reason| ([namespace, name, ("reason", reason)], 1_u32))
    });
    gauges(
        encoder,
        (
            "sequencestore_object_deletion_blocked",
            "1 for each reason for which the deletion of the object waits, as in status.deletionBlockedBy; absent for all others.",
        ),
        blocked,
    )?;
    let stalled = rows.iter().filter_map(|row| {
        let [namespace, name] = row.labels();
        Some(([namespace, name, ("reason", row.stalled.as_deref()?)], 1_u32))
    });
    gauges(
        encoder,
        (
            "sequencestore_object_stalled",
            "1 for each object that cannot be finished until somebody acts, with the reason; absent for all others.",
        ),
        stalled,
    )?;
    read_sets(encoder, rows)
}

fn read_sets(encoder: &mut DescriptorEncoder<'_>, rows: &[Row]) -> fmt::Result {
    let by_status = rows.iter().flat_map(|row| {
        let [namespace, name] = row.labels();
        let sums = row.read_sets.iter().flat_map(|(sums, _)| sums);
        sums.map(move |(status, number)| ([namespace, name, ("status", *status)], *number))
    });
    gauges(
        encoder,
        (
            "sequencestore_object_read_sets",
            "Read sets in the store by their status, as counted last, of objects with spec.observeReadSets: at most the first \
             1,000.",
        ),
        by_status,
    )?;
    gauges(
        encoder,
        (
            "sequencestore_object_read_sets_timestamp_seconds",
            "When the read sets in the store were counted last, in seconds since 1970.",
        ),
        rows.iter().filter_map(|row| Some((row.labels(), row.read_sets.as_ref()?.1))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_somebody_else_wrote_do_not_pile_up_and_every_object_counts() {
        let mut sums = Sums::default();
        for number in 0..10_000 {
            let reason = format!("Made{number}");
            let condition = |kind| Condition { kind, status: "False", reason: &reason, since: 0 };
            let conditions = vec![condition("Ready"), condition("Foreign")];
            sums.count(&Sample { conditions, ..Sample::default() });
        }
        sums.count(&Sample::default());
        assert!(sums.0.len() <= MOST_COUNTS + 2 * TYPES.len(), "{}", sums.0.len());
        assert!(sums.0.keys().all(|(kind, ..)| *kind == "Ready"));
        assert_eq!(sums.0.values().sum::<u64>(), 10_001);
    }

    #[test]
    fn statuses_of_read_sets_that_aws_adds_share_one_label_and_an_empty_store_has_a_series() {
        let counted = |by_status: &[(&'static str, i32)]| {
            sums(&ReadSets { by_status: by_status.to_vec(), counted_at: 0 })
        };
        assert_eq!(counted(&[]), BTreeMap::from([("ACTIVE", 0)]));
        let all = counted(&[("NEW", 1), ("ARCHIVED", 2), ("NEWER", 4), ("ACTIVE", i32::MAX)]);
        let expected = [("ACTIVE", i64::from(i32::MAX)), ("ARCHIVED", 2), (OTHER, 5)];
        assert_eq!(all, BTreeMap::from(expected));
    }
}
