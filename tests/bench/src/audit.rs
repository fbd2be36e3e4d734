//! The API server's audit log: who asked for what, and when it was answered.
//!
//! Traps: the log is renamed when it is full; its last line may not be whole yet; a call that has the API server choose
//! the name (`generateName`) is logged without one.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One call, answered; a watch, begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `create`, `patch`, ...
    pub verb: String,
    /// Who asked.
    pub user: String,
    /// Resource, with the subresource after a slash.
    pub resource: String,
    /// Namespace of the object, or empty.
    pub namespace: String,
    /// Name of the object, or empty.
    pub name: String,
    /// Status of the answer.
    pub code: u16,
    /// When it arrived.
    pub received: Timestamp,
    /// When it was answered.
    pub answered: Timestamp,
}

impl Call {
    /// Whether it is this verb on this resource, and was carried out.
    pub fn is(&self, verb: &str, resource: &str) -> bool {
        self.verb == verb && self.resource == resource && (200..300).contains(&self.code)
    }

    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage: String,
    verb: String,
    user: User,
    object_ref: Option<Object>,
    response_status: Option<Status>,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

/// The call of a line of the log, if it is one that is over, or a watch that has begun.
fn call(line: &str) -> Option<Call> {
    let line: Line = serde_json::from_str(line).ok()?;
    let over = line.stage == "ResponseComplete" && line.verb != "watch";
    let begun = line.stage == "ResponseStarted" && line.verb == "watch";
    if !over && !begun {
        return None;
    }
    let object = line.object_ref.unwrap_or_default();
    Some(Call {
        resource: match object.subresource.as_str() {
            "" => object.resource,
            subresource => format!("{}/{subresource}", object.resource),
        },
        verb: line.verb,
        user: line.user.username,
        namespace: object.namespace,
        name: object.name,
        code: line.response_status.map_or(0, |status| status.code),
        received: line.request_received_timestamp,
        answered: line.stage_timestamp,
    })
}

/// All calls since `since`, in the order of their arrival. `log` is the file that is written now.
pub fn calls(log: &Path, since: Timestamp) -> Result<Vec<Call>> {
    let directory = log.parent().unwrap_or(Path::new("."));
    let stem = log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut calls = Vec::new();
    for entry in directory.read_dir().with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.starts_with(&stem) {
            continue;
        }
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        for line in BufReader::new(file).lines() {
            calls.extend(call(&line?).filter(|call| call.received >= since));
        }
    }
    calls.sort_by_key(|call| call.received);
    Ok(calls)
}

/// Gives the creates of `resource` by `users` that have no name the names of the objects that appeared, in order.
///
/// Versions of objects follow the order in which they were stored, and answers follow that closely: what is wrong is at
/// most the order of calls that ran at the same time.
pub fn name_creates(calls: &mut [Call], resource: &str, users: &[String], appeared: &[String]) {
    let created = |call: &Call| call.is("create", resource) && users.contains(&call.user);
    let named: BTreeSet<_> = calls
        .iter()
        .filter(|call| created(call) && !call.name.is_empty())
        .map(|call| call.name.clone())
        .collect();
    let mut free: VecDeque<_> = appeared.iter().filter(|name| !named.contains(*name)).collect();
    let mut nameless: Vec<_> = calls
        .iter_mut()
        .filter(|call| created(call) && call.name.is_empty())
        .collect();
    nameless.sort_by_key(|call| call.answered);
    for call in nameless {
        if let Some(name) = free.pop_front() {
            call.name.clone_from(name);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    /// A call of a millisecond, carried out.
    pub fn done(user: &str, verb: &str, resource: &str, name: &str, received: i64) -> Call {
        Call {
            verb: verb.to_owned(),
            user: user.to_owned(),
            resource: resource.to_owned(),
            namespace: "bench".to_owned(),
            name: name.to_owned(),
            code: 201,
            received: at(received),
            answered: at(received + 1),
        }
    }

    const LINE: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"ResponseComplete",
        "requestURI":"/apis/ray.io/v1/namespaces/bench/rayclusters/c/status","verb":"patch",
        "user":{"username":"system:serviceaccount:bench:ours","groups":["system:authenticated"]},"sourceIPs":["127.0.0.1"],
        "objectRef":{"resource":"rayclusters","namespace":"bench","name":"c","apiGroup":"ray.io","apiVersion":"v1","subresource":"status"},
        "responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-11-27T14:41:13.972464Z",
        "stageTimestamp":"2026-11-27T14:41:13.982465Z","annotations":{"authorization.k8s.io/decision":"allow"}}"#;

    #[test]
    fn a_line_is_a_call() {
        let call = call(LINE).unwrap();
        assert!(call.is("patch", "rayclusters/status") && call.writes());
        assert_eq!(
            (call.user.as_str(), call.name.as_str()),
            ("system:serviceaccount:bench:ours", "c")
        );
        assert_eq!(call.answered.duration_since(call.received).as_micros(), 10_001);
    }

    #[test]
    fn a_watch_counts_when_it_begins_and_a_part_of_a_line_not_at_all() {
        let watch = LINE.replace("\"patch\"", "\"watch\"");
        assert!(call(&watch).is_none());
        assert!(call(&watch.replace("ResponseComplete", "ResponseStarted")).is_some());
        assert!(call(&LINE.replace("ResponseComplete", "ResponseStarted")).is_none());
        assert!(call(&LINE[..LINE.len() / 2]).is_none());
    }

    #[test]
    fn all_files_of_the_log_are_read_from_a_time_on() {
        let directory = std::env::temp_dir().join(format!("bench-audit-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let line = LINE.replace('\n', "");
        std::fs::write(
            directory.join("audit-2026.log"),
            line.replace("14:41:13.97", "14:41:11.97") + "\n",
        )
        .unwrap();
        std::fs::write(directory.join("audit.log"), line.clone() + "\n" + &line[..20]).unwrap();
        std::fs::write(directory.join("etcd.log"), line).unwrap();
        let log = directory.join("audit.log");
        let all = calls(&log, Timestamp::UNIX_EPOCH).unwrap();
        let late = calls(&log, "2026-11-27T14:41:12Z".parse().unwrap()).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!((all.len(), late.len()), (2, 1));
        assert!(all[0].received < all[1].received);
    }

    #[test]
    fn creates_without_a_name_get_those_that_appeared_in_the_order_of_the_answers() {
        let mut calls = [
            done("peer", "create", "pods", "", 10),
            done("peer", "create", "pods", "named", 20),
            done("other", "create", "pods", "", 25),
            done("peer", "create", "pods", "", 30),
        ];
        calls[0].answered = at(40);
        let appeared = ["second", "named", "first"].map(str::to_owned);
        name_creates(&mut calls, "pods", &["peer".to_owned()], &appeared);
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["first", "named", "", "second"]);
    }
}
