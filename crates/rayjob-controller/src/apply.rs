//! Carries out what a step says.
//!
//! Answers of the API server go into the caches at once, so that the next pass sees what this one did. A create whose
//! answer was lost is repeated under the same recorded name: `AlreadyExists` is then ours, or somebody else's, which a
//! read tells.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use kube::api::DeleteParams;
use kube::{Resource, ResourceExt};
use ray_api::settings::Settings;
use ray_api::v1::{RayCluster, RayJob, RayJobStatus};
use ray_api::{finalizers, names};
use ray_runtime::calls::{Calls, Made};
use ray_runtime::controller::Failure as _;
use ray_runtime::kept::Kept;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::service::SlimService;
use ray_runtime::store::Cached;
use serde_json::json;

use crate::build::submitter_job::Submission;
use crate::build::{head_service, ray_cluster, submitter_job};
use crate::error::Error;
use crate::observe::{Caches, WatchedRayJob, watched_cluster, watched_service};
use crate::observer::Observer;
use crate::state::observed::{may_use, owns};
use crate::state::poll::Target;
use crate::state::{Effect, Guard, Until};
use crate::status;
use crate::story::{Story, Told};
use crate::submitter::{SlimJob, WatchedJob};

/// What steps are carried out with.
pub struct Applier {
    /// The API server.
    pub calls: Calls,
    /// The caches.
    pub caches: Arc<Caches>,
    /// Ray.
    pub observer: Arc<Observer>,
    /// What the process was told at its start.
    pub settings: Settings,
}

/// What a step is carried out for.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The RayJob as it was read.
    pub job: &'a RayJob,
    /// Its RayCluster as it was read.
    pub cluster: Option<&'a RayCluster>,
    /// Where Ray is asked.
    pub target: Option<&'a Target>,
    /// Takes the events.
    pub story: Story<'a>,
}

impl Subject<'_> {
    fn namespace(&self) -> &str {
        self.job.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.job.metadata.name.as_deref().unwrap_or_default()
    }

    fn cluster_name(&self) -> &str {
        let status = self.job.status.as_ref();
        status
            .and_then(|status| status.ray_cluster_name.as_deref())
            .unwrap_or_default()
    }
}

impl Applier {
    /// Carries out the effects, all of them, and returns the first error.
    pub async fn act(&self, subject: Subject<'_>, effects: &[Effect]) -> Result<(), Error> {
        let mut result = Ok(());
        for effect in effects {
            let done = self.one(subject, effect).await;
            result = result.and(done);
        }
        result
    }

    async fn one(&self, subject: Subject<'_>, effect: &Effect) -> Result<(), Error> {
        let Subject { story, .. } = subject;
        let cluster = subject.cluster_name();
        let job = subject.name();
        let service = names::head_service(job);
        let (told, name, done) = match effect {
            Effect::AddFinalizer | Effect::RemoveFinalizer => return self.set_finalizer(subject, effect).await,
            Effect::DeleteSelf => return self.delete_self(subject).await,
            Effect::StopJob => {
                if let Some(target) = subject.target {
                    self.observer.stop(&ObjectKey::of(subject.job), target);
                }
                return Ok(());
            }
            Effect::CreateCluster => (Told::CreateCluster, cluster, self.create_cluster(subject).await),
            Effect::DeleteCluster(until) => (Told::DeleteCluster, cluster, self.delete_cluster(subject, *until).await),
            Effect::CreateSubmitter { dashboard } => (
                Told::CreateSubmitter,
                job,
                self.create_submitter(subject, dashboard).await,
            ),
            Effect::DeleteSubmitter => (Told::DeleteSubmitter, job, self.delete_submitter(subject).await),
            Effect::CreateHeadService => (
                Told::CreateService,
                service.as_str(),
                self.create_service(subject).await,
            ),
            Effect::UpdateHeadService => (
                Told::UpdateService,
                service.as_str(),
                self.update_service(subject).await,
            ),
        };
        match &done {
            Ok(Done::Now) => story.done(told, name),
            Ok(Done::Before) => {}
            // Another object of that name, or a moment's matter: the next pass looks again.
            Err(error) if error.conflict() => {}
            Err(error) => story.failed(told, name, error),
        }
        done.map(|_| ())
    }

    /// Whether live reads confirm the absences that a step rests on. What is there after all goes into the caches.
    pub async fn confirm(&self, subject: Subject<'_>, guards: &[Guard]) -> Result<bool, Error> {
        let mut confirmed = true;
        for guard in guards {
            confirmed &= match guard {
                Guard::ClusterAbsent => {
                    let name = subject.cluster_name();
                    let found: Option<Kept<RayCluster>> = self.calls.read(subject.namespace(), name).await?;
                    let found = found.map(watched_cluster);
                    let absent = found.as_ref().is_none_or(|entry| !may_use(subject.job, &entry.object));
                    if let Some(found) = found {
                        self.caches.clusters.wrote(found);
                    }
                    absent
                }
                Guard::SubmitterAbsent => {
                    let found: Option<SlimJob> = self.calls.read(subject.namespace(), subject.name()).await?;
                    let absent = found.as_ref().is_none_or(|found| !owns(subject.job, found));
                    if let (false, Some(found)) = (absent, found) {
                        self.caches.submitters.wrote(WatchedJob::from(found));
                    }
                    absent
                }
            };
        }
        Ok(confirmed)
    }

    /// Records a status; refused as a conflict when the object has changed since it was read. Whether it was stored as
    /// it is: a CRD of another version may drop or change what it does not know.
    pub async fn record(&self, job: &RayJob, status: &RayJobStatus) -> Result<bool, Error> {
        let written = self.calls.write_status(job, job.status.as_ref(), status).await?;
        let kept = written.status().is_some_and(|stored| !status::differs(&stored, status));
        self.caches.jobs.wrote(WatchedRayJob::new(written));
        Ok(kept)
    }

    async fn create_cluster(&self, subject: Subject<'_>) -> Result<Done, Error> {
        let Some(spec) = &subject.job.spec.ray_cluster_spec else {
            return Ok(Done::Before);
        };
        let cluster = ray_cluster::build(subject.job, subject.cluster_name(), spec);
        let (created, done) = opened(self.calls.create_or_read(cluster).await?);
        // Somebody else's is kept too: the next step takes another name.
        self.caches.clusters.wrote(watched_cluster(created));
        Ok(done)
    }

    async fn create_submitter(&self, subject: Subject<'_>, dashboard: &str) -> Result<Done, Error> {
        let (Some(cluster), Some(status)) = (subject.cluster, &subject.job.status) else {
            return Ok(Done::Before);
        };
        let submission = Submission {
            cluster,
            dashboard,
            id: status.job_id.as_deref().unwrap_or_default(),
            switches: &self.settings.switches,
        };
        let job = submitter_job::build(subject.job, submission).map_err(Error::Submitter)?;
        let (created, done) = opened(self.calls.create_or_read::<_, SlimJob>(job).await?);
        ours(subject, &created)?;
        self.caches.submitters.wrote(WatchedJob::from(created));
        Ok(done)
    }

    async fn create_service(&self, subject: Subject<'_>) -> Result<Done, Error> {
        let Some(service) = self.head_service(subject) else {
            return Ok(Done::Before);
        };
        let (created, done) = opened(self.calls.create_or_read::<_, SlimService>(service).await?);
        ours(subject, &created)?;
        self.caches.services.wrote(watched_service(created));
        Ok(done)
    }

    /// Points the Service at another cluster. What the API server has chosen for it stays.
    async fn update_service(&self, subject: Subject<'_>) -> Result<Done, Error> {
        let Some(service) = self.head_service(subject) else {
            return Ok(Done::Before);
        };
        let name = service.name_any();
        let known = self.caches.services.get(&ObjectKey::of(&service));
        let mut spec = serde_json::to_value(&service.spec).unwrap_or_default();
        if let Some(spec) = spec.as_object_mut() {
            spec.remove("clusterIP");
        }
        let change = json!({ "metadata": { "uid": known.as_ref().map(|known| known.uid()) }, "spec": spec });
        match self
            .calls
            .merge::<SlimService>(subject.namespace(), &name, change)
            .await
        {
            Ok(written) => {
                self.caches.services.wrote(watched_service(written));
                Ok(Done::Now)
            }
            Err(error) if error.not_found("Service") => {
                if let Some(known) = known {
                    self.caches.services.removed(&known);
                }
                Ok(Done::Before)
            }
            Err(error) => Err(Error::Call(error)),
        }
    }

    fn head_service(&self, subject: Subject<'_>) -> Option<Service> {
        Some(head_service::build(
            subject.job,
            subject.cluster?,
            &self.settings.switches,
        ))
    }

    async fn delete_cluster(&self, subject: Subject<'_>, until: Until) -> Result<Done, Error> {
        let name = subject.cluster_name();
        let Some(known) = self.caches.clusters.get(&ObjectKey::new(subject.namespace(), name)) else {
            return Ok(Done::Before);
        };
        let parameters = match until {
            Until::PodsAreGone => DeleteParams::foreground(),
            Until::AtOnce => DeleteParams::background(),
        };
        match self.calls.delete(known.key(), known.uid(), parameters).await? {
            Some(left) => self.caches.clusters.wrote(watched_cluster(left)),
            None => self.caches.clusters.removed(&known),
        }
        Ok(Done::Now)
    }

    async fn delete_submitter(&self, subject: Subject<'_>) -> Result<Done, Error> {
        let Some(known) = self.caches.submitters.get(&ObjectKey::of(subject.job)) else {
            return Ok(Done::Before);
        };
        let parameters = DeleteParams::background();
        match self
            .calls
            .delete::<SlimJob>(known.key(), known.uid(), parameters)
            .await?
        {
            Some(left) => self.caches.submitters.wrote(WatchedJob::from(left)),
            None => self.caches.submitters.removed(&known),
        }
        Ok(Done::Now)
    }

    async fn delete_self(&self, subject: Subject<'_>) -> Result<(), Error> {
        let key = ObjectKey::of(subject.job);
        let uid = subject.job.uid().unwrap_or_default();
        let deleted = self.calls.delete(&key, &uid, DeleteParams::default()).await?;
        match deleted.map(WatchedRayJob::new) {
            Some(left) => self.caches.jobs.wrote(left),
            None => self.caches.jobs.gone(&key, &uid),
        }
        Ok(())
    }

    /// Adds or removes our finalizer; the others stay.
    async fn set_finalizer(&self, subject: Subject<'_>, effect: &Effect) -> Result<(), Error> {
        let job = subject.job;
        let holds = *effect == Effect::AddFinalizer;
        match self
            .calls
            .write_finalizer::<RayJob>(&job.metadata, finalizers::RAY_JOB, holds)
            .await?
        {
            None => {
                let uid = job.metadata.uid.as_deref().unwrap_or_default();
                self.caches.jobs.gone(&ObjectKey::of(job), uid);
            }
            Some(written) => self.caches.jobs.wrote(WatchedRayJob::new(written)),
        }
        Ok(())
    }
}

/// Whether a write did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// It did.
    Now,
    /// It was done before.
    Before,
}

/// An existing child must be the RayJob's own.
fn ours<K: Resource<DynamicType = ()>>(subject: Subject<'_>, child: &K) -> Result<(), Error> {
    if owns(subject.job, child) {
        return Ok(());
    }
    Err(Error::Foreign {
        kind: K::kind(&()).into_owned().into(),
        name: child.name_any(),
    })
}

/// What was made, whoever made it, and whether it was now.
fn opened<K>(made: Made<K>) -> (K, Done) {
    match made {
        Made::New(child) => (child, Done::Now),
        Made::Before(child) => (child, Done::Before),
    }
}
