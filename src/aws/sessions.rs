//! The sessions of all bound namespaces: one for each role and namespace. I/O: STS, by the sessions.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::role_session::{AssumeRole, RoleSession};
use super::{Aws, CallError, credentials_failure};
use crate::crd::{CLUSTER_TAG, NAMESPACE_TAG};
use crate::metrics::CredentialsSample;

/// The longest name of a session that STS accepts.
const LONGEST_NAME: usize = 64;
/// The longest value of a session tag that STS accepts.
const LONGEST_VALUE: usize = 256;

/// Key of a session tag. Those of cluster and namespace are as on the stores: policies of IAM and CloudTrail tell tenants apart
/// by them.
pub(crate) const BINDING_TAG: &str = "healthomics.dev/binding";

/// For whom a role is assumed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey {
    pub(crate) role_arn: String,
    pub(crate) external_id: Option<String>,
    /// Name of the AccountBinding.
    pub(crate) binding: String,
    /// Empty for the look at a binding that has no namespace.
    pub(crate) namespace: String,
}

/// The open sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    /// Acts with the identity of the operator.
    operator: Aws,
    cluster: String,
    open: Mutex<HashMap<SessionKey, Aws>>,
}

impl Sessions {
    /// `cluster` is the name of this cluster in session tags.
    pub(crate) fn new(operator: Aws, cluster: String) -> Self {
        Self { operator, cluster, open: Mutex::default() }
    }

    /// The clients that act with the role, which STS lets the operator assume now.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) async fn assume(&self, key: &SessionKey) -> Result<Aws, CallError> {
        let aws = self.session(key);
        match aws.shared.credentials.provide().await {
            Ok(_) => Ok(aws),
            Err(error) => Err(credentials_failure::of_role(&error)),
        }
    }

    /// Forgets the sessions that nobody needs any more.
    pub(crate) fn keep(&self, is_needed: impl Fn(&SessionKey) -> bool) {
        self.open().retain(|key, _| is_needed(key));
    }

    /// What other processes may change from now on is not believed from memory.
    pub(crate) fn forget_owners(&self) {
        self.open().values().for_each(Aws::forget_owners);
    }

    /// When the first session of each role expires, and whether the renewal of any fails.
    pub(crate) fn credentials_expiries(&self) -> Vec<CredentialsSample> {
        let mut first: BTreeMap<String, CredentialsSample> = BTreeMap::new();
        for sample in self.open().values().filter_map(Aws::credentials_expiry) {
            let of_role = first.entry(sample.role_arn.clone()).or_insert_with(|| sample.clone());
            of_role.expiry = of_role.expiry.min(sample.expiry);
            of_role.is_renewal_failing |= sample.is_renewal_failing;
        }
        first.into_values().collect()
    }

    fn session(&self, key: &SessionKey) -> Aws {
        let mut open = self.open();
        if let Some(aws) = open.get(key) {
            return aws.clone();
        }
        let session = RoleSession::new(self.operator.clone(), request(&self.cluster, key));
        let aws = self.operator.in_session(Arc::new(session));
        open.insert(key.clone(), aws.clone());
        aws
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionKey, Aws>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(cluster: &str, key: &SessionKey) -> AssumeRole {
    let SessionKey { role_arn, external_id, binding, namespace } = key.clone();
    let mut tags = vec![(CLUSTER_TAG, tag_value(cluster)), (BINDING_TAG, tag_value(&binding))];
    if !namespace.is_empty() {
        tags.push((NAMESPACE_TAG, tag_value(&namespace)));
    }
    AssumeRole { role_arn, external_id, session_name: session_name(cluster, &namespace, &binding), tags }
}

/// `namespace@binding@cluster`, as much of it as STS accepts. The end of a name that is cut is a hash of the whole one.
fn session_name(cluster: &str, namespace: &str, binding: &str) -> String {
    let parts = [namespace, binding, cluster];
    let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let whole = named.join("@");
    // Names of clusters may hold characters that STS does not allow.
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name: String = whole.chars().map(|c| if is_allowed(c) { c } else { '-' }).collect();
    if name == whole && name.len() <= LONGEST_NAME {
        return name;
    }
    let hash: String = Sha256::digest(&whole).iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    let kept = &name[..name.len().min(LONGEST_NAME - hash.len() - 1)];
    format!("{kept}.{hash}")
}

/// Names of Kubernetes are shorter and plainer than STS demands; that of a cluster is any text.
fn tag_value(text: &str) -> String {
    let is_allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    text.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(LONGEST_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_session_says_cluster_namespace_and_binding() {
        let key = SessionKey {
            role_arn: "arn:aws:iam::111122223333:role/lab".into(),
            external_id: Some("id".into()),
            binding: "lab".into(),
            namespace: "team-a".into(),
        };
        let AssumeRole { session_name, tags, external_id, .. } = request("prod", &key);
        assert_eq!((session_name.as_str(), external_id.as_deref()), ("team-a@lab@prod", Some("id")));
        let expected = [(CLUSTER_TAG, "prod"), (BINDING_TAG, "lab"), (NAMESPACE_TAG, "team-a")];
        assert_eq!(tags, expected.map(|(key, value)| (key, value.to_owned())));
        let none = request("prod", &SessionKey { namespace: String::new(), ..key });
        assert_eq!((none.session_name.as_str(), none.tags.len()), ("lab@prod", 2));
    }

    proptest! {
        /// What tenants choose must neither break a request to STS nor pass for the session of another tenant.
        #[test]
        fn every_session_name_is_one_that_sts_accepts_and_another_for_each_tenant(
            cluster in "\\PC{0,90}", one in "[a-z0-9-]{1,63}", other in "[a-z0-9-]{1,63}", binding in "[a-z0-9.-]{1,90}",
        ) {
            let allowed = regex::Regex::new(r"^[\w+=,.@-]{2,64}$").expect("a pattern");
            let name = session_name(&cluster, &one, &binding);
            prop_assert!(allowed.is_match(&name) && name.is_ascii(), "{}", name);
            prop_assert_eq!(one == other, name == session_name(&cluster, &other, &binding));
            prop_assert!(tag_value(&cluster).chars().count() <= LONGEST_VALUE);
        }
    }
}
