//! The intent to create a store. The operator writes it to the object before it calls CreateSequenceStore, so that a
//! crash at any point leaves a record of what may have happened. No I/O.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aws::CALL_TIMEOUT;
use crate::crd::{INTENT_ANNOTATION, SequenceStore};

/// The replica that recorded an attempt sends it within this time, or not at all.
pub const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// How far apart the clocks of two replicas may be. The date in an intent may be wrong by this much, so this much is
/// subtracted from the age that it gives.
pub const CLOCKS_APART: Duration = Duration::from_secs(900);

/// Far above any number of epochs, and of attempts within one, that an operator ever counts.
const HIGHEST_COUNT: u32 = 1_000_000_000;

/// One recorded attempt to create the store of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// `metadata.uid` of the object. An intent with another uid was copied from another object and is ignored.
    pub uid: String,
    /// Counts the stores that were asked for: all attempts of one epoch ask for the same store.
    pub epoch: u32,
    /// Counts attempts within the epoch from 1; 0: the intent is recorded, and nothing was sent yet.
    pub attempt: u32,
    /// The replica that recorded this attempt. No other may send it.
    pub replica: String,
    pub started_at: Timestamp,
    /// Account of the request. Credentials of another account must neither search nor create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The AccountBinding under which the request is sent. Without one, the operator's own identity must neither search
    /// nor create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    pub region: String,
    pub name: String,
    /// Hash of the request, which tells whether the spec was edited since.
    pub request_hash: String,
    /// Keys of `spec.tags` that the request sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// Id of the store, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Id of the missing store that this epoch replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// What came of the attempt. Absent while that is not known: then a store may exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AttemptOutcome>,
}

/// What certainly came of an attempt to create a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AttemptOutcome {
    /// Neither this attempt nor an earlier one of its epoch created a store: AWS refused them, or they were never sent.
    Refused,
}

/// Somebody edited the annotation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The annotation {INTENT_ANNOTATION} is not valid ({0}): somebody edited it. The operator records there whether it may \
     have created a store. Wait a few minutes, so that AWS shows a store that was just created, then remove the \
     annotation: the operator then searches for the store by name and owner tags, and creates one only if it finds none."
)]
pub struct UnreadableIntent(String);

impl Intent {
    /// The object's intent; none where the annotation is absent or was copied from another object.
    ///
    /// # Errors
    /// An edited intent must not be mistaken for none.
    pub fn of(object: &SequenceStore) -> Result<Option<Self>, UnreadableIntent> {
        let Some(text) = object.annotations().get(INTENT_ANNOTATION) else { return Ok(None) };
        let intent: Self = serde_json::from_str(text).map_err(|e| UnreadableIntent(e.to_string()))?;
        if intent.epoch.max(intent.attempt) > HIGHEST_COUNT {
            return Err(UnreadableIntent("no operator counts so many attempts".into()));
        }
        Ok(Some(intent).filter(|intent| Some(&intent.uid) == object.metadata.uid.as_ref()))
    }

    /// Whether a store may exist because of this intent. Only then does it bind the object to an account and a region.
    pub fn may_have_a_store(&self) -> bool {
        self.id.is_some() || (self.attempt > 0 && self.outcome.is_none())
    }

    /// The client token of an epoch. Every retry and every replica sends the same one.
    pub fn client_token(&self) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.uid, self.epoch));
        format!("seqstore-{}", hex(&digest))
    }

    /// How much longer nobody may record another attempt. After that, this one has reached AWS or never will, and Get,
    /// List and tags show its store. From the third attempt on the wait grows, up to four times.
    ///
    /// `known_for` is how long this process has known of the attempt, by its own steady clock. The date in the intent
    /// comes from another machine's clock. It helps an operator that always restarts before `known_for` is long enough.
    pub fn open_for(&self, create_grace: Duration, known_for: Duration, now: Timestamp) -> Option<Duration> {
        let window =
            (LEAVES_WITHIN + CALL_TIMEOUT + create_grace) * self.attempt.saturating_sub(1).clamp(1, 4);
        let dated = Duration::try_from(now.duration_since(self.started_at)).unwrap_or_default();
        let age = known_for.max(dated.saturating_sub(CLOCKS_APART));
        window.checked_sub(age).filter(|rest| !rest.is_zero())
    }

    /// Whether both record the same attempt; the id of the store may have been added since.
    pub fn is_attempt_of(&self, other: &Self) -> bool {
        let attempt = |i: &Self| (i.uid.clone(), i.epoch, i.attempt, i.replica.clone(), i.started_at);
        attempt(self) == attempt(other)
    }

    /// Whether this records a later attempt or epoch than the other.
    pub fn is_after(&self, other: &Self) -> bool {
        (self.epoch, self.attempt) > (other.epoch, other.attempt)
    }

    /// The value of the annotation.
    pub fn render(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::SequenceStoreSpec;

    fn intent() -> Intent {
        Intent {
            uid: "u".into(),
            epoch: 0,
            attempt: 1,
            replica: "r".into(),
            started_at: Timestamp::from_second(1_000).expect("time"),
            account: None,
            binding: None,
            region: "us-east-1".into(),
            name: "n".into(),
            request_hash: "h".into(),
            tag_keys: vec![],
            id: None,
            replaces: None,
            outcome: None,
        }
    }

    fn object(uid: &str, annotation: &str) -> SequenceStore {
        let mut object = SequenceStore::new("a", SequenceStoreSpec::default());
        object.metadata.uid = Some(uid.into());
        object.annotations_mut().insert(INTENT_ANNOTATION.into(), annotation.into());
        object
    }

    #[test]
    fn an_intent_is_read_back_and_one_copied_from_another_object_is_ignored() {
        let intent = intent();
        assert_eq!(Intent::of(&object("u", &intent.render())), Ok(Some(intent.clone())));
        assert_eq!(Intent::of(&object("other", &intent.render())), Ok(None));
        assert!(Intent::of(&object("u", "{}")).is_err());
    }

    #[test]
    fn a_count_that_cannot_go_on_is_an_edit_and_no_intent() {
        for edited in [Intent { epoch: u32::MAX, ..intent() }, Intent { attempt: u32::MAX, ..intent() }] {
            let error = Intent::of(&object("u", &edited.render())).expect_err("nothing comes after it");
            assert!(error.to_string().contains(INTENT_ANNOTATION), "{error}");
        }
        let highest = Intent { epoch: HIGHEST_COUNT, ..intent() };
        assert_eq!(Intent::of(&object("u", &highest.render())), Ok(Some(highest)));
    }

    #[test]
    fn an_attempt_counts_as_unknown_unless_it_is_on_record_as_refused() {
        let intent = intent();
        assert!(!intent.render().contains("outcome"), "{}", intent.render());
        assert!(intent.may_have_a_store());
        let refused = Intent { outcome: Some(AttemptOutcome::Refused), ..intent.clone() };
        assert!(refused.render().contains(r#""outcome":"refused""#), "{}", refused.render());
        assert_eq!(Intent::of(&object("u", &refused.render())), Ok(Some(refused.clone())));
        assert!(!refused.may_have_a_store());
        assert!(Intent { id: Some("1".into()), ..refused }.may_have_a_store());
        assert!(!Intent { attempt: 0, ..intent }.may_have_a_store());
    }

    #[test]
    fn the_client_token_depends_on_uid_and_epoch_alone() {
        let first = intent();
        let retry = Intent { attempt: 7, replica: "other".into(), request_hash: "x".into(), ..first.clone() };
        assert_eq!(first.client_token(), retry.client_token());
        assert_ne!(first.client_token(), Intent { epoch: 1, ..first.clone() }.client_token());
        assert_ne!(first.client_token(), Intent { uid: "v".into(), ..first.clone() }.client_token());
        assert!(first.client_token().len() <= 127);
    }

    #[test]
    fn an_attempt_stays_open_until_its_store_must_be_visible() {
        let rest = |intent: &Intent, known_for, date| {
            let date = Timestamp::from_second(date).expect("time");
            let rest = intent.open_for(Duration::from_secs(60), Duration::from_secs(known_for), date);
            rest.map(|rest| rest.as_secs())
        };
        let first = intent();
        assert_eq!(rest(&first, 0, 1_000), Some(75));
        assert_eq!(rest(&first, 74, 1_000), Some(1));
        assert_eq!(rest(&first, 75, 1_000), None);
        // Clocks that differ change nothing. A process that keeps restarting makes progress all the same.
        assert_eq!([-100_000, 700, 1_300].map(|date| rest(&first, 0, date)), [Some(75); 3]);
        assert_eq!(rest(&first, 75, -100_000), None);
        assert_eq!(rest(&first, 0, 1_975), None);
        let third = Intent { attempt: 3, ..intent() };
        assert_eq!(rest(&third, 0, 1_000), Some(150));
        assert_eq!(rest(&Intent { attempt: 99, ..third }, 0, 1_000), Some(300));
    }
}
