//! The columns that `kubectl get` prints. No I/O.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

/// The columns of `kubectl get seqstore`, in the order in which kubectl prints them.
pub(super) fn printer_columns() -> Vec<CustomResourceColumnDefinition> {
    vec![
        column("Store ID", ".status.store.id"),
        column("Status", ".status.store.status"),
        column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        column("Synced", ".status.conditions[?(@.type=='Synced')].status"),
        column("Reason", ".status.conditions[?(@.type=='Ready')].reason"),
        CustomResourceColumnDefinition {
            description: Some(
                "Number of read sets in the store, of objects whose spec.observeReadSets is true.".into(),
            ),
            ..column("Read Sets", ".status.readSets.total")
        },
        age(),
        wide("Region", ".status.region"),
        wide("On Deletion", ".status.deletion.policy"),
        CustomResourceColumnDefinition {
            type_: "boolean".into(),
            ..wide("Protected", ".status.deletion.protection")
        },
        CustomResourceColumnDefinition {
            description: Some(
                "The first field of status.drift: a field whose value in AWS differs from the spec.".into(),
            ),
            ..wide("Drift", ".status.drift[*].field")
        },
        wide("S3 URI", ".status.store.s3Access.s3Uri"),
        wide("ARN", ".status.store.arn"),
    ]
}

/// The columns of `kubectl get acctbinding`.
pub(super) fn account_binding_columns() -> Vec<CustomResourceColumnDefinition> {
    let number = |name, json_path| CustomResourceColumnDefinition {
        type_: "integer".into(),
        ..column(name, json_path)
    };
    vec![
        column("Account", ".status.accountId"),
        column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
        column("Reason", ".status.conditions[?(@.type=='Ready')].reason"),
        number("Namespaces", ".status.namespaces"),
        number("Sequence Stores", ".status.sequenceStores"),
        age(),
        wide("Role", ".spec.roleArn"),
    ]
}

fn age() -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition { type_: "date".into(), ..column("Age", ".metadata.creationTimestamp") }
}

fn column(name: &str, json_path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.into(),
        type_: "string".into(),
        json_path: json_path.into(),
        ..CustomResourceColumnDefinition::default()
    }
}

/// A column that kubectl prints only with `-o wide`.
fn wide(name: &str, json_path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition { priority: Some(1), ..column(name, json_path) }
}
