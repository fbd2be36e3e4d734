//! Requests and limits of the containers that are added to pods.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// The same limits and requests.
pub(super) fn fixed_resources(cpu: &str, memory: &str) -> ResourceRequirements {
    resource_requirements((cpu, memory), (cpu, memory))
}

/// CPU and memory of limits and of requests.
pub(super) fn resource_requirements(limits: (&str, &str), requests: (&str, &str)) -> ResourceRequirements {
    let amounts = |(cpu, memory): (&str, &str)| {
        let amount = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
        BTreeMap::from([amount("cpu", cpu), amount("memory", memory)])
    };
    ResourceRequirements {
        limits: Some(amounts(limits)),
        requests: Some(amounts(requests)),
        claims: None,
    }
}
