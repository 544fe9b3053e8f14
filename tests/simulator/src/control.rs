//! The control API under `/_simulator/`: what tests use to set the scene and to see what happened.

use hyper::body::Bytes;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::operation::form_pairs;
use crate::record::{SeedStore, StoreRecord};
use crate::server::Shared;
use crate::stores::{Key, timestamp_now};
use crate::world::World;

struct Refusal(u16, String);

impl Refusal {
    fn no_store(id: &str) -> Refusal {
        Refusal(404, format!("no store {id}"))
    }
}

type Reply = Result<Value, Refusal>;

pub(crate) fn handle(shared: &Shared, parts: &Parts, body: &Bytes) -> Answer {
    let path = parts.uri.path().trim_start_matches("/_simulator/");
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let segments: Vec<String> = path.split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let query = form_pairs(parts.uri.query().unwrap_or_default());
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut world = shared.world();
    let reply = match (parts.method.as_str(), segments.as_slice()) {
        ("GET", ["health"]) => Ok(json!({"ok": true})),
        ("POST", ["reset"]) => {
            *world = World::default();
            Ok(json!({}))
        }
        (method, ["stores", rest @ ..]) => {
            world.stores.settle();
            stores(&mut world, method, rest, parameter("deleted") == Some("true"), body)
        }
        ("GET", ["knobs"]) => encode(&world.knobs),
        ("PUT", ["knobs"]) => parse(body).map(|knobs| {
            world.knobs = knobs;
            json!({})
        }),
        ("GET", ["faults"]) => {
            let faults = world.faults.live().into_iter();
            Ok(faults.map(|(number, fault)| json!({"number": number, "fault": fault})).collect())
        }
        ("POST", ["faults"]) => parse(body).map(|fault| json!({"number": world.faults.script(fault)})),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(json!({}))
        }
        ("PUT", ["keys", key]) => text(body, "account").map(|account| {
            world.principals.set_account(key, &account);
            json!({})
        }),
        ("POST", ["keys", key, "expire"]) => {
            world.principals.expire_key(key);
            Ok(json!({}))
        }
        ("POST", ["sessions", "expire"]) => {
            world.principals.expire_sessions();
            Ok(json!({}))
        }
        ("PUT", ["permissions", principal]) => parse(body).map(|actions: Option<Vec<String>>| {
            world.principals.allow(principal, actions);
            json!({})
        }),
        ("GET", ["ledger"]) => {
            let since = parameter("since").and_then(|since| since.parse().ok()).unwrap_or(0);
            encode(&world.ledger.since(since))
        }
        ("GET", ["held"]) => {
            let held = shared.held();
            Ok(held.into_iter().filter_map(|seq| world.ledger.entry(seq).map(|entry| json!(entry))).collect())
        }
        ("POST", ["held", "release"]) => {
            let seq = parameter("seq").and_then(|seq| seq.parse().ok());
            Ok(json!({"released": shared.release(seq)}))
        }
        (method, _) => Err(Refusal(404, format!("no control call {method} {}", parts.uri.path()))),
    };
    match reply {
        Ok(value) => Answer::json(200, value),
        Err(Refusal(status, message)) => Answer::json(status, json!({"message": message})),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal(400, error.to_string()))
}

fn encode(value: &impl serde::Serialize) -> Reply {
    serde_json::to_value(value).map_err(|error| Refusal(500, error.to_string()))
}

fn text(body: &[u8], member: &str) -> Result<String, Refusal> {
    let body: Value = parse(body)?;
    let value = body.get(member).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| Refusal(400, format!("{member} is missing")))
}

fn stores(world: &mut World, method: &str, rest: &[&str], with_deleted: bool, body: &[u8]) -> Reply {
    let (id, rest) = match (method, rest) {
        ("GET", []) => {
            let records = world.stores.all().map(|store| &store.record);
            return encode(&records.filter(|record| with_deleted || !record.deleted).collect::<Vec<_>>());
        }
        ("POST", []) => return seed(world, parse(body)?),
        (_, [id, rest @ ..]) => (*id, rest),
        _ => return Err(Refusal(404, "no such control call".to_owned())),
    };
    let key = world.stores.find(id).ok_or_else(|| Refusal::no_store(id))?;
    match (method, rest) {
        ("GET", []) => record(world, &key),
        ("PATCH", []) => change(world, &key, parse(body)?),
        ("DELETE", []) => {
            world.stores.remove(&key);
            Ok(json!({}))
        }
        ("GET", ["read-sets"]) => {
            let store = world.stores.get(&key).ok_or_else(|| Refusal::no_store(id))?;
            encode(&store.read_sets.values().collect::<Vec<_>>())
        }
        ("POST", ["read-sets"]) => {
            let body: Value = parse(body)?;
            let count = body["count"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
            world.stores.add_read_sets(&key, count, body["status"].as_str().unwrap_or("ACTIVE"));
            record(world, &key)
        }
        ("PUT", ["read-sets"]) => {
            let status = text(body, "status")?;
            world.stores.change(&key, |store| {
                store.read_sets.values_mut().for_each(|read_set| read_set.status.clone_from(&status));
            });
            record(world, &key)
        }
        ("DELETE", ["read-sets"]) => {
            world.stores.change(&key, |store| store.read_sets.clear());
            record(world, &key)
        }
        _ => Err(Refusal(404, "no such control call".to_owned())),
    }
}

fn record(world: &World, key: &Key) -> Reply {
    let store = world.stores.get(key).ok_or_else(|| Refusal(404, "no such store".to_owned()))?;
    encode(&store.record)
}

fn seed(world: &mut World, seed: SeedStore) -> Reply {
    let place = (seed.account.clone(), seed.region.clone());
    if let Some(id) = seed.id.as_deref().filter(|id| world.stores.live(&place, id).is_some()) {
        return Err(Refusal(409, format!("there is a store {id} already")));
    }
    let key = world.stores.insert(seed);
    record(world, &key)
}

/// Merges a partial record into a store, as someone else's change would.
fn change(world: &mut World, key: &Key, patch: Value) -> Reply {
    let Value::Object(mut patch) = patch else {
        return Err(Refusal(400, "not an object".to_owned()));
    };
    let store = world.stores.get(key).ok_or_else(|| Refusal(404, "no such store".to_owned()))?;
    let mut merged = encode(&store.record)?;
    if let Some(location) = patch.remove("accessLogLocation") {
        merged["s3Access"]["accessLogLocation"] = location;
    }
    let own = |member: &str| matches!(member, "tags" | "s3AccessPolicy");
    let moves_update_time = !patch.contains_key("updateTime")
        && (!patch.keys().all(|member| own(member)) || patch.is_empty())
        || (patch.contains_key("tags") && world.knobs.tags_move_update_time)
        || (patch.contains_key("s3AccessPolicy") && world.knobs.policy_moves_update_time);
    let sets_status = patch.contains_key("status");
    for (member, value) in patch {
        match (merged.get(&member), value) {
            (None, _) => return Err(Refusal(400, format!("a store has no member {member}"))),
            (Some(Value::Object(_)), Value::Object(inner)) if member == "s3Access" => {
                inner.into_iter().for_each(|(name, value)| merged["s3Access"][name] = value);
            }
            (Some(Value::Array(_)), Value::Null) => merged[member] = json!([]),
            (Some(Value::Object(_)), Value::Null) if member == "tags" => merged[member] = json!({}),
            (_, value) => merged[member] = value,
        }
    }
    let mut changed: StoreRecord =
        serde_json::from_value(merged).map_err(|error| Refusal(400, error.to_string()))?;
    if moves_update_time {
        changed.update_time = Some(timestamp_now());
    }
    if sets_status {
        world.stores.stop_transition(key);
    }
    world.stores.change(key, |store| store.record = changed);
    record(world, key)
}
