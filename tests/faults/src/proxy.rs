//! An HTTP proxy between one operator process and one backend. It asks the fault injector what to do with each request.

use std::sync::{Arc, Weak};

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
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::injector::{FaultInjector, ProxiedRequest, ProxyAction};
use crate::plan::FaultMoment;
use crate::request::Backend;

type Sender =
    Arc<dyn Fn(Request<Full<Bytes>>) -> BoxFuture<'static, Result<Response<Incoming>, Error>> + Send + Sync>;
type ProxyResponse = Response<BoxBody<Bytes, hyper::Error>>;

/// The server to which a proxy forwards requests.
#[derive(Clone)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    send: Sender,
}

impl Upstream {
    /// `config` contains the TLS settings for the API server. They have no effect on an `http` URL.
    pub fn new(url: &str, config: &kube::Config) -> Result<Self, Error> {
        let uri: Uri = url.parse()?;
        let client = Client::builder(TokioExecutor::new()).build(config.rustls_https_connector()?);
        let send: Sender = Arc::new(move |request| {
            let sent = client.request(request);
            Box::pin(async move { sent.await.map_err(Error::from) })
        });
        let scheme = uri.scheme().cloned().ok_or("the upstream URL has no scheme")?;
        let authority = uri.authority().cloned().ok_or("the upstream URL has no authority")?;
        Ok(Self { scheme, authority, send })
    }

    /// The request is sent when the returned future is polled.
    fn forward(
        &self,
        mut parts: hyper::http::request::Parts,
        body: Bytes,
    ) -> Result<BoxFuture<'static, Result<Response<Incoming>, Error>>, Error> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()?;
        parts.headers.remove(CONNECTION);
        parts.headers.remove(TRANSFER_ENCODING);
        Ok((self.send)(Request::from_parts(parts, Full::new(body))))
    }
}

/// The proxy of one replica and one backend.
pub struct Proxy {
    pub injector: Arc<FaultInjector>,
    pub replica: usize,
    pub backend: Backend,
    pub upstream: Upstream,
}

impl Proxy {
    /// Listens until `closed` is cancelled. Returns the URL that the operator must use instead of the backend's.
    pub async fn listen(self, closed: CancellationToken) -> Result<String, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let Self { injector, replica, backend, upstream } = self;
        // The proxies must not keep the injector alive.
        let injector = Arc::downgrade(&injector);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = closed.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let (Ok((stream, _)), Some(injector)) = (accepted, Weak::upgrade(&injector)) else {
                    continue;
                };
                // Each incarnation of the operator has its own connections, so the connection tells whether the sender
                // of a request has been killed.
                let incarnation = injector.replicas.incarnation(replica);
                let upstream = upstream.clone();
                let connection = Connection { injector, replica, incarnation, backend, upstream };
                tokio::spawn(connection.serve(stream, closed.clone()));
            }
        });
        Ok(address)
    }
}

#[derive(Clone)]
struct Connection {
    injector: Arc<FaultInjector>,
    replica: usize,
    incarnation: u64,
    backend: Backend,
    upstream: Upstream,
}

impl Connection {
    async fn serve(self, stream: TcpStream, closed: CancellationToken) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| self.clone().handle(request));
        let serving =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            () = closed.cancelled() => {}
            // Killed operators and injected faults cause errors here.
            _ = serving => {}
        }
    }

    async fn handle(self, request: Request<Incoming>) -> Result<ProxyResponse, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let proxied = ProxiedRequest {
            replica: self.replica,
            incarnation: self.incarnation,
            backend: self.backend,
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        };
        let action = self.injector.decide(&proxied).await;
        let forward = self.upstream.forward(parts, body)?;
        match action {
            ProxyAction::Discard => std::future::pending().await,
            ProxyAction::Stream => {
                let (mut parts, body) = forward.await?.into_parts();
                parts.headers.remove(TRANSFER_ENCODING);
                Ok(Response::from_parts(parts, body.boxed()))
            }
            ProxyAction::Forward => self.forward_and_check(forward, proxied).await,
            ProxyAction::ForwardAfterIdIsSaved => {
                self.injector.wait_until_id_is_saved().await;
                self.forward_and_check(forward, proxied).await
            }
            ProxyAction::Reject(status) => Ok(kubernetes_error(status)),
            ProxyAction::ForwardThenFail(status) => {
                forward_to_completion(forward, |_| ()).await?;
                Ok(kubernetes_error(status))
            }
            ProxyAction::ForwardAfterTheft => {
                self.injector.steal_lease().await;
                self.forward_and_check(forward, proxied).await
            }
            ProxyAction::Kill(moment) => self.kill(moment, forward).await,
            ProxyAction::Stop(moment) => self.stop(moment, forward, proxied).await,
        }
    }

    async fn forward_and_check(
        &self,
        forward: impl Future<Output = Result<Response<Incoming>, Error>> + Send + 'static,
        proxied: ProxiedRequest,
    ) -> Result<ProxyResponse, Error> {
        let injector = self.injector.clone();
        forward_to_completion(forward, move |body| injector.check_response(&proxied, body)).await
    }

    async fn stop(
        &self,
        moment: FaultMoment,
        forward: impl Future<Output = Result<Response<Incoming>, Error>> + Send + 'static,
        proxied: ProxiedRequest,
    ) -> Result<ProxyResponse, Error> {
        match moment {
            FaultMoment::BeforeForwarding => {
                self.injector.stop_leader(self.replica).await;
                self.injector.until_woken().await;
                Err("the request is lost while its sender stands still".into())
            }
            FaultMoment::AfterCommit => {
                self.injector.stop_leader(self.replica).await;
                self.forward_and_check(forward, proxied).await
            }
            FaultMoment::AfterResponse => {
                let response = self.forward_and_check(forward, proxied).await;
                self.injector.stop_after_response(self.replica);
                response
            }
        }
    }

    async fn kill(
        &self,
        moment: FaultMoment,
        forward: impl Future<Output = Result<Response<Incoming>, Error>> + Send + 'static,
    ) -> Result<ProxyResponse, Error> {
        match moment {
            FaultMoment::BeforeForwarding => {
                self.injector.replicas.kill_and_restart(self.replica, self.incarnation);
                std::future::pending().await
            }
            FaultMoment::AfterCommit => {
                // The operator never receives the response, so its content does not matter.
                let _ = forward_to_completion(forward, |_| ()).await;
                self.injector.replicas.kill_and_restart(self.replica, self.incarnation);
                std::future::pending().await
            }
            FaultMoment::AfterResponse => {
                let response = forward_to_completion(forward, |_| ()).await;
                self.injector.replicas.kill_after_response(self.replica, self.incarnation);
                response
            }
        }
    }
}

/// Forwards the request in a separate task, so that it takes effect even if the operator closes the connection. Calls
/// `on_success` with the body of a successful response.
async fn forward_to_completion(
    forward: impl Future<Output = Result<Response<Incoming>, Error>> + Send + 'static,
    on_success: impl FnOnce(&[u8]) + Send + 'static,
) -> Result<ProxyResponse, Error> {
    tokio::spawn(async move {
        let (mut parts, body) = forward.await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if parts.status.is_success() {
            on_success(&body);
        }
        parts.headers.remove(TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, full_body(body)))
    })
    .await?
}

/// An error response of the Kubernetes API.
fn kubernetes_error(status: u16) -> ProxyResponse {
    let reason = if status == 409 { "Conflict" } else { "Timeout" };
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "injected by the fault test", "reason": reason, "code": status,
    });
    let mut response = Response::new(full_body(body.to_string().into()));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::GATEWAY_TIMEOUT);
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

fn full_body(bytes: Bytes) -> BoxBody<Bytes, hyper::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
