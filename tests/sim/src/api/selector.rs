//! Label and field selectors.

use serde_json::Value;

use super::definitions::Kind;
use super::refusal::Refusal;

/// What a list or a watch is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Comparison>,
}

#[derive(Clone, Debug, PartialEq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
struct Comparison {
    field: String,
    value: String,
    equal: bool,
}

/// Fields that can be selected of every kind.
const COMMON: [&str; 2] = ["metadata.name", "metadata.namespace"];
/// Fields that can be selected of some kinds.
const OF_KINDS: [(&str, &[&str]); 6] = [
    (
        "Pod",
        &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
    ),
    ("Job", &["status.successful"]),
    ("Namespace", &["status.phase"]),
    ("Node", &["spec.unschedulable"]),
    ("Secret", &["type"]),
    (
        "Event",
        &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "reason",
            "type",
            "reportingController",
        ],
    ),
];
/// Fields of an Event under their names in the core group.
const OF_CORE_EVENTS: [(&str, &str); 5] = [
    ("involvedObject.kind", "regarding.kind"),
    ("involvedObject.namespace", "regarding.namespace"),
    ("involvedObject.name", "regarding.name"),
    ("involvedObject.uid", "regarding.uid"),
    ("reportingComponent", "reportingController"),
];

impl Selector {
    /// Reads both selectors; empty ones select everything.
    pub fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Refusal> {
        if labels.trim_start().starts_with(',') {
            return Err(Refusal::bad_request(
                "found ',', expected: !, identifier, or 'end of string'",
            ));
        }
        let labels = label_requirements(labels)
            .map_err(|why| Refusal::bad_request(format!("unable to parse requirement: {why}")))?;
        let mut comparisons = Vec::new();
        for text in fields.split(',').filter(|text| !text.is_empty()) {
            comparisons.push(comparison(kind, text)?);
        }
        Ok(Self {
            labels,
            fields: comparisons,
        })
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it selects `object`, which is as it is stored.
    pub fn selects(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let fields = self.fields.iter().all(|comparison| {
            let pointer = format!("/{}", comparison.field.replace('.', "/"));
            let value = object.pointer(&pointer);
            let equal = match value {
                Some(Value::String(text)) => *text == comparison.value,
                None | Some(Value::Null) => comparison.value.is_empty(),
                // `true`, `5`
                Some(other) => comparison.value.parse::<Value>().is_ok_and(|value| value == *other),
            };
            equal == comparison.equal
        });
        fields && self.labels.iter().all(|requirement| requirement.holds(labels))
    }
}

impl Requirement {
    fn holds(&self, labels: &Value) -> bool {
        let label = |key: &str| labels.get(key).and_then(Value::as_str);
        match self {
            Self::Exists(key) => label(key).is_some(),
            Self::Absent(key) => label(key).is_none(),
            Self::In(key, values) => label(key).is_some_and(|value| values.iter().any(|known| known == value)),
            Self::NotIn(key, values) => label(key).is_none_or(|value| values.iter().all(|known| known != value)),
        }
    }
}

fn comparison(kind: &Kind, text: &str) -> Result<Comparison, Refusal> {
    let invalid = || Refusal::bad_request(format!("invalid selector: '{text}'; can't understand '{text}'"));
    let (field, value, equal) = if let Some((field, value)) = text.split_once("!=") {
        (field, value, false)
    } else {
        let (field, value) = text
            .split_once("==")
            .or_else(|| text.split_once('='))
            .ok_or_else(invalid)?;
        (field, value, true)
    };
    let core = OF_CORE_EVENTS
        .iter()
        .find(|(name, _)| &*kind.name == "Event" && *name == field);
    let field = core.map_or(field, |(_, stored)| stored);
    let own = OF_KINDS
        .iter()
        .find(|(name, _)| *name == &*kind.name)
        .map(|(_, fields)| *fields);
    if !COMMON.contains(&field) && !own.is_some_and(|own| own.contains(&field)) {
        return Err(unknown_field(field, own.is_some() || kind.traits.custom));
    }
    Ok(Comparison {
        field: field.to_owned(),
        value: value.to_owned(),
        equal,
    })
}

/// Kinds that have fields of their own to select by say it in other words.
fn unknown_field(field: &str, own_words: bool) -> Refusal {
    Refusal::bad_request(if own_words {
        format!("field label not supported: {field}")
    } else {
        format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    })
}

fn label_requirements(text: &str) -> Result<Vec<Requirement>, String> {
    let mut requirements = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (part, after) = split_requirement(rest);
        requirements.push(requirement(part.trim())?);
        rest = after.trim();
    }
    Ok(requirements)
}

/// Up to the next comma that is not inside parentheses.
fn split_requirement(text: &str) -> (&str, &str) {
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => return (&text[..index], &text[index + 1..]),
            _ => {}
        }
    }
    (text, "")
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let values = |list: &str| -> Result<Vec<String>, String> {
        let inner = list
            .trim_end()
            .strip_suffix(')')
            .ok_or_else(|| format!("found '{list}', expected: ',', ')' or identifier"))?;
        Ok(inner.split(',').map(|value| value.trim().to_owned()).collect())
    };
    let key = |key: &str| -> Result<String, String> {
        let wrong = ray_api::validate::kubernetes_names::qualified_name(key);
        if wrong.is_empty() {
            Ok(key.to_owned())
        } else {
            Err(format!("invalid label key {key:?}: {}", wrong.join("; ")))
        }
    };
    if let Some(absent) = text.strip_prefix('!') {
        return Ok(Requirement::Absent(key(absent.trim())?));
    }
    if let Some((name, list)) = text.split_once('(') {
        let list = values(list)?;
        return match name.trim().rsplit_once(' ') {
            Some((name, "in")) => Ok(Requirement::In(key(name.trim())?, list)),
            Some((name, "notin")) => Ok(Requirement::NotIn(key(name.trim())?, list)),
            Some((_, other)) => Err(format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt")),
            None => Err("found '(', expected: in, notin, =, ==, !=, gt, lt".to_owned()),
        };
    }
    let value = |text: &str| match text.trim() {
        text if text.starts_with('=') => Err("found '=', expected: identifier".to_owned()),
        text => Ok(vec![text.to_owned()]),
    };
    if let Some((name, text)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(key(name.trim())?, value(text)?));
    }
    if let Some((name, text)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(key(name.trim())?, value(text)?));
    }
    Ok(Requirement::Exists(key(text)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::tests::place::DEFINITIONS;

    fn kind(name: &str) -> &'static Kind {
        DEFINITIONS.kind(name).unwrap()
    }

    fn selects(labels: &str, object: &Value) -> bool {
        Selector::parse(kind("Pod"), labels, "").unwrap().selects(object)
    }

    #[test]
    fn labels_are_compared_and_looked_for() {
        let object = json!({ "metadata": { "labels": { "a": "1", "ray.io/b": "" } } });
        for selector in [
            "",
            "a",
            "a=1",
            "a==1",
            "a!=2",
            "c!=2",
            "a in (1,2)",
            "a in(2, 1)",
            "a notin (2)",
            "c notin (2)",
            "!c",
            "ray.io/b",
            "a=1,ray.io/b=,!c",
            "a in (1,2),ray.io/b",
        ] {
            assert!(selects(selector, &object), "{selector}");
        }
        for selector in ["c", "a=2", "a!=1", "a in (2)", "a notin (1,2)", "!a", "a=1,c"] {
            assert!(!selects(selector, &object), "{selector}");
        }
    }

    #[test]
    fn fields_are_those_of_the_kind() {
        let pod = json!({ "metadata": { "name": "p" }, "status": { "phase": "Running" } });
        let selects = |fields: &str| Selector::parse(kind("Pod"), "", fields).map(|selector| selector.selects(&pod));
        assert_eq!(selects("metadata.name=p,status.phase!=Pending"), Ok(true));
        assert_eq!(selects("spec.nodeName="), Ok(true), "what is not there is empty");
        assert_eq!(selects("status.phase=Pending"), Ok(false));
        assert_eq!(
            selects("spec.hostname=h").unwrap_err().message,
            "field label not supported: spec.hostname"
        );
        assert!(Selector::parse(kind("RayCluster"), "", "status.phase=x").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for labels in ["a in 1", "=x", "a in (1", "-a"] {
            assert!(Selector::parse(kind("Pod"), labels, "").is_err(), "{labels}");
        }
    }
}
