//! The pages for users, and the fenced blocks in them. I/O: reads files of the repository.
#![allow(dead_code, reason = "the end-to-end tests use a part of this module")]

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block of a page.
#[derive(Debug)]
pub struct Block {
    /// File and line, for messages.
    pub place: String,
    pub language: String,
    /// Without the indentation of the fence.
    pub text: String,
    /// The last line before the block that is not empty.
    pub before: String,
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all pages in docs/, and of the pages for users outside of it.
pub fn pages() -> Vec<String> {
    let mut files = below("docs", ".md");
    assert!(files.len() >= 20, "the pages are not found: {files:?}");
    let others = ["README.md", "SECURITY.md", "CHANGELOG.md", "charts/sequencestore-operator/README.md"];
    files.extend(others.map(String::from));
    files
}

/// [`pages`], and the pages for contributors.
pub fn all_pages() -> Vec<String> {
    let mut files = pages();
    files.push("CONTRIBUTING.md".into());
    files.extend(below("tests", "README.md"));
    files
}

/// The files below a folder whose names end like this, in order.
pub fn below(folder: &str, ending: &str) -> Vec<String> {
    let mut files = Vec::new();
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    for entry in entries.map(|entry| entry.expect("readable")) {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().expect("a type").is_dir() {
            files.extend(below(&path, ending));
        } else if path.ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// All fenced blocks of a page.
pub fn blocks(file: &str) -> Vec<Block> {
    let text = read(file);
    let mut found = Vec::new();
    let mut before = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            if !line.trim().is_empty() {
                before = line.trim().to_owned();
            }
            continue;
        };
        let indentation = line.len() - line.trim_start().len();
        let place = format!("{file}:{}", number + 1);
        let mut inside = Vec::new();
        loop {
            let (_, line) = lines.next().unwrap_or_else(|| panic!("{place}: the block does not end"));
            if line.trim() == "```" {
                break;
            }
            inside.push(line.get(indentation..).unwrap_or_default());
        }
        let language = language.trim().to_owned();
        found.push(Block { place, language, text: inside.join("\n"), before: before.clone() });
    }
    found
}

/// The blocks of one language in all pages for users.
pub fn blocks_in(language: &str) -> Vec<Block> {
    let all = pages().into_iter().flat_map(|file| blocks(&file));
    all.filter(|block| block.language == language).collect()
}
