//! What the simulator's ledger says about the requests of a program. No I/O.

use std::collections::{BTreeMap, HashSet};

use healthomics_simulator::LedgerEntry;
use jiff::Timestamp;
use serde_json::Value;

pub fn time(entry: &LedgerEntry) -> Option<Timestamp> {
    entry.time.parse().ok()
}

pub fn by_operation(entries: &[LedgerEntry]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.operation.clone()).or_default() += 1;
    }
    counts
}

/// How many requests AWS refused because there were too many.
pub fn refused(entries: &[LedgerEntry]) -> usize {
    entries.iter().filter(|entry| entry.error.as_deref() == Some("ThrottlingException")).count()
}

pub fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// The position of the request with which the program knew the state of all stores: the last page of a listing without
/// filter, or the first Get of the last store, whichever came first.
pub fn current_at(entries: &[LedgerEntry], stores: usize) -> Option<usize> {
    let mut got = HashSet::new();
    entries.iter().position(|entry| match entry.operation.as_str() {
        _ if entry.status != 200 => false,
        "ListSequenceStores" => {
            entry.parameters.get("filter").is_none()
                && entry.response.get("nextToken").is_none_or(Value::is_null)
        }
        "GetSequenceStore" => {
            got.insert(entry.store_id.clone());
            got.len() >= stores
        }
        _ => false,
    })
}

/// The first moment after `start` from which on, over `window` seconds, at least `wanted` requests per second
/// succeeded.
pub fn full_rate_at(entries: &[LedgerEntry], start: Timestamp, window: f64, wanted: f64) -> Option<f64> {
    let mut seconds: Vec<f64> = entries
        .iter()
        .filter(|entry| entry.status == 200)
        .filter_map(|entry| Some(time(entry)?.duration_since(start).as_secs_f64()))
        .filter(|second| *second >= 0.0)
        .collect();
    seconds.sort_by(f64::total_cmp);
    let enough = wanted * window;
    seconds.iter().enumerate().find_map(|(index, first)| {
        let within = seconds.iter().skip(index).take_while(|second| **second < first + window).count();
        (within as f64 >= enough).then_some(*first)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(operation: &str, store: Option<&str>) -> LedgerEntry {
        LedgerEntry {
            operation: operation.to_owned(),
            store_id: store.map(ToOwned::to_owned),
            status: 200,
            ..LedgerEntry::default()
        }
    }

    fn list(filter: bool, next: bool) -> LedgerEntry {
        LedgerEntry {
            parameters: if filter { json!({"filter": {"name": "a"}}) } else { Value::Null },
            response: if next { json!({"nextToken": "t"}) } else { Value::Null },
            ..entry("ListSequenceStores", None)
        }
    }

    fn throttled(entry: LedgerEntry) -> LedgerEntry {
        LedgerEntry { status: 429, error: Some("ThrottlingException".into()), ..entry }
    }

    #[test]
    fn the_last_page_of_a_listing_of_all_stores_makes_all_current() {
        let entries =
            [list(true, false), list(false, true), throttled(list(false, false)), list(false, false)];
        assert_eq!(current_at(&entries, 200), Some(3));
    }

    #[test]
    fn without_a_listing_the_get_of_the_last_store_makes_all_current() {
        let get = |store| entry("GetSequenceStore", Some(store));
        let entries =
            [get("1"), get("1"), throttled(get("2")), entry("ListTagsForResource", Some("2")), get("2")];
        assert_eq!(current_at(&entries, 2), Some(4));
        assert_eq!(current_at(&entries, 3), None);
    }

    #[test]
    fn refusals_are_counted_and_are_a_share_of_all() {
        let entries = [entry("GetSequenceStore", None), throttled(entry("GetSequenceStore", None))];
        assert_eq!(refused(&entries), 1);
        assert_eq!(percent(refused(&entries), entries.len()), 50.0);
        assert_eq!(percent(0, 0), 0.0);
        assert_eq!(by_operation(&entries).get("GetSequenceStore"), Some(&2));
    }

    #[test]
    fn the_full_rate_is_reached_where_a_whole_window_has_enough_successes() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let at = |milliseconds: i64| LedgerEntry {
            time: (start + jiff::SignedDuration::from_millis(milliseconds)).to_string(),
            ..entry("GetSequenceStore", None)
        };
        // One a second for ten seconds, then four a second.
        let slow = (0..10).map(|second| at(second * 1000));
        let fast = (0..40).map(|quarter| at(10_000 + quarter * 250));
        let entries: Vec<_> = slow.chain(fast).collect();
        assert_eq!(full_rate_at(&entries, start, 5.0, 4.0), Some(10.0));
        assert_eq!(full_rate_at(&entries, start, 5.0, 5.0), None);
    }
}
