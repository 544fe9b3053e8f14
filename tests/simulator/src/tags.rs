//! TagResource, UntagResource and ListTagsForResource.

use serde_json::json;

use crate::error::ApiError;
use crate::knobs::ForeignArn;
use crate::stores::{Key, timestamp_now};
use crate::validation::{self as rules, MAX_TAGS, Structure};
use crate::world::{Call, Outcome, World, no_such_store};

pub(crate) fn tag(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    let tags = Structure::parse(call.body)?.tags()?.ok_or_else(|| rules::missing("tags"))?;
    let key = live(world, call, &id)?;
    let held = world.stores.get(&key).map(|store| store.record.tags.clone()).unwrap_or_default();
    let mut merged = held;
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
        return Err(rules::missing("tagKeys"));
    }
    rules::check_size("tagKeys", keys.len(), &(0..=50))?;
    keys.iter().try_for_each(|key| rules::TAG_KEY.check("tagKeys.member", key))?;
    let key = live(world, call, &id)?;
    write(world, &key, |tags| tags.retain(|tag, _| !keys.contains(&tag.as_str())))
}

pub(crate) fn list(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let id = store_id(world, call)?;
    match world.visible(call, &id, world.knobs.tags_lag_ms) {
        Ok(record) => Ok(Outcome::read(json!({"tags": record.tags}))),
        Err(_) if world.knobs.tags_lag_empty && live(world, call, &id).is_ok() => {
            Ok(Outcome::read(json!({"tags": {}})))
        }
        Err(error) => Err(error),
    }
}

fn live(world: &World, call: &Call<'_>, id: &str) -> Result<Key, ApiError> {
    world.stores.live(&call.place(), id).map(|(key, _)| key).ok_or_else(|| no_such_store(id))
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

/// The store that the ARN in the path names, after checking that the caller may name it at all.
fn store_id(world: &World, call: &Call<'_>) -> Result<String, ApiError> {
    let arn = call.label;
    rules::TAG_ARN.check("resourceArn", arn)?;
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
