//! What of an object decides about its place in the queue: the kind of pass that it needs, and its region. Pure: no I/O.

use crate::aws::Urgency;
use crate::crd::{SequenceStore, StoreStatus};

/// What a pass is for, the most urgent first. Creations and deletions are equally urgent to AWS, which counts them
/// separately; to the workers a deletion comes first, so that it does not wait behind a thousand creations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Deletion,
    Creation,
    Update,
    Asked,
    Ordinary,
    InMotion,
    Background,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Deletion,
        Self::Creation,
        Self::Update,
        Self::Asked,
        Self::Ordinary,
        Self::InMotion,
        Self::Background,
    ];

    /// As a label of metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Deletion => "deletion",
            Self::Creation => "creation",
            _ => self.urgency().label(),
        }
    }

    #[must_use]
    pub fn urgency(self) -> Urgency {
        match self {
            Self::Deletion | Self::Creation => Urgency::CreateOrDelete,
            Self::Update => Urgency::Update,
            Self::Asked => Urgency::Asked,
            Self::Ordinary => Urgency::Ordinary,
            Self::InMotion => Urgency::InMotion,
            Self::Background => Urgency::Background,
        }
    }
}

/// Where an object belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the object itself says.
    pub kind: Kind,
    /// With the account before it, where that is the account of a binding: AWS counts by both.
    pub region: String,
}

impl Place {
    /// What the object asks for now. `default_region` is that of the operator, `account` that of the object's binding.
    #[must_use]
    pub fn of(object: &SequenceStore, default_region: Option<&str>, account: Option<&str>) -> Self {
        let recorded = object.status.as_ref().and_then(|status| status.region.as_deref());
        let region = recorded.or(object.spec.region.as_deref()).or(default_region);
        let region = region.unwrap_or_default();
        let region = account.map_or_else(|| region.to_owned(), |account| format!("{account} {region}"));
        Self { kind: kind(object), region }
    }

    /// The kind of a pass to which somebody has given this urgency.
    pub(super) fn kind(&self, given: Option<Urgency>) -> Kind {
        match given {
            Some(given) if given != self.kind.urgency() => match given {
                Urgency::CreateOrDelete => Kind::Creation,
                Urgency::Update => Kind::Update,
                Urgency::Asked => Kind::Asked,
                Urgency::Ordinary => Kind::Ordinary,
                Urgency::InMotion => Kind::InMotion,
                Urgency::Background => Kind::Background,
            },
            _ => self.kind,
        }
    }
}

fn kind(object: &SequenceStore) -> Kind {
    // A pause makes no call.
    if object.is_paused() {
        return Kind::Ordinary;
    }
    let store = object.status.as_ref().and_then(|status| status.store.as_ref());
    let is_at = |wanted: &[StoreStatus]| {
        store.and_then(|store| store.known_status()).is_some_and(|status| wanted.contains(&status))
    };
    if object.is_being_deleted() {
        // What is left is to see that AWS has finished.
        return if is_at(&[StoreStatus::Deleting]) { Kind::InMotion } else { Kind::Deletion };
    }
    if store.is_none() && object.manages() && !object.names_store() {
        return Kind::Creation;
    }
    if !object.is_handled() {
        return Kind::Asked;
    }
    match is_at(&[StoreStatus::Creating, StoreStatus::Updating, StoreStatus::Deleting]) {
        true => Kind::InMotion,
        false => Kind::Ordinary,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    use super::*;
    use crate::crd::{ManagementPolicy, PAUSED_ANNOTATION, RECONCILE_ANNOTATION};
    use crate::samples::Scene;

    fn settled() -> SequenceStore {
        let mut object = Scene::settled().object;
        object.spec.sequence_store_id = None;
        object.metadata.generation = Some(3);
        object.status.get_or_insert_default().observed_generation = Some(3);
        object
    }

    fn with(change: impl FnOnce(&mut SequenceStore)) -> Kind {
        let mut object = settled();
        change(&mut object);
        Place::of(&object, None, None).kind
    }

    fn set_store_status(object: &mut SequenceStore, status: StoreStatus) {
        let store = object.status.get_or_insert_default().store.get_or_insert_default();
        store.status = Some(status.as_str().into());
    }

    fn delete(object: &mut SequenceStore) {
        object.metadata.deletion_timestamp = Some(Time(jiff::Timestamp::UNIX_EPOCH));
    }

    fn annotate(object: &mut SequenceStore, key: &str, value: &str) {
        object.metadata.annotations.get_or_insert_default().insert(key.into(), value.into());
    }

    #[test]
    fn the_object_says_how_urgent_its_pass_is() {
        assert_eq!(with(|_| ()), Kind::Ordinary);
        assert_eq!(with(delete), Kind::Deletion);
        assert_eq!(with(|object| object.status.get_or_insert_default().store = None), Kind::Creation);
        assert_eq!(with(|object| object.metadata.generation = Some(4)), Kind::Asked);
        assert_eq!(with(|object| annotate(object, RECONCILE_ANNOTATION, "new")), Kind::Asked);
        assert_eq!(with(|object| set_store_status(object, StoreStatus::Updating)), Kind::InMotion);
        assert_eq!(with(|object| set_store_status(object, StoreStatus::Failed)), Kind::Ordinary);
    }

    #[test]
    fn a_deletion_that_aws_carries_out_is_only_looked_at() {
        let deleting = |status| {
            with(|object| {
                delete(object);
                set_store_status(object, status);
            })
        };
        assert_eq!(deleting(StoreStatus::Deleting), Kind::InMotion);
        assert_eq!(deleting(StoreStatus::Active), Kind::Deletion);
    }

    #[test]
    fn only_an_object_that_may_create_a_store_waits_for_a_creation() {
        let without_store = |change: fn(&mut SequenceStore)| {
            with(|object| {
                *object.status.get_or_insert_default() = Default::default();
                change(object);
            })
        };
        assert_eq!(without_store(|_| ()), Kind::Creation);
        assert_eq!(
            without_store(|object| object.spec.management_policy = Some(ManagementPolicy::Observe)),
            Kind::Asked
        );
        assert_eq!(
            without_store(|object| object.spec.sequence_store_id = Some("1234567890".into())),
            Kind::Asked
        );
        assert_eq!(without_store(|object| annotate(object, PAUSED_ANNOTATION, "true")), Kind::Ordinary);
    }

    #[test]
    fn a_recorded_region_goes_before_that_of_the_spec() {
        let mut object = settled();
        object.spec.region = Some("us-west-2".into());
        object.status.get_or_insert_default().region = Some("eu-west-1".into());
        let region = |object: &SequenceStore| Place::of(object, Some("us-east-1"), None).region;
        assert_eq!(region(&object), "eu-west-1");
        object.status.get_or_insert_default().region = None;
        assert_eq!(region(&object), "us-west-2");
        object.spec.region = None;
        assert_eq!(region(&object), "us-east-1");
    }

    #[test]
    fn a_given_urgency_replaces_that_of_the_object() {
        let place = Place { kind: Kind::Deletion, region: String::new() };
        assert_eq!(place.kind(None), Kind::Deletion);
        assert_eq!(place.kind(Some(Urgency::CreateOrDelete)), Kind::Deletion);
        assert_eq!(place.kind(Some(Urgency::Background)), Kind::Background);
    }
}
