//! Watches: the changes after a revision, one line of JSON each, until the client's time is up.
//!
//! A watch reads the log of its kind at its own pace and sleeps until there is more. What a selector does not select any
//! more is told as deleted, what it begins to select as added.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream::{self, Stream};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Server;
use super::metadata;
use super::read::{Query, View, revision};
use super::refusal::Refusal;
use super::store::{Change, ChangeType};

/// How often a quiet watch is told how far it is.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How long a watch lasts whose client names no time; Kubernetes takes up to twice that.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// How a client wants to watch.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How long.
    pub timeout: Option<Duration>,
    /// Whether it understands bookmarks.
    pub bookmarks: bool,
    /// Whether it wants to be told of what exists first.
    pub initial_events: bool,
}

struct Watch {
    server: Arc<Server>,
    view: View,
    query: Query,
    position: u64,
    bookmarks: bool,
    deadline: Instant,
    next_bookmark: Instant,
    lines: VecDeque<Bytes>,
    ended: bool,
}

/// The lines of a watch.
pub fn watch(
    server: Arc<Server>,
    view: View,
    query: Query,
    options: &Options,
) -> Result<impl Stream<Item = Bytes> + use<>, Refusal> {
    let asked = revision(&query.resource_version)?;
    let now = Instant::now();
    let mut watch = Watch {
        server,
        view,
        query,
        position: asked,
        bookmarks: options.bookmarks,
        deadline: now + options.timeout.unwrap_or(TIMEOUT),
        next_bookmark: now + BOOKMARK,
        lines: VecDeque::new(),
        ended: false,
    };
    watch.begin(asked, options);
    Ok(stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line, watch))
    }))
}

impl Watch {
    fn begin(&mut self, asked: u64, options: &Options) {
        let server = self.server.clone();
        let state = server.lock();
        let store = &state.store;
        if asked != 0 && asked < store.compacted() {
            let refusal = Refusal::expired(format!("too old resource version: {asked} ({})", store.compacted()));
            self.lines
                .push_back(line("ERROR", refusal.status().to_string().as_bytes()));
            self.ended = true;
            return;
        }
        if asked != 0 && !options.initial_events {
            return;
        }
        self.position = store.revision();
        let objects = store.list(self.view.kind.index, self.query.namespace.as_deref(), None);
        for (_, object) in objects.filter(|(_, object)| self.query.selector.selects(object.value())) {
            self.lines.push_back(line("ADDED", &self.view.text(object)));
        }
        if options.initial_events {
            let annotations = json!({ "k8s.io/initial-events-end": "true" });
            let bookmark = self.bookmark(self.position, Some(annotations));
            self.lines.push_back(bookmark);
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            let newer = self.server.lock().store.newer_of(self.view.kind.index);
            let notified = newer.notified();
            if self.read() {
                continue;
            }
            let wake = self.deadline.min(self.next_bookmark);
            tokio::select! {
                biased;
                () = notified => {}
                () = tokio::time::sleep_until(wake) => self.pause(),
            }
        }
    }

    /// Reads what is new; whether anything was.
    fn read(&mut self) -> bool {
        let server = self.server.clone();
        let state = server.lock();
        let changes = state.store.changes_of(self.view.kind.index, self.position);
        let Some(last) = changes.last() else { return false };
        self.position = last.revision;
        for change in changes {
            if let Some(line) = self.line(change) {
                self.lines.push_back(line);
            }
        }
        true
    }

    /// Nothing has happened until a bookmark was due, or the end.
    fn pause(&mut self) {
        let now = Instant::now();
        self.next_bookmark = now + BOOKMARK;
        if self.bookmarks {
            let revision = self.server.lock().store.revision();
            let bookmark = self.bookmark(revision, None);
            self.lines.push_back(bookmark);
        }
        self.ended = now >= self.deadline;
    }

    fn line(&self, change: &Change) -> Option<Bytes> {
        let namespace = self.query.namespace.as_deref();
        if namespace.is_some_and(|namespace| namespace != &*change.key.namespace) {
            return None;
        }
        let selects = |object: &Value| self.query.selector.selects(object);
        let before = change.before().is_some_and(|before| selects(before));
        let after = change.type_ != ChangeType::Deleted && selects(change.object());
        match (before, after) {
            (false, false) => None,
            (false, true) => Some(line("ADDED", &self.view.text(&change.object))),
            (true, true) => Some(line("MODIFIED", &self.view.text(&change.object))),
            (true, false) if change.type_ == ChangeType::Deleted => {
                Some(line("DELETED", &self.view.text(&change.object)))
            }
            // It is shown as it was when it was selected last, with the version of the change.
            (true, false) => {
                let mut last = Value::clone(change.before()?);
                metadata::set(&mut last, "resourceVersion", Some(json!(change.revision.to_string())));
                Some(line("DELETED", self.view.value(&Arc::new(last)).to_string().as_bytes()))
            }
        }
    }

    fn bookmark(&self, revision: u64, annotations: Option<Value>) -> Bytes {
        let mut object = json!({
            "kind": if self.view.metadata_only { "PartialObjectMetadata" } else { &*self.view.kind.name },
            "apiVersion": if self.view.metadata_only { "meta.k8s.io/v1" } else { self.view.served().api_version.as_str() },
            "metadata": { "resourceVersion": revision.to_string(), "creationTimestamp": null },
        });
        if let Some(annotations) = annotations {
            object["metadata"]["annotations"] = annotations;
        }
        line("BOOKMARK", object.to_string().as_bytes())
    }
}

fn line(type_: &str, object: &[u8]) -> Bytes {
    let mut line = BytesMut::with_capacity(object.len() + 40);
    line.put_slice(format!("{{\"type\":\"{type_}\",\"object\":").as_bytes());
    line.put_slice(object);
    line.put_slice(b"}\n");
    line.freeze()
}
