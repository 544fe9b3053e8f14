//! Handles one AWS request from arrival to response: opens its ledger entry, selects a fault, executes the
//! call and closes the entry. No I/O: the server reads the request and sends the response.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use crate::error::{ApiError, status_of};
use crate::fault::{Fault, FaultAction, RequestFacts, Side};
use crate::ledger::LedgerEntry;
use crate::operation::{Operation, form_pairs, route, store_id_of};
use crate::principal::Scope;
use crate::response::{ApiResponse, Delivery};
use crate::server::{Shared, header};
use crate::stores::{store_arn, timestamp_now};
use crate::sts;
use crate::world::{Call, Outcome, World};

/// A request as the server received it.
pub(crate) struct IncomingRequest {
    pub(crate) method: String,
    /// Still percent-encoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) host: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A response and how the server delivers it.
pub(crate) struct OutgoingResponse {
    pub(crate) response: ApiResponse,
    pub(crate) delivery: Delivery,
    pub(crate) request_id: String,
}

/// The API that a request calls.
enum Destination {
    /// The operation and its decoded path label.
    Omics(Operation, String),
    Sts(sts::Request),
    Unknown,
}

impl Destination {
    fn of(incoming: &IncomingRequest) -> Destination {
        if incoming.path == "/" {
            return sts::Request::of(&incoming.query, &incoming.body)
                .map_or(Destination::Unknown, Destination::Sts);
        }
        match route(&incoming.method, &incoming.path) {
            Some((operation, label)) => Destination::Omics(operation, label),
            None => Destination::Unknown,
        }
    }

    fn name(&self) -> String {
        match self {
            Destination::Omics(operation, _) => operation.name().to_owned(),
            Destination::Sts(request) => format!("sts:{}", request.action),
            Destination::Unknown => "Unknown".to_owned(),
        }
    }
}

pub(crate) async fn handle(shared: Shared, incoming: IncomingRequest) -> OutgoingResponse {
    let request = RoutedRequest::new(incoming);
    let (seq, fault) = {
        let mut world = shared.world();
        let entry = request.ledger_entry(&world);
        open_entry(&mut world, entry)
    };
    let fault_before_commit = fault.as_ref().filter(|fault| fault.side == Side::BeforeCommit);
    wait(&shared, seq, fault_before_commit).await;

    let (response, delivery) = {
        let mut world = shared.world();
        let preventing =
            fault_before_commit.map(|fault| &fault.action).filter(|action| prevents_commit(action));
        let (response, outcome) = match preventing {
            Some(action) => (request.fault_response(action), None),
            None => request.execute(&mut world, seq, fault.as_ref()),
        };
        let (response, delivery) = match fault.as_ref().map(|fault| &fault.action) {
            Some(action @ FaultAction::Error { .. }) => (request.fault_response(action), Delivery::Whole),
            Some(action) => response.apply_fault(action),
            None => (response, Delivery::Whole),
        };
        let response = response.dated(world.now());
        close_entry(&mut world, seq, &response, outcome, delivery);
        (response, delivery)
    };
    wait(&shared, seq, fault.as_ref().filter(|fault| fault.side == Side::AfterCommit)).await;
    OutgoingResponse { response, delivery, request_id: request.id }
}

/// Carries out a `delay` or `hold` fault; the caller passes it on the side of the commit that the fault
/// names.
async fn wait(shared: &Shared, seq: u64, fault: Option<&Fault>) {
    match fault.map(|fault| &fault.action) {
        Some(FaultAction::Delay { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(FaultAction::Hold) => shared.hold(seq).await,
        _ => {}
    }
}

/// Whether the action, before the commit, keeps the request from taking effect. The other actions only delay
/// the request or change its response.
fn prevents_commit(action: &FaultAction) -> bool {
    matches!(
        action,
        FaultAction::Error { .. }
            | FaultAction::Html { .. }
            | FaultAction::Reset
            | FaultAction::Hang
            | FaultAction::EmptyObject
            | FaultAction::EmptyBody
            | FaultAction::Raw { .. }
    )
}

/// Opens the ledger entry and selects the fault that applies to the request.
fn open_entry(world: &mut World, mut entry: LedgerEntry) -> (u64, Option<Fault>) {
    let selected = world.faults.select(&RequestFacts {
        operation: &entry.operation,
        store_id: entry.store_id.as_deref(),
        account: entry.account.as_deref(),
        region: entry.region.as_deref(),
    });
    entry.fault = selected.as_ref().map(|(_, fault)| fault.action.name().to_owned());
    entry.fault_number = selected.as_ref().map(|(number, _)| *number);
    let seq = world.ledger.open(entry, world.knobs.ledger_limit);
    (seq, selected.map(|(_, fault)| fault))
}

fn close_entry(
    world: &mut World,
    seq: u64,
    response: &ApiResponse,
    outcome: Option<Outcome>,
    delivery: Delivery,
) {
    let Some(entry) = world.ledger.entry(seq) else {
        return;
    };
    if !matches!(delivery, Delivery::Reset | Delivery::Never) {
        entry.status = response.status;
        entry.error.clone_from(&response.error);
        entry.response = response.body_for_ledger();
    }
    let Some(outcome) = outcome else { return };
    entry.committed = outcome.committed;
    entry.replayed = outcome.replayed;
    if let Some(id) = outcome.store_id {
        if let (Some(account), Some(region)) = (&entry.account, &entry.region) {
            entry.arn = Some(store_arn(&(account.clone(), region.clone()), &id));
        }
        entry.store_id = Some(id);
    }
}

/// A request with its destination, its decoded query and the id that the response carries.
struct RoutedRequest {
    incoming: IncomingRequest,
    destination: Destination,
    query: Vec<(String, String)>,
    id: String,
}

impl RoutedRequest {
    fn new(incoming: IncomingRequest) -> Self {
        let destination = Destination::of(&incoming);
        let query = form_pairs(&incoming.query);
        RoutedRequest { incoming, destination, query, id: random_request_id() }
    }

    /// Executes the call; the outcome is `None` for STS calls and failed calls.
    fn execute(&self, world: &mut World, seq: u64, fault: Option<&Fault>) -> (ApiResponse, Option<Outcome>) {
        let scope = Scope::of(&self.incoming.headers, &self.incoming.query);
        let token = self.security_token();
        let result = match &self.destination {
            Destination::Sts(call) => {
                let result = sts::call(world, call, scope, token.as_deref(), &self.id);
                return (result.unwrap_or_else(|error| self.error_response(&error)), None);
            }
            Destination::Unknown => {
                Err(ApiError::new("UnknownOperationException", "No operation has this route"))
            }
            Destination::Omics(operation, label) => {
                world.authenticate(scope, token.as_deref(), "omics").and_then(|caller| {
                    world.execute(&Call {
                        operation: *operation,
                        label,
                        query: &self.query,
                        body: &self.incoming.body,
                        caller: &caller,
                        stale: fault.is_some_and(|fault| fault.action == FaultAction::StaleRead),
                        salt: seq,
                    })
                })
            }
        };
        match result {
            Ok(outcome) => {
                let response = match &outcome.body {
                    Some(body) => ApiResponse::json(outcome.status, body.clone()),
                    None => ApiResponse::empty(outcome.status),
                };
                (response, Some(outcome))
            }
            Err(error) => (self.error_response(&error), None),
        }
    }

    fn security_token(&self) -> Option<String> {
        header(&self.incoming.headers, "x-amz-security-token").or_else(|| {
            let token = self.query.iter().find(|(name, _)| name == "X-Amz-Security-Token");
            token.map(|(_, token)| token.clone())
        })
    }

    fn fault_response(&self, action: &FaultAction) -> ApiResponse {
        let FaultAction::Error { code, status, message, retry_after_ms } = action else {
            return ApiResponse::empty(200);
        };
        let message = message.clone();
        self.error_response(&ApiError {
            code: code.clone(),
            status: status.unwrap_or_else(|| status_of(code)),
            message: message
                .unwrap_or_else(|| "A scripted fault of the simulator caused this error.".to_owned()),
            retry_after_ms: *retry_after_ms,
        })
    }

    fn error_response(&self, error: &ApiError) -> ApiResponse {
        match &self.destination {
            Destination::Sts(_) => sts::error_response(error, &self.id),
            _ => ApiResponse::rest_error(error),
        }
    }

    fn ledger_entry(&self, world: &World) -> LedgerEntry {
        let incoming = &self.incoming;
        let scope = Scope::of(&incoming.headers, &incoming.query).and_then(Result::ok);
        let account =
            scope.as_ref().map(|scope| world.principals.account_of(&scope.access_key_id, &world.knobs));
        let session = scope.as_ref().and_then(|scope| world.principals.session(&scope.access_key_id));
        let store_id = match &self.destination {
            Destination::Omics(operation, label) => store_id_of(*operation, label),
            _ => None,
        };
        let account_region = account.clone().zip(scope.as_ref().map(|scope| scope.region.clone()));
        LedgerEntry {
            time: timestamp_now(),
            operation: self.destination.name(),
            method: incoming.method.clone(),
            path: incoming.path.clone(),
            host: incoming.host.clone(),
            arn: store_id.as_ref().zip(account_region).map(|(id, owner)| store_arn(&owner, id)),
            account,
            region: scope.as_ref().map(|scope| scope.region.clone()),
            role_arn: session.map(|session| session.role_arn.clone()),
            session_name: session.map(|session| session.name.clone()),
            session_tags: session.map(|session| session.tags.clone()).unwrap_or_default(),
            access_key_id: scope.map(|scope| scope.access_key_id),
            store_id,
            parameters: self.parameters(),
            request_id: self.id.clone(),
            user_agent: header(&incoming.headers, "user-agent"),
            invocation_id: header(&incoming.headers, "amz-sdk-invocation-id"),
            attempt: header(&incoming.headers, "amz-sdk-request"),
            ..LedgerEntry::default()
        }
    }

    /// The input members for the ledger: JSON body, path label and query in one object.
    fn parameters(&self) -> Value {
        let (operation, label) = match &self.destination {
            Destination::Sts(request) => return request.parameters(),
            Destination::Unknown => return json!({}),
            Destination::Omics(operation, label) => (operation, label),
        };
        let body: Value = serde_json::from_slice(&self.incoming.body).unwrap_or(Value::Null);
        let mut parameters = match body {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        parameters.extend(operation.label().map(|name| (name.to_owned(), json!(label))));
        // `X-Amz-*` parameters carry a presigned signature and are no input members.
        for (name, value) in self.query.iter().filter(|(name, _)| !name.starts_with("X-Amz-")) {
            match parameters.get_mut(name) {
                _ if name != "tagKeys" => drop(parameters.insert(name.clone(), json!(value))),
                Some(Value::Array(keys)) => keys.push(json!(value)),
                _ => drop(parameters.insert(name.clone(), json!([value]))),
            }
        }
        Value::Object(parameters)
    }
}

/// A random UUID of version 4.
fn random_request_id() -> String {
    let (high, low) = (fastrand::u64(..), fastrand::u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}
