//! Runs Helm 3 and Helm 4, and takes their output apart. Runs processes, writes temporary files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/sequencestore-operator");

/// Release and namespace of a rendering, unless a test sets others.
pub const RELEASE: [&str; 2] = ["a", "b"];

pub struct Output {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

/// The programs of both versions, which the first call fetches where they are missing.
pub fn both() -> &'static [PathBuf; 2] {
    static HELMS: OnceLock<[PathBuf; 2]> = OnceLock::new();
    HELMS
        .get_or_init(|| [printed(&["tests/chart/helm3.sh"]), control_plane::binaries().expect("Helm 4").helm])
}

/// The path that a script of the project prints.
fn printed(command: &[&str]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join(command[0]))
        .args(&command[1..])
        .current_dir(root)
        .output()
        .expect("the script runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a path").trim().into()
}

/// A Python with the packages of a file beside this one. Not for two threads at once.
pub fn python(packages: &str) -> PathBuf {
    let file = format!("tests/chart/{packages}.txt");
    printed(&["tests/venv.sh", &format!("chart-{packages}"), &file]).join("bin/python")
}

/// The `go` command in a module beside this file.
pub fn go(module: &str) -> Command {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart").join(module);
    control_plane::go(&module).expect("Go is installed")
}

pub fn run(helm: &Path, arguments: &[&str]) -> Output {
    let home = std::env::temp_dir().join("sequencestore-operator-no-helm-settings");
    let output = Command::new(helm)
        .args(arguments)
        .env_remove("KUBECONFIG")
        // The user's settings must not affect a rendering.
        .env("HELM_CONFIG_HOME", &home)
        .env("HELM_CACHE_HOME", &home)
        .env("HELM_DATA_HOME", &home)
        .output()
        .expect("helm runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// `helm template` of a chart with these settings (`--set`), and these files of values, whose paths begin with a slash.
pub fn try_template(helm: &Path, chart: &str, settings: &[&str]) -> Output {
    let mut arguments = vec!["template", RELEASE[0], chart, "--namespace", RELEASE[1]];
    for setting in settings {
        arguments.push(if setting.starts_with('/') { "-f" } else { "--set" });
        arguments.push(setting);
    }
    run(helm, &arguments)
}

/// The objects that Helm renders of this chart.
pub fn template(helm: &Path, settings: &[&str]) -> Vec<Value> {
    template_of(helm, CHART, settings)
}

/// The objects that Helm renders of a chart.
pub fn template_of(helm: &Path, chart: &str, settings: &[&str]) -> Vec<Value> {
    let output = try_template(helm, chart, settings);
    assert!(output.success, "{}: {settings:?}: {}", helm.display(), output.stderr);
    documents(&output.stdout)
}

/// What the operator says to these arguments where there is no cluster: it ends, but only after it has understood them.
pub fn operator_says(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sequencestore-operator"))
        .args(arguments)
        .env_clear()
        .env("KUBECONFIG", "/nowhere/kubeconfig")
        .env("POD_NAMESPACE", RELEASE[1])
        .output()
        .expect("the operator runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn documents(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|e| panic!("{e}:\n{text}"));
    all.into_iter().filter(|document| !document.is_null()).collect()
}

/// The only object of this kind.
pub fn the<'a>(kind: &str, objects: &'a [Value]) -> &'a Value {
    let found: Vec<&Value> = all(kind, objects).collect();
    assert_eq!(found.len(), 1, "{} objects of the kind {kind}", found.len());
    found[0]
}

pub fn all<'a>(kind: &str, objects: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

/// The container of the operator.
pub fn container(objects: &[Value]) -> &Value {
    &the("Deployment", objects)["spec"]["template"]["spec"]["containers"][0]
}

pub fn arguments(objects: &[Value]) -> Vec<&str> {
    container(objects)["args"].as_array().expect("arguments").iter().filter_map(Value::as_str).collect()
}

/// Helm refuses the values, with a message that has this in it.
pub fn ensure_refused(settings: &[&str], says: &str) {
    for helm in both() {
        let output = try_template(helm, CHART, settings);
        assert!(!output.success, "{} accepts {settings:?}", helm.display());
        assert!(output.stderr.contains(says), "{says} is not in: {}", output.stderr);
    }
}

/// A file with values.
pub fn values_file(directory: &Path, name: &str, values: &Value) -> String {
    let path = directory.join(name);
    fs::write(&path, values.to_string()).expect("writable");
    path.display().to_string()
}

/// A chart that has this one as its dependency under each of these aliases. An empty alias is none.
pub fn umbrella(directory: &Path, aliases: &[&str], values: &Value) -> String {
    let (name, version) = ("sequencestore-operator", env!("CARGO_PKG_VERSION"));
    let mut chart = "apiVersion: v2\nname: umbrella\nversion: 1.0.0\ndependencies:\n".to_owned();
    for alias in aliases {
        let given = if alias.is_empty() { name } else { alias };
        chart += &format!("  - {{name: {name}, version: {version}, condition: {given}.enabled");
        chart += &if alias.is_empty() { "}\n".to_owned() } else { format!(", alias: {alias}}}\n") };
    }
    fs::write(directory.join("Chart.yaml"), chart).expect("writable");
    values_file(directory, "values.yaml", values);
    copy(Path::new(CHART), &directory.join("charts").join(name));
    directory.display().to_string()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).expect("writable")
        }
    }
}
