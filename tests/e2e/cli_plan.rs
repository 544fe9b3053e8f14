//! `plan`: it says what the operator then does, and does nothing itself.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, SeedStore};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::commands::{Ended, Person, ended};
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![
    what_is_planned_is_what_is_done,
    what_is_planned_for_a_deletion_is_what_is_done,
    a_plan_changes_nothing,
    exit_codes_tell_what_comes_of_it,
    files_are_checked_by_the_api_server,
    a_plan_needs_no_cluster,
    kubectl_finds_the_plugin,
    colours_are_for_terminals,
    mistakes_of_a_plan_are_one_line,
];

fn calls(plan: &Value) -> Vec<String> {
    let steps = plan["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|object| object["steps"].as_array().cloned().unwrap_or_default());
    steps.filter_map(|step| Some(step["call"].as_str()?.trim_start_matches("omics:").to_owned())).collect()
}

async fn plan_file(world: &World, person: &Person, manifest: &str) -> Result<Value, Error> {
    let ended =
        world.ended_with(person, &["plan", "-f", "-", "-o", "json", "--cluster-name=e2e"], manifest).await?;
    ended.json()
}

/// Calls that changed something, in order.
async fn made(world: &World) -> Result<Vec<String>, Error> {
    Ok(world.mutating_calls().await?.into_iter().map(|entry| entry.operation).collect())
}

/// Every way of life: planned for a manifest, then applied and left to the operator. One object and
/// store each.
async fn what_is_planned_is_what_is_done(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let person = world.person("edit").await?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject", "Resource": "*",
    }]});
    let store = world.seed().await?;
    let rounds = [
        ("new", json!({"description": "d", "tags": {"team": "genomics"}, "s3AccessPolicy": policy})),
        (
            "adopted",
            json!({"sequenceStoreId": store.id, "description": "e", "propagatedSetLevelTags": ["a"], "tags": {"a": "1", "b": "2"}}),
        ),
        (
            "adopted",
            json!({"sequenceStoreId": store.id, "description": "f", "propagatedSetLevelTags": [], "tags": {"b": "3"}, "s3AccessPolicy": {}}),
        ),
        ("adopted", json!({"sequenceStoreId": store.id, "managementPolicy": "Observe", "description": "g"})),
        ("new", json!({"description": "d", "deletionPolicy": "Retain", "s3AccessPolicy": policy})),
    ];
    for (round, (name, spec)) in rounds.into_iter().enumerate() {
        let manifest = world.manifest(name, spec);
        let planned = plan_file(&world, &person, &manifest).await?;
        let before = made(&world).await?.len();
        // A new process each time: what one remembers is not known to a plan.
        let operator = world.operator(&Start::default())?;
        world.kubectl_apply(&manifest).await?.checked()?;
        let object = world.api.get(name).await?;
        let generation = object.metadata.generation;
        let (reason, what) =
            (planned["objects"][0]["reason"].as_str().unwrap_or_default(), format!("{planned:#}"));
        world
            .until(name, &what, |object| {
                let conditions = object.status.iter().flat_map(|status| &status.conditions);
                conditions.into_iter().any(|c| c.reason == reason && c.observed_generation == generation)
            })
            .await?;
        world.one_more_pass(name).await?;
        operator.kill().await;
        let done = made(&world).await?.split_off(before);
        ensure!(done == calls(&planned), "round {round}: done {done:?}, planned {planned:#}");
        let again = world.ended(&person, &["plan", "-n", &world.namespace, name]).await?;
        ensure!(again.code == Some(0), "round {round}: after it is done: {again:?}");
    }
    // Deleted under Retain and applied again: the store is found and claimed, and nothing is made.
    let operator = world.operator(&Start::default())?;
    world.delete("new").await?;
    world.until_gone("new").await?;
    operator.kill().await;
    let manifest = world.manifest("new", json!({"description": "other"}));
    let planned = plan_file(&world, &person, &manifest).await?;
    ensure!(calls(&planned) == ["TagResource", "UpdateSequenceStore"], "{planned:#}");
    let before = made(&world).await?.len();
    let _operator = world.operator(&Start::default())?;
    world.kubectl_apply(&manifest).await?.checked()?;
    world.until_ready("new").await?;
    let done = made(&world).await?.split_off(before);
    ensure!(done == calls(&planned), "done {done:?}, planned {planned:#}");
    Ok(())
}

async fn what_is_planned_for_a_deletion_is_what_is_done(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let person = world.person("view").await?;
    let (gone, full, kept) = (world.seed().await?, world.seed().await?, world.seed().await?);
    world.aws.add_read_sets(&full.id, 3, "ACTIVE").await?;
    world.adopt("gone", &gone).await?;
    world.adopt("full", &full).await?;
    let retained = json!({"sequenceStoreId": kept.id, "deletionPolicy": "Retain"});
    world.create("kept", serde_json::from_value(retained)?).await?;
    let mut plans = Vec::new();
    for (name, code) in [("gone", 1), ("full", 3), ("kept", 0)] {
        world.until_ready(name).await?;
        let ended =
            world.ended(&person, &["plan", "-n", &world.namespace, name, "--delete", "-o", "json"]).await?;
        ensure!(ended.code == Some(code), "{name}: {ended:?}");
        plans.push(calls(&ended.json()?));
    }
    ensure!(plans == [vec!["DeleteSequenceStore"], vec!["DeleteSequenceStore"], vec![]], "{plans:?}");
    ensure!(world.deletes().await? == 0, "a plan has deleted");
    for name in ["gone", "full", "kept"] {
        world.delete(name).await?;
    }
    world.until_gone("gone").await?;
    world.until_gone("kept").await?;
    world.until_blocked("full", sequencestore_operator::crd::DeletionBlockReason::ReadSets).await?;
    world.ensure_there_in_aws(&kept).await
}

/// No operator runs here, so that whatever is changed was changed by a plan.
async fn a_plan_changes_nothing(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let person = world.person("edit").await?;
    let tagged = |uid: &str| SeedStore {
        tags: [("healthomics.dev/uid".to_owned(), uid.to_owned())].into(),
        ..SeedStore::default()
    };
    let (free, other) = (world.seed().await?, world.seed_with(tagged("somebody")).await?);
    for (name, spec) in [
        (
            "adopting",
            json!({"sequenceStoreId": free.id, "description": "new", "tags": {"a": "1"}, "s3AccessPolicy": {}}),
        ),
        ("stolen", json!({"sequenceStoreId": other.id})),
        ("missing", json!({"sequenceStoreId": "9876543210"})),
        ("creating", json!({"name": "to be made"})),
    ] {
        world.create(name, serde_json::from_value(spec)?).await?;
    }
    let versions = |objects: Vec<sequencestore_operator::crd::SequenceStore>| -> Vec<_> {
        objects.iter().map(|object| (object.name_any(), object.resource_version())).collect()
    };
    let before = versions(world.api.list(&Default::default()).await?.items);
    let stores = world.aws.all_stores().await?;
    let mark = world.mark();

    let mut planned = 0;
    for name in ["adopting", "stolen", "missing", "creating"] {
        for flags in [&["-o", "json"][..], &["--delete"], &["--cluster-name=e2e"]] {
            let arguments = [&["plan", "-n", &world.namespace, name], flags].concat();
            let ended = world.ended(&person, &arguments).await?;
            ensure!([Some(0), Some(1), Some(3)].contains(&ended.code), "{arguments:?}: {ended:?}");
            planned += 1;
        }
        for spec in
            [json!({"sequenceStoreId": free.id, "name": "x"}), json!({"name": "y", "region": "eu-west-1"})]
        {
            let manifest = world.manifest(name, spec);
            let ended = world.ended_with(&person, &["plan", "-f", "-"], &manifest).await?;
            ensure!(ended.code.is_some_and(|code| code != 2), "{manifest}: {ended:?}");
            planned += 1;
        }
    }
    ensure!(planned == 20, "{planned} plans");

    let changing = world.mutating_calls().await?;
    ensure!(changing.is_empty(), "AWS was asked for changes: {changing:?}");
    ensure!(world.aws.ledger().await?.len() > planned, "AWS was not looked at");
    ensure!(world.aws.all_stores().await? == stores, "stores have changed");
    let requests = world.cluster.plane.audit().requests_since(&mark);
    let theirs: Vec<_> = requests.iter().filter(|request| request.user == person.user).collect();
    let writes: Vec<_> = theirs.iter().filter(|request| request.is_write()).collect();
    ensure!(
        !writes.is_empty() && writes.len() < theirs.len(),
        "{} of {} requests",
        writes.len(),
        theirs.len()
    );
    let real: Vec<_> = writes.iter().filter(|request| !request.uri.contains("dryRun=All")).collect();
    ensure!(real.is_empty(), "written to the cluster: {real:?}");
    ensure!(versions(world.api.list(&Default::default()).await?.items) == before, "objects have changed");
    Ok(())
}

async fn exit_codes_tell_what_comes_of_it(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let person = world.person("view").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let plan = async |arguments: &[&str]| {
        world.ended(&person, &[&["plan", "-n", &world.namespace], arguments].concat()).await
    };
    let settled = plan(&["a"]).await?;
    ensure!(settled.code == Some(0) && settled.stdout.contains("Nothing to do."), "{settled:?}");
    let qualified = format!("{}/a", world.namespace);
    ensure!(world.ended(&person, &["plan", &qualified]).await?.code == Some(0), "by namespace/name");

    let never = json!({"sequenceStoreId": "9876543210"});
    world.create("never", serde_json::from_value(never)?).await?;
    let stuck = plan(&["a", "never", "-o", "json"]).await?;
    ensure!(stuck.code == Some(3) && stuck.json()?["objects"][1]["reason"] == "StoreNotFound", "{stuck:?}");

    let drifted = world.manifest("a", json!({"sequenceStoreId": store.id, "description": "new"}));
    let changes = world.ended_with(&person, &["plan", "-f", "-"], &drifted).await?;
    ensure!(changes.code == Some(1) && changes.stdout.contains("UpdateSequenceStore"), "{changes:?}");

    for (code, says) in [
        ("AccessDeniedException", "permissions"),
        ("ExpiredTokenException", "AWS_PROFILE"),
        ("InternalServerException", "AWS_ENDPOINT_URL_OMICS"),
    ] {
        let fault = Fault::always("GetSequenceStore", FaultAction::error(code));
        world.aws.script_fault(&fault).await?;
        plan(&["a"]).await?.ensure_mistake(says)?;
        world.aws.clear_faults().await?;
    }
    Ok(())
}

async fn files_are_checked_by_the_api_server(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (editor, viewer) = (world.person("edit").await?, world.person("view").await?);
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let frozen = world.manifest("a", json!({"sequenceStoreId": store.id, "eTagAlgorithmFamily": "SHA512up"}));
    for (spec, says) in [
        (frozen, "AWS cannot change eTagAlgorithmFamily"),
        (world.manifest("b", json!({"sequenceStoreId": "arn:x"})), "10 to 36 digits"),
        (world.manifest("b", json!({"descripton": "x"})), "unknown field spec.descripton"),
        (world.manifest("b", json!({"tags": "x"})), "spec.tags"),
    ] {
        let ended = world.ended_with(&editor, &["plan", "-f", "-", "-o", "json"], &spec).await?;
        let plan = ended.json()?;
        let object = &plan["objects"][0];
        ensure!(ended.code == Some(3) && object["reason"] == "InvalidSpec", "{spec}: {ended:?}");
        ensure!(object["message"].as_str().is_some_and(|text| text.contains(says)), "{says}: {object}");
    }
    // What an annotation cannot be meant to say is pointed out.
    let mut misspelt: Value =
        serde_json::from_str(&world.manifest("m", json!({"sequenceStoreId": store.id})))?;
    misspelt["metadata"]["annotations"] = json!({"healthomics.dev/pause": "true"});
    let args = ["plan", "-f", "-", "-o", "json"];
    let notes = world.ended_with(&editor, &args, &misspelt.to_string()).await?.json()?["objects"][0]["notes"]
        .to_string();
    ensure!(notes.contains("did you mean healthomics.dev/paused?"), "{notes}");
    // Somebody who may only look gets the plan, and is told that the rules were not asked.
    let fine = world.manifest("a", json!({"sequenceStoreId": store.id}));
    let ended = world.ended_with(&viewer, &["plan", "-f", "-", "-o", "json"], &fine).await?;
    let notes = ended.json()?["objects"][0]["notes"].to_string();
    ensure!(ended.code == Some(0) && notes.contains("not checked by the API server"), "{ended:?}");
    let free = world.seed().await?;
    let adopting = world.manifest("c", json!({"sequenceStoreId": free.id}));
    let ended = world.ended_with(&viewer, &["plan", "-f", "-", "-o", "json"], &adopting).await?;
    let notes = ended.json()?["objects"][0]["notes"].to_string();
    ensure!(ended.code == Some(1) && notes.contains("other namespaces"), "{ended:?}");
    // Several documents, and others among them.
    let all = format!("{fine}\n---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}}}\n---\n{fine}");
    let ended = world.ended_with(&viewer, &["plan", "-f", "-", "-o", "json"], &all).await?;
    ensure!(ended.json()?["objects"].as_array().map(Vec::len) == Some(2), "{ended:?}");
    ensure!(ended.stderr.contains("skipped") && ended.stderr.contains("ConfigMap"), "{ended:?}");
    Ok(())
}

async fn a_plan_needs_no_cluster(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let nobody = Person { kubeconfig: "/nowhere/kubeconfig".into(), user: String::new() };
    let manifest = world.manifest("a", json!({"name": "new"}));
    let ended = world.ended_with(&nobody, &["plan", "-f", "-", "-o", "json"], &manifest).await?;
    ensure!(ended.code == Some(1) && calls(&ended.json()?) == ["CreateSequenceStore"], "{ended:?}");
    ensure!(ended.stderr.contains("without the cluster") && ended.stderr.lines().count() == 1, "{ended:?}");
    let offline = world.ended_with(&nobody, &["plan", "-f", "-", "--offline"], &manifest).await?;
    ensure!(offline.code == Some(1) && offline.stderr.is_empty(), "{offline:?}");
    // An object read from a cluster carries its uid and its status: without a cluster they are believed.
    let store = world.seed().await?;
    world.adopt("b", &store).await?;
    let operator = world.operator(&Start::default())?;
    world.until_ready("b").await?;
    operator.kill().await;
    let read = world.kubectl(&["get", "seqstore", "b", "-o", "yaml"]).await?.checked()?.stdout;
    let settled = world.ended_with(&nobody, &["plan", "-f", "-", "--offline"], &read).await?;
    ensure!(settled.code == Some(0), "{settled:?}");
    world.ended(&nobody, &["plan", "a/b"]).await?.ensure_mistake("KUBECONFIG")
}

/// As kubectl does it: by a file of the right name on the PATH.
async fn kubectl_finds_the_plugin(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let person = world.person("view").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let directory = tempfile::tempdir()?;
    std::os::unix::fs::symlink(&world.cluster.binary, directory.path().join("kubectl-seqstore"))?;
    let kubectl = &world.cluster.plane.binaries().kubectl;
    let called = async |arguments: &[&str]| -> Result<Ended, Error> {
        let mut command = tokio::process::Command::new(kubectl);
        let plain = world.command(&person, &[]);
        command.env_clear().envs(plain.as_std().get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.env("PATH", directory.path()).arg("seqstore").args(arguments);
        ended(&mut command, "").await
    };
    let plan = called(&["plan", "-n", &world.namespace, "a"]).await?;
    ensure!(plan.code == Some(0) && plan.stdout.contains("Nothing to do."), "{plan:?}");
    let help = called(&["--help"]).await?;
    ensure!(help.stdout.contains("Usage: kubectl seqstore"), "{help:?}");
    ensure!(!help.stdout.contains("sequencestore-operator") && !help.stdout.contains("  run "), "{help:?}");
    let mistake = called(&["plan", "-n", &world.namespace, "b"]).await?;
    mistake.ensure_mistake("not found; `kubectl get seqstore -A`")?;
    ensure!(mistake.stderr.starts_with("kubectl seqstore: "), "{mistake:?}");
    let completions = called(&["completions", "bash"]).await?;
    ensure!(
        completions.stdout.contains("complete") && completions.stdout.contains("kubectl-seqstore"),
        "no completions"
    );
    Ok(())
}

async fn colours_are_for_terminals(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let nobody = Person { kubeconfig: "/nowhere/kubeconfig".into(), user: String::new() };
    let manifest = world.manifest("a", json!({"name": "new"}));
    for (environment, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let mut command = world.command(&nobody, &["plan", "-f", "-", "--offline"]);
        command.envs(environment.iter().copied());
        let ended = ended(&mut command, &manifest).await?;
        ensure!(ended.stdout.contains('\u{1b}') == coloured, "{environment:?}: {ended:?}");
    }
    Ok(())
}

async fn mistakes_of_a_plan_are_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let person = world.person("view").await?;
    let namespace = &world.namespace;
    for (arguments, input, says) in [
        (vec!["plan"], "", "NAME"),
        (vec!["plan", "-n", namespace, "nothing"], "", "kubectl get seqstore -A"),
        (vec!["plan", "-n", namespace, "other/a"], "", "another namespace"),
        (vec!["plan", "kube-system/a"], "", "forbidden"),
        (vec!["plan", "-f", "/nowhere/a.yaml"], "", "/nowhere/a.yaml"),
        (vec!["plan", "-f", "-"], "a: [", "standard input"),
        (vec!["plan", "-f", "-"], "", "contains no SequenceStore"),
        (vec!["plan", "-f", "-"], "{apiVersion: healthomics.dev/v9, kind: SequenceStore}", "v1alpha1"),
        (vec!["plan", "a", "-f", "-"], "", "cannot be used with"),
        (vec!["plan", "a", "--context", "nowhere"], "", "nowhere"),
        (vec!["plan", "a", "--kubeconfig", "/nowhere/config"], "", "/nowhere/config"),
        (vec!["plan", "a", "-o", "yaml"], "", "json"),
        (vec!["plna", "a"], "", "'plan'"),
    ] {
        let ended = world.ended_with(&person, &arguments, input).await?;
        ended.ensure_mistake(says).map_err(|error| format!("{arguments:?}: {error}"))?;
    }
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was asked");
    Ok(())
}
