use k8s_openapi::api::core::v1::ResourceRequirements;
use rstest::rstest;

use super::super::node::Role;
use super::super::start_command::text;
use super::*;

fn params(entries: &[(&str, &str)]) -> Params {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn container(limits: &[(&str, &str)], requests: &[(&str, &str)]) -> Container {
    let amounts = |entries| {
        let amounts = params(entries).into_iter();
        amounts
            .map(|(name, amount)| (name, resource::Quantity(amount)))
            .collect()
    };
    Container {
        resources: Some(ResourceRequirements {
            limits: Some(amounts(limits)),
            requests: Some(amounts(requests)),
            claims: None,
        }),
        ..Container::default()
    }
}

#[rstest]
#[case::gpu(Role::Worker, &[("nvidia.com/gpu", "1")], &[], "ray start  --num-gpus=1 ")]
#[case::slice_of_a_gpu(Role::Worker, &[("nvidia.com/mig-2g.32gb", "1")], &[], "ray start  --num-gpus=1 ")]
#[case::tpu(Role::Worker, &[("google.com/tpu", "4")], &[], r#"ray start  --resources='{"TPU":4}' "#)]
#[case::neuron(
    Role::Head,
    &[("aws.amazon.com/neuroncore", "4")],
    &[],
    r#"ray start --head  --resources='{"neuron_cores":4}' "#
)]
#[case::one_accelerator_only(
    Role::Head,
    &[("aws.amazon.com/neuroncore", "4"), ("google.com/tpu", "8"), ("nvidia.com/gpu", "1")],
    &[],
    r#"ray start --head  --num-gpus=1  --resources='{"neuron_cores":4}' "#
)]
#[case::beside_the_users(
    Role::Head,
    &[("aws.amazon.com/neuroncore", "4")],
    &[("resources", r#""{"custom_resource":2}""#)],
    r#"ray start --head  --resources='{"custom_resource":2,"neuron_cores":4}' "#
)]
#[case::the_users_accelerator_stays(
    Role::Head,
    &[("aws.amazon.com/neuroncore", "4")],
    &[("resources", r#"'{"custom_resource":2,"neuron_cores":3}'"#)],
    r#"ray start --head  --resources='{"custom_resource":2,"neuron_cores":3}' "#
)]
#[case::unreadable_stops_the_search(
    Role::Head,
    &[("aws.amazon.com/neuroncore", "4"), ("nvidia.com/gpu", "1")],
    &[("resources", "{")],
    "ray start --head  --resources={ "
)]
#[case::first_gpu_only(Role::Worker, &[("amd.com/gpu", "2"), ("nvidia.com/gpu", "1")], &[], "ray start  --num-gpus=2 ")]
#[case::none_of_a_gpu(Role::Worker, &[("amd.com/gpu", "0"), ("nvidia.com/gpu", "1")], &[], "ray start  --num-gpus=1 ")]
#[case::half_a_cpu(Role::Worker, &[("cpu", "500m")], &[], "ray start  --num-cpus=1 ")]
#[case::the_users_cpus(Role::Worker, &[("cpu", "500m")], &[("num-cpus", "0")], "ray start  --num-cpus=0 ")]
fn limits_become_flags(
    #[case] role: Role,
    #[case] limits: &[(&str, &str)],
    #[case] given: &[(&str, &str)],
    #[case] want: &str,
) {
    let mut params = params(given);
    infer(&container(limits, &[]), &mut params);
    assert_eq!(text(role, &params), want);
}

#[test]
fn only_cpus_fall_back_to_requests() {
    let mut flags = Params::new();
    let requests = [("cpu", "2"), ("memory", "1Gi"), ("nvidia.com/gpu", "1")];
    infer(&container(&[], &requests), &mut flags);
    assert_eq!(flags, params(&[("num-cpus", "2")]));
    let mut flags = Params::new();
    infer(&container(&[("cpu", "0"), ("memory", "1Gi")], &requests), &mut flags);
    assert_eq!(flags, params(&[("memory", "1073741824"), ("num-cpus", "2")]));
}

#[test]
fn declared_resources_replace_flags() {
    let mut flags = params(&[("memory", "5"), ("resources", "'{\"old\":1}'")]);
    declare(
        &params(&[("nvidia.com/gpu", "1"), ("TPU", "4"), ("broken", "x")]),
        &mut flags,
    );
    assert_eq!(
        flags,
        params(&[("memory", "5"), ("num-gpus", "1"), ("resources", r#"'{"TPU":4}'"#)])
    );
    let mut flags = Params::new();
    declare(
        &params(&[("CPU", "1500m"), ("Memory", "1Ki"), ("GPU", "2")]),
        &mut flags,
    );
    assert_eq!(
        flags,
        params(&[("memory", "1024"), ("num-cpus", "2"), ("num-gpus", "2")])
    );
}

#[rstest]
#[case(4.0, "4")]
#[case(0.5, "0.5")]
#[case(0.001, "0.001")]
#[case(0.0, "0")]
#[case(1e20, "100000000000000000000")]
#[case(1e21, "1e+21")]
#[case(1e-7, "1e-7")]
fn numbers_are_written_as_go_does(#[case] number: f64, #[case] want: &str) {
    assert_eq!(json_number(number), want);
}
