//! What users type in their first hour, mistakes included: each is done, or answered by one line that says what to do.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::admission::examples::{self, Kind};
use crate::cli_runner::{CliUser, Output, run_to_end};
use crate::world::{Cluster, Error, Start, TIMEOUT, World, ensure, tests};

tests![
    the_plugin_has_no_run_and_says_how_to_start_the_operator,
    a_misspelt_log_level_is_refused_with_the_levels,
    every_command_fails_if_its_output_is_lost,
    every_command_ends_quietly_if_nobody_reads_its_output,
    plan_under_throttling_names_no_flag_that_it_lacks,
    plan_without_a_cluster_refuses_what_the_crd_refuses,
    plan_by_a_user_who_may_not_write_refuses_what_the_crd_refuses,
    plan_takes_names_as_kubectl_prints_them_and_directories,
    plan_without_a_subject_says_what_to_write,
    plan_of_all_namespaces_is_one_line_for_each_object_from_one_listing,
    plan_of_all_namespaces_needs_the_right_to_list_them,
    an_endpoint_without_a_scheme_is_named_in_one_line,
    network_errors_are_told_in_words_and_without_dumps_of_types,
    a_flag_given_twice_has_its_last_value,
    a_failure_of_sts_names_the_endpoint_of_sts,
    a_usage_error_is_one_sentence,
    kubectl_completes_the_plugin,
];

/// What only a dump of a Rust type contains.
const DUMPS: [&str; 8] =
    ["Failure(", "Failure {", "Error {", "Request {", "SdkBody", "ConnectorError", "Uri {", "Some("];

fn ensure_no_dump(text: &str) -> Result<(), Error> {
    let found = DUMPS.iter().find(|dump| text.contains(*dump));
    ensure!(found.is_none(), "{found:?} is in {text}");
    Ok(())
}

/// A directory with the program under both names that kubectl looks for.
fn plugin(cluster: &Cluster) -> Result<(tempfile::TempDir, PathBuf), Error> {
    let directory = tempfile::tempdir()?;
    for name in ["kubectl-seqstore", "kubectl_complete-seqstore"] {
        symlink(&cluster.binary, directory.path().join(name))?;
    }
    let plugin = directory.path().join("kubectl-seqstore");
    Ok((directory, plugin))
}

/// A program with the environment of a user.
fn as_user(world: &World, user: &CliUser, program: &std::path::Path, arguments: &[&str]) -> Command {
    let plain = world.command(user, &[]);
    let mut command = Command::new(program);
    command.env_clear().envs(plain.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(arguments);
    command
}

async fn the_plugin_has_no_run_and_says_how_to_start_the_operator(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(Arc::clone(&cluster)).await?;
    let user = CliUser::without_cluster();
    let (_directory, plugin) = plugin(&cluster)?;
    for arguments in [&["run"][..], &["run", "--help"], &["run", "--region=us-east-1"], &["help", "run"]] {
        let output = run_to_end(&mut as_user(&world, &user, &plugin, arguments), "").await?;
        output.ensure_mistake("sequencestore-operator run")?;
        ensure!(output.stderr.contains("chart"), "{output:?}");
    }
    let help = run_to_end(&mut as_user(&world, &user, &plugin, &["--help"]), "").await?;
    ensure!(help.code == Some(0) && !help.stdout.contains("\n  run"), "{help:?}");
    let script = run_to_end(&mut as_user(&world, &user, &plugin, &["completions", "bash"]), "").await?;
    ensure!(!script.stdout.contains("watch-namespace"), "the completions know the flags of run");
    Ok(())
}

async fn a_misspelt_log_level_is_refused_with_the_levels(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    for level in ["loud", "info,loud", "inf", "sequencestore_operator", "x=loud"] {
        let flag = format!("--log-level={level}");
        let output = world.run(&user, &["run", &flag]).await?;
        output.ensure_mistake("error, warn, info, debug, trace or off")?;
    }
    for level in ["info", "DEBUG", "off", "info,x=debug", "sequencestore_operator=debug,kube=warn"] {
        let flag = format!("--log-level={level}");
        let output = world.run(&user, &["run", &flag]).await?;
        ensure!(output.stderr.contains("/nowhere/kubeconfig"), "{level} is refused: {output:?}");
    }
    Ok(())
}

/// Every command that prints, with its input.
async fn printing_commands(world: &World) -> Result<Vec<(Vec<String>, String)>, Error> {
    let store = world.seed().await?;
    let manifest = world.manifest("a", json!({"sequenceStoreId": store.id}));
    let lines = [
        "crd",
        "plan -f - --offline",
        "plan -f - --offline -o json",
        "export",
        "export -o json",
        "export -o table",
        "permissions",
        "completions bash",
        "--help",
        "--version",
        "help",
        "plan --help",
    ];
    let words = |line: &str| line.split(' ').map(ToOwned::to_owned).collect();
    Ok(lines.iter().map(|line| (words(line), manifest.clone())).collect())
}

/// Runs a command with another standard output than a pipe to the test.
async fn run_into(command: &mut Command, stdout: Stdio, input: &str) -> Result<(Option<i32>, String), Error> {
    use tokio::io::AsyncWriteExt;
    command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await.ok();
    }
    let output = tokio::time::timeout(TIMEOUT, child.wait_with_output()).await??;
    Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

async fn every_command_fails_if_its_output_is_lost(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    for (arguments, input) in printing_commands(&world).await? {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let full = std::fs::File::options().write(true).open("/dev/full")?;
        let (code, errors) = run_into(&mut world.command(&user, &words), full.into(), &input).await?;
        ensure!(
            code == Some(2) && errors.contains("cannot write the output"),
            "{words:?}: {code:?} {errors}"
        );
        ensure!(errors.lines().count() == 1, "{words:?}: {errors}");
    }
    Ok(())
}

async fn every_command_ends_quietly_if_nobody_reads_its_output(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    for (arguments, input) in printing_commands(&world).await? {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let normal = world.run_with_input(&user, &words, &input).await?;
        let (reader, writer) = std::io::pipe()?;
        drop(reader);
        let (code, errors) = run_into(&mut world.command(&user, &words), writer.into(), &input).await?;
        ensure!(
            code == normal.code && errors == normal.stderr,
            "{words:?}: {code:?} {errors}, not {normal:?}"
        );
        ensure!(code.is_some_and(|code| code < 2), "{words:?}: {normal:?}");
    }
    Ok(())
}

async fn plan_under_throttling_names_no_flag_that_it_lacks(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("view").await?;
    let store = world.seed().await?;
    world.adopt("a", &store).await?;
    let help = world.run(&user, &["plan", "--help"]).await?.stdout;
    let fault = Fault::always("GetSequenceStore", FaultAction::error("ThrottlingException"));
    world.aws.script_fault(&fault).await?;
    let output = world.run(&user, &["plan", "-n", &world.namespace, "a", "--cluster-name=e2e"]).await?;
    output.ensure_mistake("AWS throttles omics:GetSequenceStore")?;
    let named = output.stderr.split_whitespace().filter(|word| word.starts_with("--"));
    for flag in named {
        ensure!(help.contains(flag), "plan has no {flag}: {output:?}");
    }
    Ok(())
}

/// The refused examples of new objects, with the part of the answer that says why.
fn refused(namespace: &str) -> Vec<(Value, String)> {
    let new = examples::of(Kind::SequenceStore).into_iter().filter(|example| example.before.is_none());
    new.filter_map(|example| {
        let breaks = example.breaks?;
        let mut object = example.object();
        object["metadata"]["namespace"] = json!(namespace);
        // A limit of the schema is `path keyword`, and worded differently.
        let path = breaks.split([' ', '[', '*']).next().unwrap_or_default().trim_end_matches('.');
        let says = if breaks.starts_with("spec") { path } else { breaks };
        Some((object, says.to_owned()))
    })
    .collect()
}

/// Plans for all refused examples at once.
async fn ensure_refused(world: &World, user: &CliUser, flags: &[&str]) -> Result<(), Error> {
    let examples = refused(&world.namespace);
    ensure!(examples.len() > 60, "only {} examples", examples.len());
    let items: Vec<&Value> = examples.iter().map(|(object, _)| object).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let arguments = [&["plan", "-f", "-", "-o", "json"], flags].concat();
    let output = world.run_with_input(user, &arguments, &list).await?;
    let plans = output.json()?;
    let mut accepted = Vec::new();
    for (number, (object, says)) in examples.iter().enumerate() {
        let plan = &plans["objects"][number];
        let message = plan["message"].as_str().unwrap_or_default();
        if plan["reason"] != "InvalidSpec" || plan["now"] != "AWS was not called" || !message.contains(says) {
            accepted.push(format!("{}: {message}, not: {says}", object["spec"]));
        }
    }
    ensure!(accepted.is_empty(), "{} not refused, or with other words: {accepted:#?}", accepted.len());
    ensure!(output.code == Some(3), "exits with {:?}", output.code);
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was called");
    Ok(())
}

async fn plan_without_a_cluster_refuses_what_the_crd_refuses(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    ensure_refused(&world, &CliUser::without_cluster(), &["--offline"]).await
}

async fn plan_by_a_user_who_may_not_write_refuses_what_the_crd_refuses(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("view").await?;
    ensure_refused(&world, &user, &[]).await
}

async fn plan_takes_names_as_kubectl_prints_them_and_directories(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("view").await?;
    let namespace = &world.namespace;
    let store = world.seed().await?;
    world.adopt("genomes", &store).await?;
    let listed = world.kubectl(&["get", "seqstore", "-o", "name"]).await?.checked()?.stdout;
    for name in [listed.trim(), "seqstore/genomes", "sequencestore/genomes", "SequenceStore/genomes"] {
        let output = world.run(&user, &["plan", "-n", namespace, name]).await?;
        ensure!(output.code == Some(1) && output.stdout.contains("omics:TagResource"), "{name}: {output:?}");
    }
    world.run(&user, &["plan", "-n", namespace, "seqstore"]).await?.ensure_mistake("is the kind")?;
    let admin = CliUser::admin(&world);
    world.run(&admin, &["plan", "seqstore/nothing"]).await?.ensure_mistake("-n seqstore nothing")?;

    let directory = tempfile::tempdir()?;
    let path = directory.path().display().to_string();
    for (file, name) in [("b.yaml", "second"), ("a.yml", "first"), ("c.json", "third")] {
        std::fs::write(directory.path().join(file), world.manifest(name, json!({})))?;
    }
    std::fs::write(directory.path().join("notes.txt"), "no manifest")?;
    let plans = world.run(&user, &["plan", "-f", &path, "-o", "json"]).await?.json()?;
    let names: Vec<_> = plans["objects"].as_array().into_iter().flatten().map(|plan| &plan["name"]).collect();
    ensure!(names == ["first", "second", "third"], "{names:?}");
    let empty = tempfile::tempdir()?.path().display().to_string();
    std::fs::create_dir_all(&empty)?;
    world.run(&user, &["plan", "-f", &empty]).await?.ensure_mistake(".yaml")?;
    std::fs::remove_dir_all(&empty)?;
    let url = ["plan", "-f", "https://example.com/genomes.yaml"];
    world.run(&user, &url).await?.ensure_mistake("plan -f -")
}

async fn plan_without_a_subject_says_what_to_write(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    for arguments in [&["plan"][..], &["plan", "-n", "lab"], &["plan", "-o", "json"]] {
        let output = world.run(&user, arguments).await?;
        for way in ["plan lab/genomes", "-f genomes.yaml", "-A"] {
            output.ensure_mistake(way)?;
        }
    }
    Ok(())
}

/// A user who may read the SequenceStores of all namespaces.
async fn reader_of_all(world: &World) -> Result<CliUser, Error> {
    let user = world.cli_user("view").await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": format!("{}-view", world.namespace)},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "viewer", "namespace": world.namespace}],
    });
    world.kubectl_apply(&binding.to_string()).await?.checked()?;
    let end = tokio::time::Instant::now() + TIMEOUT;
    let kubeconfig = format!("--kubeconfig={}", user.kubeconfig.display());
    let can_list = [kubeconfig.as_str(), "auth", "can-i", "list", "sequencestores.healthomics.dev", "-A"];
    while !world.kubectl(&can_list).await?.success() {
        ensure!(tokio::time::Instant::now() < end, "the user may not list");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(user)
}

async fn plan_of_all_namespaces_is_one_line_for_each_object_from_one_listing(
    _: Arc<Cluster>,
) -> Result<(), Error> {
    // A cluster of its own: the command asks AWS about every object, and other tests have hundreds of them.
    let world = World::new(Cluster::start().await).await?;
    let user = reader_of_all(&world).await?;
    let store = world.seed().await?;
    world.adopt("adopting", &store).await?;
    world.create("missing", serde_json::from_value(json!({"sequenceStoreId": "9876543210"}))?).await?;
    world.create("new", serde_json::from_value(json!({"description": "d"}))?).await?;
    let mark = world.mark();
    let output = world.run(&user, &["plan", "-A"]).await?;
    let lines: Vec<Vec<&str>> = output.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    ensure!(lines[0] == ["NAMESPACE", "NAME", "STORE", "ID", "RESULT", "NEXT"], "{output:?}");
    let of = |name: &str| -> Vec<&Vec<&str>> {
        lines
            .iter()
            .filter(|line| line.first() == Some(&&*world.namespace) && line.get(1) == Some(&name))
            .collect()
    };
    for (name, shows) in [
        ("adopting", "omics:TagResource"),
        ("missing", "StoreNotFound"),
        ("new", "omics:CreateSequenceStore"),
    ] {
        let found = of(name);
        ensure!(found.len() == 1, "{name}: {found:?} in {output:?}");
        ensure!(found[0].iter().any(|word| word.contains(shows)), "{name}: {found:?}");
    }
    ensure!(of("adopting")[0].contains(&&*store.id), "{:?}", of("adopting"));
    ensure!(world.mutating_calls().await?.is_empty(), "a plan changes something");
    let requests = world.cluster.plane.audit().requests_since(&mark);
    let objects: Vec<_> = requests
        .iter()
        .filter(|request| request.user == user.audit_name && request.uri.contains("sequencestores"))
        .map(|request| request.uri.clone())
        .collect();
    ensure!(objects.iter().all(|uri| uri.contains("/sequencestores?")), "not only lists: {objects:?}");
    let first_pages = objects.iter().filter(|uri| !uri.contains("continue=")).count();
    ensure!(first_pages == 1, "{first_pages} listings: {objects:?}");

    let plans = world.run(&user, &["plan", "-A", "-o", "json"]).await?.json()?;
    let ours = plans["objects"].as_array().into_iter().flatten();
    let ours = ours.filter(|plan| plan["namespace"] == *world.namespace).count();
    ensure!(ours == 3, "{ours} of 3 objects in JSON");
    Ok(())
}

async fn plan_of_all_namespaces_needs_the_right_to_list_them(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = world.cli_user("view").await?;
    world.run(&user, &["plan", "-A"]).await?.ensure_mistake("plan lab/genomes")?;
    ensure!(world.aws.ledger().await?.is_empty(), "AWS was called");
    Ok(())
}

async fn an_endpoint_without_a_scheme_is_named_in_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let manifest = world.manifest("a", json!({"sequenceStoreId": "1234567890"}));
    for variable in ["AWS_ENDPOINT_URL_OMICS", "AWS_ENDPOINT_URL_STS"] {
        for arguments in [&["export"][..], &["plan", "-f", "-", "--offline"], &["run"]] {
            let mut command = world.command(&user, arguments);
            command.env(variable, "127.0.0.1:4566");
            let output = run_to_end(&mut command, &manifest).await?;
            ensure!(output.code == Some(2), "{variable} {arguments:?}: {output:?}");
            let last = output.stderr.lines().last().unwrap_or_default();
            ensure!(
                last.contains("`127.0.0.1:4566`") && last.contains("https://"),
                "{arguments:?}: {output:?}"
            );
            ensure!(last.contains(variable), "{arguments:?}: {output:?}");
            ensure_no_dump(&output.stderr)?;
        }
    }
    Ok(())
}

async fn network_errors_are_told_in_words_and_without_dumps_of_types(
    cluster: Arc<Cluster>,
) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    let manifest = world.manifest("a", json!({"sequenceStoreId": "1234567890"}));
    for (endpoint, says) in [
        ("http://127.0.0.1:1", "127.0.0.1:1 refuses the connection"),
        ("http://nowhere.invalid", "DNS does not know nowhere.invalid"),
    ] {
        for arguments in [&["export"][..], &["plan", "-f", "-", "--offline"]] {
            let mut command = world.command(&user, arguments);
            command.env("AWS_ENDPOINT_URL_OMICS", endpoint);
            let output = run_to_end(&mut command, &manifest).await?;
            output.ensure_mistake(says)?;
            ensure_no_dump(&output.stderr)?;
        }
        let mut start = Start { ..Start::default() };
        start.environment.insert("AWS_ENDPOINT_URL_OMICS", endpoint.into());
        let name = if says.contains("DNS") { "unknown" } else { "refused" };
        world.create(name, serde_json::from_value(json!({"sequenceStoreId": "1234567890"}))?).await?;
        let operator = world.operator(&start)?;
        world.until_condition(name, "Ready", "False", "AwsUnavailable").await?;
        let log = operator.log_text();
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("AWS call failed")).collect();
        ensure!(!warnings.is_empty(), "no warning: {log}");
        ensure_no_dump(&warnings.join("\n"))?;
        operator.kill().await;
    }
    Ok(())
}

async fn a_flag_given_twice_has_its_last_value(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    let manifest = world.manifest("a", json!({"name": "new"}));
    let plan = ["plan", "-f", "-", "--offline", "--offline", "--region=eu-west-1", "-o", "text"];
    let plan = [&plan[..], &["--region=us-east-1", "-o", "json"]].concat();
    let output = world.run_with_input(&user, &plan, &manifest).await?;
    ensure!(output.json()?["objects"][0]["region"] == "us-east-1", "{output:?}");
    let export =
        ["export", "--bare", "-o", "yaml", "--bare", "-o", "json", "--quota-share=0.1", "--quota-share=1"];
    ensure!(world.run(&user, &export).await?.json()?["kind"] == "List", "the last -o");
    let permissions =
        ["permissions", "--for", "observe", "--region=us-east-1", "--for=full", "--region=eu-west-1"];
    let policy = world.run(&user, &permissions).await?.stdout;
    for text in ["omics:CreateSequenceStore", "us-east-1", "eu-west-1"] {
        ensure!(policy.contains(text), "{text} is not in {policy}");
    }
    let run = world.run(
        &user,
        &["run", "--log-level=warn", "--log-level=info", "--region=us-east-1", "--region=eu-west-1"],
    );
    ensure!(run.await?.stderr.contains("/nowhere/kubeconfig"), "run refuses a repeated flag");
    Ok(())
}

async fn a_failure_of_sts_names_the_endpoint_of_sts(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    // Without an id, the account comes from STS.
    let manifest = world.manifest("a", json!({"name": "new"}));
    let mut command = world.command(&user, &["plan", "-f", "-", "--offline"]);
    command.env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    let output = run_to_end(&mut command, &manifest).await?;
    output.ensure_mistake("AWS_ENDPOINT_URL_STS")?;
    ensure!(!output.stderr.contains("AWS_ENDPOINT_URL_OMICS"), "{output:?}");
    ensure!(output.stderr.contains("sts:GetCallerIdentity"), "{output:?}");
    Ok(())
}

async fn a_usage_error_is_one_sentence(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::without_cluster();
    for (arguments, says) in [
        (
            &["plan", "a", "--regio", "x"][..],
            "unexpected argument '--regio' found; a similar argument exists: '--region'",
        ),
        (&["plna"], "unrecognized subcommand 'plna'; a similar subcommand exists: 'plan'"),
        (&["export", "--status", "sleeping"], "ACTIVE"),
    ] {
        let output = world.run(&user, arguments).await?;
        output.ensure_mistake(says)?;
        ensure!(!output.stderr.contains("tip:"), "{output:?}");
    }
    Ok(())
}

/// kubectl runs `kubectl_complete-seqstore`; `__complete` is what the shell scripts of kubectl call.
async fn kubectl_completes_the_plugin(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(Arc::clone(&cluster)).await?;
    let user = CliUser::admin(&world);
    let (directory, _) = plugin(&cluster)?;
    let kubectl = &cluster.plane.binaries().kubectl;
    let complete = async |words: &[&str]| -> Result<Output, Error> {
        let arguments = [&["__complete", "seqstore"], words].concat();
        let mut command = as_user(&world, &user, kubectl, &arguments);
        run_to_end(command.env("PATH", directory.path()), "").await
    };
    for (words, expected, files) in [
        (&["p"][..], &["plan", "permissions"][..], false),
        (&["plan", "--of"], &["--offline"], false),
        (&["plan", "-o", ""], &["text", "json"], false),
        (&["permissions", "--for", "ob"], &["observe", "observe-and-delete"], false),
        (&["plan", "-f", ""], &[], true),
        (&["r"], &[], false),
    ] {
        let output = complete(words).await?;
        let mut lines: Vec<&str> =
            output.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
        let directive = lines.pop().unwrap_or_default();
        ensure!(lines == expected, "{words:?}: {output:?}");
        ensure!(directive == if files { ":0" } else { ":4" }, "{words:?}: {output:?}");
    }
    Ok(())
}
