//! The table of condition reasons: what each means, what to do about it, and the Event that announces it. No I/O.
//!
//! `docs/conditions.md`, the table in `README.md` and the Events all read this table.

use super::row::{
    Abnormal, Combination, NO_CONFIG_MAP, NO_CONFIG_MAP_YET, READY, READY_NOT_SYNCED, RECONCILING, Row,
    STALLED, normal, warning,
};

/// Defines the enum and lists its variants, so that `ALL` cannot miss one.
macro_rules! reasons {
    ($($name:ident),* $(,)?) => {
        /// The reason of a condition. `docs/conditions.md` explains each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($name),* }

        impl Reason {
            /// Every reason, in the order in which the documentation lists them.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// The reason as conditions and Events carry it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

reasons![
    Available,
    InSync,
    Progressing,
    Creating,
    Updating,
    StoreDeleting,
    UnknownStatus,
    Drifted,
    Failed,
    InvalidSpec,
    ImmutableFieldDiffers,
    OwnershipConflict,
    ObjectsNotListed,
    WrongAccount,
    BindingConflict,
    BindingNotReady,
    BindingMissing,
    StoreMissing,
    StoreNotFound,
    NotConverging,
    RecordNotKept,
    ConnectionConflict,
    ConnectionDenied,
    AwsUnavailable,
    Throttled,
    AccessDenied,
    QuotaExceeded,
    Deleting,
    DeletionBlocked,
    Paused,
];

impl Reason {
    /// The row of the table.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub(super) const fn row(self) -> Row {
        match self {
            Self::Available => Row {
                combinations: &[READY, READY_NOT_SYNCED],
                meaning: "The store is ACTIVE in AWS.",
                details: "",
                remedy: "",
                link: "",
                event: normal("Observe", "The sequence store is ACTIVE in AWS."),
            },
            Self::InSync => Row {
                combinations: &[READY],
                meaning: "Every field that the spec sets has the same value in AWS.",
                details: "",
                remedy: "",
                link: "",
                event: None,
            },
            Self::Progressing => Row {
                combinations: &[RECONCILING, NO_CONFIG_MAP_YET],
                meaning: "The operator is working on the object: it reads the store, writes the owner tags or the ConfigMap, \
                          or checks a second time that the store or its owner tag is not there.",
                details: "",
                remedy: "Wait.",
                link: "",
                event: None,
            },
            Self::Creating => Row {
                combinations: &[RECONCILING],
                meaning: "AWS is creating the store, or the operator is finding out whether AWS created it.",
                details: "",
                remedy: "Wait.",
                link: "troubleshooting.md#creating-takes-long",
                event: None,
            },
            Self::Updating => Row {
                combinations: &[RECONCILING, READY_NOT_SYNCED],
                meaning: "The store is UPDATING in AWS, or AWS refuses a call because the store is busy.",
                details: "",
                remedy: "Wait.",
                link: "",
                event: None,
            },
            Self::StoreDeleting => Row {
                combinations: &[RECONCILING],
                meaning: "The store is DELETING in AWS, but not because of this object.",
                details: "",
                remedy: "Find out who deletes the store: CloudTrail shows who called DeleteSequenceStore.",
                link: "",
                event: None,
            },
            Self::UnknownStatus => Row {
                combinations: &[Combination { synced: None, ..RECONCILING }],
                meaning: "AWS reports no status, or one that this version of the operator does not know.",
                details: "",
                remedy: "Wait. If it lasts, upgrade the operator.",
                link: "",
                event: None,
            },
            Self::Drifted => Row {
                combinations: &[READY_NOT_SYNCED, RECONCILING],
                meaning: "The store differs from the spec in the fields that `status.drift` lists. Under `Manage` the \
                          operator is updating the store; under `Observe` it only reports the differences, and the \
                          object stays Ready.",
                details: "The object also stays Ready if all that differs is a principal of the S3 access policy that was \
                          deleted: writing the policy again would not change that.",
                remedy: "Under `Manage`, wait, or do what the message says. Under `Observe`, change the spec or the store.",
                link: "drift.md",
                event: warning("Observe", "The sequence store differs from the spec; see status.drift."),
            },
            Self::Failed => Row {
                combinations: &[STALLED],
                meaning: "The store is FAILED in AWS; the message ends with AWS's explanation.",
                details: "",
                remedy: "Read AWS's explanation in the message. If the store holds no data, set `deletionPolicy` to \
                         `Delete`, remove `sequenceStoreId` from the manifest, delete the object, and apply it again. \
                         Otherwise ask AWS support.",
                link: "",
                event: warning(
                    "Observe",
                    "The sequence store is FAILED in AWS; the message of the condition Ready ends with AWS's explanation.",
                ),
            },
            Self::InvalidSpec => Row {
                combinations: &[STALLED, READY_NOT_SYNCED],
                meaning: "The operator cannot do what the object asks for, or AWS rejects the request.",
                details: "The cause is a value in the spec, an annotation, or a setting of the operator.",
                remedy: "Change what the message names; after a change of the object, the operator retries at once.",
                link: "troubleshooting.md#invalidspec",
                event: warning(
                    "Plan",
                    "The operator cannot do what the object asks for; the message of the condition Synced says what to \
                     change.",
                ),
            },
            Self::ImmutableFieldDiffers => Row {
                combinations: &[STALLED],
                meaning: "A field of the spec differs from the store, and AWS cannot change this field of an existing store.",
                details: "",
                remedy: "Set the field to the value shown in `status.store`, or remove it from the spec.",
                link: "drift.md#fields-that-aws-cannot-change",
                event: warning(
                    "Plan",
                    "A field of the spec differs from the store and AWS cannot change it; see status.drift.",
                ),
            },
            Self::OwnershipConflict => Row {
                combinations: &[STALLED],
                meaning: "The store belongs to another object, or its owner tag is missing; the operator neither changes \
                          nor deletes it for this object.",
                details: "",
                remedy: "Do what the message says: add the annotation, keep only one of two objects, or write the missing \
                         owner tag.",
                link: "adoption.md#take-over",
                event: warning(
                    "Plan",
                    "The sequence store does not belong to this object, so the operator neither changes nor deletes it.",
                ),
            },
            Self::ObjectsNotListed => Row {
                combinations: &[READY_NOT_SYNCED],
                meaning: "The store has no owner tag, and the operator cannot list the objects of every namespace it watches, \
                          where an older object may name the same store.",
                details: "The operator mirrors the store, and neither claims, changes nor deletes it until the list is in.",
                remedy: "Allow the operator to list and watch SequenceStores in the namespace that the message names, or take \
                         the namespace out of `--watch-namespace`.",
                link: "",
                event: warning(
                    "Plan",
                    "The operator cannot list the SequenceStores of every namespace it watches, so it does not claim the \
                     sequence store; the message of the condition Synced names the namespace.",
                ),
            },
            Self::WrongAccount => Row {
                combinations: &[STALLED],
                meaning: "The operator's credentials belong to another AWS account than the store; the operator changes \
                          nothing.",
                details: "A creation that AWS refused binds the object to no account; one of unknown outcome does. The \
                          operator also reports this reason if the ARN recorded in `status.store` differs from the one that \
                          AWS reports.",
                remedy: "Give the operator credentials for the account of the store.",
                link: "troubleshooting.md#wrongaccount",
                event: warning(
                    "Observe",
                    "The operator's credentials belong to another AWS account than the sequence store.",
                ),
            },
            Self::BindingConflict => Row {
                combinations: &[STALLED],
                meaning: "More than one AccountBinding is about the namespace, so that the operator makes no AWS calls for its \
                          objects.",
                details: "The message names the bindings.",
                remedy: "Change or delete all of them but one.",
                link: "account-bindings.md#when-a-binding-refuses",
                event: warning(
                    "Bind",
                    "More than one AccountBinding is about the namespace; the operator makes no AWS calls.",
                ),
            },
            Self::BindingNotReady => Row {
                combinations: &[RECONCILING],
                meaning: "The operator cannot assume the role of the AccountBinding of the namespace, or does not know the \
                          bindings, and makes no AWS calls for its objects.",
                details: "It never uses its own identity instead.",
                remedy: "See the status of the AccountBinding.",
                link: "account-bindings.md#when-a-binding-refuses",
                event: warning(
                    "Bind",
                    "The AccountBinding of the namespace cannot be used; the operator makes no AWS calls.",
                ),
            },
            Self::BindingMissing => Row {
                combinations: &[STALLED, RECONCILING],
                meaning: "No AccountBinding is about the namespace, and the object needs one.",
                details: "`Stalled` where the store got on record under a binding: it is reached under a binding only. \
                          `Reconciling` where the operator demands a binding of every object.",
                remedy: "Create an AccountBinding for the namespace, of the same AWS account as before.",
                link: "account-bindings.md#when-a-binding-refuses",
                event: warning(
                    "Bind",
                    "No AccountBinding is about the namespace; the operator makes no AWS calls.",
                ),
            },
            Self::StoreMissing => Row {
                combinations: &[STALLED],
                meaning: "The store existed and is gone from AWS; the operator does not replace it with an empty store \
                          unless you allow it.",
                details: "",
                remedy: "Delete the object, or add the annotation that the message shows, which allows one new, empty store.",
                link: "troubleshooting.md#storemissing",
                event: warning("Observe", "The sequence store no longer exists in AWS."),
            },
            Self::StoreNotFound => Row {
                combinations: &[STALLED],
                meaning: "AWS has no store with the id in the spec, or the object only observes and the operator finds no \
                          store by name and owner tags.",
                details: "",
                remedy: "Check what the message names: the id, the name, the region or the account.",
                link: "troubleshooting.md#storenotfound",
                event: warning("Observe", "AWS has no sequence store for this object."),
            },
            Self::NotConverging => Row {
                combinations: &[STALLED],
                meaning: "AWS accepts updates of a field or the owner tags but still shows another value.",
                details: "",
                remedy: "Set the field to the value that AWS shows, or remove it from the spec. For owner tags, find out who \
                         removes them.",
                link: "drift.md#notconverging",
                event: warning(
                    "Update",
                    "AWS accepts updates of the sequence store but still shows other values; see status.drift.",
                ),
            },
            Self::RecordNotKept => Row {
                combinations: &[STALLED, READY_NOT_SYNCED],
                meaning: "Something in the cluster removes or refuses what the operator writes to the object before it \
                          calls AWS: its finalizer, its annotation or its record of tags.",
                details: "Without the record of a creation the operator creates no store, because a crash could then leave \
                          a second one. The operator retries, ever more slowly.",
                remedy: "Find the webhook or admission policy that changes or refuses the object; the message names what is \
                         missing.",
                link: "troubleshooting.md#recordnotkept",
                event: warning(
                    "Record",
                    "Something in the cluster removes or refuses what the operator records on the object; the message of \
                     the condition Synced says what.",
                ),
            },
            Self::ConnectionConflict => Row {
                combinations: NO_CONFIG_MAP,
                meaning: "The ConfigMap that `spec.writeConnectionTo` names belongs to somebody else; the operator leaves it \
                          alone.",
                details: "The operator keeps a ConfigMap only if its owner reference with `controller: true` has the uid of \
                          this object. `Synced` shows how the store compares with the spec all the same. Once nothing has \
                          that name any more, the operator makes its own ConfigMap.",
                remedy: "Write another name in the spec, or delete the ConfigMap if nobody needs it.",
                link: "pipelines.md#when-it-is-not-there",
                event: warning(
                    "WriteConnection",
                    "The ConfigMap of spec.writeConnectionTo belongs to somebody else, so the operator does not write it.",
                ),
            },
            Self::ConnectionDenied => Row {
                combinations: NO_CONFIG_MAP,
                meaning: "The API server does not let the operator keep the ConfigMap that `spec.writeConnectionTo` names.",
                details: "The operator has no rights on ConfigMaps unless the chart gives them, or a quota, an admission policy \
                          or a webhook refuses the ConfigMap. `Synced` shows how the store compares with the spec all the \
                          same. The operator tries again at the next look.",
                remedy: "Set the chart's value `connectionConfigMaps.enabled` to true, or do what the message says.",
                link: "pipelines.md#when-it-is-not-there",
                event: warning(
                    "WriteConnection",
                    "The API server does not let the operator write the ConfigMap of spec.writeConnectionTo; the message of \
                     the condition Ready says what to do.",
                ),
            },
            Self::AwsUnavailable => Row {
                combinations: &[RECONCILING, READY_NOT_SYNCED],
                meaning: "Calls to AWS fail, or the operator cannot reach AWS.",
                details: "The operator reports this from the third failure in a row, and at once for a new generation.",
                remedy: "Wait. If it lasts, check the region, the network, proxies and endpoints.",
                link: "troubleshooting.md#awsunavailable",
                event: warning("CallAws", "Calls to AWS fail, or the operator cannot reach AWS."),
            },
            Self::Throttled => Row {
                combinations: &[RECONCILING, READY_NOT_SYNCED],
                meaning: "AWS throttles the operator's requests.",
                details: "The operator reports this after 10 minutes, and at once for a new generation: until then, what AWS \
                          answered last still stands.",
                remedy: "Wait. If it lasts, set a longer `pollInterval` or a smaller share of the quotas, or find out who else \
                         calls HealthOmics.",
                link: "quotas.md#when-aws-throttles",
                event: None,
            },
            Self::AccessDenied => Row {
                combinations: &[RECONCILING, STALLED, READY_NOT_SYNCED],
                meaning: "IAM does not allow an action, or the operator has no valid credentials.",
                details: "IAM changes take time, so the object is Reconciling for 5 minutes before it is Stalled; the \
                          operator keeps retrying. If AWS denies only actions on tags or the S3 access policy, the \
                          object stays Ready.",
                remedy: "Allow the action that the message names, or give the operator valid credentials.",
                link: "troubleshooting.md#accessdenied",
                event: warning(
                    "CallAws",
                    "AWS denies an action, or the operator has no valid AWS credentials; the message of the condition \
                     Synced says what to do.",
                ),
            },
            Self::QuotaExceeded => Row {
                combinations: &[RECONCILING, STALLED, READY_NOT_SYNCED],
                meaning: "A service quota of the AWS account is reached, or the store has no room for a tag.",
                details: "The object is Reconciling for 5 minutes before it is Stalled; the operator keeps retrying. If only \
                          tags have no room, the object stays Ready.",
                remedy: "Request a higher quota, delete stores that you no longer need, or remove tags of the store.",
                link: "troubleshooting.md#quotaexceeded",
                event: warning(
                    "CallAws",
                    "A limit of AWS is reached; the message of the condition Synced says which one.",
                ),
            },
            Self::Deleting => Row {
                combinations: &[RECONCILING],
                meaning: "The object is being deleted, and the store with it unless `deletionPolicy` is `Retain` or \
                          `managementPolicy` is `Observe`.",
                details: "",
                remedy: "Wait.",
                link: "",
                event: normal("Delete", "The operator is deleting the sequence store in AWS."),
            },
            Self::DeletionBlocked => Row {
                combinations: &[RECONCILING],
                meaning: "The deletion is blocked for the reasons in `status.deletionBlockedBy`.",
                details: "",
                remedy: "Remove what blocks the deletion.",
                link: "deletion.md#when-it-waits",
                event: warning("Delete", "The deletion is blocked; see status.deletionBlockedBy."),
            },
            Self::Paused => Row {
                combinations: &[Combination {
                    ready: None,
                    synced: Some(false),
                    abnormal: Abnormal::Unchanged,
                }],
                meaning: "The annotation `healthomics.dev/paused` is `true`: the operator makes no AWS calls for the \
                          object and leaves the rest of its status unchanged.",
                details: "",
                remedy: "Remove the annotation.",
                link: "",
                event: None,
            },
        }
    }
}
