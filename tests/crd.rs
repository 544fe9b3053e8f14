//! The definition in the code and the files made from it are the same.

use sequencestore_operator::crd::crd_yaml;

#[test]
fn the_files_are_what_the_types_say() {
    let made = crd_yaml().expect("plain data");
    for file in ["crds/sequencestores.yaml", "charts/sequencestore-operator/files/crds/sequencestores.yaml"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let line = made.lines().zip(found.lines()).position(|(made, found)| made != found);
        assert!(
            made == found,
            "{file} is out of date (line {line:?}): run `make crds` and commit the result"
        );
    }
}
