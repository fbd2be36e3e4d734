//! Deleting an object.
//!
//! What has finalizers is only marked; pods get their grace period. As in Kubernetes an object that goes at once although
//! its kind knows grace is first marked and then removed, so that a watch shows both.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Request, Writer};
use crate::api::delete_options::{DeleteOptions, Propagation};
use crate::api::journal::Written;
use crate::api::metadata::{self, FOREGROUND, ORPHAN};
use crate::api::refusal::Refusal;
use crate::api::store::ChangeType;

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

impl Writer<'_> {
    /// Deletes the object that the request names.
    pub fn delete(&mut self, options: &DeleteOptions) -> Result<Written, Refusal> {
        let Request { kind, name, .. } = self.request;
        self.request.dry_run |= !options.dry_run.is_empty();
        if &*kind.name == "Namespace" && IMMORTAL.contains(&name) {
            return Err(Refusal::forbidden(
                kind.resource(),
                name,
                "this namespace may not be deleted",
            ));
        }
        let current = self.current()?;
        self.meant(&current, options)?;
        match kind.rules.grace_period(&current, options.grace_period_seconds) {
            Some(period) => Ok(self.delete_gracefully(&current, period, options)),
            None => Ok(self.delete_plainly(&current, options)),
        }
    }

    fn meant(&self, current: &Value, options: &DeleteOptions) -> Result<(), Refusal> {
        let Request { kind, name, .. } = self.request;
        let Some(preconditions) = &options.preconditions else {
            return Ok(());
        };
        let uid = metadata::text(current, "uid");
        if let Some(asked) = preconditions.uid.as_deref().filter(|asked| *asked != uid) {
            let why = format!(
                "the UID in the precondition ({asked}) does not match the UID in record ({uid}). The object might have \
                 been deleted and then recreated"
            );
            return Err(Refusal::conflict(kind.qualified(), name, &why));
        }
        let version = metadata::text(current, "resourceVersion");
        if let Some(asked) = preconditions
            .resource_version
            .as_deref()
            .filter(|asked| *asked != version)
        {
            let why = format!(
                "the ResourceVersion in the precondition ({asked}) does not match the ResourceVersion in record \
                 ({version}). The object might have been modified"
            );
            return Err(Refusal::conflict(kind.qualified(), name, &why));
        }
        Ok(())
    }

    /// A kind that knows no grace: it goes at once, or is marked for its finalizers.
    fn delete_plainly(&mut self, current: &Arc<Value>, options: &DeleteOptions) -> Written {
        let rules = self.request.kind.rules;
        let mut object = Value::clone(current);
        self.set_policy(&mut object, options);
        if metadata::finalizers(&object).is_empty() && !rules.is_kept(&object) {
            return self.remove(object);
        }
        if !metadata::is_deleting(&object) {
            count_generation(&mut object);
        }
        let later = |object: &Value| timestamp(object).is_none_or(|marked| marked > self.now);
        if later(&object) {
            metadata::set(&mut object, "deletionTimestamp", Some(metadata::time(self.now)));
        }
        // Not so for namespaces, whose deletion Kubernetes writes in another way.
        if !rules.is_kept(&object) {
            metadata::set(&mut object, "deletionGracePeriodSeconds", Some(json!(0)));
        }
        rules.deleting(&mut object);
        if object == **current {
            return Written::Unchanged(current.clone());
        }
        self.put(object)
    }

    fn delete_gracefully(&mut self, current: &Arc<Value>, period: i64, options: &DeleteOptions) -> Written {
        let mut object = Value::clone(current);
        let Some(period) = self.grace(&mut object, period, options) else {
            return Written::Unchanged(current.clone());
        };
        self.set_policy(&mut object, options);
        let written = if object == **current {
            Written::Unchanged(current.clone())
        } else {
            self.put(object)
        };
        let marked = match &written {
            Written::Changed(change) if change.type_ != ChangeType::Deleted => change.object().clone(),
            Written::Changed(_) => return written,
            Written::Unchanged(object) => object.clone(),
        };
        if period > 0 || !metadata::finalizers(&marked).is_empty() {
            return written;
        }
        self.remove(Value::clone(&marked))
    }

    /// Marks the object for its grace period, and says how long that is; `None` when it has begun and stays as it is.
    fn grace(&self, object: &mut Value, first: i64, options: &DeleteOptions) -> Option<i64> {
        let Some(marked) = timestamp(object) else {
            mark(object, self.now, first);
            count_generation(object);
            return Some(first);
        };
        let left = object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0);
        if left == 0 {
            return Some(0);
        }
        let asked = options
            .grace_period_seconds
            .map(|asked| if asked < 0 { 1 } else { asked });
        // It can only be shortened.
        let asked = asked.filter(|asked| *asked < left)?;
        let began = marked - SignedDuration::from_secs(left);
        if began + SignedDuration::from_secs(asked) >= self.now {
            mark(object, began, asked);
            return Some(asked);
        }
        let rest = asked.min(1);
        mark(object, self.now - SignedDuration::from_secs(rest), rest);
        Some(rest)
    }

    /// The finalizers by which the garbage collector knows what becomes of the dependants.
    fn set_policy(&self, object: &mut Value, options: &DeleteOptions) {
        if &*self.request.kind.name == "Event" {
            return;
        }
        let known = metadata::finalizers(object);
        let policy = match (options.orphan_dependents, options.propagation_policy) {
            (Some(true), _) => Propagation::Orphan,
            (None, Some(policy)) => policy,
            (None, None) if known.contains(&ORPHAN) => Propagation::Orphan,
            (None, None) if known.contains(&FOREGROUND) => Propagation::Foreground,
            (None, None) if self.request.kind.traits.orphans => Propagation::Orphan,
            (Some(false), _) | (None, None) => Propagation::Background,
        };
        let added = match policy {
            Propagation::Background => None,
            Propagation::Foreground => Some(FOREGROUND),
            Propagation::Orphan => Some(ORPHAN),
        };
        let mut finalizers: Vec<_> = known
            .iter()
            .copied()
            .filter(|name| *name != ORPHAN && *name != FOREGROUND)
            .collect();
        finalizers.extend(added);
        let same = finalizers.len() == known.len() && finalizers.iter().all(|name| known.contains(name));
        if !same {
            let finalizers: Vec<_> = finalizers.into_iter().map(str::to_owned).collect();
            metadata::set_finalizers(object, &finalizers);
        }
    }
}

fn mark(object: &mut Value, from: Timestamp, period: i64) {
    let ends = from + SignedDuration::from_secs(period);
    metadata::set(object, "deletionTimestamp", Some(metadata::time(ends)));
    metadata::set(object, "deletionGracePeriodSeconds", Some(json!(period)));
}

fn timestamp(object: &Value) -> Option<Timestamp> {
    metadata::text(object, "deletionTimestamp").parse().ok()
}

fn count_generation(object: &mut Value) {
    if let Some(generation) = object["metadata"]["generation"]
        .as_i64()
        .filter(|generation| *generation > 0)
    {
        metadata::set(object, "generation", Some(json!(generation + 1)));
    }
}
