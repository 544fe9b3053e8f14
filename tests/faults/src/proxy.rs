//! An HTTP proxy between the operator and one of its edges. It asks the stage what becomes of each request.

use std::sync::Arc;

use futures::future::BoxFuture;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, TRANSFER_ENCODING};
use hyper::http::uri::{Authority, Scheme};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::ConfigExt;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::Error;
use crate::call::Edge;
use crate::stage::{Arrived, Stage, Verdict};

type Sender =
    Arc<dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, Result<Response<Incoming>, Error>> + Send + Sync>;
type Answer = Response<BoxBody<Bytes, hyper::Error>>;

/// Where requests go on to.
#[derive(Clone)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    send: Sender,
}

impl Upstream {
    /// `config`: TLS to the API server; nothing of it is used for a plain address.
    pub fn new(url: &str, config: &kube::Config) -> Result<Self, Error> {
        let uri: Uri = url.parse()?;
        let client = Client::builder(TokioExecutor::new()).build(config.rustls_https_connector()?);
        let send: Sender = Arc::new(move |request| {
            let sent = client.request(request);
            Box::pin(async move { sent.await.map_err(Error::from) })
        });
        let scheme = uri.scheme().cloned().ok_or("an address without a scheme")?;
        let authority = uri.authority().cloned().ok_or("an address without an authority")?;
        Ok(Self { scheme, authority, send })
    }
}

/// Listens for one replica's requests on one edge; returns the address to give to the operator.
pub async fn listen(
    stage: Arc<Stage>,
    replica: usize,
    edge: Edge,
    upstream: Upstream,
) -> Result<String, Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let weak = Arc::downgrade(&stage);
    let closed = stage.closed();
    drop(stage);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = closed.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (Ok((stream, _)), Some(stage)) = (accepted, weak.upgrade()) else { continue };
            let _ = stream.set_nodelay(true);
            let (upstream, closed) = (upstream.clone(), closed.clone());
            // A life of the operator has its own connections: what an ended one sent is not forwarded any more.
            let life = stage.life(replica);
            let service = service_fn(move |request| {
                let line = Line { stage: stage.clone(), replica, life, edge };
                handle(request, line, upstream.clone())
            });
            tokio::spawn(async move {
                let serving = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                tokio::select! {
                    () = closed.cancelled() => {}
                    // Errors are operators that were killed, or faults at work.
                    _ = serving => {}
                }
            });
        }
    });
    Ok(address)
}

struct Line {
    stage: Arc<Stage>,
    replica: usize,
    life: u64,
    edge: Edge,
}

async fn handle(request: Request<Incoming>, line: Line, upstream: Upstream) -> Result<Answer, Error> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let arrived = Arrived {
        replica: line.replica,
        life: line.life,
        edge: line.edge,
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    };
    let verdict = line.stage.arrives(&arrived).await;

    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::builder()
        .scheme(upstream.scheme.clone())
        .authority(upstream.authority.clone())
        .path_and_query(path)
        .build()?;
    parts.headers.remove(CONNECTION);
    parts.headers.remove(TRANSFER_ENCODING);
    let forward = (upstream.send)(Request::from_parts(parts, Full::new(body)));

    match verdict {
        Verdict::Swallow => std::future::pending().await,
        Verdict::Stream => {
            let (mut parts, body) = forward.await?.into_parts();
            parts.headers.remove(TRANSFER_ENCODING);
            Ok(Response::from_parts(parts, body.boxed()))
        }
        Verdict::Pass => {
            let stage = line.stage.clone();
            carried_through(forward, move |body| stage.answered(&arrived, body)).await
        }
        Verdict::Late => {
            let stage = line.stage.clone();
            line.stage.recorded().await;
            carried_through(forward, move |body| stage.answered(&arrived, body)).await
        }
        Verdict::Answer(status) => Ok(refusal(status)),
        Verdict::AnswerAfterCommit(status) => {
            carried_through(forward, |_| ()).await?;
            Ok(refusal(status))
        }
        Verdict::KillBefore => {
            line.stage.crash(line.replica, line.life);
            std::future::pending().await
        }
        Verdict::KillAfterCommit => {
            // What came back does not matter: the operator never sees it.
            let _ = carried_through(forward, |_| ()).await;
            line.stage.crash(line.replica, line.life);
            std::future::pending().await
        }
        Verdict::KillAfterReply => {
            let answer = carried_through(forward, |_| ()).await;
            line.stage.condemn(line.replica, line.life);
            answer
        }
    }
}

/// In a task of its own: what was sent takes effect even when the operator does not wait for it.
async fn carried_through(
    forward: impl Future<Output = Result<Response<Incoming>, Error>> + Send + 'static,
    answered: impl FnOnce(&[u8]) + Send + 'static,
) -> Result<Answer, Error> {
    tokio::spawn(async move {
        let (mut parts, body) = forward.await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if parts.status.is_success() {
            answered(&body);
        }
        parts.headers.remove(TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, whole(body)))
    })
    .await?
}

/// An error in the form of the Kubernetes API.
fn refusal(status: u16) -> Answer {
    let reason = if status == 409 { "Conflict" } else { "Timeout" };
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the harness was told to answer so", "reason": reason, "code": status,
    });
    let mut answer = Response::new(whole(body.to_string().into()));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::GATEWAY_TIMEOUT);
    answer.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    answer
}

fn whole(bytes: Bytes) -> BoxBody<Bytes, hyper::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
