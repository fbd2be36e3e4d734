//! The kinds that the server knows: Kubernetes' own, and those of `deploy/crds`.
//!
//! Made once for all runs of a process: reading the definitions takes far longer than a run.

mod builtin;
mod custom;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::kinds::Rules;
use super::refusal::Resource;
use super::schema::Schema;

/// A kind.
#[derive(Debug)]
pub struct Kind {
    /// Its place in the store.
    pub(super) index: usize,
    /// Its name, as in a manifest.
    pub name: Arc<str>,
    /// The name of the resource.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// The versions that clients may use; the first is the one that is stored.
    pub(super) served: Vec<Served>,
    pub(super) traits: Traits,
    pub(super) rules: &'static dyn Rules,
}

/// A version of a kind.
#[derive(Debug)]
pub struct Served {
    /// Its group; empty for the core.
    pub group: String,
    pub version: String,
    /// Both, as in a manifest.
    pub api_version: String,
    pub(super) schema: Arc<Schema>,
    pub(super) form: Form,
}

/// How an object looks in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is stored.
    Stored,
    /// Only `apiVersion` differs, and what the other schema knows.
    Renamed,
    /// An Event of the core group, which has other names for its fields.
    CoreEvent,
}

/// How kinds differ in the rules that all have.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a kind")]
pub(super) struct Traits {
    /// Of a definition, not Kubernetes' own.
    pub custom: bool,
    /// `status` is a subresource.
    pub status: bool,
    /// A new object brings its status.
    pub status_at_first: bool,
    /// `metadata.generation` counts changes of the spec.
    pub generation: bool,
    /// An update may leave out the resource version.
    pub unconditional_update: bool,
    /// An update of what does not exist creates it.
    pub create_on_update: bool,
    /// A delete answers with the object.
    pub returns_deleted: bool,
    /// A delete without a policy leaves the dependants.
    pub orphans: bool,
}

impl Kind {
    /// How it is named in texts.
    pub(super) fn resource(&self) -> Resource<'_> {
        Resource {
            group: &self.stored().group,
            name: &self.plural,
        }
    }

    /// The same to clients of a version: Events are served in two groups.
    pub(super) fn resource_in<'a>(&'a self, served: &'a Served) -> Resource<'a> {
        Resource {
            group: &served.group,
            name: &self.plural,
        }
    }

    /// How the kind itself is named in texts.
    pub(super) fn qualified(&self) -> Resource<'_> {
        // Inside Kubernetes an Event is one of the core group, however it is served.
        let of_core = &*self.name == "Event";
        Resource {
            group: if of_core { "" } else { &self.stored().group },
            name: &self.name,
        }
    }

    /// The version that is stored.
    pub(super) fn stored(&self) -> &Served {
        &self.served[0]
    }
}

/// All kinds.
#[derive(Debug)]
pub struct Definitions {
    kinds: Vec<Arc<Kind>>,
    by_name: BTreeMap<Arc<str>, usize>,
    /// The schema of `metadata`.
    pub(super) metadata: Arc<Schema>,
}

impl Definitions {
    /// Reads them.
    pub fn load() -> anyhow::Result<Arc<Self>> {
        let (metadata, mut kinds) = builtin::kinds()?;
        kinds.extend(custom::kinds(&metadata)?);
        let kinds: Vec<_> = kinds
            .into_iter()
            .enumerate()
            .map(|(index, kind)| Arc::new(Kind { index, ..kind }))
            .collect();
        let by_name = kinds.iter().map(|kind| (kind.name.clone(), kind.index)).collect();
        Ok(Arc::new(Self {
            kinds,
            by_name,
            metadata,
        }))
    }

    /// All of them.
    pub fn kinds(&self) -> &[Arc<Kind>] {
        &self.kinds
    }

    /// The kind of that name.
    pub fn kind(&self, name: &str) -> Option<&Arc<Kind>> {
        self.by_name.get(name).map(|index| &self.kinds[*index])
    }

    /// The kind and version behind a path of the API.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<(&Arc<Kind>, &Served)> {
        self.kinds.iter().filter(|kind| kind.plural == plural).find_map(|kind| {
            let served = kind
                .served
                .iter()
                .find(|served| served.group == group && served.version == version);
            served.map(|served| (kind, served))
        })
    }

    /// The kind and version of a manifest or an owner reference.
    pub fn of_manifest(&self, api_version: &str, kind: &str) -> Option<(&Arc<Kind>, &Served)> {
        let kind = self.kind(kind)?;
        let served = kind.served.iter().find(|served| served.api_version == api_version)?;
        Some((kind, served))
    }
}

fn served(group: &str, version: &str, schema: Arc<Schema>, form: Form) -> Served {
    let api_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Served {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version,
        schema,
        form,
    }
}

/// The schema of a kind of which nothing is known.
fn anything() -> Value {
    serde_json::json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
