//! TagResource, UntagResource and ListTagsForResource. No I/O.

use serde_json::json;

use crate::error::ApiError;
use crate::knobs::ForeignArn;
use crate::stores::{Key, timestamp_now};
use crate::validation::{self, MAX_TAGS, Structure};
use crate::world::{Call, Outcome, World, no_such_store};

pub(crate) fn tag(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    let tags = Structure::parse(call.body)?.tags()?.ok_or_else(|| validation::missing("tags"))?;
    let key = existing_key(world, call, &id)?;
    let mut merged = world.stores.get(&key).map(|store| store.record.tags.clone()).unwrap_or_default();
    merged.extend(tags);
    if merged.len() > MAX_TAGS {
        let code = if world.knobs.tag_limit_is_quota {
            "ServiceQuotaExceededException"
        } else {
            "ValidationException"
        };
        return Err(ApiError::new(code, format!("A resource has at most {MAX_TAGS} tags")));
    }
    write(world, &key, |tags| *tags = merged)
}

pub(crate) fn untag(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    let keys: Vec<&str> =
        call.query.iter().filter(|(name, _)| name == "tagKeys").map(|(_, key)| key.as_str()).collect();
    if keys.is_empty() {
        return Err(validation::missing("tagKeys"));
    }
    validation::check_size("tagKeys", keys.len(), &(0..=50))?;
    keys.iter().try_for_each(|key| validation::TAG_KEY.check("tagKeys.member", key))?;
    let key = existing_key(world, call, &id)?;
    write(world, &key, |tags| tags.retain(|tag, _| !keys.contains(&tag.as_str())))
}

pub(crate) fn list(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    match world.read_store(call, &id, world.knobs.tags_lag_ms) {
        Ok(record) => Ok(Outcome::read(json!({"tags": record.tags}))),
        Err(_) if world.knobs.tags_lag_empty && existing_key(world, call, &id).is_ok() => {
            Ok(Outcome::read(json!({"tags": {}})))
        }
        Err(error) => Err(error),
    }
}

fn existing_key(world: &World, call: &Call<'_>, id: &str) -> Result<Key, ApiError> {
    world.stores.live(&call.account_region(), id).map(|(key, _)| key).ok_or_else(|| no_such_store(id))
}

fn write(
    world: &mut World,
    key: &Key,
    change: impl FnOnce(&mut std::collections::BTreeMap<String, String>),
) -> Result<Outcome, ApiError> {
    let moves_update_time = world.knobs.tags_move_update_time;
    world.stores.change(key, |store| {
        change(&mut store.record.tags);
        if moves_update_time {
            store.record.update_time = Some(timestamp_now());
        }
    });
    Ok(Outcome::committed(204, None))
}

/// The id of the store that the ARN in the path names. An ARN of another account or region is an error.
fn store_id(world: &World, call: &Call<'_>) -> Result<String, ApiError> {
    let arn = call.label;
    validation::TAG_ARN.check("resourceArn", arn)?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", "aws", "omics", region, account, resource] = parts.as_slice() else {
        return Err(ApiError::validation(format!("{arn} is not the ARN of a HealthOmics resource")));
    };
    if *region != call.caller.region || *account != call.caller.account {
        let message =
            format!("{arn} is not in account {} and Region {}", call.caller.account, call.caller.region);
        return Err(match world.knobs.foreign_arn {
            ForeignArn::Validation => ApiError::validation(message),
            ForeignArn::AccessDenied => ApiError::new("AccessDeniedException", message),
            ForeignArn::NotFound => ApiError::not_found(message),
        });
    }
    match resource.strip_prefix("sequenceStore/") {
        Some(id) if !id.contains('/') => Ok(id.to_owned()),
        _ => Err(ApiError::not_found(format!("{arn} does not exist."))),
    }
}
