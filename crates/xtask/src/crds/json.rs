//! JSON for files that are read by people too: spread over lines where it is shallow, compact where it is deep.

use serde_json::Value;

/// Writes a value, opening objects and lists of objects down to a depth.
pub fn write_lines(value: &Value, depth: usize, indent: usize, text: &mut String) {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(map) if depth > 0 => map
            .iter()
            .map(|(key, value)| (format!("{}: ", quoted(key)), value))
            .collect(),
        Value::Array(list) if depth > 0 && list.iter().all(Value::is_object) => {
            list.iter().map(|value| (String::new(), value)).collect()
        }
        _ => Vec::new(),
    };
    if entries.is_empty() {
        text.push_str(&value.to_string());
        return;
    }
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    text.push(open);
    for (index, (key, value)) in entries.into_iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&" ".repeat(indent + 1));
        text.push_str(&key);
        write_lines(value, depth - 1, indent + 1, text);
    }
    text.push('\n');
    text.push_str(&" ".repeat(indent));
    text.push(close);
}

fn quoted(key: &str) -> String {
    Value::String(key.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_end_at_the_depth() {
        let mut text = String::new();
        write_lines(
            &json!({ "a": [{ "b": { "c": 1 } }], "d": [2, 3], "e": {} }),
            3,
            0,
            &mut text,
        );
        assert_eq!(
            text,
            "{\n \"a\": [\n  {\n   \"b\": {\"c\":1}\n  }\n ],\n \"d\": [2,3],\n \"e\": {}\n}"
        );
    }
}
