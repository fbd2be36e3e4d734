//! A RayJob and its world, built up by the tests.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, OwnerReference, Time};
use ray_api::finalizers;
use ray_api::settings::Settings;
use ray_api::v1::cluster_status::{HeadInfo, STATE_READY};
use ray_api::v1::job::{JobDeploymentStatus, JobStatus, RayJobStatus};
use ray_api::v1::{RayCluster, RayJob};
use ray_dashboard::JobInfo;

use crate::build::ray_cluster;
use crate::fixtures::sample;
use crate::observation::{Answer, Observation};
use crate::state::observed::{HeadService, may_use};
use crate::state::poll::{Target, Way, target};
use crate::state::{Effect, Observed, Obstacle, Step, Stop, Submitter, SubmitterEnd, step};

/// `seconds` after the start of the attempt.
pub fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

/// A RayJob and its world.
#[derive(Clone, Debug)]
pub struct Bench {
    pub job: RayJob,
    pub cluster: Option<RayCluster>,
    /// Why it does not decode.
    pub unreadable: Option<Obstacle>,
    pub submitter: Submitter,
    pub head_service: HeadService,
    pub ray: Option<Observation>,
    pub stop: Stop,
    pub settings: Settings,
    pub now: Timestamp,
    pub suffixes: [String; 2],
}

impl Bench {
    /// The sample, new.
    pub fn new() -> Self {
        Self {
            job: sample(),
            cluster: None,
            unreadable: None,
            submitter: Submitter::Absent,
            head_service: HeadService::Absent,
            ray: None,
            stop: Stop::NotAsked,
            settings: Settings::default(),
            now: at(0),
            suffixes: ["ccccc".into(), "xxxxx".into()],
        }
    }

    /// The sample in `phase`, with its ids, begun at `at(0)`; the cluster exists unless the phase is too early.
    pub fn begun(phase: JobDeploymentStatus) -> Self {
        let mut bench = Self::new();
        bench.job.metadata.finalizers = Some(vec![finalizers::RAY_JOB.to_owned()]);
        bench.job.status = Some(RayJobStatus {
            job_id: Some("rayjob-sample-xxxxx".into()),
            ray_cluster_name: Some("rayjob-sample-ccccc".into()),
            job_status: Some(JobStatus::New),
            job_deployment_status: Some(phase),
            start_time: Some(Time(at(0))),
            succeeded: Some(0),
            failed: Some(0),
            ..RayJobStatus::default()
        });
        bench
    }

    /// Running: the cluster is ready, the submitter works, the head Service is there.
    pub fn running() -> Self {
        let mut bench = Self::begun(JobDeploymentStatus::Running).with_cluster(true);
        bench.submitter = Submitter::Active;
        bench.head_service = HeadService::Selects("rayjob-sample-ccccc".into());
        let cluster_status = bench.cluster.as_ref().unwrap().status.clone();
        let status = bench.status_mut();
        status.dashboard_url = Some("rayjob-sample-ccccc-head-svc.default.svc.cluster.local:8265".into());
        status.ray_cluster_status = cluster_status;
        bench
    }

    /// Running, and Ray said so `seconds` after the start.
    pub fn running_job(seconds: i64) -> Self {
        let mut bench = Self::running().found(seconds, JobStatus::Running);
        bench.status_mut().job_status = Some(JobStatus::Running);
        bench.now = at(seconds);
        bench
    }

    pub fn with_cluster(mut self, ready: bool) -> Self {
        let name = self
            .job
            .status
            .as_ref()
            .and_then(|status| status.ray_cluster_name.clone());
        let spec = self
            .job
            .spec
            .ray_cluster_spec
            .clone()
            .unwrap_or_else(|| sample().spec.ray_cluster_spec.unwrap());
        let mut cluster = ray_cluster::build(&self.job, &name.unwrap(), &spec);
        let status = cluster.status.get_or_insert_default();
        status.state = ready.then(|| STATE_READY.to_owned());
        status.head = Some(HeadInfo {
            pod_name: Some("head".into()),
            ..HeadInfo::default()
        });
        self.cluster = Some(cluster);
        self
    }

    /// Gives the cluster a condition.
    pub fn with_condition(mut self, type_: &str, value: &str, reason: &str, message: &str) -> Self {
        let status = self.cluster.as_mut().unwrap().status.get_or_insert_default();
        status.conditions.get_or_insert_default().push(Condition {
            type_: type_.into(),
            status: value.into(),
            reason: reason.into(),
            message: message.into(),
            last_transition_time: Time(at(0)),
            observed_generation: None,
        });
        self
    }

    /// The cluster belongs to somebody else.
    pub fn with_foreign_cluster(mut self) -> Self {
        self = self.with_cluster(false);
        self.cluster.as_mut().unwrap().metadata.owner_references = Some(vec![OwnerReference {
            uid: "another".into(),
            controller: Some(true),
            ..OwnerReference::default()
        }]);
        self
    }

    pub fn cluster_deleting(mut self) -> Self {
        self.cluster.as_mut().unwrap().metadata.deletion_timestamp = Some(Time(at(0)));
        self
    }

    /// On a cluster that exists.
    pub fn selecting(mut self) -> Self {
        self.job.spec.cluster_selector = Some([("ray.io/cluster".into(), "rayjob-sample-ccccc".into())].into());
        self
    }

    pub fn suspended(mut self) -> Self {
        self.job.spec.suspend = Some(true);
        self.shutting_down()
    }

    pub fn shutting_down(mut self) -> Self {
        self.job.spec.shutdown_after_job_finishes = Some(true);
        self
    }

    pub fn deleted(mut self) -> Self {
        self.job.metadata.deletion_timestamp = Some(Time(at(0)));
        self
    }

    pub fn submitter_ended(mut self, seconds: i64, failure: Option<(&str, &str)>) -> Self {
        self.submitter = Submitter::Ended(SubmitterEnd {
            at: at(seconds),
            failure: failure.map(|(reason, message)| (reason.into(), message.into())),
        });
        self
    }

    /// Ray said this; the observer knew of the submitter's end if that was before.
    pub fn answer(mut self, seconds: i64, answer: Answer) -> Self {
        let submitter_ended = match &self.submitter {
            Submitter::Ended(end) => at(seconds) >= end.at,
            submitter => submitter.over(),
        };
        self.ray = Some(Observation {
            at: at(seconds),
            submitter_ended,
            answer,
        });
        self
    }

    pub fn found(self, seconds: i64, status: JobStatus) -> Self {
        self.answer(seconds, Answer::Found(JobInfo::new(status)))
    }

    pub fn at(mut self, seconds: i64) -> Self {
        self.now = at(seconds);
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn status_mut(&mut self) -> &mut RayJobStatus {
        self.job.status.get_or_insert_default()
    }

    fn observed(&self) -> Observed<'_> {
        let usable = self.cluster.as_ref().filter(|cluster| may_use(&self.job, *cluster));
        let foreign = self.cluster.is_some() && usable.is_none();
        Observed {
            cluster: usable,
            obstacle: if foreign {
                Some(&Obstacle::Foreign)
            } else {
                self.unreadable.as_ref()
            },
            submitter: self.submitter.clone(),
            head_service: self.head_service.clone(),
            // What cannot be read is not asked.
            ray: self.ray.clone().filter(|_| self.unreadable.is_none()),
            stop: self.stop,
            suffixes: self.suffixes.clone(),
        }
    }

    pub fn step(&self) -> Step {
        step(&self.job, &self.observed(), &self.settings, self.now)
    }

    /// Where Ray would be asked.
    pub fn target(&self) -> Option<Target> {
        target(&self.job, &self.observed(), &self.settings, Way::Direct)
    }

    /// The step's status; fails the test when it records none.
    pub fn recorded(&self) -> RayJobStatus {
        let step = self.step();
        assert!(step.effects.is_empty(), "a step that records does not act: {step:?}");
        *step
            .status
            .unwrap_or_else(|| panic!("records nothing: {:?}", self.step()))
    }

    /// Since when Ray is silent, as it is recorded.
    pub fn recorded_start_of_silence(&self) -> Option<Timestamp> {
        let status = self.job.status.as_ref()?;
        status.job_status_check_failure_start_time.as_ref().map(|time| time.0)
    }

    /// The step's effects; fails the test when it records.
    pub fn acted(&self) -> Vec<Effect> {
        let step = self.step();
        assert!(!step.records(), "a step that acts does not record: {step:?}");
        step.effects
    }

    /// Phase, reason, message, and what Ray said, of the recorded status.
    pub fn outcome(&self) -> String {
        let status = self.recorded();
        let reason = status
            .reason
            .as_ref()
            .map(|reason| format!(" {reason}"))
            .unwrap_or_default();
        let message = status
            .message
            .as_ref()
            .map(|message| format!(": {message}"))
            .unwrap_or_default();
        format!("{} [{}]{reason}{message}", status.phase(), status.ray_status())
    }
}

/// The same RayJob with what its step records.
pub fn told(bench: &Bench) -> Bench {
    bench.clone().with(|told| told.job.status = Some(bench.recorded()))
}
