//! The clients with which a pass calls AWS: the operator's own, or those of the role of a binding. I/O: STS.

use super::Tenancy;
use crate::aws::{Aws, CallError, Class, SessionKey};
use crate::controller::context::Context;
use crate::crd::SequenceStore;
use crate::plan;
use crate::store::{Prepared, identity};
use crate::tenancy::{Access, AccessRefusal, Bound};

impl Tenancy {
    /// With which identity the object acts, as far as the bindings tell.
    #[must_use]
    pub fn access(&self, object: &SequenceStore) -> Access {
        self.bindings.access(object, identity::recorded_binding(object).as_deref())
    }

    /// Account of the binding of a namespace. What is on record of its objects says nothing about that.
    #[must_use]
    pub fn account(&self, namespace: &str) -> Option<String> {
        self.bindings.read().access(namespace, None).bound().map(|bound| bound.account.clone())
    }
}

/// The clients for a pass. Where the role of a binding cannot be assumed, the object is refused: it never acts with another
/// identity instead. Without calls to AWS no role is assumed.
pub async fn identify(context: &Context, prepared: Prepared) -> (Prepared, Aws) {
    let tenancy = &context.tenancy;
    let deletion = context.settings.deletion;
    let target = plan::target(&prepared.object, &prepared.access, prepared.desired.as_ref(), deletion);
    if target.is_none() {
        return (prepared, tenancy.nobody());
    }
    match &prepared.access {
        Access::Operator => (prepared, context.aws.clone()),
        // It has no target.
        Access::Refused(_) => (prepared, tenancy.nobody()),
        Access::Bound(bound) => {
            let namespace = prepared.object.metadata.namespace.as_deref().unwrap_or_default();
            match tenancy.sessions.assume(&session_key(bound, namespace)).await {
                Ok(aws) => (prepared, aws),
                Err(error) => {
                    let refusal = not_assumed(bound, &error);
                    (Prepared { access: Access::Refused(refusal), ..prepared }, tenancy.nobody())
                }
            }
        }
    }
}

pub(super) fn session_key(bound: &Bound, namespace: &str) -> SessionKey {
    SessionKey {
        role_arn: bound.role_arn.clone(),
        external_id: bound.external_id.clone(),
        binding: bound.binding.clone(),
        namespace: namespace.to_owned(),
    }
}

fn not_assumed(bound: &Bound, error: &CallError) -> AccessRefusal {
    let Bound { binding, role_arn, .. } = bound;
    let why = match error.class {
        Class::Denied | Class::Credentials => "AWS STS does not let the operator assume",
        _ => "AWS STS does not answer the request to assume",
    };
    AccessRefusal::NotReady {
        binding: Some(binding.clone()),
        why: format!(
            "{why} the role {role_arn} of the AccountBinding {binding} of this namespace; its status says more."
        ),
    }
}
