//! Proves that RBAC, auditing, controllers, admission policies, kubectl and helm work. The tests share one real control
//! plane.

use std::time::Duration;

use control_plane::{ADMIN, ControlPlane, service_account_user};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use k8s_openapi::api::rbac::v1::ClusterRole;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::OnceCell;

/// Statics are never dropped; the guardians stop the control plane when the test process ends.
static PLANE: OnceCell<ControlPlane> = OnceCell::const_new();

async fn plane() -> &'static ControlPlane {
    PLANE.get_or_init(|| async { ControlPlane::start().await.expect("it starts") }).await
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}, "data": {"key": "value"}}))
        .expect("a ConfigMap")
}

async fn namespace(plane: &ControlPlane, name: &str) {
    plane.kubectl(&["create", "namespace", name]).await.expect("kubectl runs").checked().expect("made");
}

async fn eventually(what: &str, mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not within 20 s: {what}");
}

#[tokio::test]
async fn a_service_account_has_only_the_permissions_of_its_role() {
    let plane = plane().await;
    namespace(plane, "rights").await;
    let manifest = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: rights}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: rights}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: rights}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: rights}]
";
    let applied = plane.kubectl_stdin(&["apply", "-f", "-"], manifest).await.expect("kubectl runs");
    applied.checked().expect("applied");

    let mark = plane.audit().mark();
    let client = plane.client_for("rights", "reader").await.expect("a client");
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "rights");
    maps.list(&ListParams::default()).await.expect("allowed");
    let refused = |result: kube::Result<ConfigMap>| match result {
        Err(kube::Error::Api(status)) => status.code,
        other => panic!("not refused: {other:?}"),
    };
    assert_eq!(refused(maps.create(&PostParams::default(), &config_map("new")).await), 403);
    let elsewhere: Api<ConfigMap> = Api::namespaced(client, "default");
    assert_eq!(refused(elsewhere.get("any").await), 403);

    let user = service_account_user("rights", "reader");
    let seen: Vec<_> = plane
        .audit()
        .requests_since(&mark)
        .into_iter()
        .filter(|request| request.user == user)
        .map(|request| (request.verb, request.resource, request.code))
        .collect();
    let request = |verb: &str, code| (verb.to_owned(), "configmaps".to_owned(), code);
    assert_eq!(seen, [request("list", 200), request("create", 403), request("get", 403)]);

    // kubectl with a kubeconfig file acts as the same user.
    let kubeconfig = plane.kubeconfig_for("rights", "reader").await.expect("a kubeconfig");
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let whoami = plane.kubectl(&[&kubeconfig, "auth", "whoami"]).await.expect("kubectl runs");
    assert!(whoami.stdout.contains(&user), "{whoami:?}");

    let missing = plane.token_for("rights", "nobody").await.expect_err("no such account").to_string();
    assert!(missing.contains("rights/nobody") && missing.contains("not found"), "{missing}");
}

#[tokio::test]
async fn the_audit_log_counts_writes_by_verb_and_resource() {
    let plane = plane().await;
    namespace(plane, "audited").await;
    let audit = plane.audit();
    let before = audit.mark();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "audited");
    maps.create(&PostParams::default(), &config_map("one")).await.expect("created");
    let mark = audit.mark();
    assert!(
        audit.requests_since(&mark).iter().all(|request| request.namespace.as_deref() != Some("audited"))
    );

    for name in ["two", "three"] {
        maps.create(&PostParams::default(), &config_map(name)).await.expect("created");
    }
    let patch = json!({"data": {"key": "other"}});
    maps.patch("one", &PatchParams::default(), &Patch::Merge(&patch)).await.expect("patched");
    maps.list(&ListParams::default()).await.expect("listed");
    maps.delete("two", &DeleteParams::default()).await.expect("deleted");
    let large = json!({"data": {"key": "x".repeat(500_000)}});
    maps.patch("one", &PatchParams::default(), &Patch::Merge(&large)).await.expect("patched");

    let counts: Vec<_> = audit
        .writes_since(&mark, ADMIN, Some("audited"))
        .into_iter()
        .map(|((verb, resource), count)| format!("{verb} {resource} {count}"))
        .collect();
    assert_eq!(counts, ["create configmaps 2", "delete configmaps 1", "patch configmaps 2"]);
    let created =
        audit.writes_since(&before, ADMIN, Some("audited"))[&("create".into(), "configmaps".into())];
    assert_eq!(created, 3);
    assert!(audit.writes_since(&mark, "somebody", None).is_empty());
    let list = audit
        .requests_since(&mark)
        .into_iter()
        .find(|request| request.verb == "list" && request.user == ADMIN);
    assert!(list.is_some_and(|list| {
        list.name.is_none() && list.uri.starts_with("/api/v1/namespaces/audited/configmaps")
    }));
}

#[tokio::test]
async fn a_watch_is_audited_once_when_it_starts() {
    let plane = plane().await;
    namespace(plane, "watched").await;
    let mark = plane.audit().mark();
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "watched");
    let count = || {
        let requests = plane.audit().requests_since(&mark);
        requests
            .iter()
            .filter(|seen| seen.verb == "watch" && seen.namespace.as_deref() == Some("watched"))
            .count()
    };
    let stream = maps.watch(&kube::api::WatchParams::default(), "0").await.expect("a watch");
    assert_eq!(count(), 1);
    drop(stream);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count(), 1);
}

#[tokio::test]
async fn deleting_a_namespace_deletes_its_objects() {
    let plane = plane().await;
    namespace(plane, "short-lived").await;
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "short-lived");
    maps.create(&PostParams::default(), &config_map("one")).await.expect("created");
    let namespaces: Api<Namespace> = Api::all(plane.client());
    namespaces.delete("short-lived", &DeleteParams::default()).await.expect("accepted");
    eventually("the namespace is gone", async || {
        namespaces.get_opt("short-lived").await.is_ok_and(|found| found.is_none())
    })
    .await;
}

#[tokio::test]
async fn dependents_are_garbage_collected_and_cluster_roles_are_aggregated() {
    let plane = plane().await;
    namespace(plane, "collected").await;
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "collected");
    let owner = maps.create(&PostParams::default(), &config_map("owner")).await.expect("created");
    let mut dependent = config_map("dependent");
    dependent.metadata.owner_references = Some(
        serde_json::from_value(
            json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid}]),
        )
        .expect("a reference"),
    );
    maps.create(&PostParams::default(), &dependent).await.expect("created");
    maps.delete("owner", &DeleteParams::default()).await.expect("deleted");
    eventually("the dependent is gone", async || {
        maps.get_opt("dependent").await.is_ok_and(|found| found.is_none())
    })
    .await;

    let roles: Api<ClusterRole> = Api::all(plane.client());
    let role = json!({
        "metadata": {"name": "more-to-view", "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
        "rules": [{"apiGroups": ["example.org"], "resources": ["things"], "verbs": ["get"]}],
    });
    let role = serde_json::from_value(role).expect("a ClusterRole");
    roles.create(&PostParams::default(), &role).await.expect("created");
    eventually("the ClusterRole view has the rule", async || {
        let view = roles.get("view").await.expect("the ClusterRole view exists");
        serde_json::to_string(&view.rules).is_ok_and(|rules| rules.contains("example.org"))
    })
    .await;
}

#[tokio::test]
async fn admission_policies_are_enforced() {
    let plane = plane().await;
    namespace(plane, "policed").await;
    let manifest = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: policed}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
  validations: [{expression: \"!object.metadata.name.startsWith('bad')\", message: no bad names}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: policed}
spec:
  policyName: policed
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: policed}}}
";
    let applied = plane.kubectl_stdin(&["apply", "-f", "-"], manifest).await.expect("kubectl runs");
    applied.checked().expect("applied");
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "policed");
    eventually("the policy refuses the ConfigMap", async || {
        match maps.create(&PostParams { dry_run: true, ..Default::default() }, &config_map("bad")).await {
            Err(kube::Error::Api(status)) => status.message.contains("no bad names"),
            _ => false,
        }
    })
    .await;
    maps.create(&PostParams::default(), &config_map("good")).await.expect("allowed");
}

#[tokio::test]
async fn kubectl_and_helm_use_the_control_plane() {
    let plane = plane().await;
    let version = plane
        .kubectl(&["version", "--output=json"])
        .await
        .expect("kubectl runs")
        .checked()
        .expect("the API server responds");
    let version: serde_json::Value = serde_json::from_str(&version.stdout).expect("JSON");
    assert_eq!(version["serverVersion"]["major"], "1", "{version}");

    let failed = plane.kubectl(&["get", "configmap", "missing"]).await.expect("kubectl runs");
    assert_eq!((failed.status_code, failed.success()), (1, false));
    assert!(failed.stderr.contains("not found"), "{failed:?}");
    let message = failed.checked().expect_err("it failed").to_string();
    assert!(message.starts_with("kubectl get configmap missing exited with status 1"), "{message}");

    let chart = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(chart.path().join("templates")).expect("made");
    std::fs::write(chart.path().join("Chart.yaml"), "apiVersion: v2\nname: small\nversion: 0.1.0\n")
        .expect("written");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: from-helm}\n";
    std::fs::write(chart.path().join("templates/map.yaml"), template).expect("written");
    let path = chart.path().to_string_lossy();
    let install = ["install", "small", &path, "--namespace=helmed", "--create-namespace"];
    plane.helm(&install).await.expect("helm runs").checked().expect("installed");
    let maps: Api<ConfigMap> = Api::namespaced(plane.client(), "helmed");
    maps.get("from-helm").await.expect("helm created it");
    plane
        .helm(&["uninstall", "small", "--namespace=helmed"])
        .await
        .expect("helm runs")
        .checked()
        .expect("removed");
}
