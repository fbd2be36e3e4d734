//! The API server's audit log: who asked for what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

/// One call, answered.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub verb: String,
    stage: String,
    user: User,
    object_ref: Option<Object>,
    response_status: Option<Status>,
    #[serde(rename = "requestReceivedTimestamp")]
    pub at: Timestamp,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// What a right is about: group, resource with subresource, verb.
pub type Right = (String, String, String);

impl Call {
    /// Resource, with the subresource after a slash.
    pub fn resource(&self) -> String {
        match &self.object_ref {
            None => String::new(),
            Some(object) if object.subresource.is_empty() => object.resource.clone(),
            Some(object) => format!("{}/{}", object.resource, object.subresource),
        }
    }

    /// Of what; empty for a create or a list.
    pub fn name(&self) -> &str {
        self.object_ref.as_ref().map_or("", |object| &object.name)
    }

    pub fn namespace(&self) -> &str {
        self.object_ref.as_ref().map_or("", |object| &object.namespace)
    }

    pub fn right(&self) -> Right {
        let group = self.object_ref.as_ref().map(|object| object.api_group.clone());
        (group.unwrap_or_default(), self.resource(), self.verb.clone())
    }

    pub fn code(&self) -> u16 {
        self.response_status.as_ref().map_or(0, |status| status.code)
    }

    /// Refused by RBAC. A quota or a policy answers with 403 too, and is another matter.
    pub fn denied(&self) -> bool {
        self.annotations
            .get("authorization.k8s.io/decision")
            .is_some_and(|decision| decision == "forbid")
    }

    /// Who asked.
    pub fn user(&self) -> &str {
        &self.user.username
    }

    /// Neither of the lease nor a question to Ray, both of which come all the time.
    pub fn about_work(&self) -> bool {
        self.resource() != "leases" && self.resource() != "services/proxy"
    }

    /// About the work, and neither a list or a watch, nor an event.
    pub fn counts(&self) -> bool {
        self.about_work() && !matches!(self.verb.as_str(), "list" | "watch") && self.resource() != "events"
    }

    /// A list or a watch of what passes read. Nothing waits for that of the kinds that nobody runs.
    pub fn reads_all(&self) -> bool {
        let not_run = matches!(self.resource().as_str(), "rayservices" | "raycronjobs");
        matches!(self.verb.as_str(), "list" | "watch") && !not_run
    }

    pub fn is(&self, verb: &str, resource: &str) -> bool {
        self.verb == verb && self.resource() == resource
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        write!(
            f,
            "{} {} {} {name} -> {}",
            self.at,
            self.verb,
            self.resource(),
            self.code()
        )
    }
}

/// The calls of `user` since `since`, in the order of their answers.
pub fn calls(directory: &Path, user: &str, since: Timestamp) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut files: Vec<_> = fs::read_dir(directory.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("audit"));
    for path in files {
        for line in BufReader::new(File::open(path).unwrap()).lines().map(Result::unwrap) {
            if !line.contains(user) {
                continue;
            }
            // The last line may not be whole yet.
            let Ok(call) = serde_json::from_str::<Call>(&line) else {
                continue;
            };
            let finished =
                call.stage == "ResponseComplete" || (call.verb == "watch" && call.stage == "ResponseStarted");
            if finished && call.user.username == user && call.at >= since {
                calls.push(call);
            }
        }
    }
    calls.sort_by_key(|call| call.at);
    calls
}

/// The calls, one a line.
pub fn lines<'a>(calls: impl IntoIterator<Item = &'a Call>) -> String {
    calls.into_iter().map(|call| call.to_string() + "\n").collect()
}

/// Calls by verb and resource.
pub fn table<'a>(calls: impl IntoIterator<Item = &'a Call>) -> BTreeMap<String, usize> {
    let mut table = BTreeMap::new();
    for call in calls {
        *table.entry(format!("{} {}", call.verb, call.resource())).or_default() += 1;
    }
    table
}

/// What was used.
pub fn rights<'a>(calls: impl IntoIterator<Item = &'a Call>) -> BTreeSet<Right> {
    calls.into_iter().map(Call::right).collect()
}
