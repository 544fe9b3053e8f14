//! Reads the API server's audit log: who asked for what, and how often.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Deserialize;

/// Verbs that change what is stored.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];
/// The server writes a request's record when its handler returns. An answer of more than a few kilobytes may reach the
/// client just before that, so the log is read only when it has stopped growing for this long...
const QUIET: Duration = Duration::from_millis(25);
/// ...or, while others keep asking, after this long.
const QUIET_AT_MOST: Duration = Duration::from_millis(250);

/// The audit log of a control plane. Cheap to clone.
///
/// It holds one record for every request of every user: at its end, or, for a watch, when it starts. Requests still
/// under way are not in it.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

/// A position in the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditMark {
    offset: u64,
    /// A record may be written a little after its answer: what was received before this lies before the mark.
    at: Timestamp,
}

/// One request that the API server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditedRequest {
    /// Whose rights were used: for an impersonated request, the impersonated user.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The resource's plural name; empty for a request outside the resources, such as `/readyz`.
    pub resource: String,
    /// The subresource, such as `status`.
    pub subresource: Option<String>,
    /// The namespace, for a namespaced resource.
    pub namespace: Option<String>,
    /// The object's name, where one was named or generated.
    pub name: Option<String>,
    /// The HTTP status of the answer.
    pub code: u16,
    /// When the request came in.
    pub received: Option<Timestamp>,
    /// When the answer was complete.
    pub stage_time: Timestamp,
    /// Path and query, for example to see a field manager or a dry run.
    pub uri: String,
}

impl AuditedRequest {
    /// Whether the request asks for a change, allowed or not. A dry run and a review (`subjectaccessreviews`) count.
    #[must_use]
    pub fn is_write(&self) -> bool {
        WRITES.contains(&self.verb.as_str())
    }

    /// `resource`, or `resource/subresource`.
    #[must_use]
    pub fn full_resource(&self) -> String {
        match &self.subresource {
            Some(subresource) => format!("{}/{subresource}", self.resource),
            None => self.resource.clone(),
        }
    }
}

impl Audit {
    /// Reads the log at `path`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The position now: requests that came in before this call lie before it.
    ///
    /// # Panics
    /// When the log cannot be read: a count taken from a part of it would prove nothing.
    #[must_use]
    pub fn mark(&self) -> AuditMark {
        let at = Timestamp::now();
        let whole = self.read_from(0);
        AuditMark { offset: whole.len() as u64, at }
    }

    /// The requests answered since `mark`, oldest first. Blocks for some ten milliseconds.
    ///
    /// # Panics
    /// When the log cannot be read: a count taken from a part of it would prove nothing.
    #[must_use]
    pub fn requests_since(&self, mark: &AuditMark) -> Vec<AuditedRequest> {
        self.settle();
        let after = |request: &AuditedRequest| request.received.is_none_or(|received| received >= mark.at);
        self.read_from(mark.offset).lines().filter_map(request).filter(after).collect()
    }

    /// How many writes `user` asked for since `mark`, by verb and resource, in one namespace or in all. Refused ones
    /// count as well: a controller that is quiet does not even try.
    ///
    /// # Panics
    /// When the log cannot be read: a count taken from a part of it would prove nothing.
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

    fn settle(&self) {
        let started = Instant::now();
        let mut length = self.length();
        while started.elapsed() < QUIET_AT_MOST {
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

    /// Whole lines from `offset` on; a line still being written is left for the next time.
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
            panic!("the audit log {} cannot be read: {error}", self.path.display());
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

/// The request a line of the log tells of, or none when another line tells of the same one.
fn request(line: &str) -> Option<AuditedRequest> {
    let event: Event = match serde_json::from_str(line) {
        Ok(event) => event,
        Err(error) => panic!("not an audit record: {error}: {line}"),
    };
    let code = event.response_status.code;
    // An accepted watch has two records: one when it starts, one when it ends, which may be much later.
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
    fn a_watch_counts_once_and_a_refused_one_too() {
        assert!(request(&line("ResponseStarted", "watch", "pods", 200)).is_some());
        assert!(request(&line("ResponseComplete", "watch", "pods", 200)).is_none());
        assert!(request(&line("ResponseComplete", "watch", "pods", 403)).is_some());
    }

    #[test]
    fn a_record_that_comes_late_lies_before_the_mark() {
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
    fn writes_are_counted_after_the_mark_and_half_a_line_is_left() {
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
