//! What a refusal of a pod means for the containers that no user wrote: what is given up of them, and what to set.
//!
//! | the API server refuses | then |
//! |---|---|
//! | a restart policy of a container (Kubernetes before 1.35) | the autoscaler goes without its own |
//! | the amounts of a container (`LimitRange`), or `wait-gcs-ready` by name | that one asks for what the Ray container asks for, which makes no pod larger: it ends before the others start |
//! | what the autoscaler asks for, or the autoscaler by name | nothing, it runs all the time: its user has to decide, and is told what to set |
//!
//! Traps: a `LimitRange` names amounts and no containers. A container of these names may be a user's own, who wrote what is
//! refused: nothing is given up of that. The text of a refusal is a stranger's; it comes here cut.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource;
use ray_api::quantity::Quantity;

use super::{AUTOSCALER, WAIT_FOR_GCS};

const OF_A_CONTAINER: &str = " per Container is ";
const OF_A_POD: &str = " per Pod is ";
const RESTART_POLICY: &str = "restartPolicy";
/// What a refusal by name says when it is about amounts.
const AMOUNTS: [&str; 5] = ["resources", "cpu", "memory", "limits", "requests"];
/// What an init container takes over; devices are not for it.
const TAKEN_OVER: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// What is added to a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The init container in which a worker waits.
    WaitForGcs,
    /// The autoscaler beside the head.
    Autoscaler,
}

impl Added {
    fn name(self) -> &'static str {
        match self {
            Self::WaitForGcs => WAIT_FOR_GCS,
            Self::Autoscaler => AUTOSCALER,
        }
    }
}

/// Whether a refusal may be about a container that is added.
pub fn concerns(added: Added, refusal: &str) -> bool {
    let words = [OF_A_CONTAINER, OF_A_POD, RESTART_POLICY];
    words.iter().any(|word| refusal.contains(word)) || names(refusal, added.name())
}

/// Whether a refusal has the name of a container. It is no more than a part of many a pod's name.
fn names(refusal: &str, container: &str) -> bool {
    let mut words = refusal.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.any(|word| word == container)
}

/// Gives up what is refused of what is `added` to a pod as it was built; whether there was anything to give up.
pub fn concede(pod: &mut Pod, added: Added, refusal: &str) -> bool {
    let Some(spec) = &mut pod.spec else {
        return false;
    };
    match added {
        Added::Autoscaler => {
            let mut containers = spec.containers.iter_mut();
            let autoscaler = containers.find(|container| container.name == AUTOSCALER);
            let refused = autoscaler.filter(|_| refusal.contains(RESTART_POLICY));
            refused.is_some_and(|autoscaler| autoscaler.restart_policy.take().is_some())
        }
        Added::WaitForGcs => {
            let of_amounts = AMOUNTS.iter().any(|word| refusal.contains(word));
            if !(refusal.contains(OF_A_CONTAINER) || names(refusal, WAIT_FOR_GCS) && of_amounts) {
                return false;
            }
            let resources = spec.containers.first().and_then(|ray| ray.resources.as_ref());
            let resources = resources.map(without_devices);
            let mut containers = spec.init_containers.iter_mut().flatten();
            let waits = containers.rfind(|container| container.name == WAIT_FOR_GCS);
            let Some(waits) = waits.filter(|waits| waits.resources != resources) else {
                return false;
            };
            waits.resources = resources;
            true
        }
    }
}

fn without_devices(resources: &ResourceRequirements) -> ResourceRequirements {
    let keep = |amounts: &Option<BTreeMap<String, resource::Quantity>>| {
        let mut amounts = amounts.clone();
        if let Some(amounts) = &mut amounts {
            amounts.retain(|name, _| TAKEN_OVER.contains(&name.as_str()));
        }
        amounts
    };
    ResourceRequirements {
        limits: keep(&resources.limits),
        requests: keep(&resources.requests),
        claims: None,
    }
}

/// What a refusal of this pod does not say: that it may be about what is `added`, and what to set.
pub fn hint(pod: &Pod, added: Added, refusal: &str) -> String {
    let Some(spec) = &pod.spec else {
        return String::new();
    };
    match added {
        Added::WaitForGcs => {
            let mut containers = spec.init_containers.iter().flatten();
            let waits = containers.rfind(|container| container.name == WAIT_FOR_GCS);
            waits.filter(|container| means(container, refusal)).map(|_| {
                format!(
                    "; init container {WAIT_FOR_GCS}, which is added to workers, has the securityContext of the Ray container, \
                     and its resources where fewer are refused: set them there (ENABLE_INIT_CONTAINER_INJECTION=false on the \
                     controller leaves it out)"
                )
            })
        }
        Added::Autoscaler => {
            let mut containers = spec.containers.iter();
            let scales = containers.find(|container| container.name == AUTOSCALER);
            let scales = scales.filter(|container| refusal.contains(OF_A_POD) || means(container, refusal));
            scales.map(|container| {
                format!(
                    "; container {AUTOSCALER}, which is added to the head, {}: set spec.autoscalerOptions.resources (its \
                     securityContext is there, too)",
                    amounts(container)
                )
            })
        }
    }
    .unwrap_or_default()
}

/// Whether a refusal names the container or an amount that it asks for.
fn means(container: &Container, refusal: &str) -> bool {
    let resources = container.resources.as_ref();
    let maps = resources
        .into_iter()
        .flat_map(|resources| [&resources.requests, &resources.limits]);
    let asked = maps.flatten().flat_map(BTreeMap::values);
    let asked: Vec<Quantity> = asked.filter_map(|asked| asked.0.parse().ok()).collect();
    names(refusal, &container.name) || quoted(refusal).iter().any(|amount| asked.contains(amount))
}

/// The amounts that a `LimitRange` minds: `… per Container is 500m, but request is 200m`.
fn quoted(refusal: &str) -> Vec<Quantity> {
    let parts = refusal.split(", but ").skip(1);
    let amounts = parts.filter_map(|part| {
        part.strip_prefix("request is ")
            .or_else(|| part.strip_prefix("limit is "))
    });
    let ends = |c: char| !c.is_ascii_alphanumeric() && c != '.';
    amounts
        .filter_map(|text| text.split(ends).next()?.trim_end_matches('.').parse().ok())
        .collect()
}

fn amounts(container: &Container) -> String {
    let resources = container.resources.as_ref();
    let asked = |amounts: Option<&BTreeMap<String, resource::Quantity>>| {
        let amounts = amounts
            .into_iter()
            .flatten()
            .filter(|(name, _)| TAKEN_OVER.contains(&name.as_str()));
        let amounts: Vec<_> = amounts.map(|(name, amount)| format!("{name} {}", amount.0)).collect();
        if amounts.is_empty() {
            "nothing".to_owned()
        } else {
            amounts.join(", ")
        }
    };
    let requests = asked(resources.and_then(|resources| resources.requests.as_ref()));
    let limits = asked(resources.and_then(|resources| resources.limits.as_ref()));
    format!("requests {requests} and is limited to {limits}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const TOO_SMALL: &str = "pods \"p\" is forbidden: [minimum cpu usage per Container is 1, but request is 200m, minimum \
                             memory usage per Container is 1Gi, but request is 256Mi]";

    fn pod(spec: &Value) -> Pod {
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    fn same(cpu: &str, memory: &str) -> Value {
        let amounts = json!({ "cpu": cpu, "memory": memory });
        json!({ "requests": amounts, "limits": amounts })
    }

    fn worker(ray: &Value) -> Pod {
        pod(&json!({
            "initContainers": [{ "name": "mine", "resources": same("200m", "256Mi") },
                { "name": "wait-gcs-ready", "resources": same("200m", "256Mi") }],
            "containers": [{ "name": "ray-worker", "resources": ray }],
        }))
    }

    #[test]
    fn a_worker_that_waits_asks_for_what_ray_asks_for_where_less_is_refused() {
        let ray = json!({ "requests": { "cpu": "1" }, "limits": { "memory": "2Gi", "nvidia.com/gpu": "1" } });
        let mut pod = worker(&ray);
        assert!(concerns(Added::WaitForGcs, TOO_SMALL) && concede(&mut pod, Added::WaitForGcs, TOO_SMALL));
        let spec = serde_json::to_value(pod.spec.as_ref().unwrap()).unwrap();
        assert_eq!(
            spec["initContainers"][1]["resources"],
            json!({ "requests": { "cpu": "1" }, "limits": { "memory": "2Gi" } })
        );
        assert_eq!(
            spec["initContainers"][0]["resources"],
            same("200m", "256Mi"),
            "a user's"
        );
        assert!(
            !concede(&mut pod, Added::WaitForGcs, TOO_SMALL),
            "there is nothing more to give up"
        );
    }

    #[rstest]
    #[case::rays_own(
        "pods \"p\" is forbidden: maximum cpu usage per Container is 1, but limit is 2",
        true
    )]
    #[case::a_policy(
        "admission webhook \"p\" denied the request: container wait-gcs-ready must not",
        true
    )]
    #[case::another(
        "pods \"p\" is forbidden: maximum cpu usage per Container is 1, but limit is 3",
        false
    )]
    #[case::a_quota("pods \"p\" is forbidden: exceeded quota: q, requested: pods=1", false)]
    fn what_is_still_refused_of_a_worker_names_the_container(#[case] refusal: &str, #[case] named: bool) {
        let mut pod = worker(&same("2", "4Gi"));
        let _ = concede(&mut pod, Added::WaitForGcs, "x per Container is y");
        let hint = hint(&pod, Added::WaitForGcs, refusal);
        assert_eq!(hint.contains("wait-gcs-ready"), named, "{hint}");
        assert!(hint.is_empty() || hint.contains("ENABLE_INIT_CONTAINER_INJECTION=false"));
    }

    #[rstest]
    #[case::too_small(
        "pods \"h\" is forbidden: minimum cpu usage per Container is 1, but request is 500m.",
        true
    )]
    #[case::the_second_amount(
        "pods \"h\" is forbidden: [minimum cpu usage per Container is 250m, but request is 200m, minimum memory usage per \
         Container is 1Gi, but request is 512Mi]",
        true
    )]
    #[case::in_all("pods \"h\" is forbidden: maximum cpu usage per Pod is 1, but limit is 1500m", true)]
    #[case::a_policy(
        "violates PodSecurity: containers \"ray-head\", \"autoscaler\" must set runAsNonRoot",
        true
    )]
    #[case::rays_own(
        "pods \"h\" is forbidden: minimum cpu usage per Container is 2, but request is 1",
        false
    )]
    fn what_is_refused_of_the_autoscaler_says_what_to_set(#[case] refusal: &str, #[case] named: bool) {
        let mut pod = pod(&json!({ "containers": [
            { "name": "ray-head", "resources": same("1", "2Gi") },
            { "name": "autoscaler", "resources": same("0.5", "512Mi") }] }));
        assert!(!concede(&mut pod, Added::Autoscaler, refusal), "it runs all the time");
        let hint = hint(&pod, Added::Autoscaler, refusal);
        let told = "container autoscaler, which is added to the head, requests cpu 0.5, memory 512Mi and is limited to cpu \
                    0.5, memory 512Mi: set spec.autoscalerOptions.resources";
        assert_eq!(hint.contains(told), named, "{hint}");
    }

    #[test]
    fn what_is_refused_for_something_else_than_amounts_is_not_given_up() {
        let mut pod = worker(&same("2", "4Gi"));
        for refusal in [
            "violates PodSecurity: containers \"wait-gcs-ready\", \"ray-worker\" must set securityContext.runAsNonRoot",
            "spec.initContainers[1].name: Duplicate value: \"wait-gcs-ready\"",
        ] {
            assert!(!concede(&mut pod, Added::WaitForGcs, refusal), "{refusal}");
        }
        assert!(
            hint(&pod, Added::WaitForGcs, "PodSecurity: container wait-gcs-ready")
                .contains("the securityContext of the Ray")
        );
    }

    #[test]
    fn what_a_user_wrote_under_such_a_name_stays() {
        let refusal =
            "spec.containers[1].restartPolicy: Forbidden, maximum cpu usage per Container is 1, but limit is 2";
        let mut written = pod(&json!({
            "initContainers": [{ "name": "wait-gcs-ready", "resources": same("2", "4Gi") }],
            "containers": [{ "name": "ray-worker" }, { "name": "autoscaler", "restartPolicy": "Always" }],
        }));
        let mut worker = written.clone();
        assert!(
            concede(&mut worker, Added::WaitForGcs, refusal),
            "the init container is ours"
        );
        assert_eq!(
            worker.spec.unwrap().containers,
            written.spec.clone().unwrap().containers
        );
        let before = written.spec.clone().unwrap().init_containers;
        assert!(
            concede(&mut written, Added::Autoscaler, refusal),
            "the autoscaler is ours"
        );
        assert_eq!(written.spec.unwrap().init_containers, before);
    }

    #[test]
    fn an_old_kubernetes_gets_an_autoscaler_without_a_restart_policy() {
        let mut pod = pod(
            &json!({ "containers": [{ "name": "ray-head" }, { "name": "autoscaler", "restartPolicy": "Always" }] }),
        );
        let refusal =
            "Pod \"h\" is invalid: spec.containers[1].restartPolicy: Forbidden: may not be set for non-init containers";
        assert!(concerns(Added::Autoscaler, refusal) && concede(&mut pod, Added::Autoscaler, refusal));
        assert_eq!(pod.spec.unwrap().containers[1].restart_policy, None);
    }
}
