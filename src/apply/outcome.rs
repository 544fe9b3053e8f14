//! What came of a plan's AWS call. No I/O.

use crate::aws::{CallError, ReadSetCount};
use crate::plan::NotKept;
use crate::status::event::Event;
use crate::store::{Field, Present};

#[derive(Clone, Debug)]
pub struct Outcome {
    pub effect: Effect,
    pub events: Vec<Event>,
}

/// What the AWS call did, as far as is known.
#[derive(Clone, Debug)]
pub enum Effect {
    /// No call was sent.
    Nothing,
    /// AWS created this store.
    Created(Box<Present>),
    /// AWS certainly created no store in this attempt.
    NotCreated { epoch: u32, attempt: u32, error: CallError },
    /// No call was sent, because the API server did not keep the record that must come first.
    NotRecorded {
        what: NotKept,
        /// Epoch and number of the attempt that was not sent.
        attempt: Option<(u32, u32)>,
    },
    /// AWS may have created a store.
    CreationUnknown { attempt: u32 },
    /// AWS accepted a change of these fields.
    Accepted {
        fields: Vec<Field>,
        /// The store as the response shows it, for operations that respond with it.
        present: Option<Box<Present>>,
    },
    /// AWS denied the change. Other changes may still be allowed.
    Denied(CallError),
    /// The call failed; it may have had an effect.
    Failed(CallError),
    /// AWS accepted the delete, which does not mean that the store is gone.
    DeleteAccepted,
    /// AWS answered the delete with a 404. The next pass checks whether the store is gone.
    DeleteNotFound,
    /// AWS refused the delete.
    DeleteRefused {
        /// The read sets in the store, or why they could not be counted.
        read_sets: Result<ReadSetCount, CallError>,
        /// False: an earlier count was still recent enough.
        counted_now: bool,
    },
}

impl Effect {
    /// The call changed nothing, and whatever else there is to do can be done in the same pass.
    #[must_use]
    pub fn leaves_the_rest(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::NotRecorded { what: NotKept::TagKeys, .. })
    }
}

impl From<Effect> for Outcome {
    fn from(effect: Effect) -> Self {
        Self { effect, events: Vec::new() }
    }
}
