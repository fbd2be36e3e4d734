//! Where the rules write what they find.

use super::{Group, Violation};

/// Stands before most messages about a RayJob's spec.
pub(super) const JOB_INVALID: &str = "The RayJob spec is invalid: ";

/// The violations found below one field of an object.
///
/// Paths are given relative to that field. The prefix stands before every message, because KubeRay wraps the error of a
/// part once more in each part around it.
#[derive(Debug)]
pub(super) struct Report {
    group: Group,
    root: String,
    prefix: String,
    violations: Vec<Violation>,
}

impl Report {
    /// An empty report on `root`, a path from the object's top.
    pub(super) fn new(group: Group, root: &str) -> Self {
        Self {
            group,
            root: root.to_owned(),
            prefix: String::new(),
            violations: Vec::new(),
        }
    }

    /// An empty report on `field` of this one's, whose messages get `prefix` after this one's own.
    pub(super) fn below(&self, field: &str, prefix: &str) -> Self {
        Self {
            group: self.group,
            root: join(&self.root, field),
            prefix: format!("{}{prefix}", self.prefix),
            violations: Vec::new(),
        }
    }

    /// A broken rule at `field`, itself when empty.
    pub(super) fn add(&mut self, field: impl AsRef<str>, message: impl AsRef<str>) {
        self.add_at(join(&self.root, field.as_ref()), message.as_ref());
    }

    /// A broken rule at an annotation of the object that carries the spec.
    pub(super) fn add_annotation(&mut self, key: &str, message: impl AsRef<str>) {
        self.add_at(annotation(key), message.as_ref());
    }

    /// Starts a group of rules whose texts KubeRay gives as one, with `separator` between them.
    pub(super) fn joint(&mut self, separator: &'static str) -> Joint<'_> {
        Joint {
            report: self,
            separator,
            first: true,
        }
    }

    /// Takes over what `other` has found.
    pub(super) fn append(&mut self, other: Self) {
        self.violations.extend(other.violations);
    }

    /// What was found, in order.
    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    fn add_at(&mut self, path: String, message: &str) {
        self.violations.push(Violation {
            group: self.group,
            path,
            message: format!("{}{message}", self.prefix),
            joint: None,
        });
    }
}

/// Violations that KubeRay gives as one text.
pub(super) struct Joint<'a> {
    report: &'a mut Report,
    separator: &'static str,
    first: bool,
}

impl Joint<'_> {
    /// A broken rule at `field` of the report's. Only the first of them carries the prefix.
    pub(super) fn add(&mut self, field: impl AsRef<str>, message: impl AsRef<str>) {
        if self.first {
            self.first = false;
            self.report.add(field, message);
        } else {
            self.report.violations.push(Violation {
                group: self.report.group,
                path: join(&self.report.root, field.as_ref()),
                message: message.as_ref().to_owned(),
                joint: Some(self.separator),
            });
        }
    }
}

/// Path of an annotation.
pub(super) fn annotation(key: &str) -> String {
    format!("metadata.annotations[{key}]")
}

fn join(root: &str, field: &str) -> String {
    match (root, field) {
        (root, "") => root.to_owned(),
        ("", field) => field.to_owned(),
        (root, field) => format!("{root}.{field}"),
    }
}
