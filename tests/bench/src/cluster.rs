//! What all measures share: the control plane with the chart, the programs, and the directory of their logs. I/O.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_plane::{AuditMark, AuditedRequest, ControlPlane};
use tokio::process::Command;

use crate::Error;
use crate::process::Guard;
use crate::watchdog::Watchdog;

/// The namespace of the chart.
pub const SYSTEM_NAMESPACE: &str = "sequencestore-system";
/// The name of the Helm release. The chart gives the ServiceAccount the same name.
const RELEASE: &str = "sequencestore-operator";

pub struct Cluster {
    pub plane: ControlPlane,
    /// The kubeconfig of the chart's ServiceAccount.
    pub kubeconfig: PathBuf,
    pub programs: Arc<Programs>,
    pub guard: Arc<Guard>,
    logs: Arc<tempfile::TempDir>,
}

pub struct Programs {
    pub operator: PathBuf,
    pub peer: PathBuf,
    pub simulator: PathBuf,
    /// The flags of `run`, because a figure of an older operator is of use too.
    flags: BTreeSet<String>,
}

impl Programs {
    /// The programs in the directory of this one, and the given operator, if any.
    pub async fn find(operator: Option<PathBuf>) -> Result<Self, Error> {
        let own = std::env::current_exe()?;
        let directory = own.parent().ok_or("this program is in no directory")?;
        let operator = operator.unwrap_or_else(|| directory.join("sequencestore-operator"));
        let (peer, simulator) = (directory.join("bench-peer"), directory.join("healthomics-simulator"));
        for program in [&operator, &peer, &simulator] {
            if !program.is_file() {
                return Err(format!("{} is not built; `make bench` builds it", program.display()).into());
            }
        }
        let help = Command::new(&operator).args(["run", "--help"]).output().await?;
        let flags = flags_in(&String::from_utf8_lossy(&help.stdout));
        Ok(Self { operator, peer, simulator, flags })
    }

    /// Whether `run` has this flag.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }
}

fn flags_in(help: &str) -> BTreeSet<String> {
    let words = help.split(|character: char| character.is_whitespace() || ",.;:()`=[]".contains(character));
    words.filter(|word| word.starts_with("--")).map(ToOwned::to_owned).collect()
}

impl Cluster {
    /// `keep_logs`: the logs of the programs outlive this.
    pub async fn start(operator: Option<PathBuf>, keep_logs: bool) -> Result<Arc<Self>, Error> {
        let programs = Arc::new(Programs::find(operator).await?);
        let guard = Arc::new(Guard {
            watchdog: Arc::new(Watchdog::start()?),
            ticks_per_second: ticks_per_second().await.unwrap_or(100.0),
        });
        let mut logs = tempfile::Builder::new();
        let logs = logs.prefix("sequencestore-bench-logs-").disable_cleanup(keep_logs).tempdir()?;
        Self::of(programs, guard, Arc::new(logs), &[]).await
    }

    /// One more control plane for the same programs. `values` are those of the chart, such as `clusterName=a`.
    pub async fn another(&self, values: &[&str]) -> Result<Arc<Self>, Error> {
        Self::of(self.programs.clone(), self.guard.clone(), self.logs.clone(), values).await
    }

    async fn of(
        programs: Arc<Programs>,
        guard: Arc<Guard>,
        logs: Arc<tempfile::TempDir>,
        values: &[&str],
    ) -> Result<Arc<Self>, Error> {
        let plane = ControlPlane::start().await?;
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../charts/sequencestore-operator");
        let mut install =
            vec!["install", RELEASE, chart, "--namespace", SYSTEM_NAMESPACE, "--create-namespace"];
        install.extend(values.iter().flat_map(|value| ["--set", *value]));
        plane.helm(&install).await?.checked()?;
        plane.kubectl(&["wait", "--for=condition=Established", "crd", "--all"]).await?.checked()?;
        let kubeconfig = plane.kubeconfig_for(SYSTEM_NAMESPACE, RELEASE).await?;
        Ok(Arc::new(Self { plane, kubeconfig, programs, guard, logs }))
    }

    pub async fn audit_mark(&self) -> Result<AuditMark, Error> {
        let audit = self.plane.audit();
        Ok(tokio::task::spawn_blocking(move || audit.mark()).await?)
    }

    /// Requests of the measured programs since `mark`, by verb and resource: those for which `is_counted` holds.
    pub async fn program_requests(
        &self,
        mark: AuditMark,
        is_counted: impl Fn(&AuditedRequest) -> bool,
    ) -> Result<BTreeMap<String, usize>, Error> {
        let audit = self.plane.audit();
        let requests = tokio::task::spawn_blocking(move || audit.requests_since(&mark)).await?;
        let mut counts = BTreeMap::new();
        for request in requests {
            if request.user.starts_with("system:serviceaccount:") && is_counted(&request) {
                *counts.entry(format!("{} {}", request.verb, request.full_resource())).or_default() += 1;
            }
        }
        Ok(counts)
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    pub fn logs(&self) -> &Path {
        self.logs.path()
    }
}

async fn ticks_per_second() -> Option<f64> {
    let output = Command::new("getconf").arg("CLK_TCK").output().await.ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_from_the_help() {
        let help = "  --quota <OPERATION=TPS>  a quota\n      --leader-elect\n  see `--region`.";
        let flags = flags_in(help);
        assert!(["--quota", "--leader-elect", "--region"].iter().all(|flag| flags.contains(*flag)));
        assert!(!flags.contains("--metrics-bind-address"));
    }
}
