//! Lists the fault plans: each runs one flow and injects one fault. No I/O.

use std::fmt;

use clap::ValueEnum;
use healthomics_simulator::{Fault, FaultAction, Knobs};

use crate::request::{Backend, Occurrence};

/// What the user does with the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Flow {
    /// Create an object without `sequenceStoreId`.
    Create,
    /// Change several fields and tags at once.
    UpdateAll,
    /// Create an object that adopts a store without an owner.
    Adopt,
    /// Delete the object and its store.
    Delete,
    /// Delete the object while the operator's Create request is in flight.
    DeleteDuringCreate,
    /// Give the ConfigMap that says how to reach the store another name.
    MoveConfigMap,
}

impl Flow {
    pub const ALL: [Self; 6] = [
        Self::Create,
        Self::UpdateAll,
        Self::Adopt,
        Self::Delete,
        Self::DeleteDuringCreate,
        Self::MoveConfigMap,
    ];

    /// The settings of the simulator. They make AWS as unhelpful as the operator's assumptions allow: it remembers no
    /// client token, and List and tags show a new store late.
    pub fn knobs(self) -> Knobs {
        let lag = if matches!(self, Self::Create | Self::DeleteDuringCreate) { 1000 } else { 0 };
        Knobs {
            token_window_ms: Some(0),
            // A number of Gets instead of a time, so that every run sends the same requests.
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
            Self::MoveConfigMap => "move-config-map",
        })
    }
}

/// When the operator is killed or stopped, relative to one of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultMoment {
    /// The backend never receives the request.
    BeforeForwarding,
    /// The request takes effect, and the operator never receives the response.
    AfterCommit,
    /// The operator receives the response, and is killed or stopped before it acts on it.
    AfterResponse,
}

/// The request at which the operator is killed or stopped, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPoint {
    pub at: Occurrence,
    pub moment: FaultMoment,
}

/// An error response of the API server, injected by the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KubernetesFault {
    /// 504 after the API server has saved the create intent.
    IntentTimesOut,
    /// 504 after the API server has saved the store's ID.
    IdTimesOut,
    /// 409 for the first three requests that save the store's ID.
    IdConflicts,
}

#[derive(Clone, Debug)]
pub enum InjectedFault {
    /// No fault: the reference run.
    None,
    Kill(FaultPoint),
    /// The process of the leader stands still from here, and wakes up after the other replica took over.
    Stop(FaultPoint),
    /// Somebody else is written into the Lease just before this request is forwarded.
    StolenLease(Occurrence),
    /// The simulator injects this fault.
    Aws(Box<Fault>),
    Kubernetes(KubernetesFault),
    /// The Create takes long. Meanwhile the other replica writes a status without a store, and the proxy delivers this
    /// status only after the first replica has saved the store's ID.
    LateStatus,
}

/// One run to make: a flow, the number of replicas, and the fault to inject.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    pub flow: Flow,
    pub replicas: usize,
    /// The replicas elect one of them that works.
    pub election: bool,
    pub name: String,
    pub fault: InjectedFault,
    pub knobs: Knobs,
    /// Whether the fault is a response from which the operator cannot tell whether its request took effect.
    pub ambiguous_response: bool,
    /// Keep the default `--create-grace` of 60 s instead of 2 s.
    pub default_grace: bool,
}

impl FaultPlan {
    /// The plan without a fault. The final states of all other plans are compared with its final state.
    pub fn reference(flow: Flow, replicas: usize) -> Self {
        Self {
            flow,
            replicas,
            election: false,
            name: "no fault".into(),
            fault: InjectedFault::None,
            knobs: flow.knobs(),
            ambiguous_response: false,
            default_grace: false,
        }
    }

    /// Two replicas that elect one of them.
    pub fn reference_with_election(flow: Flow) -> Self {
        Self { election: true, ..Self::reference(flow, 2) }
    }

    /// The label of the report's row in which the plan is counted.
    pub fn row(&self) -> String {
        let suffix = match (self.ambiguous_response, self.election) {
            (true, _) => ", ambiguous answer",
            (false, true) => ", election",
            (false, false) => "",
        };
        format!("{}{suffix}", self.flow)
    }
}

const MOMENTS: [(FaultMoment, &str); 3] = [
    (FaultMoment::BeforeForwarding, "before"),
    (FaultMoment::AfterCommit, "after commit"),
    (FaultMoment::AfterResponse, "after response"),
];

/// Each moment of each of these requests, with the words for it.
fn at_each_moment(requests: &[Occurrence]) -> impl Iterator<Item = (FaultPoint, String)> {
    let all = requests.iter().flat_map(|at| MOMENTS.map(|(moment, text)| (at, moment, text)));
    all.map(|(at, moment, text)| (FaultPoint { at: at.clone(), moment }, format!("{text}: {at}")))
}

/// Two replicas with an election: for each request of the reference run three plans in which the leader stands still, and one
/// in which its Lease is stolen.
pub fn leader_faults(flow: Flow, requests: &[Occurrence]) -> Vec<FaultPlan> {
    let reference = FaultPlan::reference_with_election(flow);
    let stops = at_each_moment(requests).map(|(point, text)| FaultPlan {
        name: format!("stopped {text}"),
        fault: InjectedFault::Stop(point),
        ..reference.clone()
    });
    let thefts = requests.iter().map(|at| FaultPlan {
        name: format!("Lease stolen before: {at}"),
        fault: InjectedFault::StolenLease(at.clone()),
        ..reference.clone()
    });
    stops.chain(thefts).collect()
}

/// Three plans for each request of the reference run.
pub fn kills(flow: Flow, replicas: usize, requests: &[Occurrence]) -> Vec<FaultPlan> {
    let kills = at_each_moment(requests).map(|(point, text)| FaultPlan {
        name: format!("killed {text}"),
        fault: InjectedFault::Kill(point),
        ..FaultPlan::reference(flow, replicas)
    });
    kills.collect()
}

/// One plan of each flow with the default `--create-grace`: the operator is killed before its first request to AWS that
/// changes something.
pub fn kill_with_default_grace(flow: Flow, requests: &[Occurrence]) -> Option<FaultPlan> {
    let at = requests.iter().find(|at| at.request.backend == Backend::Aws)?;
    Some(FaultPlan {
        name: format!("killed before: {at}, default grace"),
        fault: InjectedFault::Kill(FaultPoint { at: at.clone(), moment: FaultMoment::BeforeForwarding }),
        default_grace: true,
        ..FaultPlan::reference(flow, 1)
    })
}

/// Two replicas: a late status of one replica must not overwrite the store ID that the other has saved.
pub fn late_status() -> FaultPlan {
    FaultPlan {
        name: "a status arrives late".into(),
        fault: InjectedFault::LateStatus,
        ..FaultPlan::reference(Flow::Create, 2)
    }
}

/// Responses to the Create, or to the patches before and after it, from which the operator cannot tell what happened.
/// Each is combined with the different times for which AWS may remember client tokens, with and without delayed reads.
pub fn ambiguous_responses() -> Vec<FaultPlan> {
    let aws = |action| InjectedFault::Aws(Box::new(Fault::once_after_commit("CreateSequenceStore", action)));
    let faults = [
        ("Create: 500 after commit", aws(FaultAction::error("InternalServerException"))),
        ("Create: reset after commit", aws(FaultAction::Reset)),
        ("Create: no response after commit", aws(FaultAction::Hang)),
        ("Create: {}", aws(FaultAction::EmptyObject)),
        ("Create: truncated JSON", aws(FaultAction::TruncatedJson)),
        ("Create: HTML 200", aws(FaultAction::Html { status: 200 })),
        ("Create: wrong id", aws(FaultAction::WrongId)),
        ("Create: wrong ARN", aws(FaultAction::WrongArn)),
        ("intent: 504 after commit", InjectedFault::Kubernetes(KubernetesFault::IntentTimesOut)),
        ("id: 504 after commit", InjectedFault::Kubernetes(KubernetesFault::IdTimesOut)),
        ("id: 409 three times", InjectedFault::Kubernetes(KubernetesFault::IdConflicts)),
    ];
    let token_windows = [
        (Some(0), "tokens never remembered"),
        (Some(30_000), "tokens remembered for 30 s"),
        (None, "tokens always remembered"),
    ];
    let lags = [(0, ""), (1000, ", reads lag")];
    let mut plans = Vec::new();
    for (fault_name, fault) in &faults {
        for (window, window_name) in token_windows {
            for (lag, lag_name) in lags {
                plans.push(FaultPlan {
                    name: format!("{fault_name}, {window_name}{lag_name}"),
                    fault: fault.clone(),
                    knobs: Knobs {
                        token_window_ms: window,
                        list_lag_ms: lag,
                        tags_lag_ms: lag,
                        get_lag_ms: lag,
                        ..Flow::Create.knobs()
                    },
                    ambiguous_response: true,
                    ..FaultPlan::reference(Flow::Create, 1)
                });
            }
        }
    }
    plans
}
