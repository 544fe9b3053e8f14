//! The control API under `/_simulator/`, with which tests prepare state and read what happened. No I/O.

use std::time::Duration;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::operation::form_pairs;
use crate::record::{SeedStore, StoreRecord};
use crate::response::ApiResponse;
use crate::role::{Session, SessionRequest, account_of_role};
use crate::server::Shared;
use crate::stores::{Key, timestamp_now};
use crate::world::World;

/// HTTP status and message.
struct ControlError(u16, String);

impl ControlError {
    fn no_such_store(id: &str) -> ControlError {
        ControlError(404, format!("store {id} does not exist"))
    }

    fn no_such_call(method: &str, segments: &[&str]) -> ControlError {
        ControlError(404, format!("the control API has no call {method} {}", segments.join("/")))
    }
}

type ControlResult = Result<Value, ControlError>;

pub(crate) fn handle(shared: &Shared, parts: &Parts, body: &Bytes) -> ApiResponse {
    match dispatch(shared, parts, body) {
        Ok(value) => ApiResponse::json(200, value),
        Err(ControlError(status, message)) => ApiResponse::json(status, json!({"message": message})),
    }
}

fn dispatch(shared: &Shared, parts: &Parts, body: &[u8]) -> ControlResult {
    let path = parts.uri.path().trim_start_matches("/_simulator/");
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let segments: Vec<String> = path.split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let query = form_pairs(parts.uri.query().unwrap_or_default());
    let parameter = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let mut world = shared.world();
    match (parts.method.as_str(), segments.as_slice()) {
        ("GET", ["health"]) => Ok(json!({"ok": true})),
        ("POST", ["reset"]) => {
            *world = World::default();
            Ok(json!({}))
        }
        (method, ["stores", rest @ ..]) => {
            world.stores.finish_due_transitions();
            stores(&mut world, method, rest, parameter("deleted") == Some("true"), body)
        }
        ("GET", ["knobs"]) => encode(&world.knobs),
        ("PUT", ["knobs"]) => {
            world.knobs = parse(body)?;
            Ok(json!({}))
        }
        ("GET", ["faults"]) => {
            let faults = world.faults.active().into_iter();
            Ok(faults.map(|(number, fault)| json!({"number": number, "fault": fault})).collect())
        }
        ("POST", ["faults"]) => Ok(json!({"number": world.faults.script(parse(body)?)})),
        ("DELETE", ["faults"]) => {
            world.faults.clear();
            Ok(json!({}))
        }
        ("GET", ["ledger"]) => {
            let since = parameter("since").and_then(|since| since.parse().ok()).unwrap_or(0);
            match parameter("brief") {
                Some("true") => encode(&world.ledger.brief_since(since)),
                _ => encode(&world.ledger.since(since)),
            }
        }
        ("GET", ["ledger", "last"]) => Ok(json!({"number": world.ledger.last_seq()})),
        ("GET", ["held"]) => {
            let held = shared.held();
            Ok(held.into_iter().filter_map(|seq| world.ledger.entry(seq).map(|entry| json!(entry))).collect())
        }
        ("POST", ["held", "release"]) => {
            let seq = parameter("seq").and_then(|seq| seq.parse().ok());
            Ok(json!({"released": shared.release(seq)}))
        }
        (method, segments) => credentials(&mut world, method, segments, body),
    }
}

/// The calls about access keys, roles, sessions and permissions.
fn credentials(world: &mut World, method: &str, segments: &[&str], body: &[u8]) -> ControlResult {
    match (method, segments) {
        ("GET", ["roles"]) => return encode(world.principals.roles()),
        ("POST", ["roles", role, "sessions"]) => return open_session(world, role, parse(body)?),
        ("PUT", ["roles", role]) => {
            known_role(role)?;
            world.principals.set_role(role, parse(body)?);
        }
        ("DELETE", ["roles", role]) => world.principals.forget_role(role),
        ("POST", ["roles", role, "expire"]) => world.principals.expire_sessions(Some(role)),
        ("POST", ["roles", role, "revoke"]) => world.principals.revoke_sessions(role),
        ("PUT", ["keys", key]) => world.principals.set_account(key, &text(body, "account")?),
        ("POST", ["keys", key, "expire"]) => world.principals.expire_key(key),
        ("POST", ["sessions", "expire"]) => world.principals.expire_sessions(None),
        ("PUT", ["permissions", principal]) => world.principals.allow(principal, parse(body)?),
        _ => return Err(ControlError::no_such_call(method, segments)),
    }
    Ok(json!({}))
}

fn known_role(role_arn: &str) -> Result<(), ControlError> {
    let account = account_of_role(role_arn);
    account.map(drop).ok_or_else(|| ControlError(400, format!("{role_arn} is not the ARN of a role")))
}

fn open_session(world: &mut World, role_arn: &str, request: SessionRequest) -> ControlResult {
    known_role(role_arn)?;
    let lifetime = Duration::from_millis(request.lifetime_ms);
    let (mut session, credentials) = Session::open(role_arn, &request.session_name, lifetime, world.now());
    session.tags = request.tags;
    world.principals.open_session(&credentials.access_key_id, session);
    encode(&credentials)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body).map_err(|error| ControlError(400, error.to_string()))
}

fn encode(value: &impl serde::Serialize) -> ControlResult {
    serde_json::to_value(value).map_err(|error| ControlError(500, error.to_string()))
}

fn text(body: &[u8], member: &str) -> Result<String, ControlError> {
    let body: Value = parse(body)?;
    let value = body.get(member).and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| ControlError(400, format!("{member} is missing")))
}

fn stores(
    world: &mut World,
    method: &str,
    segments: &[&str],
    with_deleted: bool,
    body: &[u8],
) -> ControlResult {
    let (id, rest) = match (method, segments) {
        ("GET", []) => {
            let records = world.stores.all().map(|store| &store.record);
            return encode(&records.filter(|record| with_deleted || !record.deleted).collect::<Vec<_>>());
        }
        ("POST", []) => return seed(world, parse(body)?),
        (_, [id, rest @ ..]) => (*id, rest),
        _ => return Err(ControlError::no_such_call(method, segments)),
    };
    let key = world.stores.find(id).ok_or_else(|| ControlError::no_such_store(id))?;
    match (method, rest) {
        ("GET", []) => record(world, &key),
        ("PATCH", []) => change(world, &key, parse(body)?),
        ("DELETE", []) => {
            world.stores.remove(&key);
            Ok(json!({}))
        }
        ("GET", ["read-sets"]) => {
            let store = world.stores.get(&key).ok_or_else(|| ControlError::no_such_store(id))?;
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
        _ => Err(ControlError::no_such_call(method, segments)),
    }
}

fn record(world: &World, key: &Key) -> ControlResult {
    let store =
        world.stores.get(key).ok_or_else(|| ControlError(404, "the store does not exist".to_owned()))?;
    encode(&store.record)
}

fn seed(world: &mut World, seed: SeedStore) -> ControlResult {
    let account_region = (seed.account.clone(), seed.region.clone());
    if let Some(id) = seed.id.as_deref().filter(|id| world.stores.live(&account_region, id).is_some()) {
        return Err(ControlError(409, format!("store {id} already exists")));
    }
    let key = world.stores.insert(seed);
    record(world, &key)
}

/// Merges a partial record into a store, as a change by another AWS client would.
fn change(world: &mut World, key: &Key, patch: Value) -> ControlResult {
    let Value::Object(mut patch) = patch else {
        return Err(ControlError(400, "the request body is not a JSON object".to_owned()));
    };
    let store =
        world.stores.get(key).ok_or_else(|| ControlError(404, "the store does not exist".to_owned()))?;
    let mut merged = encode(&store.record)?;
    if let Some(location) = patch.remove("accessLogLocation") {
        merged["s3Access"]["accessLogLocation"] = location;
    }
    // In AWS, tags and the access policy have separate operations. A knob decides whether these change
    // `updateTime`.
    let has_own_operation = |member: &str| matches!(member, "tags" | "s3AccessPolicy");
    let changes_update_time = !patch.contains_key("updateTime")
        && (!patch.keys().all(|member| has_own_operation(member)) || patch.is_empty())
        || (patch.contains_key("tags") && world.knobs.tags_move_update_time)
        || (patch.contains_key("s3AccessPolicy") && world.knobs.policy_moves_update_time);
    let sets_status = patch.contains_key("status");
    for (member, value) in patch {
        match (merged.get(&member), value) {
            (None, _) => return Err(ControlError(400, format!("a store has no member {member}"))),
            (Some(Value::Object(_)), Value::Object(inner)) if member == "s3Access" => {
                inner.into_iter().for_each(|(name, value)| merged["s3Access"][name] = value);
            }
            (Some(Value::Array(_)), Value::Null) => merged[member] = json!([]),
            (Some(Value::Object(_)), Value::Null) if member == "tags" => merged[member] = json!({}),
            (_, value) => merged[member] = value,
        }
    }
    let mut changed: StoreRecord =
        serde_json::from_value(merged).map_err(|error| ControlError(400, error.to_string()))?;
    if changes_update_time {
        changed.update_time = Some(timestamp_now());
    }
    if sets_status {
        world.stores.stop_transition(key);
    }
    world.stores.change(key, |store| store.record = changed);
    record(world, key)
}
