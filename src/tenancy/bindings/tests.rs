//! Which bindings a namespace has, by examples and by a search through all of them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/lab";

fn binding(name: &str, mut spec: Value) -> Arc<AccountBinding> {
    if spec["roleArn"].is_null() {
        spec["roleArn"] = json!(ROLE);
    }
    let object = json!({"apiVersion": "healthomics.dev/v1alpha1", "kind": "AccountBinding",
        "metadata": {"name": name}, "spec": spec});
    Arc::new(serde_json::from_value(object).expect("a binding"))
}

fn of(bindings: &[Arc<AccountBinding>]) -> Bindings {
    let mut all = Bindings::unknown(false);
    all.listed(bindings.iter().cloned());
    all
}

fn labels(team: &str) -> Labels {
    [("team".to_owned(), team.to_owned())].into()
}

fn not_ready(access: &Access) -> bool {
    matches!(access, Access::Refused(AccessRefusal::NotReady { .. }))
}

#[test]
fn nothing_is_done_before_the_bindings_are_listed_or_once_they_are_lost() {
    let mut all = Bindings::unknown(false);
    assert!(not_ready(&all.access("a", None)));
    all.listed([binding("lab", json!({"namespaces": ["a"]}))].into_iter());
    assert_eq!((all.access("a", None).binding(), all.access("b", None)), (Some("lab"), Access::Operator));
    all.lost(Unknown("The API server refuses it.".into()));
    assert!(not_ready(&all.access("a", None)) && not_ready(&all.access("b", None)));
    assert_eq!(Bindings::none().access("a", None), Access::Operator);
}

#[test]
fn more_than_one_binding_is_a_conflict_even_if_they_are_equal() {
    let spec = json!({"namespaces": ["a", "b"]});
    let all = of(&[binding("one", spec), binding("two", json!({"namespaces": ["a"]}))]);
    let conflict = AccessRefusal::Conflict { bindings: vec!["one".into(), "two".into()] };
    assert_eq!(all.access("a", None), Access::Refused(conflict));
    assert_eq!(all.access("b", None).binding(), Some("one"));
}

#[test]
fn a_store_that_got_on_record_under_a_binding_needs_one() {
    let mut all = of(&[binding("lab", json!({"namespaces": ["a"]}))]);
    all.remove("lab");
    let missing = |recorded: Option<&str>| {
        Access::Refused(AccessRefusal::Missing { recorded: recorded.map(ToOwned::to_owned) })
    };
    assert_eq!(all.access("a", Some("lab")), missing(Some("lab")));
    assert_eq!(all.access("a", None), Access::Operator);
    assert_eq!(Bindings::none().access("a", Some("lab")), missing(Some("lab")));
    let mut required = Bindings::unknown(true);
    required.listed([].into_iter());
    assert_eq!(required.access("a", None), missing(None));
}

#[test]
fn a_selector_binds_by_labels_and_unknown_labels_refuse() {
    let selector = json!({"namespaceSelector": {"matchLabels": {"team": "x"}}});
    let mut all = of(&[binding("lab", selector)]);
    assert!(all.have_selector() && not_ready(&all.access("a", None)));
    all.labels_listed([("a".into(), labels("x")), ("b".into(), labels("y"))].into_iter());
    assert_eq!((all.access("a", None).binding(), all.access("b", None)), (Some("lab"), Access::Operator));
    assert!(not_ready(&all.access("new", None)), "its labels are not known yet");
    all.put_labels("a".into(), labels("y"));
    all.put_labels("b".into(), labels("x"));
    assert_eq!((all.access("a", None), all.access("b", None).binding()), (Access::Operator, Some("lab")));
    let lab = all.get("lab").expect("a binding");
    assert_eq!(all.namespaces_of(lab), ["b"]);
    all.labels_lost(Unknown("Refused.".into()));
    assert!(not_ready(&all.access("b", None)));
}

#[test]
fn a_binding_that_cannot_be_read_refuses_whomever_it_may_be_about() {
    let unclear = json!({"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Like"}]}});
    let all = of(&[binding("lab", unclear)]);
    assert!(not_ready(&all.access("a", None)));
    let both = json!({"namespaces": ["a"], "namespaceSelector": {}});
    assert!(not_ready(&of(&[binding("lab", both)]).access("b", None)));
    let no_role = json!({"namespaces": ["a"], "roleArn": "lab"});
    let all = of(&[binding("lab", no_role)]);
    assert!(not_ready(&all.access("a", None)) && all.access("b", None) == Access::Operator);
}

#[test]
fn only_selectors_touch_namespaces_that_no_binding_names() {
    let touched = |names: &[&str]| Touched::Only(names.iter().map(ToString::to_string).collect());
    let all = of(&[binding("lab", json!({"namespaces": ["a", "b"]}))]);
    assert_eq!(all.touched_by(&binding("lab", json!({"namespaces": ["b", "c"]}))), touched(&["a", "b", "c"]));
    assert_eq!(all.touched_by(&binding("new", json!({"namespaces": ["c"]}))), touched(&["c"]));
    let selector = binding("lab", json!({"namespaceSelector": {"matchLabels": {"team": "x"}}}));
    assert_eq!(all.touched_by(&selector), Touched::All, "it selects from now on");
    let named = binding("lab", json!({"namespaces": ["a"]}));
    assert_eq!(of(&[selector]).touched_by(&named), Touched::All, "it selected before");
    assert!(touched(&["a"]).may_be("a") && !touched(&["a"]).may_be("b") && Touched::All.may_be("b"));
}

#[test]
fn labels_are_compared_where_they_are_known() {
    let mut all = of(&[]);
    assert!(!all.has_labels("a", &Labels::new()));
    all.labels_listed([("a".into(), labels("x"))].into_iter());
    assert!(all.has_labels("a", &labels("x")) && !all.has_labels("a", &labels("y")));
}

proptest! {
    /// However bindings come, change and go, a lookup finds what a search through all of them finds.
    #[test]
    fn the_index_agrees_with_a_search(
        steps in proptest::collection::vec((0..4_usize, proptest::option::of(proptest::collection::btree_set(0..5_usize, 1..4))), 0..20),
    ) {
        let mut all = of(&[]);
        let mut expected: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (name, namespaces) in steps {
            let name = format!("binding-{name}");
            match namespaces {
                Some(namespaces) => {
                    let names: Vec<String> = namespaces.iter().map(|number| format!("ns-{number}")).collect();
                    all.put(binding(&name, json!({"namespaces": names})));
                    expected.insert(name, namespaces);
                }
                None => {
                    all.remove(&name);
                    expected.remove(&name);
                }
            }
        }
        for number in 0..5 {
            let found = all.of_namespace(&format!("ns-{number}")).expect("known");
            let found: Vec<&str> = found.into_iter().map(Binding::name).collect();
            let by_search = expected.iter().filter(|(_, namespaces)| namespaces.contains(&number));
            let by_search: Vec<&str> = by_search.map(|(name, _)| name.as_str()).collect();
            prop_assert_eq!(found, by_search);
        }
    }

    /// Whatever binding comes, changes or goes, nothing else comes of it for a namespace that is not touched.
    #[test]
    fn a_namespace_that_is_not_touched_keeps_its_access(
        are_labels_known in any::<bool>(),
        steps in proptest::collection::vec((0..4_usize, proptest::option::of(any_spec())), 0..20),
    ) {
        let mut all = of(&[]);
        if are_labels_known {
            let teams = ["x", "x", "y", "y", "z"].into_iter().enumerate();
            all.labels_listed(teams.map(|(number, team)| (format!("ns-{number}"), labels(team))));
        }
        for (name, spec) in steps {
            let name = format!("binding-{name}");
            let known = all.get(&name).map(|known| Arc::clone(&known.object));
            let changed = spec.map(|spec| binding(&name, spec));
            let Some(told) = changed.clone().or(known) else { continue };
            let touched = all.touched_by(&told);
            let access = |all: &Bindings| -> Vec<Access> {
                let names = (0..5).map(|number| format!("ns-{number}")).filter(|name| !touched.may_be(name));
                names.map(|name| all.access(&name, None)).collect()
            };
            let before = access(&all);
            match changed {
                Some(changed) => all.put(changed),
                None => all.remove(&name),
            }
            prop_assert_eq!(before, access(&all), "{} {:?}", name, touched);
        }
    }
}

/// Names namespaces, or selects by a label.
fn any_spec() -> impl Strategy<Value = Value> {
    let named = proptest::collection::btree_set(0..5_usize, 1..4).prop_map(|numbers| {
        let names: Vec<String> = numbers.into_iter().map(|number| format!("ns-{number}")).collect();
        json!({"namespaces": names})
    });
    let selected = proptest::sample::select(vec!["x", "y"])
        .prop_map(|team| json!({"namespaceSelector": {"matchLabels": labels(team)}}));
    prop_oneof![3 => named, 1 => selected]
}
