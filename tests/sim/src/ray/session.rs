//! Sessions: what each running head knows, and what it has accepted.
//!
//! Whoever runs containers says here when a head's Ray processes begin and end. Traps: a record that is kept in Redis is
//! known to the next session of that cluster, but a job does not outlive the head that it ran from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ray_dashboard::JobInfo;
use ray_runtime::clock::Clock;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::job::{Course, Job};
use crate::clock::SimClock;
use crate::faults::plan::Behaviour;

/// One life of a head's Ray processes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId {
    /// UID of the head pod.
    pub pod_uid: String,
    /// Restarts of its Ray container.
    pub restarts: i32,
}

/// A head whose Ray processes begin.
#[derive(Clone, Debug)]
pub struct Head {
    /// The session that begins.
    pub session: SessionId,
    /// Name of its RayCluster.
    pub cluster: String,
    /// Where the cluster keeps its state, if that is outside the head.
    pub storage: Option<String>,
    /// The token without which it answers nobody.
    pub token: Option<String>,
}

/// A submission that a head has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The submission id.
    pub id: String,
    /// Who accepted it.
    pub session: SessionId,
    /// Time since the run began.
    pub elapsed: Duration,
    /// The pod that submitted it.
    pub by: String,
    /// The program.
    pub entrypoint: String,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pod_uid, self.restarts)
    }
}

impl fmt::Display for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, session, by, .. } = self;
        write!(f, "{id} accepted by session {session} from {by}")
    }
}

/// What dashboards do out of the ordinary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// Name of the RayCluster whose head it is; `None` is every head.
    pub cluster: Option<String>,
    /// What it does.
    pub behaviour: Behaviour,
}

/// Why a submission is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The head knows a job of that submission id already.
    Taken,
    /// The session has ended.
    Gone,
}

/// What programs do, by words in their entrypoints: the first that is contained decides.
#[derive(Clone, Debug, Default)]
pub struct Courses {
    /// Words and what a program does whose entrypoint holds them.
    pub by_word: Vec<(String, Course)>,
    /// What all others do.
    pub default: Course,
}

impl Courses {
    fn of(&self, entrypoint: &str) -> Course {
        let known = self.by_word.iter().find(|(word, _)| entrypoint.contains(word));
        known.map_or(self.default, |(_, course)| *course)
    }
}

type Jobs = BTreeMap<String, Job>;

struct Session {
    id: SessionId,
    cluster: String,
    storage: Option<String>,
    token: Option<String>,
    jobs: Jobs,
}

struct State {
    courses: Courses,
    /// By UID of the head pod.
    sessions: BTreeMap<String, Session>,
    stored: BTreeMap<String, Jobs>,
    submissions: Vec<Submission>,
    /// What dashboards do; the last one counts.
    behaviours: Vec<Misbehaviour>,
}

/// All of Ray.
pub struct Ray {
    clock: Arc<SimClock>,
    changed: Notify,
    state: Mutex<State>,
}

impl Ray {
    /// No head runs yet.
    pub fn new(clock: Arc<SimClock>, courses: Courses) -> Self {
        Self {
            clock,
            changed: Notify::new(),
            state: Mutex::new(State {
                courses,
                sessions: BTreeMap::new(),
                stored: BTreeMap::new(),
                submissions: Vec::new(),
                behaviours: Vec::new(),
            }),
        }
    }

    /// A head's Ray processes begin to answer.
    pub fn begins(&self, head: Head) {
        let mut state = self.lock();
        let stored = head.storage.as_ref().and_then(|storage| state.stored.remove(storage));
        let session = Session {
            id: head.session.clone(),
            cluster: head.cluster,
            storage: head.storage,
            token: head.token,
            jobs: stored.unwrap_or_default(),
        };
        state.sessions.insert(head.session.pod_uid, session);
        drop(state);
        self.changed.notify_one();
    }

    /// The Ray processes of the head pod with that UID have ended.
    pub fn ends(&self, pod_uid: &str) {
        let mut state = self.lock();
        let Some(mut session) = state.sessions.remove(pod_uid) else {
            return;
        };
        if let Some(storage) = session.storage {
            session.jobs.values_mut().for_each(Job::lose_head);
            state.stored.insert(storage, session.jobs);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Nothing is left of what a cluster keeps there. A head that runs writes nothing more to it.
    pub fn empty(&self, storage: &str) {
        let mut state = self.lock();
        state.stored.remove(storage);
        let mut sessions = state.sessions.values_mut();
        if let Some(session) = sessions.find(|session| session.storage.as_deref() == Some(storage)) {
            session.storage = None;
        }
    }

    /// Whether a cluster keeps anything there, or has a head that does.
    pub fn keeps(&self, storage: &str) -> bool {
        let state = self.lock();
        let mut sessions = state.sessions.values();
        state.stored.contains_key(storage) || sessions.any(|session| session.storage.as_deref() == Some(storage))
    }

    /// The session of the head pod with that UID, while its Ray processes answer.
    pub fn session(&self, pod_uid: &str) -> Option<SessionId> {
        self.lock().sessions.get(pod_uid).map(|session| session.id.clone())
    }

    /// Whether a session answers to whoever has that token.
    pub fn admits(&self, session: &SessionId, token: Option<&str>) -> bool {
        let mut state = self.lock();
        let asked_for = state.running(session).and_then(|session| session.token.as_deref());
        asked_for.is_none_or(|asked_for| token == Some(asked_for))
    }

    /// Submits a job to a session.
    pub fn submit(&self, session: &SessionId, id: &str, entrypoint: &str, by: &str) -> Result<(), NotAccepted> {
        let at = self.clock.now();
        let mut state = self.lock();
        let course = state.courses.of(entrypoint);
        let Some(running) = state.running(session) else {
            return Err(NotAccepted::Gone);
        };
        if running.jobs.contains_key(id) {
            return Err(NotAccepted::Taken);
        }
        running.jobs.insert(id.to_owned(), Job::new(course, at));
        state.submissions.push(Submission {
            id: id.to_owned(),
            session: session.clone(),
            elapsed: self.clock.elapsed(),
            by: by.to_owned(),
            entrypoint: entrypoint.to_owned(),
        });
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// What a session knows of a job.
    pub fn record(&self, session: &SessionId, id: &str) -> Option<JobInfo> {
        self.lock().running(session)?.jobs.get(id).map(Job::record)
    }

    /// When a job ends, as far as is known. `None` when the session has no such job, or it never ends.
    pub fn end(&self, session: &SessionId, id: &str) -> Option<Instant> {
        self.lock().running(session)?.jobs.get(id)?.end()
    }

    /// Stops a job; `false` when there is nothing to stop.
    pub fn stop(&self, session: &SessionId, id: &str) -> bool {
        let mut state = self.lock();
        let job = state.running(session).and_then(|session| session.jobs.get_mut(id));
        let stopped = job.is_some_and(Job::stop);
        drop(state);
        self.changed.notify_one();
        stopped
    }

    /// From now on dashboards do this.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) {
        self.lock().behaviours.push(misbehaviour);
        self.changed.notify_one();
    }

    /// They do it no more.
    pub fn behave(&self, misbehaviour: &Misbehaviour) {
        let mut state = self.lock();
        if let Some(index) = state.behaviours.iter().rposition(|known| known == misbehaviour) {
            state.behaviours.remove(index);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What the dashboard of a session does out of the ordinary.
    pub fn behaviour(&self, session: &SessionId) -> Option<Behaviour> {
        let mut state = self.lock();
        let cluster = state.running(session)?.cluster.clone();
        let about_it = |known: &&Misbehaviour| known.cluster.as_ref().is_none_or(|named| *named == cluster);
        let last = state.behaviours.iter().rev().find(about_it);
        last.map(|known| known.behaviour.clone())
    }

    /// Every submission that was accepted, in order.
    pub fn submissions(&self) -> Vec<Submission> {
        self.lock().submissions.clone()
    }

    /// Waits for a change: a head, a job, or what dashboards do. One waiter.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn running(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.sessions.get_mut(&id.pod_uid).filter(|session| session.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use ray_api::v1::job::JobStatus;

    use super::*;

    fn head(restarts: i32, storage: Option<&str>) -> Head {
        let session = SessionId {
            pod_uid: "head".to_owned(),
            restarts,
        };
        Head {
            session,
            cluster: "raycluster".to_owned(),
            storage: storage.map(str::to_owned),
            token: None,
        }
    }

    fn ray() -> Ray {
        Ray::new(Arc::new(SimClock::new()), Courses::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_takes_its_jobs_along() {
        let ray = ray();
        let first = head(0, None);
        ray.begins(first.clone());
        assert_eq!(ray.submit(&first.session, "a", "python a.py", "pod"), Ok(()));
        assert_eq!(
            ray.submit(&first.session, "a", "python a.py", "pod"),
            Err(NotAccepted::Taken)
        );
        ray.ends("head");
        assert_eq!(ray.session("head"), None);
        let second = head(1, None);
        ray.begins(second.clone());
        assert_eq!(ray.record(&second.session, "a"), None);
        assert_eq!(ray.record(&first.session, "a"), None);
        assert_eq!(ray.submissions().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_in_redis_outlives_the_head_and_its_job_does_not() {
        let ray = ray();
        let first = head(0, Some("storage"));
        ray.begins(first.clone());
        ray.submit(&first.session, "a", "python a.py", "pod").unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        ray.ends("head");
        let second = head(1, Some("storage"));
        ray.begins(second.clone());
        assert_eq!(ray.record(&second.session, "a").unwrap().status, JobStatus::Failed);
        assert!(ray.keeps("storage"));
        assert_eq!(
            ray.submit(&second.session, "a", "python a.py", "pod"),
            Err(NotAccepted::Taken)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_emptied_storage_knows_nothing() {
        let ray = ray();
        let first = head(0, Some("storage"));
        ray.begins(first.clone());
        ray.submit(&first.session, "a", "python a.py", "pod").unwrap();
        ray.empty("storage");
        ray.ends("head");
        assert!(!ray.keeps("storage"));
        let second = head(1, Some("storage"));
        ray.begins(second.clone());
        assert_eq!(ray.record(&second.session, "a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_head_may_misbehave_alone() {
        let ray = ray();
        let first = head(0, None);
        ray.begins(first.clone());
        let misbehaviour = |cluster: &str| Misbehaviour {
            cluster: Some(cluster.to_owned()),
            behaviour: Behaviour::Hung,
        };
        ray.misbehave(misbehaviour("another"));
        assert_eq!(ray.behaviour(&first.session), None);
        ray.misbehave(misbehaviour("raycluster"));
        assert_eq!(ray.behaviour(&first.session), Some(Behaviour::Hung));
        ray.behave(&misbehaviour("raycluster"));
        assert_eq!(ray.behaviour(&first.session), None);
    }
}
