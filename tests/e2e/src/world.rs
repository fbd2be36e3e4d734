//! A case's world: its namespace and what it does there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Pod, Service};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use ray_api::labels;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cluster::{Cluster, Output};
use crate::manifest::{self, RayJobManifest};
use crate::objects::{self, RayJob};
use crate::wait::{Hopeless, seconds, until};

/// How long a deleted RayJob may stay: Ray is asked to stop its job within ten seconds.
const GONE: Duration = seconds(15);
/// How long what it owned may stay: pods have half a minute to end.
const NOTHING_LEFT: Duration = seconds(60);

/// A case's world.
pub struct World {
    /// What all cases share.
    pub cluster: Rc<Cluster>,
    /// The case's namespace.
    pub namespace: String,
    name: &'static str,
    began: Instant,
    parts: RefCell<Vec<(String, Duration)>>,
}

impl World {
    /// A new namespace for the case, with the programs.
    pub async fn create(cluster: Rc<Cluster>, name: &'static str) -> anyhow::Result<Self> {
        let prefix = format!("e2e-{}-", name.replace('_', "-"));
        let namespace: Namespace = serde_json::from_value(json!({"metadata": {"generateName": prefix}}))?;
        let api = Api::<Namespace>::all(cluster.client.clone());
        let created = api.create(&PostParams::default(), &namespace).await?;
        let world = Self {
            cluster,
            namespace: created.name_any(),
            name,
            began: Instant::now(),
            parts: RefCell::default(),
        };
        let programs: ConfigMap = serde_json::from_value(manifest::programs())?;
        world.api().create(&PostParams::default(), &programs).await?;
        Ok(world)
    }

    /// Asks for the end of the namespace.
    pub async fn remove(&self) -> anyhow::Result<()> {
        let api = Api::<Namespace>::all(self.cluster.client.clone());
        api.delete(&self.namespace, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Prints a line with the case's name and its age.
    pub fn say(&self, text: &str) {
        println!(
            "{:<34} {:>6.1} s  {text}",
            self.name,
            self.began.elapsed().as_secs_f64()
        );
    }

    /// Its parts and how long each took.
    pub fn parts(&self) -> String {
        let parts = self.parts.borrow();
        let parts: Vec<_> = parts
            .iter()
            .map(|(what, took)| format!("{what} {:.1} s", took.as_secs_f64()))
            .collect();
        parts.join(", ")
    }

    /// Waits until `attempt` succeeds and tells how long that took; fails with its last error.
    pub async fn eventually<T>(
        &self,
        what: &str,
        within: Duration,
        attempt: impl AsyncFn() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let value = until(within, attempt)
            .await
            .with_context(|| format!("not within {} s: {what}", within.as_secs()))?;
        let took = began.elapsed();
        self.parts.borrow_mut().push((what.to_owned(), took));
        self.say(&format!("{what} after {:.1} s", took.as_secs_f64()));
        Ok(value)
    }

    /// Objects of a built-in kind in the namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// RayJobs in the namespace.
    pub fn ray_jobs(&self) -> Api<DynamicObject> {
        objects::ray_jobs(&self.cluster.client, &self.namespace)
    }

    /// RayClusters in the namespace.
    pub fn ray_clusters(&self) -> Api<DynamicObject> {
        objects::ray_clusters(&self.cluster.client, &self.namespace)
    }

    /// Runs kubectl in the namespace.
    pub async fn kubectl(&self, arguments: &[&str], input: &str) -> anyhow::Result<Output> {
        let arguments = [&["--namespace", &self.namespace], arguments].concat();
        self.cluster.kubectl(&arguments, input).await
    }

    /// Creates a RayJob.
    pub async fn submit(&self, manifest: &RayJobManifest) -> anyhow::Result<()> {
        let object: DynamicObject = serde_json::from_value(manifest.0.clone())?;
        self.ray_jobs().create(&PostParams::default(), &object).await?;
        Ok(())
    }

    /// Changes a RayJob.
    pub async fn patch(&self, job: &str, patch: &Value) -> anyhow::Result<()> {
        self.ray_jobs()
            .patch(job, &PatchParams::default(), &Patch::Merge(patch))
            .await?;
        Ok(())
    }

    /// The RayJob as it is.
    pub async fn job(&self, name: &str) -> anyhow::Result<RayJob> {
        RayJob::of(&self.ray_jobs().get(name).await?)
    }

    /// Waits for a phase of the RayJob. It fails early when the RayJob has ended otherwise.
    pub async fn reach(&self, job: &str, phase: &str, within: Duration) -> anyhow::Result<RayJob> {
        self.eventually(phase, within, async || {
            let now = self.job(job).await?;
            if now.phase() != phase && matches!(now.phase(), "Complete" | "Failed" | "ValidationFailed") {
                bail!(Hopeless(format!("{job} has ended otherwise: {}", now.summary())));
            }
            ensure!(now.phase() == phase, "{job} is {}", now.summary());
            Ok(now)
        })
        .await
    }

    /// Waits until Ray runs the job's program.
    pub async fn runs_in_ray(&self, job: &str) -> anyhow::Result<RayJob> {
        self.eventually("RUNNING in Ray", seconds(120), async || {
            let now = self.job(job).await?;
            if matches!(now.phase(), "Complete" | "Failed" | "ValidationFailed") {
                bail!(Hopeless(format!("{job} has ended: {}", now.summary())));
            }
            ensure!(now.ray_status() == "RUNNING", "{job} is {}", now.summary());
            Ok(now)
        })
        .await
    }

    /// Whether an object of that name is there, of a kind that the namespace's client knows.
    pub async fn exists<K>(&self, api: &Api<K>, name: &str) -> anyhow::Result<bool>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        Ok(api.get_opt(name).await?.is_some())
    }

    /// Pods with these labels.
    pub async fn pods(&self, selector: &str) -> anyhow::Result<Vec<Pod>> {
        let list = self.api::<Pod>().list(&ListParams::default().labels(selector)).await?;
        Ok(list.items)
    }

    /// The head pod of a RayCluster.
    pub async fn head(&self, cluster: &str) -> anyhow::Result<Pod> {
        let selector = format!("{}={cluster},{}=head", labels::CLUSTER, labels::NODE_TYPE);
        let pod = self.pods(&selector).await?.into_iter().next();
        pod.with_context(|| format!("RayCluster {cluster} has no head pod"))
    }

    /// The worker pods of a RayCluster.
    pub async fn workers(&self, cluster: &str) -> anyhow::Result<Vec<Pod>> {
        self.pods(&format!("{}={cluster},{}=worker", labels::CLUSTER, labels::NODE_TYPE))
            .await
    }

    /// Takes a pod away as the loss of its node would: at once.
    pub async fn kill_pod(&self, pod: &Pod) -> anyhow::Result<()> {
        let now = DeleteParams::default().grace_period(0);
        self.api::<Pod>().delete(&pod.name_any(), &now).await?;
        self.say(&format!("killed pod {}", pod.name_any()));
        Ok(())
    }

    /// The log of the submitter's last pod.
    pub async fn submitter_log(&self, job: &str) -> anyhow::Result<String> {
        let mut pods = self.pods(&format!("batch.kubernetes.io/job-name={job}")).await?;
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp.clone().map(|time| time.0));
        let pod = pods
            .pop()
            .with_context(|| format!("the submitter of {job} has no pod"))?;
        Ok(self.api::<Pod>().logs(&pod.name_any(), &LogParams::default()).await?)
    }

    /// Events of the namespace as `Reason: message`, those about `name`.
    pub async fn events(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let list = self.api::<Event>().list(&ListParams::default()).await?;
        let about = list
            .items
            .into_iter()
            .filter(|event| event.involved_object.name.as_deref() == Some(name));
        let line = |event: Event| {
            format!(
                "{}: {}",
                event.reason.unwrap_or_default(),
                event.message.unwrap_or_default()
            )
        };
        Ok(about.map(line).collect())
    }

    /// RayClusters that were ever created here.
    pub fn clusters_ever_made(&self) -> anyhow::Result<usize> {
        self.cluster.audit.done(&self.namespace, "create", "rayclusters")
    }

    /// Deletes the RayJob; it goes soon, and nothing of it stays.
    pub async fn delete(&self, job: &str) -> anyhow::Result<()> {
        let phase = self.job(job).await?.phase().to_owned();
        self.ray_jobs().delete(job, &DeleteParams::background()).await?;
        self.gone(job, &format!("gone when {phase}")).await?;
        self.nothing_left().await
    }

    /// Waits until nothing of what was made here is left.
    pub(crate) async fn nothing_left(&self) -> anyhow::Result<()> {
        self.eventually("nothing left", NOTHING_LEFT, async || {
            let left = self.left().await?;
            ensure!(left.is_empty(), "left over: {}", left.join(", "));
            Ok(())
        })
        .await
    }

    /// Waits until the deleted RayJob is gone.
    pub async fn gone(&self, job: &str, what: &str) -> anyhow::Result<()> {
        self.eventually(what, GONE, async || {
            let there = self.exists(&self.ray_jobs(), job).await?;
            ensure!(!there, "{job} is still there");
            Ok(())
        })
        .await
    }

    /// What could be left of RayJobs.
    async fn left(&self) -> anyhow::Result<Vec<String>> {
        let mut left = names("RayJob", &self.ray_jobs()).await?;
        left.extend(names("RayCluster", &self.ray_clusters()).await?);
        left.extend(names("Job", &self.api::<Job>()).await?);
        left.extend(names("Service", &self.api::<Service>()).await?);
        left.extend(names("Pod", &self.api::<Pod>()).await?);
        Ok(left)
    }
}

async fn names<K>(kind: &str, api: &Api<K>) -> anyhow::Result<Vec<String>>
where
    K: Resource + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let list = api.list(&ListParams::default()).await?;
    Ok(list
        .items
        .iter()
        .map(|object| format!("{kind} {}", object.name_any()))
        .collect())
}
