//! Reads: one object, or a list of them, in pages if the client wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use super::decode;
use super::definitions::{Form, Kind, Served};
use super::refusal::Refusal;
use super::selector::Selector;
use super::store::{Object, Store, text};

/// What a client wants to see of objects, and in which version.
#[derive(Clone, Debug)]
pub struct View {
    pub kind: Arc<Kind>,
    /// Which of its versions.
    pub version: usize,
    /// Only the metadata.
    pub metadata_only: bool,
}

/// Which objects.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The namespace; none means all.
    pub namespace: Option<String>,
    /// The selector.
    pub selector: Selector,
    /// Most objects of a page; 0 means all.
    pub limit: usize,
    /// Where the last page ended.
    pub continue_: String,
    /// The version that the client asks for.
    pub resource_version: String,
    /// Whether exactly that one.
    pub exact: bool,
}

impl View {
    pub fn served(&self) -> &Served {
        &self.kind.served[self.version]
    }

    /// An object as JSON.
    pub fn text(&self, object: &Object) -> Bytes {
        if self.served().form == Form::Stored && !self.metadata_only {
            return object.text().clone();
        }
        text(&self.value(object.value()))
    }

    /// An object as the client sees it.
    pub fn value(&self, stored: &Arc<Value>) -> Arc<Value> {
        let object = decode::external_form(self.served(), stored);
        if !self.metadata_only {
            return object;
        }
        Arc::new(json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object["metadata"],
        }))
    }

    /// A list as JSON.
    pub fn list(&self, store: &Store, query: &Query) -> Result<Bytes, Refusal> {
        let Page {
            objects,
            revision,
            continue_,
            remaining,
        } = page(store, &self.kind, query)?;
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        // Lists of custom resources have the field in any case.
        let continue_ = continue_.or_else(|| self.kind.traits.custom.then(String::new));
        if let Some(token) = continue_ {
            metadata["continue"] = json!(token);
        }
        if let Some(remaining) = remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        let (kind, api_version) = if self.metadata_only {
            ("PartialObjectMetadata", "meta.k8s.io/v1")
        } else {
            (&*self.kind.name, self.served().api_version.as_str())
        };
        // Items of Kubernetes' own lists do not repeat what they are.
        let bare = !self.kind.traits.custom && !self.metadata_only;
        let prefix = format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",");
        let mut list = BytesMut::new();
        let head =
            format!("{{\"kind\":\"{kind}List\",\"apiVersion\":\"{api_version}\",\"metadata\":{metadata},\"items\":[");
        list.put_slice(head.as_bytes());
        for (index, object) in objects.iter().enumerate() {
            if index > 0 {
                list.put_u8(b',');
            }
            let item = self.text(object);
            match item.strip_prefix(prefix.as_bytes()) {
                _ if !bare => list.put_slice(&item),
                Some(rest) => {
                    list.put_u8(b'{');
                    list.put_slice(rest);
                }
                None => list.put_slice(&text(&without_type(&self.value(object.value())))),
            }
        }
        list.put_slice(b"]}");
        Ok(list.freeze())
    }
}

/// For kinds with a field that comes before `apiVersion`.
fn without_type(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

struct Page {
    objects: Vec<Arc<Object>>,
    revision: u64,
    continue_: Option<String>,
    remaining: Option<usize>,
}

/// The objects that a query selects, up to its limit.
fn page(store: &Store, kind: &Kind, query: &Query) -> Result<Page, Refusal> {
    let (revision, from) = start(store, query)?;
    let namespace = query.namespace.as_deref();
    let all: Vec<(String, Arc<Object>)> = if revision == store.revision() {
        let objects = store.list(kind.index, namespace, from.as_deref());
        objects
            .map(|(path, object)| (path.to_owned(), object.clone()))
            .collect()
    } else {
        let past = past(store, kind.index, revision);
        let prefix = namespace.map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let from = from.unwrap_or_default();
        past.into_iter()
            .filter(|(path, _)| path.starts_with(&prefix) && *path >= from)
            .collect()
    };
    let mut selected = all
        .into_iter()
        .filter(|(_, object)| query.selector.selects(object.value()));
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let objects = selected.by_ref().take(limit).map(|(_, object)| object).collect();
    let next = selected.next();
    let remaining = selected.count() + 1;
    Ok(Page {
        objects,
        revision,
        // Kubernetes does not count what a selector might leave out.
        remaining: next.as_ref().filter(|_| query.selector.is_empty()).map(|_| remaining),
        continue_: next.map(|(path, _)| format!("{revision}:{path}")),
    })
}

/// The revision that a list shows, and where it begins.
fn start(store: &Store, query: &Query) -> Result<(u64, Option<String>), Refusal> {
    if !query.continue_.is_empty() {
        let token = query.continue_.split_once(':');
        let token = token.and_then(|(revision, path)| Some((revision.parse().ok()?, path.to_owned())));
        let (revision, path): (u64, String) =
            token.ok_or_else(|| Refusal::bad_request("invalid continue token: continue key is not valid"))?;
        if revision < store.compacted() {
            let why = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                       list without the continue parameter.";
            return Err(Refusal::expired(why));
        }
        return Ok((revision, Some(path)));
    }
    let asked = revision(&query.resource_version)?;
    let current = store.revision();
    if asked > current {
        return Err(Refusal::too_large_resource_version(asked, current));
    }
    if query.exact && asked > 0 {
        if asked < store.compacted() {
            return Err(Refusal::expired(
                "The resourceVersion for the provided list is too old.",
            ));
        }
        return Ok((asked, None));
    }
    Ok((current, None))
}

/// A revision that a client names; 0 when it names none.
pub fn revision(text: &str) -> Result<u64, Refusal> {
    if text.is_empty() {
        return Ok(0);
    }
    let invalid = |_| {
        let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        Refusal::bad_request(format!(
            "invalid resource version: resourceVersion: Invalid value: {text:?}: {why}"
        ))
    };
    text.parse().map_err(invalid)
}

/// The objects of a kind as they were.
fn past(store: &Store, kind: usize, revision: u64) -> BTreeMap<String, Arc<Object>> {
    let now = store.list(kind, None, None);
    let mut objects: BTreeMap<_, _> = now.map(|(path, object)| (path.to_owned(), object.clone())).collect();
    for change in store.changes_of(kind, revision).iter().rev() {
        let path = format!("{}/{}", change.key.namespace, change.key.name);
        match &change.before {
            Some(before) => objects.insert(path, before.clone()),
            None => objects.remove(&path),
        };
    }
    objects
}
