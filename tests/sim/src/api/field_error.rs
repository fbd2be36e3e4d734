//! What is wrong with a field, in the words of Kubernetes.

use std::fmt::Display;

use serde_json::Value;

use super::refusal::Cause;

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    type_: &'static str,
    path: String,
    body: String,
}

impl FieldError {
    /// The field must be there.
    pub fn required(path: impl Into<String>, detail: &str) -> Self {
        Self::bare("FieldValueRequired", path, "Required value", detail)
    }

    /// The value breaks a rule.
    pub fn invalid(path: impl Into<String>, value: &Value, detail: impl Display) -> Self {
        Self::valued("FieldValueInvalid", path, "Invalid value", value, detail)
    }

    /// The value is of another type.
    pub fn wrong_type(path: impl Into<String>, value: &Value, detail: impl Display) -> Self {
        Self::valued("FieldValueTypeInvalid", path, "Invalid value", value, detail)
    }

    /// The value is none of those that are supported.
    pub fn not_supported<'a>(
        path: impl Into<String>,
        value: &Value,
        supported: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let supported: Vec<_> = supported.into_iter().map(|value| format!("{value:?}")).collect();
        let detail = format!("supported values: {}", supported.join(", "));
        Self::valued("FieldValueNotSupported", path, "Unsupported value", value, detail)
    }

    /// The value is there twice.
    pub fn duplicate(path: impl Into<String>, value: &Value) -> Self {
        Self::valued("FieldValueDuplicate", path, "Duplicate value", value, "")
    }

    /// The value names something that does not exist.
    pub fn not_found(path: impl Into<String>, value: &Value) -> Self {
        Self::valued("FieldValueNotFound", path, "Not found", value, "")
    }

    /// The field may not be set or changed now.
    pub fn forbidden(path: impl Into<String>, detail: &str) -> Self {
        Self::bare("FieldValueForbidden", path, "Forbidden", detail)
    }

    /// The value is longer than `length` bytes.
    pub fn too_long(path: impl Into<String>, length: usize) -> Self {
        let bytes = if length == 1 { "byte" } else { "bytes" };
        Self::bare(
            "FieldValueTooLong",
            path,
            "Too long",
            &format!("may not be more than {length} {bytes}"),
        )
    }

    /// The list is longer than `most` items.
    pub fn too_many(path: impl Into<String>, count: usize, most: usize) -> Self {
        let items = if most == 1 { "item" } else { "items" };
        let detail = format!("must have at most {most} {items}");
        Self::valued("FieldValueTooMany", path, "Too many", &Value::from(count), detail)
    }

    /// The value, too large for a text, breaks a rule.
    pub fn invalid_without_value(path: impl Into<String>, detail: &str) -> Self {
        Self::bare("FieldValueInvalid", path, "Invalid value", detail)
    }

    /// Whether an object with this error is too wrong for its CEL rules to be checked.
    pub fn blocks_rules(&self) -> bool {
        const BLOCKING: [&str; 5] = [
            "FieldValueNotSupported",
            "FieldValueRequired",
            "FieldValueTooLong",
            "FieldValueTooMany",
            "FieldValueTypeInvalid",
        ];
        BLOCKING.contains(&self.type_)
    }

    /// The same error of a field of `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path = format!("{parent}{separator}{}", self.path);
        self
    }

    fn bare(type_: &'static str, path: impl Into<String>, words: &str, detail: &str) -> Self {
        let separator = if detail.is_empty() { "" } else { ": " };
        Self {
            type_,
            path: path.into(),
            body: format!("{words}{separator}{detail}"),
        }
    }

    fn valued(type_: &'static str, path: impl Into<String>, words: &str, value: &Value, detail: impl Display) -> Self {
        Self::bare(type_, path, &format!("{words}: {value}"), &detail.to_string())
    }

    /// The entry in a refusal's details.
    pub fn cause(&self) -> Cause {
        Cause {
            reason: self.type_.to_owned(),
            message: self.body.clone(),
            field: self.path.clone(),
        }
    }
}

/// All errors as one text; each once.
pub fn aggregate(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let text = format!("{}: {}", error.path, error.body);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [text] => text.clone(),
        texts => format!("[{}]", texts.join(", ")),
    }
}
