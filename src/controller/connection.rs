//! The part of the report step that keeps the ConfigMap of an object: after it is known what the status says, and before it is
//! written. I/O: Kubernetes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::apply::connection::{Looked, WantedConfigMap, look, remove, write};
use crate::crd::SequenceStore;
use crate::kubernetes::{Error, Kubernetes};
use crate::plan::{ConnectionOutcome, ConnectionStep};

/// What came of the ConfigMap.
#[derive(Debug)]
pub(super) struct Connected {
    /// The object as the API server has it now.
    pub(super) object: Arc<SequenceStore>,
    pub(super) outcome: ConnectionOutcome,
    /// A request failed: the pass is to be repeated.
    pub(super) failed: Option<Error>,
}

/// Carries out the step. `record` writes a status with the outcome it is given, and returns the object then.
pub(super) async fn keep_connection(
    kubernetes: &Kubernetes,
    mut object: Arc<SequenceStore>,
    step: ConnectionStep,
    record: impl AsyncFnOnce(&ConnectionOutcome) -> Result<Arc<SequenceStore>, Error>,
) -> Connected {
    let (if_failed, ended) = match step {
        ConnectionStep::Leave => (ConnectionOutcome::AsBefore, Ok(ConnectionOutcome::AsBefore)),
        ConnectionStep::Withhold => (ConnectionOutcome::Withheld, Ok(ConnectionOutcome::Withheld)),
        ConnectionStep::Remove { name } => {
            (ConnectionOutcome::AsBefore, remove(kubernetes, &object, &name).await)
        }
        ConnectionStep::Keep { name, data } => {
            let kept = keep(kubernetes, &mut object, (&name, &data), record).await;
            (ConnectionOutcome::Unknown(name), kept)
        }
    };
    match ended {
        Ok(outcome) => Connected { object, outcome, failed: None },
        Err(error) => Connected { object, outcome: if_failed, failed: Some(error) },
    }
}

/// No ConfigMap is made whose name is not on record, so that it is found again whatever happens. One of another name goes
/// once nothing stands in the way of the new one.
async fn keep(
    kubernetes: &Kubernetes,
    object: &mut Arc<SequenceStore>,
    (name, data): (&str, &BTreeMap<String, String>),
    record: impl AsyncFnOnce(&ConnectionOutcome) -> Result<Arc<SequenceStore>, Error>,
) -> Result<ConnectionOutcome, Error> {
    let looked = look(kubernetes, WantedConfigMap { object: &*object, name, data }).await?;
    let found = match looked {
        Looked::Done(ConnectionOutcome::Kept(_)) => None,
        Looked::Done(outcome) => return Ok(outcome),
        Looked::ToWrite(found) => Some(found),
    };
    let former = object.kept_config_map().filter(|kept| *kept != name).map(ToOwned::to_owned);
    if let Some(former) = former
        && remove(kubernetes, object, &former).await? != ConnectionOutcome::Removed
    {
        return Ok(ConnectionOutcome::Refused { name: former, verb: "delete" });
    }
    let Some(found) = found else { return Ok(ConnectionOutcome::Kept(name.to_owned())) };
    if object.kept_config_map() != Some(name) {
        *object = record(&ConnectionOutcome::Writing(name.to_owned())).await?;
    } else if !is_still_wanted(kubernetes, object, name).await? {
        // The pass that the change of the object triggers goes on.
        return Ok(ConnectionOutcome::Unknown(name.to_owned()));
    }
    write(kubernetes, WantedConfigMap { object: &*object, name, data }, found).await
}

/// Whether the object, read anew, still has this name in its spec and on record: what is written by a pass that is behind, in
/// this replica or another one, would be known to nobody.
async fn is_still_wanted(kubernetes: &Kubernetes, object: &SequenceStore, name: &str) -> Result<bool, Error> {
    let live = kubernetes.read(object).await?;
    let is_same = live.uid_str() == object.uid_str() && !live.is_being_deleted() && !live.is_paused();
    Ok(is_same && live.wanted_config_map() == Some(name) && live.kept_config_map() == Some(name))
}
