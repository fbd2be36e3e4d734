//! Creating an object.

use serde_json::{Value, json};

use super::Writer;
use crate::api::journal::Written;
use crate::api::refusal::Refusal;
use crate::api::schema::validate;
use crate::api::{admission, apply, decode, metadata, quota};

/// How often a generated name is tried.
const GENERATED_NAMES: usize = 8;

impl Writer<'_> {
    /// Creates an object that a client has sent.
    pub fn create(&mut self, object: Value) -> Result<Written, Refusal> {
        let object = decode::decode(
            self.server.definitions(),
            self.request.kind,
            self.request.served,
            object,
        )?;
        self.create_decoded(object)
    }

    /// Creates an object that was decoded before.
    pub fn create_decoded(&mut self, mut object: Value) -> Result<Written, Refusal> {
        let kind = self.request.kind;
        if !metadata::text(&object, "resourceVersion").is_empty() {
            return Err(Refusal::internal(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        metadata::wipe(&mut object);
        self.place(&mut object)?;
        admission::namespace(self, &object)?;
        if !kind.traits.custom {
            admission::create(self, &mut object)?;
        }
        self.subject = Some(metadata::text(&object, "name").to_owned());
        let generates =
            metadata::text(&object, "name").is_empty() && !metadata::text(&object, "generateName").is_empty();
        for _ in 1..GENERATED_NAMES {
            if !generates {
                break;
            }
            match self.create_named(object.clone()) {
                Err(refusal) if refusal.reason == "AlreadyExists" => {}
                result => return result,
            }
        }
        self.create_named(object)
    }

    /// The namespace of the request is that of the object.
    pub fn place(&self, object: &mut Value) -> Result<(), Refusal> {
        let namespace = self.request.namespace;
        match metadata::text(object, "namespace") {
            "" if namespace.is_empty() => {}
            "" => metadata::set(object, "namespace", Some(json!(namespace))),
            found if found == namespace => {}
            _ => {
                let why = "the namespace of the provided object does not match the namespace sent on the request";
                return Err(Refusal::bad_request(why));
            }
        }
        Ok(())
    }

    fn create_named(&mut self, mut object: Value) -> Result<Written, Refusal> {
        let kind = self.request.kind;
        metadata::fill(&mut object, &self.server.random, self.now);
        if kind.traits.generation {
            metadata::set(&mut object, "generation", Some(json!(1)));
        }
        if kind.traits.status && !kind.traits.status_at_first {
            remove(&mut object, "status");
        }
        kind.rules.prepare_create(&mut object);
        let name = metadata::text(&object, "name").to_owned();
        let mut errors = metadata::validate(&object, kind.rules.name_rule());
        if kind.traits.custom {
            validate::object_errors(&object, None, &self.request.served.schema, &mut errors);
        } else {
            errors.extend(metadata::validate_finalizers(&object));
            errors.extend(kind.rules.validate(&object));
        }
        if !errors.is_empty() {
            return Err(Refusal::invalid(kind.qualified(), &name, &errors));
        }
        quota::admit(self, &object)?;
        if let Some(existing) = self.state.store.get(kind.index, self.request.namespace, &name) {
            let mut refusal = Refusal::already_exists(kind.resource(), &name);
            if metadata::is_deleting(existing.value()) {
                refusal.message = format!("object is being deleted: {}", refusal.message);
            }
            return Err(refusal);
        }
        kind.rules.allocate(&mut object, &mut self.state.allocator);
        decode::tidy(kind, &mut object);
        if let Some(owners) = &self.owners {
            apply::show(&mut object, owners);
        }
        let written = self.put(object);
        if &*kind.name == "Namespace" && !self.request.dry_run {
            admission::open_namespace(self, &name);
        }
        Ok(written)
    }
}

/// Removes a field.
pub fn remove(object: &mut Value, field: &str) {
    if let Some(fields) = object.as_object_mut() {
        fields.remove(field);
    }
}
