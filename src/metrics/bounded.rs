//! Labels whose values come from outside: their number is limited, whatever users, AWS or a cluster send. No I/O.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes the place of every further value.
pub(super) const OTHER: &str = "other";

/// The first values keep their names; all others share one.
#[derive(Debug)]
pub(super) struct Bounded {
    most: usize,
    known: Mutex<BTreeSet<Arc<str>>>,
}

impl Bounded {
    pub(super) fn to(most: usize) -> Self {
        Self { most, known: Mutex::default() }
    }

    /// The value as a label. `is_proven`: something besides the value itself shows that it is not made up.
    pub(super) fn label(&self, value: &str, is_proven: bool) -> Arc<str> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(value) {
            return Arc::clone(known);
        }
        if !is_proven || known.len() >= self.most {
            return OTHER.into();
        }
        let label: Arc<str> = value.into();
        known.insert(Arc::clone(&label));
        label
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_values_do_not_pile_up_and_take_no_place_of_real_ones() {
        let regions = Bounded::to(2);
        for number in 0..1000 {
            assert_eq!(&*regions.label(&format!("xx-made-{number}"), false), OTHER);
        }
        assert_eq!(&*regions.label("us-east-1", true), "us-east-1");
        assert_eq!(&*regions.label("us-east-1", false), "us-east-1", "known by now");
        assert_eq!(&*regions.label("eu-west-1", true), "eu-west-1");
        assert_eq!(&*regions.label("ap-south-1", true), OTHER, "there is room for two");
    }
}
