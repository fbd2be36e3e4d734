//! What the wanted pods ask for in sum, in Kubernetes' own text.
//!
//! A pod asks for the sum of its template's containers; a container for its requests, and for its limits where it has no
//! request. Replicas count as written, not within their bounds; suspended groups do not count.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;
use ray_api::quantity::Quantity;
use ray_api::v1::RayClusterSpec;

use crate::build::is_gpu;

/// Amounts by resource name.
pub type Resources<'a> = BTreeMap<&'a str, Quantity>;

/// Sum over the head and all groups.
pub fn desired(spec: &RayClusterSpec) -> Resources<'_> {
    let mut sum = of_pod(&spec.head_group_spec.template);
    for group in spec.worker_groups().iter().filter(|group| !group.suspended()) {
        let pods = i64::from(group.hosts()) * i64::from(group.replicas.unwrap_or(0));
        for (name, amount) in of_pod(&group.template) {
            add(&mut sum, name, &(amount * pods));
        }
    }
    sum
}

/// The amount of one resource, zero when nothing asks for it.
pub fn amount(resources: &Resources<'_>, name: &str) -> Text {
    Text(resources.get(name).map_or_else(|| "0".to_owned(), ToString::to_string))
}

/// The sum over all kinds of GPU.
pub fn gpus(resources: &Resources<'_>) -> Text {
    let mut sum = Quantity::from_integer(0);
    for (_, amount) in resources.iter().filter(|(name, _)| is_gpu(name)) {
        sum += amount;
    }
    Text(sum.to_string())
}

fn of_pod(template: &PodTemplateSpec) -> Resources<'_> {
    let mut sum = Resources::new();
    for container in template.spec.iter().flat_map(|spec| &spec.containers) {
        let Some(resources) = &container.resources else {
            continue;
        };
        let (requests, limits) = (resources.requests.as_ref(), resources.limits.as_ref());
        let requested = |name: &String| requests.is_some_and(|requests| requests.contains_key(name));
        let limits = limits.into_iter().flatten().filter(|(name, _)| !requested(name));
        for (name, text) in requests.into_iter().flatten().chain(limits) {
            // The API server has parsed it already.
            if let Ok(amount) = Quantity::try_from(text) {
                add(&mut sum, name, &amount);
            }
        }
    }
    sum
}

fn add<'a>(sum: &mut Resources<'a>, name: &'a str, amount: &Quantity) {
    sum.entry(name)
        .and_modify(|sum| *sum += amount)
        .or_insert_with(|| amount.clone());
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    type Group = (i32, i32, &'static str, &'static str);

    fn spec(groups: &[Group]) -> RayClusterSpec {
        let template = |cpu: &str, memory: &str| {
            let requests = json!({"cpu": cpu, "memory": memory});
            json!({"spec": {"containers": [{"name": "ray", "resources": {"requests": requests}}]}})
        };
        let groups: Vec<_> = groups
            .iter()
            .map(|(replicas, hosts, cpu, memory)| {
                let template = template(cpu, memory);
                json!({"groupName": "g", "replicas": replicas, "numOfHosts": hosts, "template": template})
            })
            .collect();
        let head = json!({"template": template("1", "100Mi")});
        serde_json::from_value(json!({"headGroupSpec": head, "workerGroupSpecs": groups})).unwrap()
    }

    #[rstest]
    #[case::head_alone(&[], "1", "100Mi")]
    #[case::hosts_multiply(&[(4, 2, "1", "200Mi")], "9", "1700Mi")]
    #[case::two_groups(&[(2, 2, "2", "100Mi"), (3, 1, "1", "200Mi")], "12", "1100Mi")]
    #[case::many(&[(i32::MAX, 1, "1", "0")], "2147483648", "100Mi")]
    fn sums(#[case] groups: &[Group], #[case] cpu: &str, #[case] memory: &str) {
        let spec = spec(groups);
        let desired = desired(&spec);
        assert_eq!(
            (
                amount(&desired, "cpu").0.as_str(),
                amount(&desired, "memory").0.as_str()
            ),
            (cpu, memory)
        );
        assert_eq!(amount(&desired, "google.com/tpu").0, "0");
    }

    #[test]
    fn limits_stand_in_for_requests_and_all_gpus_count() {
        let spec: RayClusterSpec = serde_saphyr::from_str(
            "headGroupSpec:\n  template:\n    spec:\n      containers:\n      - name: h\n        resources:\n          requests: {cpu: 1}\n          limits: {cpu: 2, memory: 200Mi, nvidia.com/gpu: 3, nvidia.com/mig-1g.10gb: 2, foo.bar/gpu: 2, google.com/tpu: 4}\n",
        )
        .unwrap();
        let desired = desired(&spec);
        assert_eq!(amount(&desired, "cpu").0, "1");
        assert_eq!(amount(&desired, "memory").0, "200Mi");
        assert_eq!(gpus(&desired).0, "7");
        assert_eq!(amount(&desired, "google.com/tpu").0, "4");
    }
}
