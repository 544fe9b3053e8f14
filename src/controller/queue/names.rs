//! Small numbers for names that many entries share. No I/O.

use std::collections::HashMap;
use std::sync::Arc;

use super::slots::{Slot, Slots};

pub(super) type Number = Slot;

/// Gives each name a number for as long as somebody uses it.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Number>,
    /// Name and number of users, by number. Without users it is free.
    used: Slots<(Arc<str>, usize)>,
}

impl Names {
    /// The number of a name, for one more user.
    pub(super) fn number(&mut self, name: &str) -> Number {
        if let Some(number) = self.numbers.get(name).copied() {
            self.again(number);
            return number;
        }
        let name: Arc<str> = name.into();
        let number = self.used.put((Arc::clone(&name), 1));
        self.numbers.insert(name, number);
        number
    }

    /// One more user of a number.
    pub(super) fn again(&mut self, number: Number) {
        if let Some((_, users)) = self.used.get_mut(number) {
            *users += 1;
        }
    }

    /// One user less. True where that was the last one: the number may stand for another name next.
    pub(super) fn release(&mut self, number: Number) -> bool {
        let Some((_, users)) = self.used.get_mut(number) else { return false };
        *users = users.saturating_sub(1);
        if *users > 0 {
            return false;
        }
        if let Some((name, _)) = self.used.take(number) {
            self.numbers.remove(&name);
        }
        true
    }

    /// How many names are in use.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_until_its_last_user_is_gone() {
        let mut names = Names::default();
        let (a, b) = (names.number("a"), names.number("b"));
        assert!(names.number("a") == a && a != b && names.len() == 2);
        assert!(!names.release(a) && names.release(a) && !names.release(a));
        assert_eq!(names.len(), 1);
        assert_eq!(names.number("c"), a, "numbers are used again");
        assert_eq!(names.number("b"), b);
    }
}
