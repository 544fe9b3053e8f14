//! Small numbers for names that many entries share. No I/O.

use std::collections::HashMap;
use std::sync::Arc;

pub(super) type Number = u32;

/// Gives each name a number for as long as somebody uses it.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Number>,
    /// Name and number of users, by number. Without users it is free.
    used: Vec<(Arc<str>, usize)>,
    free: Vec<Number>,
}

impl Names {
    /// The number of a name, for one more user.
    pub(super) fn number(&mut self, name: &str) -> Number {
        if let Some(number) = self.numbers.get(name).copied() {
            self.again(number);
            return number;
        }
        let name: Arc<str> = name.into();
        let number = match self.free.pop() {
            Some(number) => number,
            None => {
                self.used.push((Arc::clone(&name), 0));
                Number::try_from(self.used.len() - 1).unwrap_or(Number::MAX)
            }
        };
        if let Some(place) = self.used.get_mut(number as usize) {
            *place = (Arc::clone(&name), 1);
        }
        self.numbers.insert(name, number);
        number
    }

    /// One more user of a number.
    pub(super) fn again(&mut self, number: Number) {
        if let Some((_, users)) = self.used.get_mut(number as usize) {
            *users += 1;
        }
    }

    /// One user less. True where that was the last one: the number may stand for another name next.
    pub(super) fn release(&mut self, number: Number) -> bool {
        let Some((name, users)) = self.used.get_mut(number as usize) else { return false };
        *users = users.saturating_sub(1);
        if *users > 0 || self.numbers.get(name) != Some(&number) {
            return false;
        }
        self.numbers.remove(name);
        self.free.push(number);
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
