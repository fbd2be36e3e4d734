//! Ray's dashboard, as far as the RayJob controller asks it: a real socket behind the heads of one namespace.
//!
//! The pods here have no containers, so every head pod is given the address of this machine, as a kubelet would report
//! it. All that lies between is real: the RayCluster's head Service, its endpoints, and the API server's proxy, which the
//! controller goes through with `--use-kubernetes-proxy`. One dashboard serves all heads of the namespace; submission ids
//! tell their jobs apart.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::place::Place;

/// A dashboard; it ends when dropped.
pub struct Dashboard {
    /// Where it listens, on every address of this machine.
    pub port: u16,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

/// One question of a controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Method and path.
    pub line: String,
    /// The header `x-ray-authorization`.
    pub token: Option<String>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<String, Value>,
    hung: BTreeSet<String>,
    asked: Vec<Question>,
}

impl Dashboard {
    /// Puts a dashboard behind the heads of `place`, also those that come later.
    pub async fn behind_the_heads_of(place: &Place) -> Self {
        let listener = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::clone(&state)));
        tasks.spawn(lead_heads_here(place.api(), own_address()));
        Self {
            port,
            state,
            _tasks: tasks,
        }
    }

    /// Ray's record of that job is this from now on.
    pub fn says(&self, submission: &str, status: &str) {
        let mut record = json!({ "type": "SUBMISSION", "submission_id": submission, "status": status,
            "message": format!("The job is {status}."), "start_time": 1_700_000_000_000_u64, "end_time": null });
        if matches!(status, "SUCCEEDED" | "FAILED" | "STOPPED") {
            record["end_time"] = json!(jiff::Timestamp::now().as_millisecond());
        }
        self.state().records.insert(submission.to_owned(), record);
    }

    /// Ray has no record of that job: its head was restarted.
    pub fn forgets(&self, submission: &str) {
        self.state().records.remove(submission);
    }

    /// Questions about that job are never answered.
    pub fn hangs_on(&self, submission: &str) {
        self.state().hung.insert(submission.to_owned());
    }

    /// What was asked about that job.
    pub fn asked_about(&self, submission: &str) -> Vec<Question> {
        let path = format!("/api/jobs/{submission}");
        let asked = self.state().asked.clone();
        asked
            .into_iter()
            .filter(|question| question.line.contains(&path))
            .collect()
    }

    /// How often Ray was asked to stop that job.
    pub fn stops_of(&self, submission: &str) -> usize {
        let asked = self.asked_about(submission);
        asked
            .iter()
            .filter(|question| question.line.starts_with("POST"))
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut answers = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        answers.spawn(answer(stream, Arc::clone(&state)));
    }
}

/// Answers one request. Errors of the connection are the asker's matter.
async fn answer(mut stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let mut head = Vec::new();
    let mut lines = BufReader::new(&mut stream).lines();
    while let Some(line) = lines.next_line().await.ok()?.filter(|line| !line.is_empty()) {
        head.push(line);
    }
    let line = head.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    let header = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("x-ray-authorization")
            .then(|| value.to_owned())
    };
    let token = head.iter().find_map(header);
    let rest = line.split_once("/api/jobs/").map_or("", |(_, rest)| rest);
    let (submission, stop) = rest.strip_suffix("/stop").map_or((rest, false), |id| (id, true));
    let (record, hung) = {
        let mut state = state.lock().unwrap();
        state.asked.push(Question {
            line: line.clone(),
            token,
        });
        (state.records.get(submission).cloned(), state.hung.contains(submission))
    };
    if hung {
        std::future::pending::<()>().await;
    }
    let (status, body) = match record {
        Some(_) if stop => ("200 OK", json!({ "stopped": true }).to_string()),
        Some(record) => ("200 OK", record.to_string()),
        None => ("404 Not Found", format!("Job {submission} does not exist")),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()
}

/// Reports the address `here` for every head that runs.
async fn lead_heads_here(pods: kube::Api<Pod>, here: IpAddr) {
    let heads = ListParams::default().labels("ray.io/node-type=head");
    let here = here.to_string();
    loop {
        for head in pods.list(&heads).await.into_iter().flatten() {
            let address = head.status.as_ref().and_then(|status| status.pod_ip.as_ref());
            if address.is_some_and(|address| *address != here) {
                let patch = json!({ "status": { "podIP": here, "podIPs": [{ "ip": here }] } });
                let parameters = PatchParams::default();
                // It may be gone by now.
                let _ = pods
                    .patch_status(&head.name_any(), &parameters, &Patch::Merge(patch))
                    .await;
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// An address of this machine that endpoints may have: none that loops back.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the kernel only chooses the way.
    socket
        .connect("192.0.2.1:9")
        .expect("this machine has no address but the one that loops back, which Kubernetes does not proxy to");
    socket.local_addr().unwrap().ip()
}
