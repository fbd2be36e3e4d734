//! Paths and queries of the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::api::definitions::{Definitions, Kind};
use crate::api::refusal::Refusal;
use crate::api::write::Part;

/// What a path names.
#[derive(Clone, Debug)]
pub struct Route {
    pub kind: Arc<Kind>,
    /// Which of its versions.
    pub version: usize,
    /// The namespace; none for kinds without, and for all namespaces.
    pub namespace: Option<String>,
    /// The name; none for a collection.
    pub name: Option<String>,
    /// The part.
    pub part: Part,
}

/// The parameters of a query.
#[derive(Clone, Debug, Default)]
pub struct Parameters(BTreeMap<String, String>);

impl Route {
    /// The route of a path.
    pub fn parse(definitions: &Definitions, path: &str) -> Result<Self, Refusal> {
        let segments: Vec<_> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return Err(Refusal::no_such_path()),
        };
        let nothing = || Self::nothing(definitions, group, version);
        let find = |plural: &str| {
            let (kind, served) = definitions.resource(group, version, plural)?;
            let version = kind.served.iter().position(|version| std::ptr::eq(version, served))?;
            Some((kind.clone(), version))
        };
        if let ["namespaces", namespace, plural, rest @ ..] = rest
            && let Some((kind, version)) = find(plural).filter(|(kind, _)| kind.namespaced)
        {
            return Self::of(kind, version, Some(namespace), rest);
        }
        let [plural, rest @ ..] = rest else {
            return Err(nothing());
        };
        let (kind, version) = find(plural).ok_or_else(nothing)?;
        // Objects in namespaces have no path without them.
        if kind.namespaced && !rest.is_empty() {
            return Err(nothing());
        }
        Self::of(kind, version, None, rest)
    }

    /// Kubernetes' own groups answer as other objects do, those of definitions like an unknown path.
    fn nothing(definitions: &Definitions, group: &str, version: &str) -> Refusal {
        let own = definitions.kinds().iter().any(|kind| {
            let mut served = kind.served.iter();
            !kind.traits.custom && served.any(|served| served.group == group && served.version == version)
        });
        if own {
            Refusal::no_such_resource()
        } else {
            Refusal::no_such_path()
        }
    }

    fn of(kind: Arc<Kind>, version: usize, namespace: Option<&str>, rest: &[&str]) -> Result<Self, Refusal> {
        let (name, part) = match *rest {
            [] => (None, Part::Main),
            [name] => (Some(name), Part::Main),
            [name, "status"] if kind.traits.status => (Some(name), Part::Status),
            [name, "binding"] if &*kind.name == "Pod" => (Some(name), Part::Binding),
            [name, "finalize"] if &*kind.name == "Namespace" => (Some(name), Part::Finalize),
            [name, _] if kind.traits.custom => return Err(Refusal::not_found(kind.resource(), name)),
            _ => return Err(Refusal::no_such_resource()),
        };
        Ok(Self {
            kind,
            version,
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
            part,
        })
    }
}

impl Parameters {
    /// The parameters of a request.
    pub fn of(uri: &Uri) -> Self {
        let decode = |text: &str| {
            percent_decode_str(&text.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let pairs = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// A parameter, empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// Whether a parameter is true.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.text(name), "true" | "1")
    }

    /// A parameter that is a number.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }
}
