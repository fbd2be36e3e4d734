//! What the wanted pods ask for in sum, in Kubernetes' own text.
//!
//! A pod asks for the sum of its template's containers; a container for its requests, and for its limits where it has no
//! request. Replicas count as written, not within their bounds; suspended groups do not count.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Text;

use crate::quantity::Quantity;
use crate::v1::RayClusterSpec;

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

/// `…gpu`, or NVIDIA's slices: `nvidia.com/mig-2g.32gb`.
pub fn is_gpu(name: &str) -> bool {
    name.ends_with("gpu") || is_gpu_slice(name)
}

fn is_gpu_slice(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let slice = name
        .strip_suffix("gb")
        .and_then(|name| name.rsplit_once("nvidia.com/mig-"));
    slice
        .and_then(|(_, slice)| slice.split_once("g."))
        .is_some_and(|(cores, memory)| digits(cores) && digits(memory))
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

    #[rstest]
    #[case("nvidia.com/gpu", true)]
    #[case("gpu", true)]
    #[case("nvidia.com/mig-1g.5gb", true)]
    #[case("x-nvidia.com/mig-10g.80gb", true)]
    #[case("nvidia.com/mig-1g.5gb.me", false)]
    #[case("nvidia.com/mig-1c.1g.5gb", false)]
    #[case("nvidia.com/mig-g.gb", false)]
    #[case("nvidia.com/GPU", false)]
    #[case("nvidia.com/gpu.shared", false)]
    fn gpus_are_known_by_name(#[case] name: &str, #[case] want: bool) {
        assert_eq!(is_gpu(name), want);
    }
}
