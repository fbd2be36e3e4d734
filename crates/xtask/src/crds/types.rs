//! From the Rust types to schemas whose embedded types are still references.
//!
//! The references are kept until the end because only their names say which Kubernetes type a node is: the missing
//! list types are merged in by that name. Kubernetes knows no references, `null` in types, or `oneOf` of constants,
//! so these are rewritten here.
//!
//! Trap: `Option` is not `nullable` in Kubernetes. A null for a field that is not nullable is dropped by the API
//! server, or replaced by the default; were the field nullable the null would be stored and the default lost.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

const REFERENCE: &str = "#/components/schemas/";
/// Names of Kubernetes types start with this.
const KUBERNETES: &str = "io.k8s.";

/// The schemas of a kind's spec and status, and of every named type in them.
pub struct Types {
    pub spec: Value,
    pub status: Value,
    pub definitions: BTreeMap<String, Value>,
}

impl Types {
    /// The schemas of two Rust types.
    pub fn of<Spec: JsonSchema, Status: JsonSchema>() -> anyhow::Result<Self> {
        let mut generator = SchemaSettings::openapi3().into_generator();
        let mut spec = generator.subschema_for::<Spec>().to_value();
        let mut status = generator.subschema_for::<Status>().to_value();
        rewrite(&mut spec, true)?;
        rewrite(&mut status, true)?;
        let mut definitions = BTreeMap::new();
        for (name, mut schema) in generator.take_definitions(false) {
            rewrite(&mut schema, !name.starts_with(KUBERNETES)).with_context(|| format!("type {name}"))?;
            definitions.insert(name, schema);
        }
        Ok(Self {
            spec,
            status,
            definitions,
        })
    }

    /// A schema without references. What the referring node says wins over what the type says.
    pub fn inline(&self, schema: &Value) -> anyhow::Result<Value> {
        match schema {
            Value::Object(node) => {
                let mut inlined = Map::new();
                if let Some(name) = reference(schema) {
                    let target = self.definitions.get(name).with_context(|| format!("no type {name}"))?;
                    if let Value::Object(target) = self.inline(target)? {
                        inlined = target;
                    }
                }
                for (key, value) in node.iter().filter(|(key, _)| *key != "$ref") {
                    inlined.insert(key.clone(), self.inline(value)?);
                }
                Ok(Value::Object(inlined))
            }
            Value::Array(list) => list.iter().map(|value| self.inline(value)).collect(),
            other => Ok(other.clone()),
        }
    }
}

/// The name of the type that a node refers to.
pub fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(REFERENCE)
}

/// The name of the Kubernetes type that a node refers to.
pub fn kubernetes_reference(schema: &Value) -> Option<&str> {
    reference(schema).filter(|name| name.starts_with(KUBERNETES))
}

/// Makes a node and all beneath it structural, but for references.
fn rewrite(schema: &mut Value, describe: bool) -> anyhow::Result<()> {
    let Value::Object(node) = schema else {
        bail!("a schema that is no object: {schema}")
    };
    node.remove("title");
    drop_null(node);
    collect_constants(node)?;
    match node.get_mut("description") {
        Some(Value::String(text)) if describe => *text = one_line(text),
        _ => {
            node.remove("description");
        }
    }
    if let Some(Value::Array(required)) = node.get_mut("required") {
        required.sort_by_key(ToString::to_string);
    }
    if let Some(Value::Object(properties)) = node.get_mut("properties") {
        for (name, property) in properties {
            rewrite(property, describe).with_context(|| format!("property {name}"))?;
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(child) = node.get_mut(key).filter(|child| !child.is_boolean()) {
            rewrite(child, describe)?;
        }
    }
    Ok(())
}

/// `Option<T>` becomes `T`.
fn drop_null(node: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = node.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            node.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(variants)) = node.get_mut("anyOf") else {
        return;
    };
    let all = variants.len();
    variants.retain(|variant| variant != &json!({ "type": "null" }));
    if let [Value::Object(only)] = variants.as_slice()
        && all > 1
    {
        let only = only.clone();
        node.remove("anyOf");
        for (key, value) in only {
            node.entry(key).or_insert(value);
        }
    }
}

/// `oneOf` of constants becomes an `enum`; the variants' own descriptions are lost.
fn collect_constants(node: &mut Map<String, Value>) -> anyhow::Result<()> {
    let Some(Value::Array(variants)) = node.remove("oneOf") else {
        return Ok(());
    };
    let mut values = Vec::new();
    for variant in &variants {
        match variant.get("const") {
            Some(value @ Value::String(_)) => values.push(value.clone()),
            _ => bail!("an enum with a variant that is no plain string: {variant}"),
        }
    }
    node.insert("type".to_owned(), json!("string"));
    node.insert("enum".to_owned(), Value::Array(values));
    Ok(())
}

/// A doc comment as one line, without the backticks and brackets of Rust's documentation.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace(['`', '[', ']'], "")
}
