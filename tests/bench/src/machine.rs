//! The machine and the versions that a run was measured with. I/O: reads `/proc`, runs programs with `--version`.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::cluster::Cluster;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_gib: f64,
    pub kernel: String,
    pub operator: String,
    pub operator_mib: f64,
    /// The commit of the working tree, with `+` when it has changes.
    pub commit: String,
    pub kubernetes: String,
    pub rust: String,
    /// Whether it is a release build, and whether it is the static one of the image.
    pub build: String,
}

pub async fn describe(cluster: &Cluster) -> Result<Machine, Error> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let operator = &cluster.programs.operator;
    Ok(Machine {
        cpu: cpu(&file("/proc/cpuinfo")).unwrap_or_else(|| "unknown".into()),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_gib: memory_gib(&file("/proc/meminfo")).unwrap_or_default(),
        kernel: file("/proc/sys/kernel/osrelease").trim().to_owned(),
        operator: first_line(Command::new(operator).arg("--version")),
        operator_mib: std::fs::metadata(operator)?.len() as f64 / 1024.0 / 1024.0,
        commit: commit(),
        kubernetes: cluster.plane.client().apiserver_version().await?.git_version,
        rust: first_line(Command::new("rustc").arg("--version")),
        build: build(operator)?,
    })
}

/// Bench and operator are of one build, unless the command line names another operator.
fn build(operator: &Path) -> Result<String, Error> {
    if std::env::current_exe()?.parent() != operator.parent() {
        return Ok("given by --operator".to_owned());
    }
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let linked = if cfg!(target_env = "musl") { "static (musl), as in the image" } else { "dynamic" };
    Ok(format!("{profile} build, {linked}"))
}

fn cpu(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn memory_gib(meminfo: &str) -> Option<f64> {
    let kib = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: f64 = kib.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0 / 1024.0)
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").to_owned()
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        let here = env!("CARGO_MANIFEST_DIR");
        first_line(Command::new("git").args(["-C", here]).args(arguments))
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]) != "unknown";
    format!("{}{}", git(&["rev-parse", "--short", "HEAD"]), if changed { "+" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_read_from_proc() {
        let found = cpu("processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nflags\t: fpu\n");
        assert_eq!(found.as_deref(), Some("A CPU @ 2 GHz"));
        assert_eq!(cpu("processor: 0"), None);
        assert_eq!(memory_gib("MemTotal:       25165824 kB\nMemFree: 1 kB\n"), Some(24.0));
    }
}
