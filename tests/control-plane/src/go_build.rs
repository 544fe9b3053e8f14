//! Builds the programs with `go build` from the modules `kubernetes`, `helm` and `prometheus` into the cache.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::component::tail;
use crate::{Error, Search};

/// Prefix of temporary directories in the cache.
pub(crate) const STAGING_PREFIX: &str = ".staging-";

/// A Go module that sets the versions of programs.
///
/// go.mod and go.sum are compiled in, so that the crate needs no path to its own source at run time.
#[derive(Debug)]
pub(crate) struct Module {
    name: &'static str,
    /// The dependency whose version is part of the cache directory's name.
    main: &'static str,
    go_mod: &'static str,
    go_sum: &'static str,
    /// Go variables that the linker sets. `{version}`, `{major}` and `{minor}` stand for those of the main dependency.
    variables: &'static [&'static str],
    /// Build tags, separated by commas.
    tags: &'static str,
    /// Roughly how long a build takes on two cores.
    minutes: u32,
    pub(crate) programs: &'static [Program],
}

#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    package: &'static str,
}

impl Program {
    pub(crate) fn is_in(&self, directory: &Path) -> bool {
        directory.join(self.name).is_file()
    }
}

pub(crate) const KUBERNETES: Module = Module {
    name: "kubernetes",
    main: "k8s.io/kubernetes",
    go_mod: include_str!("../kubernetes/go.mod"),
    go_sum: include_str!("../kubernetes/go.sum"),
    // Without these the API server reports version v0.0.0, and clients that check the version misbehave.
    variables: &[
        "k8s.io/component-base/version.gitVersion={version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
    ],
    tags: "",
    minutes: 5,
    programs: &[
        Program { name: "etcd", package: "go.etcd.io/etcd/server/v3" },
        Program { name: "kube-apiserver", package: "k8s.io/kubernetes/cmd/kube-apiserver" },
        Program { name: "kube-controller-manager", package: "k8s.io/kubernetes/cmd/kube-controller-manager" },
        Program { name: "kubectl", package: "k8s.io/kubernetes/cmd/kubectl" },
    ],
};

/// Helm has its own module, because it depends on other versions than Kubernetes.
pub(crate) const HELM: Module = Module {
    name: "helm",
    main: "helm.sh/helm/v4",
    go_mod: include_str!("../helm/go.mod"),
    go_sum: include_str!("../helm/go.sum"),
    variables: &["helm.sh/helm/v4/internal/version.version={version}"],
    tags: "",
    minutes: 2,
    programs: &[Program { name: "helm", package: "helm.sh/helm/v4/cmd/helm" }],
};

/// Prometheus has its own module for the same reason. It finds its targets in files here, so the clients of all clouds stay
/// out of it.
pub(crate) const PROMETHEUS: Module = Module {
    name: "prometheus",
    main: "github.com/prometheus/prometheus",
    go_mod: include_str!("../prometheus/go.mod"),
    go_sum: include_str!("../prometheus/go.sum"),
    variables: &["github.com/prometheus/common/version.Version={version}"],
    tags: "remove_all_sd",
    minutes: 3,
    programs: &[
        Program { name: "prometheus", package: "github.com/prometheus/prometheus/cmd/prometheus" },
        Program { name: "promtool", package: "github.com/prometheus/prometheus/cmd/promtool" },
    ],
};

impl Module {
    /// The version of the main dependency, for example `v1.36.3`.
    pub(crate) fn version(&self) -> String {
        self.go_mod
            .lines()
            .filter_map(|line| {
                let mut words = line.trim().trim_start_matches("require ").split_whitespace();
                (words.next()? == self.main).then(|| words.next()).flatten()
            })
            .find(|version| version.starts_with('v'))
            .unwrap_or("v0.0.0")
            .to_owned()
    }

    /// The name of the build's cache directory: it contains the version and a hash of go.mod and go.sum.
    pub(crate) fn key(&self) -> String {
        let sum = Sha256::new().chain_update(self.go_mod).chain_update(self.go_sum).finalize();
        let sum: String = sum.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{sum}", self.name, self.version())
    }

    fn linker_flags(&self) -> String {
        let version = self.version();
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or("0"), numbers.next().unwrap_or("0"));
        self.variables.iter().fold("-s -w".to_owned(), |flags, variable| {
            let variable =
                variable.replace("{version}", &version).replace("{major}", major).replace("{minor}", minor);
            format!("{flags} -X {variable}")
        })
    }
}

/// Builds `programs` of `module` into `directory`. If two processes do so at once, the second waits for the first and
/// uses its programs.
pub(crate) fn build(
    module: &Module,
    programs: &[&Program],
    directory: &Path,
    go: &Path,
    note: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(Error::io(format!("could not create {}", directory.display())))?;
    let _lock = lock(&directory.join(".lock"), note)?;
    let programs: Vec<_> = programs.iter().copied().filter(|program| !program.is_in(directory)).collect();
    if programs.is_empty() {
        return Ok(());
    }
    remove_abandoned(directory);
    note(&format!(
        "building {} {} with Go: about {} minutes on two cores, once",
        names(&programs),
        module.version(),
        module.minutes
    ));
    let staging = tempfile::Builder::new()
        .prefix(STAGING_PREFIX)
        .tempdir_in(directory)
        .map_err(Error::io(format!("could not create a directory in {}", directory.display())))?;
    let source = staging.path();
    for (name, text) in [("go.mod", module.go_mod), ("go.sum", module.go_sum)] {
        crate::credentials::write(&source.join(name), text)?;
    }
    let output = source.join("programs");
    for program in &programs {
        run_go(go, module, program, source, &output)?;
        let target = directory.join(program.name);
        fs::rename(output.join(program.name), &target).map_err(Error::io(format!(
            "could not move {} to {}",
            program.name,
            target.display()
        )))?;
    }
    Ok(())
}

/// `archive_failure` is the reason why the envtest archive could not be used, if it was tried.
pub(crate) fn go_missing(programs: &[&Program], archive_failure: Option<&str>) -> Error {
    let earlier = archive_failure.map_or_else(String::new, |reason| format!(" (Also, {reason}.)"));
    Error::GoMissing { programs: names(programs), earlier }
}

fn names(programs: &[&Program]) -> String {
    programs.iter().map(|program| program.name).collect::<Vec<_>>().join(", ")
}

fn run_go(go: &Path, module: &Module, program: &Program, source: &Path, output: &Path) -> Result<(), Error> {
    let built = isolated(go, source)
        .args(["build", "-tags", module.tags, "-ldflags", &module.linker_flags(), "-o"])
        .arg(output.join(program.name))
        .arg(program.package)
        .output()
        .map_err(Error::io(format!("could not run {}", go.display())))?;
    if built.status.success() {
        return Ok(());
    }
    let output = tail(&String::from_utf8_lossy(&built.stderr), 30);
    Err(Error::Build { programs: program.name.to_owned(), output })
}

/// A `go` command that runs in the module in `directory`. It has the same flags as this crate's own builds, so that all
/// share Go's build cache.
///
/// # Errors
/// When Go is not installed.
pub fn go(directory: &Path) -> Result<Command, Error> {
    let go = Search::from_environment().go.ok_or_else(|| Error::GoMissing {
        programs: format!("the program of {}", directory.display()),
        earlier: String::new(),
    })?;
    Ok(isolated(&go, directory))
}

fn isolated(go: &Path, directory: &Path) -> Command {
    let mut command = Command::new(go);
    command
        .current_dir(directory)
        // The user's Go settings must not affect this build.
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .env("GOFLAGS", "-mod=readonly -trimpath -buildvcs=false")
        .env_remove("GOOS")
        .env_remove("GOARCH");
    command
}

/// Waits for the lock. It is held until the returned file is closed or the process ends.
fn lock(path: &Path, note: &mut dyn FnMut(&str)) -> Result<File, Error> {
    let failed = || Error::io(format!("could not lock {}", path.display()));
    let file = File::create(path).map_err(failed())?;
    if file.try_lock().is_err() {
        note("waiting for another process that is building the same programs");
        file.lock().map_err(failed())?;
    }
    Ok(file)
}

/// Removes the staging directories of killed builds. The caller holds the lock, so no build uses them.
fn remove_abandoned(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX)) {
        // A directory that cannot be removed only takes up space.
        let _ = fs::remove_dir_all(entry.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_key_and_linker_flags_come_from_go_mod() {
        assert!(KUBERNETES.version().starts_with("v1."), "{}", KUBERNETES.version());
        assert!(HELM.version().starts_with("v4."), "{}", HELM.version());
        assert!(KUBERNETES.key().starts_with("kubernetes-v1."));
        let flags = KUBERNETES.linker_flags();
        assert!(flags.contains(&format!("gitVersion={}", KUBERNETES.version())), "{flags}");
        assert!(flags.contains("gitMajor=1 "), "{flags}");
    }

    #[test]
    fn every_program_is_listed_as_a_tool_in_go_mod() {
        for module in [&KUBERNETES, &HELM, &PROMETHEUS] {
            for program in module.programs {
                assert!(
                    module
                        .go_mod
                        .lines()
                        .any(|line| line.trim().trim_start_matches("tool ") == program.package)
                );
            }
        }
    }
}
