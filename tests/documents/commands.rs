//! Commands in the pages: the program has the subcommand and the flags, `make` the target, the chart the values.
//! I/O: reads files of the repository, and runs programs with `--help`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::pages::{Block, all_pages, blocks, read};
use crate::shell;

/// Programs whose help is not at hand. tests/conformance/test_pages.py looks at the commands of `aws`.
const OTHERS: &[&str] = &[
    "aws",
    "cargo",
    "cosign",
    "curl",
    "date",
    "docker",
    "do",
    "done",
    "eksctl",
    "export",
    "field",
    "gh",
    "git",
    "go",
    "grep",
    "install",
    "jq",
    "ln",
    "nextflow",
    "read",
    "sed",
    "sha256sum",
    "skopeo",
    "source",
    "while",
    "}",
];
/// Global flags with a value, which may come before a subcommand.
const WITH_VALUE: &[&str] = &["-n", "--namespace", "--context", "--kubeconfig"];

#[test]
fn every_command_and_flag_in_the_pages_exists() {
    let mut programs = Programs::new();
    let mut unknown = Vec::new();
    let mut checked = 0;
    for block in command_blocks() {
        for words in shell::commands(&block.text) {
            match programs.complaint(&words) {
                Ok(()) => checked += 1,
                Err(complaint) => unknown.push(format!("{}: {}: {complaint}", block.place, words.join(" "))),
            }
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(checked >= 150, "only {checked} commands are found");
}

#[test]
fn every_value_of_the_chart_in_the_commands_exists() {
    let values: Value =
        serde_saphyr::from_str(&read("charts/sequencestore-operator/values.yaml")).expect("values");
    let mut checked = 0;
    for block in command_blocks() {
        for words in shell::commands(&block.text).into_iter().filter(|words| words[0] == "helm") {
            let set = words.windows(2).filter(|pair| ["--set", "--set-string"].contains(&pair[0].as_str()));
            for path in set.filter_map(|pair| pair[1].split('=').next()) {
                assert!(has_value(&values, path), "{}: the chart has no value {path}", block.place);
                checked += 1;
            }
        }
    }
    assert!(checked >= 10, "only {checked} values are found");
}

/// Whether the chart's values have this path. What is below an empty or absent value is up to the user.
pub fn has_value(values: &Value, path: &str) -> bool {
    let path = path.replace("\\.", "\u{0}");
    let mut here = values;
    for key in path.split('.') {
        match here {
            Value::Object(keys) if !keys.is_empty() => match keys.get(&key.replace('\u{0}', ".")) {
                Some(value) => here = value,
                None => return false,
            },
            _ => return true,
        }
    }
    true
}

fn command_blocks() -> impl Iterator<Item = Block> {
    let all = all_pages().into_iter().flat_map(|file| blocks(&file));
    all.filter(|block| ["console", "sh"].contains(&block.language.as_str()))
}

/// Programs that are asked for their help, each page of it once.
struct Programs {
    kubectl: PathBuf,
    helm: PathBuf,
    /// What `kubectl options` prints.
    kubectl_options: String,
    targets: BTreeSet<String>,
    help: BTreeMap<Vec<String>, String>,
}

impl Programs {
    fn new() -> Self {
        let found = control_plane::binaries().expect("kubectl and helm");
        let targets = read("Makefile");
        let targets = targets.lines().filter(|line| line.contains("## ")).filter_map(|l| l.split(':').next());
        let options = Command::new(&found.kubectl).arg("options").output().expect("kubectl runs");
        Self {
            kubectl: found.kubectl,
            helm: found.helm,
            kubectl_options: String::from_utf8_lossy(&options.stdout).into_owned(),
            targets: targets.map(str::to_owned).collect(),
            help: BTreeMap::new(),
        }
    }

    fn complaint(&mut self, words: &[String]) -> Result<(), String> {
        let second = words.get(1).map_or("", String::as_str);
        match words[0].as_str() {
            "kubectl" if second == "seqstore" => self.check(&["kubectl seqstore"], &words[2..]),
            "kubectl" | "helm" | "sequencestore-operator" => self.check(&[&words[0]], &words[1..]),
            "make" => words[1..]
                .iter()
                .find(|word| !word.contains('=') && !self.targets.contains(*word))
                .map_or(Ok(()), |target| Err(format!("no target {target}"))),
            other if OTHERS.contains(&other) => Ok(()),
            other => Err(format!("{other} is not a program that the pages may use")),
        }
    }

    /// Checks subcommands and flags against the help.
    fn check(&mut self, program: &[&str], words: &[String]) -> Result<(), String> {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        let mut subcommand = Vec::new();
        let mut flags = Vec::new();
        let mut is_value = false;
        for word in &words[..end] {
            if is_value {
                is_value = false;
            } else if word.starts_with('-') && word.len() > 1 {
                is_value = WITH_VALUE.contains(&word.as_str());
                flags.push(word.split('=').next().unwrap_or_default().to_owned());
            } else if flags.iter().all(|flag| WITH_VALUE.contains(&flag.as_str())) {
                subcommand.push(word.as_str());
            }
        }
        let help = self.help_of(program[0], &subcommand)?;
        match flags.iter().find(|flag| !has_flag(&help, flag)) {
            None => Ok(()),
            Some(flag) => Err(format!("no flag {flag}")),
        }
    }

    /// The help of the deepest subcommand that the words name, with the global flags.
    fn help_of(&mut self, program: &str, words: &[&str]) -> Result<String, String> {
        let depth = if ["kubectl", "helm"].contains(&program) { 2 } else { 1 };
        let words: Vec<&str> = words.iter().copied().take(depth).filter(|word| is_name(word)).collect();
        let key: Vec<String> = [program].iter().chain(&words).map(ToString::to_string).collect();
        if let Some(help) = self.help.get(&key) {
            return Ok(help.clone());
        }
        let mut help = self.run(program, &[&words[..], &["--help"]].concat())?;
        if let Some(first) = words.first() {
            let usage = format!("{program} {first}");
            if !help.contains(&usage) {
                return Err(format!("no subcommand {first}"));
            }
        }
        if program == "kubectl" {
            help.push_str(&self.kubectl_options);
        }
        self.help.insert(key, help.clone());
        Ok(help)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        let operator = env!("CARGO_BIN_EXE_sequencestore-operator");
        let mut command = match program {
            "kubectl" => Command::new(&self.kubectl),
            "helm" => Command::new(&self.helm),
            _ => Command::new(operator),
        };
        if program == "kubectl seqstore" {
            command.arg0("kubectl-seqstore");
        }
        let output = command.args(arguments).output().map_err(|error| error.to_string())?;
        if !output.status.success() {
            return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Whether a word can be the name of a subcommand, and not of a file, an object or a variable.
fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

fn has_flag(help: &str, flag: &str) -> bool {
    help.split(|c: char| c.is_whitespace() || "=,[]`".contains(c)).any(|word| word == flag)
}
