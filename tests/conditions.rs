//! The reference of conditions in the code and the file made from it are the same.

use sequencestore_operator::status::conditions_reference;

#[test]
fn the_file_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/conditions.md");
    let made = conditions_reference();
    if std::env::var_os("SEQSTORE_WRITE_DOCS").is_some() {
        std::fs::write(path, &made).expect("docs/ can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(made == found, "docs/conditions.md is out of date: run `make docs` and commit the result");
}
