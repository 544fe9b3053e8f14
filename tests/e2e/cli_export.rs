//! The command `export`: its manifests adopt stores, it stays within AWS's quotas, and it finds orphaned stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use healthomics_simulator::{Fault, FaultAction, Knobs, SeedStore, SseConfig};
use kube::ResourceExt;
use sequencestore_operator::crd::{OwnerTags, SequenceStore};
use serde_json::{Value, json};

use crate::cli_runner::{CliUser, Output};
use crate::world::{ACCOUNT, Cluster, Error, Start, World, condition, ensure, status, tests};

tests![
    exported_manifests_are_valid_and_adopt_their_stores,
    export_filters_by_name_tag_status_and_region,
    export_lists_a_thousand_stores_page_by_page,
    export_stays_within_quotas_and_retries_throttled_calls,
    export_orphans_lists_stores_whose_object_is_gone,
    export_reports_every_failure_in_one_line,
];

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn seed(name: &str) -> SeedStore {
    SeedStore { name: Some(name.into()), ..SeedStore::default() }
}

fn names(output: &Output) -> Result<Vec<String>, Error> {
    let list = output.json()?;
    let items = list["items"].as_array().cloned().unwrap_or_default();
    Ok(items.iter().filter_map(|item| item["metadata"]["name"].as_str().map(ToOwned::to_owned)).collect())
}

/// Seeds stores with every oddity that AWS allows; returns how many.
async fn odd_stores(world: &World) -> Result<usize, Error> {
    let key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let stores = [
        SeedStore { description: Some("a: \"b\" # c".into()), ..seed("genomes") },
        seed("Genomes"),
        SeedStore { tags: tags(&[("aws:cloudformation:stack-id", "x"), ("team", "on")]), ..seed("123") },
        SeedStore { name: None, ..SeedStore::default() },
        seed("ゲノム"),
        seed(&"long name ".repeat(12)),
        seed("no"),
        SeedStore {
            sse_config: Some(SseConfig { kind: "KMS".into(), key_arn: Some(key.into()) }),
            propagated_set_level_tags: vec!["b".into(), "a".into()],
            fallback_location: Some("s3://bucket/prefix/".into()),
            access_log_location: Some("s3://logs/p/".into()),
            e_tag_algorithm_family: Some("SHA512up".into()),
            ..seed("everything")
        },
        SeedStore { tags: (0..50).map(|n| (format!("k{n}"), "v".to_owned())).collect(), ..seed("many tags") },
        SeedStore {
            status: "FAILED".into(),
            status_message: Some("bad\u{2028}key".into()),
            ..seed("failed")
        },
    ];
    let count = stores.len();
    for store in stores {
        world.seed_with(store).await?;
    }
    Ok(count)
}

async fn exported_manifests_are_valid_and_adopt_their_stores(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, user) = (World::new(cluster).await?, CliUser::without_cluster());
    let count = odd_stores(&world).await?;
    let owned = tags(&[("healthomics.dev/uid", "u")]);
    world.seed_with(SeedStore { tags: owned, ..seed("owned") }).await?;
    let before = world.aws.all_stores().await?;

    let yaml = world.run(&user, &["export", "-n", &world.namespace]).await?;
    ensure!(yaml.code == Some(0), "{yaml:?}");
    ensure!(yaml.stdout.contains("# left out: store"), "the owned store is not mentioned: {}", yaml.stdout);
    ensure!(yaml.stderr.lines().count() == 1 && !yaml.stderr.contains('\u{1b}'), "{}", yaml.stderr);
    let apply = ["apply", "--dry-run=server", "-f", "-"];
    let checked = world.cluster.plane.kubectl_stdin(&apply, &yaml.stdout).await?.checked()?.stdout;
    ensure!(checked.lines().filter(|line| line.contains("created")).count() == count, "{checked}");
    let json = world.run(&user, &["export", "-n", &world.namespace, "-o", "json"]).await?;
    world.cluster.plane.kubectl_stdin(&apply, &json.stdout).await?.checked()?;
    let unique: BTreeSet<String> = names(&json)?.into_iter().collect();
    ensure!(unique.len() == count, "{unique:?}");
    let bare = world.run(&user, &["export", "-n", &world.namespace, "--bare", "-o", "json"]).await?;
    ensure!(names(&bare)?.len() == count + 1, "{bare:?}");

    // Applied unchanged, every manifest matches its store.
    world.kubectl_apply(&yaml.stdout).await?.checked()?;
    let _operator = world.operator(&Start::default())?;
    for name in unique.iter().filter(|name| *name != "failed") {
        let object = world.until_condition(name, "Synced", "True", "InSync").await?;
        ensure!(status(&object).drift.is_empty(), "{name}: {:?}", status(&object).drift);
    }
    world.until_condition("failed", "Ready", "False", "Failed").await?;
    ensure!(world.mutating_calls().await?.is_empty(), "mutating calls were made");
    ensure!(world.aws.all_stores().await? == before, "stores have changed");

    // Under Manage the operator only adds the owner tags.
    let store = world.seed_with(seed("managed")).await?;
    let flags = ["export", "-n", &world.namespace, "--name=managed", "--management-policy=manage"];
    let managed = world.run(&user, &flags).await?;
    world.kubectl_apply(&managed.stdout).await?.checked()?;
    let object = world.until_ready("managed").await?;
    ensure!(status(&object).store.is_some_and(|shown| shown.id == store.id), "another store");
    let changes = world.mutating_calls().await?;
    ensure!(changes.iter().all(|call| call.operation == "TagResource"), "{changes:?}");
    let again = world.run(&user, &["export", "--name=managed", "-o", "json"]).await?;
    ensure!(names(&again)?.is_empty() && again.stderr.contains("--include-owned"), "{again:?}");
    let included = world.run(&user, &["export", "--name=managed", "-o", "json", "--include-owned"]).await?;
    ensure!(names(&included)? == ["managed"], "{included:?}");
    Ok(())
}

async fn export_filters_by_name_tag_status_and_region(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, user) = (World::new(cluster).await?, CliUser::without_cluster());
    world.seed_with(SeedStore { tags: tags(&[("team", "a"), ("x", "")]), ..seed("genomes-1") }).await?;
    world.seed_with(SeedStore { tags: tags(&[("team", "b")]), ..seed("genomes-2") }).await?;
    world.seed_with(SeedStore { status: "FAILED".into(), ..seed("genomes-1") }).await?;
    world.seed_with(seed("archive")).await?;
    let elsewhere = SeedStore { region: "eu-west-1".into(), ..seed("genomes-1") };
    world.seed_with(elsewhere).await?;
    let all = names(&world.run(&user, &["export", "-o", "json"]).await?)?;
    ensure!(all.len() == 4 && all[..3] == ["archive", "genomes-1", all[2].as_str()], "{all:?}");
    let second = all[2].clone();
    ensure!(second.starts_with("genomes-1-"), "{all:?}");
    // A filter does not change an object's name.
    for (flags, expected) in [
        (&["--name=genomes-?"][..], vec!["genomes-1", &second, "genomes-2"]),
        (&["--name=genomes-1", "--status=failed"], vec![&second]),
        (&["--name=archive", "--name=*-2"], vec!["archive", "genomes-2"]),
        (&["--tag=team"], vec!["genomes-1", "genomes-2"]),
        (&["--tag=team=a", "--tag=x"], vec!["genomes-1"]),
        (&["--tag=team=a", "--bare"], vec!["genomes-1"]),
        (&["--status=active,failed", "--name=genomes-1"], vec!["genomes-1", &second]),
        (&["--region=eu-west-1"], vec!["genomes-1"]),
        (&["--name=nothing"], vec![]),
    ] {
        let output = world.run(&user, &[&["export", "-o", "json"], flags].concat()).await?;
        ensure!(output.code == Some(0) && names(&output)? == expected, "{flags:?}: {output:?}");
    }
    let table = world.run(&user, &["export", "-o", "table", "--name=archive"]).await?;
    ensure!(table.stdout.lines().count() == 2 && table.stdout.starts_with("STORE ID"), "{table:?}");
    Ok(())
}

async fn export_lists_a_thousand_stores_page_by_page(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, user) = (World::new(cluster).await?, CliUser::without_cluster());
    for number in 0..1050 {
        world.seed_with(seed(&format!("Store {}", number % 700))).await?;
    }
    let output = world.run(&user, &["export", "--bare", "-o", "json", "--quota-share=1"]).await?;
    let names: BTreeSet<String> = names(&output)?.into_iter().collect();
    ensure!(names.len() == 1050, "{} names", names.len());
    let list = output.json()?;
    let ids: BTreeSet<&str> = list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|i| i["spec"]["sequenceStoreId"].as_str())
        .collect();
    ensure!(ids.len() == 1050, "{} stores", ids.len());
    let ledger = world.aws.ledger().await?;
    ensure!(
        ledger.len() == 11 && ledger.iter().all(|call| call.operation == "ListSequenceStores"),
        "{}",
        ledger.len()
    );
    // AWS repeats a page token: the listing would never end.
    world.aws.set_knobs(&Knobs { repeat_next_token: true, ..Knobs::default() }).await?;
    world.run(&user, &["export", "--bare"]).await?.ensure_mistake("repeats its page token")
}

async fn export_stays_within_quotas_and_retries_throttled_calls(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, user) = (World::new(cluster).await?, CliUser::without_cluster());
    for number in 0..30 {
        world.seed_with(seed(&format!("store-{number}"))).await?;
    }
    world.aws.set_knobs(&Knobs { quotas: true, ..Knobs::default() }).await?;
    let output = world.run(&user, &["export", "-o", "json"]).await?;
    ensure!(names(&output)?.len() == 30, "{output:?}");
    let throttled = world.aws.ledger().await?.into_iter().filter(|call| call.status == 429).count();
    ensure!(throttled == 0, "{throttled} requests beyond AWS's quota");
    world.aws.set_knobs(&Knobs::default()).await?;
    for code in ["ThrottlingException", "InternalServerException"] {
        for operation in ["ListSequenceStores", "GetSequenceStore", "ListTagsForResource"] {
            world.aws.script_fault(&Fault::once(operation, FaultAction::error(code))).await?;
        }
    }
    let output = world.run(&user, &["export", "-o", "json", "--name=store-1*"]).await?;
    ensure!(names(&output)?.len() == 11, "{output:?}");
    // A store that is deleted between List and Get is left out.
    let gone = Fault::once("GetSequenceStore", FaultAction::error("ResourceNotFoundException"));
    world.aws.script_fault(&gone).await?;
    let output = world.run(&user, &["export", "-o", "json", "--name=store-2*"]).await?;
    ensure!(output.code == Some(0) && names(&output)?.len() == 10, "{output:?}");
    Ok(())
}

fn owner(uid: &str, cluster: &str, namespace: &str, name: &str) -> BTreeMap<String, String> {
    let (uid, cluster, namespace, name) = (uid.into(), cluster.into(), namespace.into(), name.into());
    OwnerTags { uid, cluster, namespace, name }.tags()
}

async fn export_orphans_lists_stores_whose_object_is_gone(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    // The cluster name is unique to this test, because the cluster also has the objects of other tests.
    let cluster = world.namespace.clone();
    let start = Start { cluster_name: Box::leak(cluster.clone().into_boxed_str()), ..Start::default() };
    let operator = world.operator(&start)?;
    for (name, policy) in [("kept", "Retain"), ("alive", "Delete"), ("again", "Retain")] {
        world.create(name, serde_json::from_value(json!({"deletionPolicy": policy}))?).await?;
        world.until_ready(name).await?;
    }
    let orphans = async |flags: &[&str]| {
        let name = format!("--cluster-name={cluster}");
        world.run(&user, &[&["export", "--orphans", &name], flags].concat()).await
    };
    let none = orphans(&[]).await?;
    ensure!(none.code == Some(0) && none.stdout.is_empty(), "{none:?}");
    for name in ["kept", "again"] {
        world.delete(name).await?;
        world.until_gone(name).await?;
    }
    operator.kill().await;
    // A new object with the name of a deleted one; stores of another cluster and with incomplete tags; a store in
    // deletion.
    world.create("again", serde_json::from_value(json!({}))?).await?;
    world.seed_with(SeedStore { tags: owner("u", "another-cluster", "lab", "a"), ..seed("foreign") }).await?;
    world.seed_with(SeedStore { tags: tags(&[("healthomics.dev/uid", "u")]), ..seed("half") }).await?;
    let leaving =
        SeedStore { tags: owner("u", &cluster, "lab", "b"), status: "DELETING".into(), ..seed("leaving") };
    world.seed_with(leaving).await?;
    let (before, mark) = (world.aws.last_seq().await?, world.mark());

    let found = orphans(&[]).await?;
    let lines: Vec<&str> = found.stdout.lines().collect();
    ensure!(found.code == Some(1) && lines.len() == 3, "{found:?}");
    let line = |name: &str| lines.iter().find(|line| line.contains(&format!("{}/{name} ", world.namespace)));
    ensure!(line("kept").is_some_and(|line| !line.contains("another object")), "{found:?}");
    ensure!(line("again").is_some_and(|line| line.contains("another object has this name now")), "{found:?}");
    let calls = world.aws.ledger_since(before).await?;
    ensure!(!calls.iter().any(healthomics_simulator::LedgerEntry::is_mutating), "mutating calls were made");
    let admin: Vec<_> = world
        .cluster
        .plane
        .audit()
        .requests_since(&mark)
        .into_iter()
        .filter(|request| request.namespace.as_deref() == Some(&world.namespace) && request.is_write())
        .collect();
    ensure!(admin.is_empty(), "written to the cluster: {admin:?}");

    // The manifest of an orphan brings back the object of the former name with the same store.
    let yaml = orphans(&["-o", "yaml", "--management-policy=Manage", "--name=kept"]).await?;
    ensure!(yaml.code == Some(1), "{yaml:?}");
    world.kubectl_apply(&yaml.stdout).await?.checked()?;
    let _operator = world.operator(&start)?;
    let object: SequenceStore = world.until_ready("kept").await?;
    ensure!(condition(&object, "Synced").is_some_and(|c| c.status == "True"), "{:?}", object.status);
    world.until_ready("again").await?;
    let none = orphans(&[]).await?;
    ensure!(none.code == Some(0), "{none:?}");
    let foreign = world.run(&user, &["export", "--orphans", "--cluster-name=nowhere"]).await?;
    ensure!(foreign.code == Some(0) && foreign.stderr.contains("another-cluster"), "{foreign:?}");
    ensure!(object.name_any() == "kept", "{object:?}");
    Ok(())
}

async fn export_reports_every_failure_in_one_line(cluster: Arc<Cluster>) -> Result<(), Error> {
    let (world, user) = (World::new(cluster).await?, CliUser::without_cluster());
    world.seed().await?;
    for (action, says) in [
        ("omics:ListSequenceStores", "omics:ListSequenceStores"),
        ("omics:ListTagsForResource", "omics:ListTagsForResource"),
        ("omics:GetSequenceStore", "omics:GetSequenceStore"),
    ] {
        let mut allowed = crate::called_operations::allowed(&["--for", "observe"])?;
        allowed.remove(action);
        world.aws.allow_actions(ACCOUNT, Some(allowed.into_iter().collect())).await?;
        world.run(&user, &["export"]).await?.ensure_mistake(says)?;
    }
    world.aws.allow_actions(ACCOUNT, None).await?;
    let changed = async |name: &str, value: &str| {
        let mut command = world.command(&user, &["export"]);
        command.env(name, value);
        crate::cli_runner::run_to_end(&mut command, "").await
    };
    changed("AWS_REGION", "").await?.ensure_mistake("--region")?;
    changed("AWS_ACCESS_KEY_ID", "").await?.ensure_mistake("AWS_PROFILE")?;
    changed("AWS_ENDPOINT_URL_OMICS", "http://127.0.0.1:1")
        .await?
        .ensure_mistake("AWS_ENDPOINT_URL_OMICS")?;
    let viewer = world.cli_user("view").await?;
    world.run(&viewer, &["export", "--orphans"]).await?.ensure_mistake("all namespaces")?;
    for (arguments, says) in [
        (&["export", "--status=sleeping"][..], "ACTIVE"),
        (&["export", "--tag==x"], "key=value"),
        (&["export", "--quota-share=2"], "0.8"),
        (&["export", "--orphans", "--bare"], "cannot be used with"),
        (&["export", "-n", "Lab"], "lower-case"),
        (&["export", "--orphans"], "KUBECONFIG"),
    ] {
        world.run(&user, arguments).await?.ensure_mistake(says)?;
    }
    let nothing: Vec<Value> = Vec::new();
    let empty = world.run(&user, &["export", "--name=none", "-o", "json"]).await?;
    ensure!(empty.json()?["items"] == json!(nothing), "{empty:?}");
    Ok(())
}
