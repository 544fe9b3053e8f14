//! The sequence stores with their past versions, which lagging reads return, and their status transitions. No
//! I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::record::{ReadSetRecord, S3Access, SeedStore, StoreRecord};

/// Account and region. Stores, tags and client tokens of different accounts or regions are independent.
pub(crate) type AccountRegion = (String, String);

/// A store's account and region, and its ordinal in order of creation.
pub(crate) type Key = (AccountRegion, u64);

/// The account that owns the access points. AWS uses service accounts; this id is invented.
const SERVICE_ACCOUNT: &str = "555555555555";

/// Number of versions kept per store for lagging and stale reads.
const MAX_VERSIONS: usize = 64;

/// The state at the end of a transitional status.
#[derive(Clone, Debug)]
pub(crate) enum TransitionEnd {
    Active,
    Failed(String),
    Deleted,
}

/// A transition to start. The store keeps `status` until it has appeared in `gets` Get responses and `ms`
/// milliseconds have passed; if both are 0, the store goes to the end state at once.
#[derive(Clone, Debug)]
pub(crate) struct TransitionPlan {
    pub(crate) status: &'static str,
    pub(crate) gets: u32,
    pub(crate) ms: u64,
    pub(crate) end: TransitionEnd,
}

#[derive(Debug)]
struct Transition {
    gets_left: u32,
    until: Instant,
    end: TransitionEnd,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) record: StoreRecord,
    pub(crate) read_sets: BTreeMap<u64, ReadSetRecord>,
    transition: Option<Transition>,
    versions: VecDeque<(Instant, Arc<StoreRecord>)>,
}

/// How far a read is behind the last write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Staleness {
    /// Ignore versions younger than this.
    pub(crate) lag: Duration,
    /// Return the version before the last, whatever its age.
    pub(crate) previous_version: bool,
}

impl Store {
    /// The version that the read returns; `None` if in that version the store does not exist.
    pub(crate) fn read(&self, staleness: Staleness, now: Instant) -> Option<&StoreRecord> {
        let version = if staleness.previous_version {
            self.versions.len().checked_sub(2).and_then(|index| self.versions.get(index))
        } else {
            self.versions.iter().rev().find(|(written, _)| now.duration_since(*written) >= staleness.lag)
        };
        version.map(|(_, record)| record.as_ref()).filter(|record| !record.deleted)
    }

    fn finish_transition(&mut self, end: &TransitionEnd) {
        self.transition = None;
        let record = &mut self.record;
        match end {
            TransitionEnd::Active => record.status = "ACTIVE".to_owned(),
            TransitionEnd::Failed(message) => {
                record.status = "FAILED".to_owned();
                record.status_message = Some(message.clone());
            }
            TransitionEnd::Deleted => {
                record.deleted = true;
                record.tags.clear();
                self.read_sets.clear();
            }
        }
    }

    fn record_version(&mut self) {
        self.record.read_set_count = count_existing(&self.read_sets);
        self.versions.push_back((Instant::now(), Arc::new(self.record.clone())));
        while self.versions.len() > MAX_VERSIONS {
            self.versions.pop_front();
        }
    }
}

fn count_existing(read_sets: &BTreeMap<u64, ReadSetRecord>) -> u32 {
    let existing = read_sets.values().filter(|read_set| read_set.status != "DELETED").count();
    u32::try_from(existing).unwrap_or(u32::MAX)
}

/// All stores, including the deleted ones.
#[derive(Debug)]
pub(crate) struct Stores {
    all: BTreeMap<Key, Store>,
    by_id: HashMap<(AccountRegion, String), u64>,
    transitional: BTreeSet<Key>,
    last: u64,
    id_offset: u64,
}

impl Default for Stores {
    fn default() -> Self {
        // A restarted simulator must not reuse the ids of the previous one.
        let id_offset = fastrand::u64(..9_000_000_000);
        let (all, by_id, transitional) = Default::default();
        Stores { all, by_id, transitional, last: 0, id_offset }
    }
}

pub(crate) fn timestamp_now() -> String {
    format_timestamp(Timestamp::now())
}

pub(crate) fn format_timestamp(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

pub(crate) fn store_arn(account_region: &AccountRegion, id: &str) -> String {
    format!("arn:aws:omics:{}:{}:sequenceStore/{id}", account_region.1, account_region.0)
}

impl Stores {
    /// The next ordinal, and an id of ten digits derived from it: unique, but not in order of creation.
    fn next_id(&mut self) -> (u64, String) {
        self.last += 1;
        let scattered = (self.last.wrapping_mul(7_368_787) + self.id_offset) % 9_000_000_000;
        (self.last, (1_000_000_000 + scattered).to_string())
    }

    /// Adds a store that reads can see. Validates nothing.
    pub(crate) fn insert(&mut self, seed: SeedStore) -> Key {
        let key = self.insert_invisible(seed);
        self.change(&key, |_| ());
        key
    }

    /// Adds a store that reads cannot see until its first change records a version.
    pub(crate) fn insert_invisible(&mut self, seed: SeedStore) -> Key {
        let account_region = (seed.account, seed.region);
        let (ordinal, id) = loop {
            let (ordinal, id) = self.next_id();
            match &seed.id {
                Some(id) => break (ordinal, id.clone()),
                None if self.by_id.contains_key(&(account_region.clone(), id.clone())) => {}
                None => break (ordinal, id),
            }
        };
        let created = seed.creation_time.unwrap_or_else(timestamp_now);
        let s3_access = s3_access(&account_region, &id, seed.access_log_location);
        let record = StoreRecord {
            arn: store_arn(&account_region, &id),
            name: seed.name,
            description: seed.description,
            sse_config: seed.sse_config,
            update_time: Some(seed.update_time.unwrap_or_else(|| created.clone())),
            fallback_location: seed.fallback_location,
            e_tag_algorithm_family: seed.e_tag_algorithm_family,
            status: seed.status,
            status_message: seed.status_message,
            propagated_set_level_tags: seed.propagated_set_level_tags,
            tags: seed.tags,
            s3_access_policy: Some(
                seed.s3_access_policy
                    .unwrap_or_else(|| default_policy(&account_region, &id, &s3_access.s3_access_point_arn)),
            ),
            s3_access_policy_update_time: Some(created.clone()),
            account: account_region.0.clone(),
            region: account_region.1.clone(),
            creation_time: created,
            s3_access,
            id: id.clone(),
            ..StoreRecord::default()
        };
        let store = Store { record, read_sets: BTreeMap::new(), transition: None, versions: VecDeque::new() };
        self.by_id.insert((account_region.clone(), id), ordinal);
        self.all.insert((account_region.clone(), ordinal), store);
        (account_region, ordinal)
    }

    /// The key of a store, which may be deleted.
    pub(crate) fn key(&self, account_region: &AccountRegion, id: &str) -> Option<Key> {
        let ordinal = self.by_id.get(&(account_region.clone(), id.to_owned()))?;
        Some((account_region.clone(), *ordinal))
    }

    /// Finds a store by id or ARN in all accounts and regions; prefers a store that is not deleted.
    pub(crate) fn find(&self, id_or_arn: &str) -> Option<Key> {
        let matches = |record: &StoreRecord| record.id == id_or_arn || record.arn == id_or_arn;
        let matching = self.all.iter().filter(|(_, store)| matches(&store.record));
        matching.min_by_key(|(_, store)| store.record.deleted).map(|(key, _)| key.clone())
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Store> {
        self.all.get(key)
    }

    /// The store if it exists, whatever a lagging read would return.
    pub(crate) fn live(&self, account_region: &AccountRegion, id: &str) -> Option<(Key, &Store)> {
        let key = self.key(account_region, id)?;
        let store = self.all.get(&key).filter(|store| !store.record.deleted)?;
        Some((key, store))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Store> {
        self.all.values()
    }

    /// The stores of an account and region after the given ordinal, in order of creation.
    pub(crate) fn in_account_region(
        &self,
        account_region: &AccountRegion,
        after: Option<u64>,
    ) -> impl Iterator<Item = (u64, &Store)> {
        let from = (account_region.clone(), after.map_or(0, |after| after + 1));
        let to = (account_region.clone(), u64::MAX);
        self.all.range(from..=to).map(|((_, ordinal), store)| (*ordinal, store))
    }

    /// Changes a store and records a new version.
    pub(crate) fn change<R>(&mut self, key: &Key, change: impl FnOnce(&mut Store) -> R) -> Option<R> {
        let store = self.all.get_mut(key)?;
        let result = change(store);
        store.record_version();
        Some(result)
    }

    /// Adds read sets directly, without an import.
    pub(crate) fn add_read_sets(&mut self, key: &Key, number: u32, status: &str) {
        for _ in 0..number {
            let (ordinal, id) = self.next_id();
            let Some(store) = self.all.get_mut(key) else {
                return;
            };
            let read_set = ReadSetRecord {
                arn: format!("{}/readSet/{id}", store.record.arn),
                name: Some(format!("read-set-{id}")),
                status: status.to_owned(),
                creation_time: timestamp_now(),
                subject_id: "subject-1".to_owned(),
                sample_id: "sample-1".to_owned(),
                file_type: "FASTQ".to_owned(),
                creation_type: "IMPORT".to_owned(),
                id,
            };
            store.read_sets.insert(ordinal, read_set);
        }
        self.change(key, |_| ());
    }

    /// Changes a store and starts a transition, as one new version.
    pub(crate) fn begin_transition(
        &mut self,
        key: &Key,
        plan: TransitionPlan,
        change: impl FnOnce(&mut StoreRecord),
    ) {
        let TransitionPlan { status, gets, ms, end } = plan;
        let waits = gets > 0 || ms > 0;
        self.change(key, |store| {
            change(&mut store.record);
            if !waits {
                store.finish_transition(&end);
                return;
            }
            store.record.status = status.to_owned();
            store.record.status_message = None;
            let until = Instant::now() + Duration::from_millis(ms);
            store.transition = Some(Transition { gets_left: gets, until, end });
        });
        if waits {
            self.transitional.insert(key.clone());
        } else {
            self.transitional.remove(key);
        }
    }

    /// Finishes every transition that is due.
    pub(crate) fn finish_due_transitions(&mut self) {
        let now = Instant::now();
        let due: Vec<(Key, TransitionEnd)> = self
            .transitional
            .iter()
            .filter_map(|key| {
                let transition = self.all.get(key)?.transition.as_ref()?;
                let due = transition.gets_left == 0 && transition.until <= now;
                due.then(|| (key.clone(), transition.end.clone()))
            })
            .collect();
        for (key, end) in due {
            self.transitional.remove(&key);
            self.change(&key, |store| store.finish_transition(&end));
        }
    }

    /// Counts one Get response towards the end of the transition.
    pub(crate) fn count_get(&mut self, key: &Key) {
        let transition = self.all.get_mut(key).and_then(|store| store.transition.as_mut());
        if let Some(transition) = transition.filter(|transition| transition.gets_left != u32::MAX) {
            transition.gets_left = transition.gets_left.saturating_sub(1);
        }
    }

    /// Cancels the transition of a store, because a test has set the status through the control API.
    pub(crate) fn stop_transition(&mut self, key: &Key) {
        self.transitional.remove(key);
        if let Some(store) = self.all.get_mut(key) {
            store.transition = None;
        }
    }

    /// Deletes a store as another AWS client would, at once and even if it has read sets.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.transitional.remove(key);
        self.change(key, |store| store.finish_transition(&TransitionEnd::Deleted));
    }
}

fn s3_access(account_region: &AccountRegion, id: &str, access_log_location: Option<String>) -> S3Access {
    let (account, region) = account_region;
    let access_point = format!("{account}-{id}");
    // An alias has 63 characters: the first 20 of the name, a hyphen, 34 random ones and the suffix.
    let prefix: String = access_point.chars().take(20).collect();
    let length = 63 - "-s3alias".len() - 1 - prefix.len();
    let random: String = std::iter::repeat_with(|| fastrand::char('a'..='z')).take(length).collect();
    S3Access {
        s3_uri: format!("s3://{prefix}-{random}-s3alias/{account}/sequenceStore/{id}/"),
        s3_access_point_arn: format!("arn:aws:s3:{region}:{SERVICE_ACCOUNT}:accesspoint/{access_point}"),
        access_log_location,
    }
}

fn default_policy(account_region: &AccountRegion, id: &str, access_point: &str) -> String {
    let account = &account_region.0;
    let objects = format!("{account}/sequenceStore/{id}/*");
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": ["s3:GetObject", "s3:GetObjectTagging"],
                "Resource": format!("{access_point}/object/{objects}")
            },
            {
                "Effect": "Allow",
                "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
                "Action": "s3:ListBucket",
                "Resource": access_point,
                "Condition": {"StringLike": {"s3:prefix": objects}}
            }
        ]
    })
    .to_string()
}
