//! What must hold for everything that comes from outside: objects, AWS's answers, policies, annotations, ARNs and other values,
//! texts of Events, manifests. Each harness takes any bytes and panics where something does not hold. For `tests/fuzz` alone,
//! behind the feature `fuzzing`, which no program turns on. No I/O.
//!
//! | harness | what goes through it |
//! |---|---|
//! | [`objects`] | an object as the API server sends it: decode, desired, plan, status, Events |
//! | [`answers`] | AWS's answers to the reads of one pass: the SDK, error classes, mirror, plan, status, Events |
//! | [`policies`] | two S3 access policies, and how they compare |
//! | [`annotations`] | the annotations of an object: findings, and the intent of a creation |
//! | [`values`] | ARNs, durations, locations, regions, and what else is read from short texts |
//! | [`events`] | texts of any kind in every Event and every condition |
//! | [`documents`] | a file for `plan -f`: parse, check, forecast, print |

mod annotations;
mod answers;
mod events;
mod facts;
mod objects;
mod policies;
mod scene;
mod values;

pub use crate::cli::fuzzed_documents as documents;
pub use annotations::annotations;
pub use answers::answers;
pub use events::events;
pub(crate) use facts::is_line;
pub use objects::objects;
pub use policies::policies;
pub(crate) use scene::{now, settings};
pub use values::values;

/// A harness: panics where a fact does not hold for the input.
pub type Harness = fn(&[u8]);

/// Every harness by its name.
pub const HARNESSES: [(&str, Harness); 7] = [
    ("objects", objects),
    ("answers", answers),
    ("policies", policies),
    ("annotations", annotations),
    ("values", values),
    ("events", events),
    ("documents", documents),
];

/// Separates the parts of an input that has several.
const PARTS: &str = "\n===\n";

/// The API server decodes text and refuses everything else.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
