//! Namespace and name of an object, and its uid, both small: there is one of each for every object in several places.
//! No I/O.

use std::fmt;
use std::sync::Arc;

use kube::{Resource, ResourceExt};

/// Namespace and name. A copy shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(Arc<str>);

impl Reference {
    /// Neither may hold a slash, by the rules of Kubernetes.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    #[must_use]
    pub fn of(object: &impl Resource) -> Self {
        Self::new(object.meta().namespace.as_deref().unwrap_or_default(), &object.name_any())
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// Not after any other one.
    pub(super) fn least() -> Self {
        Self("".into())
    }
}

/// `namespace/name`.
impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The uid of an object. Kubernetes makes UUIDs, which fit in 16 bytes; any other text is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Uid {
    Uuid([u8; 16]),
    Other(Box<str>),
}

impl Uid {
    #[must_use]
    pub fn of(object: &impl Resource) -> Self {
        object.meta().uid.as_deref().unwrap_or_default().into()
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Other(text.into()), Self::Uuid)
    }
}

/// Only the form that Kubernetes writes: two texts are never the same uid.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    let digits = groups.concat();
    let is_written = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) || !digits.bytes().all(is_written) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_gives_back_namespace_and_name() {
        let reference = Reference::new("lab", "genomes.v2");
        assert_eq!((reference.namespace(), reference.name()), ("lab", "genomes.v2"));
        assert_eq!(reference.to_string(), "lab/genomes.v2");
        assert!(Reference::least() <= Reference::new("", ""));
        assert_eq!(size_of::<Reference>(), 16);
    }

    #[test]
    fn only_the_same_text_is_the_same_uid() {
        let uid = Uid::from("0b6f3c2e-8a51-4a0e-9a55-0d2f6f0c7f11");
        assert!(matches!(uid, Uid::Uuid(_)));
        assert_eq!(size_of::<Uid>(), 24);
        let texts = [
            "0B6F3C2E-8a51-4a0e-9a55-0d2f6f0c7f11",
            "0b6f3c2e8a51-4a0e-9a55-0d2f6f0c7f11",
            "+b6f3c2e-8a51-4a0e-9a55-0d2f6f0c7f11",
            "0b6f3c2e-8a51-4a0e-9a55-0d2f6f0c7f11-",
            "0b6f3c2e-8a51-4a0e-9a55-0d2f6f0c7f\u{e9}",
            "",
        ];
        for text in texts {
            assert_eq!(Uid::from(text), Uid::Other(text.into()));
        }
    }
}
