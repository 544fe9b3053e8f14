//! Parsers of flag values. Each error says what to write instead. No I/O.

use std::net::SocketAddr;
use std::time::Duration;

use crate::aws::Operation;
use crate::crd::is_account_id;
use crate::crd::{StoreStatus, is_dns_label, is_dns_subdomain, is_region};
use crate::store::desired::parse_duration;

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "write a whole number with the unit s, m or h, such as 30s, 5m or 1h".into())
}

pub(super) fn region(text: &str) -> Result<String, String> {
    is_region(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "write the code of an AWS region, such as us-east-1".into())
}

pub(super) fn cluster_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
    let fits = !text.is_empty() && text.chars().count() <= 256 && text.chars().all(allowed);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "write a valid value of an AWS tag: 1 to 256 letters, digits, spaces and _ . : / = + - @".into()
    })
}

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    full.parse().map_err(|_| "write an address and a port, such as 127.0.0.1:8081 or :8081".into())
}

/// An address, or none where nothing is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OptionalAddress(pub(super) Option<SocketAddr>);

/// An address; `0`, as with controller-runtime, or `off` for none.
pub(super) fn optional_address(text: &str) -> Result<OptionalAddress, String> {
    if ["0", "off"].contains(&text) {
        return Ok(OptionalAddress(None));
    }
    address(text).map(|address| OptionalAddress(Some(address))).map_err(|_| {
        "write an address and a port, such as 127.0.0.1:8080 or :8080, or off to serve no metrics".into()
    })
}

pub(super) fn log_level(text: &str) -> Result<String, String> {
    let is_level = |level: &str| LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level));
    // A directive without a level would switch off everything but the module of that name, mostly a misspelt level.
    let is_directive = |directive: &str| match directive.rsplit_once('=') {
        Some((target, level)) => !target.is_empty() && is_level(level),
        None => is_level(directive),
    };
    // The parser of filters takes positions in the trimmed text for positions in the whole one, and panics on some of them.
    let directives: Vec<&str> = text.split(',').map(str::trim).collect();
    let filter = directives.join(",");
    let fits = directives.iter().all(|directive| is_directive(directive))
        && tracing_subscriber::EnvFilter::builder().parse(&filter).is_ok();
    fits.then_some(filter).ok_or_else(|| {
        "write error, warn, info, debug, trace or off, or a filter with a level for each module, such as \
         info,sequencestore_operator=debug"
            .into()
    })
}

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

pub(super) fn account(text: &str) -> Result<String, String> {
    is_account_id(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "write the 12 digits of an AWS account id, such as 111122223333".into())
}

/// Aliases are refused: IAM matches a key by its own ARN, so that a policy with an alias allows nothing.
pub(super) fn key_arn(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let fits = matches!(parts[..], ["arn", _, "kms", _, _, key] if key.starts_with("key/") && key.len() > 4);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "write the ARN of the key itself, not of an alias, such as \
         arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
            .into()
    })
}

/// The same form as that of `spec.roleArn` of an AccountBinding.
pub(super) fn role_arn(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let fits = matches!(parts[..], ["arn", partition, "iam", "", account, role]
        if partition.starts_with("aws") && is_account_id(account) && role.starts_with("role/") && !role.ends_with('/'));
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "write the ARN of the IAM role itself, not of one of its sessions, such as \
         arn:aws:iam::111122223333:role/sequencestore-operator"
            .into()
    })
}

/// A share of a quota: above 0 and at most 1.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "write a number above 0 and at most 1, such as 0.8".into())
}

/// `OPERATION=TPS`: a quota of the AWS account.
pub(super) fn quota(text: &str) -> Result<(Operation, f64), String> {
    let limited = || Operation::ALL.into_iter().filter(|operation| operation.default_quota().is_some());
    let (name, rate) = text.split_once('=').unwrap_or((text, ""));
    let operation = limited().find(|operation| operation.name().eq_ignore_ascii_case(name.trim()));
    let rate = rate.trim().parse::<f64>().ok().filter(|rate| *rate >= 0.01 && *rate <= 10_000.0);
    operation.zip(rate).ok_or_else(|| {
        let known: Vec<&str> = limited().map(Operation::name).collect();
        format!(
            "write an operation and its requests per second, such as GetSequenceStore=20; operations: {}",
            known.join(", ")
        )
    })
}

/// `key=value`, or `key` for any value.
pub(super) fn tag(text: &str) -> Result<(String, Option<String>), String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, None),
    };
    if key.is_empty() {
        return Err("write key=value, or only the key to match any value".into());
    }
    Ok((key.to_owned(), value))
}

/// A status in upper or lower case.
pub(super) fn status(text: &str) -> Result<StoreStatus, String> {
    StoreStatus::parse(&text.to_ascii_uppercase()).ok_or_else(|| {
        let known: Vec<&str> = StoreStatus::ALL.into_iter().map(StoreStatus::as_str).collect();
        format!("write one of {}", known.join(", "))
    })
}

pub(super) fn namespace(text: &str) -> Result<String, String> {
    is_dns_label(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "write the name of a namespace: lower-case letters, digits and hyphens".into())
}

pub(super) fn object_name(text: &str) -> Result<String, String> {
    is_dns_subdomain(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "write the name of an object: lower-case letters, digits, hyphens and dots".into())
}

/// A namespace to watch. An empty one is refused: to Kubernetes it means all namespaces, to whoever wrote it probably none.
pub(super) fn watched_namespace(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("an empty name would mean all namespaces: write the name of a namespace, or leave the flag out to \
                    watch all namespaces"
            .into());
    }
    namespace(text)
}

/// For `fuzzing`: whatever is accepted is what the flag promises.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(text: &str) {
    let is_within = |share: f64, most: f64| share > 0.0 && share <= most;
    assert!(duration(text).is_ok_and(|duration| !duration.is_zero()) || duration(text).is_err());
    assert_eq!(region(text).is_ok(), is_region(text));
    assert!(share(text).is_err() || share(text).is_ok_and(|share| is_within(share, 1.0)), "{text}");
    assert!(quota(text).is_err() || quota(text).is_ok_and(|(_, rate)| is_within(rate, 10_000.0)), "{text}");
    assert!(cluster_name(text).is_err() || !text.contains(char::is_control), "{text:?}");
    assert!(account(text).is_err() || text.parse::<u64>().is_ok(), "{text:?}");
    assert!(watched_namespace(text).is_err() || is_dns_label(text), "{text:?}");
    assert!(tag(text).is_err() || !text.starts_with('='), "{text:?}");
    let _ = (optional_address(text), log_level(text), key_arn(text), status(text), object_name(text));
}
