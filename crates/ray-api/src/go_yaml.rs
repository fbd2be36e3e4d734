//! YAML as the Go tools around Kubernetes read it: version 1.1's words and numbers, turned into JSON.
//!
//! `yes`, `on` and `n` are booleans, `010` is 8, keys become strings, and of a key given twice the last one counts. What
//! JSON cannot hold (`.inf`, a key that is a list) is refused. Only the first document of several is read. Vectors made
//! with sigs.k8s.io/yaml v1.6.0 stand beside the tests; forms that nobody writes (`oN`, `1__0`, `!!timestamp`) may differ.
//!
//! Trap: the words are booleans as keys too, so `n: 1` is `{"false": 1}`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

/// Why a text is no YAML mapping.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ParseYamlError(String);

/// The mapping in `text`; an empty one when there is nothing.
pub fn mapping(text: &str) -> Result<Map<String, Value>, ParseYamlError> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    };
    let documents: Vec<Node> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| ParseYamlError(error.to_string()))?;
    match documents.into_iter().next().map(|node| node.0) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(Value::Array(_)) => Err(ParseYamlError("a list, not a mapping".to_owned())),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            Err(ParseYamlError("a single value, not a mapping".to_owned()))
        }
    }
}

/// A value whose keys may be of any simple type.
struct Node(Value);

/// A key, as text.
struct Key(String);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(NodeVisitor)? {
            Value::String(text) => Ok(Self(text)),
            Value::Bool(value) => Ok(Self(value.to_string())),
            Value::Number(value) => Ok(Self(value.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(D::Error::custom("a key must be a simple value")),
        }
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        float(value).ok_or_else(|| E::custom("JSON has no such number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Node(value)) = sequence.next_element()? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((Key(key), Node(value))) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A float as Go's JSON prints it: without a fraction when it has none.
#[expect(
    clippy::cast_possible_truncation,
    reason = "whole and below 2^53, so an integer holds it exactly"
)]
fn float(value: f64) -> Option<Value> {
    let whole = value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0;
    if whole {
        Some(Value::Number((value as i64).into()))
    } else {
        Number::from_f64(value).map(Value::Number)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde::Deserialize;

    use super::*;

    /// What the Go library makes of a text; without `json` it refuses it.
    #[derive(Deserialize)]
    struct Vector {
        text: String,
        json: Option<Map<String, Value>>,
    }

    #[test]
    fn reads_what_go_reads() {
        let vectors: Vec<Vector> = serde_json::from_str(include_str!("go_yaml/vectors.json")).unwrap();
        for Vector { text, json } in vectors {
            assert_eq!(mapping(&text).ok(), json, "{text:?}");
        }
    }

    #[rstest]
    #[case::scalar("invalid_yaml_str", "a single value, not a mapping")]
    #[case::list("- a", "a list, not a mapping")]
    fn says_what_is_wrong(#[case] text: &str, #[case] want: &str) {
        assert_eq!(mapping(text).unwrap_err().to_string(), want);
    }

    #[test]
    fn large_numbers_keep_their_digits() {
        let map = mapping("a: 18446744073709551615\nb: -9223372036854775808\nc: 1e20").unwrap();
        let text = r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":1e+20}"#;
        assert_eq!(serde_json::to_string(&map).unwrap(), text);
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut lines = vec!["a0: &a0 [x, x, x, x, x, x, x, x, x, x]".to_owned()];
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            lines.push(format!("a{level}: &a{level} [{list}]"));
        }
        assert!(mapping(&lines.join("\n")).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[a-c:\\- \n{}\\[\\],&*!|>'\"0-9.]{0,40}") {
            let _ = mapping(&text);
        }
    }
}
