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
    let found = fs::read_to_string(path(name)).unwrap_or_default();
    if generated == found {
        return;
    }
    assert!(
        std::env::var_os("SEQSTORE_WRITE_DOCS").is_some(),
        "{name} is out of date: run `make docs` and commit the result"
    );
    fs::write(path(name), generated).unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The same for what is between two marks of the page.
fn write_or_compare_between(name: &str, (begin, end): (&str, &str), generated: &str) {
    let page = fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (before, rest) = page.split_once(begin).unwrap_or_else(|| panic!("{name} has no mark {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{name} has no mark {end}"));
    write_or_compare(name, &format!("{before}{begin}{generated}{end}{after}"));
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<&str>>().join(" ").replace('|', "\\|").replace('<', "&lt;")
}
