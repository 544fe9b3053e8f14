//! The building blocks of the tour's steps: show and run commands, read objects and stores, check claims.

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
use crate::screen::Screen;
use crate::stack::Stack;

/// How long an expected line of output may take. A whole command may take twice as long.
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Tour<'a> {
    pub screen: Screen,
    /// The control API of the simulated AWS.
    pub aws: SimulatorClient,
    pub stack: &'a Stack,
    objects: Api<DynamicObject>,
    steps: Cell<usize>,
}

impl<'a> Tour<'a> {
    pub fn new(screen: Screen, stack: &'a Stack) -> Self {
        let kind = GroupVersionKind::gvk("healthomics.dev", "v1alpha1", "SequenceStore");
        let resource = ApiResource::from_gvk(&kind);
        let objects = Api::namespaced_with(stack.plane.client(), "default", &resource);
        Self { screen, aws: stack.aws(), stack, objects, steps: Cell::new(0) }
    }

    /// Begins a step: prints its title and an explanation.
    pub fn step(&self, title: &str, explanation: &str) {
        self.steps.set(self.steps.get() + 1);
        self.screen.step(self.steps.get(), title);
        self.screen.explain(explanation);
    }

    /// Writes a manifest for the following commands, and shows its text.
    pub fn manifest(&self, name: &str, text: &str) -> Result<PathBuf, Error> {
        let path = self.stack.write(name, text)?;
        self.screen.command(&format!("cat {name}"));
        text.lines().for_each(|line| self.screen.output(line));
        Ok(path)
    }

    /// Shows a command, runs it in a shell, and shows its output. Returns its standard output.
    pub async fn run(&self, command: &str) -> Result<String, Error> {
        self.screen.command(command);
        let output = self.shell(command).output();
        let output = timeout(TIMEOUT * 2, output)
            .await
            .map_err(|_| format!("`{command}` did not end within {:?}", TIMEOUT * 2))??;
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

    /// Shows a command that does not end by itself, and starts it.
    pub fn watch(&self, command: &str) -> Result<Watch, Error> {
        self.screen.command(command);
        let mut child = self.shell(command).spawn()?;
        let output = child.stdout.take().ok_or("the command's standard output is not piped")?;
        Ok(Watch { screen: self.screen, lines: BufReader::new(output).lines(), _child: child })
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        // `exec` replaces the shell, so that killing the child kills the command itself.
        shell
            .args(["-c", &format!("exec {command}")])
            .envs(self.stack.environment())
            .current_dir(self.stack.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal sends Ctrl-C to the whole foreground process group. This process then kills the command.
            .process_group(0)
            .kill_on_drop(true);
        shell
    }

    /// Shows a claim if it is true. Otherwise returns an error with `found`, which ends the tour.
    pub fn check(&self, claim: &str, is_true: bool, found: impl FnOnce() -> String) -> Result<(), Error> {
        if !is_true {
            let step = self.steps.get();
            return Err(format!("step {step}: this is not true: {claim}\nfound: {}", found()).into());
        }
        self.screen.confirmed(claim);
        Ok(())
    }

    pub async fn object(&self, name: &str) -> Result<Option<Value>, Error> {
        Ok(self.objects.get_opt(name).await?.map(serde_json::to_value).transpose()?)
    }

    /// The status of an object, or null if there is none.
    pub async fn status(&self, name: &str) -> Result<Value, Error> {
        Ok(self.object(name).await?.map(|mut object| object["status"].take()).unwrap_or_default())
    }

    /// A store in AWS, unless it has been deleted.
    pub async fn store(&self, id: &str) -> Result<Option<StoreRecord>, Error> {
        Ok(self.aws.store(id).await?.filter(|store| !store.deleted))
    }

    /// Every request so far that changed something in AWS or tried to.
    pub async fn changes(&self) -> Result<Vec<LedgerEntry>, Error> {
        let ledger = self.aws.ledger().await?;
        Ok(ledger.into_iter().filter(LedgerEntry::is_mutating).collect())
    }
}

/// The condition with the given type.
pub fn condition<'v>(status: &'v Value, kind: &str) -> Option<&'v Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// A running command that does not end by itself. Dropping it kills it.
pub struct Watch {
    screen: Screen,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Watch {
    /// Shows the command's output up to the first line that contains `text`.
    pub async fn until(&mut self, text: &str) -> Result<(), Error> {
        let lines = async {
            while let Some(line) = self.lines.next_line().await? {
                self.screen.output(&line);
                if line.contains(text) {
                    return Ok(());
                }
            }
            Err(format!("the watch ended before it printed `{text}`").into())
        };
        timeout(TIMEOUT, lines)
            .await
            .map_err(|_| format!("the watch did not print `{text}` within {TIMEOUT:?}"))?
    }
}
