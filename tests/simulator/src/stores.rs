//! The stores themselves: their versions, so that reads can lag, and the transitions they are in.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::record::{ReadSetRecord, S3Access, SeedStore, StoreRecord};

/// An account and a region: stores of different places know nothing of each other.
pub(crate) type Place = (String, String);

/// A store's place and its number in order of creation.
pub(crate) type Key = (Place, u64);

/// The account that owns the access points. AWS uses accounts of its own; this one is made up.
const SERVICE_ACCOUNT: &str = "555555555555";

/// Versions kept for lagging and stale reads.
const MAX_VERSIONS: usize = 64;

/// How a transitional status ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Active,
    Failed(String),
    Gone,
}

/// How long a transitional status lasts: until this many Gets were answered and this much time has passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) gets: u32,
    pub(crate) ms: u64,
}

#[derive(Debug)]
struct Transition {
    gets_left: u32,
    until: Instant,
    end: End,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) record: StoreRecord,
    pub(crate) read_sets: BTreeMap<u64, ReadSetRecord>,
    transition: Option<Transition>,
    versions: VecDeque<(Instant, Arc<StoreRecord>)>,
}

/// Which version a reader sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight {
    pub(crate) lag: Duration,
    pub(crate) stale: bool,
}

impl Store {
    /// The version in sight; `None` when that reader does not know the store.
    pub(crate) fn seen(&self, sight: Sight, now: Instant) -> Option<&StoreRecord> {
        let version = if sight.stale {
            self.versions.len().checked_sub(2).and_then(|index| self.versions.get(index))
        } else {
            self.versions.iter().rev().find(|(written, _)| now.duration_since(*written) >= sight.lag)
        };
        version.map(|(_, record)| record.as_ref()).filter(|record| !record.deleted)
    }

    fn end(&mut self, end: &End) {
        self.transition = None;
        let record = &mut self.record;
        match end {
            End::Active => record.status = "ACTIVE".to_owned(),
            End::Failed(message) => {
                record.status = "FAILED".to_owned();
                record.status_message = Some(message.clone());
            }
            End::Gone => {
                record.deleted = true;
                record.tags.clear();
                self.read_sets.clear();
            }
        }
    }

    fn record_version(&mut self) {
        self.record.read_set_count = count(&self.read_sets);
        self.versions.push_back((Instant::now(), Arc::new(self.record.clone())));
        while self.versions.len() > MAX_VERSIONS {
            self.versions.pop_front();
        }
    }
}

fn count(read_sets: &BTreeMap<u64, ReadSetRecord>) -> u32 {
    let live = read_sets.values().filter(|read_set| read_set.status != "DELETED").count();
    u32::try_from(live).unwrap_or(u32::MAX)
}

/// Every store there is or was.
#[derive(Debug)]
pub(crate) struct Stores {
    all: BTreeMap<Key, Store>,
    by_id: HashMap<(Place, String), u64>,
    transitional: BTreeSet<Key>,
    last: u64,
    id_offset: u64,
}

impl Default for Stores {
    fn default() -> Self {
        // A new simulator must not hand out the ids of the one before it.
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

pub(crate) fn store_arn(place: &Place, id: &str) -> String {
    format!("arn:aws:omics:{}:{}:sequenceStore/{id}", place.1, place.0)
}

impl Stores {
    /// A number that counts up, and the ten digits made from it: unique, and in no visible order.
    fn next_id(&mut self) -> (u64, String) {
        self.last += 1;
        let scattered = (self.last.wrapping_mul(7_368_787) + self.id_offset) % 9_000_000_000;
        (self.last, (1_000_000_000 + scattered).to_string())
    }

    /// Adds a store that everyone sees. Nothing is validated here.
    pub(crate) fn insert(&mut self, seed: SeedStore) -> Key {
        let key = self.insert_unseen(seed);
        self.change(&key, |_| ());
        key
    }

    /// Adds a store that no reader sees before its first change.
    pub(crate) fn insert_unseen(&mut self, seed: SeedStore) -> Key {
        let place = (seed.account, seed.region);
        let (ordinal, id) = loop {
            let (ordinal, id) = self.next_id();
            match &seed.id {
                Some(id) => break (ordinal, id.clone()),
                None if self.by_id.contains_key(&(place.clone(), id.clone())) => {}
                None => break (ordinal, id),
            }
        };
        let created = seed.creation_time.unwrap_or_else(timestamp_now);
        let s3_access = s3_access(&place, &id, seed.access_log_location);
        let record = StoreRecord {
            arn: store_arn(&place, &id),
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
                    .unwrap_or_else(|| default_policy(&place, &id, &s3_access.s3_access_point_arn)),
            ),
            s3_access_policy_update_time: Some(created.clone()),
            account: place.0.clone(),
            region: place.1.clone(),
            creation_time: created,
            s3_access,
            id: id.clone(),
            ..StoreRecord::default()
        };
        let store = Store { record, read_sets: BTreeMap::new(), transition: None, versions: VecDeque::new() };
        self.by_id.insert((place.clone(), id), ordinal);
        self.all.insert((place.clone(), ordinal), store);
        (place, ordinal)
    }

    /// The key of a store, live or gone.
    pub(crate) fn key(&self, place: &Place, id: &str) -> Option<Key> {
        let ordinal = self.by_id.get(&(place.clone(), id.to_owned()))?;
        Some((place.clone(), *ordinal))
    }

    /// By bare id or by ARN, in whatever place; live stores go first.
    pub(crate) fn find(&self, id_or_arn: &str) -> Option<Key> {
        let fits = |record: &StoreRecord| record.id == id_or_arn || record.arn == id_or_arn;
        let fitting = self.all.iter().filter(|(_, store)| fits(&store.record));
        fitting.min_by_key(|(_, store)| store.record.deleted).map(|(key, _)| key.clone())
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Store> {
        self.all.get(key)
    }

    /// The store if it is there in truth, whatever readers see.
    pub(crate) fn live(&self, place: &Place, id: &str) -> Option<(Key, &Store)> {
        let key = self.key(place, id)?;
        let store = self.all.get(&key).filter(|store| !store.record.deleted)?;
        Some((key, store))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Store> {
        self.all.values()
    }

    /// Stores of a place in order of creation, after the given number.
    pub(crate) fn of_place(&self, place: &Place, after: Option<u64>) -> impl Iterator<Item = (u64, &Store)> {
        let from = (place.clone(), after.map_or(0, |after| after + 1));
        let to = (place.clone(), u64::MAX);
        self.all.range(from..=to).map(|((_, ordinal), store)| (*ordinal, store))
    }

    /// Changes a store and records the version.
    pub(crate) fn change<R>(&mut self, key: &Key, change: impl FnOnce(&mut Store) -> R) -> Option<R> {
        let store = self.all.get_mut(key)?;
        let result = change(store);
        store.record_version();
        Some(result)
    }

    /// Adds read sets without the API.
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

    /// Changes a store and puts it into a transitional status, or straight to the end when there is nothing
    /// to wait for. Either way it is one version.
    pub(crate) fn begin(
        &mut self,
        key: &Key,
        status: &str,
        wait: Wait,
        end: End,
        change: impl FnOnce(&mut StoreRecord),
    ) {
        let waits = wait.gets > 0 || wait.ms > 0;
        self.change(key, |store| {
            change(&mut store.record);
            if !waits {
                store.end(&end);
                return;
            }
            store.record.status = status.to_owned();
            store.record.status_message = None;
            let until = Instant::now() + Duration::from_millis(wait.ms);
            store.transition = Some(Transition { gets_left: wait.gets, until, end });
        });
        if waits {
            self.transitional.insert(key.clone());
        } else {
            self.transitional.remove(key);
        }
    }

    /// Ends every transition that is due.
    pub(crate) fn settle(&mut self) {
        let now = Instant::now();
        let due: Vec<(Key, End)> = self
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
            self.change(&key, |store| store.end(&end));
        }
    }

    /// A Get was answered: the transition is one Get nearer to its end.
    pub(crate) fn count_get(&mut self, key: &Key) {
        let transition = self.all.get_mut(key).and_then(|store| store.transition.as_mut());
        if let Some(transition) = transition.filter(|transition| transition.gets_left != u32::MAX) {
            transition.gets_left = transition.gets_left.saturating_sub(1);
        }
    }

    /// Stops the transition a store is in: a test has set its status by hand.
    pub(crate) fn stop_transition(&mut self, key: &Key) {
        self.transitional.remove(key);
        if let Some(store) = self.all.get_mut(key) {
            store.transition = None;
        }
    }

    /// Removes a store as if someone had deleted it elsewhere, read sets or not.
    pub(crate) fn remove(&mut self, key: &Key) {
        self.transitional.remove(key);
        self.change(key, |store| store.end(&End::Gone));
    }
}

fn s3_access(place: &Place, id: &str, access_log_location: Option<String>) -> S3Access {
    let (account, region) = place;
    let access_point = format!("{account}-{id}");
    // An alias is the first 20 characters of the name, 34 random ones and a fixed end: 63 in all.
    let stem: String = access_point.chars().take(20).collect();
    let length = 63 - "-s3alias".len() - 1 - stem.len();
    let random: String = std::iter::repeat_with(|| fastrand::char('a'..='z')).take(length).collect();
    S3Access {
        s3_uri: format!("s3://{stem}-{random}-s3alias/{account}/sequenceStore/{id}/"),
        s3_access_point_arn: format!("arn:aws:s3:{region}:{SERVICE_ACCOUNT}:accesspoint/{access_point}"),
        access_log_location,
    }
}

fn default_policy(place: &Place, id: &str, access_point: &str) -> String {
    let account = &place.0;
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
