//! The pages in docs/ as a reader follows them: every command is run as written and in order, and what a page shows
//! of the output is what comes.
//!
//! A block `yaml` is saved under the name of its object, a block `console` is run by a shell, and a block `text` is
//! what the block before it prints, `…` standing for anything. What happens besides, in AWS or to the operator, a page
//! tells in words; to the test it tells it in comments that no reader sees: `<!-- test: aws change genomes {…} -->`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use healthomics_simulator::{Knobs, SeedStore, StoreRecord};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Cluster, Error, Operator, PATIENCE, POLICY_LABEL, REGION, Start, World, ensure, tests};

tests![
    the_adoption_page_works_as_written,
    the_deletion_page_works_as_written,
    the_drift_page_works_as_written,
];

/// The account that AWS's documentation uses in examples, and ours too.
const ACCOUNT: &str = "111122223333";
/// The longest a block may take.
const PATIENT: Duration = Duration::from_secs(180);

async fn the_adoption_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "adoption.md").await
}

async fn the_deletion_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "deletion.md").await
}

async fn the_drift_page_works_as_written(cluster: Arc<Cluster>) -> Result<(), Error> {
    follow(cluster, "drift.md").await
}

/// One thing that a page tells to do or promises.
#[derive(Debug)]
enum Step {
    Manifest(String),
    Commands(String),
    Output(String),
    Stage(String),
}

async fn follow(cluster: Arc<Cluster>, page: &str) -> Result<(), Error> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = std::fs::read_to_string(&path)?;
    let steps = steps(&text);
    let commands = steps.iter().filter(|step| matches!(step, Step::Commands(_))).count();
    let fenced = text.matches("```console").count();
    ensure!(commands >= 5 && commands == fenced, "{page}: {commands} of {fenced} blocks are understood");
    let mut reader = Reader::new(cluster).await?;
    for step in &steps {
        reader
            .does(step)
            .await
            .map_err(|error| format!("{page}: {step:#?}\n{error}\n{}", reader.world.logs()))?;
    }
    Ok(())
}

fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let stage = line.trim().strip_prefix("<!-- test: ").and_then(|rest| rest.strip_suffix(" -->"));
        let kind: Option<fn(String) -> Step> = match line {
            "```yaml" => Some(Step::Manifest),
            "```console" => Some(Step::Commands),
            "```text" => Some(Step::Output),
            _ => None,
        };
        if let Some(stage) = stage {
            steps.push(Step::Stage(stage.to_owned()));
        } else if let Some(kind) = kind {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            steps.push(kind(block.join("\n")));
        }
    }
    steps
}

/// Somebody who follows a page, with a terminal in a directory of their own.
struct Reader {
    world: World,
    operator: Option<Operator>,
    directory: tempfile::TempDir,
    /// What the last block of commands printed.
    printed: String,
    /// The next block of commands has to be refused.
    refused: bool,
}

impl Reader {
    async fn new(cluster: Arc<Cluster>) -> Result<Self, Error> {
        let world = World::new(cluster).await?;
        world.aws.set_knobs(&Knobs { default_account: ACCOUNT.into(), ..Knobs::default() }).await?;
        let operator = Some(world.operator(&Start::default())?);
        let directory = tempfile::tempdir()?;
        let reader = Self { world, operator, directory, printed: String::new(), refused: false };
        // A terminal whose kubectl is set to the namespace of this test.
        std::fs::copy(reader.world.cluster.plane.kubeconfig(), reader.kubeconfig())?;
        let namespace = &reader.world.namespace;
        reader.shell(&format!("kubectl config set-context --current --namespace={namespace}")).await?;
        // As with the chart's defaults.
        reader.shell(&format!("kubectl label namespace {namespace} {POLICY_LABEL}=on")).await?;
        Ok(reader)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.directory.path().join("kubeconfig")
    }

    async fn does(&mut self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Manifest(text) => {
                let name = text.lines().find_map(|line| line.strip_prefix("  name: ")).ok_or("no name")?;
                std::fs::write(self.directory.path().join(format!("{name}.yaml")), text)?;
            }
            Step::Commands(script) => {
                let refused = std::mem::take(&mut self.refused);
                self.printed = match (self.shell(script).await, refused) {
                    (Ok(printed), false) => printed,
                    (Err(refusal), true) => refusal.to_string(),
                    (Err(error), false) => return Err(error),
                    (Ok(printed), true) => return Err(format!("this is not refused: {printed}").into()),
                };
            }
            Step::Output(expected) => ensure!(
                shows(&self.printed, expected),
                "this is not what is printed:\n{}\n\nit is:\n{}",
                expected,
                self.printed
            ),
            Step::Stage(direction) => self.stage(direction).await?,
        }
        Ok(())
    }

    /// Runs a script as somebody's shell would; returns what it prints.
    async fn shell(&self, script: &str) -> Result<String, Error> {
        let needs_aws = script.lines().any(|line| line.starts_with("aws "));
        let aws = needs_aws.then(aws_cli).flatten();
        if needs_aws && aws.is_none() {
            println!("not run, as there is no AWS CLI (`make conformance` installs one):\n{script}");
            return Ok(String::new());
        }
        let plane = &self.world.cluster.plane;
        let programs = [Some(plane.binaries().kubectl.clone()), aws];
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
            .env("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
            .env("AWS_ACCESS_KEY_ID", "AKIAREADER0000000000")
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret-access-key")
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENT, shell.output()).await??;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{}: {out}{err}", output.status);
        Ok(out.into_owned())
    }

    /// What happens besides the reader's commands, and what has to be so in AWS.
    async fn stage(&mut self, direction: &str) -> Result<(), Error> {
        let (what, rest) = direction.split_once(' ').unwrap_or((direction, ""));
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
            ("aws", rest) => self.in_aws(rest).await,
            ("refused", "") => {
                self.refused = true;
                Ok(())
            }
            _ => Err(format!("no such direction: {direction}").into()),
        }
    }

    async fn in_aws(&self, direction: &str) -> Result<(), Error> {
        let words: Vec<&str> = direction.splitn(3, ' ').collect();
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
            ["removes", name] => aws.remove_store(&self.store(name).await?.id).await?,
            // A store of this name, no other one, and in the end with these members.
            ["shows", name, members] => {
                let members: Value = serde_json::from_str(members)?;
                let end = tokio::time::Instant::now() + PATIENCE;
                loop {
                    let record = serde_json::to_value(self.store(name).await?)?;
                    if holds(&record, &members) {
                        return Ok(());
                    }
                    ensure!(tokio::time::Instant::now() < end, "in AWS: {record:#}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            _ => return Err(format!("no such direction: aws {direction}").into()),
        }
        Ok(())
    }

    /// The one live store of a name.
    async fn store(&self, name: &str) -> Result<StoreRecord, Error> {
        let stores = self.world.aws.stores().await?;
        let mut named: Vec<_> =
            stores.into_iter().filter(|store| store.name.as_deref() == Some(name)).collect();
        ensure!(named.len() == 1, "{} stores of the name {name}: {named:?}", named.len());
        named.pop().ok_or_else(|| "no store".into())
    }
}

/// Whether a record has these members; `null` is for what is not there.
fn holds(record: &Value, members: &Value) -> bool {
    match (record, members) {
        (Value::Object(record), Value::Object(members)) => {
            members.iter().all(|(key, wanted)| holds(record.get(key).unwrap_or(&Value::Null), wanted))
        }
        _ => record == members,
    }
}

/// Whether the expected text is printed, white space apart; `…` stands for anything.
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

/// The AWS CLI: the user's, or the one that the conformance tests installed.
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
