//! Tests that the generated CRD files are up to date with the Rust types. I/O: reads the files.

use sequencestore_operator::crd::{account_binding_crd, crd, crd_yaml};

#[test]
fn the_crd_files_are_up_to_date() {
    for (name, definition) in [("sequencestores", crd()), ("accountbindings", account_binding_crd())] {
        let expected = crd_yaml(&definition).expect("serializes");
        for folder in ["crds", "charts/sequencestore-operator/files/crds"] {
            let file = format!("{folder}/{name}.yaml");
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            let line = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
            assert!(
                expected == found,
                "{file} is out of date (line {line:?}): run `make crds` and commit the result"
            );
        }
    }
}
