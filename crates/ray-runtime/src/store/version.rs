//! Which of two versions of an object is the later one.

use super::Cached;

/// A version of an object.
pub struct Version<'a> {
    /// The object's UID.
    pub uid: &'a str,
    /// Its `metadata.resourceVersion`.
    pub resource_version: &'a str,
}

impl<'a> Version<'a> {
    /// That of `value`.
    pub fn of<V: Cached>(value: &'a V) -> Self {
        Self {
            uid: value.uid(),
            resource_version: value.resource_version(),
        }
    }
}

/// Whether `a` is the same version of an object as `b`, or a later one. Versions are numbers in every API server;
/// where they are not, versions of the same object count as later.
pub fn newer_or_same(a: &Version<'_>, b: &Version<'_>) -> bool {
    match (a.resource_version.parse::<u64>(), b.resource_version.parse::<u64>()) {
        (Ok(a), Ok(b)) => a >= b,
        _ => a.uid == b.uid,
    }
}
