//! The rooms of `src` depend on each other in one direction only.

use std::fs;
use std::path::{Path, PathBuf};

/// Every room, each allowed to use those before it. `samples` serves the unit tests of all rooms, `fuzzing` has the harnesses
/// of `tests/fuzz`.
const ROOMS: [&str; 14] = [
    "crd",
    "network",
    "metrics",
    "traces",
    "aws",
    "tenancy",
    "store",
    "plan",
    "status",
    "kubernetes",
    "observe",
    "apply",
    "controller",
    "cli",
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("a readable entry").path());
    paths
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// A file of unit tests. Where the repository lies says nothing about that.
fn is_test(file: &Path) -> bool {
    let within = file.strip_prefix(src()).expect("a file of src/");
    within.iter().any(|part| part == "tests" || part == "tests.rs")
}

/// The code of a file without its unit tests, which may use samples of every room.
fn code(file: &Path) -> String {
    let text = if is_test(file) { String::new() } else { fs::read_to_string(file).expect("text") };
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned()
}

#[test]
fn every_folder_of_src_is_a_room() {
    let entries = fs::read_dir(src()).expect("src/ is there").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<String> = entries
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .filter(|name| !["fuzzing", "samples"].contains(&name.as_str()))
        .collect();
    let mut rooms = ROOMS.map(ToOwned::to_owned);
    folders.sort();
    rooms.sort();
    assert_eq!(folders, rooms);
}

#[test]
fn no_room_uses_a_room_after_it() {
    let mut uses = 0;
    for (position, room) in ROOMS.iter().enumerate() {
        for file in rust_files(&src().join(room)) {
            let code = code(&file);
            for later in &ROOMS[position + 1..] {
                let used =
                    code.contains(&format!("crate::{later}::")) || code.contains(&format!("crate::{later};"));
                assert!(!used, "{} of room {room} uses room {later}", file.display());
            }
            uses += ROOMS[..position].iter().filter(|room| code.contains(&format!("crate::{room}"))).count();
        }
    }
    assert!(uses > 100, "the uses of rooms are not found: {uses}");
}

#[test]
fn the_first_line_of_every_module_says_what_it_is_for_and_whether_it_does_io() {
    for file in ROOMS.iter().flat_map(|room| rust_files(&src().join(room))) {
        let text = fs::read_to_string(&file).expect("text");
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        assert!(!head.is_empty(), "{} begins without `//!`", file.display());
        assert!(
            is_test(&file) || head.join(" ").contains("I/O"),
            "{} does not say whether it does I/O",
            file.display()
        );
    }
}
