//! The chart on a real API server: a release from its installation to the next one, its rights, its admission policies.
//!
//! What is said of a release changes the whole cluster. So one control plane of its own goes through all steps, in order
//! and once; each test reports one of them.

mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use control_plane::CommandOutput;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::isolation::established;
use crate::world::{Cluster, Error, Operator, SYSTEM_NAMESPACE, Start, TIMEOUT, World, ensure, tests};

tests![
    the_recipe_of_the_readme_for_a_namespace_administrator_works,
    an_upgrade_from_an_older_chart_works_with_its_values,
    a_rollback_takes_the_crd_back_and_keeps_the_objects,
    the_api_server_refuses_to_delete_the_crd_while_the_release_is_installed,
    two_aliases_of_the_chart_protect_the_objects_of_both_namespaces,
    after_uninstall_the_objects_stay_and_another_release_takes_them_over,
    an_object_that_is_deleted_without_an_operator_waits_and_both_ways_lead_out,
];

type Results = BTreeMap<&'static str, Result<(), String>>;
static RESULTS: OnceCell<Results> = OnceCell::const_new();

/// Runs all steps, the first time, and reports one.
async fn report(cluster: Arc<Cluster>, step: &str) -> Result<(), Error> {
    let results = RESULTS.get_or_try_init(|| run(cluster)).await?;
    Ok(results.get(step).cloned().ok_or("no such step")??)
}

macro_rules! steps {
    ($($test:ident => $step:ident),+ $(,)?) => {
        $(async fn $test(cluster: Arc<Cluster>) -> Result<(), Error> {
            report(cluster, stringify!($step)).await
        })+

        async fn run(like: Arc<Cluster>) -> Result<Results, Error> {
            let life = Life::start(&like).await?;
            let mut results = Results::new();
            $(results.insert(stringify!($step), steps::$step(&life).await.map_err(|e| e.to_string()));)+
            Ok(results)
        }
    };
}

steps! {
    the_recipe_of_the_readme_for_a_namespace_administrator_works => administrator,
    an_upgrade_from_an_older_chart_works_with_its_values => upgrade,
    a_rollback_takes_the_crd_back_and_keeps_the_objects => rollback,
    the_api_server_refuses_to_delete_the_crd_while_the_release_is_installed => crd_protection,
    two_aliases_of_the_chart_protect_the_objects_of_both_namespaces => aliases,
    after_uninstall_the_objects_stay_and_another_release_takes_them_over => reinstallation,
    an_object_that_is_deleted_without_an_operator_waits_and_both_ways_lead_out => wrong_order,
}

/// A cluster in which releases of the chart come and go.
struct Life {
    world: World,
    helm3: PathBuf,
    directory: tempfile::TempDir,
}

impl Life {
    async fn start(like: &Cluster) -> Result<Self, Error> {
        let plane = control_plane::ControlPlane::start().await?;
        let (kubeconfig, binary) = (plane.kubeconfig().to_owned(), like.binary.clone());
        plane.kubectl(&["create", "namespace", SYSTEM_NAMESPACE]).await?.checked()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/tools.sh");
        let output = Command::new(script).arg("helm3").output().await?;
        ensure!(output.status.success(), "no Helm 3: {}", String::from_utf8_lossy(&output.stderr));
        let helm3 = String::from_utf8(output.stdout)?.trim().into();
        let world = World::new(Arc::new(Cluster { plane, kubeconfig, binary })).await?;
        Ok(Self { world, helm3, directory: tempfile::tempdir()? })
    }

    /// Helm 4, in the namespace of the chart.
    async fn helm(&self, arguments: &[&str]) -> Result<CommandOutput, Error> {
        let namespace = ["--namespace", SYSTEM_NAMESPACE];
        Ok(self.world.cluster.plane.helm(&[arguments, &namespace].concat()).await?)
    }

    /// A command line in which `helm`, `kubectl` and the path of the chart are those of the tests; what it printed.
    async fn shell(&self, script: &str) -> Result<CommandOutput, Error> {
        let binaries = self.world.cluster.plane.binaries();
        let directory = |program: &Path| program.parent().unwrap_or(program).display().to_string();
        let path = std::env::var("PATH")?;
        let path = format!("{}:{}:{path}", directory(&binaries.helm), directory(&binaries.kubectl));
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.envs(self.world.cluster.plane.environment()).env("PATH", path);
        let output = command.output().await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(CommandOutput {
            command: script.to_owned(),
            status_code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// kubectl as the administrator of the cluster; what it printed.
    async fn kubectl(&self, arguments: &[&str]) -> Result<String, Error> {
        Ok(self.world.kubectl(arguments).await?.checked()?.stdout)
    }

    /// The operator with the rights of the chart's ServiceAccount.
    async fn operator(&self, account: &str) -> Result<Operator, Error> {
        let kubeconfig = self.world.cluster.plane.kubeconfig_for(SYSTEM_NAMESPACE, account).await?;
        let environment = [("KUBECONFIG", kubeconfig.display().to_string())].into();
        self.world.operator(&Start { environment, ..Start::default() })
    }

    /// Waits until the API server refuses this command with a message that has this in it.
    async fn until_refused(&self, arguments: &[&str], says: &str) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        loop {
            let output = self.world.kubectl(&[arguments, &["--dry-run=server"]].concat()).await?;
            if !output.success() && output.stderr.contains(says) {
                return Ok(());
            }
            ensure!(tokio::time::Instant::now() < end, "never refused: {output:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn until_established(&self) -> Result<(), Error> {
        established(&self.world.cluster.plane).await
    }
}
