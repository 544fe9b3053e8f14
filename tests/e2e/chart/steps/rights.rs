//! Who may do what: the operator of all namespaces, and an administrator of one namespace who installs it.

use std::collections::BTreeSet;
use std::fs;

use control_plane::service_account_user;
use serde_json::{Value, json};

use super::super::life::Life;
use super::super::permissions::{Permission, ensure_exact, granted, permission, until_known, used};
use super::super::pod::{SETTINGS, documents, start_pod, whole_life};
use crate::bindings::{ACCOUNTS, role};
use crate::world::{CHART, Error, SERVICE_ACCOUNT, SYSTEM_NAMESPACE, TIMEOUT, ensure};

pub async fn administrator(life: &Life) -> Result<(), Error> {
    life.kubectl(&["create", "namespace", "lab"]).await?;
    life.shell("kubectl create rolebinding anna-is-admin -n lab --clusterrole=admin --user=anna")
        .await?
        .checked()?;
    let readme = fs::read_to_string(format!("{CHART}/README.md"))?;
    let section = readme.split("### An administrator of one namespace").nth(1).ok_or("no section")?;
    let blocks: Vec<&str> =
        section.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let as_anna = blocks[1]
        .replace("helm install", "helm install --kube-as-user anna --kube-as-group system:authenticated");
    // The cluster role admin alone is not enough.
    let refused = life.shell(&as_anna).await?;
    ensure!(!refused.success() && refused.stderr.contains("not currently held"), "{refused:?}");
    life.shell("helm uninstall sequencestore-operator -n lab").await?.checked()?;
    life.shell(blocks[0]).await?.checked()?;
    life.until_established().await?;
    life.shell(&as_anna).await?.checked()?;
    // The operator of the namespace has what it needs there, and nothing elsewhere.
    let account = format!("--as={}", service_account_user("lab", SERVICE_ACCOUNT));
    let may = async |verb: &str, resource: &str, namespace: &str| {
        let ask = ["auth", "can-i", verb, resource, &account, "-n", namespace];
        life.world.cluster.plane.kubectl(&ask).await.map(|answer| answer.stdout.trim() == "yes")
    };
    for (verb, resource) in
        [("watch", "seqstore"), ("patch", "seqstore/status"), ("create", "events.events.k8s.io")]
    {
        ensure!(may(verb, resource, "lab").await?, "the operator may not {verb} {resource}");
        ensure!(!may(verb, resource, "default").await?, "the operator may {verb} {resource} elsewhere");
    }
    life.shell("helm uninstall sequencestore-operator -n lab --kube-as-user anna").await?.checked()?;
    // As before, for the steps that follow.
    life.kubectl(&["delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "--all"])
        .await?;
    let roles = ["sequencestore-operator-view", "sequencestore-operator-installer"];
    life.kubectl(&[&["delete", "clusterrole"], &roles[..]].concat()).await?;
    life.kubectl(&["delete", "namespace", "lab", "--wait=false"]).await?;
    life.delete_crd().await
}

/// The release watches all namespaces and is named after the uid of kube-system, as the chart has it by default.
pub async fn all_namespaces(life: &Life) -> Result<(), Error> {
    let world = &life.world;
    let upgrade = ["upgrade", SERVICE_ACCOUNT, CHART, "--reset-then-reuse-values"];
    life.helm(&[&upgrade[..], &SETTINGS].concat()).await?.checked()?;
    let documents = documents(&life.helm(&["get", "manifest", SERVICE_ACCOUNT]).await?.checked()?.stdout)?;
    let granted = granted(&documents);
    without_the_cluster_name(life, &documents).await?;
    let user = service_account_user(SYSTEM_NAMESPACE, SERVICE_ACCOUNT);
    until_known(world, &user, SYSTEM_NAMESPACE, &granted).await?;
    let mark = world.mark();
    let (operator, _) = start_pod(world, &documents, SYSTEM_NAMESPACE).await?;
    whole_life(world, false).await?;
    ensure!(operator.terminate().await? == Some(0), "{}", world.logs());
    ensure_exact(world, &mark, &user, &granted).await?;
    life.helm(&["uninstall", SERVICE_ACCOUNT]).await?.checked()?;
    life.delete_crd().await
}

/// The rights for namespaces are used only once a binding selects by labels.
pub async fn account_bindings(life: &Life) -> Result<(), Error> {
    let (world, bindings) = (&life.world, "accountBindings.enabled=true");
    let install = ["install", SERVICE_ACCOUNT, CHART, "--take-ownership", "--set", bindings];
    life.helm(&[&install[..], &SETTINGS].concat()).await?.checked()?;
    life.until_established().await?;
    let documents = documents(&life.helm(&["get", "manifest", SERVICE_ACCOUNT]).await?.checked()?.stdout)?;
    let granted = granted(&documents);
    let user = service_account_user(SYSTEM_NAMESPACE, SERVICE_ACCOUNT);
    until_known(world, &user, SYSTEM_NAMESPACE, &granted).await?;
    let mark = world.mark();
    let (operator, _) = start_pod(world, &documents, SYSTEM_NAMESPACE).await?;
    let named = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    whole_life(world, false).await?;
    world.until_binding(&named, "True", "RoleAssumed").await?;
    let (lists, watches) = (permission("list", "namespaces", ""), permission("watch", "namespaces", ""));
    let (asked, _) = used(world, &mark, &user).await?;
    ensure!(!asked.contains(&lists) && !asked.contains(&watches), "no binding selects by labels: {asked:?}");
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": "default"}});
    let spec = json!({"namespaceSelector": selector, "roleArn": role(ACCOUNTS[1])});
    let selecting = world.bind_with("selecting", spec).await?;
    world.until_binding(&selecting, "True", "RoleAssumed").await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while !used(world, &mark, &user).await?.0.contains(&watches) {
        ensure!(tokio::time::Instant::now() < end, "never watches namespaces\n{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    ensure!(operator.terminate().await? == Some(0), "{}", world.logs());
    let (asked, denied) = used(world, &mark, &user).await?;
    // The Lease and the Events of the step before are still there, so that not every other right is used again.
    let granted: BTreeSet<Permission> = granted.into_keys().collect();
    ensure!(denied.is_empty() && asked.is_subset(&granted), "asked {asked:?}, denied {denied:?}");
    let group = "healthomics.dev";
    let of_bindings = BTreeSet::from([
        permission("list", "accountbindings", group),
        permission("watch", "accountbindings", group),
        permission("patch", "accountbindings/status", group),
        lists,
        watches,
    ]);
    ensure!(of_bindings.is_subset(&asked), "not used: {:?}", &of_bindings - &asked);
    // Where they are no longer read, they stay.
    let off = ["upgrade", SERVICE_ACCOUNT, CHART, "--set", "accountBindings.enabled=false"];
    life.helm(&off).await?.checked()?;
    for binding in [&named, &selecting] {
        world.unbind(binding).await?;
    }
    life.helm(&["uninstall", SERVICE_ACCOUNT]).await?.checked()?;
    life.delete(&["crd/accountbindings.healthomics.dev"]).await?;
    life.delete_crd().await
}

/// Without the permission to read kube-system, and without a name for the cluster, the operator ends and says what to set.
async fn without_the_cluster_name(life: &Life, documents: &[Value]) -> Result<(), Error> {
    let name = "sequencestore-operator-cluster-name";
    let is_role = |object: &&Value| object["kind"] == "ClusterRole" && object["metadata"]["name"] == name;
    let role = documents.iter().find(is_role).ok_or("no role for the name of the cluster")?;
    let rules = async |rules: &Value| {
        let patch = json!({"rules": rules}).to_string();
        life.kubectl(&["patch", "clusterrole", name, "--type=merge", "-p", &patch]).await
    };
    rules(&json!([])).await?;
    let mark = life.world.mark();
    let (mut operator, user) = start_pod(&life.world, documents, SYSTEM_NAMESPACE).await?;
    let status = tokio::time::timeout(TIMEOUT, operator.child.wait()).await??;
    let said = operator.log_text();
    ensure!(!status.success() && said.contains("set --cluster-name"), "{said}");
    let (_, denied) = used(&life.world, &mark, &user).await?;
    ensure!(denied.len() == 1, "denied: {denied:?}");
    rules(&role["rules"]).await?;
    Ok(())
}
