//! Server-side apply: a client says which fields it wants to own and how they are to be, and nothing of the rest.
//!
//! Fields that it owned before and does not name any more are removed, unless others own them. What another owns with
//! another value is a conflict, unless it is taken by force.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::decode;
use super::field_error::FieldError;
use super::journal::Written;
use super::key::Key;
use super::metadata;
use super::ownership::fields::{self, Element, Fields};
use super::ownership::{self, Manager, Owned, Owners};
use super::refusal::{Cause, Refusal};
use super::schema::{Merge, Schema, declared};
use super::write::{Part, Writer};

impl Writer<'_> {
    /// Applies a configuration.
    pub fn apply(&mut self, mut config: Value, force: bool) -> Result<Written, Refusal> {
        let request = self.request;
        if request.manager.is_empty() {
            let error = FieldError::required("fieldManager", "is required for apply patch");
            return Err(Refusal::invalid_option("PatchOptions", &error));
        }
        if config["metadata"]
            .get("managedFields")
            .is_some_and(|fields| !fields.is_null())
        {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        self.fits(&config)?;
        self.only_the_part(&mut config);
        let manager = Manager::of(&request);
        let Ok(current) = self.current() else {
            return self.create_by_apply(config, manager);
        };
        let schema = &request.served.schema;
        let live = decode::checked_form(request.served, &current);
        let key = Key::new(request.kind.name.clone(), request.namespace, request.name);
        let mut owners = self.state.ownership.of(&key, schema);

        let mut merged = merge(Some(&live), &config, Some(schema));
        let mut wanted = Fields::of(&config, Some(schema));
        ownership::strip(&mut wanted);
        if let Some(last) = owners.0.get(&manager) {
            let others = owners.others(&manager);
            prune(&mut merged, &last.fields, &wanted, &others, Some(schema));
        }
        let changes = fields::compare(Some(&live), &merged, schema);
        let conflicts = owners.conflicts(&manager, &changes.set);
        if !force && !conflicts.is_empty() {
            return Err(refuse(&conflicts));
        }
        owners.take(&manager, &changes.set, &changes.removed);
        self.own(&mut owners, manager, wanted);
        let merged = decode::decode(self.server.definitions(), request.kind, request.served, merged)?;
        self.owners = Some(owners);
        self.replace(merged, &current)
    }

    /// Whether the configuration is about the object of the path and can be merged.
    fn fits(&self, config: &Value) -> Result<(), Refusal> {
        let request = &self.request;
        let text = |field: &str| config[field].as_str().unwrap_or_default();
        if text("apiVersion") != request.served.api_version || text("kind") != &*request.kind.name {
            let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
            let why = format!("invalid object type: {group}/{version}, Kind={}", text("kind"));
            return Err(Refusal::bad_request(why));
        }
        let (namespace, name) = (metadata::text(config, "namespace"), metadata::text(config, "name"));
        if let Some(mistakes) = declared::mistakes(config, &request.served.schema) {
            let (api_version, kind) = (&request.served.api_version, &request.kind.name);
            let api_version = if api_version.contains('/') {
                api_version.clone()
            } else {
                format!("/{api_version}")
            };
            return Err(Refusal::internal(format!(
                "failed to create typed patch object ({namespace}/{name}; {api_version}, Kind={kind}): {mistakes}"
            )));
        }
        if self.current().is_ok() {
            return Ok(());
        }
        let uid = metadata::text(config, "uid");
        if !uid.is_empty() {
            let why =
                format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
            return Err(Refusal::conflict(request.kind.resource(), request.name, &why));
        }
        if name.is_empty() {
            let why = format!(
                "the name of the object ({} based on URL) was undeterminable: name must be provided",
                request.name
            );
            return Err(Refusal::bad_request(why));
        }
        Ok(())
    }

    fn create_by_apply(&mut self, config: Value, manager: Manager) -> Result<Written, Refusal> {
        let request = self.request;
        if request.part != Part::Main {
            return Err(Refusal::not_found(request.kind.resource(), request.name));
        }
        let mut owners = Owners::default();
        let mut wanted = Fields::of(&config, Some(&request.served.schema));
        ownership::strip(&mut wanted);
        self.own(&mut owners, manager, wanted);
        self.owners = Some(owners);
        self.create(config)
    }

    /// The time of an entry is that of its last change.
    fn own(&self, owners: &mut Owners, manager: Manager, fields: Fields) {
        let since = owners
            .0
            .get(&manager)
            .filter(|owned| owned.fields == fields)
            .map_or(self.now, |owned| owned.since);
        if fields.is_empty() {
            owners.0.remove(&manager);
        } else {
            owners.0.insert(manager, Owned { fields, since });
        }
    }

    fn only_the_part(&self, config: &mut Value) {
        let Some(fields) = config.as_object_mut() else { return };
        match self.request.part {
            Part::Main if self.request.kind.traits.status => {
                fields.remove("status");
            }
            Part::Main => {}
            _ => fields.retain(|name, _| matches!(name.as_str(), "apiVersion" | "kind" | "metadata" | "status")),
        }
    }
}

fn refuse(conflicts: &[(&Manager, Vec<String>)]) -> Refusal {
    let paths = conflicts
        .iter()
        .flat_map(|(manager, paths)| paths.iter().map(move |path| (manager, path)));
    let causes: Vec<_> = paths
        .map(|(manager, path)| Cause {
            reason: "FieldManagerConflict".to_owned(),
            message: format!("conflict with {}", manager.text()),
            field: path.clone(),
        })
        .collect();
    let message = if let [only] = causes.as_slice() {
        format!("Apply failed with 1 conflict: {}: {}", only.message, only.field)
    } else {
        let managers = conflicts.iter().map(|(manager, paths)| {
            let paths: Vec<_> = paths.iter().map(|path| format!("- {path}")).collect();
            format!("conflicts with {}:\n{}", manager.text(), paths.join("\n"))
        });
        let managers: Vec<_> = managers.collect();
        format!("Apply failed with {} conflicts: {}", causes.len(), managers.join("\n"))
    };
    Refusal::apply_conflict(message, causes)
}

/// The live value with the configuration over it.
fn merge(live: Option<&Value>, config: &Value, schema: Option<&Schema>) -> Value {
    let Some(live) = live else { return config.clone() };
    let rule = schema.map_or(&Merge::Natural, |schema| &schema.merge);
    match (live, config, rule) {
        (Value::Object(live), Value::Object(config), Merge::Natural) => {
            let mut merged = live.clone();
            for (name, value) in config {
                let schema = schema.and_then(|schema| schema.field(name));
                merged.insert(name.clone(), merge(live.get(name), value, schema));
            }
            Value::Object(merged)
        }
        (Value::Array(live), Value::Array(config), Merge::Map(_) | Merge::Set) => {
            let items = schema.and_then(Schema::items);
            merge_lists(live, config, |item| fields::element(item, rule, items), items)
        }
        _ => config.clone(),
    }
}

/// Items that both have come in the order of the configuration. What only the live list has stays before what it was
/// before, and what is new comes where the configuration has it.
fn merge_lists(live: &[Value], config: &[Value], known: impl Fn(&Value) -> Element, items: Option<&Schema>) -> Value {
    let lives: BTreeMap<_, _> = live.iter().map(|item| (known(item), item)).collect();
    let wanted: BTreeSet<_> = config.iter().map(&known).collect();
    let mut shared: VecDeque<_> = config
        .iter()
        .map(&known)
        .filter(|element| lives.contains_key(element))
        .collect();
    let (mut merged, mut done) = (Vec::new(), BTreeSet::new());
    let (mut live, mut config) = (live.iter().peekable(), config.iter().peekable());
    loop {
        if let Some(item) = live.peek() {
            let element = known(item);
            if !wanted.contains(&element) {
                merged.push(Value::clone(item));
                live.next();
                continue;
            }
            // An item that both have waits for its turn in the configuration, or has had it.
            if done.contains(&element) || shared.front().is_some_and(|next| *next != element) {
                live.next();
                continue;
            }
        }
        let Some(item) = config.next() else { break };
        let element = known(item);
        if shared.front() == Some(&element) {
            shared.pop_front();
        }
        merged.push(merge(lives.get(&element).copied(), item, items));
        done.insert(element);
    }
    Value::Array(merged)
}

/// Removes what was applied last and is not wanted any more, unless others own it.
fn prune(value: &mut Value, last: &Fields, wanted: &Fields, others: &Fields, schema: Option<&Schema>) {
    let rule = schema.map_or(&Merge::Natural, |schema| &schema.merge);
    match (value, rule) {
        (Value::Object(fields), Merge::Natural) => {
            let names: Vec<_> = fields.keys().cloned().collect();
            for name in names {
                let element = Element::Field(name.clone());
                let schema = schema.and_then(|schema| schema.field(&name));
                let Some(part) = fields.get_mut(&name) else { continue };
                if !keep(part, &element, (last, wanted, others), schema) {
                    fields.remove(&name);
                }
            }
        }
        (Value::Array(array), Merge::Map(_) | Merge::Set) => {
            let items = schema.and_then(Schema::items);
            array.retain_mut(|item| {
                let element = fields::element(item, rule, items);
                keep(item, &element, (last, wanted, others), items)
            });
        }
        _ => {}
    }
}

/// Whether a part stays; what is beneath it is pruned.
fn keep(part: &mut Value, element: &Element, sets: (&Fields, &Fields, &Fields), schema: Option<&Schema>) -> bool {
    let (last, wanted, others) = sets;
    let Some(last) = last.below(element) else { return true };
    let none = Fields::default();
    let (wanted, others) = (wanted.below(element), others.below(element));
    if wanted.is_none() && others.is_none() {
        return false;
    }
    prune(part, last, wanted.unwrap_or(&none), others.unwrap_or(&none), schema);
    true
}

/// Sets `metadata.managedFields`.
pub fn show(object: &mut Value, owners: &Owners) {
    metadata::set(object, "managedFields", Some(owners.managed_fields()));
}

/// The owners after a write that is no apply, when they are known.
pub fn follow(writer: &Writer<'_>, old: &Arc<Value>, new: &Value) -> Option<Owners> {
    let request = &writer.request;
    let key = Key::new(request.kind.name.clone(), request.namespace, request.name);
    let mut owners = writer.state.ownership.known(&key)?.clone();
    owners.updated(
        &Manager::of(request),
        writer.now,
        Some(old),
        new,
        &request.served.schema,
    );
    Some(owners)
}
