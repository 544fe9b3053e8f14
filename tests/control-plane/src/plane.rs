//! A running control plane and what one does with it.

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

/// The user of [`ControlPlane::client`], [`ControlPlane::kubectl`] and [`ControlPlane::helm`], as the audit log names it.
pub const ADMIN: &str = "admin";
/// Longer than any test or demo.
const TOKEN_SECONDS: i64 = 7 * 24 * 3600;

/// A ServiceAccount's user name, as the audit log and RBAC have it.
#[must_use]
pub fn service_account_user(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}

/// A running control plane. Dropping it stops it, and so does the end of this process, however it comes.
///
/// It belongs to no runtime: one may be kept in a `static` and used by tests that each have their own.
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
    /// Finds or builds the programs, starts them and waits until they are ready: some seconds when the programs are
    /// there.
    ///
    /// # Errors
    /// When a program cannot be had, crashes (with the end of its log) or is not ready in a minute.
    pub async fn start() -> Result<Self, Error> {
        let binaries = tokio::task::spawn_blocking(crate::binaries)
            .await
            .map_err(|error| Error::io("the search for the programs failed")(io::Error::other(error)))??;
        Self::start_with(binaries).await
    }

    /// As [`Self::start`], with programs already found.
    ///
    /// # Errors
    /// When a component crashes (with the end of its log) or is not ready in a minute.
    pub async fn start_with(binaries: Binaries) -> Result<Self, Error> {
        startup::start(binaries).await
    }

    /// The programs it runs, and kubectl and helm.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The API server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// A directory for files that may go when the control plane stops. Its logs are in it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A new client with the administrator's rights. It belongs to the runtime it is made in.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        kube::Client::try_from(self.config.clone()).expect("the same configuration has already made a client")
    }

    /// A real token of a ServiceAccount, valid for a week, by TokenRequest. The ServiceAccount must exist.
    ///
    /// # Errors
    /// When the API server refuses, for example because the ServiceAccount does not exist.
    pub async fn token_for(&self, namespace: &str, service_account: &str) -> Result<String, Error> {
        let action = format!("no token for ServiceAccount {namespace}/{service_account}");
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..Default::default() }),
            ..Default::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let answer = accounts.create_token_request(service_account, &PostParams::default(), &request).await;
        let answer = answer.map_err(Error::kube(&action)).map_err(|error| self.crash().unwrap_or(error))?;
        answer
            .status
            .and_then(|status| status.token)
            .ok_or_else(|| Error::io(action)(io::Error::other("the answer holds none")))
    }

    /// A client with a ServiceAccount's rights.
    ///
    /// # Errors
    /// As [`Self::token_for`].
    pub async fn client_for(&self, namespace: &str, service_account: &str) -> Result<kube::Client, Error> {
        let kubeconfig = self.kubeconfig_for(namespace, service_account).await?;
        let config = credentials::configuration(&kubeconfig).await?;
        kube::Client::try_from(config).map_err(Error::kube("could not make a client"))
    }

    /// A kubeconfig with a ServiceAccount's token, in [`Self::directory`].
    ///
    /// # Errors
    /// As [`Self::token_for`].
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
    /// When it cannot be run. How it ended is in the output.
    pub async fn kubectl(&self, args: &[&str]) -> Result<CommandOutput, Error> {
        self.kubectl_stdin(args, "").await
    }

    /// Runs kubectl as the administrator with `input` on its standard input, as for `apply -f -`.
    ///
    /// # Errors
    /// When it cannot be run. How it ended is in the output.
    pub async fn kubectl_stdin(&self, args: &[&str], input: &str) -> Result<CommandOutput, Error> {
        self.run(&self.binaries.kubectl, args, input).await
    }

    /// Runs helm as the administrator. `--wait` never ends well: there is no node, so no Deployment gets ready.
    ///
    /// # Errors
    /// When it cannot be run. How it ended is in the output.
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

    /// What kubectl, helm and their like need in their environment. The caches are the control plane's own: another one
    /// may soon have the same port and other resources.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let path = |name: &str| self.directory.join(name).into_os_string();
        vec![
            ("KUBECONFIG", self.kubeconfig.clone().into_os_string()),
            ("KUBECACHEDIR", path("kubectl-cache")),
            ("HELM_CACHE_HOME", path("helm-cache")),
            ("HELM_CONFIG_HOME", path("helm-config")),
            ("HELM_DATA_HOME", path("helm-data")),
        ]
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> Audit {
        self.audit.clone()
    }

    /// Waits until a component ends by itself, and says which and why. Never returns while all is well.
    pub async fn crashed(&self) -> Error {
        startup::first_crash(&self.components).await
    }

    /// The crash of a component, if one has happened.
    #[must_use]
    pub fn crash(&self) -> Option<Error> {
        self.components.iter().find_map(Component::crash)
    }

    /// Stops everything and removes the directory.
    pub async fn stop(self) {
        // Dropping waits for the processes, which would hold up the runtime.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        startup::stop(&mut self.components);
        // The guardians have removed it; this is for a guardian that was itself killed.
        let _ = fs::remove_dir_all(&self.directory);
    }
}
