//! How urgent something is: a pass that waits for a worker, and a request that waits for AWS's quota. No I/O.

/// The most urgent first: `CreateOrDelete < Update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A store is to be created or deleted.
    CreateOrDelete,
    /// A store is to be changed.
    Update,
    /// A person asked: a new generation of the spec, or the annotation that requests a reconciliation.
    Asked,
    /// A poll.
    Ordinary,
    /// A poll of a store that AWS is creating, changing or deleting. At most a fifth of the rate.
    InMotion,
    /// A look that nobody waits for. At most the background share.
    Background,
}

impl Urgency {
    #[cfg(test)]
    pub const ALL: [Self; 6] =
        [Self::CreateOrDelete, Self::Update, Self::Asked, Self::Ordinary, Self::InMotion, Self::Background];

    /// As a label of metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CreateOrDelete => "create_or_delete",
            Self::Update => "update",
            Self::Asked => "asked",
            Self::Ordinary => "ordinary",
            Self::InMotion => "in_motion",
            Self::Background => "background",
        }
    }
}
