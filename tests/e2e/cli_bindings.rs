//! The commands `plan`, `export` and `permissions` in a cluster with AccountBindings.

use std::sync::Arc;

use healthomics_simulator::{Role, SeedStore};
use sequencestore_operator::crd::SequenceStoreSpec;
use serde_json::{Value, json};

use crate::bindings::{ACCOUNTS, about_stores, role, start};
use crate::cli_runner::{CliUser, Output};
use crate::world::{ACCOUNT, Cluster, Error, World, condition, ensure, message, status, tests};

tests![
    plan_says_which_binding_applies_and_refuses_what_is_outside_its_limits,
    plan_demands_credentials_of_the_account_of_the_binding,
    plan_forecasts_what_the_operator_says_without_a_usable_binding,
    plan_reads_labels_only_where_a_binding_selects_by_them,
    plan_says_that_bindings_are_not_known_to_this_user,
    plan_takes_bindings_from_manifests,
    export_leaves_out_what_the_binding_of_the_namespace_does_not_allow,
    the_printed_policies_let_the_operator_act_under_the_binding_and_nobody_else,
    permissions_of_a_binding_reports_mistakes_in_one_line,
];

/// The access key of every user of the command line.
const PERSON: &str = "AKIAPERSON0000000000";

async fn plan(world: &World, user: &CliUser, manifest: &str) -> Result<(Output, Value), Error> {
    let output = world.run_with_input(user, &["plan", "-f", "-", "-o", "json"], manifest).await?;
    let object = output.json()?["objects"][0].clone();
    Ok((output, object))
}

async fn plan_of(world: &World, user: &CliUser, name: &str) -> Result<(Output, Value), Error> {
    let output = world.run(user, &["plan", "-n", &world.namespace, name, "-o", "json"]).await?;
    let object = output.json()?["objects"][0].clone();
    Ok((output, object))
}

fn notes(object: &Value) -> String {
    object["notes"].to_string()
}

async fn ensure_nothing_was_assumed(world: &World) -> Result<(), Error> {
    let ledger = world.aws.ledger().await?;
    ensure!(!ledger.iter().any(|call| call.operation == "sts:AssumeRole"), "a command has assumed a role");
    Ok(())
}

async fn plan_says_which_binding_applies_and_refuses_what_is_outside_its_limits(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let spec = json!({
        "namespaces": [world.namespace], "roleArn": role(ACCOUNT),
        "allow": {"locations": ["s3://lab/"], "regions": ["us-east-1"]},
    });
    let binding = world.bind_with(&world.namespace, spec).await?;
    for (spec, limit) in [
        (json!({"fallbackLocation": "s3://others/"}), "spec.allow.locations"),
        (json!({"region": "eu-west-1"}), "spec.allow.regions"),
    ] {
        let (output, object) = plan(&world, &user, &world.manifest("a", spec)).await?;
        let text = object["message"].as_str().unwrap_or_default();
        ensure!(output.code == Some(3) && object["reason"] == "InvalidSpec", "{output:?}");
        ensure!(text.contains(&binding) && text.contains(limit), "{text}");
    }
    ensure!(about_stores(world.aws.ledger().await?).is_empty(), "AWS was asked about stores");
    let (output, object) =
        plan(&world, &user, &world.manifest("a", json!({"fallbackLocation": "s3://lab/x/"}))).await?;
    ensure!(
        output.code == Some(1) && object["steps"][0]["call"] == "omics:CreateSequenceStore",
        "{output:?}"
    );
    ensure!(object["binding"] == json!(binding) && notes(&object).contains(&role(ACCOUNT)), "{object}");
    ensure!(notes(&object).contains("--account-bindings"), "no operator has looked at it: {object}");
    ensure_nothing_was_assumed(&world).await?;
    world.unbind(&binding).await
}

async fn plan_demands_credentials_of_the_account_of_the_binding(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    let manifest = world.manifest("a", json!({}));
    let (output, object) = plan(&world, &user, &manifest).await?;
    let error = object["error"].as_str().unwrap_or_default();
    ensure!(
        output.code == Some(2) && error.contains(&format!("use credentials of account {}", ACCOUNTS[0])),
        "{output:?}"
    );
    for words in [&binding, &world.namespace, ACCOUNT] {
        ensure!(error.contains(words), "{words}: {error}");
    }
    ensure!(about_stores(world.aws.ledger().await?).is_empty(), "another account was asked about stores");
    world.aws.set_account(PERSON, ACCOUNTS[0]).await?;
    let (output, object) = plan(&world, &user, &manifest).await?;
    ensure!(output.code == Some(1) && object["accountId"] == ACCOUNTS[0], "{output:?}");
    ensure_nothing_was_assumed(&world).await?;
    // A store on record in an account that is not the binding's: the operator does not reach it either.
    world.unbind(&binding).await?;
    let operator = world.operator(&start(&[]))?;
    world.create("pinned", SequenceStoreSpec::default()).await?;
    world.until_ready("pinned").await?;
    let binding = world.bind(&world.namespace, ACCOUNTS[0]).await?;
    let object = world.until_condition("pinned", "Ready", "False", "WrongAccount").await?;
    operator.kill().await;
    let (output, planned) = plan_of(&world, &user, "pinned").await?;
    ensure!(output.code == Some(3) && planned["reason"] == "WrongAccount", "{output:?}");
    ensure!(planned["message"] == message(&object, "Ready"), "{planned}");
    world.unbind(&binding).await
}

async fn plan_forecasts_what_the_operator_says_without_a_usable_binding(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let as_said = async |reason: &str| -> Result<(), Error> {
        let object = world.until_condition("genomes", "Ready", "False", reason).await?;
        let (output, planned) = plan_of(&world, &user, "genomes").await?;
        ensure!(output.code == Some(3) && planned["reason"] == reason, "{output:?}");
        let (said, planned) = (message(&object, "Ready"), planned["message"].clone());
        ensure!(reason == "BindingNotReady" || planned == said, "{planned} is not {said}");
        Ok(())
    };
    let operator = world.operator(&start(&["--require-account-binding"]))?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    as_said("BindingMissing").await?;
    let first = world.bind(&world.namespace, ACCOUNT).await?;
    world.until_ready("genomes").await?;
    let second = world.bind(&world.namespace, ACCOUNTS[1]).await?;
    as_said("BindingConflict").await?;
    for binding in [&first, &second] {
        world.unbind(binding).await?;
    }
    as_said("BindingMissing").await?;
    world.set_role(ACCOUNT, Role { denied: true, ..Role::default() }).await?;
    let denied = world.bind(&world.namespace, ACCOUNT).await?;
    world.until_binding(&denied, "False", "RoleNotAssumable").await?;
    as_said("BindingNotReady").await?;
    operator.kill().await;
    world.unbind(&denied).await
}

async fn plan_reads_labels_only_where_a_binding_selects_by_them(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let label = json!({"metadata": {"labels": {"tenant": world.namespace}}}).to_string();
    let spec = json!({
        "namespaceSelector": {"matchLabels": {"tenant": world.namespace}}, "roleArn": role(ACCOUNT),
    });
    let binding = world.bind_with(&world.namespace, spec).await?;
    let manifest = world.manifest("a", json!({}));
    let (_, object) = plan(&world, &user, &manifest).await?;
    ensure!(object["binding"] == Value::Null && !notes(&object).contains("AccountBinding"), "{object}");
    let patch = ["patch", "namespace", &world.namespace, "--type=merge", "-p", &label];
    world.cluster.plane.kubectl(&patch).await?.checked()?;
    let (output, object) = plan(&world, &user, &manifest).await?;
    ensure!(output.code == Some(1) && object["binding"] == json!(binding), "{object}");
    world.unbind(&binding).await
}

async fn plan_says_that_bindings_are_not_known_to_this_user(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (user, admin) = (world.cli_user("view").await?, CliUser::admin(&world));
    let operator = world.operator(&start(&[]))?;
    let binding = world.bind(&world.namespace, ACCOUNT).await?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    world.until_ready("genomes").await?;
    operator.kill().await;
    let (output, object) = plan_of(&world, &user, "genomes").await?;
    ensure!(output.code == Some(0), "{output:?}");
    ensure!(
        notes(&object).contains("may not list AccountBindings") && notes(&object).contains(&binding),
        "{object}"
    );
    let (output, object) = plan_of(&world, &admin, "genomes").await?;
    ensure!(output.code == Some(0) && object["binding"] == json!(binding), "{output:?}");
    ensure!(!notes(&object).contains("--account-bindings"), "an operator has looked at it: {object}");
    world.unbind(&binding).await
}

async fn plan_takes_bindings_from_manifests(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    let binding = |spec: Value| json!({"apiVersion": "healthomics.dev/v1alpha1", "kind": "AccountBinding", "metadata": {"name": "lab"}, "spec": spec});
    let limited = binding(json!({
        "namespaces": [world.namespace], "roleArn": role(ACCOUNT), "allow": {"locations": []},
    }));
    let outside = world.manifest("a", json!({"fallbackLocation": "s3://others/"}));
    let offline = async |binding: &Value, store: &str| -> Result<(Output, Value), Error> {
        let both = format!("{binding}\n---\n{store}");
        let flags = ["plan", "-f", "-", "--offline", "-o", "json"];
        let output = world.run_with_input(&user, &flags, &both).await?;
        let object = output.json().map(|report| report["objects"][0].clone()).unwrap_or_default();
        Ok((output, object))
    };
    let (output, object) = offline(&limited, &outside).await?;
    ensure!(output.code == Some(3) && object["reason"] == "InvalidSpec", "{output:?}");
    ensure!(
        output.stderr.is_empty() && object["message"].to_string().contains("spec.allow.locations"),
        "{output:?}"
    );
    let (output, object) = offline(&limited, &world.manifest("a", json!({}))).await?;
    ensure!(output.code == Some(1) && notes(&object).contains("lab from standard input"), "{output:?}");
    let selecting =
        binding(json!({"namespaceSelector": {"matchLabels": {"a": "b"}}, "roleArn": role(ACCOUNT)}));
    let (output, object) = offline(&selecting, &outside).await?;
    ensure!(
        output.code == Some(1) && notes(&object).contains("selects namespaces by their labels"),
        "{output:?}"
    );
    let misspelt = binding(json!({"namespaces": ["a"], "roleArn": role(ACCOUNT), "allow": {"location": []}}));
    let (output, _) = offline(&misspelt, &outside).await?;
    output.ensure_mistake("unknown field spec.allow.location")?;
    // The manifest counts instead of the binding of that name in the cluster.
    let admin = CliUser::admin(&world);
    let live = world.bind(&world.namespace, ACCOUNT).await?;
    let mut edited = limited;
    edited["metadata"]["name"] = json!(live);
    let (output, object) = plan(&world, &admin, &format!("{edited}\n---\n{outside}")).await?;
    ensure!(output.code == Some(3) && object["message"].to_string().contains(&live), "{output:?}");
    world.unbind(&live).await
}

async fn export_leaves_out_what_the_binding_of_the_namespace_does_not_allow(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let seed = |name: &str, location: &str| SeedStore {
        name: Some(name.into()),
        fallback_location: Some(location.into()),
        ..SeedStore::default()
    };
    let inside = world.seed_with(seed("inside", "s3://lab/x/")).await?;
    let partly = world.seed_with(seed("partly", "s3://others/")).await?;
    let other = world.seed_with(seed("other", "s3://lab/")).await?;
    let spec = json!({
        "namespaces": [world.namespace], "roleArn": role(ACCOUNTS[0]),
        "allow": {"locations": ["s3://lab/"], "sequenceStoreIds": [inside.id, partly.id]},
    });
    let binding = world.bind_with(&world.namespace, spec).await?;
    let exported = world.run(&user, &["export", "-n", &world.namespace]).await?;
    let text = &exported.stdout;
    ensure!(exported.code == Some(0) && text.matches("kind: SequenceStore").count() == 2, "{exported:?}");
    ensure!(text.contains(&format!("# left out: store {} (other) is not allowed", other.id)), "{text}");
    ensure!(text.contains("# fallbackLocation is left out") && text.contains("s3://lab/x/"), "{text}");
    ensure!(!text.contains("fallbackLocation: s3://others/"), "{text}");
    ensure!(exported.stderr.contains(&binding) && exported.stderr.contains(ACCOUNTS[0]), "{exported:?}");
    ensure!(exported.stderr.contains("left out 1 store that the AccountBinding"), "{exported:?}");
    let elsewhere = world.run(&user, &["export"]).await?;
    ensure!(elsewhere.stdout.matches("kind: SequenceStore").count() == 3, "{elsewhere:?}");
    world.aws.set_account(PERSON, ACCOUNTS[0]).await?;
    let own = world.run(&user, &["export", "-n", &world.namespace]).await?;
    ensure!(own.code == Some(0) && own.stderr.lines().count() == 1, "{own:?}");
    world.unbind(&binding).await
}

/// The role and the operator have exactly what the command prints.
async fn the_printed_policies_let_the_operator_act_under_the_binding_and_nobody_else(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let spec = json!({
        "namespaces": [world.namespace], "roleArn": role(ACCOUNTS[0]), "externalId": "an-id",
        "allow": {"regions": ["us-east-1"]},
    });
    let binding = world.bind_with(&world.namespace, spec).await?;
    // As the simulator names whoever has a key of this account.
    let operator_role = format!("arn:aws:iam::{ACCOUNT}:role/simulator");
    let flags =
        ["permissions", "--binding", &binding, "--operator-role", &operator_role, "--cluster-name=e2e"];
    let output = world.run(&user, &flags).await?;
    ensure!(output.code == Some(0) && output.stderr.is_empty(), "{output:?}");
    let printed = output.json()?;
    let statements = |policy: &str| printed[policy]["Statement"].as_array().cloned().unwrap_or_default();
    let actions = |policy: &str| -> Vec<String> {
        let all = statements(policy).into_iter();
        all.flat_map(|statement| {
            serde_json::from_value::<Vec<String>>(statement["Action"].clone()).unwrap_or_default()
        })
        .collect()
    };
    let trust = statements("trustPolicy");
    let trusted = trust[0]["Principal"]["AWS"].as_str().unwrap_or_default().to_owned();
    let conditions = trust[0]["Condition"]["StringEquals"].as_object().cloned().unwrap_or_default();
    let external_id = conditions["sts:ExternalId"].as_str().map(ToOwned::to_owned);
    world
        .set_role(ACCOUNTS[0], Role { callers: Some(vec![trusted]), external_id, ..Role::default() })
        .await?;
    world.aws.allow_actions(ACCOUNT, Some(actions("operatorPolicy"))).await?;
    world.aws.allow_actions(ACCOUNTS[0], Some(actions("permissionsPolicy"))).await?;
    let operator = world.operator(&start(&[]))?;
    world.create("genomes", SequenceStoreSpec::default()).await?;
    let object = world.until_ready("genomes").await?;
    ensure!(status(&object).account_id.as_deref() == Some(ACCOUNTS[0]), "{:?}", status(&object));
    ensure!(condition(&object, "Ready").is_some(), "no condition");
    operator.kill().await;
    let ledger = world.aws.ledger().await?;
    ensure!(ledger.iter().all(|call| call.status != 403), "something is denied");
    let assumed: Vec<_> = ledger.iter().filter(|call| call.operation == "sts:AssumeRole").collect();
    ensure!(!assumed.is_empty(), "no role was assumed");
    for call in assumed {
        let request = &call.parameters;
        ensure!(statements("operatorPolicy")[0]["Resource"] == json!([request["RoleArn"]]), "{request}");
        for (key, wanted) in &conditions {
            let sent = match key.strip_prefix("aws:RequestTag/") {
                Some(tag) => &request["Tags"][tag],
                None => &request["ExternalId"],
            };
            ensure!(sent == wanted, "{key} is {sent} in {request}");
        }
        ensure!(conditions.len() == 3, "{conditions:?}");
    }
    world.unbind(&binding).await
}

async fn permissions_of_a_binding_reports_mistakes_in_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let (nobody, admin, viewer) =
        (CliUser::without_cluster(), CliUser::admin(&world), world.cli_user("view").await?);
    let file = json!({
        "apiVersion": "healthomics.dev/v1alpha1", "kind": "AccountBinding", "metadata": {"name": "lab"},
        "spec": {"namespaces": ["a"], "roleArn": role(ACCOUNTS[0])},
    })
    .to_string();
    let flags = ["permissions", "--binding=lab", "-f", "-"];
    let printed = world.run_with_input(&nobody, &flags, &file).await?;
    ensure!(printed.code == Some(0) && printed.json()?["roleArn"] == role(ACCOUNTS[0]), "{printed:?}");
    ensure!(
        printed.stdout.contains("OPERATOR_ROLE") && printed.stderr.contains("--operator-role"),
        "{printed:?}"
    );
    ensure!(
        printed.stdout.contains("CLUSTER_NAME") && printed.stderr.contains("--cluster-name"),
        "{printed:?}"
    );
    for (user, arguments, says) in [
        (&admin, &["--binding=nothing"][..], "kubectl get acctbinding"),
        (&viewer, &["--binding=lab"], "cannot read the AccountBinding lab"),
        (&nobody, &["--binding=lab"], "KUBECONFIG"),
        (&nobody, &["--binding=other", "-f", "-"], "standard input contains no AccountBinding other"),
        (&nobody, &["--binding=lab", "-f", "-", "--account=111122223333"], "cannot be used with"),
        (&nobody, &["--binding=lab", "-f", "-", "--operator-role=operator"], "not of one of its sessions"),
        (&nobody, &["--operator-role", &role(ACCOUNT)], "--binding"),
        (&nobody, &["--cluster-name=production"], "--binding"),
    ] {
        let arguments = [&["permissions"], arguments].concat();
        let output = world.run_with_input(user, &arguments, &file).await?;
        output.ensure_mistake(says).map_err(|error| format!("{arguments:?}: {error}"))?;
    }
    Ok(())
}
