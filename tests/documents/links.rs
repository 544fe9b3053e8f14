//! Links lead to files and headings that exist, and no page is half merged. I/O: reads files of the repository.

use std::collections::BTreeMap;
use std::fs;

use crate::pages::{all_pages, root};

#[test]
fn every_link_leads_to_an_existing_file_and_heading() {
    let mut found = 0;
    for file in all_pages() {
        let here = root().join(&file);
        for link in links(&crate::pages::read(&file)) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            found += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() { here.clone() } else { here.with_file_name(path) };
            assert!(target.exists(), "{file} links to {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).expect("text");
                assert!(
                    anchors(&text).contains(&anchor.to_owned()),
                    "{file} links to {link}, which has no such heading"
                );
            }
        }
    }
    assert!(found >= 100, "only {found} links are found");
}

#[test]
fn no_page_has_marks_of_a_merge() {
    for file in all_pages() {
        let text = crate::pages::read(&file);
        let mark =
            text.lines().find(|line| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.starts_with(mark)));
        assert_eq!(mark, None, "{file}");
    }
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let mut reached = vec!["README.md".to_owned()];
    let mut next = 0;
    while next < reached.len() {
        let file = reached[next].clone();
        next += 1;
        for link in links(&crate::pages::read(&file)) {
            let path = link.split('#').next().unwrap_or_default();
            let target = root().join(&file).with_file_name(path);
            let Ok(target) = target.canonicalize() else { continue };
            let inside = target.strip_prefix(root().canonicalize().expect("a root")).ok();
            let Some(inside) = inside.map(|path| path.to_string_lossy().into_owned()) else { continue };
            if inside.ends_with(".md") && !reached.contains(&inside) {
                reached.push(inside);
            }
        }
    }
    let lost: Vec<_> = all_pages().into_iter().filter(|page| !reached.contains(page)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}

/// The targets of all links and images outside of fenced blocks.
fn links(page: &str) -> Vec<String> {
    let mut is_fenced = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets.map(|target| target.split(' ').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// The anchors that Git hosts make of the headings of a page.
fn anchors(page: &str) -> Vec<String> {
    let mut is_fenced = false;
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced && line.starts_with('#') {
            let anchor = slug(line);
            let times = seen.entry(anchor.clone()).or_default();
            found.push(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
            *times += 1;
        }
    }
    found
}

fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}
