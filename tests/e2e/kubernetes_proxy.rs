//! A proxy between an operator and the API server. A test can make it hold back, refuse or lose requests, and silence or
//! end the watches that run through it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures::StreamExt;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::world::{Error, TIMEOUT, ensure};

/// What happens to requests that match.
#[derive(Clone, Debug)]
pub enum Fault {
    /// They go on when the fault is removed.
    HoldBack,
    /// They are never answered, even after the fault is removed.
    Swallow,
    /// The API server carries them out, and its answer never arrives.
    LoseAnswer,
    /// They get this answer.
    Answer(u16, String),
}

impl Fault {
    /// The API server's own answer to a ServiceAccount without the permission.
    pub fn forbidden() -> Self {
        let text = "sequencestores.healthomics.dev is forbidden: User \"operator\" cannot list resource";
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": text, "reason": "Forbidden", "code": 403});
        Self::Answer(403, status.to_string())
    }

    /// The API server's own answer where it does not know the API group.
    pub fn no_api_group() -> Self {
        Self::Answer(404, "404 page not found\n".into())
    }
}

/// The first fault that matches a request applies. A request reads like `GET /apis/healthomics.dev/…?limit=10`.
type Matches = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How the watches run.
#[derive(Clone, Copy, Debug, Default)]
struct Watches {
    is_silent: bool,
    /// Watches that began before this number was reached are over.
    ended: usize,
    /// The last line of watches that end is the error 410.
    are_gone: bool,
    /// Every watch sends an error and ends.
    break_off: bool,
}

struct Shared {
    client: Client,
    faults: watch::Sender<Vec<(Matches, Fault)>>,
    watches: watch::Sender<Watches>,
    requests: Mutex<Vec<String>>,
}

pub struct KubernetesProxy {
    /// For the operator: it leads through the proxy, with the credentials of the given kubeconfig.
    pub kubeconfig: PathBuf,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Drop for KubernetesProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl KubernetesProxy {
    pub async fn start(kubeconfig: &Path) -> Result<Self, Error> {
        let behind = Kubeconfig::read_from(kubeconfig)?;
        let mut config = Config::from_custom_kubeconfig(behind, &KubeConfigOptions::default()).await?;
        config.proxy_url = None;
        let shared = Arc::new(Shared {
            client: Client::try_from(config)?,
            faults: watch::Sender::new(Vec::new()),
            watches: watch::Sender::default(),
            requests: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = format!("http://{}", listener.local_addr()?);
        let routes = Router::new().fallback(forward).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, routes).await.ok();
        });
        let directory = tempfile::tempdir()?;
        let kubeconfig = directory.path().join("kubeconfig");
        let text = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": server}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        });
        std::fs::write(&kubeconfig, text.to_string())?;
        Ok(Self { kubeconfig, shared, task, _directory: directory })
    }

    pub fn fail(&self, fault: Fault, matches: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.shared.faults.send_modify(|faults| faults.push((Arc::new(matches), fault)));
    }

    /// Removes all faults; requests that are held back go on.
    pub fn heal(&self) {
        self.shared.faults.send_replace(Vec::new());
    }

    /// From now on nothing comes through the watches, until they end.
    pub fn silence_watches(&self) {
        self.shared.watches.send_modify(|watches| watches.is_silent = true);
    }

    pub fn unsilence_watches(&self) {
        self.shared.watches.send_modify(|watches| watches.is_silent = false);
    }

    /// Ends the watches that run.
    pub fn end_watches(&self) {
        self.end(false);
    }

    /// Ends the watches that run with the error 410: their version is too old.
    pub fn expire_watches(&self) {
        self.end(true);
    }

    /// From now on every watch begins, sends the error 500 and ends.
    pub fn break_watches_off(&self) {
        self.shared.watches.send_modify(|watches| watches.break_off = true);
    }

    pub fn mend_watches(&self) {
        self.shared.watches.send_modify(|watches| watches.break_off = false);
    }

    fn end(&self, are_gone: bool) {
        self.shared.watches.send_modify(|watches| {
            (watches.is_silent, watches.are_gone) = (false, are_gone);
            watches.ended += 1;
        });
    }

    pub fn requests(&self, matches: impl Fn(&str) -> bool) -> usize {
        let requests = self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter(|request| matches(request)).count()
    }

    /// Waits until the operator has sent this many requests that match.
    pub async fn until_requests(&self, at_least: usize, matches: impl Fn(&str) -> bool) -> Result<(), Error> {
        let end = tokio::time::Instant::now() + TIMEOUT;
        while self.requests(&matches) < at_least {
            ensure!(tokio::time::Instant::now() < end, "only {} requests", self.requests(&matches));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// A list of SequenceStores, or the start of a watch.
pub fn is_list_or_watch(request: &str) -> bool {
    request.starts_with("GET ") && request.contains("/sequencestores?")
}

pub fn is_watch(request: &str) -> bool {
    is_list_or_watch(request) && request.contains("watch=true")
}

/// The second page of a list, or a later one.
pub fn is_later_page(request: &str) -> bool {
    is_list_or_watch(request) && request.contains("continue=")
}

async fn forward(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let line = format!("{} {path}", parts.method);
    // Before the request is counted: a watch that a test has seen begin is one that it can end.
    let mut watches = shared.watches.subscribe();
    let began = watches.borrow_and_update().ended;
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(line.clone());
    let mut faults = shared.faults.subscribe();
    let mut is_answer_lost = false;
    loop {
        let fault =
            faults.borrow_and_update().iter().find(|(matches, _)| matches(&line)).map(|(_, f)| f.clone());
        match fault {
            Some(Fault::HoldBack) => drop(faults.changed().await),
            Some(Fault::Swallow) => std::future::pending().await,
            Some(Fault::LoseAnswer) => {
                is_answer_lost = true;
                break;
            }
            Some(Fault::Answer(code, text)) => {
                return answer(StatusCode::from_u16(code).expect("a status code"), Body::from(text));
            }
            None => break,
        }
    }
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
    let mut sent = axum::http::Request::builder().method(parts.method).uri(path);
    for (name, value) in &parts.headers {
        if ![header::HOST, header::AUTHORIZATION, header::ACCEPT_ENCODING, header::CONTENT_LENGTH]
            .contains(name)
        {
            sent = sent.header(name, value);
        }
    }
    let sent = sent.body(kube::client::Body::from(body)).expect("the request was valid before");
    match shared.client.send(sent).await {
        Ok(_) if is_answer_lost => std::future::pending().await,
        Ok(response) => {
            let (parts, body) = response.into_parts();
            let body =
                if is_watch(&line) { watched(Body::new(body), watches, began) } else { Body::new(body) };
            let mut response = answer(parts.status, body);
            if let Some(kind) = parts.headers.get(header::CONTENT_TYPE) {
                response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
            }
            response
        }
        Err(error) => answer(StatusCode::BAD_GATEWAY, Body::from(error.to_string())),
    }
}

fn answer(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// The events of a watch, as long as the test lets them through.
fn watched(body: Body, watches: watch::Receiver<Watches>, began: usize) -> Body {
    let events = futures::stream::unfold(
        (body.into_data_stream(), watches, false),
        move |(mut events, mut watches, mut is_over)| async move {
            loop {
                if is_over {
                    return None;
                }
                let now = *watches.borrow_and_update();
                let error = match now {
                    Watches { break_off: true, .. } => Some((500, "InternalError", "etcdserver: no leader")),
                    Watches { are_gone: true, .. } => Some((410, "Expired", "too old resource version")),
                    _ => None,
                };
                if now.ended > began || now.break_off {
                    let (code, reason, message) = error?;
                    is_over = true;
                    let error = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1",
                        "status": "Failure", "message": message, "reason": reason, "code": code}});
                    return Some((Ok(Bytes::from(format!("{error}\n"))), (events, watches, is_over)));
                }
                tokio::select! {
                    event = events.next(), if !now.is_silent => {
                        return event.map(|event| (event, (events, watches, is_over)));
                    }
                    changed = watches.changed() => if changed.is_err() { return None },
                }
            }
        },
    );
    Body::from_stream(events)
}
