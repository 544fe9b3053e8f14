//! Stand-ins for what gives a Pod its credentials: the EKS Pod Identity agent and the metadata of an EC2 instance, which demand
//! their tokens, and a token of a ServiceAccount in a volume.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path as Label, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::{get, put};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use healthomics_simulator::{SessionRequest, SimulatorClient, TemporaryCredentials};
use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{Error, Start, World};

/// The role that every source gives credentials of.
pub const ROLE: &str = "arn:aws:iam::123456789012:role/store-operator";
/// The session that the agent and the metadata open.
pub const SESSION: &str = "eks-cluster-operator";
/// An hour, as is usual.
pub const HOUR: u64 = 3_600_000;

/// What the source answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Credentials,
    Status(u16),
    /// The credentials in a text that breaks off.
    CutOff,
    /// A token of the metadata service that does not say how long it lasts, which the SDK takes for an error.
    TokenWithoutEnd,
}

struct Shared {
    aws: SimulatorClient,
    lifetime_ms: u64,
    answer: Answer,
    /// The content of the file of the container authorization token.
    token: String,
    token_file: PathBuf,
    /// Tokens of the metadata service.
    metadata_tokens: Vec<String>,
    issued: Vec<TemporaryCredentials>,
    requests: usize,
}

/// An agent and a metadata service on one port of this host. Dropping it closes the port.
pub struct Source {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Source {
    /// Each answer has credentials of a new session that lasts for `lifetime_ms`.
    pub async fn start(world: &World, directory: &Path, lifetime_ms: u64) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared {
            aws: world.aws.clone(),
            lifetime_ms,
            answer: Answer::Credentials,
            token: String::new(),
            token_file: directory.join("eks-pod-identity-token"),
            metadata_tokens: Vec::new(),
            issued: Vec::new(),
            requests: 0,
        }));
        let routes = Router::new()
            .route("/v1/credentials", get(agent))
            .route("/latest/api/token", put(metadata_token))
            .route("/latest/meta-data/iam/security-credentials/", get(metadata_role))
            .route("/latest/meta-data/iam/security-credentials/{role}", get(metadata_credentials))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.ok();
        });
        let source = Self { address, shared, server };
        source.rotate_token()?;
        Ok(source)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// Writes another token into the file; the agent takes only this one from now on.
    pub fn rotate_token(&self) -> Result<(), Error> {
        let mut shared = self.shared();
        shared.token =
            jwt("system:serviceaccount:sequencestore-system:sequencestore-operator", 4_000_000_000);
        replace(&shared.token_file, &shared.token)
    }

    pub fn answer(&self, answer: Answer) {
        self.shared().answer = answer;
    }

    pub fn issued(&self) -> Vec<TemporaryCredentials> {
        self.shared().issued.clone()
    }

    /// How many requests for credentials there were, with any answer.
    pub fn requests(&self) -> usize {
        self.shared().requests
    }

    /// Everything that nobody else may read.
    pub fn secrets(&self) -> Vec<String> {
        let shared = self.shared();
        let issued = shared.issued.iter().flat_map(|one| [&one.secret_access_key, &one.session_token]);
        let tokens = [&shared.token].into_iter().chain(&shared.metadata_tokens);
        issued.chain(tokens).map(|secret| secret.rsplit('.').next().unwrap_or_default().to_owned()).collect()
    }

    /// As the webhook of EKS Pod Identity sets them.
    pub fn agent_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}/v1/credentials", self.address)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.shared().token_file.display().to_string()),
        ]
    }

    pub fn metadata_environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_EC2_METADATA_DISABLED", String::new()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{}", self.address)),
        ]
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

type Response = (StatusCode, String);

fn refusal(status: StatusCode) -> Response {
    (status, json!({"code": status.as_u16(), "message": "refused"}).to_string())
}

/// Credentials of a new session, with the member names of this source.
async fn answered(shared: &Mutex<Shared>, more: &[(&str, &str)]) -> Response {
    let (aws, answer, lifetime_ms) = {
        let mut shared = lock(shared);
        shared.requests += 1;
        (shared.aws.clone(), shared.answer, shared.lifetime_ms)
    };
    if let Answer::Status(status) = answer {
        return refusal(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    }
    let request =
        SessionRequest { session_name: SESSION.to_owned(), lifetime_ms, ..SessionRequest::default() };
    let Ok(issued) = aws.open_session(ROLE, &request).await else {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut body = json!({
        "AccessKeyId": issued.access_key_id, "SecretAccessKey": issued.secret_access_key,
        "Token": issued.session_token, "Expiration": issued.expiration,
    });
    for (name, value) in more {
        body[*name] = json!(value);
    }
    lock(shared).issued.push(issued);
    let text = body.to_string();
    match answer {
        Answer::CutOff => (StatusCode::OK, text[..text.len() - 3].to_owned()),
        _ => (StatusCode::OK, text),
    }
}

async fn agent(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap) -> Response {
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    if given != Some(lock(&shared).token.as_str()) {
        return refusal(StatusCode::UNAUTHORIZED);
    }
    answered(&shared, &[("AccountId", crate::world::ACCOUNT)]).await
}

/// The request says for how long the token is to be good, and the response for how long it is.
const TOKEN_SECONDS: &str = "x-aws-ec2-metadata-token-ttl-seconds";

async fn metadata_token(
    State(shared): State<Arc<Mutex<Shared>>>,
    headers: HeaderMap,
) -> Result<([(&'static str, HeaderValue); 1], String), StatusCode> {
    let seconds = headers.get(TOKEN_SECONDS).cloned().ok_or(StatusCode::BAD_REQUEST)?;
    let token = format!("metadata-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let mut shared = lock(&shared);
    shared.metadata_tokens.push(token.clone());
    if shared.answer == Answer::TokenWithoutEnd {
        shared.requests += 1;
        return Ok(([("x-nothing", seconds)], token));
    }
    Ok(([(TOKEN_SECONDS, seconds)], token))
}

fn has_metadata_token(shared: &Mutex<Shared>, headers: &HeaderMap) -> bool {
    let given = headers.get("x-aws-ec2-metadata-token").and_then(|value| value.to_str().ok());
    given.is_some_and(|given| lock(shared).metadata_tokens.iter().any(|token| token == given))
}

async fn metadata_role(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap) -> Response {
    match has_metadata_token(&shared, &headers) {
        true => (StatusCode::OK, "store-operator".to_owned()),
        false => refusal(StatusCode::UNAUTHORIZED),
    }
}

async fn metadata_credentials(
    State(shared): State<Arc<Mutex<Shared>>>,
    Label(role): Label<String>,
    headers: HeaderMap,
) -> Response {
    if lock(&shared).answer == Answer::TokenWithoutEnd {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR);
    }
    match has_metadata_token(&shared, &headers) && role == "store-operator" {
        true => answered(&shared, &[("Code", "Success"), ("Type", "AWS-HMAC")]).await,
        false => refusal(StatusCode::UNAUTHORIZED),
    }
}

/// A token of a ServiceAccount whose signature is a secret of its own.
pub fn jwt(subject: &str, expires: i64) -> String {
    let claims = json!({"sub": subject, "exp": expires, "jti": format!("{:016x}", fastrand::u64(..))});
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let signature = part(format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)));
    format!("{}.{}.{signature}", part(json!({"alg": "RS256"}).to_string()), part(claims.to_string()))
}

/// Replaces a file as the kubelet does: a reader sees the old content or the new.
pub fn replace(file: &Path, content: &str) -> Result<(), Error> {
    let new = file.with_extension("new");
    std::fs::write(&new, content)?;
    Ok(std::fs::rename(new, file)?)
}

/// The token file of IAM roles for service accounts.
pub struct WebIdentity {
    pub file: PathBuf,
}

impl WebIdentity {
    /// The first token, of this subject.
    pub fn new(directory: &Path, subject: &str) -> Result<Self, Error> {
        let web_identity = Self { file: directory.join("web-identity-token") };
        web_identity.rotate(subject, 4_000_000_000)?;
        Ok(web_identity)
    }

    pub fn rotate(&self, subject: &str, expires: i64) -> Result<String, Error> {
        let token = jwt(subject, expires);
        replace(&self.file, &token)?;
        Ok(token)
    }

    /// As the webhook of EKS sets them.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ROLE_ARN", ROLE.to_owned()),
            ("AWS_ROLE_SESSION_NAME", SESSION.to_owned()),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", self.file.display().to_string()),
        ]
    }
}

/// A profile that runs a program for its credentials. Returns the lines of the profile.
pub fn credential_process(directory: &Path, credentials: &TemporaryCredentials) -> Result<String, Error> {
    let file = directory.join("process.json");
    let answer = json!({
        "Version": 1, "AccessKeyId": credentials.access_key_id, "SecretAccessKey": credentials.secret_access_key,
        "SessionToken": credentials.session_token, "Expiration": credentials.expiration,
    });
    replace(&file, &answer.to_string())?;
    Ok(format!("credential_process = cat {}\n", file.display()))
}

/// An operator without the usual keys, which looks at its objects often.
pub fn without_keys(environment: impl IntoIterator<Item = (&'static str, String)>) -> Start {
    let mut start = Start::default();
    start.flags.push("--denied-grace=3s".into());
    start.environment =
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, String::new())).into();
    start.environment.extend(environment);
    start
}

/// The same with a profile in a file.
pub fn with_profile(directory: &Path, profile: &str) -> Result<Start, Error> {
    let file = directory.join("config");
    replace(&file, profile)?;
    Ok(without_keys([
        ("AWS_CONFIG_FILE", file.display().to_string()),
        ("AWS_SHARED_CREDENTIALS_FILE", directory.join("none").display().to_string()),
        ("AWS_PROFILE", "operator".to_owned()),
    ]))
}
