//! CreateSequenceStore, GetSequenceStore, UpdateSequenceStore, DeleteSequenceStore and ListSequenceStores. No
//! I/O.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::knobs::{Knobs, NameFilter, NonEmptyDelete, TokenMismatch, UpdatingWhen};
use crate::page::Listing;
use crate::record::{SeedStore, SseConfig, StoreRecord};
use crate::render::{self, View};
use crate::stores::{TransitionEnd, TransitionPlan, timestamp_now};
use crate::validation::{self, Structure};
use crate::world::{Call, Outcome, TokenResult, World, no_such_store};

/// The members that Create and Update have in common.
struct Settings {
    description: Option<String>,
    fallback_location: Option<String>,
    propagated_set_level_tags: Option<Vec<String>>,
    access_log_location: Option<String>,
    client_token: Option<String>,
}

fn settings(input: &Structure, knobs: &Knobs) -> Result<Settings, ApiError> {
    let description = input.text("description", validation::DESCRIPTION)?;
    let client_token = input.text("clientToken", validation::CLIENT_TOKEN)?;
    let fallback_location = input.text("fallbackLocation", validation::FALLBACK_LOCATION)?;
    let propagated_set_level_tags = input.list("propagatedSetLevelTags", 0..=50, validation::TAG_KEY)?;
    let limit = knobs.max_propagated_keys as usize;
    if propagated_set_level_tags.as_ref().is_some_and(|keys| keys.len() > limit) {
        return Err(ApiError::validation(format!(
            "A sequence store has at most {limit} propagated set level tags"
        )));
    }
    let access_log_location = match input.structure("s3AccessConfig")? {
        Some(config) => config.text("accessLogLocation", validation::ACCESS_LOG_LOCATION)?,
        None => None,
    };
    Ok(Settings {
        description,
        fallback_location,
        propagated_set_level_tags,
        access_log_location,
        client_token,
    })
}

pub(crate) fn create(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let input = Structure::parse(call.body)?;
    let name = input.required_text("name", validation::NAME)?;
    let settings = settings(&input, &world.knobs)?;
    let family = input.choice("eTagAlgorithmFamily", &["MD5up", "SHA256up", "SHA512up"])?;
    let sse_config = sse_config(&input)?;
    let tags = input.tags()?.unwrap_or_default();
    let parameters = input.parameters();
    if let Some(outcome) = replay(world, call, settings.client_token.as_deref(), &parameters)? {
        return Ok(outcome);
    }

    let account_region = call.account_region();
    let stores = world
        .stores
        .in_account_region(&account_region, None)
        .filter(|(_, store)| !store.record.deleted)
        .count();
    if world.knobs.max_stores.is_some_and(|limit| stores >= limit as usize) {
        return Err(ApiError::new(
            "ServiceQuotaExceededException",
            "The maximum number of sequence stores in this account and Region was reached.",
        ));
    }
    let key = world.stores.insert_invisible(SeedStore {
        account: account_region.0,
        region: account_region.1,
        name: Some(name),
        description: settings.description,
        sse_config,
        fallback_location: settings.fallback_location.filter(|location| !location.is_empty()),
        access_log_location: settings.access_log_location.filter(|location| !location.is_empty()),
        e_tag_algorithm_family: Some(family.unwrap_or_else(|| "MD5up".to_owned())),
        status: "CREATING".to_owned(),
        propagated_set_level_tags: settings.propagated_set_level_tags.unwrap_or_default(),
        tags,
        ..SeedStore::default()
    });
    let end = world.knobs.create_fails.clone().map_or(TransitionEnd::Active, TransitionEnd::Failed);
    let plan = TransitionPlan {
        status: "CREATING",
        gets: world.knobs.creating_gets,
        ms: world.knobs.creating_ms,
        end,
    };
    world.stores.begin_transition(&key, plan, |_| ());
    let Some(store) = world.stores.get(&key) else {
        return Err(no_such_store(""));
    };
    let id = store.record.id.clone();
    let body = render::store(&store.record, View::Create, &world.knobs, call.salt);
    let result = TokenResult { at: Instant::now(), parameters, body: body.clone(), store_id: id.clone() };
    remember(world, call, settings.client_token, result);
    Ok(Outcome { store_id: Some(id), ..Outcome::committed(200, Some(body)) })
}

fn sse_config(input: &Structure) -> Result<Option<SseConfig>, ApiError> {
    let Some(config) = input.structure("sseConfig")? else {
        return Ok(None);
    };
    let kind =
        config.choice("type", &["KMS"])?.ok_or_else(|| validation::missing(&config.path_of("type")))?;
    Ok(Some(SseConfig { kind, key_arn: config.text("keyArn", validation::KMS_KEY_ARN)? }))
}

pub(crate) fn get(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    validation::ID.check("id", call.label)?;
    let record = world.read_store(call, call.label, world.knobs.get_lag_ms)?;
    let body = render::store(record, View::Get, &world.knobs, call.salt);
    if let Some(key) = world.stores.key(&call.account_region(), call.label) {
        world.stores.count_get(&key);
    }
    Ok(Outcome::read(body))
}

pub(crate) fn update(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    validation::ID.check("id", call.label)?;
    let input = Structure::parse(call.body)?;
    let name = input.text("name", validation::NAME)?;
    let settings = settings(&input, &world.knobs)?;
    let mut parameters = input.parameters();
    parameters["id"] = json!(call.label);
    if let Some(outcome) = replay(world, call, settings.client_token.as_deref(), &parameters)? {
        return Ok(outcome);
    }

    let (key, store) =
        world.stores.live(&call.account_region(), call.label).ok_or_else(|| no_such_store(call.label))?;
    check_not_busy(&store.record, &world.knobs)?;
    let keys_change = settings.propagated_set_level_tags.as_ref().is_some_and(|new| {
        let sorted = |keys: &[String]| std::collections::BTreeSet::from_iter(keys.to_vec());
        sorted(new) != sorted(&store.record.propagated_set_level_tags)
    });
    let passes_updating = match world.knobs.updating_when {
        UpdatingWhen::Always => true,
        UpdatingWhen::TagKeysWithReadSets => keys_change && store.record.read_set_count > 0,
    };
    let client_token = settings.client_token.clone();
    if passes_updating {
        let end = world.knobs.update_fails.clone().map_or(TransitionEnd::Active, TransitionEnd::Failed);
        let plan = TransitionPlan {
            status: "UPDATING",
            gets: world.knobs.updating_gets,
            ms: world.knobs.updating_ms,
            end,
        };
        world.stores.begin_transition(&key, plan, |record| apply(record, name, settings));
    } else {
        world.stores.change(&key, |store| apply(&mut store.record, name, settings));
    }
    let Some(store) = world.stores.get(&key) else {
        return Err(no_such_store(call.label));
    };
    let body = render::store(&store.record, View::Update, &world.knobs, call.salt);
    let store_id = call.label.to_owned();
    let result = TokenResult { at: Instant::now(), parameters, body: body.clone(), store_id };
    remember(world, call, client_token, result);
    Ok(Outcome::committed(200, Some(body)))
}

fn apply(record: &mut StoreRecord, name: Option<String>, settings: Settings) {
    if name.is_some() {
        record.name = name;
    }
    if settings.description.is_some() {
        record.description = settings.description;
    }
    // An absent member leaves the value as it is; an empty one clears it.
    let mut set = |member: &str, current: &mut Option<String>, new: Option<String>| {
        let Some(new) = new else { return };
        if new.is_empty() && current.is_some() {
            record.cleared.insert(member.to_owned());
        }
        *current = Some(new).filter(|new| !new.is_empty());
    };
    set("fallbackLocation", &mut record.fallback_location, settings.fallback_location);
    set("accessLogLocation", &mut record.s3_access.access_log_location, settings.access_log_location);
    if let Some(keys) = settings.propagated_set_level_tags {
        if keys.is_empty() && !record.propagated_set_level_tags.is_empty() {
            record.cleared.insert("propagatedSetLevelTags".to_owned());
        }
        record.propagated_set_level_tags = keys;
    }
    record.update_time = Some(timestamp_now());
}

fn check_not_busy(record: &StoreRecord, knobs: &Knobs) -> Result<(), ApiError> {
    let busy = matches!(record.status.as_str(), "CREATING" | "UPDATING" | "DELETING");
    if busy && knobs.busy_conflict {
        return Err(ApiError::conflict(format!(
            "The sequence store {} cannot be changed while its status is {}.",
            record.id, record.status
        )));
    }
    Ok(())
}

pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    validation::ID.check("id", call.label)?;
    let (key, store) =
        world.stores.live(&call.account_region(), call.label).ok_or_else(|| no_such_store(call.label))?;
    check_not_busy(&store.record, &world.knobs)?;
    if store.record.read_set_count > 0 {
        let message =
            format!("The sequence store {} is not empty: delete its read sets first.", store.record.id);
        return Err(match world.knobs.non_empty_delete {
            NonEmptyDelete::Conflict => ApiError::conflict(message),
            NonEmptyDelete::Validation => ApiError::validation(message),
        });
    }
    let end = world.knobs.delete_fails.clone().map_or(TransitionEnd::Deleted, TransitionEnd::Failed);
    let plan = TransitionPlan {
        status: "DELETING",
        gets: world.knobs.deleting_gets,
        ms: world.knobs.deleting_ms,
        end,
    };
    world.stores.begin_transition(&key, plan, |_| ());
    Ok(Outcome::committed(200, None))
}

pub(crate) fn list(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    let (size, token) = validation::paging(call.query)?;
    let input = Structure::parse(call.body)?;
    let filter = Filter::of(&input)?;
    let (account_region, knobs, now) = (call.account_region(), &world.knobs, Instant::now());
    let listing = Listing {
        knobs,
        scope: format!("stores {account_region:?} {}", input.parameters()),
        size: size.unwrap_or(knobs.default_page_size as usize),
        token,
    };
    let staleness = call.staleness(knobs.list_lag_ms);
    let page = listing.page(|after| {
        let visible = world
            .stores
            .in_account_region(&account_region, after)
            .filter_map(move |(ordinal, store)| store.read(staleness, now).map(|record| (ordinal, record)));
        visible.filter(|(_, record)| filter.matches(record, knobs.name_filter))
    })?;
    let items: Vec<Value> = page
        .items
        .into_iter()
        .map(|record| render::store(record, View::ListItem, knobs, call.salt))
        .collect();
    let mut members = render::Members::new(knobs, call.salt);
    members.required("sequenceStores", items);
    members.optional("nextToken", page.next_token);
    Ok(Outcome::read(members.finish()))
}

#[derive(Default)]
struct Filter {
    name: Option<String>,
    status: Option<String>,
    created: (Option<Timestamp>, Option<Timestamp>),
    updated: (Option<Timestamp>, Option<Timestamp>),
}

impl Filter {
    fn of(input: &Structure) -> Result<Filter, ApiError> {
        let Some(filter) = input.structure("filter")? else {
            return Ok(Filter::default());
        };
        Ok(Filter {
            name: filter.text("name", validation::NAME)?,
            status: filter.choice("status", validation::STORE_STATUSES)?,
            created: (filter.timestamp("createdAfter")?, filter.timestamp("createdBefore")?),
            updated: (filter.timestamp("updatedAfter")?, filter.timestamp("updatedBefore")?),
        })
    }

    fn matches(&self, record: &StoreRecord, comparison: NameFilter) -> bool {
        let name = self.name.as_deref().is_none_or(|wanted| match (comparison, record.name.as_deref()) {
            (NameFilter::Exact, name) => name == Some(wanted),
            (NameFilter::Substring, name) => name.is_some_and(|name| name.contains(wanted)),
        });
        let status = self.status.as_deref().is_none_or(|wanted| record.status == wanted);
        name && status
            && within(self.created, Some(&record.creation_time))
            && within(self.updated, record.update_time.as_ref())
    }
}

/// Whether the time lies strictly between the bounds; an absent bound does not limit it.
pub(crate) fn within(bounds: (Option<Timestamp>, Option<Timestamp>), time: Option<&String>) -> bool {
    if bounds == (None, None) {
        return true;
    }
    let Some(time) = time.and_then(|time| time.parse::<Timestamp>().ok()) else {
        return false;
    };
    bounds.0.is_none_or(|after| time > after) && bounds.1.is_none_or(|before| time < before)
}

/// The remembered result of an earlier call with the same client token, if the simulator repeats it.
fn replay(
    world: &World,
    call: &Call<'_>,
    token: Option<&str>,
    parameters: &Value,
) -> Result<Option<Outcome>, ApiError> {
    let Some(token) = token else { return Ok(None) };
    let key = (call.account_region(), call.operation, token.to_owned());
    let Some(first) = world.client_tokens.get(&key) else {
        return Ok(None);
    };
    let window = world.knobs.token_window_ms.map(Duration::from_millis);
    if window.is_some_and(|window| first.at.elapsed() >= window) {
        return Ok(None);
    }
    if !world.knobs.token_survives_delete
        && world.stores.live(&call.account_region(), &first.store_id).is_none()
    {
        return Ok(None);
    }
    if first.parameters != *parameters {
        match world.knobs.token_mismatch {
            TokenMismatch::Replay => {}
            TokenMismatch::NewResource => return Ok(None),
            TokenMismatch::Validation => {
                return Err(ApiError::validation("The client token was used before with other parameters."));
            }
        }
    }
    let mut outcome = Outcome::read(first.body.clone());
    outcome.replayed = true;
    outcome.store_id = Some(first.store_id.clone());
    Ok(Some(outcome))
}

fn remember(world: &mut World, call: &Call<'_>, token: Option<String>, result: TokenResult) {
    if let Some(token) = token {
        world.client_tokens.insert((call.account_region(), call.operation, token), result);
    }
}
