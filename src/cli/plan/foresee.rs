//! What follows after the next action: each action is assumed to succeed, and the operator's own plan is
//! made again on what AWS would then show, until nothing is left to do. No I/O.

use jiff::Timestamp;
use kube::ResourceExt;

use crate::aws::ReadSetCount;
use crate::aws::{CreateRequest, UpdateRequest};
use crate::crd::{
    FINALIZER, INTENT_ANNOTATION, OwnerTags, SequenceStore, Store, StoreS3Access, StoreSseConfig,
};
use crate::plan::{
    self, ABSENCE_CONFIRMED_AFTER, Action, FinalizerStep, Input, Next, Plan, Recollection, Refusal, Settings,
    State, Target,
};
use crate::store::field::apply_update;
use crate::status;
use crate::store::desired::{Defaults, Desired};
use crate::store::intent::Intent;
use crate::store::observed::{Observed, ObservedPolicy, ObservedTags, Present};
use crate::store::ownership::OwnerMatch;

/// A plan has a handful of steps; this many are a circle.
pub(super) const MOST_STEPS: usize = 16;
/// Stands for what AWS makes up: no store has this id.
const NEW_STORE: &str = "0000000000";
/// What is known of the policy that AWS gives a new store: it is not the spec's.
const FIRST_POLICY: &str = "(AWS's default policy)";

/// Everything that does not change from step to step.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// What objects leave to the operator.
    pub defaults: &'a Defaults,
    /// Settings of the operator.
    pub settings: &'a Settings,
    /// The owner tags of the object.
    pub owner: &'a OwnerTags,
    /// See [`Input`].
    pub owner_is_gone: bool,
    /// See [`Input`].
    pub rival: Option<&'a str>,
    /// The time of the look.
    pub now: Timestamp,
    /// A store that the first step claims and that a look-up shows too little of.
    pub claimed: Option<&'a Present>,
    /// Read sets in a store that the first step deletes.
    pub read_sets: Option<&'a ReadSetCount>,
}

/// An object and its store at one step.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The object.
    pub object: SequenceStore,
    /// What AWS shows.
    pub observed: Observed,
    recollection: Recollection,
}

/// One step: the scene before it, and the plan made on that.
#[derive(Clone, Debug)]
pub struct Step {
    /// Before the step.
    pub before: Scene,
    /// The operator's plan.
    pub plan: Plan,
}

/// The steps in their order. The last one says where the object comes to stand.
#[must_use]
pub fn foresee(object: &SequenceStore, observed: &Observed, around: Surroundings<'_>) -> Vec<Step> {
    let mut scene =
        Scene { object: object.clone(), observed: observed.clone(), recollection: Recollection::default() };
    let mut steps = Vec::new();
    while steps.len() < MOST_STEPS {
        let plan = scene.plan(around);
        let before = scene.clone();
        let goes_on = scene.assume(&plan, around);
        steps.push(Step { before, plan });
        if !goes_on {
            break;
        }
    }
    steps
}

impl Scene {
    fn plan(&self, around: Surroundings<'_>) -> Plan {
        let desired = Desired::of(&self.object, around.defaults);
        plan::plan(&Input {
            object: &self.object,
            desired: desired.as_ref(),
            observed: &self.observed,
            recollection: &self.recollection,
            owner: around.owner,
            settings: around.settings,
            now: around.now,
            owner_is_gone: around.owner_is_gone,
            rival: around.rival,
        })
    }

    /// Makes the scene what it is after the step; false where nothing follows that could be foreseen.
    fn assume(&mut self, plan: &Plan, around: Surroundings<'_>) -> bool {
        let goes_on = self.act(plan, around) || self.wait(plan) || plan.intent.is_some() || {
            // An object that is let go is gone; one that lives is planned for without its finalizer.
            plan.finalizer != FinalizerStep::Keep && !self.object.is_being_deleted()
        };
        self.write(plan, around);
        goes_on
    }

    /// What the action leads to, if AWS does as it is asked.
    fn act(&mut self, plan: &Plan, around: Surroundings<'_>) -> bool {
        match &plan.action {
            Action::None => return false,
            Action::Create { account, intent, request } => {
                self.observed = Observed::Present(Box::new(created(&self.object, account, intent, request)));
            }
            Action::Claim { tags, .. } => {
                if let (Observed::Searched { found: OwnerMatch::Former { .. }, .. }, Some(present)) =
                    (&self.observed, around.claimed)
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
            Action::DeleteStore { .. } => match around.read_sets.filter(|count| count.total > 0) {
                Some(count) => {
                    self.recollection.refusal = Some(Refusal { read_sets: Ok(count.clone()), due: false });
                }
                None => self.gone(),
            },
        }
        true
    }

    /// What time brings: AWS comes to an end with what it is doing, and a second 404 follows a first.
    fn wait(&mut self, plan: &Plan) -> bool {
        if plan.action != Action::None {
            return false;
        }
        // Where even the second is not believed, only time tells.
        if plan.next == Next::Confirm && self.recollection.absent_for.is_none() {
            self.recollection.absent_for = Some(ABSENCE_CONFIRMED_AFTER);
            return true;
        }
        let in_aws = self.observed.present().and_then(|present| present.store.status.as_deref());
        match (in_aws, &plan.state) {
            (Some("CREATING"), State::Creating | State::DeletionBlocked(_))
            | (Some("UPDATING"), State::Updating | State::DeletionBlocked(_)) => self.change(settled),
            (Some("DELETING"), State::Deleting) => {
                self.gone();
                true
            }
            _ => false,
        }
    }

    /// Finalizer, intent and status, as the operator writes them.
    fn write(&mut self, plan: &Plan, around: Surroundings<'_>) {
        let was_looking_up = self.looks_up(around);
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
        let region = Desired::of(&self.object, around.defaults).ok().map(|desired| desired.region);
        self.object.status = Some(status::next(&status::Input {
            object: &self.object,
            observed: &self.observed,
            state: &plan.state,
            region: region.as_deref(),
            failures: 0,
            denied_for: None,
            denied_grace: std::time::Duration::ZERO,
            managed_tag_keys: None,
            now: around.now,
        }));
        // A new look is a look-up now, of which nothing is known but that a new store is to be made.
        if !was_looking_up && self.looks_up(around) && self.observed.present().is_none() {
            let account = match &self.observed {
                Observed::Absent { account } | Observed::Searched { account, .. } => account.clone(),
                _ => String::new(),
            };
            self.observed = Observed::Searched { found: OwnerMatch::Nothing, account };
        }
    }

    fn looks_up(&self, around: Surroundings<'_>) -> bool {
        let desired = Desired::of(&self.object, around.defaults);
        matches!(plan::target(&self.object, desired.as_ref()), Some(Target::Search { .. }))
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
    present.store.status = Some("ACTIVE".into());
}

/// The store that a create makes.
fn created(object: &SequenceStore, account: &str, intent: &Intent, request: &CreateRequest) -> Present {
    let region = &intent.region;
    let store = Store {
        id: NEW_STORE.into(),
        arn: format!("arn:aws:omics:{region}:{account}:sequenceStore/{NEW_STORE}"),
        name: Some(request.name.clone()),
        description: request.description.clone(),
        // Whatever key AWS makes of the one that was asked for, the spec's is what was asked for.
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
        status: Some("ACTIVE".into()),
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
        duplicates: Vec::new(),
        policy,
    }
}
