//! Text between double quotes as Go's `%q` prints it.
//!
//! KubeRay's messages and the submitter's command line are made with it, so tools compare the exact text. It is not a
//! shell's quoting: `$` and backticks stay as they are.

use std::fmt::Write as _;

/// `text` as a Go string literal: quotes and backslashes escaped, control characters as `\n` or `\x1b`, characters that
/// do not print as `\u00a0`; all others as they are.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        push(&mut quoted, c);
    }
    quoted.push('"');
    quoted
}

fn push(quoted: &mut String, c: char) {
    match c {
        '"' | '\\' => quoted.extend(['\\', c]),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        _ if printable(c) => quoted.push(c),
        _ => push_code(quoted, u32::from(c)),
    }
}

fn push_code(quoted: &mut String, code: u32) {
    let written = match code {
        0..0x80 => write!(quoted, "\\x{code:02x}"),
        0x80..0x1_0000 => write!(quoted, "\\u{code:04x}"),
        _ => write!(quoted, "\\U{code:08x}"),
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

/// Whether `c` is a letter, mark, number, punctuation, symbol or the ASCII space.
///
/// The standard library knows this only as part of its debug format, which spares combining marks except at the start.
fn printable(c: char) -> bool {
    c == '\'' || ['a', c].iter().collect::<String>().escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("2.52.0", r#""2.52.0""#)]
    #[case::quotes("a\"b'c\\", r#""a\"b'c\\""#)]
    #[case::named_controls("\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#)]
    #[case::other_controls("\0\x1b\x7f", r#""\x00\x1b\x7f""#)]
    #[case::spaces_that_do_not_print("\u{a0}\u{2028}\u{feff}", r#""\u00a0\u2028\ufeff""#)]
    #[case::private_use("\u{e000}\u{10fffd}", r#""\ue000\U0010fffd""#)]
    #[case::letters_and_symbols("grün 日本 😀 $HOME `x`", "\"grün 日本 😀 $HOME `x`\"")]
    #[case::combining_marks("\u{301}e\u{301}", "\"\u{301}e\u{301}\"")]
    fn quotes_as_go_does(#[case] text: &str, #[case] want: &str) {
        assert_eq!(quote(text), want);
    }
}
