//! Finds the programs of a control plane on disk, and downloads or builds missing programs.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::archive;
use crate::go_build::{self, HELM, KUBERNETES, Module, Program};

/// The environment variable that replaces the URL of the official index of envtest archives.
pub const ENVTEST_INDEX_VARIABLE: &str = "SEQSTORE_ENVTEST_INDEX";
const OFFICIAL_INDEX: &str =
    "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml";

/// The absolute paths of the programs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binaries {
    pub etcd: PathBuf,
    pub kube_apiserver: PathBuf,
    pub kube_controller_manager: PathBuf,
    pub kubectl: PathBuf,
    pub helm: PathBuf,
}

/// Finds the programs as [`Search`] describes, and writes progress messages to standard error. Blocks, for minutes when
/// it builds programs.
///
/// # Errors
/// When a program is not found and cannot be built.
pub fn binaries() -> Result<Binaries, Error> {
    Search::from_environment().find(&mut to_stderr)
}

/// Not eprintln!, because the test harness would hold its output back until the end of the test.
pub(crate) fn to_stderr(note: &str) {
    let _ = writeln!(io::stderr(), "control-plane: {note}");
}

/// Where to search. Each program is searched for in this order:
///
/// 1. the directory in `KUBEBUILDER_ASSETS`;
/// 2. an earlier build or download in the cache;
/// 3. the official envtest archive, which holds etcd, kube-apiserver and kubectl;
/// 4. a build from the Go modules `kubernetes` and `helm` in this crate's directory.
#[derive(Clone, Debug)]
pub struct Search {
    /// The value of `KUBEBUILDER_ASSETS`.
    pub assets: Option<PathBuf>,
    /// The directory of earlier builds and downloads.
    pub cache: PathBuf,
    /// The URL of the index of envtest archives.
    pub envtest_index: String,
    /// The path of the `go` command, if Go is installed.
    pub go: Option<PathBuf>,
}

impl Search {
    /// Reads the settings from the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let home = set("HOME").map_or_else(env::temp_dir, PathBuf::from);
        let cache = set("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
        Self {
            assets: set("KUBEBUILDER_ASSETS").map(PathBuf::from),
            cache: cache.join("sequencestore-operator/control-plane"),
            envtest_index: env::var(ENVTEST_INDEX_VARIABLE).unwrap_or_else(|_| OFFICIAL_INDEX.to_owned()),
            go: go_command(set("PATH")),
        }
    }

    /// Finds all programs, and downloads or builds the missing ones. Calls `note` with progress messages and with the
    /// reasons why it did not use a source.
    ///
    /// # Errors
    /// When a program is not found and cannot be built.
    pub fn find(&self, note: &mut dyn FnMut(&str)) -> Result<Binaries, Error> {
        if let Some(missing) = self.assets.as_ref().filter(|assets| !assets.is_dir()) {
            note(&format!("KUBEBUILDER_ASSETS names {}, which is not a directory", missing.display()));
        }
        self.fail_early_without_go()?;
        let archive_failure = self.download_archive_if_needed(note);
        for module in [&KUBERNETES, &HELM] {
            let missing: Vec<_> =
                module.programs.iter().filter(|program| self.locate(program.name).is_none()).collect();
            self.build(module, &missing, archive_failure.as_deref(), note)?;
        }
        Ok(Binaries {
            etcd: self.require("etcd")?,
            kube_apiserver: self.require("kube-apiserver")?,
            kube_controller_manager: self.require("kube-controller-manager")?,
            kubectl: self.require("kubectl")?,
            helm: self.require("helm")?,
        })
    }

    /// Builds the missing programs of a module.
    pub(crate) fn build(
        &self,
        module: &Module,
        missing: &[&Program],
        archive_failure: Option<&str>,
        note: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        if missing.is_empty() {
            return Ok(());
        }
        let go = self.go.as_deref().ok_or_else(|| go_build::go_missing(missing, archive_failure))?;
        go_build::build(module, missing, &self.build_directory(module), go, note)
    }

    /// The archive does not contain every program. If one of the others is missing and there is no Go, a download would
    /// be in vain.
    fn fail_early_without_go(&self) -> Result<(), Error> {
        if self.go.is_some() {
            return Ok(());
        }
        let only_built: Vec<_> = [&KUBERNETES, &HELM]
            .into_iter()
            .flat_map(|module| module.programs)
            .filter(|program| {
                !archive::PROGRAMS.contains(&program.name) && self.locate(program.name).is_none()
            })
            .collect();
        if only_built.is_empty() { Ok(()) } else { Err(go_build::go_missing(&only_built, None)) }
    }

    /// Returns the reason if the archive is needed but cannot be used.
    fn download_archive_if_needed(&self, note: &mut dyn FnMut(&str)) -> Option<String> {
        if archive::PROGRAMS.iter().all(|program| self.locate(program).is_some()) {
            return None;
        }
        let wanted = KUBERNETES.version();
        match archive::fetch(&self.envtest_index, &wanted, &self.archive_directory(), note) {
            Ok(version) => {
                note(&format!("using the envtest archive of Kubernetes {version}"));
                None
            }
            Err(reason) => {
                let reason = format!("the envtest archive is not used: {reason}");
                note(&reason);
                Some(reason)
            }
        }
    }

    fn require(&self, program: &str) -> Result<PathBuf, Error> {
        self.locate(program).ok_or_else(|| Error::Io {
            action: format!("{program} was built but is not in {}", self.cache.display()),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn locate(&self, program: &str) -> Option<PathBuf> {
        let directories = [
            self.assets.clone(),
            Some(self.build_directory(&KUBERNETES)),
            Some(self.build_directory(&HELM)),
            Some(self.archive_directory()),
        ];
        // The path must be absolute, because the programs are started in another working directory.
        directories
            .into_iter()
            .flatten()
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .map(|path| fs::canonicalize(&path).unwrap_or(path))
    }

    pub(crate) fn build_directory(&self, module: &Module) -> PathBuf {
        self.cache.join(module.key())
    }

    fn archive_directory(&self) -> PathBuf {
        self.cache.join(format!("envtest-{}", archive::minor(&KUBERNETES.version())))
    }
}

/// `go` on the PATH, or in the directory where the official installer puts it.
fn go_command(path: Option<OsString>) -> Option<PathBuf> {
    let path = path.unwrap_or_default();
    env::split_paths(&path)
        .chain([Path::new("/usr/local/go/bin").to_owned()])
        .map(|directory| directory.join("go"))
        .find(|command| command.is_file())
}
