//! The intent to create a store: written to the object before anything is sent, so that a crash at any
//! point leaves a trace that says what may have happened. No I/O.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aws::CALL_TIMEOUT;
use crate::crd::{INTENT_ANNOTATION, SequenceStore};

/// A recorded attempt is sent within this time of being recorded, or not at all.
pub const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// How far the clocks of two replicas may be apart: an attempt counts as older than this process has
/// known of it only by what its date leaves beyond that.
pub const CLOCKS_APART: Duration = Duration::from_secs(900);

/// One recorded attempt to create the store of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// `metadata.uid` of the object; an intent with another uid was copied along and is discarded.
    pub uid: String,
    /// Counts stores wished for: every attempt of an epoch asks for the same one.
    pub epoch: u32,
    /// Counts attempts within the epoch, from 1.
    pub attempt: u32,
    /// The process that recorded this attempt; only it may send it.
    pub replica: String,
    /// When the attempt was recorded.
    pub started_at: Timestamp,
    /// Account the request goes to; credentials of another one find nothing and create nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Region the request goes to.
    pub region: String,
    /// Name of the store in the request.
    pub name: String,
    /// Hash of the request; a spec edited since has another.
    pub request_hash: String,
    /// Keys of `spec.tags` that the request sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// The store that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The missing store that this epoch replaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// An annotation that is not an intent of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the annotation {INTENT_ANNOTATION} cannot be read ({0}); it says whether a store may already have been created. \
     Look in HealthOmics for a store of this object, then remove the annotation"
)]
pub struct UnreadableIntent(String);

impl Intent {
    /// The intent on an object; none where there is none or it belongs to another object.
    ///
    /// # Errors
    /// [`UnreadableIntent`]: an edited intent must not be taken for none.
    pub fn of(object: &SequenceStore) -> Result<Option<Self>, UnreadableIntent> {
        let Some(text) = object.annotations().get(INTENT_ANNOTATION) else { return Ok(None) };
        let intent: Self = serde_json::from_str(text).map_err(|e| UnreadableIntent(e.to_string()))?;
        Ok(Some(intent).filter(|intent| Some(&intent.uid) == object.metadata.uid.as_ref()))
    }

    /// The client token of an epoch: every retry and every replica sends the same.
    #[must_use]
    pub fn client_token(&self) -> String {
        let digest = Sha256::digest(format!("{}\n{}", self.uid, self.epoch));
        format!("seqstore-{}", crate::crd::hex(&digest))
    }

    /// How long nobody may record another attempt: until this one has landed and every reader sees it.
    /// From the third attempt on the wait grows, up to four times.
    ///
    /// `known_for` is how long this process has known of the attempt, by its own steady clock. The date in
    /// the intent comes from another machine's clock; it serves only a process that never lives long enough.
    #[must_use]
    pub fn open_for(&self, create_grace: Duration, known_for: Duration, now: Timestamp) -> Option<Duration> {
        let window =
            (LEAVES_WITHIN + CALL_TIMEOUT + create_grace) * self.attempt.saturating_sub(1).clamp(1, 4);
        let dated = Duration::try_from(now.duration_since(self.started_at)).unwrap_or_default();
        let age = known_for.max(dated.saturating_sub(CLOCKS_APART));
        window.checked_sub(age).filter(|rest| !rest.is_zero())
    }

    /// Whether both are of one attempt, whatever has been noted in it since.
    #[must_use]
    pub fn is_attempt_of(&self, other: &Self) -> bool {
        let attempt = |i: &Self| (i.uid.clone(), i.epoch, i.attempt, i.replica.clone(), i.started_at);
        attempt(self) == attempt(other)
    }

    /// Whether this is of a later attempt or epoch than the other.
    #[must_use]
    pub fn is_after(&self, other: &Self) -> bool {
        (self.epoch, self.attempt) > (other.epoch, other.attempt)
    }

    /// As the annotation holds it.
    #[must_use]
    pub fn render(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
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
            region: "us-east-1".into(),
            name: "n".into(),
            request_hash: "h".into(),
            tag_keys: vec![],
            id: None,
            replaces: None,
        }
    }

    fn object(uid: &str, annotation: &str) -> SequenceStore {
        let mut object = SequenceStore::new("a", SequenceStoreSpec::default());
        object.metadata.uid = Some(uid.into());
        object.annotations_mut().insert(INTENT_ANNOTATION.into(), annotation.into());
        object
    }

    #[test]
    fn an_intent_reads_back_and_one_of_another_object_is_discarded() {
        let intent = intent();
        assert_eq!(Intent::of(&object("u", &intent.render())), Ok(Some(intent.clone())));
        assert_eq!(Intent::of(&object("other", &intent.render())), Ok(None));
        assert!(Intent::of(&object("u", "{}")).is_err());
    }

    #[test]
    fn the_token_depends_on_uid_and_epoch_alone() {
        let first = intent();
        let retry = Intent { attempt: 7, replica: "other".into(), request_hash: "x".into(), ..first.clone() };
        assert_eq!(first.client_token(), retry.client_token());
        assert_ne!(first.client_token(), Intent { epoch: 1, ..first.clone() }.client_token());
        assert_ne!(first.client_token(), Intent { uid: "v".into(), ..first.clone() }.client_token());
        assert!(first.client_token().len() <= 127);
    }

    #[test]
    fn an_attempt_is_open_until_it_has_landed_and_shows() {
        let rest = |intent: &Intent, known_for, date| {
            let date = Timestamp::from_second(date).expect("time");
            let rest = intent.open_for(Duration::from_secs(60), Duration::from_secs(known_for), date);
            rest.map(|rest| rest.as_secs())
        };
        let first = intent();
        assert_eq!(rest(&first, 0, 1_000), Some(75));
        assert_eq!(rest(&first, 74, 1_000), Some(1));
        assert_eq!(rest(&first, 75, 1_000), None);
        // Clocks that are apart shorten and lengthen nothing; a process that never lives long gets on all the same.
        assert_eq!([-100_000, 700, 1_300].map(|date| rest(&first, 0, date)), [Some(75); 3]);
        assert_eq!(rest(&first, 75, -100_000), None);
        assert_eq!(rest(&first, 0, 1_975), None);
        let third = Intent { attempt: 3, ..intent() };
        assert_eq!(rest(&third, 0, 1_000), Some(150));
        assert_eq!(rest(&Intent { attempt: 99, ..third }, 0, 1_000), Some(300));
    }
}
