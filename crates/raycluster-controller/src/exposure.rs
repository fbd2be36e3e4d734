//! The way to the dashboard from outside: an Ingress, or on OpenShift a Route.
//!
//! Neither is needed by a pod, and both pass through other people's admission: so they come after the pods, and what
//! refuses them keeps no cluster from running. They are not watched: what was wanted and found is remembered, and looked
//! at again when something else is wanted, or on the long requeue.
//!
//! An Ingress is applied (server-side): annotations and labels of others stay, ours go with the RayCluster's. A Route is
//! made once. Trap: an annotation of ours that is not wanted any more is known from the managed fields alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::networking::v1::{Ingress, IngressSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use ray_api::labels;
use ray_api::validate::ValidCluster;
use ray_runtime::object_key::ObjectKey;

use crate::build::{self, Context, Route};
use crate::error::Error;
use crate::story::Story;
use crate::{NAME, RayClusterController};

/// How long what was found is believed.
const HOLDS: SignedDuration = SignedDuration::from_mins(5);

/// What was found as wanted, by cluster.
#[derive(Debug, Default)]
pub struct Exposures(Mutex<BTreeMap<ObjectKey, (Exposure, Timestamp)>>);

/// What leads to the dashboard.
#[derive(Clone, Debug, PartialEq)]
enum Exposure {
    Ingress(Box<Ingress>),
    Route(Box<Route>),
}

impl Exposures {
    fn hold(&self, key: &ObjectKey, wanted: &Exposure, now: Timestamp) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(key)
            .is_some_and(|(found, at)| found == wanted && now.duration_since(*at) < HOLDS)
    }

    fn found(&self, key: &ObjectKey, wanted: Exposure, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key.clone(), (wanted, now));
    }

    /// Forgets a cluster that is gone.
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
        let wanted = if !self.switches.ingress_on_openshift && self.platform.routes(&self.client, now).await? {
            Exposure::Route(Box::new(build::head_route(&context, cluster)))
        } else {
            Exposure::Ingress(Box::new(build::head_ingress(&context, cluster)))
        };
        if self.exposures.hold(key, &wanted, now) {
            return Ok(());
        }
        match &wanted {
            Exposure::Ingress(ingress) => self.ingress(cluster, ingress, story).await?,
            Exposure::Route(route) => self.route(cluster, route, story).await?,
        }
        self.exposures.found(key, wanted, now);
        Ok(())
    }

    async fn ingress(&self, cluster: &ValidCluster<'_>, wanted: &Ingress, story: Story<'_>) -> Result<(), Error> {
        let name = wanted.name_any();
        let api: Api<Ingress> = Api::namespaced(self.client.clone(), cluster.namespace);
        let found = self.applier.writes.one(api.get_opt(&name)).await;
        let found = found.map_err(|source| Error::ReadExposure {
            kind: "Ingress",
            name: name.clone(),
            source,
        })?;
        let apply = PatchParams::apply(NAME);
        let (wanted, parameters) = match &found {
            // Without force: should somebody have made one meanwhile, it is a conflict and not ours.
            None => (wanted.clone(), apply),
            Some(found) if !controlled_by(found, cluster.uid) => {
                story.foreign_ingress(&name);
                return Ok(());
            }
            Some(found) => match change(wanted, found) {
                Some(changed) => (changed, apply.force()),
                None => return Ok(()),
            },
        };
        let patch = Patch::Apply(&wanted);
        let written = self.applier.writes.one(api.patch(&name, &parameters, &patch)).await;
        let written = written.map_err(|source| Error::WriteExposure {
            kind: "Ingress",
            name: name.clone(),
            source,
        });
        story.ingress_written(&name, found.is_none(), written.as_ref().err());
        written.map(|_| ())
    }

    /// Any Route of the cluster will do: a user may have made a better one.
    async fn route(&self, cluster: &ValidCluster<'_>, wanted: &Route, story: Story<'_>) -> Result<(), Error> {
        let name = wanted.name_any();
        let api: Api<Route> = Api::namespaced(self.client.clone(), cluster.namespace);
        let selector = format!("{}={}", labels::CLUSTER, cluster.name);
        let parameters = ListParams::default().labels(&selector).limit(1);
        let found = self.applier.writes.one(api.list_metadata(&parameters)).await;
        let found = found.map_err(|source| Error::ReadExposure {
            kind: "Route",
            name: name.clone(),
            source,
        })?;
        if !found.items.is_empty() {
            return Ok(());
        }
        match self
            .applier
            .writes
            .one(api.create(&PostParams::default(), wanted))
            .await
        {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            created => {
                let created = created.map_err(|source| Error::WriteExposure {
                    kind: "Route",
                    name: name.clone(),
                    source,
                });
                story.route_written(&name, created.as_ref().err());
                created.map(|_| ())
            }
        }
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            switches: &self.switches,
            gates: &self.gates,
            defaults: &self.defaults,
        }
    }
}

fn controlled_by(ingress: &Ingress, uid: &str) -> bool {
    let mut owners = ingress.owner_references().iter();
    owners.any(|owner| owner.controller == Some(true) && owner.uid == uid)
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
