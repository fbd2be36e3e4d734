//! Texts for people: how they are joined, and cut before they reach a log, an event or a status.
//!
//! Ray, an API server, a webhook or a tenant may write a megabyte into a message. What becomes a log line, an event's note
//! or a status is cut here, where it is made, and nowhere is the whole text copied for it.

use std::fmt::{Display, Write};

/// The longest text of somebody else, in bytes, inside a log line, a note or a status. It is Kubernetes' limit for a note.
pub const LONGEST: usize = 1024;
/// The longest message in a status, in bytes.
const LONGEST_MESSAGE: usize = 4096;
/// The longest error of somebody else within a message, in bytes.
const LONGEST_ERROR: usize = 300;

/// What `text` shows, cut to [`LONGEST`].
pub fn short(text: &(impl Display + ?Sized)) -> String {
    let mut kept = Kept {
        text: String::new(),
        more: false,
    };
    // It refuses what is over the limit, so that a long text is not made at all.
    let _ = write!(kept, "{text}");
    if kept.more {
        kept.text.push('…');
    }
    kept.text
}

/// Cuts `text` to at most `length` bytes, at a character.
pub fn cut(text: &mut String, length: usize) {
    if text.len() > length {
        text.truncate(boundary(text, length.saturating_sub('…'.len_utf8())));
        text.push('…');
    }
}

/// `text`, cut to what the message of a status may hold.
pub fn message(text: impl Into<String>) -> String {
    let mut text = text.into();
    cut(&mut text, LONGEST_MESSAGE);
    text
}

/// An error that somebody else worded, for a message of ours: in one line, printable, and short.
pub fn quoted(error: &str) -> String {
    let printable = |character: char| if hidden(character) { ' ' } else { character };
    // More is not looked at: nobody knows how long it is.
    let start: String = error.chars().take(2 * LONGEST_ERROR).map(printable).collect();
    let mut line = start.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&mut line, LONGEST_ERROR);
    line
}

/// One sentence after the other. A full stop comes between two that have none; the last stays as it is.
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

/// Control characters, and those that turn or hide the text after them.
fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The last place of `text` at or before `at` where it can be cut.
fn boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

struct Kept {
    text: String,
    more: bool,
}

impl Write for Kept {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        if self.text.len() + part.len() <= LONGEST && !self.more {
            self.text.push_str(part);
            return Ok(());
        }
        self.more = true;
        let room = LONGEST - '…'.len_utf8();
        match room.checked_sub(self.text.len()) {
            Some(left) => self.text.push_str(&part[..boundary(part, left)]),
            None => self.text.truncate(boundary(&self.text, room)),
        }
        Err(std::fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    struct Parts;

    impl Display for Parts {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&"a".repeat(1023))?;
            f.write_str("bc")?;
            f.write_str("d")
        }
    }

    #[test]
    fn texts_are_cut_at_a_character() {
        for character in ["a", "ä", "…", "🙂"] {
            for count in [0, 1, 5, 255, 256, 257, 341, 342, 512, 513, 1023, 1024, 1025, 100_000] {
                let long = character.repeat(count);
                let mut cutted = long.clone();
                cut(&mut cutted, LONGEST);
                for text in [short(&long), cutted] {
                    let whole = long.len() <= LONGEST;
                    assert_eq!(text == long, whole, "{character} {count}");
                    let kept = text.strip_suffix('…').unwrap_or(&text);
                    assert!(text.len() <= LONGEST && (whole || long.starts_with(kept)), "{text}");
                    assert!(
                        whole || text.len() > LONGEST - 8,
                        "as much as there is room for: {}",
                        text.len()
                    );
                }
            }
        }
    }

    #[test]
    fn a_text_of_parts_is_cut_as_one() {
        let parts = format_args!("{}{}{}", "a".repeat(1023), "bc", "d").to_string();
        assert_eq!(short(&parts), format!("{}…", "a".repeat(1021)));
        assert_eq!(short(&Parts), format!("{}…", "a".repeat(1021)));
    }

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
        assert!(
            (LONGEST_ERROR - 3..=LONGEST_ERROR).contains(&long.len()),
            "{}",
            long.len()
        );
        assert!(long.ends_with('…'));
    }
}
