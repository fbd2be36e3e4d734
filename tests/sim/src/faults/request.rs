//! What a request asks for, read from its method and path: enough to count it and to name it.

use std::fmt;

use http::{Method, Request};

use super::plan::Class;

/// A request, as far as faults care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// The plural of the kind.
    pub kind: String,
    /// Whether it follows a collection.
    pub watch: bool,
}

impl Asked {
    /// Reads a request.
    pub fn of<B>(request: &Request<B>) -> Self {
        let path = request.uri().path();
        let query = request.uri().query().unwrap_or_default();
        Self {
            method: request.method().clone(),
            path: path.to_owned(),
            kind: kind(path).to_owned(),
            watch: query
                .split('&')
                .any(|option| matches!(option, "watch=true" | "watch=1")),
        }
    }

    /// Whether it reads a collection.
    pub fn lists(&self) -> bool {
        self.class() == Some(Class::Read) && self.path.rsplit('/').next() == Some(&*self.kind)
    }

    /// How it is counted; `None` for events, on which nothing depends, and for watches.
    pub fn class(&self) -> Option<Class> {
        if self.kind == "events" || self.watch {
            None
        } else if self.method == Method::GET {
            Some(Class::Read)
        } else {
            Some(Class::Write)
        }
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The plural in `/api/VERSION/…` or `/apis/GROUP/VERSION/…`.
fn kind(path: &str) -> &str {
    let mut words = path.split('/').filter(|word| !word.is_empty());
    if words.next() == Some("apis") {
        words.next();
    }
    words.next();
    let mut rest = words;
    match rest.next() {
        Some("namespaces") => {
            rest.next();
            rest.next().unwrap_or("namespaces")
        }
        kind => kind.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, uri: &str) -> Asked {
        Asked::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn requests_are_told_apart() {
        let list = asked(Method::GET, "/api/v1/pods?labelSelector=a");
        assert_eq!((list.kind.as_str(), list.class()), ("pods", Some(Class::Read)));
        assert!(list.lists());
        let read = asked(Method::GET, "/api/v1/namespaces/default/pods/p");
        assert_eq!((read.class(), read.lists()), (Some(Class::Read), false));
        let watch = asked(Method::GET, "/apis/ray.io/v1/rayjobs?watch=true&resourceVersion=1");
        assert_eq!((watch.kind.as_str(), watch.class()), ("rayjobs", None));
        let patch = asked(Method::PATCH, "/apis/ray.io/v1/namespaces/default/rayjobs/j/status");
        assert_eq!((patch.kind.as_str(), patch.class()), ("rayjobs", Some(Class::Write)));
        let event = asked(Method::POST, "/apis/events.k8s.io/v1/namespaces/default/events");
        assert_eq!(event.class(), None);
        assert_eq!(asked(Method::GET, "/api/v1/namespaces/default").kind, "namespaces");
    }
}
