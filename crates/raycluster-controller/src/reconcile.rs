//! One pass over a RayCluster: read, check, plan, act, say so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::Resource;
use ray_api::gates::Gate;
use ray_api::managed_elsewhere;
use ray_api::v1::{RayCluster, RayClusterStatus};
use ray_api::validate::{self, Group, ValidCluster, Violations};
use ray_runtime::calls::{CallError, Verb};
use ray_runtime::controller::{Failure, Pass, Reconcile};
use ray_runtime::large::Whole;
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::RayPod;
use tokio::time::Instant;

use crate::RayClusterController;
use crate::apply::prerequisites::{self, Prerequisites};
use crate::apply::{Applied, Target};
use crate::deletion;
use crate::error::Error;
use crate::head::Heads;
use crate::plan::{Blocked, Rules, plan};
use crate::restraint::HeldBack;
use crate::status::{self, Facts};
use crate::story::Story;
use crate::suspension::Suspension;

impl Reconcile for RayClusterController {
    type Error = Error;

    async fn reconcile(&self, key: &ObjectKey) -> Result<Pass, Error> {
        let Some(entry) = self.clusters.get(key) else {
            self.applier.unsettled.forget(key);
            self.applier.pending.forget(key);
            self.applier.ensured.forget(key);
            self.exposures.forget(key);
            self.ledger.forget(key);
            return Ok(Pass::skipped());
        };
        let whole = self.large.read(&self.applier.calls.client, &entry).await;
        let (object, place) =
            match whole.map_err(|source| CallError::new(Verb::Read, "RayCluster", &key.name, source))? {
                Whole::Decoded(object, place) => (object, place),
                Whole::Later(delay) => return Ok(Pass::postponed(delay)),
                Whole::Gone => return Ok(Pass::waiting(self.requeue())),
                Whole::Undecodable(why) => {
                    self.recorder.unreadable(&entry.object, "InvalidRayClusterSpec", &why);
                    return self.let_go(entry.object.meta()).await;
                }
            };
        let object = &*object;
        if managed_elsewhere(object.spec.managed_by.as_deref()) {
            return Ok(Pass::skipped());
        }
        // Before validation: an object that cannot be valid any more must still go.
        if object.metadata.deletion_timestamp.is_some() {
            return self.end(key, object).await;
        }
        let passed = match validate::cluster(object, &self.settings.gates) {
            Ok(cluster) => self.pass(key, object, &cluster).await,
            Err(violations) => self.refuse(object, &Refusal::from(violations)).await,
        };
        let passed = match passed {
            // Deleted meanwhile, of which its watch tells.
            Err(error) if error.cluster_gone() => Ok(Pass::waiting(self.requeue())),
            passed => passed,
        };
        passed.map(|pass| self.large.makes_way(place.is_some(), pass))
    }
}

/// What a pass did, and what it left.
#[derive(Default)]
struct Acted {
    applied: Applied,
    blocked: Option<Blocked>,
    /// What is wrong with what a head that runs, or that is not to run, needs.
    beside: Option<Error>,
    held_back: Vec<HeldBack>,
    /// When to look again, whatever happens meanwhile.
    again: Option<Duration>,
}

impl Acted {
    fn failed(error: Error) -> Self {
        Self {
            applied: Applied {
                error: Some(error),
                ..Applied::default()
            },
            ..Self::default()
        }
    }
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

impl RayClusterController {
    async fn pass(&self, key: &ObjectKey, object: &RayCluster, cluster: &ValidCluster<'_>) -> Result<Pass, Error> {
        let story = Story::new(&self.recorder, object);
        for warning in validate::cluster_warnings(object) {
            let note = format!("RayCluster spec warning {key}: {}", warning.message);
            story.invalid("InvalidRayClusterSpec", note);
        }
        if deletion::empties_redis(object, &self.settings.switches)
            && let Some(warning) = deletion::timeout_warning(object)
        {
            story.invalid("InvalidRayClusterMetadata", warning);
        }
        if self.hold(object).await? {
            return Ok(Pass::completed(Some(Duration::ZERO)));
        }
        self.applier.settle(key).await?;
        if self.record_head(key, object, cluster, story).await? {
            return Ok(Pass::completed(Some(Duration::ZERO)));
        }
        let acted = match self.prepare(key, cluster, story).await {
            Ok(beside) => Acted {
                beside,
                ..self.act(key, object, cluster, story).await
            },
            Err(error) => Acted::failed(error),
        };
        let later = self.say(key, object, cluster, &acted).await?;
        // No part of the status: who cannot be reached from outside runs all the same.
        let exposed = self.expose(key, cluster, story).await;
        let Acted {
            applied,
            blocked,
            beside,
            held_back,
            again,
        } = acted;
        let frees = self.ledger.frees(key, Instant::now()).filter(|_| !held_back.is_empty());
        // What is left of the plan waits for the backoff when it is what failed; that time passes, nobody else tells.
        let stuck = applied.error.is_some() || !applied.pod_failures.is_empty();
        let again = again.filter(|again| !(stuck && again.is_zero()));
        let failed = applied
            .error
            .or_else(|| applied.pod_failures.into_iter().next().map(|failure| failure.error))
            .or(beside)
            .or_else(|| exposed.err())
            .or(applied.serve);
        if failed.as_ref().is_some_and(Error::lacks_account) {
            self.applier.ensured.forget(key);
        }
        // A status that was put off is written then, whatever became of the rest: errors back off for much longer.
        let soon = [later, frees, again].into_iter().flatten().min();
        let waiting = || Ok(Pass::waiting(soon.or_else(|| self.requeue())));
        let fails = |error| {
            if let Some(soon) = soon {
                self.queue.add_after(key.clone(), soon);
            }
            Err(error)
        };
        match (failed, blocked) {
            // The cluster goes as well, which its watch tells.
            (Some(error), _) if error.namespace_ends() => waiting(),
            (Some(error), _) => fails(error),
            // Both are told by a watch: the annotation goes, or the pods do.
            (None, Some(Blocked::HeadNotRestarted | Blocked::ForeignHeads(_))) => waiting(),
            (None, Some(blocked)) => fails(Error::Blocked(blocked)),
            (None, None) => Ok(Pass::completed(soon.or_else(|| self.requeue()))),
        }
    }

    /// What must exist before the pods. What is wrong with it is a value when no head is about to be created.
    async fn prepare(
        &self,
        key: &ObjectKey,
        cluster: &ValidCluster<'_>,
        story: Story<'_>,
    ) -> Result<Option<Error>, Error> {
        if !prerequisites::any(cluster) {
            return Ok(None);
        }
        let observed = self.applier.children.of(key, cluster.uid);
        let prerequisites = Prerequisites {
            calls: &self.applier.calls,
            ensured: &self.applier.ensured,
            children: &self.applier.children,
            observed: &observed,
            story,
            without_head: observed.heads().is_empty() && cluster.spec.suspend != Some(true),
        };
        prerequisites.ensure(key, cluster, self.clock.now()).await
    }

    /// Plans and carries out the plan.
    async fn act(&self, key: &ObjectKey, object: &RayCluster, cluster: &ValidCluster<'_>, story: Story<'_>) -> Acted {
        let mut observed = self.applier.children.of(key, cluster.uid);
        let spec_hash = spec_hash(cluster, observed.heads().is_empty());
        let now = Instant::now();
        let spent = self.ledger.spent(key, now);
        let making = self.applier.pending.making(key, cluster);
        let rules = Rules {
            settings: &self.settings,
            spec_hash: &spec_hash,
            spent: &spent,
            making: &making,
            now: self.clock.now(),
        };
        let mut plan = plan(cluster, object.status.as_ref(), &observed, rules);
        if plan.creates_pods() && self.applier.unsettled.doubted(key) {
            if let Err(error) = self.applier.look_again(key).await {
                return Acted::failed(error);
            }
            observed = self.applier.children.of(key, cluster.uid);
            plan = crate::plan::plan(cluster, object.status.as_ref(), &observed, rules);
        }
        let mut acted = Acted {
            applied: Applied::default(),
            blocked: plan.blocked.take(),
            beside: None,
            held_back: std::mem::take(&mut plan.held_back),
            again: if plan.more {
                Some(Duration::ZERO)
            } else {
                plan.look_again
            },
        };
        for (group, replica) in &plan.whole {
            self.applier.pending.made(key, group, replica);
        }
        plan.waits_for_head.iter().for_each(|head| story.waits_for_head(head));
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
            heads: Heads::of(&object.metadata, object.status.as_ref()),
            story,
        };
        acted.applied = self.applier.apply(&target, plan).await;
        if acted.applied.made_way {
            acted.again = Some(Duration::ZERO);
        }
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
            beside,
            held_back,
            again: _,
        }: &Acted,
    ) -> Result<Option<Duration>, Error> {
        let observed = self.applier.children.of(key, cluster.uid);
        if observed.heads().is_empty() && Heads::of(&object.metadata, object.status.as_ref()).unrecorded() {
            // It went in this very pass. The next one records it, before the status forgets it.
            return Ok(Some(Duration::ZERO));
        }
        let now = self.clock.now();
        let mut facts = Facts::of(cluster, object.status.as_ref(), &observed, now);
        let failed = applied.error.as_ref().or(beside.as_ref());
        facts.failed = failed.is_some() || !applied.pod_failures.is_empty() || blocked.is_some();
        facts.held_back = held_back;
        facts.replica_failure = applied
            .pod_failures
            .first()
            .map(|failure| (failure.marker, failure.error.to_string()));
        facts.error = failed.filter(|error| !error.conflict()).map(ToString::to_string);
        let status = status::status(cluster, &facts, &self.settings.gates, now);
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
        if self.settings.gates.enabled(Gate::RayClusterStatusConditions) {
            let status = status::invalid(object.status.as_ref(), reason, fields, self.clock.now());
            // At once, even if only the text differs: it answers what the user has just written.
            if object.status.as_ref() != Some(&status) {
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
        if stored == Some(&status) {
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
        self.settings
            .switches
            .cluster_requeue
            .map(|delay| self.random.jitter(delay))
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
