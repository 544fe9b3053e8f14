//! The handle of a running control plane: clients, credentials, kubectl, helm, audit log, shutdown.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};

use crate::command::{self, CommandOutput};
use crate::component::Component;
use crate::{Audit, Binaries, Error, credentials, startup};

/// The user name that [`ControlPlane::client`], [`ControlPlane::kubectl`] and [`ControlPlane::helm`] have in the audit
/// log.
pub const ADMIN: &str = "admin";
/// Longer than any test or demo runs.
const TOKEN_SECONDS: i64 = 7 * 24 * 3600;

/// The user name of a ServiceAccount in the audit log and in RBAC.
#[must_use]
pub fn service_account_user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// A running control plane. It stops when this value is dropped and when this process ends, even by SIGKILL.
///
/// It belongs to no Tokio runtime: tests that each have a runtime of their own can share one in a `static`.
#[derive(Debug)]
pub struct ControlPlane {
    pub(crate) binaries: Binaries,
    pub(crate) directory: PathBuf,
    pub(crate) server: String,
    pub(crate) authority: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) config: kube::Config,
    pub(crate) audit: Audit,
    pub(crate) components: Vec<Component>,
}

impl ControlPlane {
    /// Finds or builds the programs, starts them and waits until they are ready. This takes some seconds when no
    /// program has to be downloaded or built.
    ///
    /// # Errors
    /// When a program cannot be found or built, crashes (with the end of its log), or is not ready within a minute.
    pub async fn start() -> Result<Self, Error> {
        let binaries = tokio::task::spawn_blocking(crate::binaries)
            .await
            .map_err(|error| Error::io("the search for the programs failed")(io::Error::other(error)))??;
        Self::start_with(binaries).await
    }

    /// Like [`Self::start`], with the given programs.
    ///
    /// # Errors
    /// When a component crashes (with the end of its log) or is not ready within a minute.
    pub async fn start_with(binaries: Binaries) -> Result<Self, Error> {
        startup::start(binaries).await
    }

    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// A temporary directory that is removed when the control plane stops. It holds the logs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A new client with the administrator's permissions. It belongs to the current Tokio runtime.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(self.config.clone())
            .expect("startup made a client from the same configuration")
    }

    /// Requests a token for a ServiceAccount with the TokenRequest API. The token is valid for a week.
    ///
    /// # Errors
    /// When the API server refuses, for example because the ServiceAccount does not exist.
    pub async fn token_for(&self, namespace: &str, service_account: &str) -> Result<String, Error> {
        let action = format!("could not get a token for ServiceAccount {namespace}/{service_account}");
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..Default::default() }),
            ..Default::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let response = accounts.create_token_request(service_account, &PostParams::default(), &request).await;
        let response =
            response.map_err(Error::kube(&action)).map_err(|error| self.crash().unwrap_or(error))?;
        response
            .status
            .and_then(|status| status.token)
            .ok_or_else(|| Error::io(action)(io::Error::other("the response contains no token")))
    }

    /// A new client with a ServiceAccount's permissions.
    ///
    /// # Errors
    /// The same as [`Self::token_for`].
    pub async fn client_for(&self, namespace: &str, service_account: &str) -> Result<kube::Client, Error> {
        let kubeconfig = self.kubeconfig_for(namespace, service_account).await?;
        let config = credentials::configuration(&kubeconfig).await?;
        kube::Client::try_from(config).map_err(Error::kube("could not make a client"))
    }

    /// Writes a kubeconfig with a ServiceAccount's token to [`Self::directory`] and returns its path.
    ///
    /// # Errors
    /// The same as [`Self::token_for`].
    pub async fn kubeconfig_for(&self, namespace: &str, service_account: &str) -> Result<PathBuf, Error> {
        let token = self.token_for(namespace, service_account).await?;
        let path = self.directory.join(format!("{namespace}.{service_account}.kubeconfig"));
        let user = service_account_user(namespace, service_account);
        credentials::write_kubeconfig(&path, &self.server, &self.authority, &user, &token)?;
        Ok(path)
    }

    /// Runs kubectl as the administrator.
    ///
    /// # Errors
    /// When kubectl cannot be started, or when it fails after a component has crashed. Any other failed command is no
    /// error: check [`CommandOutput::success`].
    pub async fn kubectl(&self, args: &[&str]) -> Result<CommandOutput, Error> {
        self.kubectl_stdin(args, "").await
    }

    /// Runs kubectl as the administrator with `input` on its standard input, for example for `apply -f -`.
    ///
    /// # Errors
    /// The same as [`Self::kubectl`].
    pub async fn kubectl_stdin(&self, args: &[&str], input: &str) -> Result<CommandOutput, Error> {
        self.run(&self.binaries.kubectl, args, input).await
    }

    /// Runs helm as the administrator. `--wait` times out, because without a node no Deployment becomes ready.
    ///
    /// # Errors
    /// The same as [`Self::kubectl`].
    pub async fn helm(&self, args: &[&str]) -> Result<CommandOutput, Error> {
        self.run(&self.binaries.helm, args, "").await
    }

    async fn run(&self, program: &Path, args: &[&str], input: &str) -> Result<CommandOutput, Error> {
        let output = command::run(program, args, &self.environment(), input).await?;
        match self.crash() {
            Some(crash) if !output.success() => Err(crash),
            _ => Ok(output),
        }
    }

    /// The environment variables for kubectl and helm. Each control plane has its own caches, because kubectl caches
    /// API discovery by host and port, and a later control plane may use the same port with other resources. They end
    /// before their garbage is worth collecting.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let path = |name: &str| self.directory.join(name).into_os_string();
        vec![
            ("KUBECONFIG", self.kubeconfig.clone().into_os_string()),
            ("KUBECACHEDIR", path("kubectl-cache")),
            ("HELM_CACHE_HOME", path("helm-cache")),
            ("HELM_CONFIG_HOME", path("helm-config")),
            ("HELM_DATA_HOME", path("helm-data")),
            ("GOGC", "400".into()),
        ]
    }

    #[must_use]
    pub fn audit(&self) -> Audit {
        self.audit.clone()
    }

    /// Waits until a component exits unexpectedly, and returns the error that names it. Never returns otherwise.
    pub async fn crashed(&self) -> Error {
        startup::first_crash(&self.components).await
    }

    /// The error that names a component which has exited unexpectedly, if any has.
    #[must_use]
    pub fn crash(&self) -> Option<Error> {
        self.components.iter().find_map(Component::crash)
    }

    /// Stops all components and removes [`Self::directory`].
    pub async fn stop(self) {
        // Dropping waits for the processes, which would block the runtime.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        startup::stop(&mut self.components);
        // The guardians have removed the directory, unless a guardian was itself killed.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
