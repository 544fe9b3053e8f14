//! What every condition and reason means and what to do about it: the text of `docs/conditions.md`. No I/O.

use std::fmt::Write;

use super::Reason;

/// The conditions while a reason stands on `Ready` or `Synced`. None: as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) ready: Option<bool>,
    pub(super) synced: Option<bool>,
    pub(super) progress: &'static str,
}

const fn shown(ready: bool, synced: bool, progress: &'static str) -> Shown {
    Shown { ready: Some(ready), synced: Some(synced), progress }
}

const READY: Shown = shown(true, true, "");
const READY_NOT_SYNCED: Shown = shown(true, false, "");
const WORKING: Shown = shown(false, false, "Reconciling");
const STUCK: Shown = shown(false, false, "Stalled");

/// Type, when it is there, what True means.
const TYPES: [(&str, &str, &str); 4] = [
    ("Ready", "always", "the store is ACTIVE, and this generation of the spec was compared with it"),
    ("Synced", "always", "the store is as the spec says, and so are its tags and its S3 access policy"),
    ("Reconciling", "only while true", "work goes on, here or in AWS; nobody has to act yet"),
    ("Stalled", "only while true", "it stays so until somebody acts; the operator still looks now and then"),
];

impl Reason {
    /// Every combination of conditions that this reason comes with.
    pub(super) fn shown(self) -> &'static [Shown] {
        match self {
            Self::Available => &[READY, READY_NOT_SYNCED],
            Self::InSync => &[READY],
            Self::Drifted => &[READY_NOT_SYNCED, WORKING],
            Self::Progressing
            | Self::Creating
            | Self::StoreDeleting
            | Self::Deleting
            | Self::DeletionBlocked => &[WORKING],
            Self::UnknownStatus => &[Shown { synced: None, ..WORKING }],
            Self::Updating | Self::AwsUnavailable | Self::Throttled => &[WORKING, READY_NOT_SYNCED],
            Self::AccessDenied | Self::QuotaExceeded => &[WORKING, STUCK, READY_NOT_SYNCED],
            Self::InvalidSpec => &[STUCK, READY_NOT_SYNCED],
            Self::Failed
            | Self::ImmutableFieldDiffers
            | Self::OwnershipConflict
            | Self::WrongAccount
            | Self::StoreMissing
            | Self::StoreNotFound
            | Self::NotConverging => &[STUCK],
            Self::Paused => &[Shown { ready: None, synced: Some(false), progress: "as before" }],
        }
    }

    /// What it means, as a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Available => "The store is ACTIVE in AWS.",
            Self::InSync => "Every field of the spec that is set has its value in AWS.",
            Self::Progressing => "The operator works on the object: it looks, adopts, or asks a second time.",
            Self::Creating => {
                "The store is being created, or the answer to a creation was lost and the store is looked for."
            }
            Self::Updating => "The store is UPDATING in AWS, or busy with something else.",
            Self::StoreDeleting => "Somebody else is deleting the store in AWS.",
            Self::UnknownStatus => "AWS reports a status that this version of the operator does not know.",
            Self::Drifted => {
                "The store differs from the spec in the fields of `status.drift`. Under `Manage` it is being corrected; \
                 under `Observe` it is only told, and the object stays Ready."
            }
            Self::Failed => "The store is FAILED in AWS; the message ends with AWS's own explanation.",
            Self::InvalidSpec => "The spec cannot be carried out as it is, or AWS does not accept it.",
            Self::ImmutableFieldDiffers => {
                "A field of the spec differs from the store, and AWS cannot change it in a store that is there."
            }
            Self::OwnershipConflict => {
                "The store carries the owner tags of another object. This one neither changes nor deletes it."
            }
            Self::WrongAccount => {
                "The operator's credentials are of another AWS account than the store on record. Nothing is changed."
            }
            Self::StoreMissing => {
                "The store on record is gone from AWS. It is not replaced by an empty one unless you say so."
            }
            Self::StoreNotFound => {
                "The store that the spec names, or that `Observe` looks for, was never seen."
            }
            Self::NotConverging => "AWS accepts changes of a field, and goes on showing another value.",
            Self::AwsUnavailable => {
                "AWS fails or cannot be reached. It is shown from the third failure in a row on."
            }
            Self::Throttled => "AWS wants fewer requests. It is shown from the third time in a row on.",
            Self::AccessDenied => {
                "IAM does not allow an action, or the credentials are not valid. For 5 minutes the object is \
                 Reconciling, as changes of IAM take a while; then it is Stalled, and it is still tried again. Where \
                 only tags or the S3 access policy are denied, the object stays Ready."
            }
            Self::QuotaExceeded => {
                "A quota of the AWS account is used up. For 5 minutes the object is Reconciling, then Stalled."
            }
            Self::Deleting => "The object is being deleted, and the store with it unless the spec keeps it.",
            Self::DeletionBlocked => "The deletion waits for what `status.deletionBlockedBy` lists.",
            Self::Paused => {
                "The annotation `healthomics.dev/paused` is on the object. AWS is not called, and nothing else of the \
                 status changes."
            }
        }
    }

    /// What to do about it, as Markdown that stands in `docs/`. Empty: nothing.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Available | Self::InSync => "",
            Self::Progressing | Self::Updating => "Wait.",
            Self::Creating => "Wait. [When it takes long](troubleshooting.md#creating-takes-long).",
            Self::StoreDeleting => {
                "Find out who deletes it: CloudTrail names the caller of DeleteSequenceStore."
            }
            Self::UnknownStatus => "Wait. If it lasts, upgrade the operator.",
            Self::Drifted => {
                "Under `Manage`: wait. Under `Observe`: change the spec, or the store. [More](drift.md)."
            }
            Self::Failed => {
                "Read the explanation. Delete the object to delete the store, and create it anew."
            }
            Self::InvalidSpec => {
                "Write what the message says; it is tried again at once. [More](troubleshooting.md#invalidspec)."
            }
            Self::ImmutableFieldDiffers => {
                "Write the store's value into the spec, or leave the field out. \
                 [More](drift.md#fields-that-aws-cannot-change)."
            }
            Self::OwnershipConflict => {
                "Keep one of the two objects; if the other one is gone for good, [take over](adoption.md#take-over)."
            }
            Self::WrongAccount => {
                "Give the operator credentials of the account on record. \
                 [More](troubleshooting.md#wrongaccount)."
            }
            Self::StoreMissing => {
                "Delete the object, or allow one new, empty store with the annotation that the message prints. \
                 [More](troubleshooting.md#storemissing)."
            }
            Self::StoreNotFound => {
                "Check `spec.sequenceStoreId`, `spec.region` and the account. \
                 [More](troubleshooting.md#storenotfound)."
            }
            Self::NotConverging => {
                "Write the field as AWS shows it, or leave it out. [More](drift.md#notconverging)."
            }
            Self::AwsUnavailable => {
                "Wait. If it lasts, check network, proxies and endpoints. \
                 [More](troubleshooting.md#awsunavailable)."
            }
            Self::Throttled => {
                "Wait. If it lasts, set a longer `pollInterval`, or find out who else calls HealthOmics."
            }
            Self::AccessDenied => {
                "Allow the action that the message names. [More](troubleshooting.md#accessdenied)."
            }
            Self::QuotaExceeded => "Raise the quota. [More](troubleshooting.md#quotaexceeded).",
            Self::Deleting => "Wait.",
            Self::DeletionBlocked => "See [what holds a deletion up](deletion.md#when-it-waits).",
            Self::Paused => "Remove the annotation.",
        }
    }
}

/// The text of `docs/conditions.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Conditions\n\n<!-- Made by `make docs` from src/status/reference.rs; edit it there. -->\n\n\
         Each condition has a `reason` out of the closed set below, a `message` for people, and the generation it was \
         made for.\nA message holds no time, no counter and no request id; AWS's words and request ids are in the \
         operator's log.\n\n\
         | Type | is there | True means |\n|---|---|---|\n",
    );
    let mut line = |words: std::fmt::Arguments| {
        // Writing to a String cannot fail.
        let _ = text.write_fmt(words);
    };
    for (kind, there, meaning) in TYPES {
        line(format_args!("| `{kind}` | {there} | {meaning} |\n"));
    }
    line(format_args!(
        "\n`Reconciling` and `Stalled` are never there both, and never while `Ready` is True; they repeat its reason \
         and message.\nHow Argo CD, Flux, Helm and `kubectl wait` read them: [GitOps](gitops.md).\n\n\
         | Reason | Ready | Synced | also |\n|---|---|---|---|\n"
    ));
    for reason in Reason::ALL {
        for row in reason.shown() {
            let (name, progress) = (reason.as_str(), row.progress);
            let anchor = name.to_lowercase();
            let (ready, synced) = (word(row.ready), word(row.synced));
            line(format_args!("| [`{name}`](#{anchor}) | {ready} | {synced} | {progress} |\n"));
        }
    }
    for reason in Reason::ALL {
        line(format_args!("\n## {}\n\n{}\n", reason.as_str(), wrapped(reason.meaning())));
        if !reason.remedy().is_empty() {
            line(format_args!("\n{}\n", wrapped(&format!("What to do: {}", reason.remedy()))));
        }
    }
    text
}

fn word(status: Option<bool>) -> &'static str {
    match status {
        Some(true) => "True",
        Some(false) => "False",
        None => "as before",
    }
}

/// Lines of at most 150 columns.
fn wrapped(text: &str) -> String {
    let (mut lines, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let (gap, used) = match width {
            0 => ("", length),
            _ if width + 1 + length > 150 => ("\n", length),
            _ => (" ", width + 1 + length),
        };
        lines.push_str(gap);
        lines.push_str(word);
        width = used;
    }
    lines
}
