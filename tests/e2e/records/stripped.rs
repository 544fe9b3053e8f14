//! A policy of the cluster that strips what the operator writes down: no Create without its record, and no loop.

use std::sync::Arc;

use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use sequencestore_operator::crd::{FINALIZER, INTENT_ANNOTATION, SequenceStore, SequenceStoreSpec};
use serde_json::json;

use crate::world::{
    Cluster, Error, Start, TIMEOUT, World, condition, ensure, message, spec_for, status, tests,
};

tests![
    no_create_is_sent_while_a_policy_strips_its_record,
    no_create_is_sent_while_a_policy_strips_the_finalizer,
    no_create_is_sent_while_a_policy_refuses_its_record,
    a_stripped_finalizer_of_a_store_on_record_is_reported,
    a_stripped_create_record_keeps_no_object_from_being_mirrored_or_deleted,
    tags_are_written_only_after_their_keys_are_on_record,
];

const STRIP_ANNOTATION: &str = "has(object.metadata.annotations) && \
    'healthomics.dev/create-intent' in object.metadata.annotations ? \
    [JSONPatch{op: 'remove', path: '/metadata/annotations/' + jsonpatch.escapeKey('healthomics.dev/create-intent')}] : []";
/// It also sets a label, as such a webhook may: each version of the object then differs from the one before.
const STRIP_FINALIZER: &str = "has(object.metadata.finalizers) && \
    object.metadata.finalizers.exists(f, f == 'healthomics.dev/sequencestore') ? \
    [JSONPatch{op: 'replace', path: '/metadata/finalizers', \
    value: object.metadata.finalizers.filter(f, f != 'healthomics.dev/sequencestore')}, \
    JSONPatch{op: 'add', path: '/metadata/labels', value: {'stripped': 'yes'}}] : []";
const STRIP_TAG_KEYS: &str = "has(object.status) && has(object.status.managedTagKeys) ? \
    [JSONPatch{op: 'remove', path: '/status/managedTagKeys'}] : []";

/// A MutatingAdmissionPolicy in the namespace of one test.
struct Policy<'a> {
    world: &'a World,
    kind: &'static str,
}

impl<'a> Policy<'a> {
    /// Applies the expression to every write of the resource.
    async fn mutates(world: &'a World, resource: &str, expression: &str) -> Result<Self, Error> {
        let spec = json!({
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
        });
        Self::install(world, "MutatingAdmissionPolicy", resource, spec).await
    }

    async fn refuses(world: &'a World, expression: &str) -> Result<Self, Error> {
        let spec = json!({"validations": [{"expression": expression, "message": "not in this cluster"}]});
        Self::install(world, "ValidatingAdmissionPolicy", "sequencestores", spec).await
    }

    async fn install(
        world: &'a World,
        kind: &'static str,
        resource: &str,
        mut spec: serde_json::Value,
    ) -> Result<Self, Error> {
        let name = &world.namespace;
        spec["failurePolicy"] = json!("Fail");
        spec["matchConstraints"] = json!({
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
            "resourceRules": [{"apiGroups": ["healthomics.dev"], "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"], "resources": [resource]}],
        });
        let metadata = json!({"name": name});
        let mut binding = json!({"policyName": name});
        if kind == "ValidatingAdmissionPolicy" {
            binding["validationActions"] = json!(["Deny"]);
        }
        for manifest in [
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata, "spec": spec}),
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": format!("{kind}Binding"),
                "metadata": metadata, "spec": binding}),
        ] {
            world.kubectl_apply(&manifest.to_string()).await?.checked()?;
        }
        Ok(Self { world, kind })
    }

    async fn removed(self) -> Result<(), Error> {
        for kind in [format!("{}binding", self.kind), self.kind.to_owned()] {
            let kind = kind.to_lowercase();
            self.world.kubectl(&["delete", &kind, &self.world.namespace]).await?.checked()?;
        }
        Ok(())
    }
}

/// Waits until the policy has an effect on this patch of a probe object, sent as a dry run.
async fn until_active(
    world: &World,
    patch: serde_json::Value,
    has_effect: impl Fn(Result<SequenceStore, kube::Error>) -> bool,
) -> Result<(), Error> {
    // A paused object is left alone by the operator.
    let mut probe = SequenceStore::new("probe", SequenceStoreSpec::default());
    probe.annotations_mut().insert("healthomics.dev/paused".into(), "true".into());
    world.api.create(&Default::default(), &probe).await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    let parameters = PatchParams { dry_run: true, ..PatchParams::default() };
    loop {
        let tried = match patch.get("status") {
            Some(_) => world.api.patch_status("probe", &parameters, &Patch::Merge(&patch)).await,
            None => world.api.patch("probe", &parameters, &Patch::Merge(&patch)).await,
        };
        if has_effect(tried) {
            break;
        }
        ensure!(tokio::time::Instant::now() < end, "the policy never takes effect");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    world.api.delete("probe", &DeleteParams::default()).await?;
    Ok(())
}

fn intent_patch() -> serde_json::Value {
    json!({"metadata": {"annotations": {INTENT_ANNOTATION: "probe"}}})
}

fn without_intent(tried: Result<SequenceStore, kube::Error>) -> bool {
    tried.is_ok_and(|object| !object.annotations().contains_key(INTENT_ANNOTATION))
}

/// Patches of the objects themselves, not of their status.
fn patches(world: &World, since: &control_plane::AuditMark) -> usize {
    world.operator_writes(since).get(&("patch".into(), "sequencestores".into())).copied().unwrap_or_default()
}

/// No Create is sent, the condition names what is missing, and the operator does not hammer the API server. Once the
/// policy is gone, one store is made.
async fn ensure_no_create_until_removed(world: &World, policy: Policy<'_>, names: &str) -> Result<(), Error> {
    let mark = world.mark();
    let _operator = world.operator(&Start::default())?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_condition("a", "Ready", "False", "RecordNotKept").await?;
    let text = message(&object, "Ready");
    ensure!(text.contains(names), "the message does not name {names}: {text}");
    let passes = world.until_calls("ListSequenceStores", 3).await?.len();
    ensure!(world.calls("CreateSequenceStore").await?.is_empty(), "a Create without its record");
    let sent = patches(world, &mark);
    ensure!(sent <= passes + 2, "{sent} patches in {passes} passes");
    policy.removed().await?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    while condition(&world.one_more_pass("a").await?, "Ready").is_none_or(|ready| ready.status != "True") {
        ensure!(tokio::time::Instant::now() < end, "no recovery\n{}", world.logs());
    }
    ensure!(world.aws.all_stores().await?.len() == 1, "{} stores", world.aws.all_stores().await?.len());
    Ok(())
}

async fn no_create_is_sent_while_a_policy_strips_its_record(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let policy = Policy::mutates(&world, "sequencestores", STRIP_ANNOTATION).await?;
    until_active(&world, intent_patch(), without_intent).await?;
    ensure_no_create_until_removed(&world, policy, INTENT_ANNOTATION).await
}

async fn no_create_is_sent_while_a_policy_strips_the_finalizer(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let policy = Policy::mutates(&world, "sequencestores", STRIP_FINALIZER).await?;
    let patch = json!({"metadata": {"finalizers": [FINALIZER]}});
    until_active(&world, patch, |tried| tried.is_ok_and(|object| object.finalizers().is_empty())).await?;
    ensure_no_create_until_removed(&world, policy, FINALIZER).await
}

async fn no_create_is_sent_while_a_policy_refuses_its_record(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let expression = "!has(object.metadata.annotations) || !('healthomics.dev/create-intent' in object.metadata.annotations)";
    let policy = Policy::refuses(&world, expression).await?;
    until_active(&world, intent_patch(), |tried| tried.is_err()).await?;
    ensure_no_create_until_removed(&world, policy, INTENT_ANNOTATION).await
}

async fn a_stripped_finalizer_of_a_store_on_record_is_reported(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let policy = Policy::mutates(&world, "sequencestores", STRIP_FINALIZER).await?;
    let patch = json!({"metadata": {"finalizers": [FINALIZER]}});
    until_active(&world, patch, |tried| tried.is_ok_and(|object| object.finalizers().is_empty())).await?;
    let _operator = world.operator(&Start::default())?;
    let store = world.seed().await?;
    world.create("a", spec_for(&store)).await?;
    let object = world.until_condition("a", "Synced", "False", "RecordNotKept").await?;
    ensure!(message(&object, "Synced").contains(FINALIZER), "{}", message(&object, "Synced"));
    ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "not mirrored");
    policy.removed().await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    world.until("a", "its finalizer", crate::assertions::has_finalizer).await?;
    Ok(())
}

async fn a_stripped_create_record_keeps_no_object_from_being_mirrored_or_deleted(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::default())?;
    world.create("a", SequenceStoreSpec::default()).await?;
    let object = world.until_ready("a").await?;
    let id = status(&object).store.map(|store| store.id).unwrap_or_default();
    let _policy = Policy::mutates(&world, "sequencestores", STRIP_ANNOTATION).await?;
    until_active(&world, intent_patch(), without_intent).await?;
    let mark = world.mark();
    world.patch("a", json!({"metadata": {"annotations": {INTENT_ANNOTATION: null}}})).await?;
    world.reconcile_now("a").await?;
    let gets = world.calls("GetSequenceStore").await?.len();
    world.until_calls("GetSequenceStore", gets + 3).await?;
    let sent = patches(&world, &mark);
    ensure!(sent <= 2, "{sent} attempts to put the record back");
    world.aws.change_store(&id, json!({"description": "changed"})).await?;
    let mirrored = |o: &SequenceStore| {
        status(o).store.is_some_and(|store| store.description.as_deref() == Some("changed"))
    };
    world.until("a", "the new description", mirrored).await?;
    world.delete("a").await?;
    world.until_gone("a").await?;
    ensure!(world.aws.store(&id).await?.is_none_or(|store| store.deleted), "the store stays");
    Ok(())
}

async fn tags_are_written_only_after_their_keys_are_on_record(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let _operator = world.operator(&Start::default())?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    let policy = Policy::mutates(&world, "sequencestores/status", STRIP_TAG_KEYS).await?;
    let patch = json!({"status": {"managedTagKeys": ["probe"]}});
    until_active(&world, patch, |tried| {
        tried.is_ok_and(|object| status(&object).managed_tag_keys.is_empty())
    })
    .await?;
    let before = world.calls("TagResource").await?.len();
    world.patch("a", json!({"spec": {"tags": {"team": "genomics"}}})).await?;
    // A record of tags concerns tags alone: the store is as Ready as it is.
    let object = world.until_condition("a", "Synced", "False", "RecordNotKept").await?;
    ensure!(message(&object, "Synced").contains("managedTagKeys"), "{}", message(&object, "Synced"));
    ensure!(condition(&object, "Ready").is_some_and(|ready| ready.status == "True"), "not Ready");
    ensure!(world.calls("TagResource").await?.len() == before, "a tag was written without its record");
    policy.removed().await?;
    world.reconcile_now("a").await?;
    world.until_condition("a", "Synced", "True", "InSync").await?;
    let tags = world.aws.store(&store.arn).await?.ok_or("store")?.tags;
    ensure!(tags.get("team").map(String::as_str) == Some("genomics"), "{tags:?}");
    Ok(())
}
