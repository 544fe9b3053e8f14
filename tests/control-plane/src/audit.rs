//! Reads the API server's audit log file: which user sent which requests, and how many.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;

const WRITE_VERBS: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
/// How long the log must not have grown before it is read. The API server writes a request's record when its handler
/// returns, and the client may receive a response of more than a few kilobytes shortly before that.
const QUIET: Duration = Duration::from_millis(25);
/// How long to wait for that at most, because other clients may send requests all the time.
const QUIET_TIMEOUT: Duration = Duration::from_millis(250);

/// The audit log of a control plane. Cheap to clone.
///
/// It contains one record for every request of every user: written when the request ends or, for a watch, when it
/// starts. Unfinished requests are not in it.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

/// A position in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditMark {
    offset: u64,
    /// The API server may write a record shortly after its response. A record after `offset` counts as before the mark
    /// if the API server received its request before this time.
    at: Timestamp,
}

/// One request that the API server responded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedRequest {
    /// For an impersonated request, the impersonated user.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The plural name of the resource; empty for a path that is no resource, such as `/readyz`.
    pub resource: String,
    /// For example `status`.
    pub subresource: Option<String>,
    pub namespace: Option<String>,
    pub name: Option<String>,
    /// The HTTP status code of the response.
    pub code: u16,
    /// When the API server received the request.
    pub received: Option<Timestamp>,
    /// When the response was complete or, for a watch, had started.
    pub stage_time: Timestamp,
    /// Path and query, which contain for example the field manager and `dryRun`.
    pub uri: String,
}

impl AuditedRequest {
    /// Whether the verb is a write, even if the API server refused the request. Dry runs and reviews such as
    /// `subjectaccessreviews` count as writes.
    #[must_use]
    pub fn is_write(&self) -> bool {
        WRITE_VERBS.contains(&self.verb.as_str())
    }

    /// For example `configmaps` or `sequencestores/status`.
    #[must_use]
    pub fn full_resource(&self) -> String {
        match &self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource),
            None => self.resource.clone(),
        }
    }
}

impl Audit {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The current position. Requests that the API server received before this call are before the mark.
    ///
    /// # Panics
    /// When the log cannot be read: a count from an incomplete log would prove nothing.
    #[must_use]
    pub fn mark(&self) -> AuditMark {
        let at = Timestamp::now();
        let whole = self.read_from(0);
        AuditMark { offset: whole.len() as u64, at }
    }

    /// The requests after `mark`, oldest first. Blocks for 25 to 250 ms, until the log has stopped growing.
    ///
    /// # Panics
    /// When the log cannot be read: a count from an incomplete log would prove nothing.
    #[must_use]
    pub fn requests_since(&self, mark: &AuditMark) -> Vec<AuditedRequest> {
        self.wait_until_quiet();
        let after = |request: &AuditedRequest| request.received.is_none_or(|received| received >= mark.at);
        self.read_from(mark.offset).lines().filter_map(request).filter(after).collect()
    }

    /// Counts the writes of `user` after `mark` by verb and resource, in one namespace or in all. Refused writes count
    /// as well, because a controller with nothing to do must not send any.
    ///
    /// # Panics
    /// When the log cannot be read: a count from an incomplete log would prove nothing.
    #[must_use]
    pub fn writes_since(
        &self,
        mark: &AuditMark,
        user: &str,
        namespace: Option<&str>,
    ) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for request in self.requests_since(mark) {
            let in_namespace = namespace.is_none() || request.namespace.as_deref() == namespace;
            if request.user == user && in_namespace && request.is_write() {
                let resource = request.full_resource();
                *counts.entry((request.verb, resource)).or_default() += 1;
            }
        }
        counts
    }

    fn wait_until_quiet(&self) {
        let started = Instant::now();
        let mut length = self.length();
        while started.elapsed() < QUIET_TIMEOUT {
            std::thread::sleep(QUIET);
            let now = self.length();
            if now == length {
                return;
            }
            length = now;
        }
    }

    fn length(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// The complete lines after `offset`. A line that the API server has not finished writing is left out.
    fn read_from(&self, offset: u64) -> String {
        let mut text = String::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
            text = String::from_utf8_lossy(&bytes[..end]).into_owned();
            Ok(())
        });
        if let Err(error) = read {
            panic!("could not read the audit log {}: {error}", self.path.display());
        }
        text
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    user: User,
    impersonated_user: Option<User>,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: Option<Timestamp>,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
struct ObjectRef {
    #[serde(default)]
    resource: String,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// Parses a line of the log. Returns `None` for a second record of the same request.
fn request(line: &str) -> Option<AuditedRequest> {
    let event: Event = match serde_json::from_str(line) {
        Ok(event) => event,
        Err(error) => panic!("not an audit record: {error}: {line}"),
    };
    let code = event.response_status.code;
    // An accepted watch has two records: one when it starts, and one when it ends, possibly much later.
    let end_of_watch = event.verb == "watch" && event.stage == "ResponseComplete" && code < 400;
    if end_of_watch || !matches!(event.stage.as_str(), "ResponseStarted" | "ResponseComplete" | "Panic") {
        return None;
    }
    Some(AuditedRequest {
        user: event.impersonated_user.unwrap_or(event.user).username,
        verb: event.verb,
        resource: event.object_ref.resource,
        subresource: event.object_ref.subresource,
        namespace: event.object_ref.namespace,
        name: event.object_ref.name,
        code,
        received: event.request_received_timestamp,
        stage_time: event.stage_timestamp,
        uri: event.request_uri,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(stage: &str, verb: &str, resource: &str, code: u16) -> String {
        format!(
            r#"{{"kind":"Event","stage":"{stage}","verb":"{verb}","requestURI":"/x","user":{{"username":"ann"}},
            "objectRef":{{"resource":"{resource}","namespace":"lab","name":"n","subresource":"status"}},
            "responseStatus":{{"metadata":{{}},"code":{code}}},"stageTimestamp":"2026-01-02T03:04:05.678901Z"}}"#
        )
        .replace('\n', "")
    }

    #[test]
    fn an_accepted_or_refused_watch_counts_once() {
        assert!(request(&line("ResponseStarted", "watch", "pods", 200)).is_some());
        assert!(request(&line("ResponseComplete", "watch", "pods", 200)).is_none());
        assert!(request(&line("ResponseComplete", "watch", "pods", 403)).is_some());
    }

    #[test]
    fn a_late_record_of_a_request_received_before_the_mark_is_not_counted() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let audit = Audit::new(file.path().to_owned());
        let received = |at: Timestamp| format!(r#""requestReceivedTimestamp":"{at}","stageTimestamp""#);
        let (before, mark) = (Timestamp::now(), audit.mark());
        for at in [before, Timestamp::now()] {
            let line = line("ResponseComplete", "patch", "pods", 200);
            writeln!(file, "{}", line.replace(r#""stageTimestamp""#, &received(at))).expect("written");
        }
        assert_eq!(audit.requests_since(&mark).len(), 1);
    }

    #[test]
    fn only_writes_after_the_mark_and_complete_lines_are_counted() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        writeln!(file, "{}", line("ResponseComplete", "create", "pods", 201)).expect("written");
        let audit = Audit::new(file.path().to_owned());
        let mark = audit.mark();
        for (verb, code) in [("patch", 200), ("patch", 409), ("get", 200), ("delete", 403)] {
            writeln!(file, "{}", line("ResponseComplete", verb, "pods", code)).expect("written");
        }
        write!(file, "{{\"kind\":").expect("written");
        let expected = BTreeMap::from([
            (("patch".to_owned(), "pods/status".to_owned()), 2),
            (("delete".to_owned(), "pods/status".to_owned()), 1),
        ]);
        assert_eq!(audit.writes_since(&mark, "ann", None), expected);
        assert_eq!(audit.writes_since(&mark, "ann", Some("lab")), expected);
        assert!(audit.writes_since(&mark, "ann", Some("other")).is_empty());
        assert!(audit.writes_since(&mark, "bob", None).is_empty());
        assert_eq!(audit.requests_since(&mark).len(), 4);
    }
}
