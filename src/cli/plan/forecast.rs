//! Forecasts all steps after the next action: assumes that each action succeeds, and makes the operator's own plan
//! again on what AWS would then show, until nothing is left to do. No I/O.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::aws::CreateRequest;
use crate::aws::ReadSetCount;
use crate::crd::{
    FINALIZER, INTENT_ANNOTATION, OwnerTags, SequenceStore, Store, StoreS3Access, StoreSseConfig, StoreStatus,
};
use crate::plan::{
    self, ABSENCE_CONFIRMED_AFTER, Action, FinalizerStep, Input, Next, Plan, Recollection, Refusal, Settings,
    State, TakeOver, Target,
};
use crate::status;
use crate::store::desired::{Defaults, Desired};
use crate::store::field::apply_update;
use crate::store::intent::Intent;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};
use crate::store::owner_match::OwnerMatch;
use crate::tenancy::Access;

/// More steps than any plan has: a forecast that gets here is going in circles.
pub(super) const MAX_STEPS: usize = 16;
/// Stands for the id that AWS will give a new store; no store has it.
const NEW_STORE: &str = "0000000000";
/// Stands for AWS's default policy of a new store, which differs from every policy in a spec.
const FIRST_POLICY: &str = "(AWS's default policy)";

/// What stays the same from step to step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    pub(super) defaults: &'a Defaults,
    pub(super) settings: &'a Settings,
    pub(super) access: &'a Access,
    pub(super) owner: &'a OwnerTags,
    /// Where older objects may exist that are not known.
    pub(super) unlisted: &'a [String],
    pub(super) take_over: TakeOver,
    pub(super) rival: Option<&'a str>,
    pub(super) now: Timestamp,
    /// The store that the first step adopts, read in full: the search for it shows too little.
    pub(super) former_store: Option<&'a Present>,
    /// Read sets in the store that the first step deletes.
    pub(super) read_sets: Option<&'a ReadSetCount>,
}

/// The object and its store before or after a step.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) object: SequenceStore,
    pub(super) observed: Observed,
    recollection: Recollection,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) before: Snapshot,
    pub(super) plan: Plan,
}

/// The steps in their order, at least one. The plan of the last step says in which state the object ends.
pub(super) fn forecast(object: &SequenceStore, observed: &Observed, facts: Facts<'_>) -> Vec<Step> {
    let mut snapshot = Snapshot {
        object: object.clone(),
        observed: observed.clone(),
        recollection: Recollection::default(),
    };
    let mut steps = Vec::new();
    while steps.len() < MAX_STEPS {
        let plan = snapshot.plan(facts);
        let before = snapshot.clone();
        let goes_on = snapshot.assume(&plan, facts);
        steps.push(Step { before, plan });
        if !goes_on {
            break;
        }
    }
    steps
}

impl Snapshot {
    fn plan(&self, facts: Facts<'_>) -> Plan {
        let desired = Desired::of(&self.object, facts.defaults, facts.access.limits());
        plan::plan(&Input {
            object: &self.object,
            desired: desired.as_ref(),
            access: facts.access,
            observed: &self.observed,
            recollection: &self.recollection,
            owner: facts.owner,
            settings: facts.settings,
            now: facts.now,
            unlisted: facts.unlisted,
            take_over: facts.take_over,
            rival: facts.rival,
        })
    }

    /// Applies the step; false where no further step can be forecast.
    fn assume(&mut self, plan: &Plan, facts: Facts<'_>) -> bool {
        let goes_on = self.act(plan, facts) || self.wait(plan) || plan.intent.is_some() || {
            // Without the finalizer an object that is being deleted no longer exists; any other is planned for again.
            plan.finalizer != FinalizerStep::Keep && !self.object.is_being_deleted()
        };
        self.write(plan, facts);
        goes_on
    }

    /// Applies the action as if AWS accepted and completed it.
    fn act(&mut self, plan: &Plan, facts: Facts<'_>) -> bool {
        match &plan.action {
            Action::None => return false,
            Action::Create { account, intent, request } => {
                self.observed = Observed::Present(Box::new(created(&self.object, account, intent, request)));
            }
            Action::Adopt { tags, .. } => {
                if let (Observed::Searched { found: OwnerMatch::Former { .. }, .. }, Some(present)) =
                    (&self.observed, facts.former_store)
                {
                    self.observed = Observed::Present(Box::new(present.clone()));
                }
                return self.change(|present| {
                    if let ObservedTags::Read(shown) = &mut present.tags {
                        shown.extend(tags.clone());
                    }
                });
            }
            Action::Update { request, .. } => {
                return self.change(|present| apply_update(&mut present.store, request));
            }
            Action::Tag { tags, managed, .. } => {
                self.object.status.get_or_insert_default().managed_tag_keys.clone_from(managed);
                return self.change(|present| {
                    if let ObservedTags::Read(shown) = &mut present.tags {
                        shown.extend(tags.clone());
                    }
                });
            }
            Action::Untag { keys, .. } => {
                return self.change(|present| {
                    if let ObservedTags::Read(shown) = &mut present.tags {
                        shown.retain(|key, _| !keys.contains(key));
                    }
                });
            }
            Action::SetPolicy { policy, .. } => {
                return self.change(|present| present.policy = ObservedPolicy::Read(policy.clone()));
            }
            Action::DeleteStore { .. } => match facts.read_sets.filter(|count| count.total > 0) {
                Some(count) => {
                    self.recollection.refusal = Some(Refusal { read_sets: Ok(count.clone()), due: false });
                }
                None => self.gone(),
            },
        }
        true
    }

    /// Applies what happens by itself: AWS completes an operation, and a second look confirms the first.
    fn wait(&mut self, plan: &Plan) -> bool {
        if plan.action != Action::None {
            return false;
        }
        // Once only: where a second look does not confirm the first, no further step can be forecast.
        if plan.next == Next::Confirm && self.recollection.absent_for.is_none() {
            self.recollection.absent_for = Some(ABSENCE_CONFIRMED_AFTER);
            self.recollection.not_owner_for = Some(std::time::Duration::MAX);
            return true;
        }
        let in_aws = self.observed.present().and_then(|present| present.store.known_status());
        match (in_aws, &plan.state) {
            (Some(StoreStatus::Creating), State::Creating | State::DeletionBlocked(_))
            | (Some(StoreStatus::Updating), State::Updating | State::DeletionBlocked(_)) => {
                self.change(settled)
            }
            (Some(StoreStatus::Deleting), State::Deleting) => {
                self.gone();
                true
            }
            _ => false,
        }
    }

    /// Applies the finalizer, intent and status that the operator writes.
    fn write(&mut self, plan: &Plan, facts: Facts<'_>) {
        let was_searching = self.searches(facts);
        let created = match &plan.action {
            Action::Create { intent, .. } => Some(intent),
            _ => None,
        };
        if let Some(intent) = created.or(plan.intent.as_ref()) {
            self.object.annotations_mut().insert(INTENT_ANNOTATION.into(), intent.render());
        }
        let held = match plan.finalizer {
            _ if created.is_some() => true,
            FinalizerStep::Keep => self.object.has_our_finalizer(),
            FinalizerStep::Add => true,
            FinalizerStep::Remove => false,
        };
        self.object.finalizers_mut().retain(|finalizer| finalizer != FINALIZER);
        if held {
            self.object.finalizers_mut().push(FINALIZER.into());
        }
        let region = Desired::of(&self.object, facts.defaults, facts.access.limits())
            .ok()
            .map(|desired| desired.region);
        self.object.status = Some(status::next(&status::Input {
            region: region.as_deref(),
            deletion: facts.settings.deletion,
            binding: facts.access.binding(),
            ..status::Input::of(&self.object, &self.observed, &plan.state, facts.now)
        }));
        // From here on the operator searches by owner tags. The search finds nothing, because a new store is needed.
        if !was_searching && self.searches(facts) && self.observed.present().is_none() {
            let account = match &self.observed {
                Observed::Absent { account } | Observed::Searched { account, .. } => account.clone(),
                _ => String::new(),
            };
            self.observed = Observed::Searched { found: OwnerMatch::Nothing, account };
        }
    }

    fn searches(&self, facts: Facts<'_>) -> bool {
        let desired = Desired::of(&self.object, facts.defaults, facts.access.limits());
        matches!(
            plan::target(&self.object, facts.access, desired.as_ref(), facts.settings.deletion),
            Some(Target::Search { .. })
        )
    }

    fn change(&mut self, change: impl FnOnce(&mut Present)) -> bool {
        let Observed::Present(present) = &mut self.observed else { return false };
        change(present);
        true
    }

    fn gone(&mut self) {
        if let Observed::Present(present) = &self.observed {
            self.observed = Observed::Absent { account: present.account.clone() };
        }
        self.recollection.delete_accepted_for = Some(std::time::Duration::ZERO);
    }
}

fn settled(present: &mut Present) {
    present.store.status = Some(StoreStatus::Active.as_str().into());
}

/// The store that a create request makes.
fn created(object: &SequenceStore, account: &str, intent: &Intent, request: &CreateRequest) -> Present {
    let region = &intent.region;
    let store = Store {
        id: NEW_STORE.into(),
        arn: format!("arn:aws:omics:{region}:{account}:sequenceStore/{NEW_STORE}"),
        name: Some(request.name.clone()),
        description: request.description.clone(),
        // AWS may report the key in another form, which is no drift here.
        sse_config: request
            .sse_config
            .as_ref()
            .map(|sse| StoreSseConfig { type_: Some("KMS".into()), key_arn: sse.key_arn.clone() }),
        e_tag_algorithm_family: request.e_tag_algorithm_family.map(|family| family.as_str().to_owned()),
        fallback_location: request.fallback_location.clone(),
        s3_access: Some(StoreS3Access {
            s3_access_point_arn: Some("(given by AWS)".into()),
            access_log_location: request.access_log_location.clone(),
            ..StoreS3Access::default()
        }),
        propagated_set_level_tags: request.propagated_set_level_tags.clone(),
        status: Some(StoreStatus::Active.as_str().into()),
        ..Store::default()
    };
    let policy = match object.spec.s3_access_policy {
        Some(_) => ObservedPolicy::Read(Some(FIRST_POLICY.into())),
        None => ObservedPolicy::NotRead,
    };
    Present {
        store,
        account: account.to_owned(),
        tags: ObservedTags::Read(request.tags.clone()),
        strays: None,
        policy,
    }
}
