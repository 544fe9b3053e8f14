//! Runs the commands of pages in docs/ as written and in order, and compares their output with what the page shows.
//!
//! A block `yaml` is saved as a file named after its object. A shell runs a block `console`. A block `text` is the output
//! of the block before it, in which `…` stands for anything. Comments that a reader does not see tell the test what
//! happens in AWS or to the operator in between: `<!-- test: aws change genomes {…} -->`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Knobs, SeedStore, StoreRecord};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Cluster, Error, Operator, POLICY_LABEL, REGION, Start, TIMEOUT, World, ensure, tests};

tests![
    the_adoption_page_works_as_written,
    the_page_of_adopting_a_fleet_works_as_written,
    the_deletion_page_works_as_written,
    the_drift_page_works_as_written,
    the_page_of_the_first_store_works_as_written,
    the_pipelines_page_works_as_written,
];

/// The example account of AWS's documentation and of the pages.
const ACCOUNT: &str = "111122223333";
const BLOCK_TIMEOUT: Duration = Duration::from_secs(180);

async fn the_adoption_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "adoption.md", 5).await
}

async fn the_page_of_adopting_a_fleet_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "adopting.md", 5).await
}

async fn the_deletion_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "deletion.md", 5).await
}

async fn the_drift_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "drift.md", 5).await
}

async fn the_page_of_the_first_store_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "first-store.md", 5).await
}

async fn the_pipelines_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "pipelines.md", 2).await
}

#[derive(Debug)]
enum Step {
    Manifest(String),
    Commands(String),
    Output(String),
    /// From a comment `<!-- test: … -->`.
    Directive(String),
}

async fn follow(cluster: Arc<Cluster>, page: &str, least: usize) -> Result<(), Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = std::fs::read_to_string(&path)?;
    let steps = steps(&text);
    let commands = steps.iter().filter(|step| matches!(step, Step::Commands(_))).count();
    let fenced = text.matches("```console").count();
    ensure!(commands >= least && commands == fenced, "{page}: parsed {commands} of {fenced} blocks");
    let mut reader = Reader::new(cluster).await?;
    for step in &steps {
        reader
            .perform(step)
            .await
            .map_err(|error| format!("{page}: {step:#?}\n{error}\n{}", reader.world.logs()))?;
    }
    Ok(())
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let directive = line.trim().strip_prefix("<!-- test: ").and_then(|rest| rest.strip_suffix(" -->"));
        let indentation = line.len() - line.trim_start().len();
        let kind: Option<fn(String) -> Step> = match line.trim_start() {
            "```yaml" => Some(Step::Manifest),
            "```console" => Some(Step::Commands),
            "```text" => Some(Step::Output),
            _ => None,
        };
        if let Some(directive) = directive {
            steps.push(Step::Directive(directive.to_owned()));
        } else if let Some(kind) = kind {
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            let block: Vec<&str> = block.map(|line| line.get(indentation..).unwrap_or_default()).collect();
            // A template of CloudFormation is no file of the reader.
            let is_template = block.first().is_some_and(|line| line.starts_with("AWSTemplateFormatVersion"));
            if !is_template {
                steps.push(kind(block.join("\n")));
            }
        }
    }
    steps
}

/// A reader who follows a page in a shell, with a working directory and kubeconfig of their own.
struct Reader {
    world: World,
    operator: Option<Operator>,
    directory: tempfile::TempDir,
    /// Output of the last block of commands.
    printed: String,
    /// Whether the next block of commands has to fail.
    refused: bool,
}

impl Reader {
    async fn new(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let world = World::new(cluster).await?;
        world.aws.set_knobs(&Knobs { default_account: ACCOUNT.into(), ..Knobs::default() }).await?;
        let operator = Some(world.operator(&Start::default())?);
        let directory = tempfile::tempdir()?;
        // The plugin of kubectl, on the reader's PATH.
        std::os::unix::fs::symlink(&world.cluster.binary, directory.path().join("kubectl-seqstore"))?;
        let reader = Self { world, operator, directory, printed: String::new(), refused: false };
        // The reader's kubectl uses the namespace of this test by default.
        std::fs::copy(reader.world.cluster.plane.kubeconfig(), reader.kubeconfig())?;
        let namespace = &reader.world.namespace;
        reader.shell(&format!("kubectl config set-context --current --namespace={namespace}")).await?;
        // Enables the deletion-protection policy, which the chart applies to all namespaces by default.
        reader.shell(&format!("kubectl label namespace {namespace} {POLICY_LABEL}=on")).await?;
        Ok(reader)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    async fn perform(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Manifest(text) => {
                let name = ["  name: ", "  generateName: "]
                    .iter()
                    .find_map(|key| text.lines().find_map(|line| line.strip_prefix(key)))
                    .ok_or("no name")?;
                std::fs::write(self.directory.path().join(format!("{name}.yaml")), text)?;
            }
            Step::Commands(script) => {
                let refused = std::mem::take(&mut self.refused);
                self.printed = match (self.shell(script).await, refused) {
                    (Ok(printed), false) => printed,
                    (Err(refusal), true) => refusal.to_string(),
                    (Err(error), false) => return Err(error),
                    (Ok(printed), true) => {
                        return Err(format!("this succeeds and must not: {printed}").into());
                    }
                };
            }
            Step::Output(expected) => ensure!(
                shows(&self.printed, expected),
                "the page shows:\n{}\n\nthe output is:\n{}",
                expected,
                self.printed
            ),
            Step::Directive(text) => self.run_directive(text).await?,
        }
        Ok(())
    }

    /// Runs a script in the reader's shell; returns its standard output.
    async fn shell(&self, script: &str) -> Result<String, Error> {
        let needs_aws = script.lines().any(|line| line.starts_with("aws "));
        let aws = needs_aws.then(aws_cli).flatten();
        if needs_aws && aws.is_none() {
            println!("not run, as there is no AWS CLI (`make conformance` installs one):\n{script}");
            return Ok(String::new());
        }
        let plane = &self.world.cluster.plane;
        let programs = [
            Some(plane.binaries().kubectl.clone()),
            aws,
            Some(self.directory.path().join("kubectl-seqstore")),
        ];
        let directories =
            programs.iter().flatten().filter_map(|program| program.parent().map(Path::to_owned));
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(directories.chain(std::env::split_paths(&usual)))?;
        let mut shell = Command::new("sh");
        shell
            .args(["-e", "-c", script])
            .current_dir(self.directory.path())
            .env_clear()
            .envs(plane.environment())
            .env("KUBECONFIG", self.kubeconfig())
            .env("PATH", path)
            .env("HOME", std::env::var_os("HOME").unwrap_or_default())
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_ENDPOINT_URL_OMICS", self.world.aws.url())
            .env("AWS_ENDPOINT_URL_STS", self.world.aws.url())
            .env("AWS_REGION", REGION)
            .env("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
            .env("AWS_ACCESS_KEY_ID", "AKIAREADER0000000000")
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret-access-key")
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(BLOCK_TIMEOUT, shell.output()).await??;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}: {out}{err}", output.status);
        Ok(out.into_owned())
    }

    /// Changes AWS or the operator, or checks the store in AWS.
    async fn run_directive(&mut self, text: &str) -> Result<(), Error> {
        let (what, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (what, rest) {
            ("run", script) => self.shell(script).await.map(drop),
            ("operator", "stops") => {
                self.operator.take().ok_or("no operator runs")?.kill().await;
                Ok(())
            }
            ("operator", "starts") => {
                self.operator = Some(self.world.operator(&Start::default())?);
                Ok(())
            }
            ("operator", "may-keep-config-maps") => crate::connection::grant(&self.world).await,
            ("aws", rest) => self.run_aws_directive(rest).await,
            ("refused", "") => {
                self.refused = true;
                Ok(())
            }
            _ => Err(format!("unknown directive: {text}").into()),
        }
    }

    async fn run_aws_directive(&self, text: &str) -> Result<(), Error> {
        let words: Vec<&str> = text.splitn(3, ' ').collect();
        let aws = &self.world.aws;
        match words[..] {
            ["seed", name, members] => {
                let mut seed: Value = serde_json::from_str(members)?;
                seed["name"] = json!(name);
                seed["account"] = json!(ACCOUNT);
                aws.seed_store(&serde_json::from_value::<SeedStore>(seed)?).await?;
            }
            ["change", name, members] => {
                aws.change_store(&self.store(name).await?.id, serde_json::from_str(members)?).await?;
            }
            ["read-sets", name, count] => {
                aws.add_read_sets(&self.store(name).await?.id, count.parse()?, "ACTIVE").await?;
            }
            ["remove-read-sets", name] => {
                aws.remove_read_sets(&self.store(name).await?.id).await?;
            }
            ["removes", name] => aws.remove_store(&self.store(name).await?.id).await?,
            // Waits until the only store of this name has these members.
            ["shows", name, members] => {
                let members: Value = serde_json::from_str(members)?;
                let end = tokio::time::Instant::now() + TIMEOUT;
                loop {
                    let record = serde_json::to_value(self.store(name).await?)?;
                    if holds(&record, &members) {
                        return Ok(());
                    }
                    ensure!(tokio::time::Instant::now() < end, "in AWS: {record:#}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            _ => return Err(format!("unknown directive: aws {text}").into()),
        }
        Ok(())
    }

    /// The only store of this name that is not deleted.
    async fn store(&self, name: &str) -> Result<StoreRecord, Error> {
        let stores = self.world.aws.stores().await?;
        let mut named: Vec<_> =
            stores.into_iter().filter(|store| store.name.as_deref() == Some(name)).collect();
        ensure!(named.len() == 1, "{} stores of the name {name}: {named:?}", named.len());
        named.pop().ok_or_else(|| "no store".into())
    }
}

/// Whether a record has these members; `null` stands for an absent one.
fn holds(record: &Value, members: &Value) -> bool {
    match (record, members) {
        (Value::Object(record), Value::Object(members)) => {
            members.iter().all(|(key, wanted)| holds(record.get(key).unwrap_or(&Value::Null), wanted))
        }
        _ => record == members,
    }
}

/// Compares output with expected text, ignoring white space; `…` stands for anything.
fn shows(printed: &str, expected: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed = plain(printed);
    let mut rest = printed.as_str();
    plain(expected).split('…').all(|part| match rest.find(part.trim()) {
        Some(at) => {
            rest = &rest[at + part.trim().len()..];
            true
        }
        None => false,
    })
}

/// Finds the AWS CLI that the conformance tests installed, or else one on the PATH.
fn aws_cli() -> Option<PathBuf> {
    let runs = |program: &PathBuf| {
        let version = std::process::Command::new(program).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let environments =
        std::fs::read_dir(cache.join("sequencestore-operator")).into_iter().flatten().flatten();
    let installed = environments.map(|entry| entry.path()).filter(|path| path.join(".complete").is_file());
    let installed = installed.map(|path| path.join("bin/aws"));
    let on_path =
        std::env::split_paths(&std::env::var_os("PATH")?).map(|path| path.join("aws")).collect::<Vec<_>>();
    installed.chain(on_path).find(|program| program.is_file() && runs(program))
}
