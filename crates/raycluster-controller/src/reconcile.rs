//! One pass over a RayCluster: read, check, plan, act, say so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Resource;
use ray_api::gates::Gate;
use ray_api::v1::{RayCluster, RayClusterStatus};
use ray_api::validate::{self, Group, ValidCluster, Violations};
use ray_runtime::controller::{Failure, Pass, Reconcile};
use ray_runtime::kept::Read;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::RayPod;
use tokio::time::Instant;

use crate::RayClusterController;
use crate::apply::{Applied, Target};
use crate::error::Error;
use crate::plan::{Blocked, Rules, ours, plan};
use crate::prerequisites::Prerequisites;
use crate::restraint::HeldBack;
use crate::status::{self, Facts};
use crate::story::Story;
use crate::suspension::Suspension;
use crate::unsupported::{self, Unsupported};

impl Reconcile for RayClusterController {
    type Error = Error;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Pass, Error> {
        let Some(entry) = self.clusters.get(key) else {
            self.applier.unsettled.forget(key);
            self.applier.ensured.forget(key);
            self.exposures.forget(key);
            self.ledger.forget(key);
            return Ok(Pass::skipped());
        };
        let object = match entry.read() {
            Read::Decoded(object) => object,
            Read::Undecodable(why) => {
                self.recorder.unreadable(&entry.object, "InvalidRayClusterSpec", &why);
                return self.let_go(entry.object.meta()).await;
            }
        };
        let object = &*object;
        if !ours(object) {
            return Ok(Pass::skipped());
        }
        // Before validation: an object that cannot be valid any more must still go.
        if object.metadata.deletion_timestamp.is_some() {
            return self.end(key, object).await;
        }
        match validate::cluster(object, &self.gates) {
            Ok(cluster) => match unsupported::field(cluster.spec) {
                None => self.pass(key, object, &cluster).await,
                Some(field) => self.refuse(object, &Refusal::from(field)).await,
            },
            Err(violations) => self.refuse(object, &Refusal::from(violations)).await,
        }
    }
}

/// What a pass did, and what it left.
#[derive(Default)]
struct Acted {
    applied: Applied,
    blocked: Option<Blocked>,
    held_back: Vec<HeldBack>,
}

/// Why a cluster is not reconciled, for its event and its condition.
struct Refusal {
    reason: &'static str,
    part: &'static str,
    /// For the event: what KubeRay says, then the field, and what else is wrong.
    message: String,
    /// For the condition: every field with what is wrong and what is allowed.
    fields: String,
}

impl From<Violations> for Refusal {
    fn from(violations: Violations) -> Self {
        let (reason, part) = match violations.group() {
            Group::Metadata => ("InvalidRayClusterMetadata", "metadata"),
            Group::Spec => ("InvalidRayClusterSpec", "spec"),
            Group::Status => ("InvalidRayClusterStatus", "status"),
        };
        let fields: Vec<_> = violations.all().iter().map(ToString::to_string).collect();
        Self {
            reason,
            part,
            message: violations.explanation(),
            fields: fields.join("; "),
        }
    }
}

impl From<Unsupported> for Refusal {
    fn from(Unsupported { path, message }: Unsupported) -> Self {
        let message = format!("{path}: {message}");
        Self {
            reason: "InvalidRayClusterSpec",
            part: "spec",
            fields: message.clone(),
            message,
        }
    }
}

impl RayClusterController {
    async fn pass(&self, key: &ObjectKey, object: &RayCluster, cluster: &ValidCluster<'_>) -> Result<Pass, Error> {
        let story = Story::new(&self.recorder, object);
        for warning in validate::cluster_warnings(object) {
            let note = format!("RayCluster spec warning {key}: {}", warning.message);
            story.invalid("InvalidRayClusterSpec", note);
        }
        if self.hold(object).await? {
            return Ok(Pass::completed(Some(Duration::ZERO)));
        }
        self.applier.settle(key).await?;
        let acted = match self.prepare(key, cluster, story).await {
            Ok(()) => self.act(key, object, cluster, story).await,
            Err(error) => Acted {
                applied: Applied {
                    error: Some(error),
                    ..Applied::default()
                },
                ..Acted::default()
            },
        };
        let later = self.say(key, object, cluster, &acted).await?;
        // No part of the status: who cannot be reached from outside runs all the same.
        let exposed = self.expose(key, cluster, story).await;
        let Acted {
            applied,
            blocked,
            held_back,
        } = acted;
        let failed = applied
            .error
            .or_else(|| applied.pod_failures.into_iter().next().map(|failure| failure.error))
            .or_else(|| exposed.err());
        match (failed, blocked) {
            // The cluster goes as well, which its watch tells.
            (Some(error), _) if error.namespace_ends() => Ok(Pass::waiting(self.requeue())),
            (Some(error), _) => Err(error),
            (None, Some(Blocked::HeadNotRestarted)) => Ok(Pass::waiting(self.requeue())),
            (None, Some(blocked)) => Err(Error::Blocked(blocked)),
            (None, None) => {
                let frees = self.ledger.frees(key, Instant::now()).filter(|_| !held_back.is_empty());
                let soon = [later, frees].into_iter().flatten().min();
                Ok(Pass::completed(soon.or_else(|| self.requeue())))
            }
        }
    }

    /// What must exist before the pods.
    async fn prepare(&self, key: &ObjectKey, cluster: &ValidCluster<'_>, story: Story<'_>) -> Result<(), Error> {
        let observed = self.applier.children.of(key);
        let prerequisites = Prerequisites {
            client: &self.client,
            writes: &self.applier.writes,
            ensured: &self.applier.ensured,
            story,
            fresh: observed.pods.is_empty(),
            without_head: observed.heads().is_empty() && cluster.spec.suspend != Some(true),
        };
        prerequisites.ensure(key, cluster, self.clock.now()).await
    }

    /// Plans and carries out the plan.
    async fn act(&self, key: &ObjectKey, object: &RayCluster, cluster: &ValidCluster<'_>, story: Story<'_>) -> Acted {
        let observed = self.applier.children.of(key);
        let spec_hash = spec_hash(cluster, observed.heads().is_empty());
        let now = Instant::now();
        let spent = self.ledger.spent(key, now);
        let rules = Rules {
            switches: &self.switches,
            gates: &self.gates,
            spec_hash: &spec_hash,
            spent: &spent,
        };
        let mut plan = plan(cluster, object.status.as_ref(), &observed, rules);
        let mut acted = Acted {
            applied: Applied::default(),
            blocked: plan.blocked.take(),
            held_back: std::mem::take(&mut plan.held_back),
        };
        acted.blocked.iter().for_each(|blocked| story.blocked(blocked));
        acted.held_back.iter().for_each(|held_back| story.held_back(held_back));
        if plan.is_empty() {
            return acted;
        }
        // Before the deletes: one whose answer is lost counts, too.
        self.ledger.note(key, std::mem::take(&mut plan.spent), now);
        let target = Target {
            cluster,
            context: self.context(),
            spec_hash: &spec_hash,
            story,
        };
        acted.applied = self.applier.apply(&target, plan).await;
        acted
    }

    /// Computes the status and writes it. Returns the delay when it is put off.
    async fn say(
        &self,
        key: &ObjectKey,
        object: &RayCluster,
        cluster: &ValidCluster<'_>,
        Acted {
            applied,
            blocked,
            held_back,
        }: &Acted,
    ) -> Result<Option<Duration>, Error> {
        let observed = self.applier.children.of(key);
        let mut facts = Facts::of(cluster, object.status.as_ref(), &observed);
        facts.failed = applied.error.is_some() || !applied.pod_failures.is_empty() || blocked.is_some();
        facts.held_back = held_back;
        facts.replica_failure = applied
            .pod_failures
            .first()
            .map(|failure| (failure.marker, failure.error.to_string()));
        let error = applied.error.as_ref().filter(|error| !error.conflict());
        facts.error = error.map(ToString::to_string);
        let now = self.clock.now();
        let status = status::status(cluster, &facts, &self.gates, now);
        self.write_status(object, status, &observed.pods, now).await
    }

    /// The spec breaks a rule: what runs is left alone, and the user is told what to mend.
    async fn refuse(&self, object: &RayCluster, refusal: &Refusal) -> Result<Pass, Error> {
        let Refusal {
            reason,
            part,
            message,
            fields,
        } = refusal;
        let note = format!("The RayCluster {part} is invalid {}: {message}", ObjectKey::of(object));
        Story::new(&self.recorder, object).invalid(reason, note);
        if self.gates.enabled(Gate::RayClusterStatusConditions) {
            let status = status::invalid(object.status.as_ref(), reason, fields, self.clock.now());
            // At once, even if only the text differs: it answers what the user has just written.
            if !status::same(object.status.as_ref(), &status) {
                self.put_status(object, &status).await?;
            }
        }
        Ok(Pass::waiting(None))
    }

    /// Writes the status unless it says nothing new. Returns when to look again: when it is put off, or when it says
    /// that a suspension goes on, which lets the next pass do more. The watch does not tell of our own write.
    async fn write_status(
        &self,
        object: &RayCluster,
        status: RayClusterStatus,
        pods: &[Arc<RayPod>],
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        let stored = object.status.as_ref();
        if status::same(stored, &status) {
            return Ok(None);
        }
        let wait = status::may_wait(stored, &status, pods, now);
        if wait.is_positive() {
            return Ok(Some(Duration::try_from(wait).unwrap_or_default()));
        }
        self.put_status(object, &status).await?;
        let turns = Suspension::of(stored) != Suspension::of(Some(&status));
        Ok(turns.then_some(Duration::ZERO))
    }

    fn requeue(&self) -> Option<Duration> {
        self.switches.cluster_requeue.map(|delay| self.random.jitter(delay))
    }
}

/// Hash of the spec, when this pass needs it.
fn spec_hash(cluster: &ValidCluster<'_>, creates_head: bool) -> String {
    if creates_head || cluster.spec.upgrade_strategy.is_some() {
        ray_api::spec_hash::recreate_hash(cluster.spec)
    } else {
        String::new()
    }
}
