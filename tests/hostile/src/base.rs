//! What inputs begin with: objects of every shape that the controllers treat differently, all of them valid.

use serde_json::{Value, json};

/// The shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// A head and a worker.
    Plain,
    /// Several groups, one of them of several hosts.
    Groups,
    /// With Ray's autoscaler.
    Autoscaler,
    /// State in Redis, which takes a finalizer.
    Redis,
    /// State on a volume.
    Volume,
    /// With a token.
    Token,
    /// With an Ingress, a serve Service and a Service of its own shape.
    Exposed,
    /// Made anew when its spec changes.
    Recreate,
    /// Without pods.
    SuspendedCluster,
    /// A RayJob with a submitter.
    SubmitterJob,
    /// One that is submitted over HTTP.
    HttpJob,
    /// One that the user submits.
    InteractiveJob,
    /// One with its submitter in the head pod.
    SidecarJob,
    /// One on a RayCluster that others made.
    SelectorJob,
    /// With attempts, deadlines and rules of deletion.
    RuledJob,
    /// Without a cluster.
    SuspendedJob,
    /// A kind that no controller runs.
    Service,
    /// Another.
    CronJob,
}

/// All of them; those that come more often stand here more than once.
pub const ALL: [Base; 22] = [
    Base::Plain,
    Base::Plain,
    Base::Groups,
    Base::Groups,
    Base::Autoscaler,
    Base::Redis,
    Base::Redis,
    Base::Volume,
    Base::Token,
    Base::Exposed,
    Base::Recreate,
    Base::SuspendedCluster,
    Base::SubmitterJob,
    Base::SubmitterJob,
    Base::HttpJob,
    Base::InteractiveJob,
    Base::SidecarJob,
    Base::SelectorJob,
    Base::RuledJob,
    Base::SuspendedJob,
    Base::Service,
    Base::CronJob,
];

impl Base {
    /// Kind and the object without a name.
    pub fn object(self) -> (&'static str, Value) {
        match self {
            Self::Service => (
                "RayService",
                json!({ "spec": { "serveConfigV2": "applications: []", "rayClusterConfig": cluster() } }),
            ),
            Self::CronJob => (
                "RayCronJob",
                json!({ "spec": { "schedule": "* * * * *", "jobTemplate": job("K8sJobMode") } }),
            ),
            Self::SubmitterJob
            | Self::HttpJob
            | Self::InteractiveJob
            | Self::SidecarJob
            | Self::SelectorJob
            | Self::RuledJob
            | Self::SuspendedJob => ("RayJob", json!({ "spec": self.job() })),
            _ => self.cluster(),
        }
    }

    fn cluster(self) -> (&'static str, Value) {
        let mut spec = cluster();
        let mut annotations = json!({});
        match self {
            Self::Groups => {
                spec["workerGroupSpecs"] = json!([group("one", 2), group("two", 0), group("hosts", 1)]);
                spec["workerGroupSpecs"][2]["numOfHosts"] = 2.into();
            }
            Self::Autoscaler => spec["enableInTreeAutoscaling"] = true.into(),
            Self::Redis => {
                spec["gcsFaultToleranceOptions"] = json!({ "redisAddress": "redis:6379" });
                // Otherwise a clean-up that cannot run may take five minutes.
                annotations = json!({ "ray.io/gcs-ft-deletion-timeout": "5" });
            }
            Self::Volume => {
                spec["gcsFaultToleranceOptions"] = json!({ "backend": "rocksdb", "storage": { "size": "1Gi" } });
            }
            Self::Token => spec["authOptions"] = json!({ "mode": "token" }),
            Self::Exposed => {
                spec["headGroupSpec"]["enableIngress"] = true.into();
                spec["headGroupSpec"]["serviceType"] = "NodePort".into();
                spec["headGroupSpec"]["headService"] =
                    json!({ "metadata": { "name": "own-head" }, "spec": { "type": "ClusterIP" } });
                annotations = json!({ "ray.io/enable-serve-service": "true" });
            }
            Self::Recreate => spec["upgradeStrategy"] = json!({ "type": "Recreate" }),
            Self::SuspendedCluster => spec["suspend"] = true.into(),
            _ => {}
        }
        (
            "RayCluster",
            json!({ "metadata": { "annotations": annotations }, "spec": spec }),
        )
    }

    fn job(self) -> Value {
        let mut spec = job(match self {
            Self::HttpJob => "HTTPMode",
            Self::InteractiveJob => "InteractiveMode",
            Self::SidecarJob => "SidecarMode",
            _ => "K8sJobMode",
        });
        match self {
            Self::SelectorJob => {
                spec["clusterSelector"] = json!({ "ray.io/cluster": "chosen" });
                if let Some(spec) = spec.as_object_mut() {
                    spec.remove("rayClusterSpec");
                }
            }
            Self::RuledJob => {
                spec["backoffLimit"] = 2.into();
                spec["activeDeadlineSeconds"] = 3.into();
                spec["deletionStrategy"] = json!({ "deletionRules": [
                    { "policy": "DeleteWorkers", "condition": { "jobStatus": "FAILED", "ttlSeconds": 0 } },
                    { "policy": "DeleteCluster", "condition": { "jobStatus": "FAILED", "ttlSeconds": 2 } },
                ] });
            }
            Self::SuspendedJob => {
                spec["suspend"] = true.into();
                spec["shutdownAfterJobFinishes"] = true.into();
            }
            _ => {}
        }
        spec
    }
}

fn cluster() -> Value {
    json!({
        "rayVersion": "2.55.0",
        "headGroupSpec": { "rayStartParams": {}, "template": template("ray-head") },
        "workerGroupSpecs": [group("workers", 1)],
    })
}

/// A worker group.
pub fn group(name: &str, replicas: u32) -> Value {
    json!({
        "groupName": name,
        "replicas": replicas,
        "minReplicas": 0,
        "maxReplicas": 5,
        "rayStartParams": {},
        "template": template("ray-worker"),
    })
}

fn job(mode: &str) -> Value {
    let mut submitter = template("submitter");
    submitter["spec"]["restartPolicy"] = "Never".into();
    let mut spec = json!({ "submissionMode": mode, "rayClusterSpec": cluster() });
    if mode != "InteractiveMode" {
        spec["entrypoint"] = "python -c 'print(1)'".into();
    }
    if mode == "K8sJobMode" {
        spec["submitterPodTemplate"] = submitter;
    }
    spec
}

fn template(container: &str) -> Value {
    json!({ "spec": {
        "tolerations": [{ "key": "kwok.x-k8s.io/node", "operator": "Exists" }],
        "containers": [{
            "name": container,
            "image": "rayproject/ray:2.55.0",
            "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "1", "memory": "1Gi" } },
        }],
    }})
}

#[cfg(test)]
mod tests {
    use ray_api::v1::{RayCluster, RayJob};

    use super::*;

    #[test]
    fn every_base_decodes_and_is_of_a_kind_that_is_defined() {
        let kinds = crate::schema::tests::kinds();
        for base in ALL {
            let (kind, mut object) = base.object();
            assert!(
                kinds
                    .iter()
                    .any(|known| known.name == kind && known.api_version == "ray.io/v1"),
                "{base:?}"
            );
            object["metadata"]["name"] = "x".into();
            object["metadata"]["namespace"] = "y".into();
            match kind {
                "RayCluster" => drop(serde_json::from_value::<RayCluster>(object).unwrap()),
                "RayJob" => drop(serde_json::from_value::<RayJob>(object).unwrap()),
                _ => {}
            }
        }
    }
}
