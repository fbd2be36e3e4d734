//! Replacing an object, or a part of it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::create::remove;
use super::{Part, Writer};
use crate::api::field_error::FieldError;
use crate::api::journal::Written;
use crate::api::refusal::Refusal;
use crate::api::schema::validate;
use crate::api::{admission, apply, decode, metadata};

impl Writer<'_> {
    /// Replaces the object by one that a client has sent.
    pub fn update(&mut self, object: Value) -> Result<Written, Refusal> {
        let kind = self.request.kind;
        let mut object = decode::decode(self.server.definitions(), kind, self.request.served, object)?;
        self.named(&mut object)?;
        let current = match self.current() {
            Err(_) if kind.traits.create_on_update && self.request.part == Part::Main => {
                return self.create_decoded(object);
            }
            current => current?,
        };
        let (asked, uid) = (metadata::text(&object, "uid"), metadata::text(&current, "uid"));
        if !asked.is_empty() && asked != uid {
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: {}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: \
                 UID in precondition: {asked}, UID in object meta: {uid}",
                self.storage_key()
            );
            return Err(Refusal::conflict(kind.resource(), self.request.name, &why));
        }
        self.replace(object, &current)
    }

    /// Changes the object as it is now.
    pub fn change(&mut self, change: impl FnOnce(&mut Value)) -> Result<Written, Refusal> {
        let current = self.current()?;
        let mut object = Value::clone(&current);
        change(&mut object);
        let object = decode::decode(
            self.server.definitions(),
            self.request.kind,
            self.request.served,
            object,
        )?;
        self.replace(object, &current)
    }

    /// Replaces the stored object by a decoded one.
    pub fn replace(&mut self, mut new: Value, current: &Arc<Value>) -> Result<Written, Refusal> {
        let kind = self.request.kind;
        let old = decode::checked_form(self.request.served, current);
        self.named(&mut new)?;
        self.version(&mut new, &old)?;
        if self.request.part == Part::Main {
            admission::update(kind, &mut new);
        }
        self.prepare(&mut new, &old);
        let errors = self.wrong(&new, &old);
        if !errors.is_empty() {
            return Err(Refusal::invalid(kind.qualified(), self.request.name, &errors));
        }
        self.count_generation(&mut new, &old);
        kind.rules.allocate(&mut new, &mut self.state.allocator);
        decode::tidy(kind, &mut new);
        let finished = metadata::is_deleting(&old)
            && metadata::finalizers(&new).is_empty()
            && old["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
            && !kind.rules.is_kept(&new);
        if finished {
            return Ok(self.remove(new));
        }
        if let Some(owners) = &self.owners {
            apply::show(&mut new, owners);
        }
        if new == *old {
            return Ok(Written::Unchanged(current.clone()));
        }
        if self.owners.is_none()
            && let Some(owners) = apply::follow(self, &old, &new)
        {
            apply::show(&mut new, &owners);
            self.owners = Some(owners);
        }
        Ok(self.put(new))
    }

    /// Where Kubernetes would store it.
    fn storage_key(&self) -> String {
        let super::Request {
            kind, namespace, name, ..
        } = self.request;
        let group = if kind.traits.custom {
            format!("{}/", kind.stored().group)
        } else {
            String::new()
        };
        format!("/registry/{group}{}/{namespace}/{name}", kind.plural)
    }

    fn named(&self, new: &mut Value) -> Result<(), Refusal> {
        let name = self.request.name;
        match metadata::text(new, "name") {
            "" => metadata::set(new, "name", Some(json!(name))),
            found if found == name => {}
            found => {
                let why = format!("the name of the object ({found}) does not match the name on the URL ({name})");
                return Err(Refusal::bad_request(why));
            }
        }
        self.place(new)
    }

    /// The version that the client has seen must be the one that is stored.
    fn version(&self, new: &mut Value, old: &Value) -> Result<(), Refusal> {
        let kind = self.request.kind;
        let (seen, stored) = (
            metadata::text(new, "resourceVersion"),
            metadata::text(old, "resourceVersion"),
        );
        match seen {
            "" | "0" if kind.traits.unconditional_update => {
                metadata::set(new, "resourceVersion", Some(json!(stored)));
                Ok(())
            }
            "" | "0" => {
                let path = "metadata.resourceVersion";
                let error = FieldError::invalid(path, &json!(0), "must be specified for an update");
                Err(Refusal::invalid(kind.resource(), self.request.name, &[error]))
            }
            seen if seen == stored => Ok(()),
            _ => {
                let why = "the object has been modified; please apply your changes to the latest version and try again";
                Err(Refusal::conflict(kind.resource(), self.request.name, why))
            }
        }
    }

    /// What the request is not about stays as it was.
    fn prepare(&self, new: &mut Value, old: &Value) {
        let kind = self.request.kind;
        if self.request.part == Part::Finalize {
            let finalizers = new["spec"]["finalizers"].take();
            *new = old.clone();
            new["spec"]["finalizers"] = finalizers;
            return;
        }
        if self.request.part == Part::Main {
            metadata::carry(new, old);
            if kind.traits.status {
                copy(new, old, "status");
            }
            kind.rules.prepare_update(new, old);
            return;
        }
        let status = new.get("status").cloned();
        if kind.traits.custom {
            *new = old.clone();
        } else {
            // Kubernetes' own kinds let labels and annotations be written with the status.
            metadata::carry(new, old);
            let mut kept = old.clone();
            kept["metadata"] = new["metadata"].take();
            kept["metadata"]["ownerReferences"] = old["metadata"]["ownerReferences"].clone();
            *new = kept;
        }
        match status {
            Some(status) => new["status"] = status,
            None => remove(new, "status"),
        }
    }

    fn wrong(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let kind = self.request.kind;
        let schema = &self.request.served.schema;
        // Kubernetes checks the metadata twice.
        let mut errors = metadata::validate(new, kind.rules.name_rule());
        let changed = metadata::validate_update(new, old);
        errors.extend(changed.clone());
        errors.extend(changed);
        match (kind.traits.custom, self.request.part) {
            (true, Part::Main) => validate::object_errors(new, Some(old), schema, &mut errors),
            (true, _) => validate::status_errors(new, Some(old), schema, &mut errors),
            (false, Part::Main) => {
                errors.extend(kind.rules.validate_update(new, old));
                errors.extend(kind.rules.validate(new));
            }
            (false, _) => {}
        }
        errors
    }

    /// A change of anything but metadata and status counts.
    fn count_generation(&self, new: &mut Value, old: &Value) {
        if !self.request.kind.traits.generation || self.request.part != Part::Main {
            return;
        }
        if !content(new).eq(content(old)) {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            metadata::set(new, "generation", Some(json!(generation)));
        }
    }
}

fn copy(new: &mut Value, old: &Value, field: &str) {
    match old.get(field) {
        Some(value) => new[field] = value.clone(),
        None => remove(new, field),
    }
}

fn content(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let fields = object.as_object().into_iter().flatten();
    fields.filter(|(name, _)| *name != "metadata" && *name != "status")
}
