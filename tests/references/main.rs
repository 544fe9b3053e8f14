//! The pages in `docs` that are made from code and measurements, and the table of reasons in `README.md`, are up to date. With
//! `SEQSTORE_WRITE_DOCS` set, the tests write them. I/O: reads and writes files of the repository.

mod conditions;
mod fields;
mod figures;
mod flags;

use std::fs;
use std::path::PathBuf;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn write_or_compare(name: &str, generated: &str) {
    if std::env::var_os("SEQSTORE_WRITE_DOCS").is_some() {
        fs::write(path(name), generated).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let found = fs::read_to_string(path(name)).unwrap_or_default();
    assert!(generated == found, "{name} is out of date: run `make docs` and commit the result");
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}
