//! ListReadSets and BatchDeleteReadSet.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::page::Listing;
use crate::record::ReadSetRecord;
use crate::render::{self, Members};
use crate::sequence_stores::within;
use crate::validation::{self as rules, Structure};
use crate::world::{Call, Outcome, World, no_such_store};

pub(crate) fn list(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    rules::ID.check("sequenceStoreId", call.label)?;
    let (size, token) = rules::paging(call.query)?;
    let input = Structure::parse(call.body)?;
    let filter = Filter::of(&input)?;
    let (_, store) = world.stores.live(&call.place(), call.label).ok_or_else(|| no_such_store(call.label))?;
    let knobs = &world.knobs;
    let listing = Listing {
        knobs,
        scope: format!("read sets {} {}", store.record.arn, input.parameters()),
        size: size.unwrap_or(knobs.default_page_size as usize),
        token,
    };
    let page = listing.page(|after| {
        let from = after.map_or(0, |after| after + 1);
        let listed = store.read_sets.range(from..).map(|(ordinal, read_set)| (*ordinal, read_set));
        let listed =
            listed.filter(|(_, read_set)| knobs.list_deleted_read_sets || read_set.status != "DELETED");
        listed.filter(|(_, read_set)| filter.admits(read_set))
    })?;
    let items: Vec<Value> =
        page.items.into_iter().map(|item| render::read_set(item, call.label, knobs, call.salt)).collect();
    let mut members = Members::new(knobs, call.salt);
    members.required("readSets", items);
    members.optional("nextToken", page.next_token);
    Ok(Outcome::read(members.finish()))
}

#[derive(Default)]
struct Filter {
    name: Option<String>,
    status: Option<String>,
    sample_id: Option<String>,
    subject_id: Option<String>,
    creation_type: Option<String>,
    /// Read sets here have neither a reference nor a source, so these two match nothing.
    impossible: bool,
    created: (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
}

impl Filter {
    fn of(input: &Structure) -> Result<Filter, ApiError> {
        let Some(filter) = input.structure("filter")? else {
            return Ok(Filter::default());
        };
        let reference = filter.text("referenceArn", rules::REFERENCE_ARN)?;
        let source = filter.text("generatedFrom", rules::NAME)?;
        Ok(Filter {
            name: filter.text("name", rules::NAME)?,
            status: filter.choice("status", rules::READ_SET_STATUSES)?,
            sample_id: filter.text("sampleId", rules::NAME)?,
            subject_id: filter.text("subjectId", rules::NAME)?,
            creation_type: filter.choice("creationType", &["IMPORT", "UPLOAD"])?,
            impossible: reference.is_some_and(|arn| !arn.is_empty()) || source.is_some(),
            created: (filter.timestamp("createdAfter")?, filter.timestamp("createdBefore")?),
        })
    }

    fn admits(&self, read_set: &ReadSetRecord) -> bool {
        let same =
            |wanted: &Option<String>, held: &str| wanted.as_deref().is_none_or(|wanted| wanted == held);
        !self.impossible
            && same(&self.name, read_set.name.as_deref().unwrap_or_default())
            && same(&self.status, &read_set.status)
            && same(&self.sample_id, &read_set.sample_id)
            && same(&self.subject_id, &read_set.subject_id)
            && same(&self.creation_type, &read_set.creation_type)
            && within(self.created, Some(&read_set.creation_time))
    }
}

pub(crate) fn batch_delete(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    rules::ID.check("sequenceStoreId", call.label)?;
    let ids =
        Structure::parse(call.body)?.list("ids", 1..=100, rules::ID)?.ok_or_else(|| rules::missing("ids"))?;
    let (key, _) = world.stores.live(&call.place(), call.label).ok_or_else(|| no_such_store(call.label))?;
    let mut errors = Vec::new();
    world.stores.change(&key, |store| {
        for id in &ids {
            let held = store.read_sets.values_mut().find(|held| held.id == *id && held.status != "DELETED");
            match held {
                Some(read_set) => read_set.status = "DELETED".to_owned(),
                // The empty code is what AWS's own sample of this answer shows.
                None => errors.push(json!({
                    "id": id, "code": "", "message": "The specified readset does not exist."
                })),
            }
        }
    });
    let committed = errors.len() < ids.len();
    let mut members = Members::new(&world.knobs, call.salt);
    members.optional("errors", (!errors.is_empty()).then_some(errors));
    Ok(Outcome { committed, ..Outcome::committed(200, Some(members.finish())) })
}
