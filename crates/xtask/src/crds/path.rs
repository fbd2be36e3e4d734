//! Paths into a structural schema: `spec.workerGroupSpecs[].template`, `status.endpoints{}`.
//!
//! `[]` steps into the items of a list, `{}` into the values of a map.

use serde_json::Value;

/// The path of a property.
pub fn property(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

/// The children of a node with their paths.
pub fn children<'a>(path: &str, node: &'a Value) -> Vec<(String, &'a Value)> {
    let mut children = Vec::new();
    if let Some(Value::Object(properties)) = node.get("properties") {
        children.extend(properties.iter().map(|(name, child)| (property(path, name), child)));
    }
    if let Some(items) = node.get("items") {
        children.push((format!("{path}[]"), items));
    }
    if let Some(values) = node.get("additionalProperties").filter(|values| values.is_object()) {
        children.push((format!("{path}{{}}"), values));
    }
    children
}

/// The node at a path.
pub fn at<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut node = schema;
    for segment in path.split('.').filter(|segment| !segment.is_empty()) {
        let name = segment.trim_end_matches(['[', ']', '{', '}']);
        node = node.get_mut("properties")?.get_mut(name)?;
        let mut steps = &segment[name.len()..];
        while !steps.is_empty() {
            let key = if steps.starts_with('[') {
                "items"
            } else {
                "additionalProperties"
            };
            node = node.get_mut(key)?;
            steps = &steps[2..];
        }
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn at_steps_into_lists_and_maps() {
        let mut schema = json!({ "properties": { "a": { "items": { "properties": { "b": {
            "additionalProperties": { "type": "string" } } } } } } });
        assert_eq!(at(&mut schema, "a[].b{}"), Some(&mut json!({ "type": "string" })));
        assert_eq!(at(&mut schema, "a.b"), None);
    }
}
