//! Lists of names in messages and notes. No I/O.

/// The first names, at most `most` of them, and how many more there are.
pub(super) fn first_of(names: &[String], most: usize) -> String {
    match names.split_at_checked(most) {
        Some((first, more)) if !more.is_empty() => format!("{} and {} more", first.join(", "), more.len()),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_stand_for_many() {
        let names = ["a", "b", "c"].map(String::from);
        assert_eq!(first_of(&names, 3), "a, b, c");
        assert_eq!(first_of(&names, 2), "a, b and 1 more");
        assert_eq!(first_of(&[], 2), "");
    }
}
