//! The way to the dashboard from outside: an Ingress, or on OpenShift a Route.
//!
//! Neither is needed by a pod, and both pass through other people's admission: so they come after the pods, and what
//! refuses them keeps no cluster from running. What was wanted and found is remembered, and looked at again when something else
//! is wanted, when a watch of their metadata tells that one has gone or is another's, or on the long requeue. Where there is no
//! such kind as a Route, none is watched.
//!
//! An Ingress is applied (server-side): annotations and labels of others stay, ours go with the RayCluster's. A Route is
//! made once. Trap: an annotation of ours that is not wanted any more is known from the managed fields alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::networking::v1::{Ingress, IngressSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::ResourceExt;
use kube::api::{PartialObjectMeta, PatchParams};
use ray_api::validate::ValidCluster;
use ray_api::{labels, owners};
use ray_runtime::object_key::ObjectKey;

use crate::build::{self, Context, Route};
use crate::error::Error;
use crate::story::Story;
use crate::{NAME, RayClusterController};

/// How long what was found is believed: less than the shortest of the long requeues.
const HOLDS: SignedDuration = SignedDuration::from_mins(4);

/// Routes of a cluster that are looked at.
const ROUTES: u32 = 50;

/// What was found as wanted, by cluster; nothing yet while a pass looks. What is forgotten meanwhile is not believed after it.
#[derive(Debug, Default)]
pub struct Exposures(Mutex<BTreeMap<ObjectKey, Option<(Exposure, Timestamp)>>>);

/// What leads to the dashboard.
#[derive(Clone, Debug, PartialEq)]
enum Exposure {
    Ingress(Box<Ingress>),
    Route(Box<Route>),
}

impl Exposures {
    /// Whether `wanted` is believed to be there. If not, the pass looks now.
    fn hold(&self, key: &ObjectKey, wanted: &Exposure, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some((found, at))) = all.get(key)
            && found == wanted
            && now.duration_since(*at) < HOLDS
        {
            return true;
        }
        all.insert(key.clone(), None);
        false
    }

    /// It is there, unless that was forgotten since the pass has begun to look.
    fn found(&self, key: &ObjectKey, wanted: Exposure, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.get_mut(key) {
            *found = Some((wanted, now));
        }
    }

    /// Forgets what was found for a cluster.
    pub fn forget(&self, key: &ObjectKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl RayClusterController {
    /// Ensures that the dashboard can be reached as the spec wants it. What it does not want any more stays.
    pub(crate) async fn expose(
        &self,
        key: &ObjectKey,
        cluster: &ValidCluster<'_>,
        story: Story<'_>,
    ) -> Result<(), Error> {
        if !build::wants_ingress(cluster) {
            self.exposures.forget(key);
            return Ok(());
        }
        let now = self.clock.now();
        let context = self.context();
        let wanted = if !self.settings.switches.ingress_on_openshift
            && self.platform.routes(&self.applier.calls.client, now).await?
        {
            Exposure::Route(Box::new(build::head_route(&context, cluster)))
        } else {
            Exposure::Ingress(Box::new(build::head_ingress(&context, cluster)))
        };
        if self.exposures.hold(key, &wanted, now) {
            return Ok(());
        }
        let found = match &wanted {
            Exposure::Ingress(ingress) => self.ingress(cluster, ingress, story).await?,
            Exposure::Route(route) => self.route(cluster, route, story).await?,
        };
        if found {
            self.exposures.found(key, wanted, now);
        }
        Ok(())
    }

    /// Whether it is there as wanted, and stays.
    async fn ingress(&self, cluster: &ValidCluster<'_>, wanted: &Ingress, story: Story<'_>) -> Result<bool, Error> {
        let name = wanted.name_any();
        let calls = &self.applier.calls;
        let found: Option<Ingress> = calls.read(cluster.namespace, &name).await?;
        let apply = PatchParams::apply(NAME);
        let (wanted, parameters) = match &found {
            // Without force: should somebody have made one meanwhile, it is a conflict and not ours.
            None => (wanted.clone(), apply),
            Some(found) if !owners::controlled_by(&found.metadata, cluster.uid) => {
                story.foreign_exposure("Ingress", &name);
                return Ok(false);
            }
            // The watch tells when it is gone.
            Some(found) if found.metadata.deletion_timestamp.is_some() => return Ok(false),
            Some(found) => match change(wanted, found) {
                Some(changed) => (changed, apply.force()),
                None => return Ok(true),
            },
        };
        let written = calls.apply(&wanted, &parameters).await.map_err(Error::from);
        story.ingress_written(&name, found.is_none(), written.as_ref().err());
        written.map(|()| true)
    }

    /// Any Route of the cluster will do, also a user's, who may have made a better one: but none that goes, and none of a
    /// deleted namesake. Whether there is one.
    async fn route(&self, cluster: &ValidCluster<'_>, wanted: &Route, story: Story<'_>) -> Result<bool, Error> {
        let name = wanted.name_any();
        let calls = &self.applier.calls;
        let selector = format!("{}={}", labels::CLUSTER, cluster.name);
        let found = calls
            .list_metadata::<Route>(cluster.namespace, &selector, ROUTES)
            .await?;
        let stays = |metadata: &ObjectMeta| {
            metadata.deletion_timestamp.is_none()
                && owners::controller_uid(metadata).is_none_or(|controller| controller == cluster.uid)
        };
        if found.iter().any(|route| stays(&route.metadata)) {
            return Ok(true);
        }
        match calls.create::<_, PartialObjectMeta<Route>>(wanted.clone()).await {
            Err(error) if error.already_exists() => {
                story.foreign_exposure("Route", &name);
                Ok(false)
            }
            created => {
                let created = created.map_err(Error::from);
                story.route_written(&name, created.as_ref().err());
                created.map(|_| true)
            }
        }
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            settings: &self.settings,
            defaults: &self.defaults,
        }
    }
}

/// What is applied to make `found` as wanted; none when it is. A class that is not asked for stays what it is.
fn change(wanted: &Ingress, found: &Ingress) -> Option<Ingress> {
    let mut changed = wanted.clone();
    if let Some(spec) = &mut changed.spec
        && spec.ingress_class_name.is_none()
    {
        let class = |spec: &IngressSpec| spec.ingress_class_name.clone();
        spec.ingress_class_name = found.spec.as_ref().and_then(class);
    }
    let has = |found: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
        wanted.iter().all(|(key, value)| found.get(key) == Some(value))
    };
    let annotations = changed.annotations();
    let same = has(found.labels(), changed.labels())
        && has(found.annotations(), annotations)
        && applied_annotations(found.managed_fields())
            .iter()
            .all(|key| annotations.contains_key(key))
        && found.spec == changed.spec;
    changed.metadata.uid = found.uid();
    (!same).then_some(changed)
}

/// Keys of the annotations that this controller has applied.
fn applied_annotations(fields: &[ManagedFieldsEntry]) -> BTreeSet<String> {
    let is_ours = |entry: &&ManagedFieldsEntry| {
        entry.manager.as_deref() == Some(NAME) && entry.operation.as_deref() == Some("Apply")
    };
    let ours = fields
        .iter()
        .filter(is_ours)
        .filter_map(|entry| entry.fields_v1.as_ref());
    let annotations = ours.filter_map(|fields| fields.0["f:metadata"]["f:annotations"].as_object());
    let keys = annotations.flat_map(|annotations| annotations.keys());
    keys.filter_map(|key| key.strip_prefix("f:"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests;
