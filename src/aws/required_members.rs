//! The members that the service model requires in each response, looked for in the body itself: where one is missing, the
//! SDK fills in an empty value, so that `200 {}` looks like "no tags" or "no stores". No I/O.

use aws_sdk_omics::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_omics::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_omics::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use serde_json::{Map, Value};

use super::Operation;

/// The response to a request is a success and lacks what the service model requires. It says nothing.
#[derive(Debug, thiserror::Error)]
#[error("the response has {0}")]
pub(super) struct Incomplete(String);

/// The form of the response of one operation.
enum Form {
    /// A JSON object with these members.
    Members(&'static [Member]),
    /// The service model requires nothing: an empty body, or any JSON object.
    Nothing,
    /// XML whose members are optional to the SDK as well, so that it fills in nothing. `identity` looks at them.
    Xml,
}

/// A required member: neither missing nor null.
enum Member {
    Text(&'static str),
    /// A list of objects that have these members, each a text.
    List(&'static str, &'static [&'static str]),
    /// A map of texts. The SDK drops a key whose value is null.
    Map(&'static str),
}

const STORE: Form = Form::Members(&[Member::Text("id"), Member::Text("arn"), Member::Text("creationTime")]);
const LISTED_STORE: &[&str] = &["id", "arn", "creationTime"];
const LISTED_READ_SET: &[&str] = &["id", "arn", "sequenceStoreId", "status", "fileType", "creationTime"];

fn form(operation: Operation) -> Form {
    match operation {
        Operation::GetSequenceStore | Operation::CreateSequenceStore | Operation::UpdateSequenceStore => {
            STORE
        }
        Operation::ListSequenceStores => Form::Members(&[Member::List("sequenceStores", LISTED_STORE)]),
        Operation::ListReadSets => Form::Members(&[Member::List("readSets", LISTED_READ_SET)]),
        Operation::ListTagsForResource => Form::Members(&[Member::Map("tags")]),
        Operation::GetS3AccessPolicy => Form::Members(&[Member::Text("s3AccessPolicy")]),
        Operation::DeleteSequenceStore
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::PutS3AccessPolicy
        | Operation::DeleteS3AccessPolicy => Form::Nothing,
        Operation::GetCallerIdentity | Operation::AssumeRole => Form::Xml,
    }
}

/// Checks the body of a successful response.
///
/// # Errors
/// What is missing.
pub(super) fn check(operation: Operation, body: &[u8]) -> Result<(), Incomplete> {
    let form = form(operation);
    if matches!(form, Form::Xml) || (matches!(form, Form::Nothing) && body.is_empty()) {
        return Ok(());
    }
    let Ok(Value::Object(object)) = serde_json::from_slice(body) else {
        return Err(Incomplete("no JSON object as its body".to_owned()));
    };
    match form {
        Form::Members(members) => members.iter().try_for_each(|member| member.check(&object)),
        Form::Nothing | Form::Xml => Ok(()),
    }
}

impl Member {
    fn check(&self, object: &Map<String, Value>) -> Result<(), Incomplete> {
        match self {
            Self::Text(name) => match object.get(*name) {
                Some(Value::String(text)) if !text.is_empty() => Ok(()),
                _ => Err(Incomplete(format!("no member `{name}`"))),
            },
            Self::List(name, members) => match object.get(*name) {
                Some(Value::Array(items)) => {
                    items.iter().try_for_each(|item| check_item(name, members, item))
                }
                _ => Err(Incomplete(format!("no member `{name}`"))),
            },
            Self::Map(name) => match object.get(*name) {
                Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(()),
                Some(Value::Object(_)) => Err(Incomplete(format!("a key without a value in `{name}`"))),
                _ => Err(Incomplete(format!("no member `{name}`"))),
            },
        }
    }
}

fn check_item(list: &str, members: &[&str], item: &Value) -> Result<(), Incomplete> {
    let lacks = |member: &&&str| item[**member].as_str().is_none_or(str::is_empty);
    match members.iter().find(lacks) {
        Some(member) => Err(Incomplete(format!("an item in `{list}` without a member `{member}`"))),
        None => Ok(()),
    }
}

/// Applies [`check`] to every response that the SDK takes for a success. Part of every client.
#[derive(Debug)]
pub(super) struct RequiredMembers;

impl Intercept for RequiredMembers {
    fn name(&self) -> &'static str {
        "RequiredMembers"
    }

    /// Not before: the body is read only then. An error here becomes the outcome of the call.
    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.output_or_error().is_err() {
            return Ok(());
        }
        let name = config.load::<Metadata>().map(Metadata::name).unwrap_or_default();
        let operation = Operation::ALL.into_iter().find(|operation| operation.name() == name);
        let operation = operation.ok_or_else(|| format!("the operation `{name}` is not in the table"))?;
        // Only a body that streams has no bytes here, and no response of these operations does.
        let body = context.response().body().bytes().unwrap_or_default();
        Ok(check(operation, body)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_complete(operation: Operation, body: &str) -> bool {
        check(operation, body.as_bytes()).is_ok()
    }

    /// The least that each operation may answer with.
    fn least(operation: Operation) -> &'static str {
        match operation {
            Operation::GetSequenceStore | Operation::CreateSequenceStore | Operation::UpdateSequenceStore => {
                r#"{"id":"1","arn":"arn:x","creationTime":"2022-11-23T19:55:48.376Z","name":null}"#
            }
            Operation::ListSequenceStores => {
                r#"{"sequenceStores":[{"id":"1","arn":"a","creationTime":"t"}]}"#
            }
            Operation::ListReadSets => r#"{"readSets":[],"nextToken":null}"#,
            Operation::ListTagsForResource => r#"{"tags":{"team":""}}"#,
            Operation::GetS3AccessPolicy => r#"{"s3AccessPolicy":"{}"}"#,
            Operation::GetCallerIdentity => "<GetCallerIdentityResponse/>",
            Operation::AssumeRole => "<AssumeRoleResponse/>",
            _ => "",
        }
    }

    #[test]
    fn the_least_that_the_service_model_allows_is_an_answer() {
        for operation in Operation::ALL {
            assert!(is_complete(operation, least(operation)), "{operation:?}");
        }
    }

    #[test]
    fn no_operation_believes_a_page_of_a_proxy_or_half_a_document() {
        for operation in Operation::ALL.into_iter().filter(|operation| operation.service() != "STS") {
            for body in ["<html></html>", "{\"id\":", "[]", "null", "\"text\""] {
                assert!(!is_complete(operation, body), "{operation:?} believes {body}");
            }
        }
    }

    #[test]
    fn every_required_member_is_missed_when_it_is_absent_null_or_of_another_type() {
        for operation in Operation::ALL {
            let Form::Members(members) = form(operation) else { continue };
            assert!(!is_complete(operation, "") && !is_complete(operation, "{}"), "{operation:?}");
            for member in members {
                let (Member::Text(name) | Member::List(name, _) | Member::Map(name)) = member;
                let mut body: Map<String, Value> = serde_json::from_str(least(operation)).expect("an object");
                for value in [Value::Null, Value::from(1), Value::from(""), Value::from(vec![Value::Null])] {
                    body.insert((*name).to_owned(), value.clone());
                    let text = Value::Object(body.clone()).to_string();
                    assert!(!is_complete(operation, &text), "{operation:?} believes {text}");
                }
                body.remove(*name);
                assert!(!is_complete(operation, &Value::Object(body).to_string()), "{operation:?}: {name}");
            }
        }
    }

    #[test]
    fn an_item_or_a_tag_without_its_members_makes_the_whole_response_incomplete() {
        let list = Operation::ListSequenceStores;
        for item in ["null", "{}", r#"{"id":"1","arn":"a"}"#, r#"{"id":"1","arn":null,"creationTime":"t"}"#] {
            assert!(!is_complete(list, &format!("{{\"sequenceStores\":[{item}]}}")), "{item}");
        }
        assert!(!is_complete(Operation::ListTagsForResource, r#"{"tags":{"healthomics.dev/uid":null}}"#));
    }
}
