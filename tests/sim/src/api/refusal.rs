//! Why a request is refused: the `Status` objects of a Kubernetes API server, with its codes, reasons and words.
//!
//! Clients decide by `code` and `reason`; people and the controllers' conditions see `message`, so the texts are those
//! of Kubernetes 1.35.

use std::fmt;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::field_error::{self, FieldError};

/// A refusal.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// HTTP status code.
    pub code: StatusCode,
    /// Machine-readable reason, as `Conflict`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// The object or kind that it is about, and the causes.
    pub details: Option<Box<Details>>,
}

/// What a refusal is about. `kind` is a resource name or a kind, as Kubernetes has it in each case.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind or resource.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// UID of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One for each field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// When to ask again, in seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cause {
    /// Its type, as `FieldValueInvalid`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Path of the field.
    pub field: String,
}

/// A resource as Kubernetes names it in texts: `rayclusters.ray.io`, `pods`.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'a> {
    /// API group; empty for the core.
    pub group: &'a str,
    /// Plural name, or a kind where Kubernetes has that.
    pub name: &'a str,
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)?;
        if self.group.is_empty() {
            return Ok(());
        }
        write!(formatter, ".{}", self.group)
    }
}

impl Refusal {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
        }
    }

    fn about(mut self, resource: Resource<'_>, name: &str) -> Self {
        self.details = Some(Box::new(Details {
            name: name.to_owned(),
            group: resource.group.to_owned(),
            kind: resource.name.to_owned(),
            ..Details::default()
        }));
        self
    }

    /// No such object.
    pub fn not_found(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{resource} {name:?} not found");
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(resource, name)
    }

    /// No such path: a kind that is not installed. The answer is no `Status` but a text.
    pub fn no_such_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "", "404 page not found\n")
    }

    /// No such resource in a group that exists.
    pub fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        let mut refusal = Self::new(StatusCode::NOT_FOUND, "NotFound", message);
        refusal.details = Some(Box::default());
        refusal
    }

    /// The body of the answer.
    pub fn body(&self) -> String {
        if self.code == StatusCode::NOT_FOUND && self.reason.is_empty() {
            return self.message.clone();
        }
        self.status().to_string()
    }

    /// The name is taken.
    pub fn already_exists(resource: Resource<'_>, name: &str) -> Self {
        let message = format!("{resource} {name:?} already exists");
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(resource, name)
    }

    /// Not as it was when it was read, or not the one that was meant.
    pub fn conflict(resource: Resource<'_>, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(resource, name)
    }

    /// Fields that others own.
    pub fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        let mut refusal = Self::new(StatusCode::CONFLICT, "Conflict", message);
        refusal.details = Some(Box::new(Details {
            causes,
            ..Details::default()
        }));
        refusal
    }

    /// Not allowed, by quota or another rule.
    pub fn forbidden(resource: Resource<'_>, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).about(resource, name)
    }

    /// Fields are wrong. `kind` is the kind, not the resource.
    pub fn invalid(kind: Resource<'_>, name: &str, errors: &[FieldError]) -> Self {
        let message = format!("{kind} {name:?} is invalid: {}", field_error::aggregate(errors));
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).about(kind, name);
        if let Some(details) = &mut refusal.details {
            details.causes = errors.iter().map(FieldError::cause).collect();
        }
        refusal
    }

    /// A patch that cannot be applied to the object as it is.
    pub fn patch_failed() -> Self {
        let message = "the server rejected our request due to an error in our request";
        let mut refusal = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        refusal.details = Some(Box::default());
        refusal
    }

    /// An option of a request is wrong.
    pub fn invalid_option(options: &str, error: &FieldError) -> Self {
        let group = "meta.k8s.io";
        let mut refusal = Self::invalid(Resource { group, name: options }, "", std::slice::from_ref(error));
        refusal.details.get_or_insert_default().name = String::new();
        refusal
    }

    /// Not understood.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// The server cannot do it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// A verb that the resource does not have.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        let mut refusal = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
        refusal.details = Some(Box::default());
        refusal
    }

    /// A patch of a type that the resource does not take.
    pub fn unsupported_media_type(accepted: &str) -> Self {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// A revision that the server has forgotten.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// A revision that the server has not reached.
    pub fn too_large_resource_version(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut refusal = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message);
        refusal.details = Some(Box::new(Details {
            causes: vec![Cause {
                reason: "ResourceVersionTooLarge".to_owned(),
                message: "Too large resource version".to_owned(),
                field: String::new(),
            }],
            retry_after_seconds: 1,
            ..Details::default()
        }));
        refusal
    }

    /// The same with a cause more.
    #[must_use]
    pub fn because(mut self, cause: Cause) -> Self {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = json!(details);
        }
        status
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
