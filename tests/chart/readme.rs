//! What is made from `values.yaml`: the table in the chart's README, and the copy that the templates read. With
//! `SEQSTORE_WRITE_DOCS=1` the tests write them. Reads and writes files.

use std::fs;

use serde_json::{Map, Value};

use crate::helm::{CHART, both, run};

const BEGIN: &str = "<!-- Values, made from values.yaml by `make chart`. -->\n";
const END: &str = "<!-- End of values. -->\n";

/// One value shows these as a whole.
pub const WHOLE: [&str; 5] = ["labels", "podSecurityContext", "securityContext", "resources", "nodeSelector"];

fn read(file: &str) -> String {
    fs::read_to_string(format!("{CHART}/{file}")).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A value with its default and the comment above it.
struct Row {
    path: String,
    default: Value,
    meaning: String,
}

fn rows(text: &str) -> Vec<Row> {
    let values: Map<String, Value> = serde_saphyr::from_str(text).expect("YAML");
    let (mut rows, mut stack, mut comment) = (Vec::new(), Vec::<(usize, String)>::new(), String::new());
    // Lines that are deeper belong to a value that is shown as a whole.
    let mut whole: Option<usize> = None;
    for line in text.lines() {
        let content = line.trim_start();
        let indent = line.len() - content.len();
        if whole.is_some_and(|at| indent > at) {
            continue;
        }
        whole = None;
        if let Some(more) = content.strip_prefix("# ") {
            comment = format!("{comment} {more}").trim().to_owned();
            continue;
        }
        let Some((key, _)) = content.split_once(':') else {
            comment.clear();
            continue;
        };
        stack.retain(|(outer, _)| *outer < indent);
        stack.push((indent, key.to_owned()));
        let path: Vec<&str> = stack.iter().map(|(_, key)| key.as_str()).collect();
        let value = path.iter().fold(&Value::Object(values.clone()), |value, key| &value[*key]).clone();
        let is_block = value.as_object().is_some_and(|map| !map.is_empty()) && !WHOLE.contains(&key);
        let meaning = std::mem::take(&mut comment);
        if !is_block {
            whole = Some(indent);
            rows.push(Row { path: path.join("."), default: value, meaning });
        }
    }
    rows
}

/// The paths of all values, `image.tag` for example.
pub fn value_paths() -> Vec<String> {
    rows(&read("values.yaml")).into_iter().map(|row| row.path).collect()
}

fn table(rows: &[Row]) -> String {
    let mut text = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    for Row { path, default, meaning } in rows {
        let default = match default {
            Value::Null => "–".to_owned(),
            Value::String(text) if text.is_empty() => "–".to_owned(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        text += &format!("| `{path}` | {default} | {} |\n", meaning.replace('|', "\\|"));
    }
    text
}

fn is_up_to_date(file: &str, expected: &str) {
    if std::env::var_os("SEQSTORE_WRITE_DOCS").is_some() {
        fs::write(format!("{CHART}/{file}"), expected).expect("writable");
    }
    assert!(read(file) == expected, "{file} is out of date: run `make chart` and commit the result");
}

#[test]
fn the_readme_has_every_value_as_values_yaml_explains_it() {
    let rows = rows(&read("values.yaml"));
    assert!(rows.len() > 80, "only {} values are found", rows.len());
    for row in &rows {
        assert!(row.meaning.len() > 10, "no comment explains {}", row.path);
        assert!(
            row.meaning.ends_with(['.', ')', ']', '}', '"']),
            "{} ends in the middle: {}",
            row.path,
            row.meaning
        );
    }
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("where the values begin");
    let (_, after) = rest.split_once(END).expect("where the values end");
    is_up_to_date("README.md", &format!("{before}{BEGIN}\n{}\n{END}{after}", table(&rows)));
}

#[test]
fn the_templates_read_the_defaults_of_values_yaml() {
    is_up_to_date("files/defaults.yaml", &read("values.yaml"));
}

/// Whoever has the package has no files of the project beside it.
#[test]
fn the_readme_in_the_package_has_no_link_that_leads_out_of_it() {
    let readme = read("README.md");
    let links: Vec<&str> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    for link in links {
        assert!(link.starts_with('#') || link.starts_with("https://"), "{link}");
    }
}

#[test]
fn the_package_has_what_users_need_and_no_tests() {
    for helm in both() {
        let directory = tempfile::tempdir().expect("a directory");
        let packed = run(helm, &["package", CHART, "--destination", &directory.path().display().to_string()]);
        assert!(packed.success, "{}", packed.stderr);
        let file =
            directory.path().join(concat!("sequencestore-operator-", env!("CARGO_PKG_VERSION"), ".tgz"));
        let listed = std::process::Command::new("tar").arg("tzf").arg(&file).output().expect("tar runs");
        let files = String::from_utf8_lossy(&listed.stdout).into_owned();
        for wanted in [
            "README.md",
            "files/defaults.yaml",
            "files/crds/sequencestores.yaml",
            "files/crds/accountbindings.yaml",
            "values.schema.json",
        ] {
            assert!(files.contains(wanted), "{wanted} is missing:\n{files}");
        }
        assert!(!files.contains("/ci/") && !files.contains("/tests/"), "{files}");
        let rendered = run(helm, &["template", "a", &file.display().to_string()]);
        assert!(rendered.success && rendered.stdout.contains("kind: Deployment"), "{}", rendered.stderr);
    }
}
