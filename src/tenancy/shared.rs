//! The bindings, shared by passes, watches and the command `plan`. No I/O.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kube::ResourceExt;

use super::{Access, Bindings};
use crate::crd::SequenceStore;

/// The bindings, which a watch may change at any time.
#[derive(Debug)]
pub struct SharedBindings(RwLock<Bindings>);

impl SharedBindings {
    #[must_use]
    pub fn new(bindings: Bindings) -> Self {
        Self(RwLock::new(bindings))
    }

    /// With which identity the object acts now. `recorded` is the binding under which its store got on record.
    #[must_use]
    pub fn access(&self, object: &SequenceStore, recorded: Option<&str>) -> Access {
        self.read().access(&object.namespace().unwrap_or_default(), recorded)
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Bindings> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, Bindings> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
