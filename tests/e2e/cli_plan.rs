//! The command `plan`: it predicts what the operator does, and changes nothing itself.

use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, SeedStore};
use serde_json::{Value, json};

use crate::cli_runner::{CliUser, Output, run_to_end};
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![
    the_operator_does_what_plan_predicts,
    the_operator_deletes_as_plan_predicts,
    plan_changes_nothing,
    plan_exits_with_0_when_settled_1_for_changes_and_3_when_stuck,
    plan_lets_the_api_server_validate_manifests,
    plan_works_without_a_cluster,
    kubectl_runs_the_plugin,
    plan_prints_no_colours_to_a_pipe_unless_forced,
    plan_reports_every_mistake_in_one_line,
];

fn calls(plan: &Value) -> Vec<String> {
    let steps = plan["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|object| object["steps"].as_array().cloned().unwrap_or_default());
    steps.filter_map(|step| Some(step["call"].as_str()?.trim_start_matches("omics:").to_owned())).collect()
}

async fn plan_file(world: &World, user: &CliUser, manifest: &str) -> Result<Value, Error> {
    let output = world
        .run_with_input(user, &["plan", "-f", "-", "-o", "json", "--cluster-name=e2e"], manifest)
        .await?;
    output.json()
}

/// The mutating calls so far, in order.
async fn mutating_operations(world: &World) -> Result<Vec<String>, Error> {
    Ok(world.mutating_calls().await?.into_iter().map(|entry| entry.operation).collect())
}

/// Runs `plan` on a manifest, applies it, lets the operator finish, and compares the calls; for several manifests.
async fn the_operator_does_what_plan_predicts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("edit").await?;
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
        let planned = plan_file(&world, &user, &manifest).await?;
        let before = mutating_operations(&world).await?.len();
        // A new process for each round, because a plan does not know what a running operator remembers.
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
        // A pass removes the finalizer after it has written the status. The second one starts when the first has ended.
        world.one_more_pass(name).await?;
        world.one_more_pass(name).await?;
        operator.kill().await;
        let done = mutating_operations(&world).await?.split_off(before);
        ensure!(done == calls(&planned), "round {round}: done {done:?}, planned {planned:#}");
        let again = world.run(&user, &["plan", "-n", &world.namespace, name]).await?;
        ensure!(again.code == Some(0), "round {round}: after it is done: {again:?}");
    }
    // After a deletion under Retain, the same manifest adopts the store and creates none.
    let operator = world.operator(&Start::default())?;
    world.delete("new").await?;
    world.until_gone("new").await?;
    operator.kill().await;
    let manifest = world.manifest("new", json!({"description": "other"}));
    let planned = plan_file(&world, &user, &manifest).await?;
    ensure!(calls(&planned) == ["TagResource", "UpdateSequenceStore"], "{planned:#}");
    let before = mutating_operations(&world).await?.len();
    let _operator = world.operator(&Start::default())?;
    world.kubectl_apply(&manifest).await?.checked()?;
    world.until_ready("new").await?;
    let done = mutating_operations(&world).await?.split_off(before);
    ensure!(done == calls(&planned), "done {done:?}, planned {planned:#}");
    Ok(())
}

async fn the_operator_deletes_as_plan_predicts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let user = world.cli_user("view").await?;
    let (gone, full, kept) = (world.seed().await?, world.seed().await?, world.seed().await?);
    world.aws.add_read_sets(&full.id, 3, "ACTIVE").await?;
    world.adopt("gone", &gone).await?;
    world.adopt("full", &full).await?;
    let retained = json!({"sequenceStoreId": kept.id, "deletionPolicy": "Retain"});
    world.create("kept", serde_json::from_value(retained)?).await?;
    let mut plans = Vec::new();
    for (name, code) in [("gone", 1), ("full", 3), ("kept", 0)] {
        world.until_ready(name).await?;
        let output =
            world.run(&user, &["plan", "-n", &world.namespace, name, "--delete", "-o", "json"]).await?;
        ensure!(output.code == Some(code), "{name}: {output:?}");
        plans.push(calls(&output.json()?));
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

/// Runs no operator, so that `plan` is the only possible cause of a change.
async fn plan_changes_nothing(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("edit").await?;
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
    let before = world.resource_versions().await?;
    let stores = world.aws.all_stores().await?;
    let mark = world.mark();

    let mut planned = 0;
    for name in ["adopting", "stolen", "missing", "creating"] {
        for flags in [&["-o", "json"][..], &["--delete"], &["--cluster-name=e2e"]] {
            let arguments = [&["plan", "-n", &world.namespace, name], flags].concat();
            let output = world.run(&user, &arguments).await?;
            ensure!([Some(0), Some(1), Some(3)].contains(&output.code), "{arguments:?}: {output:?}");
            planned += 1;
        }
        for spec in
            [json!({"sequenceStoreId": free.id, "name": "x"}), json!({"name": "y", "region": "eu-west-1"})]
        {
            let manifest = world.manifest(name, spec);
            let output = world.run_with_input(&user, &["plan", "-f", "-"], &manifest).await?;
            ensure!(output.code.is_some_and(|code| code != 2), "{manifest}: {output:?}");
            planned += 1;
        }
    }
    ensure!(planned == 20, "{planned} plans");

    let changing = world.mutating_calls().await?;
    ensure!(changing.is_empty(), "mutating calls were made: {changing:?}");
    ensure!(world.aws.ledger().await?.len() > planned, "too few calls to AWS");
    ensure!(world.aws.all_stores().await? == stores, "stores have changed");
    let requests = world.cluster.plane.audit().requests_since(&mark);
    let theirs: Vec<_> = requests.iter().filter(|request| request.user == user.audit_name).collect();
    let writes: Vec<_> = theirs.iter().filter(|request| request.is_write()).collect();
    let (some, all) = (writes.len(), theirs.len());
    ensure!(some > 0 && some < all, "{some} of {all} requests");
    let real: Vec<_> = writes.iter().filter(|request| !request.uri.contains("dryRun=All")).collect();
    ensure!(real.is_empty(), "written to the cluster: {real:?}");
    ensure!(world.resource_versions().await? == before, "objects have changed");
    Ok(())
}

async fn plan_exits_with_0_when_settled_1_for_changes_and_3_when_stuck(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let user = world.cli_user("view").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let plan = async |arguments: &[&str]| {
        world.run(&user, &[&["plan", "-n", &world.namespace], arguments].concat()).await
    };
    let settled = plan(&["a"]).await?;
    ensure!(settled.code == Some(0) && settled.stdout.contains("Nothing to do."), "{settled:?}");
    let qualified = format!("{}/a", world.namespace);
    ensure!(world.run(&user, &["plan", &qualified]).await?.code == Some(0), "by namespace/name");

    let never = json!({"sequenceStoreId": "9876543210"});
    world.create("never", serde_json::from_value(never)?).await?;
    let stuck = plan(&["a", "never", "-o", "json"]).await?;
    ensure!(stuck.code == Some(3) && stuck.json()?["objects"][1]["reason"] == "StoreNotFound", "{stuck:?}");

    let drifted = world.manifest("a", json!({"sequenceStoreId": store.id, "description": "new"}));
    let changes = world.run_with_input(&user, &["plan", "-f", "-"], &drifted).await?;
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

async fn plan_lets_the_api_server_validate_manifests(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let (editor, viewer) = (world.cli_user("edit").await?, world.cli_user("view").await?);
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
        let output = world.run_with_input(&editor, &["plan", "-f", "-", "-o", "json"], &spec).await?;
        let plan = output.json()?;
        let object = &plan["objects"][0];
        ensure!(output.code == Some(3) && object["reason"] == "InvalidSpec", "{spec}: {output:?}");
        ensure!(object["message"].as_str().is_some_and(|text| text.contains(says)), "{says}: {object}");
    }
    // The plan points out a misspelt annotation.
    let mut misspelt: Value =
        serde_json::from_str(&world.manifest("m", json!({"sequenceStoreId": store.id})))?;
    misspelt["metadata"]["annotations"] = json!({"healthomics.dev/pause": "true"});
    let args = ["plan", "-f", "-", "-o", "json"];
    let notes =
        world.run_with_input(&editor, &args, &misspelt.to_string()).await?.json()?["objects"][0]["notes"]
            .to_string();
    ensure!(notes.contains("did you mean healthomics.dev/paused?"), "{notes}");
    // A user without write permission gets a plan, with a note that the API server did not check the manifest.
    let fine = world.manifest("a", json!({"sequenceStoreId": store.id}));
    let output = world.run_with_input(&viewer, &["plan", "-f", "-", "-o", "json"], &fine).await?;
    let notes = output.json()?["objects"][0]["notes"].to_string();
    ensure!(output.code == Some(0) && notes.contains("not checked by the API server"), "{output:?}");
    let free = world.seed().await?;
    let adopting = world.manifest("c", json!({"sequenceStoreId": free.id}));
    let output = world.run_with_input(&viewer, &["plan", "-f", "-", "-o", "json"], &adopting).await?;
    let notes = output.json()?["objects"][0]["notes"].to_string();
    ensure!(output.code == Some(1) && notes.contains("other namespaces"), "{output:?}");
    // A file with several documents, one of another kind.
    let all = format!("{fine}\n---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}}}\n---\n{fine}");
    let output = world.run_with_input(&viewer, &["plan", "-f", "-", "-o", "json"], &all).await?;
    ensure!(output.json()?["objects"].as_array().map(Vec::len) == Some(2), "{output:?}");
    ensure!(output.stderr.contains("skipped") && output.stderr.contains("ConfigMap"), "{output:?}");
    Ok(())
}

async fn plan_works_without_a_cluster(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    let manifest = world.manifest("a", json!({"name": "new"}));
    let output = world.run_with_input(&user, &["plan", "-f", "-", "-o", "json"], &manifest).await?;
    ensure!(output.code == Some(1) && calls(&output.json()?) == ["CreateSequenceStore"], "{output:?}");
    ensure!(
        output.stderr.contains("without the cluster") && output.stderr.lines().count() == 1,
        "{output:?}"
    );
    let offline = world.run_with_input(&user, &["plan", "-f", "-", "--offline"], &manifest).await?;
    ensure!(offline.code == Some(1) && offline.stderr.is_empty(), "{offline:?}");
    // A manifest read from a cluster has a uid and a status; `--offline` relies on them.
    let store = world.seed().await?;
    world.adopt("b", &store).await?;
    let operator = world.operator(&Start::default())?;
    world.until_ready("b").await?;
    operator.kill().await;
    let read = world.kubectl(&["get", "seqstore", "b", "-o", "yaml"]).await?.checked()?.stdout;
    let settled = world.run_with_input(&user, &["plan", "-f", "-", "--offline"], &read).await?;
    ensure!(settled.code == Some(0), "{settled:?}");
    world.run(&user, &["plan", "a/b"]).await?.ensure_mistake("KUBECONFIG")
}

/// kubectl finds plugins by file name on the PATH.
async fn kubectl_runs_the_plugin(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, _operator) = World::with_operator(cluster).await?;
    let user = world.cli_user("view").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    world.until_ready("a").await?;
    let directory = tempfile::tempdir()?;
    std::os::unix::fs::symlink(&world.cluster.binary, directory.path().join("kubectl-seqstore"))?;
    let kubectl = &world.cluster.plane.binaries().kubectl;
    let called = async |arguments: &[&str]| -> Result<Output, Error> {
        let mut command = tokio::process::Command::new(kubectl);
        let plain = world.command(&user, &[]);
        command.env_clear().envs(plain.as_std().get_envs().filter_map(|(k, v)| Some((k, v?))));
        command.env("PATH", directory.path()).arg("seqstore").args(arguments);
        run_to_end(&mut command, "").await
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

async fn plan_prints_no_colours_to_a_pipe_unless_forced(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    let manifest = world.manifest("a", json!({"name": "new"}));
    for (environment, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let mut command = world.command(&user, &["plan", "-f", "-", "--offline"]);
        command.envs(environment.iter().copied());
        let output = run_to_end(&mut command, &manifest).await?;
        ensure!(output.stdout.contains('\u{1b}') == coloured, "{environment:?}: {output:?}");
    }
    Ok(())
}

async fn plan_reports_every_mistake_in_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("view").await?;
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
        let output = world.run_with_input(&user, &arguments, input).await?;
        output.ensure_mistake(says).map_err(|error| format!("{arguments:?}: {error}"))?;
    }
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was called");
    Ok(())
}
