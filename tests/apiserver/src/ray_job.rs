//! RayJobs.

mod addresses;
mod attempts;
mod calls;
mod crash;
mod dashboard;
pub mod deletion;
mod expiry;
mod life;
mod names_taken;
mod outcome;
mod quota;
mod selection;
mod suspension;
mod validity;
mod waiting;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, PartialObjectMeta, Patch, PatchParams};
use ray_api::v1::job::{JobDeploymentStatus, JobStatus, RayJobStatus};
use ray_api::v1::{RayCluster, RayJob};
use serde_json::{Value, json};

use crate::harness::manifest::{ray_job, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Account, Controller, Dashboard, Place, RAY_CLUSTER, RAY_JOB, eventually};

/// A namespace in which RayJobs run: both controllers, and Ray's dashboard behind the heads.
pub struct Stage {
    pub place: Place,
    pub ray: Dashboard,
    pub controller: Controller,
    pub account: Account,
    pub clusters: Controller,
}

impl Stage {
    pub async fn new(name: &str) -> Self {
        Self::with(name, &[]).await
    }

    /// The RayJob controller's chart has further `values`.
    pub async fn with(name: &str, values: &[&str]) -> Self {
        let place = Place::new(name).await;
        let values = [&["useKubernetesProxy=true"], values].concat();
        let account = place.account(RAY_JOB, &values).await;
        Self {
            ray: Dashboard::behind_the_heads_of(&place).await,
            controller: Controller::start(&place, &account).acts().await,
            clusters: place.controller(RAY_CLUSTER).await,
            account,
            place,
        }
    }

    /// Creates a RayJob of a head and a worker, with `patch` in it.
    pub async fn create(&self, name: &str, patch: Value) {
        self.place.create(with(ray_job(name, self.ray.port), patch)).await;
    }

    /// Creates one and waits until it runs; its submission id. Ray says that it runs.
    pub async fn running(&self, name: &str, patch: Value) -> String {
        self.create(name, patch).await;
        self.runs(name).await
    }

    /// Waits until a RayJob is submitted, and has Ray run it; its submission id.
    pub async fn runs(&self, name: &str) -> String {
        let id = submission(&reaches(&self.place, name, JobDeploymentStatus::Running).await);
        self.ray.says(&id, "RUNNING");
        ray_says(&self.place, name, JobStatus::Running).await;
        id
    }

    /// Has Ray and the submitter end the job.
    pub async fn end_job(&self, name: &str, status: &str) {
        let id = submission(&status_of(&self.place, name).await);
        self.ray.says(&id, status);
        end_submitter(&self.place, name, "Succeeded").await;
    }

    /// Deletes all RayJobs, so that no finalizer holds the namespace, and ends the test.
    pub async fn end(self) {
        delete_all(&self.place).await;
        self.place.end().await;
    }
}

/// Deletes all RayJobs, and waits until they are gone.
pub async fn delete_all(place: &Place) {
    let jobs = place.api::<PartialObjectMeta<RayJob>>();
    jobs.delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap();
    eventually("all RayJobs are gone", SOON, async || {
        let left = jobs.list(&ListParams::default()).await.unwrap().items;
        holds(left.is_empty(), || {
            format!("{:?}", left.iter().map(ResourceExt::name_any).collect::<Vec<_>>())
        })
    })
    .await;
}

pub async fn status_of(place: &Place, name: &str) -> RayJobStatus {
    let job = place.api::<RayJob>().get(name).await.unwrap();
    job.status.unwrap_or_default()
}

pub fn submission(status: &RayJobStatus) -> String {
    status.job_id.clone().unwrap()
}

pub fn cluster_name(status: &RayJobStatus) -> String {
    status.ray_cluster_name.clone().unwrap()
}

pub fn message(status: &RayJobStatus) -> &str {
    status.message.as_deref().unwrap_or_default()
}

/// Waits until a RayJob is in that phase.
pub async fn reaches(place: &Place, name: &str, phase: JobDeploymentStatus) -> RayJobStatus {
    eventually(&format!("{name} is {phase}"), SOON, async || {
        let status = status_of(place, name).await;
        if status.phase() == phase {
            Ok(status)
        } else {
            Err(format!("{status:#?}"))
        }
    })
    .await
}

/// Waits until the status of a RayJob says what Ray says.
pub async fn ray_says(place: &Place, name: &str, wanted: JobStatus) -> RayJobStatus {
    eventually(&format!("Ray's job of {name} is {wanted}"), SOON, async || {
        let status = status_of(place, name).await;
        if status.ray_status() == wanted {
            Ok(status)
        } else {
            Err(format!("{status:#?}"))
        }
    })
    .await
}

/// Waits until the message of a RayJob has `text` in it.
pub async fn explains(place: &Place, name: &str, text: &str) -> RayJobStatus {
    eventually(&format!("{name} says {text:?}"), SOON, async || {
        let status = status_of(place, name).await;
        if message(&status).contains(text) {
            Ok(status)
        } else {
            Err(format!("{status:#?}"))
        }
    })
    .await
}

/// Waits for a warning about a RayJob with that reason; its note.
pub async fn warns(place: &Place, name: &str, wanted: &str) -> String {
    eventually(&format!("an event {wanted} about {name}"), SOON, async || {
        let events = place.events(name).await;
        let found = events
            .iter()
            .find(|(type_, reason, _)| type_ == "Warning" && reason == wanted);
        found
            .map(|(_, _, note)| note.clone())
            .ok_or_else(|| format!("{events:#?}"))
    })
    .await
}

/// The RayClusters that were made for a RayJob.
pub async fn clusters(place: &Place, job: &str) -> Vec<RayCluster> {
    let made_for = format!("ray.io/originated-from-cr-name={job},ray.io/originated-from-crd=RayJob");
    let clusters = place
        .api::<RayCluster>()
        .list(&ListParams::default().labels(&made_for))
        .await;
    clusters.unwrap().items
}

/// The submitter.
pub async fn submitter(place: &Place, name: &str) -> Option<Job> {
    place.api::<Job>().get_opt(name).await.unwrap()
}

/// Ends the submitter's pod as a kubelet would; the Job controller then ends the Job.
pub async fn end_submitter(place: &Place, name: &str, phase: &str) {
    let of_job = format!("batch.kubernetes.io/job-name={name}");
    let pod = eventually(&format!("the submitter of {name} has a pod"), SOON, async || {
        let pods = place.pods(&of_job).await;
        pods.first()
            .map(ResourceExt::name_any)
            .ok_or_else(|| "it has none".to_owned())
    })
    .await;
    let patch = Patch::Merge(json!({ "status": { "phase": phase } }));
    let pods = place.api::<Pod>();
    pods.patch_status(&pod, &PatchParams::default(), &patch).await.unwrap();
}

/// Kinds and names of all that belongs to RayJobs in a namespace.
pub async fn left(place: &Place) -> Vec<String> {
    let all = ListParams::default();
    let mut left = Vec::new();
    macro_rules! add {
        ($($kind:ty),*) => { $(
            for object in place.api::<$kind>().list_metadata(&all).await.unwrap() {
                left.push(format!("{} {}", stringify!($kind), object.name_any()));
            }
        )* };
    }
    add!(RayJob, RayCluster, Job, Service, Pod);
    left
}
