//! The events of a RayCluster: what `kubectl describe` tells of it.

use std::sync::Arc;

use ray_api::go_duration::GoDuration;
use ray_api::go_quote::quote;
use ray_api::names;
use ray_api::v1::RayCluster;
use ray_runtime::event::{Event, EventType, Recorder, regarding};
use ray_runtime::object_key::ObjectKey;
use ray_runtime::pod::{NodeType, RayPod, Trouble};

use crate::build::fault_tolerance::storage_namespace;
use crate::deletion::Release;
use crate::error::Error;
use crate::plan::{Blocked, DeleteAll, WhyDelete};
use crate::presence::why_head_stays;
use crate::restraint::HeldBack;

/// Tells of one cluster.
#[derive(Clone, Copy)]
pub struct Story<'a> {
    recorder: &'a Recorder,
    object: &'a RayCluster,
}

const CREATE: &str = "Create";
const DELETE: &str = "Delete";
const UPDATE: &str = "Update";
const VALIDATE: &str = "Validate";
const CLEANUP: &str = "Cleanup";
/// KubeRay's one reason for all that may be wrong with the claim of the head's storage.
const FAILED_CLAIM: &str = "FailedToCreatePVC";

impl<'a> Story<'a> {
    /// Tells of `object`.
    pub fn new(recorder: &'a Recorder, object: &'a RayCluster) -> Self {
        Self { recorder, object }
    }

    /// The object breaks a rule.
    pub fn invalid(&self, reason: &'static str, note: String) {
        self.warn(reason, VALIDATE, note);
    }

    /// Workers that the autoscaler wants deleted stay for now.
    pub fn held_back(&self, held_back: &HeldBack) {
        let note = held_back.to_string();
        let ObjectKey { namespace, name } = ObjectKey::of(self.object);
        tracing::warn!(namespace, name, note, "workers are not deleted");
        self.warn("WorkerDeletionHeldBack", DELETE, note);
    }

    /// Something is in the way that only a person can remove.
    pub fn blocked(&self, blocked: &Blocked) {
        let reason = match blocked {
            Blocked::ManyHeads(_) => "TooManyHeadPods",
            Blocked::ForeignHeads(_) => "ForeignHeadPod",
            Blocked::ManyHeadServices(_) => "TooManyHeadServices",
            Blocked::HeadNotRestarted => "HeadPodNotRestarted",
        };
        self.warn(reason, VALIDATE, blocked.to_string());
    }

    /// The head should be gone, may still run, and is waited for.
    pub fn waits_for_head(&self, head: &RayPod) {
        self.warn("HeadPodTerminating", CREATE, why_head_stays(head));
    }

    /// A head of another version is compared with the spec from now on.
    pub fn adopted_head(&self, pod: &RayPod) {
        let version = pod.kuberay_version.as_deref().unwrap_or_default();
        let note = format!(
            "Head Pod {} was made by {version}: the hash of the spec was written to it anew and no Pod was recreated; spec \
             changes from now on are rolled out",
            self.path(pod.name())
        );
        self.tell("AdoptedHeadPod", UPDATE, note);
    }

    /// Somebody had changed the labels by which the head is found.
    pub fn restored_head_labels(&self, name: &str) {
        let note = format!(
            "Restored the labels of head Pod {}: without them neither its Service nor this controller finds it; delete the \
             Pod to have another one made",
            self.path(name)
        );
        self.warn("RestoredHeadPodLabels", UPDATE, note);
    }

    /// The user's ServiceAccount does not exist.
    pub fn service_account_not_found(&self, error: &Error) {
        let cluster = self.path(self.object.metadata.name.as_deref().unwrap_or_default());
        let note = format!("Failed to reconcile RayCluster {cluster}. {error}");
        self.warn("AutoscalerServiceAccountNotFound", VALIDATE, note);
    }

    /// What the pods need exists now. Nothing is told of Secrets, as KubeRay does not.
    pub fn created_prerequisite(&self, kind: &str, name: &str) {
        if let Some((created, _, words)) = reasons(kind) {
            self.tell(created, CREATE, format!("Created {words} {}", self.path(name)));
        }
    }

    /// What the pods need was refused.
    pub fn failed_to_create_prerequisite(&self, kind: &str, name: &str, error: &Error) {
        let (_, failed, words) = reasons(kind).unwrap_or(("", "FailedToCreateSecret", "secret"));
        self.warn(
            failed,
            CREATE,
            format!("Failed creating {words} {}, {error}", self.path(name)),
        );
    }

    /// The claim of the head's storage exists now.
    pub fn created_claim(&self, name: &str) {
        let note = format!("Created GCS storage PVC {}", self.path(name));
        self.tell("CreatedPVC", CREATE, note);
    }

    /// The claim of the head's storage was refused.
    pub fn failed_to_create_claim(&self, name: &str, error: &Error) {
        let note = format!("Failed to create GCS storage PVC {}, {error}", self.path(name));
        self.warn(FAILED_CLAIM, CREATE, note);
    }

    /// The owners of the claim could not be written.
    pub fn failed_to_own_claim(&self, name: &str, error: &Error) {
        let note = format!(
            "Failed to set the owners of GCS storage PVC {}, {error}",
            self.path(name)
        );
        self.warn(FAILED_CLAIM, CREATE, note);
    }

    /// The claim that the user names does not exist.
    pub fn claim_not_found(&self, name: &str) {
        let namespace = self.object.metadata.namespace.as_deref().unwrap_or_default();
        let note = format!(
            "GcsFaultToleranceOptions.Storage.ClaimName {} not found in namespace {namespace}; the head Pod will not start \
             until it exists",
            quote(name)
        );
        self.warn(FAILED_CLAIM, VALIDATE, note);
    }

    /// The claim is not as the spec wants it.
    pub fn claim_differs(&self, name: &str, drift: &str) {
        let note = format!(
            "GCS storage PVC {} already exists and cannot be reconfigured in place ({drift}); delete the PVC to recreate it \
             with the new settings",
            self.path(name)
        );
        self.warn(FAILED_CLAIM, UPDATE, note);
    }

    /// A Service exists now.
    pub fn created_service(&self, name: &str) {
        self.tell("CreatedService", CREATE, format!("Created service {}", self.path(name)));
    }

    /// A Service was refused.
    pub fn failed_to_create_service(&self, name: &str, error: &Error) {
        self.warn(
            "FailedToCreateService",
            CREATE,
            format!("Failed creating service {}, {error}", self.path(name)),
        );
    }

    /// An Ingress was created or updated, or could not be.
    pub fn ingress_written(&self, name: &str, created: bool, error: Option<&Error>) {
        let path = self.path(name);
        match (created, error) {
            (true, None) => self.tell("CreatedIngress", CREATE, format!("Created ingress {path}")),
            (true, Some(error)) => {
                let note = format!("Failed creating ingress {path}, {error}");
                self.warn("FailedToCreateIngress", CREATE, note);
            }
            (false, None) => self.tell("UpdatedIngress", UPDATE, format!("Updated ingress {path}")),
            (false, Some(error)) => {
                let note = format!("Failed updating ingress {path}, {error}");
                self.warn("FailedToUpdateIngress", UPDATE, note);
            }
        }
    }

    /// Somebody else has an Ingress or Route of that name.
    pub fn foreign_exposure(&self, kind: &str, name: &str) {
        let note = format!(
            "{kind} {} already exists and is not owned by this RayCluster; not modifying it",
            self.path(name)
        );
        let reason = if kind == "Route" {
            "FailedToCreateRoute"
        } else {
            "FailedToCreateIngress"
        };
        self.warn(reason, CREATE, note);
    }

    /// A Route was created, or could not be.
    pub fn route_written(&self, name: &str, error: Option<&Error>) {
        let path = self.path(name);
        match error {
            None => self.tell("CreatedRoute", CREATE, format!("Created route {path}")),
            Some(error) => {
                let note = format!("Failed creating route {path}, {error}");
                self.warn("FailedToCreateRoute", CREATE, note);
            }
        }
    }

    /// The head pod exists now, and the Services that were created before it: one event for all of them.
    pub fn created_head(&self, name: &str, services: &[String]) {
        let mut made = vec![format!("Created head Pod {}", self.path(name))];
        made.extend(services.iter().map(|service| format!("service {}", self.path(service))));
        self.tell("CreatedHeadPod", CREATE, made.join(" and "));
    }

    /// The head pod was refused.
    pub fn failed_to_create_head(&self, error: &Error) {
        self.warn(
            "FailedToCreateHeadPod",
            CREATE,
            format!("Failed to create head Pod {}, {error}", self.path("")),
        );
    }

    /// Workers exist now: one event for all of them.
    pub fn created_workers(&self, names: &[String]) {
        let note = match names {
            [] => return,
            [name] => format!("Created worker Pod {}", self.path(name)),
            names => {
                let paths: Vec<_> = names.iter().map(|name| self.path(name)).collect();
                format!("Created {} worker Pods {}", names.len(), paths.join(", "))
            }
        };
        self.tell("CreatedWorkerPod", CREATE, note);
    }

    /// A worker was refused.
    pub fn failed_to_create_worker(&self, error: &Error) {
        let cluster = self.path(self.object.metadata.name.as_deref().unwrap_or_default());
        let note = format!("Failed to create worker Pod for the cluster {cluster}, {error}");
        self.warn("FailedToCreateWorkerPod", CREATE, note);
    }

    /// Pods are being deleted one by one.
    pub fn deleted_pods(&self, pods: &[(Arc<RayPod>, WhyDelete)]) {
        for (pod, why) in pods {
            let (reason, kind) = match pod.node_type {
                NodeType::Head => ("DeletedHeadPod", "head"),
                NodeType::Worker | NodeType::Other => ("DeletedWorkerPod", "worker"),
            };
            let path = self.path(pod.name());
            let note = match why {
                WhyDelete::Unhealthy => format!("Deleted {kind} Pod {path}; {}", condition_of(pod)),
                WhyDelete::AutoscalerRequest => format!("Deleted pod {path}"),
                WhyDelete::ScaleDown => format!("Deleted Pod {path}"),
                WhyDelete::GroupRemoved | WhyDelete::Replica(_) => {
                    format!("Deleted worker Pod {path} for group {}: {}", pod.group, why.text())
                }
            };
            self.tell(reason, DELETE, note);
        }
    }

    /// A pod could not be deleted.
    pub fn failed_to_delete_pod(&self, pod: &RayPod, why: &WhyDelete, error: &Error) {
        let (reason, kind) = match pod.node_type {
            NodeType::Head => ("FailedToDeleteHeadPod", "head"),
            NodeType::Worker | NodeType::Other => ("FailedToDeleteWorkerPod", "worker"),
        };
        let path = self.path(pod.name());
        let note = match why {
            WhyDelete::Unhealthy => format!("Failed deleting {kind} Pod {path}; {}, {error}", condition_of(pod)),
            WhyDelete::AutoscalerRequest => format!("Failed deleting pod {path}, {error}"),
            WhyDelete::ScaleDown => format!("Failed deleting Pod {path}, {error}"),
            WhyDelete::GroupRemoved | WhyDelete::Replica(_) => {
                format!(
                    "Failed deleting worker Pod {path} for group {}; {}, {error}",
                    pod.group,
                    condition_of(pod)
                )
            }
        };
        self.warn(reason, DELETE, note);
    }

    /// All pods are being deleted, or could not be.
    pub fn deleted_all(&self, why: DeleteAll, error: Option<&Error>) {
        let cluster = self.path(self.object.metadata.name.as_deref().unwrap_or_default());
        match (why, error) {
            (DeleteAll::Suspension, None) => {
                self.tell(
                    "DeletedPod",
                    DELETE,
                    format!("Deleted Pods for RayCluster {cluster} due to suspension"),
                );
            }
            (DeleteAll::Recreate, None) => {
                let note = format!(
                    "Deleted all Pods for RayCluster {cluster} due to spec change with Recreate upgradeStrategy"
                );
                self.tell("DeletedPod", DELETE, note);
            }
            (DeleteAll::Suspension, Some(error)) => {
                let note = format!("Failed deleting Pods due to suspension for RayCluster {cluster}, {error}");
                self.warn("FailedToDeletePodCollection", DELETE, note);
            }
            (DeleteAll::Recreate, Some(error)) => {
                let note = format!(
                    "Failed deleting Pods due to spec change with Recreate upgradeStrategy for RayCluster {cluster}, {error}"
                );
                self.warn("FailedToDeletePodCollection", DELETE, note);
            }
        }
    }

    /// The pods of a suspended group are being deleted, or could not be.
    pub fn deleted_group(&self, group: &str, error: Option<&Error>) {
        let cluster = self.path(self.object.metadata.name.as_deref().unwrap_or_default());
        match error {
            None => {
                let note = format!("Deleted all pods for suspended worker group {group} in RayCluster {cluster}");
                self.tell("DeletedWorkerPod", DELETE, note);
            }
            Some(error) => {
                let note =
                    format!("Failed deleting worker Pods for suspended group {group} in RayCluster {cluster}, {error}");
                self.warn("FailedToDeleteWorkerPodCollection", DELETE, note);
            }
        }
    }

    /// The Job that empties Redis exists now.
    pub fn created_cleanup_job(&self, name: &str) {
        let note = format!("Created Redis cleanup Job {}", self.path(name));
        self.tell("CreatedRedisCleanupJob", CREATE, note);
    }

    /// The Job that empties Redis was refused.
    pub fn failed_to_create_cleanup_job(&self, error: &Error) {
        let name = names::redis_cleanup_job(self.object.metadata.name.as_deref().unwrap_or_default());
        let note = format!(
            "Failed to create Redis cleanup Job {}, {error}",
            self.path(name.as_str())
        );
        self.warn("FailedToCreateRedisCleanupJob", CREATE, note);
    }

    /// The finalizer is gone. Nothing is told when Redis is empty.
    pub fn released(&self, why: &Release) {
        let RayCluster { metadata, spec, .. } = self.object;
        let namespace = quote(storage_namespace(metadata, spec));
        let left = format!("Redis storage namespace {namespace} may need manual cleanup");
        let (reason, note) = match why {
            Release::Clean => return,
            Release::TimedOut(after) => {
                let after = GoDuration::from_seconds(after.as_secs());
                let note = format!("Force-removed GCS FT finalizer after {after} due to Redis cleanup timeout; {left}");
                ("ForceDeletedStuckCluster", note)
            }
            Release::JobFailed(why) => {
                let note = format!("Removed GCS FT finalizer although the Redis cleanup Job failed ({why}); {left}");
                ("RedisCleanupFailed", note)
            }
            Release::Skipped(why) => {
                let note = format!("Removed GCS FT finalizer without cleaning up Redis, since {why}; {left}");
                ("RedisCleanupSkipped", note)
            }
        };
        let ObjectKey { namespace, name } = ObjectKey::of(self.object);
        tracing::warn!(namespace, name, reason, note, "the finalizer is removed");
        self.warn(reason, CLEANUP, note);
    }

    fn path(&self, name: &str) -> String {
        format!(
            "{}/{name}",
            self.object.metadata.namespace.as_deref().unwrap_or_default()
        )
    }

    fn tell(&self, reason: &'static str, action: &'static str, note: String) {
        self.publish(EventType::Normal, reason, action, note);
    }

    fn warn(&self, reason: &'static str, action: &'static str, note: String) {
        self.publish(EventType::Warning, reason, action, note);
    }

    fn publish(&self, type_: EventType, reason: &'static str, action: &'static str, note: String) {
        self.recorder.publish(Event {
            regarding: regarding(self.object),
            type_,
            reason,
            action,
            note,
        });
    }
}

/// Reasons for success and failure of a kind, and its name in a sentence.
fn reasons(kind: &str) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match kind {
        "ServiceAccount" => (
            "CreatedServiceAccount",
            "FailedToCreateServiceAccount",
            "service account",
        ),
        "Role" => ("CreatedRole", "FailedToCreateRole", "role"),
        "RoleBinding" => ("CreatedRoleBinding", "FailedToCreateRoleBinding", "role binding"),
        _ => return None,
    })
}

/// The state in which a pod was deleted.
fn condition_of(pod: &RayPod) -> String {
    let words = |trouble: &Trouble| match (trouble.reason.as_str(), trouble.message.as_str()) {
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    };
    let terminated = pod.ray_container_terminated.as_deref();
    let ended = pod.ended.as_ref().map(|ended| format!(" ({})", words(ended)));
    format!(
        "Pod status: {}{}; Pod restart policy: {}; Ray container terminated status: {}",
        pod.phase.as_str(),
        ended.unwrap_or_default(),
        pod.restart_policy,
        terminated.map_or_else(|| "none".to_owned(), words),
    )
}
