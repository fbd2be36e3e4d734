//! JSON as Go's encoder writes it: compact, keys sorted, and what HTML would mistake escaped.
//!
//! The submitter's command and the hash of a spec hold such texts, and both are compared exactly.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// `value` as text.
pub fn encode(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => number(value),
        Value::String(value) => string(value),
        Value::Array(values) => format!("[{}]", values.iter().map(encode).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let member = |(key, value): (&String, &Value)| format!("{}:{}", string(key), encode(value));
            format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
        }
    }
}

/// Floating point numbers lose a fraction of 0, and get an exponent only when very small or large.
fn number(value: &Number) -> String {
    let Some(float) = value.as_f64().filter(|_| value.is_f64()) else {
        return value.to_string();
    };
    let size = float.abs();
    if size != 0.0 && size < 1e-6 {
        format!("{float:e}")
    } else if size >= 1e21 {
        format!("{float:e}").replacen('e', "e+", 1)
    } else {
        float.to_string()
    }
}

fn string(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() + 2);
    write_string(text, &mut encoded);
    encoded
}

/// Appends `text` as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(end) = rest.find(needs_escape) {
        out.push_str(&rest[..end]);
        rest = &rest[end..];
        let Some(letter) = rest.chars().next() else { break };
        escape(letter, out);
        rest = &rest[letter.len_utf8()..];
    }
    out.push_str(rest);
    out.push('"');
}

fn needs_escape(letter: char) -> bool {
    matches!(
        letter,
        '"' | '\\' | '<' | '>' | '&' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}'
    )
}

fn escape(letter: char, out: &mut String) {
    match letter {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        _ => {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_gos() {
        let value = json!({"pip": ["a==1", "b>=2"], "env_vars": {"Z": "a&b", "A": "\"<\u{1}\n\u{2028}ä"}, "n": null});
        assert_eq!(
            encode(&value),
            r#"{"env_vars":{"A":"\"\u003c\u0001\n\u2028ä","Z":"a\u0026b"},"n":null,"pip":["a==1","b\u003e=2"]}"#
        );
        assert_eq!(
            encode(&json!([1, 1.0, -0.5, 1e21, 1e-7, 1e20, true])),
            "[1,1,-0.5,1e+21,1e-7,100000000000000000000,true]"
        );
    }
}
