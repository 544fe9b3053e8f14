//! Observes one object as the operator does, and forecasts what the operator would do. I/O, read-only.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::{Client, Config, ResourceExt};

use super::bindings::KnownBindings;
use super::cluster_view::ClusterView;
use super::flags::PlanFlags;
use super::forecast::{Facts, Step, forecast};
use super::notes;
use super::report::{self, ObjectPlan};
use super::subject::Subject;
use crate::aws::{Aws, CallError, Caller};
use crate::cli::aws_error::explain;
use crate::crd::{DeletionDefaults, SequenceStore};
use crate::kubernetes::Kubernetes;
use crate::observe::{Known, Observation, Observer};
use crate::plan::{self, Action, PinnedBy, Recollection, Settings, State};
use crate::store::{Defaults, Observed, OwnerMatch, Prepared, Present, prepare};
use crate::tenancy::Access;

/// The operator's own clients and settings, with the objects of the cluster in place of its watch.
pub(super) struct Planner {
    kubernetes: Kubernetes,
    aws: Aws,
    defaults: Defaults,
    settings: Settings,
    bindings: KnownBindings,
    /// What happens on deletion where specs are silent, in the namespaces whose objects show it.
    deletion: BTreeMap<String, DeletionDefaults>,
    /// The command as the user typed it.
    program: &'static str,
}

impl Planner {
    pub(super) async fn new(
        flags: &PlanFlags,
        cluster: &ClusterView,
        (subjects, bindings): (&[Subject], KnownBindings),
        program: &'static str,
    ) -> Result<Self, String> {
        let aws = Aws::from_environment(flags.place.region.clone(), flags.quotas.quotas()).await?;
        let defaults = Defaults { region: aws.default_region(), poll_interval: flags.timing.poll_interval };
        let settings = Settings {
            cluster: cluster.name(flags.place.cluster_name.as_deref(), subjects, program).await,
            replica: "plan".into(),
            create_grace: flags.timing.create_grace,
            deletion: flags.deletion.defaults(DeletionDefaults::default()),
        };
        let client = match &cluster.client {
            Some(client) => client.clone(),
            None => unconnected()?,
        };
        let kubernetes = Kubernetes::new(client, cluster.cache());
        let shown = cluster.deletion_defaults().into_iter();
        let deletion = shown.map(|(namespace, shown)| (namespace, flags.deletion.defaults(shown))).collect();
        Ok(Self { kubernetes, aws, defaults, settings, bindings, deletion, program })
    }

    /// The clients for one plan, whose waits for the request budget are its own.
    pub(super) fn aws_of_one(&self) -> Aws {
        self.aws.acting_for(Caller::default())
    }

    /// The plan for one object.
    ///
    /// # Errors
    /// Where these credentials do not show enough for a plan.
    pub(super) async fn plan(&self, aws: &Aws, object: &SequenceStore) -> Result<ObjectPlan, Blind> {
        let prepared = self.prepare(object);
        let known = Known::default();
        let settings = &self.settings_of(object);
        if let Some(blind) = Blind::of_account(aws, &prepared, settings).await {
            return Err(blind);
        }
        let Self { kubernetes, defaults, .. } = self;
        let observer = Observer { aws, kubernetes, defaults, settings, bindings: self.bindings.shared() };
        let recollection = Recollection::default();
        let observation = observer.observe(&prepared, &recollection, &known, Timestamp::now()).await;
        let former = former_store(&observer, &prepared, &observation).await;
        let mut facts = Facts {
            defaults,
            settings,
            access: &prepared.access,
            owner: &prepared.owner,
            unlisted: &observation.unlisted,
            take_over: observation.take_over,
            rival: observation.rival.as_deref(),
            now: observation.began,
            former_store: former.as_ref(),
            read_sets: None,
        };
        let mut steps = forecast(object, &observation.observed, facts);
        // The operator counts read sets when AWS has refused a delete. A plan counts them before.
        let count = match steps.first().map(|step| &step.plan.action) {
            Some(Action::DeleteStore { region, id }) => aws.count_read_sets(region, id, None).await.ok(),
            _ => None,
        };
        if count.is_some() {
            facts.read_sets = count.as_ref();
            steps = forecast(object, &observation.observed, facts);
        }
        let region = prepared.region();
        if let Some(blind) = Blind::of(&steps, &prepared.access) {
            return Err(blind);
        }
        let mut plan = report::object_plan(object, &observation.observed, region, &steps, settings.deletion);
        plan.binding = prepared.access.binding().map(ToOwned::to_owned);
        plan.notes = self.bindings.notes(object, &prepared.access);
        plan.notes.extend(notes(object, &observation.observed, &steps, settings.deletion));
        Ok(plan)
    }

    /// The report of an object without a plan.
    pub(super) fn blind(&self, object: &SequenceStore, blind: &Blind) -> ObjectPlan {
        let error = match blind {
            Blind::Failed(error) => explain(error, self.prepare(object).region(), self.program),
            Blind::WrongAccount { recorded, credentials, pinned_by } => {
                let what = match pinned_by {
                    PinnedBy::Store => "the store recorded in status is",
                    PinnedBy::Attempt => "the operator may have created the store",
                };
                format!(
                    "{what} in account {recorded}, but your credentials belong to account {credentials}: use credentials of \
                     account {recorded}"
                )
            }
            Blind::BoundElsewhere { binding, account, credentials } => format!(
                "namespace {} acts in account {account} by AccountBinding {binding}, but your credentials belong to account \
                 {credentials}: use credentials of account {account}",
                object.namespace().unwrap_or_default()
            ),
        };
        report::failed(object, error)
    }

    fn prepare(&self, object: &SequenceStore) -> Prepared {
        let access = self.bindings.access(object);
        prepare(Arc::new(object.clone()), access, &self.defaults, &self.settings.cluster)
    }

    fn settings_of(&self, object: &SequenceStore) -> Settings {
        let shown = object.metadata.namespace.as_ref().and_then(|namespace| self.deletion.get(namespace));
        Settings { deletion: shown.copied().unwrap_or(self.settings.deletion), ..self.settings.clone() }
    }
}

/// The store of a former object, which the first step of the plan adopts.
async fn former_store(
    observer: &Observer<'_>,
    prepared: &Prepared,
    observation: &Observation,
) -> Option<Present> {
    let Observed::Searched { found: OwnerMatch::Former { id, .. }, .. } = &observation.observed else {
        return None;
    };
    observer.former_store(prepared, id).await
}

/// Why these credentials do not show enough for a plan. The operator's credentials may show more.
#[derive(Debug)]
pub(super) enum Blind {
    Failed(Box<CallError>),
    WrongAccount {
        recorded: String,
        credentials: String,
        pinned_by: PinnedBy,
    },
    /// The operator acts in another account for the namespace.
    BoundElsewhere {
        binding: String,
        account: String,
        credentials: String,
    },
}

impl Blind {
    /// For an object that acts under a binding, before AWS is asked about its store. The plan assumes no role.
    async fn of_account(aws: &Aws, prepared: &Prepared, settings: &Settings) -> Option<Self> {
        let Prepared { object, access, desired, .. } = prepared;
        let bound = access.bound()?;
        // Where AWS is not asked, any credentials will do.
        plan::target(object, access, desired.as_ref(), settings.deletion)?;
        match aws.account(prepared.region()?).await {
            Ok(account) if account == bound.account => None,
            Ok(credentials) => Some(Self::BoundElsewhere {
                binding: bound.binding.clone(),
                account: bound.account.clone(),
                credentials,
            }),
            Err(error) => Some(Self::Failed(Box::new(error))),
        }
    }

    fn of(steps: &[Step], access: &Access) -> Option<Self> {
        match &steps.first()?.plan.state {
            State::CallFailed(error) | State::TagsUnreadable(error) | State::PolicyUnreadable(error) => {
                Some(Self::Failed(Box::new(error.clone())))
            }
            // The credentials are of the account of the binding: the operator finds the same.
            State::WrongAccount { .. } if access.bound().is_some() => None,
            State::WrongAccount { recorded, credentials, pinned_by } => Some(Self::WrongAccount {
                recorded: recorded.clone(),
                credentials: credentials.clone(),
                pinned_by: *pinned_by,
            }),
            _ => None,
        }
    }
}

/// A client without a cluster: every request fails.
fn unconnected() -> Result<Client, String> {
    let nowhere = "http://127.0.0.1:0".parse().map_err(|e| format!("{e}"))?;
    Client::try_from(Config::new(nowhere)).map_err(|e| e.to_string())
}
