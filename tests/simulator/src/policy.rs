//! PutS3AccessPolicy, GetS3AccessPolicy and DeleteS3AccessPolicy, and the validation of policy documents. No
//! I/O.

use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::knobs::DeletedPolicy;
use crate::operation::store_id_of;
use crate::policy_read_back;
use crate::render::Members;
use crate::stores::{Key, timestamp_now};
use crate::validation::{self, Structure};
use crate::world::{Call, Outcome, World};

pub(crate) fn put(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    let policy = Structure::parse(call.body)?.required_text("s3AccessPolicy", validation::POLICY)?;
    check(&policy, world.knobs.policy_max_bytes as usize)?;
    let key = existing_key(world, call, &id)?;
    write(world, &key, Some(policy));
    let mut members = Members::new(&world.knobs, call.salt);
    members.optional("s3AccessPointArn", Some(call.label));
    members.optional("storeId", Some(id));
    members.optional("storeType", Some("SEQUENCE_STORE"));
    Ok(Outcome::committed(200, Some(members.finish())))
}

pub(crate) fn get(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    let record = world
        .read_store(call, &id, world.knobs.policy_lag_ms)
        .map_err(|_| no_such_access_point(call.label))?;
    if record.s3_access.s3_access_point_arn != call.label {
        return Err(no_such_access_point(call.label));
    }
    let policy = match (&record.s3_access_policy, world.knobs.deleted_policy) {
        (Some(policy), _) => policy.clone(),
        (None, DeletedPolicy::Empty) => "{}".to_owned(),
        (None, DeletedPolicy::NotFound) => {
            return Err(ApiError::not_found(format!(
                "The access point {} has no access policy.",
                call.label
            )));
        }
    };
    let mut members = Members::new(&world.knobs, call.salt);
    members.optional("s3AccessPointArn", Some(call.label));
    members.optional("storeId", Some(id));
    members.optional("storeType", Some("SEQUENCE_STORE"));
    members.optional("updateTime", record.s3_access_policy_update_time.as_deref());
    members.required("s3AccessPolicy", policy_read_back::shown(policy, world.knobs.policy_read_back));
    Ok(Outcome::read(members.finish()))
}

pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    let key = existing_key(world, call, &id)?;
    write(world, &key, None);
    Ok(Outcome::committed(200, Some(Value::Object(Map::new()))))
}

fn store_id(world: &World, call: &Call<'_>) -> Result<String, ApiError> {
    validation::ACCESS_POINT_ARN.check("s3AccessPointArn", call.label)?;
    if world.knobs.reference_store_access_points.iter().any(|arn| arn == call.label) {
        return Err(ApiError::new(
            "NotSupportedOperationException",
            "The operation is not supported for the store of this access point.",
        ));
    }
    store_id_of(call.operation, call.label).ok_or_else(|| no_such_access_point(call.label))
}

fn existing_key(world: &World, call: &Call<'_>, id: &str) -> Result<Key, ApiError> {
    let found = world.stores.live(&call.account_region(), id);
    let found = found.filter(|(_, store)| store.record.s3_access.s3_access_point_arn == call.label);
    found.map(|(key, _)| key).ok_or_else(|| no_such_access_point(call.label))
}

fn write(world: &mut World, key: &Key, policy: Option<String>) {
    let moves_update_time = world.knobs.policy_moves_update_time;
    world.stores.change(key, |store| {
        let record = &mut store.record;
        record.s3_access_policy = policy;
        record.s3_access_policy_update_time = Some(timestamp_now());
        if moves_update_time {
            record.update_time.clone_from(&record.s3_access_policy_update_time);
        }
    });
}

fn no_such_access_point(arn: &str) -> ApiError {
    ApiError::not_found(format!("The specified access point {arn} does not exist."))
}

const STATEMENT_ELEMENTS: &[&str] = &["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
const CONDITION_KEYS: &[&str] = &["s3:prefix", "s3:signatureversion", "s3:tlsversion"];

/// Checks the documented limits of a policy: size, elements and condition keys.
fn check(policy: &str, max_bytes: usize) -> Result<(), ApiError> {
    let invalid = |reason: String| ApiError::validation(format!("Invalid S3 access policy: {reason}"));
    if policy.len() > max_bytes {
        return Err(invalid(format!("it is larger than {max_bytes} bytes")));
    }
    let document: Map<String, Value> =
        serde_json::from_str(policy).map_err(|error| invalid(format!("not a JSON object: {error}")))?;
    if let Some(element) = document.keys().find(|key| !["Version", "Id", "Statement"].contains(&key.as_str()))
    {
        return Err(invalid(format!("element {element} is not allowed")));
    }
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) => {
            return Err(invalid("Statement is neither an object nor a list".to_owned()));
        }
        None => return Err(invalid("Statement is missing".to_owned())),
    };
    for statement in statements {
        let Value::Object(statement) = statement else {
            return Err(invalid("a Statement is not an object".to_owned()));
        };
        check_statement(statement).map_err(invalid)?;
    }
    Ok(())
}

fn check_statement(statement: &Map<String, Value>) -> Result<(), String> {
    if let Some(element) = statement.keys().find(|key| !STATEMENT_ELEMENTS.contains(&key.as_str())) {
        return Err(format!("element {element} is not allowed"));
    }
    if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
        return Err("Effect is neither Allow nor Deny".to_owned());
    }
    if let Some(element) =
        ["Principal", "Action", "Resource"].iter().find(|name| !statement.contains_key(**name))
    {
        return Err(format!("{element} is missing"));
    }
    let Some(condition) = statement.get("Condition") else {
        return Ok(());
    };
    let operators = condition.as_object().ok_or("Condition is not an object")?;
    for (operator, keys) in operators {
        for key in keys.as_object().ok_or("a condition is not an object")?.keys() {
            let lower = key.to_ascii_lowercase();
            let allowed = CONDITION_KEYS.contains(&lower.as_str())
                || lower.starts_with("s3:existingobjecttag/")
                || (lower == "aws:principalarn" && ["ArnEquals", "ArnLike"].contains(&operator.as_str()));
            if !allowed {
                return Err(format!("condition key {key} is not allowed under {operator}"));
            }
        }
    }
    Ok(())
}
