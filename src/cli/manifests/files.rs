//! Reads the manifests that the user names: files, directories and standard input. I/O: files and standard input;
//! writes standard error.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::documents::{self, Documents};
use crate::cli::output::eprint;

/// The files of a directory that hold manifests, as for `kubectl apply -f`.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Manifests, each with the name of its file for messages.
#[derive(Debug, Default)]
pub(in crate::cli) struct Manifests {
    /// Of SequenceStores.
    pub(in crate::cli) stores: Vec<(String, Value)>,
    /// Of AccountBindings.
    pub(in crate::cli) bindings: Vec<(String, Value)>,
}

impl Manifests {
    fn add(&mut self, file: &str, found: Documents) {
        let named = |manifests: Vec<Value>| manifests.into_iter().map(|manifest| (file.to_owned(), manifest));
        self.stores.extend(named(found.stores));
        self.bindings.extend(named(found.bindings));
    }
}

/// Reads the AccountBindings of one file, whatever else is in it, with the name of the file for messages. `-` is standard input.
pub(in crate::cli) async fn read_bindings(argument: &str) -> Result<(String, Vec<Value>), String> {
    let name = if argument == "-" { "standard input" } else { argument };
    let found = parse(PathBuf::from(argument), name.to_owned()).await?;
    Ok((name.to_owned(), found.bindings))
}

/// Reads the manifests of `argument`. `-` is standard input.
pub(in crate::cli) async fn read(argument: &str, program: &str) -> Result<Manifests, String> {
    if argument.starts_with("https://") || argument.starts_with("http://") {
        return Err(format!(
            "{argument}: this command does not download manifests: run curl -fsSL {argument} | {program} plan -f -"
        ));
    }
    let path = Path::new(argument);
    let is_directory = argument != "-" && path.is_dir();
    let files = if is_directory { files_of(path)? } else { vec![path.to_owned()] };
    let mut manifests = Manifests::default();
    for file in files {
        let name = if argument == "-" { "standard input".to_owned() } else { file.display().to_string() };
        let found = parse(file, name.clone()).await?;
        if !found.skipped.is_empty() {
            let skipped = found.skipped.join(", ");
            eprint(&format!("{program}: {name}: skipped documents of other kinds: {skipped}"));
        }
        if found.stores.is_empty() && found.bindings.is_empty() && !is_directory {
            return Err(format!("{name} contains no SequenceStore"));
        }
        manifests.add(&name, found);
    }
    if manifests.stores.is_empty() && manifests.bindings.is_empty() {
        return Err(format!("no file in the directory {argument} contains a SequenceStore"));
    }
    Ok(manifests)
}

/// In alphabetical order, without those in subdirectories.
fn files_of(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension.is_some_and(|extension| EXTENSIONS.contains(&extension)) && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(format!("the directory {} contains no .yaml, .yml or .json file", directory.display()));
    }
    files.sort();
    Ok(files)
}

async fn parse(path: PathBuf, name: String) -> Result<Documents, String> {
    // Reading blocks, on standard input for as long as a user types.
    let text = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        if path.as_os_str() == "-" {
            return std::io::stdin().read_to_string(&mut text).map(|_| text);
        }
        std::fs::read_to_string(path)
    });
    let text = text.await.map_err(|e| e.to_string())?.map_err(|e| format!("cannot read {name}: {e}"))?;
    documents::parse(&text).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "{apiVersion: healthomics.dev/v1alpha1, kind: SequenceStore, metadata: {name: a}}";

    async fn read_directory(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        let found = read(&directory.path().display().to_string(), "kubectl seqstore").await?;
        let names = found.stores.iter().filter_map(|(file, _)| Path::new(file).file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    #[tokio::test]
    async fn a_directory_stands_for_its_manifests_in_order() {
        let other = "{apiVersion: v1, kind: Namespace, metadata: {name: lab}}";
        let files = [
            ("b.yml", MANIFEST),
            ("a.yaml", MANIFEST),
            ("c.json", other),
            ("notes.txt", "no YAML: ["),
            (".d.yaml", ""),
        ];
        assert_eq!(read_directory(&files).await.expect("manifests"), ["a.yaml", "b.yml"]);
    }

    #[tokio::test]
    async fn a_directory_without_manifests_and_a_url_say_what_to_do() {
        let error = read_directory(&[("notes.txt", "")]).await.expect_err("no manifest");
        assert!(error.contains(".yaml"), "{error}");
        let error = read_directory(&[("a.yaml", "")]).await.expect_err("no SequenceStore");
        assert!(error.contains("SequenceStore"), "{error}");
        let error = read("https://example.com/a.yaml", "kubectl seqstore").await.expect_err("a URL");
        assert!(error.contains("kubectl seqstore plan -f -"), "{error}");
    }
}
