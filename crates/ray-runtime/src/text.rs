//! Texts that end where a limit is, whoever wrote them.
//!
//! An API server, a webhook or a tenant may write a megabyte into a message. What becomes a log line, an event's note or
//! a status is cut here, where it is made, and nowhere is the whole text copied for it.

use std::fmt::{Display, Write};

/// The longest text of somebody else, in bytes, inside a log line, a note or a status. It is Kubernetes' limit for a note.
pub const LONGEST: usize = 1024;

/// What `text` shows, cut to [`LONGEST`].
#[must_use]
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
}
