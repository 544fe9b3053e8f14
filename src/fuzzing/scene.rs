//! One pass over one object: plan, status and Events from what was observed. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::facts;
use crate::aws::{CallError, Class, Operation};
use crate::crd::{Allow, DeletionDefaults, OWNER_UID_TAG, OwnerTags, SequenceStore, Store};
use crate::plan::{self, ConnectionOutcome, Input, Plan, Recollection, Settings, TakeOver, Target};
use crate::status::{self, event};
use crate::store::desired::{Defaults, Desired, SHORTEST_POLL_INTERVAL};
use crate::store::{Observed, ObservedPolicy, ObservedTags, OwnerMatch, Present};
use crate::tenancy::{Access, Limits};

pub(super) const REGION: &str = "us-east-1";
pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const ID: &str = "1111111111";
/// The longest `pollInterval` that has a form at all.
const LONGEST_POLL_INTERVAL: Duration = Duration::from_secs(u32::MAX as u64 * 3600);

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap_or_default()
}

pub(super) fn defaults() -> Defaults {
    Defaults { region: Some(REGION.into()), poll_interval: Duration::from_secs(300) }
}

pub(crate) fn settings() -> Settings {
    Settings {
        cluster: "cluster".into(),
        replica: "operator-0".into(),
        create_grace: Duration::from_secs(60),
        deletion: DeletionDefaults::default(),
    }
}

pub(super) struct Scene<'a> {
    pub(super) object: &'a SequenceStore,
    pub(super) observed: &'a Observed,
    pub(super) settings: &'a Settings,
    /// Earlier passes saw the same for as long as it takes to believe it.
    pub(super) is_confirmed: bool,
}

impl Scene<'_> {
    fn recollection(&self) -> Recollection {
        let long = Some(Duration::from_secs(100_000)).filter(|_| self.is_confirmed);
        Recollection {
            absent_for: long,
            not_owner_for: long,
            attempt_known_for: long.unwrap_or_default(),
            ..Recollection::default()
        }
    }

    pub(super) fn plan(&self) -> Plan {
        let desired = Desired::of(self.object, &defaults(), None);
        plan::plan(&Input {
            object: self.object,
            desired: desired.as_ref(),
            access: &Access::Operator,
            observed: self.observed,
            recollection: &self.recollection(),
            owner: &OwnerTags::of(self.object, &self.settings.cluster),
            settings: self.settings,
            now: now(),
            unlisted: &[],
            take_over: TakeOver::NotAskedFor,
            rival: None,
        })
    }

    /// Makes plan, status and Events, and checks what must hold for them.
    pub(super) fn check(&self) {
        let desired = Desired::of(self.object, &defaults(), None);
        if let Ok(desired) = &desired {
            assert!(facts::is_region_code(&desired.region), "{:?}", desired.region);
            let bounds = SHORTEST_POLL_INTERVAL..=LONGEST_POLL_INTERVAL;
            assert!(bounds.contains(&desired.poll_interval), "{:?}", desired.poll_interval);
            assert!(desired.id.as_deref().is_none_or(crate::crd::is_store_id), "{:?}", desired.id);
        }
        let plan = self.plan();
        facts::check_plan(self, &plan);
        let status = status::next(&status::Input {
            region: desired.as_ref().ok().map(|desired| desired.region.as_str()),
            failures: 3,
            deletion: self.settings.deletion,
            ..status::Input::of(self.object, self.observed, &plan.state, now())
        });
        if !self.object.is_paused() {
            facts::check_status(&status, self.object.status.as_ref());
        }
        facts::check_events(&event::transitions(
            self.object.status.as_ref(),
            &status,
            &plan.state,
            &ConnectionOutcome::AsBefore,
        ));
        facts::check_events(&event::store_kept(&plan.state, self.observed));
        facts::check_events(&event::drift_found(self.object, &plan.state));
    }
}

/// Checks the object with everything that AWS may show of what it is asked for.
pub(super) fn check_all(object: &SequenceStore) {
    let settings = settings();
    // Whatever a tenant writes, limits are judged.
    let limits = Limits::of("lab", Some(&closed()));
    let _ = limits.check(&object.spec, &["us-east-1"]);
    let desired = Desired::of(object, &defaults(), None);
    let target = plan::target(object, &Access::Operator, desired.as_ref(), settings.deletion);
    for observed in observations(object) {
        let can_be = match (&target, &observed) {
            (None, observed) => *observed == Observed::NotAsked,
            (Some(_), Observed::Failed(_)) => true,
            (Some(_), Observed::NotAsked) => false,
            (Some(Target::Store { .. }), observed) => !matches!(observed, Observed::Searched { .. }),
            // A search shows a store only if it found the object's own.
            (Some(Target::Search { .. }), Observed::Present(present)) => {
                present.tags.owner() == Some(object.uid_str())
            }
            (Some(Target::Search { .. }), observed) => matches!(observed, Observed::Searched { .. }),
        };
        if !can_be {
            continue;
        }
        for is_confirmed in [false, true] {
            Scene { object, observed: &observed, settings: &settings, is_confirmed }.check();
        }
    }
}

fn observations(object: &SequenceStore) -> Vec<Observed> {
    let error =
        |class| CallError { class, ..CallError::unreadable(Operation::GetSequenceStore, "AWS's words") };
    let account = || ACCOUNT.to_owned();
    let former = OwnerMatch::Former { id: ID.into(), arn: arn(REGION, ACCOUNT, ID), uid: "former".into() };
    let mut all = vec![
        Observed::NotAsked,
        Observed::Absent { account: account() },
        Observed::Searched { found: OwnerMatch::Nothing, account: account() },
        Observed::Searched { found: former, account: account() },
    ];
    all.extend(Class::ALL.map(|class| Observed::Failed(error(class))));
    let own = OwnerTags::of(object, "cluster").tags();
    let anothers = BTreeMap::from([(OWNER_UID_TAG.to_owned(), "another".to_owned())]);
    let tags = [
        ObservedTags::Unreadable(error(Class::Denied)),
        ObservedTags::Read(BTreeMap::new()),
        ObservedTags::Read(anothers),
        ObservedTags::Read(own),
    ];
    for status in ["ACTIVE", "FAILED", "DELETING"] {
        let store = store_of(object, status);
        all.extend(tags.clone().map(|tags| {
            let policy = ObservedPolicy::Read(Some("{}".into()));
            let (store, account) = (store.clone(), account());
            Observed::Present(Box::new(Present { store, account, tags, strays: None, policy }))
        }));
    }
    all
}

pub(super) fn arn(region: &str, account: &str, id: &str) -> String {
    format!("arn:aws:omics:{region}:{account}:sequenceStore/{id}")
}

/// The store that GetSequenceStore shows for the object: AWS names region, account and id that it was asked about.
fn store_of(object: &SequenceStore, status: &str) -> Store {
    let desired = Desired::of(object, &defaults(), None).ok();
    let id = desired.as_ref().and_then(|desired| desired.id.clone()).unwrap_or_else(|| ID.into());
    let region = desired.map_or_else(|| REGION.to_owned(), |desired| desired.region);
    Store { arn: arn(&region, ACCOUNT, &id), id, status: Some(status.into()), ..Store::default() }
}

/// Limits that allow nothing.
fn closed() -> Allow {
    let nothing = Some(Vec::new());
    Allow {
        regions: nothing.clone(),
        kms_key_arns: nothing.clone(),
        locations: nothing.clone(),
        policy_principals: nothing.clone(),
        sequence_store_ids: nothing,
    }
}
