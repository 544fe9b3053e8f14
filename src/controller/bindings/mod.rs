//! AccountBindings: the watches that learn of them, the identity of each pass, and their status. I/O.
//!
//! | file | holds |
//! |---|---|
//! | `watch` | follows the bindings, and the namespaces where a binding selects by their labels |
//! | `identity` | the clients with which a pass calls AWS |
//! | `report` | looks at each binding, and writes its status |

mod identity;
mod report;
mod watch;

use std::sync::Arc;

use tokio::sync::{Notify, watch as channel};

use crate::aws::{Aws, Sessions};
use crate::controller::context::Context;
use crate::kubernetes::Reference;
use crate::tenancy::{Binding, Bindings, SharedBindings};
pub use identity::identify;
pub use report::report_bindings;
pub use watch::watch_bindings;

/// What passes, watches and reports share.
#[derive(Debug)]
pub struct Tenancy {
    pub bindings: Arc<SharedBindings>,
    pub sessions: Sessions,
    /// The operator reads bindings.
    is_on: bool,
    /// For passes that must not call AWS.
    nobody: Aws,
    /// The first lists were tried.
    tried: channel::Sender<bool>,
    /// Something about the bindings has changed: for the reports, and for the watch of namespaces.
    changed: Notify,
    selectors: Notify,
}

/// The objects of these namespaces get a pass.
fn queue_objects(context: &Context, objects: &[Reference], is_meant: impl Fn(&str) -> bool) {
    objects.iter().filter(|object| is_meant(object.namespace())).for_each(|object| context.queue.add(object));
}

/// How the operator treats bindings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenancySettings {
    /// The operator reads bindings.
    pub is_on: bool,
    /// An object without one is refused.
    pub is_required: bool,
}

impl Tenancy {
    /// `operator` acts with the operator's own identity; `cluster` is the name of this cluster in session tags.
    #[must_use]
    pub fn new(operator: &Aws, cluster: &str, settings: TenancySettings) -> Self {
        let TenancySettings { is_on, is_required } = settings;
        let bindings = if is_on { Bindings::unknown(is_required) } else { Bindings::none() };
        Self {
            bindings: Arc::new(SharedBindings::new(bindings)),
            sessions: Sessions::new(operator.clone(), cluster.to_owned()),
            is_on,
            nobody: operator.without_credentials(),
            tried: channel::Sender::new(!is_on),
            changed: Notify::new(),
            selectors: Notify::new(),
        }
    }

    /// Passes before that would find every namespace refused.
    pub async fn until_tried(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.tried.subscribe().wait_for(|tried| *tried).await;
    }

    /// Clients for whoever must not call AWS: no request can be signed with them.
    #[must_use]
    pub fn nobody(&self) -> Aws {
        self.nobody.clone()
    }

    fn changed(&self, bindings: &Bindings) {
        if bindings.missing().is_none() {
            self.tried.send_replace(true);
        }
        self.changed.notify_one();
        self.selectors.notify_waiters();
    }

    /// Forgets the sessions of bindings that have changed or gone, and of namespaces that they are not about any more. While it is not
    /// known which these are, nobody acts, and all are kept.
    fn close_sessions(&self) {
        let bindings = self.bindings.read();
        if bindings.missing().is_some() {
            return;
        }
        self.sessions.keep(|key| {
            let binding = bindings.get(&key.binding);
            let is_about =
                |binding: &&Binding| key.namespace.is_empty() || bindings.is_about(binding, &key.namespace);
            let bound = binding.filter(is_about).and_then(|binding| binding.bound().ok());
            bound.is_some_and(|bound| *key == identity::session_key(bound, &key.namespace))
        });
    }
}
