//! `install.yaml`, `crds.yaml` and the kustomization of `make manifests`. Runs Helm and kubectl.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::helm::{CHART, all, both, container, documents, name, the};

fn manifests(helm: &Path, directory: &Path) -> [Vec<Value>; 2] {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/manifests.sh");
    let output = Command::new(script)
        .args([Path::new(CHART), directory])
        .args(["--set", "aws.region=us-east-1"])
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
        let [install, crds] = manifests(helm, directory.path());
        assert_eq!(crds.len(), 1);
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
fn kustomize_sets_image_and_replicas() {
    let kubectl = control_plane::binaries().expect("kubectl").kubectl;
    let directory = tempfile::tempdir().expect("a directory");
    manifests(&both()[1], &directory.path().join("base"));
    let overlay = directory.path().join("overlay");
    std::fs::create_dir(&overlay).expect("a directory");
    let kustomization = json!({
        "resources": ["../base"],
        "images": [{"name": "sequencestore-operator", "newName": "registry.example.org/x", "newTag": "9"}],
        "replicas": [{"name": "sequencestore-operator", "count": 3}],
    });
    std::fs::write(overlay.join("kustomization.yaml"), kustomization.to_string()).expect("written");
    let output = Command::new(kubectl).arg("kustomize").arg(&overlay).output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let objects = documents(&String::from_utf8_lossy(&output.stdout));
    assert_eq!(container(&objects)["image"], "registry.example.org/x:9");
    assert_eq!(the("Deployment", &objects)["spec"]["replicas"], 3);
}
