//! Starts the components in order and waits until the control plane is ready.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::Permissions;
use std::future::Future;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::Api;

use crate::component::Component;
use crate::{ADMIN, Audit, Binaries, ControlPlane, Error, credentials};

const READY_TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(50);
const ETCD: &str = "etcd";
/// Another process may take a free port before the component binds it.
const MAX_ATTEMPTS: u32 = 3;

/// Records every request once, when the API server responds, and a watch also when it starts.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
";

/// The controllers that work without nodes and that tests need.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
clusterrole-aggregation-controller,validatingadmissionpolicy-status-controller";

pub(crate) async fn start(binaries: Binaries) -> Result<ControlPlane, Error> {
    let mut attempt = 1;
    loop {
        match try_start(&binaries).await {
            Err(Error::Crashed { log_tail, .. })
                if attempt < MAX_ATTEMPTS && log_tail.contains("address already in use") =>
            {
                attempt += 1;
            }
            other => return other,
        }
    }
}

async fn try_start(binaries: &Binaries) -> Result<ControlPlane, Error> {
    let directory = tempfile::Builder::new()
        .prefix("sequencestore-control-plane-")
        // The directory holds an administrator's token.
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(Error::io("could not make a temporary directory"))?;
    // On some systems the temporary directory is a symbolic link; `ps` and error messages then show the target.
    let path =
        directory.path().canonicalize().map_err(Error::io("could not resolve the temporary directory"))?;
    let [etcd_client, etcd_peer, api] = free_ports()?;
    let etcd_address = format!("http://127.0.0.1:{etcd_client}");
    let server = format!("https://127.0.0.1:{api}");

    let mut running = Running(Vec::new());
    // From here on the guardians remove the directory.
    running.start(ETCD, &binaries.etcd, etcd_arguments(&path, &etcd_address, etcd_peer), &path)?;
    let _ = directory.keep();
    let admin_token = credentials::random_token()?;
    let manager_token = credentials::random_token()?;
    prepare(&path, &admin_token, &manager_token)?;
    let arguments = apiserver_arguments(&path, &etcd_address, api);
    running.start("kube-apiserver", &binaries.kube_apiserver, arguments, &path)?;

    let started = Instant::now();
    let authority = path.join("certificates/apiserver.crt");
    // kube-apiserver writes the key after the certificate, so the certificate is complete once the key exists.
    let key = path.join("certificates/apiserver.key");
    running
        .wait(started, || async {
            key.exists().then_some(()).ok_or("kube-apiserver has not created its certificate yet")
        })
        .await?;
    let kubeconfig = path.join("admin.kubeconfig");
    credentials::write_kubeconfig(&kubeconfig, &server, &authority, ADMIN, &admin_token)?;
    let manager_kubeconfig = path.join("kube-controller-manager.kubeconfig");
    credentials::write_kubeconfig(
        &manager_kubeconfig,
        &server,
        &authority,
        "kube-controller-manager",
        &manager_token,
    )?;
    let config = credentials::configuration(&kubeconfig).await?;
    let client = kube::Client::try_from(config.clone()).map_err(Error::kube("could not make a client"))?;
    running.wait(started, || ready(client.clone())).await?;

    let arguments = manager_arguments(&manager_kubeconfig);
    running.start("kube-controller-manager", &binaries.kube_controller_manager, arguments, &path)?;
    // kube-controller-manager creates this ServiceAccount in a namespace that kube-apiserver creates, so its existence
    // proves that both work.
    let accounts: Api<ServiceAccount> = Api::namespaced(client, "default");
    running.wait(started, || async { accounts.get("default").await.map(drop) }).await?;

    let audit = Audit::new(path.join("audit.log"));
    let components = std::mem::take(&mut running.0);
    let binaries = binaries.clone();
    Ok(ControlPlane { binaries, directory: path, server, authority, kubeconfig, config, audit, components })
}

/// Stops the components, etcd last: without etcd the others shut down slowly.
pub(crate) fn stop(components: &mut [Component]) {
    let (etcd, others): (Vec<_>, Vec<_>) =
        components.iter_mut().partition(|component| component.name() == ETCD);
    for mut group in [others, etcd] {
        group.iter_mut().for_each(|component| component.release());
        group.iter_mut().for_each(|component| component.join());
    }
}

/// Waits until any component crashes.
pub(crate) async fn first_crash(components: &[Component]) -> Error {
    let mut crashes: Vec<_> = components.iter().map(|component| Box::pin(component.crashed())).collect();
    std::future::poll_fn(|context| {
        let first = crashes.iter_mut().find_map(|crash| match crash.as_mut().poll(context) {
            Poll::Ready(error) => Some(error),
            Poll::Pending => None,
        });
        first.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// The components started so far. Dropping it stops them, so a failed startup leaves no process.
struct Running(Vec<Component>);

impl Running {
    fn start(
        &mut self,
        name: &'static str,
        program: &Path,
        arguments: Vec<OsString>,
        directory: &Path,
    ) -> Result<(), Error> {
        self.0.push(Component::spawn(name, program, arguments, directory)?);
        Ok(())
    }

    /// Polls `probe` until it succeeds, a component crashes, or [`READY_TIMEOUT`] has passed since `started`.
    async fn wait<F, E>(&self, started: Instant, mut probe: impl FnMut() -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let mut crash = pin!(first_crash(&self.0));
        loop {
            let outcome = tokio::select! {
                error = &mut crash => return Err(error),
                outcome = probe() => outcome,
            };
            let Err(reason) = outcome else { return Ok(()) };
            if started.elapsed() > READY_TIMEOUT {
                let newest = self.0.last();
                return Err(Error::NotReady {
                    waited: READY_TIMEOUT,
                    reason: reason.to_string(),
                    component: newest.map_or("", Component::name),
                    log_tail: newest.map(Component::log_tail).unwrap_or_default(),
                });
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        stop(&mut self.0);
    }
}

async fn ready(client: kube::Client) -> Result<(), String> {
    let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map(drop).map_err(|error| error.to_string())
}

/// Writes the tokens, keys and audit policy that kube-apiserver reads.
fn prepare(directory: &Path, admin_token: &str, manager_token: &str) -> Result<(), Error> {
    let tokens = format!(
        "{admin_token},{ADMIN},{ADMIN},\"system:masters\"\n\
         {manager_token},system:kube-controller-manager,kube-controller-manager,\"system:masters\"\n"
    );
    credentials::write(&directory.join("tokens.csv"), &tokens)?;
    credentials::write(&directory.join("audit-policy.yaml"), AUDIT_POLICY)?;
    credentials::write_service_account_keys(&directory.join("tokens.key"), &directory.join("tokens.pub"))
}

/// Free ports on 127.0.0.1. The function keeps each port bound until it has found all, so they differ.
fn free_ports<const N: usize>() -> Result<[u16; N], Error> {
    let failed = || Error::io("could not find a free port on 127.0.0.1");
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed())?;
        *port = listener.local_addr().map_err(failed())?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// `--name=path`
fn file(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(format!("--{name}="));
    argument.push(path);
    argument
}

fn etcd_arguments(directory: &Path, client: &str, peer: u16) -> Vec<OsString> {
    let peer = format!("http://127.0.0.1:{peer}");
    vec![
        file("data-dir", &directory.join("etcd")),
        format!("--listen-client-urls={client}").into(),
        format!("--advertise-client-urls={client}").into(),
        format!("--listen-peer-urls={peer}").into(),
        format!("--initial-advertise-peer-urls={peer}").into(),
        format!("--initial-cluster=default={peer}").into(),
        // The data is temporary and need not survive a power failure.
        "--unsafe-no-fsync".into(),
        "--log-level=warn".into(),
    ]
}

fn apiserver_arguments(directory: &Path, etcd: &str, port: u16) -> Vec<OsString> {
    let file = |name: &str, relative: &str| file(name, &directory.join(relative));
    let fixed = [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--authorization-mode=RBAC",
        // This plugin refuses Pods until their namespace has its ServiceAccount, which no test needs.
        "--disable-admission-plugins=ServiceAccount",
        // The endpoint of the `kubernetes` Service must not be a loopback address.
        "--endpoint-reconciler-type=none",
        // Blocking mode writes the record before the request completes. The large maximum size prevents log rotation.
        "--audit-log-mode=blocking",
        "--audit-log-format=json",
        "--audit-log-maxsize=100000",
    ];
    let mut arguments = vec![
        OsString::from(format!("--etcd-servers={etcd}")),
        format!("--secure-port={port}").into(),
        file("cert-dir", "certificates"),
        file("service-account-key-file", "tokens.pub"),
        file("service-account-signing-key-file", "tokens.key"),
        file("token-auth-file", "tokens.csv"),
        file("audit-policy-file", "audit-policy.yaml"),
        file("audit-log-path", "audit.log"),
    ];
    arguments.extend(fixed.map(OsString::from));
    arguments
}

fn manager_arguments(kubeconfig: &Path) -> Vec<OsString> {
    vec![
        file("kubeconfig", kubeconfig),
        format!("--controllers={CONTROLLERS}").into(),
        "--leader-elect=false".into(),
        // Do not serve metrics and health.
        "--secure-port=0".into(),
        // The default rate limits make namespace deletion slow.
        "--kube-api-qps=200".into(),
        "--kube-api-burst=400".into(),
    ]
}
