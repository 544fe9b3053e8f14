//! Runs the commands that `docs/command-line.md` shows and compares their output with the document.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use healthomics_simulator::SeedStore;
use sequencestore_operator::crd::OwnerTags;
use serde_json::json;

use crate::cli_runner::{CliUser, run_to_end};
use crate::world::{Cluster, Error, Start, World, ensure, tests};

tests![the_document_shows_the_real_output];

const DOCUMENT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md"));
/// The account in the document.
const ACCOUNT: &str = "111122223333";
/// The namespace in the document; the test replaces it with its own.
const NAMESPACE: &str = "lab";

/// The fenced code blocks of a language.
fn blocks(language: &str) -> impl Iterator<Item = &'static str> {
    let fence = format!("```{language}\n");
    DOCUMENT.split(&fence.leak()[..]).skip(1).filter_map(|rest| rest.split("```").next())
}

/// Creates the stores that the document describes: an adopted one, one without an owner, and a retained one.
async fn arrange(world: &World) -> Result<(), Error> {
    for key in ["AKIAPERSON0000000000", "AKIAOPERATOR00000000"] {
        world.aws.set_account(key, ACCOUNT).await?;
    }
    let seed = |id: &str, name: &str, tags: BTreeMap<String, String>| SeedStore {
        account: ACCOUNT.into(),
        id: Some(id.into()),
        name: Some(name.into()),
        creation_time: Some("2026-03-01T09:30:00.000Z".into()),
        tags,
        ..SeedStore::default()
    };
    let text = |text: &str| text.to_owned();
    let team = BTreeMap::from([(text("team"), text("genomics"))]);
    let former = OwnerTags {
        uid: text("5f0c3b1e-7a52-4c39-9d53-0d5b7e1f6a20"),
        cluster: text("production"),
        namespace: text(NAMESPACE),
        name: text("pilot"),
    };
    let description = Some(text("Reads of the 2025 cohort"));
    let genomes = SeedStore { description, ..seed("3936421177", "genomes-2026", BTreeMap::new()) };
    let archive = SeedStore {
        description: Some(text("Reads before 2020")),
        e_tag_algorithm_family: Some(text("SHA256up")),
        ..seed("7148590366", "Archive (2019)", team)
    };
    for store in [genomes, archive, seed("5820174435", "pilot", former.tags())] {
        world.seed_with(store).await?;
    }
    world.create("genomes", serde_json::from_value(json!({"sequenceStoreId": "3936421177"}))?).await?;
    Ok(())
}

/// Splits a command line into words and removes the single quotes around them.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(|word| word.trim_matches('\'').to_owned()).collect()
}

async fn the_document_shows_the_real_output(cluster: Arc<Cluster>) -> Result<(), Error> {
    let world = World::new(cluster).await?;
    let user = CliUser::admin(&world);
    arrange(&world).await?;
    let operator = world.operator(&Start { cluster_name: "production", ..Start::default() })?;
    world.until_ready("genomes").await?;
    operator.kill().await;

    let directory = tempfile::tempdir()?;
    let localized = |text: &str| text.replace(&format!("{NAMESPACE}/"), &format!("{}/", world.namespace));
    let manifest = blocks("yaml").next().ok_or("no manifest")?;
    let manifest = manifest.replace("namespace: lab", &format!("namespace: {}", world.namespace));
    std::fs::write(directory.path().join("genomes.yaml"), manifest)?;
    let plugin = directory.path().join("kubectl-seqstore");
    std::os::unix::fs::symlink(&world.cluster.binary, &plugin)?;

    let (mut compared, mut wrong) = (0, String::new());
    for block in blocks("console").filter(|block| block.starts_with("$ ")) {
        let (line, expected) = block.split_once('\n').ok_or("no output")?;
        let arguments = line.strip_prefix("$ kubectl seqstore ").ok_or("another program")?;
        let arguments: Vec<String> = words(&localized(arguments));
        let arguments: Vec<&str> =
            arguments.iter().map(|word| if word == NAMESPACE { &*world.namespace } else { word }).collect();
        let printed = run(&world, &user, &plugin, &arguments, directory.path()).await?;
        let printed = printed.replace(&world.namespace, NAMESPACE);
        if printed != expected {
            wrong.push_str(&format!("{line}\n{printed}\n"));
        }
        compared += 1;
    }
    ensure!(wrong.is_empty(), "the real output differs from the document:\n{wrong}");
    ensure!(compared >= 5, "only {compared} commands are shown");
    Ok(())
}

/// Returns standard output followed by standard error.
async fn run(
    world: &World,
    user: &CliUser,
    program: &Path,
    arguments: &[&str],
    directory: &Path,
) -> Result<String, Error> {
    let plain = world.command(user, &[]);
    let mut command = tokio::process::Command::new(program);
    command.env_clear().envs(plain.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let printed = run_to_end(command.args(arguments).current_dir(directory), "").await?;
    Ok(printed.stdout + &printed.stderr)
}
