//! The plans: one disturbance of one flow each.

use std::fmt;

use clap::ValueEnum;
use healthomics_simulator::{Fault, FaultAction, Knobs};

use crate::call::{Edge, Nth};

/// What happens to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Flow {
    /// Created, until the store is there.
    Create,
    /// Several fields and tags edited at once.
    UpdateAll,
    /// Names a store that nobody owns.
    Adopt,
    /// Deleted, until object and store are gone.
    Delete,
    /// Deleted the moment its Create request is under way.
    DeleteDuringCreate,
}

impl Flow {
    pub const ALL: [Self; 5] =
        [Self::Create, Self::UpdateAll, Self::Adopt, Self::Delete, Self::DeleteDuringCreate];

    /// The switches of the simulated AWS. Crashes meet the least helpful AWS that the assumptions allow: it remembers
    /// no token, and shows a new store late.
    pub fn knobs(self) -> Knobs {
        let lag = if matches!(self, Self::Create | Self::DeleteDuringCreate) { 1000 } else { 0 };
        Knobs {
            token_window_ms: Some(0),
            // Counted, not timed: the same requests in every run.
            creating_gets: 1,
            deleting_gets: 1,
            list_lag_ms: lag,
            tags_lag_ms: lag,
            ..Knobs::default()
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::UpdateAll => "update-all",
            Self::Adopt => "adopt",
            Self::Delete => "delete",
            Self::DeleteDuringCreate => "delete-during-create",
        })
    }
}

/// When the operator is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The request never left.
    Before,
    /// It took effect; its reply never came.
    AfterCommit,
    /// The reply came; nothing was done with it.
    AfterReply,
}

/// What the API server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubernetesFault {
    /// 504 after the intent was written.
    IntentTimesOut,
    /// 504 after the id was saved.
    IdTimesOut,
    /// 409 three times where the id is to be saved.
    IdConflicts,
}

/// What goes wrong, once.
#[derive(Clone, Debug)]
pub enum Disturbance {
    /// Nothing: the reference run.
    None,
    Kill {
        at: Nth,
        when: When,
    },
    Aws(Box<Fault>),
    Kubernetes(KubernetesFault),
    /// The Create takes its time, and a status of the replica that looks on arrives after the id was saved.
    LateStatus,
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub flow: Flow,
    pub replicas: usize,
    pub name: String,
    pub disturbance: Disturbance,
    pub knobs: Knobs,
    /// Not a kill, but an answer that leaves open what happened.
    pub ambiguous: bool,
    /// `--create-grace` as users have it: 60 s.
    pub default_grace: bool,
}

impl Plan {
    pub fn reference(flow: Flow, replicas: usize) -> Self {
        let (name, knobs) = ("undisturbed".into(), flow.knobs());
        let disturbance = Disturbance::None;
        Self { flow, replicas, name, disturbance, knobs, ambiguous: false, default_grace: false }
    }

    /// The row of the table that it counts in.
    pub fn row(&self) -> String {
        let suffix = if self.ambiguous { ", ambiguous answer" } else { "" };
        format!("{}{suffix}", self.flow)
    }
}

/// Three plans for each request that the undisturbed run made.
pub fn kills(flow: Flow, replicas: usize, requests: &[Nth]) -> Vec<Plan> {
    let whens =
        [(When::Before, "before"), (When::AfterCommit, "after commit"), (When::AfterReply, "after reply")];
    let all = requests.iter().flat_map(|at| whens.map(|(when, text)| (at, when, text)));
    all.map(|(at, when, text)| Plan {
        name: format!("killed {text}: {at}"),
        disturbance: Disturbance::Kill { at: at.clone(), when },
        ..Plan::reference(flow, replicas)
    })
    .collect()
}

/// One plan of each flow with the default grace: killed before the first request that changes something in AWS.
pub fn with_default_grace(flow: Flow, requests: &[Nth]) -> Option<Plan> {
    let at = requests.iter().find(|at| at.call.edge == Edge::Aws)?;
    Some(Plan {
        name: format!("killed before: {at}, default grace"),
        disturbance: Disturbance::Kill { at: at.clone(), when: When::Before },
        default_grace: true,
        ..Plan::reference(flow, 1)
    })
}

/// Two replicas: what one saw before the other made the store must not overwrite what is known since.
pub fn late_status() -> Plan {
    let reference = Plan::reference(Flow::Create, 2);
    Plan { name: "a status arrives late".into(), disturbance: Disturbance::LateStatus, ..reference }
}

/// Every answer to a Create, or to the patches around it, that leaves open what happened; under every memory for tokens
/// that AWS may have, each with reads that lag and with reads that do not.
pub fn ambiguous_answers() -> Vec<Plan> {
    let aws = |action| Disturbance::Aws(Box::new(Fault::once_after_commit("CreateSequenceStore", action)));
    let disturbances = [
        ("Create: 500 after commit", aws(FaultAction::error("InternalServerException"))),
        ("Create: reset after commit", aws(FaultAction::Reset)),
        ("Create: hang after commit", aws(FaultAction::Hang)),
        ("Create: {}", aws(FaultAction::EmptyObject)),
        ("Create: half a JSON document", aws(FaultAction::TruncatedJson)),
        ("Create: HTML 200", aws(FaultAction::Html { status: 200 })),
        ("Create: wrong id", aws(FaultAction::WrongId)),
        ("Create: wrong ARN", aws(FaultAction::WrongArn)),
        ("intent: 504 after commit", Disturbance::Kubernetes(KubernetesFault::IntentTimesOut)),
        ("id: 504 after commit", Disturbance::Kubernetes(KubernetesFault::IdTimesOut)),
        ("id: 409 three times", Disturbance::Kubernetes(KubernetesFault::IdConflicts)),
    ];
    let windows = [(Some(0), "no token memory"), (Some(30_000), "tokens 30 s"), (None, "tokens for ever")];
    let lags = [(0, ""), (1000, ", reads lag")];
    let mut plans = Vec::new();
    for (text, disturbance) in &disturbances {
        for (window, memory) in windows {
            for (lag, lagging) in lags {
                plans.push(Plan {
                    name: format!("{text}, {memory}{lagging}"),
                    disturbance: disturbance.clone(),
                    knobs: Knobs {
                        token_window_ms: window,
                        list_lag_ms: lag,
                        tags_lag_ms: lag,
                        get_lag_ms: lag,
                        ..Flow::Create.knobs()
                    },
                    ambiguous: true,
                    ..Plan::reference(Flow::Create, 1)
                });
            }
        }
    }
    plans
}
