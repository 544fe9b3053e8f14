//! What comes of the bindings for one object: with which identity it acts, or why it does not act. No I/O.

use std::sync::Arc;

use super::Limits;

/// With which identity the calls for an object are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// That of the operator: no binding is about the namespace.
    #[default]
    Operator,
    /// The role of the one binding of the namespace.
    Bound(Bound),
    /// None: no call is made.
    Refused(AccessRefusal),
}

/// The one binding of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Name of the AccountBinding.
    pub binding: String,
    pub role_arn: String,
    pub external_id: Option<String>,
    /// Account of the role, 12 digits.
    pub account: String,
    pub limits: Arc<Limits>,
}

/// Why no call is made for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessRefusal {
    /// More than one binding is about the namespace.
    Conflict { bindings: Vec<String> },
    /// The role cannot be assumed, or the bindings are not known; `why` is a sentence.
    NotReady { binding: Option<String>, why: String },
    /// No binding is about the namespace, and the object may not act without one.
    Missing {
        /// The binding under which the store of the object got on record; none where the operator demands one of every object.
        recorded: Option<String>,
    },
}

impl Access {
    /// The binding under which the object acts.
    #[must_use]
    pub fn binding(&self) -> Option<&str> {
        self.bound().map(|bound| bound.binding.as_str())
    }

    #[must_use]
    pub fn bound(&self) -> Option<&Bound> {
        match self {
            Self::Bound(bound) => Some(bound),
            Self::Operator | Self::Refused(_) => None,
        }
    }

    #[must_use]
    pub fn refusal(&self) -> Option<&AccessRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Operator | Self::Bound(_) => None,
        }
    }

    /// What the spec of the object may name; none without a binding.
    #[must_use]
    pub fn limits(&self) -> Option<&Limits> {
        self.bound().map(|bound| bound.limits.as_ref())
    }
}
