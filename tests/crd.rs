//! Tests that the generated CRD files are up to date with the Rust types. I/O: reads the files.

use sequencestore_operator::crd::crd_yaml;

#[test]
fn the_crd_files_are_up_to_date() {
    let expected = crd_yaml().expect("serializes");
    for file in ["crds/sequencestores.yaml", "charts/sequencestore-operator/files/crds/sequencestores.yaml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let line = expected.lines().zip(found.lines()).position(|(expected, found)| expected != found);
        assert!(
            expected == found,
            "{file} is out of date (line {line:?}): run `make crds` and commit the result"
        );
    }
}
