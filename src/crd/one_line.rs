//! Texts for people that stay on one line and within a limit, whatever AWS, users or other programs put into them: messages
//! of conditions, notes of Events, lines of the log. No I/O.

/// The longest message of a condition, in bytes. The API server refuses a status with one of more than 32,768 characters, so
/// that the object would report nothing at all; nobody reads as much.
pub(crate) const LONGEST_MESSAGE: usize = 4096;
/// The longest note of an Event, in bytes: the API server's limit.
pub(crate) const LONGEST_NOTE: usize = 1024;

/// The text with spaces in place of line breaks and tabs, and U+FFFD in place of other control characters: it can neither look
/// like another line of a log or list, nor control a terminal. What has more than `most` bytes is cut between characters.
#[must_use]
pub(crate) fn one_line(text: impl Into<String>, most: usize) -> String {
    let text = text.into();
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    let line = if text.contains(breaks) {
        let shown = |c: char| match c {
            c if breaks(c) && c.is_whitespace() => ' ',
            c if breaks(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        // One more than is shown, so that it is cut visibly.
        text.chars().map(shown).take(most + 1).collect()
    } else {
        text
    };
    match line.len() <= most {
        true => line,
        false => format!("{}…", &line[..line.floor_char_boundary(most.saturating_sub('…'.len_utf8()))]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_line_breaks_and_control_characters_becomes_one_harmless_line() {
        for (text, line) in [
            ("as it is: é, 🧬, \"quoted\"", "as it is: é, 🧬, \"quoted\""),
            ("one\ntwo\r\nthree\tfour", "one two  three four"),
            ("red \u{1b}[31m, bell \u{7}, C1 \u{9b}2J", "red \u{fffd}[31m, bell \u{fffd}, C1 \u{fffd}2J"),
            ("a\u{2028}b\u{2029}c\u{85}d", "a b c d"),
        ] {
            assert_eq!(one_line(text, LONGEST_MESSAGE), line);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let whole = "x".repeat(LONGEST_NOTE);
        assert_eq!(one_line(whole.clone(), LONGEST_NOTE), whole);
        for text in
            ["x".repeat(1025), "é".repeat(4000), "x".to_owned() + &"🧬".repeat(999), "\n".repeat(9000)]
        {
            let cut = one_line(text, LONGEST_NOTE);
            assert!(cut.len() <= 1024 && cut.len() > 1015 && cut.ends_with('…'), "{} bytes", cut.len());
        }
    }
}
