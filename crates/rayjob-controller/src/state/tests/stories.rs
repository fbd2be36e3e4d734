//! Whole lives of RayJobs: the real state machine in a small world of its own, told second by second.
//!
//! The world: a cluster is ready 5 s after its creation and takes 3 s to go; a submitter submits after 2 s, is there for
//! as long as the job runs, and takes 1 s to go; a Ray job runs for 10 s; the controller passes when something has
//! changed and at least every second.

use std::fmt::Write as _;

use ray_api::conditions;
use ray_api::v1::cluster_status::STATE_READY;
use ray_api::v1::job::{JobDeploymentStatus as Phase, JobStatus, RayJobStatus};
use ray_dashboard::JobInfo;

use super::bench::{Bench, at};
use crate::observation::{Answer, Observation};
use crate::state::observed::HeadService;
use crate::state::{Effect, Guard, Stop, Submitter, SubmitterEnd};

/// Ray's job on the current head.
#[derive(Clone)]
struct RayJobOnHead {
    id: String,
    ends: i64,
    status: JobStatus,
}

struct World {
    bench: Bench,
    second: i64,
    /// How each Ray job ends, in order.
    ends: Vec<JobStatus>,
    head: Option<RayJobOnHead>,
    head_down: bool,
    controller_down: bool,
    cluster_ready: i64,
    cluster_gone: Option<i64>,
    submits: i64,
    submitter_gone: Option<i64>,
    submitter_retries: bool,
    attempts: usize,
    story: String,
}

impl World {
    fn new(ends: &[JobStatus]) -> Self {
        let mut bench = Bench::new();
        bench.job.status = None;
        bench.suffixes = ["c-first".into(), "x-first".into()];
        Self {
            bench,
            second: 0,
            ends: ends.to_vec(),
            head: None,
            head_down: false,
            controller_down: false,
            cluster_ready: 0,
            cluster_gone: None,
            submits: 0,
            submitter_gone: None,
            submitter_retries: true,
            attempts: 1,
            story: String::new(),
        }
    }

    fn tell(&mut self, text: &str) {
        let second = self.second;
        writeln!(self.story, "{second:>4}s  {text}").unwrap();
    }

    /// Runs until nothing more can happen, doing `happens` at its seconds.
    fn run(mut self, until: i64, happens: impl Fn(i64, &mut Self)) -> String {
        while self.second <= until {
            happens(self.second, &mut self);
            self.live();
            if !self.controller_down {
                self.observe();
                self.passes();
            }
            self.second += 1;
        }
        self.story
    }

    /// What happens by itself.
    fn live(&mut self) {
        let second = self.second;
        if self.cluster_gone.is_some_and(|gone| gone <= second) {
            (self.bench.cluster, self.head, self.cluster_gone) = (None, None, None);
            self.tell("(the cluster is gone)");
        }
        if self.submitter_gone.is_some_and(|gone| gone <= second) {
            (self.bench.submitter, self.submitter_gone) = (Submitter::Absent, None);
            self.tell("(the submitter is gone)");
        }
        if self.bench.cluster.is_some() && second == self.cluster_ready - 3 {
            let bench = self.bench.clone();
            self.bench = bench.with_condition(conditions::HEAD_POD_READY, "False", "ContainerCreating", "");
        }
        if let Some(cluster) = &mut self.bench.cluster
            && second == self.cluster_ready
        {
            cluster.status.get_or_insert_default().state = Some(STATE_READY.to_owned());
            self.tell("(the cluster is ready)");
        }
        if let Some(job) = &mut self.head
            && !job.status.terminal()
            && second >= job.ends
        {
            job.status = self.ends.remove(0);
            let status = job.status.clone();
            self.tell(&format!("(Ray: {status})"));
        }
        self.submitter_works();
    }

    fn submitter_works(&mut self) {
        if self.bench.submitter != Submitter::Active || self.head_down || self.second < self.submits {
            return;
        }
        match &self.head {
            None if self.submitter_retries || self.second == self.submits => {
                let id = self.status().job_id.clone().unwrap_or_default();
                self.tell(&format!("(the submitter submits {id})"));
                self.head = Some(RayJobOnHead {
                    id,
                    ends: self.second + 10,
                    status: JobStatus::Running,
                });
            }
            None => self.end_submitter(Some(("BackoffLimitExceeded", "the log ended"))),
            Some(job) if job.status.terminal() => self.end_submitter(None),
            Some(_) => {}
        }
    }

    fn end_submitter(&mut self, failure: Option<(&str, &str)>) {
        self.tell("(the submitter ends)");
        self.bench.submitter = Submitter::Ended(SubmitterEnd {
            at: at(self.second),
            failure: failure.map(|(reason, message)| (reason.into(), message.into())),
        });
    }

    fn status(&self) -> RayJobStatus {
        self.bench.job.status.clone().unwrap_or_default()
    }

    /// What the observer does.
    fn observe(&mut self) {
        if self.bench.target().is_none() {
            self.bench.ray = None;
            return;
        }
        let id = self.status().job_id;
        let answer = match &self.head {
            _ if self.head_down => Answer::Failed("timed out".into()),
            Some(job) if Some(&job.id) == id.as_ref() => Answer::Found(JobInfo::new(job.status.clone())),
            _ => Answer::NotFound,
        };
        self.bench.ray = Some(Observation {
            at: at(self.second),
            submitter_ended: self.bench.submitter.over(),
            answer,
        });
    }

    /// Passes until one waits.
    fn passes(&mut self) {
        for _ in 0..20 {
            self.bench.now = at(self.second);
            let mut step = self.bench.step();
            let unconfirmed = |guard: &Guard| match guard {
                Guard::ClusterAbsent => self.bench.cluster.is_some(),
                Guard::SubmitterAbsent => !self.bench.submitter.over(),
            };
            assert!(
                !step.guards.iter().any(unconfirmed),
                "this world's caches are never stale: {step:?}"
            );
            assert!(
                step.requeue.is_none_or(|delay| !delay.is_zero()),
                "a pass that would repeat at once: {step:?}"
            );
            if let Some(status) = step.status.take() {
                self.record(*status);
            } else if step.effects.is_empty() {
                return;
            }
            for effect in &step.effects {
                self.carry_out(effect);
            }
        }
        panic!("no end:\n{}", self.story);
    }

    fn record(&mut self, status: RayJobStatus) {
        let phase = match status.phase() {
            Phase::New => "New".to_owned(),
            phase => phase.to_string(),
        };
        let mut text = format!("{phase} [{}]", status.ray_status());
        for part in [status.reason.as_ref().map(ToString::to_string), status.message.clone()]
            .into_iter()
            .flatten()
        {
            write!(text, " {part}").unwrap();
        }
        if status.failed != Some(0) || status.succeeded != Some(0) {
            let (succeeded, failed) = (status.succeeded.unwrap_or_default(), status.failed.unwrap_or_default());
            write!(text, " ({succeeded} succeeded, {failed} failed)").unwrap();
        }
        self.tell(&text);
        if status.phase() == Phase::New {
            let ends = ["first", "other", "third"];
            self.bench.suffixes = [
                format!("c-{}", ends[self.attempts]),
                format!("x-{}", ends[self.attempts]),
            ];
            self.attempts += 1;
        }
        if status.ray_cluster_name != self.status().ray_cluster_name
            && let (Some(cluster), Some(id)) = (&status.ray_cluster_name, &status.job_id)
        {
            self.tell(&format!("(recorded: cluster {cluster}, submission {id})"));
        }
        self.bench.job.status = Some(status);
    }

    fn carry_out(&mut self, effect: &Effect) {
        self.tell(&format!("{effect:?}").replace(".default.svc.cluster.local:8265", ""));
        let finalizers = &mut self.bench.job.metadata.finalizers;
        match effect {
            Effect::AddFinalizer => *finalizers = Some(vec!["ray.io/rayjob-finalizer".into()]),
            Effect::RemoveFinalizer => *finalizers = None,
            Effect::CreateCluster => {
                self.bench = self.bench.clone().with_cluster(false);
                self.bench.cluster.as_mut().unwrap().status = None;
                self.cluster_ready = self.second + 5;
            }
            Effect::DeleteCluster(_) => {
                self.bench = self.bench.clone().cluster_deleting();
                self.cluster_gone = Some(self.second + 3);
            }
            Effect::CreateSubmitter { .. } => {
                self.bench.submitter = Submitter::Active;
                self.submits = self.second + 2;
            }
            Effect::DeleteSubmitter => {
                self.bench.submitter = Submitter::Deleting;
                self.submitter_gone = Some(self.second + 1);
            }
            Effect::CreateHeadService | Effect::UpdateHeadService => {
                let cluster = self.status().ray_cluster_name.unwrap_or_default();
                self.bench.head_service = HeadService::Selects(cluster);
            }
            // The head hangs in the story of the deletion; the observer gives up.
            Effect::StopJob => self.bench.stop = Stop::Over,
            Effect::DeleteSelf => self.bench = self.bench.clone().deleted(),
        }
    }
}

fn time_to_live(world: &mut World, seconds: i32) {
    world.bench.job.spec.shutdown_after_job_finishes = Some(true);
    world.bench.job.spec.ttl_seconds_after_finished = Some(seconds);
}

#[test]
fn a_job_succeeds_and_its_cluster_goes() {
    let mut world = World::new(&[JobStatus::Succeeded]);
    time_to_live(&mut world, 7);
    insta::assert_snapshot!(world.run(60, |_, _| {}));
}

#[test]
fn a_job_fails_and_succeeds_at_the_second_attempt() {
    let mut world = World::new(&[JobStatus::Failed, JobStatus::Succeeded]);
    world.bench.job.spec.backoff_limit = Some(1);
    insta::assert_snapshot!(world.run(90, |_, _| {}));
}

#[test]
fn a_job_is_suspended_and_resumed() {
    let mut world = World::new(&[JobStatus::Succeeded]);
    time_to_live(&mut world, 0);
    let story = world.run(90, |second, world| match second {
        12 => world.bench.job.spec.suspend = Some(true),
        30 => world.bench.job.spec.suspend = Some(false),
        _ => {}
    });
    insta::assert_snapshot!(story);
}

#[test]
fn the_head_restarts_and_the_submitter_submits_again() {
    let story = World::new(&[JobStatus::Succeeded]).run(60, |second, world| match second {
        12 => (world.head, world.head_down) = (None, true),
        15 => world.head_down = false,
        _ => {}
    });
    insta::assert_snapshot!(story);
}

#[test]
fn the_head_restarts_and_the_job_is_lost() {
    let mut world = World::new(&[]);
    world.submitter_retries = false;
    let story = world.run(60, |second, world| match second {
        12 => (world.head, world.head_down) = (None, true),
        15 => world.head_down = false,
        _ => {}
    });
    insta::assert_snapshot!(story);
}

#[test]
fn the_controller_is_down_while_the_job_succeeds() {
    let mut world = World::new(&[JobStatus::Succeeded]);
    world.bench.job.spec.active_deadline_seconds = Some(100);
    let story = world.run(400, |second, world| world.controller_down = (12..390).contains(&second));
    insta::assert_snapshot!(story);
}

#[test]
fn ray_is_silent_until_the_time_out() {
    let mut world = World::new(&[JobStatus::Succeeded]);
    world.bench.job.spec.backoff_limit = Some(5);
    let story = world.run(400, |second, world| world.head_down |= second == 12);
    insta::assert_snapshot!(story);
}

#[test]
fn a_running_job_is_deleted() {
    let story = World::new(&[JobStatus::Succeeded]).run(30, |second, world| {
        if second == 12 {
            world.bench = world.bench.clone().deleted();
        }
    });
    insta::assert_snapshot!(story);
}

#[test]
fn a_deadline_ends_the_job() {
    let mut world = World::new(&[JobStatus::Succeeded]);
    world.bench.job.spec.active_deadline_seconds = Some(12);
    time_to_live(&mut world, 5);
    insta::assert_snapshot!(world.run(60, |_, _| {}));
}

/// Two controllers with the same state tell the same story.
#[test]
fn stories_are_replayable() {
    let tell = || World::new(&[JobStatus::Succeeded]).run(40, |_, _| {});
    assert_eq!(tell(), tell());
}
