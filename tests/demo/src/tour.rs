//! What the steps of the tour are made of: commands that are shown and run, and claims that are checked.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use healthomics_simulator::{LedgerEntry, SimulatorClient, StoreRecord};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::Error;
use crate::parts::Parts;
use crate::screen::Screen;

/// How long anything may take that must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A tour under way.
pub struct Tour<'a> {
    /// Where it is shown.
    pub screen: Screen,
    /// The simulated AWS.
    pub aws: SimulatorClient,
    /// What runs.
    pub parts: &'a Parts,
    objects: Api<DynamicObject>,
    steps: Cell<usize>,
}

impl<'a> Tour<'a> {
    /// Around parts that run.
    pub fn new(screen: Screen, parts: &'a Parts) -> Self {
        let kind = GroupVersionKind::gvk("healthomics.dev", "v1alpha1", "SequenceStore");
        let resource = ApiResource::from_gvk(&kind);
        let objects = Api::namespaced_with(parts.plane.client(), "default", &resource);
        Self { screen, aws: parts.aws(), parts, objects, steps: Cell::new(0) }
    }

    /// Begins a step: its title, and what is done and what to look at.
    pub fn step(&self, title: &str, text: &str) {
        self.steps.set(self.steps.get() + 1);
        self.screen.step(self.steps.get(), title);
        self.screen.say(text);
    }

    /// A file for the commands that follow, and its text for the reader.
    pub fn manifest(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.parts.write(name, text)?;
        self.screen.command(&format!("cat {name}"));
        text.lines().for_each(|line| self.screen.output(line));
        Ok(path)
    }

    /// Shows a command and runs it as a shell would. Its output is shown, and returned.
    pub async fn run(&self, command: &str) -> Result<String, Error> {
        self.screen.command(command);
        let output = self.shell(command).output();
        let output = timeout(PATIENCE * 2, output)
            .await
            .map_err(|_| format!("`{command}` does not come to an end"))??;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().for_each(|line| self.screen.output(line));
        let errors = String::from_utf8_lossy(&output.stderr);
        errors.lines().for_each(|line| self.screen.output(line));
        if output.status.success() {
            Ok(text)
        } else {
            Err(format!("`{command}` failed ({}): {}", output.status, errors.trim()).into())
        }
    }

    /// Shows a command that goes on by itself, and starts it.
    pub fn watch(&self, command: &str) -> Result<Watch, Error> {
        self.screen.command(command);
        let mut child = self.shell(command).spawn()?;
        let output = child.stdout.take().ok_or("the command has no output")?;
        Ok(Watch { screen: self.screen, lines: BufReader::new(output).lines(), _child: child })
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        // In place of the shell: killing it must end the command itself.
        shell
            .args(["-c", &format!("exec {command}")])
            .envs(self.parts.environment())
            .current_dir(self.parts.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C is for this process, which then ends the command.
            .process_group(0)
            .kill_on_drop(true);
        shell
    }

    /// Shows a claim if it holds; ends the tour, with `found`, if it does not.
    pub fn check(&self, claim: &str, holds: bool, found: impl FnOnce() -> String) -> Result<(), Error> {
        if !holds {
            let step = self.steps.get();
            return Err(format!("step {step}: this does not hold: {claim}\nfound: {}", found()).into());
        }
        self.screen.holds(claim);
        Ok(())
    }

    /// An object as the API server has it.
    pub async fn object(&self, name: &str) -> Result<Option<Value>, Error> {
        Ok(self.objects.get_opt(name).await?.map(serde_json::to_value).transpose()?)
    }

    /// The status of an object, or null.
    pub async fn status(&self, name: &str) -> Result<Value, Error> {
        Ok(self.object(name).await?.map(|mut object| object["status"].take()).unwrap_or_default())
    }

    /// A store as AWS has it; none where it is gone.
    pub async fn store(&self, id: &str) -> Result<Option<StoreRecord>, Error> {
        Ok(self.aws.store(id).await?.filter(|store| !store.deleted))
    }

    /// Every request so far that changes something in AWS, or tries to.
    pub async fn changes(&self) -> Result<Vec<LedgerEntry>, Error> {
        let ledger = self.aws.ledger().await?;
        Ok(ledger.into_iter().filter(LedgerEntry::is_mutating).collect())
    }
}

/// The condition of a type in a status.
pub fn condition<'v>(status: &'v Value, kind: &str) -> Option<&'v Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// A command that goes on by itself. Dropping it ends it.
pub struct Watch {
    screen: Screen,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Watch {
    /// Shows what the command prints until a line has `text` in it.
    pub async fn until(&mut self, text: &str) -> Result<(), Error> {
        let lines = async {
            while let Some(line) = self.lines.next_line().await? {
                self.screen.output(&line);
                if line.contains(text) {
                    return Ok(());
                }
            }
            Err(format!("the watch ended before `{text}` was seen").into())
        };
        timeout(PATIENCE, lines).await.map_err(|_| format!("`{text}` was not seen in {PATIENCE:?}"))?
    }
}
