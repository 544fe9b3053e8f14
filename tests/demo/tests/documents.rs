//! README and docs name what the code has, and link to what is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn without<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Vec<&'a str> {
    names.filter(|name| !text.contains(&format!("`{name}`"))).collect()
}

#[test]
fn the_readme_explains_every_reason() {
    let (code, readme) = (read("src/status/reason.rs"), read("README.md"));
    let reasons: Vec<&str> =
        code.lines().filter_map(|line| line.split("=> \"").nth(1)?.split('"').next()).collect();
    assert!(reasons.len() > 20, "the reasons are not found in the code: {reasons:?}");
    let missing = without(reasons.into_iter(), &readme);
    assert!(missing.is_empty(), "not in README.md: {missing:?}");
}

#[test]
fn every_block_of_a_deletion_is_explained() {
    let (code, document) = (read("src/crd/status.rs"), read("docs/deletion.md"));
    let start = code.find("enum DeletionBlockReason").expect("the enum");
    let variants = code[start..].lines().skip(1).take_while(|line| *line != "}").map(str::trim);
    let names: Vec<&str> =
        variants.filter(|line| !line.starts_with("//")).map(|line| line.trim_end_matches(',')).collect();
    assert!(names.len() >= 5, "the reasons are not found in the code: {names:?}");
    let missing = without(names.into_iter(), &document);
    assert!(missing.is_empty(), "not in docs/deletion.md: {missing:?}");
}

#[test]
fn links_lead_somewhere() {
    for file in ["README.md", "docs/deletion.md", "docs/troubleshooting.md"] {
        let text = read(file);
        let here = root().join(file);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { here.clone() } else { here.with_file_name(path) };
            assert!(target.exists(), "{file} links to {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).expect("text");
                let found =
                    text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(found, "{file} links to {link}, which has no such heading");
            }
        }
    }
}

/// A heading as the anchor that Git hosts make of it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
