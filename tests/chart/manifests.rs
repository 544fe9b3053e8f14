//! `install.yaml`, `crds.yaml` and the kustomization of `make manifests`. Runs Helm and kubectl.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::helm::{CHART, all, both, container, documents, name, the};

fn manifests(helm: &Path, directory: &Path, values: &[&str]) -> [Vec<Value>; 2] {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/manifests.sh");
    let output = Command::new(script)
        .args([Path::new(CHART), directory])
        .args(values)
        .env("HELM", helm)
        .output()
        .expect("the script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ["install.yaml", "crds.yaml"].map(|file| {
        let text = std::fs::read_to_string(directory.join(file)).expect("written");
        assert!(!text.contains("Helm") && !text.contains("helm.sh"), "{text}");
        documents(&text)
    })
}

#[test]
fn install_yaml_holds_everything_and_crds_yaml_the_crd_alone() {
    for helm in both() {
        let directory = tempfile::tempdir().expect("a directory");
        let [install, crds] = manifests(helm, directory.path(), &["--set", "aws.region=us-east-1"]);
        assert_eq!(crds.len(), 1);
        assert_eq!(all("CustomResourceDefinition", &install).count(), 1);
        let crd = |objects: &[Value]| the("CustomResourceDefinition", objects)["spec"].clone();
        assert_eq!(crd(&crds), crd(&install));
        assert_eq!(name(the("Namespace", &install)), "sequencestore-system");
        assert!(container(&install)["args"].to_string().contains("--region=us-east-1"));
        for kind in ["Deployment", "ServiceAccount", "PodDisruptionBudget", "Service"] {
            assert_eq!(the(kind, &install)["metadata"]["namespace"], "sequencestore-system");
        }
        assert_eq!(all("ValidatingAdmissionPolicy", &install).count(), 2);
    }
}

#[test]
fn install_yaml_holds_the_crd_of_account_bindings_where_the_operator_reads_them() {
    let directory = tempfile::tempdir().expect("a directory");
    let [install, crds] = manifests(&both()[1], directory.path(), &["--set", "accountBindings.enabled=true"]);
    let names: Vec<&str> = all("CustomResourceDefinition", &install).map(name).collect();
    assert_eq!(names, ["accountbindings.healthomics.dev", "sequencestores.healthomics.dev"]);
    assert_eq!(crds.len(), 1);
    assert!(container(&install)["args"].to_string().contains("--account-bindings=true"));
}

/// The objects of the overlay that `docs/install.md` shows, over a base made with the values that the page shows.
#[test]
fn the_overlay_of_the_install_page_sets_image_and_role() {
    let page = page("install.md");
    let between = |start: &str, end: &str| {
        let (before, _) = page.split_once(end).unwrap_or_else(|| panic!("{end} is not on the page"));
        before.rsplit_once(start).unwrap_or_else(|| panic!("{start} is not on the page")).1.to_owned()
    };
    let values = between("make manifests VALUES=\"", "\"\nkubectl apply").replace("\\\n", "");
    let overlay = between("```yaml\n", "```\n\n```sh\nkubectl apply --server-side -k");
    let directory = tempfile::tempdir().expect("a directory");
    let values: Vec<&str> = values.split_whitespace().collect();
    manifests(&both()[1], &directory.path().join("dist"), &values);
    let objects = kustomized(directory.path(), &overlay);
    assert_eq!(container(&objects)["image"], "registry.example.org/sequencestore-operator:0.1.0");
    let account = the("ServiceAccount", &objects);
    let role = &account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
    assert_eq!(role, "arn:aws:iam::111122223333:role/sequencestore-operator");
}

/// Each command there has a label, and all objects of one namespace go with it.
#[test]
fn the_commands_of_the_upgrade_page_remove_all_of_install_yaml_but_the_crd() {
    let page = page("upgrade.md").replace("\\\n", "");
    let commands: Vec<&str> = page.lines().filter(|line| line.trim().starts_with("kubectl delete")).collect();
    let label = "-l app.kubernetes.io/instance=sequencestore-operator";
    let directory = tempfile::tempdir().expect("a directory");
    let values = ["--set", "watchNamespaces={lab}", "--set", "clusterName=production"];
    for values in [&values[..0], &values] {
        let [install, _] = manifests(&both()[1], directory.path(), values);
        for object in &install {
            let kind = object["kind"].as_str().expect("a kind");
            let is_gone = match (kind, object["metadata"]["namespace"].as_str()) {
                ("CustomResourceDefinition", _) => continue,
                (_, Some("sequencestore-system")) => true,
                ("Namespace", _) => commands.contains(&"kubectl delete namespace sequencestore-system"),
                (kind, namespace) => commands.iter().any(|command| {
                    let kinds = command.split_whitespace().nth(2).unwrap_or_default();
                    let plural = format!("{}s", kind.to_lowercase()).replace("policys", "policies");
                    kinds.split(',').any(|known| known == plural)
                        && command.ends_with(label)
                        && command.contains("--all-namespaces") == namespace.is_some()
                }),
            };
            assert!(is_gone, "no command removes {kind} {}", name(object));
            let labels = &object["metadata"]["labels"]["app.kubernetes.io/instance"];
            assert!(kind == "Namespace" || labels == "sequencestore-operator", "{kind}: {labels}");
        }
    }
}

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    std::fs::read_to_string(path).expect("the page")
}

/// What kubectl makes of a kustomization in a folder beside its base.
fn kustomized(directory: &Path, kustomization: &str) -> Vec<Value> {
    let kubectl = control_plane::binaries().expect("kubectl").kubectl;
    let overlay = directory.join("overlay");
    std::fs::create_dir(&overlay).expect("a directory");
    std::fs::write(overlay.join("kustomization.yaml"), kustomization).expect("written");
    let output = Command::new(kubectl).arg("kustomize").arg(&overlay).output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    documents(&String::from_utf8_lossy(&output.stdout))
}

#[test]
fn kustomize_sets_image_and_replicas() {
    let directory = tempfile::tempdir().expect("a directory");
    manifests(&both()[1], &directory.path().join("base"), &[]);
    let kustomization = json!({
        "resources": ["../base"],
        "images": [{"name": "sequencestore-operator", "newName": "registry.example.org/x", "newTag": "9"}],
        "replicas": [{"name": "sequencestore-operator", "count": 3}],
    });
    let objects = kustomized(directory.path(), &kustomization.to_string());
    assert_eq!(container(&objects)["image"], "registry.example.org/x:9");
    assert_eq!(the("Deployment", &objects)["spec"]["replicas"], 3);
}
