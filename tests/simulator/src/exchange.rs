//! One request from arrival to answer: ledger, fault before the commit, the call itself, fault after it.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Delivery};
use crate::error::{ApiError, status_of};
use crate::fault::{Fault, FaultAction, Side, Target};
use crate::ledger::LedgerEntry;
use crate::operation::{Operation, form_pairs, route, store_id_of};
use crate::principal::Scope;
use crate::server::{Shared, header};
use crate::stores::{store_arn, timestamp_now};
use crate::sts;
use crate::world::{Call, Outcome, World};

/// A request as it came off the wire.
pub(crate) struct Arrived {
    pub(crate) method: String,
    /// Still percent-encoded.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) host: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What goes back.
pub(crate) struct Exchanged {
    pub(crate) answer: Answer,
    pub(crate) delivery: Delivery,
    pub(crate) request_id: String,
}

/// Where a request is bound for.
enum Destination {
    Omics(Operation, String),
    Sts(sts::Request),
    Nowhere,
}

impl Destination {
    fn of(arrived: &Arrived) -> Destination {
        if arrived.path == "/" {
            return sts::Request::of(&arrived.query, &arrived.body)
                .map_or(Destination::Nowhere, Destination::Sts);
        }
        match route(&arrived.method, &arrived.path) {
            Some((operation, label)) => Destination::Omics(operation, label),
            None => Destination::Nowhere,
        }
    }

    fn name(&self) -> String {
        match self {
            Destination::Omics(operation, _) => operation.name().to_owned(),
            Destination::Sts(request) => format!("sts:{}", request.action),
            Destination::Nowhere => "Unknown".to_owned(),
        }
    }
}

pub(crate) async fn exchange(shared: Shared, arrived: Arrived) -> Exchanged {
    let destination = Destination::of(&arrived);
    let query = form_pairs(&arrived.query);
    let request_id = request_id();
    let (seq, fault) = {
        let mut world = shared.world();
        let entry = entry(&world, &arrived, &destination, &query, &request_id);
        open(&mut world, entry)
    };
    let wait_before = fault.as_ref().filter(|fault| fault.side == Side::BeforeCommit);
    wait(&shared, seq, wait_before).await;

    let (answer, delivery) = {
        let mut world = shared.world();
        let refused = wait_before.and_then(|fault| prevents(&fault.action));
        let (answer, outcome) = match refused {
            Some(action) => (fault_answer(&destination, action, &request_id), None),
            None => carry_out(&mut world, &arrived, &destination, &query, seq, fault.as_ref(), &request_id),
        };
        let (answer, delivery) = match &fault {
            Some(fault) => match &fault.action {
                action @ FaultAction::Error { .. } => {
                    (fault_answer(&destination, action, &request_id), Delivery::Whole)
                }
                action => answer.suffer(action),
            },
            None => (answer, Delivery::Whole),
        };
        close(&mut world, seq, &answer, outcome, delivery);
        (answer, delivery)
    };
    wait(&shared, seq, fault.as_ref().filter(|fault| fault.side == Side::AfterCommit)).await;
    Exchanged { answer, delivery, request_id }
}

/// Delay and Hold, on the side that the fault names.
async fn wait(shared: &Shared, seq: u64, fault: Option<&Fault>) {
    match fault.map(|fault| &fault.action) {
        Some(FaultAction::Delay { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(FaultAction::Hold) => shared.hold(seq).await,
        _ => {}
    }
}

/// The action, if it keeps the request from taking effect.
fn prevents(action: &FaultAction) -> Option<&FaultAction> {
    match action {
        FaultAction::Error { .. }
        | FaultAction::Html { .. }
        | FaultAction::Reset
        | FaultAction::Hang
        | FaultAction::EmptyObject
        | FaultAction::EmptyBody
        | FaultAction::Raw { .. } => Some(action),
        _ => None,
    }
}

fn fault_answer(destination: &Destination, action: &FaultAction, request_id: &str) -> Answer {
    let FaultAction::Error { code, status, message, retry_after_ms } = action else {
        return Answer::empty(200);
    };
    let error = ApiError {
        code: code.clone(),
        status: status.unwrap_or_else(|| status_of(code)),
        message: message.clone().unwrap_or_else(|| "The simulator was told to answer so.".to_owned()),
        retry_after_ms: *retry_after_ms,
    };
    error_answer(destination, &error, request_id)
}

fn error_answer(destination: &Destination, error: &ApiError, request_id: &str) -> Answer {
    match destination {
        Destination::Sts(_) => sts::error_answer(error, request_id),
        _ => Answer::rest_error(error),
    }
}

fn carry_out(
    world: &mut World,
    arrived: &Arrived,
    destination: &Destination,
    query: &[(String, String)],
    seq: u64,
    fault: Option<&Fault>,
    request_id: &str,
) -> (Answer, Option<Outcome>) {
    let scope = Scope::of(&arrived.headers, &arrived.query);
    let token = header(&arrived.headers, "x-amz-security-token").or_else(|| {
        query.iter().find(|(name, _)| name == "X-Amz-Security-Token").map(|(_, token)| token.clone())
    });
    let result = match destination {
        Destination::Sts(request) => {
            let answer = sts::call(world, request, scope, token.as_deref(), request_id);
            return match answer {
                Ok(answer) => (answer, None),
                Err(error) => (error_answer(destination, &error, request_id), None),
            };
        }
        Destination::Nowhere => {
            Err(ApiError::new("UnknownOperationException", "No operation has this route"))
        }
        Destination::Omics(operation, label) => {
            let World { principals, knobs, .. } = &*world;
            principals.authenticate(scope, token.as_deref(), "omics", knobs).and_then(|caller| {
                world.execute(&Call {
                    operation: *operation,
                    label,
                    query,
                    body: &arrived.body,
                    caller: &caller,
                    stale: fault.is_some_and(|fault| fault.action == FaultAction::StaleRead),
                    salt: seq,
                })
            })
        }
    };
    match result {
        Ok(outcome) => {
            let answer = match &outcome.body {
                Some(body) => Answer::json(outcome.status, body.clone()),
                None => Answer::empty(outcome.status),
            };
            (answer, Some(outcome))
        }
        Err(error) => (error_answer(destination, &error, request_id), None),
    }
}

/// Opens the ledger entry and picks the fault.
fn open(world: &mut World, mut entry: LedgerEntry) -> (u64, Option<Fault>) {
    let struck = world.faults.strike(&Target {
        operation: &entry.operation,
        store_id: entry.store_id.as_deref(),
        account: entry.account.as_deref(),
        region: entry.region.as_deref(),
    });
    entry.fault = struck.as_ref().map(|(_, fault)| fault.action.name().to_owned());
    entry.fault_number = struck.as_ref().map(|(number, _)| *number);
    let seq = world.ledger.open(entry, world.knobs.ledger_limit);
    (seq, struck.map(|(_, fault)| fault))
}

fn close(world: &mut World, seq: u64, answer: &Answer, outcome: Option<Outcome>, delivery: Delivery) {
    let Some(entry) = world.ledger.entry(seq) else {
        return;
    };
    if !matches!(delivery, Delivery::Reset | Delivery::Never) {
        entry.status = answer.status;
        entry.error.clone_from(&answer.error);
        entry.response = answer.body_for_ledger();
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

fn entry(
    world: &World,
    arrived: &Arrived,
    destination: &Destination,
    query: &[(String, String)],
    request_id: &str,
) -> LedgerEntry {
    let scope = Scope::of(&arrived.headers, &arrived.query).and_then(Result::ok);
    let account = scope.as_ref().map(|scope| world.principals.account_of(&scope.access_key_id, &world.knobs));
    let store_id = match destination {
        Destination::Omics(operation, label) => store_id_of(*operation, label),
        _ => None,
    };
    let place = account.clone().zip(scope.as_ref().map(|scope| scope.region.clone()));
    LedgerEntry {
        time: timestamp_now(),
        operation: destination.name(),
        method: arrived.method.clone(),
        path: arrived.path.clone(),
        host: arrived.host.clone(),
        arn: store_id.as_ref().zip(place).map(|(id, place)| store_arn(&place, id)),
        account,
        region: scope.as_ref().map(|scope| scope.region.clone()),
        access_key_id: scope.map(|scope| scope.access_key_id),
        store_id,
        parameters: parameters(arrived, destination, query),
        request_id: request_id.to_owned(),
        user_agent: header(&arrived.headers, "user-agent"),
        invocation_id: header(&arrived.headers, "amz-sdk-invocation-id"),
        attempt: header(&arrived.headers, "amz-sdk-request"),
        ..LedgerEntry::default()
    }
}

fn parameters(arrived: &Arrived, destination: &Destination, query: &[(String, String)]) -> Value {
    let (operation, label) = match destination {
        Destination::Sts(request) => return request.parameters(),
        Destination::Nowhere => return json!({}),
        Destination::Omics(operation, label) => (operation, label),
    };
    let body: Value = serde_json::from_slice(&arrived.body).unwrap_or(Value::Null);
    let mut parameters = match body {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    parameters.extend(operation.label().map(|name| (name.to_owned(), json!(label))));
    for (name, value) in query.iter().filter(|(name, _)| !name.starts_with("X-Amz-")) {
        match parameters.get_mut(name) {
            _ if name != "tagKeys" => drop(parameters.insert(name.clone(), json!(value))),
            Some(Value::Array(keys)) => keys.push(json!(value)),
            _ => drop(parameters.insert(name.clone(), json!([value]))),
        }
    }
    Value::Object(parameters)
}

/// A version 4 UUID in form.
fn request_id() -> String {
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
