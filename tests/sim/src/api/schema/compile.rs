//! From the JSON of a schema to a [`Schema`].

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, bail};
use regex::Regex;
use serde_json::{Map, Value};

use super::rule::Rule;
use super::{Limits, Merge, Schema, Type};

/// What a reference starts with.
const REFERENCE: &str = "#/components/schemas/";

/// Compiles schemas; types that are referred to, and patterns, are compiled once.
#[derive(Default)]
pub struct Compiler {
    types: BTreeMap<String, Value>,
    compiled: BTreeMap<String, Arc<Schema>>,
    patterns: BTreeMap<String, Regex>,
}

impl Compiler {
    /// A compiler for schemas that refer to `types`.
    pub fn new(types: BTreeMap<String, Value>) -> Self {
        Self {
            types,
            ..Self::default()
        }
    }

    /// Compiles a schema.
    pub fn compile(&mut self, node: &Value) -> anyhow::Result<Arc<Schema>> {
        match node {
            Value::Bool(true) => Ok(Arc::new(Schema {
                preserve_unknown: true,
                ..Schema::default()
            })),
            Value::Object(node) => self.object(node),
            other => bail!("not a schema: {other}"),
        }
    }

    fn object(&mut self, node: &Map<String, Value>) -> anyhow::Result<Arc<Schema>> {
        let reference = node
            .get("$ref")
            .or_else(|| node.get("allOf").and_then(|all| all[0].get("$ref")));
        let Some(reference) = reference.and_then(Value::as_str) else {
            return Ok(Arc::new(self.node(node)?));
        };
        let name = reference
            .strip_prefix(REFERENCE)
            .with_context(|| format!("reference {reference}"))?;
        if let Some(compiled) = self.compiled.get(name) {
            return Ok(compiled.clone());
        }
        let target = self.types.get(name).with_context(|| format!("no type {name}"))?.clone();
        let compiled = match named_type(name) {
            Some(type_) => Arc::new(Schema {
                type_,
                ..Schema::default()
            }),
            None => self.compile(&target).with_context(|| format!("type {name}"))?,
        };
        self.compiled.insert(name.to_owned(), compiled.clone());
        Ok(compiled)
    }

    fn node(&mut self, node: &Map<String, Value>) -> anyhow::Result<Schema> {
        let flag = |key: &str| node.get(key).and_then(Value::as_bool).unwrap_or(false);
        for key in [
            "oneOf",
            "not",
            "allOf",
            "patternProperties",
            "x-kubernetes-embedded-resource",
        ] {
            if node.contains_key(key) {
                bail!("{key} is not understood");
            }
        }
        let mut properties = BTreeMap::new();
        for (name, property) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
            properties.insert(name.clone(), self.compile(property).with_context(|| name.clone())?);
        }
        let mut part = |key: &str| match node.get(key) {
            None | Some(Value::Bool(false)) => Ok(None),
            Some(part) => self.compile(part).with_context(|| key.to_owned()).map(Some),
        };
        let (additional, items) = (part("additionalProperties")?, part("items")?);
        let (type_, rules) = (type_of(node)?, rules_of(node)?);
        let defaulted = properties.iter().filter(|(_, property)| property.default.is_some());
        let mut parts = properties.values().chain(&additional).chain(&items);
        let defaulted = defaulted.map(|(name, _)| name.clone()).collect();
        let has_rules = !rules.is_empty() || parts.any(|part| part.has_rules);
        Ok(Schema {
            type_,
            nullable: flag("nullable"),
            properties,
            additional,
            items,
            // A Kubernetes type that is an object without fields, such as a `RawExtension`, takes anything.
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields") || type_ == Type::Any,
            default: node.get("default").filter(|default| !default.is_null()).cloned(),
            limits: self.limits(node)?,
            merge: merge_of(node)?,
            defaulted,
            has_rules,
            rules,
        })
    }

    fn limits(&mut self, node: &Map<String, Value>) -> anyhow::Result<Option<Box<Limits>>> {
        const KEYS: [&str; 10] = [
            "required",
            "enum",
            "format",
            "pattern",
            "minimum",
            "maximum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
        ];
        if !KEYS.iter().any(|key| node.contains_key(*key)) {
            return Ok(None);
        }
        let number = |key: &str| node.get(key).and_then(Value::as_f64);
        let length = |key: &str| {
            let length = node.get(key).and_then(Value::as_u64);
            length.and_then(|length| usize::try_from(length).ok())
        };
        Ok(Some(Box::new(Limits {
            required: strings(node.get("required")),
            one_of: node.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
            date_time: node.get("format").is_some_and(|format| format == "date-time"),
            pattern: self.pattern(node.get("pattern"))?,
            minimum: number("minimum"),
            maximum: number("maximum"),
            min_length: length("minLength"),
            max_length: length("maxLength"),
            min_items: length("minItems"),
            max_items: length("maxItems"),
        })))
    }

    fn pattern(&mut self, pattern: Option<&Value>) -> anyhow::Result<Option<Regex>> {
        let Some(pattern) = pattern.and_then(Value::as_str) else {
            return Ok(None);
        };
        if let Some(compiled) = self.patterns.get(pattern) {
            return Ok(Some(compiled.clone()));
        }
        let compiled = Regex::new(pattern).with_context(|| format!("pattern {pattern}"))?;
        self.patterns.insert(pattern.to_owned(), compiled.clone());
        Ok(Some(compiled))
    }
}

/// Kubernetes types that have a canonical text.
fn named_type(name: &str) -> Option<Type> {
    match name.rsplit('.').next() {
        Some("Quantity") => Some(Type::Quantity),
        Some("Time") => Some(Type::Time),
        Some("MicroTime") => Some(Type::MicroTime),
        _ => None,
    }
}

fn type_of(node: &Map<String, Value>) -> anyhow::Result<Type> {
    if node.get("x-kubernetes-int-or-string").is_some_and(|flag| flag == true) {
        return Ok(Type::IntOrString);
    }
    if node.contains_key("anyOf") {
        bail!("anyOf is understood of int-or-string only");
    }
    Ok(match node.get("type").and_then(Value::as_str) {
        None => Type::Any,
        Some("object") => Type::Object,
        Some("array") => Type::List,
        Some("string") => Type::String,
        Some("integer") => Type::Integer,
        Some("number") => Type::Number,
        Some("boolean") => Type::Boolean,
        Some(other) => bail!("type {other}"),
    })
}

fn merge_of(node: &Map<String, Value>) -> anyhow::Result<Merge> {
    let list = node.get("x-kubernetes-list-type").and_then(Value::as_str);
    let map = node.get("x-kubernetes-map-type").and_then(Value::as_str);
    Ok(match (list, map) {
        (None, None | Some("granular")) => Merge::Natural,
        (Some("atomic"), None) | (None, Some("atomic")) => Merge::Atomic,
        (Some("set"), None) => Merge::Set,
        (Some("map"), None) => Merge::Map(strings(node.get("x-kubernetes-list-map-keys"))),
        other => bail!("list and map type {other:?}"),
    })
}

fn rules_of(node: &Map<String, Value>) -> anyhow::Result<Vec<Rule>> {
    let rules = node.get("x-kubernetes-validations").and_then(Value::as_array);
    rules.into_iter().flatten().map(Rule::new).collect()
}

fn strings(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
