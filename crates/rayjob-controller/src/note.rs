//! What the message of a running job says besides Ray's own words: why Ray is not heard of, or that the submitter has
//! gone.
//!
//! A note stands behind Ray's words and begins with fixed ones, by which it is found again in a stored message: a note
//! that comes or goes is worth a write, while Ray's words alone are not. The first error of a silence is kept until the
//! silence ends, since each question may fail in another way.

use ray_api::text::{quoted, sentences};

/// How notes begin.
const BEGINNINGS: [&str; 3] = [SILENT, UNASKED, LEFT];
const SILENT: &str = "Ray does not answer: ";
const UNASKED: &str = "Ray cannot be asked: ";
const LEFT: &str = "The submitter has gone: ";

/// Ray does not answer.
pub fn silent(error: &str) -> String {
    format!("{SILENT}{}", quoted(error))
}

/// Ray is not even asked.
pub fn unasked(reason: &str) -> String {
    format!("{UNASKED}{}", quoted(reason))
}

/// The submitter has ended in that way, or is not there, and Ray runs the job.
pub fn left(how: &str) -> String {
    format!("{LEFT}{how}. Ray runs the job, and its record is followed to the end")
}

/// The note of a message.
pub fn of(message: Option<&str>) -> Option<&str> {
    let message = message?;
    let start = BEGINNINGS
        .iter()
        .filter_map(|beginning| message.find(beginning))
        .min()?;
    Some(&message[start..])
}

/// The message with `note` in place of its own. One of the same kind stays as it was.
pub fn noted(message: Option<&str>, note: Option<&str>) -> Option<String> {
    let before = of(message);
    let words = message.map(|message| message.strip_suffix(before.unwrap_or_default()).unwrap_or(message));
    let alike = |before: &&str| {
        let both =
            |beginning: &&str| before.starts_with(beginning) && note.is_some_and(|note| note.starts_with(beginning));
        [SILENT, UNASKED].iter().any(both)
    };
    let note = before.filter(alike).or(note);
    let text = sentences([words, note].into_iter().flatten());
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_stands_behind_rays_words_and_is_found_again() {
        let noted_once = noted(Some("Job is currently running."), Some(&silent("timed out"))).unwrap();
        assert_eq!(noted_once, "Job is currently running. Ray does not answer: timed out");
        assert_eq!(of(Some(&noted_once)), Some("Ray does not answer: timed out"));
        assert_eq!(noted(Some(&noted_once), None).unwrap(), "Job is currently running.");
        assert_eq!(noted(Some("Ray does not answer: timed out"), None), None);
    }

    #[test]
    fn the_first_error_stays() {
        let first = noted(None, Some(&silent("timed out")));
        assert_eq!(noted(first.as_deref(), Some(&silent("refused"))), first);
        let other = noted(first.as_deref(), Some(&unasked("no Secret")));
        assert_eq!(other.unwrap(), "Ray cannot be asked: no Secret");
    }
}
