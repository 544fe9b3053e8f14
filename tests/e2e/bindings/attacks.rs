//! A table of attacks, each tried as a tenant's ServiceAccount on the real API server. The ledger is the judge: nothing of
//! another tenant is changed, and no call is made with the identity of another tenant.

use std::collections::BTreeMap;
use std::sync::Arc;

use healthomics_simulator::{LedgerEntry, SeedStore, StoreRecord};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use sequencestore_operator::crd::SequenceStore;
use serde_json::{Value, json};

use super::{ACCOUNTS, about_stores, role, start};
use crate::world::{Cluster, Error, World, ensure, status, tests};

tests![
    no_attack_of_a_tenant_reaches_another_one,
    no_attack_reaches_another_tenant_of_the_same_account,
    a_flood_of_one_tenant_leaves_room_for_another,
];

const FOREIGN: &str = "arn:aws:iam::999999999999:root";

/// What a tenant may do: everything with its own objects, and, by mistake, with their status.
const RIGHTS: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: tenant}
rules:
  - {apiGroups: [healthomics.dev], resources: [sequencestores, sequencestores/status], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: tenant}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: tenant}
subjects: [{kind: ServiceAccount, name: attacker}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: attacker}
"#;

/// One try: an object, and what is then written to its status.
struct Attack {
    name: &'static str,
    annotations: Value,
    spec: Value,
    status: Option<Value>,
}

impl Attack {
    fn of(name: &'static str, spec: Value) -> Self {
        Self { name, annotations: json!({}), spec, status: None }
    }

    fn annotated(self, annotations: Value) -> Self {
        Self { annotations, ..self }
    }

    fn then_status(self, status: Value) -> Self {
        Self { status: Some(status), ..self }
    }
}

/// Whom the attacks are about.
struct Victim {
    account: &'static str,
    binding: String,
    namespace: String,
    object: SequenceStore,
    store: StoreRecord,
    /// A store of the same account that no object owns.
    unowned: StoreRecord,
}

fn record(store: &StoreRecord, account: &str) -> Value {
    json!({"observedGeneration": 1, "region": "us-east-1", "accountId": account, "managedStoreId": store.id,
        "store": {"id": store.id, "arn": store.arn, "status": "ACTIVE"}})
}

fn intent(uid: &str, region: &str, victim: &Victim) -> String {
    json!({"uid": uid, "epoch": 0, "attempt": 1, "replica": "r", "startedAt": "2020-01-01T00:00:00Z",
        "account": victim.account, "binding": victim.binding, "region": region, "name": "genomes", "requestHash": "h",
        "id": victim.store.id})
    .to_string()
}

/// Everything that an object can say about what belongs to somebody else.
fn attacks(victim: &Victim) -> Vec<Attack> {
    let Victim { account, binding, store, unowned, object, .. } = victim;
    let uid = object.uid().unwrap_or_default();
    let policy = |principal: &str| {
        json!({"s3AccessPolicy": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "s3:GetObject", "Resource": "*"}]}})
    };
    let key = format!("arn:aws:kms:us-east-1:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let take_over = |uid: &str| json!({"healthomics.dev/take-over": uid});
    vec![
        Attack::of("by-id", json!({"sequenceStoreId": store.id, "description": "mine"})),
        Attack::of("by-id-of-nobody", json!({"sequenceStoreId": unowned.id, "description": "mine"})),
        Attack::of("by-id-observed", json!({"sequenceStoreId": store.id, "managementPolicy": "Observe"})),
        Attack::of("by-name", json!({"name": "genomes"})),
        Attack::of("taken-over", json!({"sequenceStoreId": store.id})).annotated(take_over(&uid)),
        Attack::of("taken-over-by-name", json!({"name": "genomes"})).annotated(take_over(&uid)),
        Attack::of("recreated", json!({})).annotated(json!({"healthomics.dev/recreate": store.id})),
        Attack::of("intended", json!({})).annotated(json!({"healthomics.dev/create-intent": intent("x", "us-east-1", victim)})),
        Attack::of("tagged", json!({"tags": {"healthomics.dev/uid": uid}})),
        Attack::of("tagged-by-aws", json!({"tags": {"AWS:owner": "me"}})),
        Attack::of("key", json!({"sseConfig": {"type": "KMS", "keyArn": key}})),
        Attack::of("bucket", json!({"fallbackLocation": "s3://victims-bucket/"})),
        Attack::of("bucket-alike", json!({"fallbackLocation": "s3://tenants-bucket-2/"})),
        Attack::of("log-bucket", json!({"s3AccessConfig": {"accessLogLocation": "s3://victims-bucket/logs/"}})),
        Attack::of("principal", policy(FOREIGN)),
        Attack::of("everybody", policy("*")),
        Attack::of("region", json!({"region": "eu-west-1"})),
        Attack::of("line-break", json!({"description": "one\nlevel=error two"})),
        Attack::of("control", json!({"name": "\u{1b}[2Jx"})),
        Attack::of("direction", json!({"description": "\u{202e}gnp.exe"})),
        Attack::of("note", json!({}))
            .annotated(json!({"healthomics.dev/pausd": "x\n{\"level\":\"ERROR\"}", "healthomics.dev/take-over": "true\nroot"})),
        Attack::of("status-store", json!({})).then_status(record(store, account)),
        Attack::of("status-of-nobody", json!({})).then_status(record(unowned, account)),
        Attack::of("status-and-id", json!({"sequenceStoreId": unowned.id})).then_status(record(unowned, account)),
        Attack::of("status-binding", json!({})).then_status(json!({"observedGeneration": 1, "binding": binding})),
        Attack::of("status-region", json!({})).then_status({
            let mut elsewhere = record(store, account);
            elsewhere["region"] = json!("eu-west-1");
            elsewhere
        }),
    ]
}

/// Tries all of them, then deletes what came of them. Returns how many the API server let in.
async fn try_all(world: &World, victim: &Victim) -> Result<usize, Error> {
    world.kubectl_apply(RIGHTS).await?.checked()?;
    let client = world.cluster.plane.client_for(&world.namespace, "attacker").await?;
    let api: Api<SequenceStore> = Api::namespaced(client.clone(), &world.namespace);
    let (mut tried, mut names) = (0, Vec::new());
    for Attack { name, annotations, spec, status } in attacks(victim) {
        tried += 1;
        let object = json!({"apiVersion": "healthomics.dev/v1alpha1", "kind": "SequenceStore",
            "metadata": {"name": name, "annotations": annotations}, "spec": spec});
        let Ok(created) = create(&client, &world.namespace, object).await else { continue };
        names.push(name);
        world.until(name, "a look at it", |object| !status_conditions(object).is_empty()).await?;
        // The uid in an intent is that of the object, or it does not count.
        if name == "intended" {
            for region in ["us-east-1", "eu-west-1"] {
                let text = intent(&created.uid().unwrap_or_default(), region, victim);
                let patch = json!({"metadata": {"annotations": {"healthomics.dev/create-intent": text}}});
                api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
                world.one_more_pass(name).await?;
            }
        }
        if let Some(status) = status {
            let patch = json!({"status": status});
            api.patch_status(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
            world.one_more_pass(name).await?;
        }
    }
    let theirs: Api<SequenceStore> = Api::namespaced(client, &victim.namespace);
    for forbidden in
        [theirs.get("genomes").await.err(), theirs.delete("genomes", &DeleteParams::default()).await.err()]
    {
        tried += 1;
        ensure!(forbidden.is_some(), "the tenant reaches the objects of another namespace");
    }
    for name in &names {
        api.delete(name, &DeleteParams::default()).await?;
    }
    for name in &names {
        // One that waits for somebody keeps its store; what it waits for must not be an attack that succeeds later.
        let patch = json!({"spec": {"deletionPolicy": "Retain"}, "metadata": {"annotations": {"healthomics.dev/create-intent": null}}});
        let end = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
        while api.get_opt(name).await?.is_some() {
            if tokio::time::Instant::now() > end {
                let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(patch.clone())).await;
                world.until_gone(name).await?;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }
    println!(
        "{tried} attacks tried by the ServiceAccount of a tenant, {} of them let in by the API server",
        names.len()
    );
    Ok(names.len())
}

async fn create(client: &kube::Client, namespace: &str, object: Value) -> Result<SequenceStore, Error> {
    let api: Api<kube::core::DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind());
    let created = api.create(&PostParams::default(), &serde_json::from_value(object)?).await?;
    Ok(serde_json::from_value(serde_json::to_value(created)?)?)
}

fn kind() -> kube::core::ApiResource {
    kube::core::ApiResource::erase::<SequenceStore>(&())
}

fn status_conditions(object: &SequenceStore) -> Vec<String> {
    status(object).conditions.into_iter().map(|condition| condition.type_).collect()
}

/// The victim's store is untouched, nobody used its identity, and the attacker changed nothing but its own new stores.
async fn judge(world: &World, victim: &Victim, attacker: &str) -> Result<(), Error> {
    let calls = about_stores(world.aws.ledger().await?);
    let of = |call: &LedgerEntry| call.session_tags.get("healthomics.dev/namespace").cloned();
    for call in &calls {
        let by = of(call);
        let is_attacker = by.as_deref() == Some(&world.namespace);
        ensure!(is_attacker || by.as_deref() == Some(&victim.namespace), "somebody else acted: {call:?}");
        let account = if is_attacker { attacker } else { victim.account };
        ensure!(call.account.as_deref() == Some(account), "with another account: {call:?}");
        let is_about_victim = [&victim.store.id, &victim.unowned.id].iter().any(|id| {
            call.store_id.as_ref() == Some(*id) || call.arn.as_ref().is_some_and(|arn| arn.ends_with(*id))
        });
        ensure!(!(is_attacker && is_about_victim && call.is_mutating()), "an attack got through: {call:?}");
        let values = call.parameters.to_string();
        for outside in [FOREIGN, "victims-bucket", "tenants-bucket-2", ":key/", "\\u001b", "\u{202e}"] {
            ensure!(!(is_attacker && values.contains(outside)), "{outside} left the operator: {call:?}");
        }
        ensure!(
            !(is_attacker && call.is_mutating() && call.region.as_deref() != Some("us-east-1")),
            "{call:?}"
        );
        if !is_attacker {
            ensure!(call.store_id.is_none() || call.store_id.as_ref() == Some(&victim.store.id), "{call:?}");
        }
    }
    for store in [&victim.store, &victim.unowned] {
        let now = world.aws.store(&store.arn).await?.ok_or("it is gone")?;
        ensure!(!now.deleted && now.tags == store.tags && now.description == store.description, "{now:?}");
    }
    Ok(())
}

/// The second namespace of the world is the victim's.
async fn victim(world: &World, namespace: &str, account: &'static str) -> Result<Victim, Error> {
    let binding = world.bind(namespace, account).await?;
    let tenant = world.tenant(namespace);
    tenant.create("genomes", json!({"name": "genomes"})).await?;
    let object = tenant.until_ready("genomes").await?;
    let id = status(&object).store.ok_or("no store")?.id;
    let all = world.aws.all_stores().await?;
    let store = all.into_iter().find(|store| store.id == id).ok_or("no store")?;
    let seed = SeedStore { account: account.into(), name: Some("nobodys".into()), ..SeedStore::default() };
    let unowned = world.aws.seed_store(&seed).await?;
    Ok(Victim { account, binding, namespace: namespace.to_owned(), object, store, unowned })
}

async fn attack(cluster: Arc<Cluster>, accounts: [&'static str; 2]) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (_operator, other) = world.for_two_tenants().await?;
    let [attacker, victims] = accounts;
    let victim = victim(&world, &other, victims).await?;
    let allow = json!({
        "regions": ["us-east-1"], "kmsKeyArns": [], "locations": ["s3://tenants-bucket/"],
        "policyPrincipals": [format!("arn:aws:iam::{attacker}:*")], "sequenceStoreIds": [],
    });
    let spec = json!({"namespaces": [world.namespace], "roleArn": role(attacker), "allow": allow});
    let binding = world.bind_with(&world.namespace, spec).await?;
    let let_in = try_all(&world, &victim).await?;
    ensure!(let_in >= 15, "the API server let in only {let_in}: the operator was hardly tried");
    judge(&world, &victim, attacker).await?;
    let ready = world.tenant(&other).until_ready("genomes").await?;
    ensure!(status(&ready).store.is_some_and(|store| store.id == victim.store.id), "another store");
    world.unbind(&binding).await?;
    world.unbind(&victim.binding).await
}

async fn no_attack_of_a_tenant_reaches_another_one(cluster: Arc<Cluster>) -> Result<(), Error> {
    attack(cluster, ACCOUNTS).await
}

/// IAM cannot tell the two apart by account here: only limits and owner tags do.
async fn no_attack_reaches_another_tenant_of_the_same_account(cluster: Arc<Cluster>) -> Result<(), Error> {
    attack(cluster, [ACCOUNTS[0]; 2]).await
}

/// Made-up regions, denied calls and a queue of creations: a tenant that does all of it at once does not hold up another one.
async fn a_flood_of_one_tenant_leaves_room_for_another(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let other = world.another_namespace().await?;
    let mut flooded = start(&[&format!("--watch-namespace={other}"), "--concurrency=4"]);
    // The quotas of AWS: one creation in a second.
    flooded.environment = BTreeMap::from([("SEQSTORE_QUOTA", String::new())]);
    let _operator = world.operator(&flooded)?;
    let bindings = [world.bind(&world.namespace, ACCOUNTS[0]).await?, world.bind(&other, ACCOUNTS[1]).await?];
    let flood = world.tenant(&world.namespace);
    for number in 0..40 {
        let region =
            if number % 2 == 0 { "us-east-1".to_owned() } else { format!("xx-made-{}", number % 10) };
        flood.create(&format!("flood-{number}"), json!({"region": region})).await?;
    }
    let tenant = world.tenant(&other);
    tenant.create("genomes", json!({})).await?;
    tenant.until_ready("genomes").await?;
    let creates = world.calls("CreateSequenceStore").await?;
    let is_of_flood = |call: &&LedgerEntry| {
        call.account.as_deref() == Some(ACCOUNTS[0]) && call.region.as_deref() == Some("us-east-1")
    };
    let of_flood = creates.iter().filter(is_of_flood).count();
    ensure!(of_flood < 25, "the flood was over before: {of_flood} of 30 creations");
    tenant.delete("genomes").await?;
    tenant.until_gone("genomes").await?;
    for binding in &bindings {
        world.unbind(binding).await?;
    }
    Ok(())
}
