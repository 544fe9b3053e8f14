//! Which bindings a namespace has, and what follows for its objects. No I/O.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kube::core::{Selector, SelectorExt};

use super::{Access, AccessRefusal, Bound, Limits};
use crate::crd::{AccountBinding, AccountBindingSpec};

/// The labels of a namespace.
pub type Labels = BTreeMap<String, String>;

/// One AccountBinding, read.
#[derive(Clone, Debug)]
pub struct Binding {
    pub object: Arc<AccountBinding>,
    namespaces: Namespaces,
    /// What comes of it where it is the only one. A binding that cannot be used refuses.
    bound: Result<Bound, String>,
}

#[derive(Clone, Debug)]
enum Namespaces {
    Named(BTreeSet<String>),
    Selected(Selector),
    /// Nobody can tell, so that every namespace may be meant.
    Unclear,
}

/// The namespaces for which something else may come of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    All,
    Only(BTreeSet<String>),
}

impl Touched {
    #[must_use]
    pub fn may_be(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(namespaces) => namespaces.contains(namespace),
        }
    }
}

/// Why the bindings of a namespace are not known: a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown(pub String);

/// All bindings of the cluster, and the labels of its namespaces where a binding selects by them.
#[derive(Debug)]
pub struct Bindings {
    all: BTreeMap<String, Binding>,
    /// The bindings that name a namespace.
    by_namespace: HashMap<String, BTreeSet<String>>,
    /// The bindings of which a lookup by name tells nothing.
    others: BTreeSet<String>,
    labels: HashMap<String, Labels>,
    /// Why it is not known which bindings there are; none once they are listed.
    bindings_unknown: Option<Unknown>,
    labels_unknown: Option<Unknown>,
    /// An object without a binding is refused.
    is_required: bool,
}

impl Namespaces {
    fn of(spec: &AccountBindingSpec) -> Self {
        match (&spec.namespaces, &spec.namespace_selector) {
            (Some(names), None) => Self::Named(names.iter().cloned().collect()),
            (None, Some(selector)) => {
                Selector::try_from(selector.clone()).map_or(Self::Unclear, Self::Selected)
            }
            _ => Self::Unclear,
        }
    }
}

impl Binding {
    /// What the API server's rules would refuse makes a binding that cannot be used.
    #[must_use]
    pub fn of(object: Arc<AccountBinding>) -> Self {
        let name = object.metadata.name.clone().unwrap_or_default();
        let spec = &object.spec;
        let namespaces = Namespaces::of(spec);
        let bound = match (spec.account(), &namespaces) {
            (_, Namespaces::Unclear) => {
                Err(format!("The AccountBinding {name} does not say clearly which namespaces it is about."))
            }
            (None, _) => Err(format!("The AccountBinding {name} has no ARN of a role in spec.roleArn.")),
            (Some(account), _) => Ok(Bound {
                account: account.to_owned(),
                role_arn: spec.role_arn.clone(),
                external_id: spec.external_id.clone(),
                limits: Arc::new(Limits::of(&name, spec.allow.as_ref())),
                binding: name,
            }),
        };
        Self { object, namespaces, bound }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.object.metadata.name.as_deref().unwrap_or_default()
    }

    /// What the bound objects act with.
    ///
    /// # Errors
    /// Why the binding cannot be used: a sentence.
    pub fn bound(&self) -> Result<&Bound, &str> {
        self.bound.as_ref().map_err(String::as_str)
    }

    #[must_use]
    pub fn has_selector(&self) -> bool {
        matches!(self.namespaces, Namespaces::Selected(_))
    }
}

impl Bindings {
    /// Of an operator that does not read bindings.
    #[must_use]
    pub fn none() -> Self {
        Self { bindings_unknown: None, ..Self::unknown(false) }
    }

    /// Before they are listed: every object is refused.
    #[must_use]
    pub fn unknown(is_required: bool) -> Self {
        let not_listed = |what: &str| Some(Unknown(format!("The operator has not listed the {what} yet.")));
        Self {
            all: BTreeMap::new(),
            by_namespace: HashMap::new(),
            others: BTreeSet::new(),
            labels: HashMap::new(),
            bindings_unknown: not_listed("AccountBindings"),
            labels_unknown: not_listed("namespaces"),
            is_required,
        }
    }

    /// With which identity the objects of a namespace act. `recorded` is the binding under which the store of the object got
    /// on record.
    #[must_use]
    pub fn access(&self, namespace: &str, recorded: Option<&str>) -> Access {
        let refused =
            |why: &str| Access::Refused(AccessRefusal::NotReady { binding: None, why: why.to_owned() });
        if let Some(Unknown(why)) = &self.bindings_unknown {
            return refused(why);
        }
        let found = match self.of_namespace(namespace) {
            Ok(found) => found,
            Err(Unknown(why)) => return refused(&why),
        };
        match found.as_slice() {
            [] if self.is_required || recorded.is_some() => {
                Access::Refused(AccessRefusal::Missing { recorded: recorded.map(ToOwned::to_owned) })
            }
            [] => Access::Operator,
            [one] => match &one.bound {
                Ok(bound) => Access::Bound(bound.clone()),
                Err(why) => {
                    let binding = Some(one.name().to_owned());
                    Access::Refused(AccessRefusal::NotReady { binding, why: why.clone() })
                }
            },
            many => Access::Refused(AccessRefusal::Conflict {
                bindings: many.iter().map(|binding| binding.name().to_owned()).collect(),
            }),
        }
    }

    /// The bindings of a namespace, by name.
    ///
    /// # Errors
    /// A binding selects by labels, and those of the namespace are not known.
    pub fn of_namespace(&self, namespace: &str) -> Result<Vec<&Binding>, Unknown> {
        let mut names: BTreeSet<&String> = self.by_namespace.get(namespace).into_iter().flatten().collect();
        for name in &self.others {
            let Some(binding) = self.all.get(name) else { continue };
            let is_meant = match &binding.namespaces {
                Namespaces::Named(_) => false,
                Namespaces::Unclear => true,
                Namespaces::Selected(selector) => selector.matches(self.labels_of(namespace)?),
            };
            if is_meant {
                names.insert(name);
            }
        }
        Ok(names.into_iter().filter_map(|name| self.all.get(name)).collect())
    }

    /// A namespace that no list has shown yet may have any labels.
    fn labels_of(&self, namespace: &str) -> Result<&Labels, Unknown> {
        if let Some(unknown) = &self.labels_unknown {
            return Err(unknown.clone());
        }
        self.labels.get(namespace).ok_or_else(|| {
            Unknown(format!("The operator does not know the labels of the namespace {namespace} yet."))
        })
    }

    /// The names of the namespaces that a binding is about, as far as they are known.
    #[must_use]
    pub fn namespaces_of(&self, binding: &Binding) -> Vec<String> {
        match &binding.namespaces {
            Namespaces::Named(names) => names.iter().cloned().collect(),
            Namespaces::Selected(selector) => {
                let selected = self.labels.iter().filter(|(_, labels)| selector.matches(labels));
                let mut names: Vec<String> = selected.map(|(name, _)| name.clone()).collect();
                names.sort_unstable();
                names
            }
            Namespaces::Unclear => Vec::new(),
        }
    }

    /// Whether a binding is about a namespace, as far as is known.
    #[must_use]
    pub fn is_about(&self, binding: &Binding, namespace: &str) -> bool {
        match &binding.namespaces {
            Namespaces::Named(names) => names.contains(namespace),
            Namespaces::Selected(selector) => {
                self.labels.get(namespace).is_some_and(|labels| selector.matches(labels))
            }
            Namespaces::Unclear => false,
        }
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Binding> {
        self.all.get(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.all.values()
    }

    /// For which namespaces something else may come of it that this binding is new, was changed, or is gone. Whoever makes a
    /// thousand bindings does not have a thousand namespaces looked at for each of them.
    #[must_use]
    pub fn touched_by(&self, object: &AccountBinding) -> Touched {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        let known = match self.all.get(name).map(|known| &known.namespaces) {
            None => BTreeSet::new(),
            Some(Namespaces::Named(names)) => names.clone(),
            Some(_) => return Touched::All,
        };
        match Namespaces::of(&object.spec) {
            Namespaces::Named(names) => Touched::Only(&known | &names),
            _ => Touched::All,
        }
    }

    /// Whether these are the labels of the namespace, as far as is known.
    #[must_use]
    pub fn has_labels(&self, namespace: &str, labels: &Labels) -> bool {
        self.labels.get(namespace) == Some(labels)
    }

    /// Why it is not known which bindings there are, or which namespaces they are about: a sentence.
    #[must_use]
    pub fn missing(&self) -> Option<&str> {
        let labels = || self.labels_unknown.as_ref().filter(|_| self.have_selector());
        self.bindings_unknown.as_ref().or_else(labels).map(|Unknown(why)| why.as_str())
    }

    /// Why it is not known which namespaces a binding is about.
    #[must_use]
    pub fn unknown_namespaces_of(&self, binding: &Binding) -> Option<&str> {
        self.labels_unknown.as_ref().filter(|_| binding.has_selector()).map(|Unknown(why)| why.as_str())
    }

    /// Whether the labels of namespaces matter.
    #[must_use]
    pub fn have_selector(&self) -> bool {
        self.others.iter().filter_map(|name| self.all.get(name)).any(Binding::has_selector)
    }

    /// The complete list of all bindings.
    pub fn listed(&mut self, bindings: impl Iterator<Item = Arc<AccountBinding>>) {
        (self.all, self.by_namespace, self.others) = Default::default();
        bindings.for_each(|binding| self.put(binding));
        self.bindings_unknown = None;
    }

    /// Which bindings there are is not known from now on.
    pub fn lost(&mut self, why: Unknown) {
        self.bindings_unknown = Some(why);
    }

    /// A binding is new, or was changed.
    pub fn put(&mut self, object: Arc<AccountBinding>) {
        let binding = Binding::of(object);
        let name = binding.name().to_owned();
        self.remove(&name);
        match &binding.namespaces {
            Namespaces::Named(namespaces) => {
                for namespace in namespaces {
                    self.by_namespace.entry(namespace.clone()).or_default().insert(name.clone());
                }
            }
            Namespaces::Selected(_) | Namespaces::Unclear => {
                self.others.insert(name.clone());
            }
        }
        self.all.insert(name, binding);
    }

    /// A binding is gone.
    pub fn remove(&mut self, name: &str) {
        self.others.remove(name);
        let Some(Binding { namespaces: Namespaces::Named(namespaces), .. }) = self.all.remove(name) else {
            return;
        };
        for namespace in namespaces {
            if let Some(names) = self.by_namespace.get_mut(&namespace) {
                names.remove(name);
                if names.is_empty() {
                    self.by_namespace.remove(&namespace);
                }
            }
        }
    }

    /// The complete list of all namespaces.
    pub fn labels_listed(&mut self, namespaces: impl Iterator<Item = (String, Labels)>) {
        self.labels = namespaces.collect();
        self.labels_unknown = None;
    }

    /// The labels of namespaces are not known from now on.
    pub fn labels_lost(&mut self, why: Unknown) {
        self.labels_unknown = Some(why);
        self.labels = HashMap::new();
    }

    pub fn put_labels(&mut self, namespace: String, labels: Labels) {
        self.labels.insert(namespace, labels);
    }

    pub fn remove_labels(&mut self, namespace: &str) {
        self.labels.remove(namespace);
    }
}
