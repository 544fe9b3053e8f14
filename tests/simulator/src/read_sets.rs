//! ListReadSets and BatchDeleteReadSet. No I/O.

use serde_json::{Value, json};

use crate::error::ApiError;
use crate::page::Listing;
use crate::record::ReadSetRecord;
use crate::render::{self, Members};
use crate::sequence_stores::within;
use crate::validation::{self, Structure};
use crate::world::{Call, Outcome, World, no_such_store};

pub(crate) fn list(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    validation::ID.check("sequenceStoreId", call.label)?;
    let (size, token) = validation::paging(call.query)?;
    let input = Structure::parse(call.body)?;
    let filter = Filter::of(&input)?;
    let (_, store) =
        world.stores.live(&call.account_region(), call.label).ok_or_else(|| no_such_store(call.label))?;
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
        listed.filter(|(_, read_set)| filter.matches(read_set))
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
    /// The filter names a reference or a source. Simulated read sets have neither, so it matches nothing.
    matches_nothing: bool,
    created: (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
}

impl Filter {
    fn of(input: &Structure) -> Result<Filter, ApiError> {
        let Some(filter) = input.structure("filter")? else {
            return Ok(Filter::default());
        };
        let reference = filter.text("referenceArn", validation::REFERENCE_ARN)?;
        let source = filter.text("generatedFrom", validation::NAME)?;
        Ok(Filter {
            name: filter.text("name", validation::NAME)?,
            status: filter.choice("status", validation::READ_SET_STATUSES)?,
            sample_id: filter.text("sampleId", validation::NAME)?,
            subject_id: filter.text("subjectId", validation::NAME)?,
            creation_type: filter.choice("creationType", &["IMPORT", "UPLOAD"])?,
            matches_nothing: reference.is_some_and(|arn| !arn.is_empty()) || source.is_some(),
            created: (filter.timestamp("createdAfter")?, filter.timestamp("createdBefore")?),
        })
    }

    fn matches(&self, read_set: &ReadSetRecord) -> bool {
        let same =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_none_or(|wanted| wanted == actual);
        !self.matches_nothing
            && same(&self.name, read_set.name.as_deref().unwrap_or_default())
            && same(&self.status, &read_set.status)
            && same(&self.sample_id, &read_set.sample_id)
            && same(&self.subject_id, &read_set.subject_id)
            && same(&self.creation_type, &read_set.creation_type)
            && within(self.created, Some(&read_set.creation_time))
    }
}

pub(crate) fn batch_delete(world: &mut World, call: &Call<'_>) -> Result<Outcome, ApiError> {
    validation::ID.check("sequenceStoreId", call.label)?;
    let ids = Structure::parse(call.body)?
        .list("ids", 1..=100, validation::ID)?
        .ok_or_else(|| validation::missing("ids"))?;
    let (key, _) =
        world.stores.live(&call.account_region(), call.label).ok_or_else(|| no_such_store(call.label))?;
    let mut errors = Vec::new();
    world.stores.change(&key, |store| {
        for id in &ids {
            let mut existing = store.read_sets.values_mut().filter(|read_set| read_set.status != "DELETED");
            match existing.find(|read_set| read_set.id == *id) {
                Some(read_set) => read_set.status = "DELETED".to_owned(),
                // The sample response in the AWS documentation has an empty code too.
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
