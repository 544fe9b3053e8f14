//! Finds the programs a control plane is made of, and downloads or builds those that are missing.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::archive;
use crate::go_build::{self, HELM, KUBERNETES, Module};

/// Names the index of envtest archives, when it is not the official one.
pub const ENVTEST_INDEX_VARIABLE: &str = "SEQSTORE_ENVTEST_INDEX";
const OFFICIAL_INDEX: &str =
    "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml";

/// Where the programs are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Binaries {
    /// The store behind the API server.
    pub etcd: PathBuf,
    /// The API server.
    pub kube_apiserver: PathBuf,
    /// Namespace deletion, garbage collection, ServiceAccounts.
    pub kube_controller_manager: PathBuf,
    /// The command line client.
    pub kubectl: PathBuf,
    /// The package manager.
    pub helm: PathBuf,
}

/// Finds the programs, see [`Search`]. Says on standard error what it does when that takes long. Blocks, for minutes
/// when programs must be built.
///
/// # Errors
/// When a program is nowhere and cannot be built.
pub fn binaries() -> Result<Binaries, Error> {
    // Not eprintln!: the test harness would keep it back until the end of the test.
    Search::from_environment().find(&mut |note| {
        let _ = writeln!(io::stderr(), "control-plane: {note}");
    })
}

/// Where to look. Each program is looked for in this order:
///
/// 1. the directory in `KUBEBUILDER_ASSETS`;
/// 2. an earlier build or download in the cache;
/// 3. the official envtest archive, which holds etcd, kube-apiserver and kubectl;
/// 4. a build from the pinned Go modules beside this crate.
#[derive(Clone, Debug)]
pub struct Search {
    /// The value of `KUBEBUILDER_ASSETS`.
    pub assets: Option<PathBuf>,
    /// The directory of earlier builds and downloads.
    pub cache: PathBuf,
    /// Address of the index of envtest archives.
    pub envtest_index: String,
    /// The Go command, if there is one.
    pub go: Option<PathBuf>,
}

impl Search {
    /// The places the environment names.
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

    /// Finds all programs. `note` is told what takes long and why something was not used.
    ///
    /// # Errors
    /// When a program is nowhere and cannot be built.
    pub fn find(&self, note: &mut dyn FnMut(&str)) -> Result<Binaries, Error> {
        if let Some(missing) = self.assets.as_ref().filter(|assets| !assets.is_dir()) {
            note(&format!("KUBEBUILDER_ASSETS names {}, which is not a directory", missing.display()));
        }
        if self.go.is_none() {
            // What no archive holds can only be built: say so before anything is waited for.
            let only_built: Vec<_> = [&KUBERNETES, &HELM]
                .into_iter()
                .flat_map(|module| module.programs)
                .filter(|program| {
                    !archive::PROGRAMS.contains(&program.name) && self.present(program.name).is_none()
                })
                .collect();
            if !only_built.is_empty() {
                return Err(go_build::go_missing(&only_built, None));
            }
        }
        let mut refusal = None;
        let wants_archive = archive::PROGRAMS.iter().any(|program| self.present(program).is_none());
        if wants_archive {
            let wanted = KUBERNETES.version();
            match archive::fetch(&self.envtest_index, &wanted, &self.archive_directory(), note) {
                Ok(version) => note(&format!("using the envtest archive of Kubernetes {version}")),
                Err(reason) => {
                    let reason = format!("the envtest archive is not used: {reason}");
                    note(&reason);
                    refusal = Some(reason);
                }
            }
        }
        for module in [&KUBERNETES, &HELM] {
            let missing: Vec<_> =
                module.programs.iter().filter(|program| self.present(program.name).is_none()).collect();
            if !missing.is_empty() {
                let directory = self.build_directory(module);
                go_build::build(module, &missing, &directory, self.go.as_deref(), refusal.as_deref(), note)?;
            }
        }
        Ok(Binaries {
            etcd: self.found("etcd")?,
            kube_apiserver: self.found("kube-apiserver")?,
            kube_controller_manager: self.found("kube-controller-manager")?,
            kubectl: self.found("kubectl")?,
            helm: self.found("helm")?,
        })
    }

    fn found(&self, program: &str) -> Result<PathBuf, Error> {
        self.present(program).ok_or_else(|| Error::Io {
            action: format!("{program} was built but is not in {}", self.cache.display()),
            source: io::ErrorKind::NotFound.into(),
        })
    }

    fn present(&self, program: &str) -> Option<PathBuf> {
        let places = [
            self.assets.clone(),
            Some(self.build_directory(&KUBERNETES)),
            Some(self.build_directory(&HELM)),
            Some(self.archive_directory()),
        ];
        // Absolute, because the programs are started from another working directory.
        places
            .into_iter()
            .flatten()
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .map(|path| fs::canonicalize(&path).unwrap_or(path))
    }

    fn build_directory(&self, module: &Module) -> PathBuf {
        self.cache.join(module.key())
    }

    fn archive_directory(&self) -> PathBuf {
        self.cache.join(format!("envtest-{}", archive::minor(&KUBERNETES.version())))
    }
}

/// `go` on the PATH, or where its own installer puts it.
fn go_command(path: Option<OsString>) -> Option<PathBuf> {
    let path = path.unwrap_or_default();
    env::split_paths(&path)
        .chain([Path::new("/usr/local/go/bin").to_owned()])
        .map(|directory| directory.join("go"))
        .find(|command| command.is_file())
}
