//! Texts for people: how they are joined and cut before they reach a status or an event.
//!
//! What others wrote (Ray, the API server, a user's object) is cut and made printable where it enters a text of ours.

/// Longest text of a status.
const MOST_CHARACTERS: usize = 4096;
/// Longest error of somebody else within a text of ours.
const MOST_CHARACTERS_OF_AN_ERROR: usize = 300;

/// One sentence after the other. A full stop comes between two that have none; the last stays as it is.
#[must_use]
pub fn sentences<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        if !text.is_empty() {
            text.push_str(if text.ends_with(['.', '!', '?', '…']) {
                " "
            } else {
                ". "
            });
        }
        text.push_str(part);
    }
    text
}

/// `text`, cut to what a status may hold.
#[must_use]
pub fn bounded(text: &str) -> String {
    cut(text, MOST_CHARACTERS)
}

/// An error that somebody else worded, for a text of ours: in one line, printable, and short.
#[must_use]
pub fn quoted(error: &str) -> String {
    let printable = |character: char| if hidden(character) { ' ' } else { character };
    // More is not looked at: nobody knows how long it is.
    let start = error.chars().take(2 * MOST_CHARACTERS_OF_AN_ERROR).map(printable);
    let words = start.collect::<String>();
    cut(
        &words.split_whitespace().collect::<Vec<_>>().join(" "),
        MOST_CHARACTERS_OF_AN_ERROR,
    )
}

/// Control characters, and those that turn or hide the text after them.
fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], "")]
    #[case::one_stays_as_it_is(&["It failed"], "It failed")]
    #[case::full_stop_between(&["It failed", "Nobody answers"], "It failed. Nobody answers")]
    #[case::not_twice(&["It failed.", "Why?", "So."], "It failed. Why? So.")]
    #[case::nothing_of_nothing(&["", " It failed \n", ""], "It failed")]
    fn sentences_are_joined_by_full_stops(#[case] parts: &[&str], #[case] want: &str) {
        assert_eq!(sentences(parts.iter().copied()), want);
    }

    #[test]
    fn an_error_of_others_is_one_short_printable_line() {
        assert_eq!(quoted("a\r\n\u{1b}[31m b\u{202e}c\u{0}"), "a [31m b c");
        let long = quoted(&"ü ".repeat(1 << 20));
        assert_eq!(long.chars().count(), MOST_CHARACTERS_OF_AN_ERROR + 1);
        assert!(long.ends_with('…'));
    }
}
