use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, ServicePort};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn spec(ports: &[(&str, i32)]) -> RayClusterSpec {
    let port = |(name, number): &(&str, i32)| ContainerPort {
        name: Some((*name).to_owned()),
        container_port: *number,
        ..ContainerPort::default()
    };
    let mut spec = RayClusterSpec::default();
    spec.head_group_spec.template.spec = Some(PodSpec {
        containers: vec![Container {
            ports: Some(ports.iter().map(port).collect()),
            ..Container::default()
        }],
        ..PodSpec::default()
    });
    spec
}

fn head<'a>(spec: &'a RayClusterSpec, switches: &'a Switches) -> HeadService<'a> {
    HeadService {
        cluster: "raycluster-sample",
        namespace: "default",
        spec,
        switches,
    }
}

fn for_cluster(spec: &RayClusterSpec) -> Service {
    head(spec, &Switches::default()).for_cluster()
}

fn names(service: &Service) -> Vec<&str> {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref());
    let ports = ports.unwrap_or_default();
    ports.iter().filter_map(|port| port.name.as_deref()).collect()
}

#[test]
fn by_default_it_is_headless_and_found_by_workers_before_the_head_is_ready() {
    let service = for_cluster(&spec(&[]));
    assert_eq!(service.metadata.name.as_deref(), Some("raycluster-sample-head-svc"));
    assert_eq!(service.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(service.metadata.annotations, None);
    let selector = map(&[
        ("ray.io/cluster", "raycluster-sample"),
        ("ray.io/node-type", "head"),
        ("ray.io/identifier", "raycluster-sample-head"),
        ("app.kubernetes.io/name", "kuberay"),
        ("app.kubernetes.io/created-by", "kuberay-operator"),
    ]);
    assert_eq!(service.metadata.labels.as_ref(), Some(&selector));
    assert_eq!(
        names(&service),
        ["client", "dashboard", "gcs-server", "metrics", "serve"]
    );
    let spec = service.spec.unwrap();
    assert_eq!(spec.selector, Some(selector));
    assert_eq!(spec.cluster_ip.as_deref(), Some("None"));
    assert_eq!(spec.publish_not_ready_addresses, Some(true));
    assert_eq!(spec.type_, None);
    assert!(
        spec.ports
            .unwrap()
            .iter()
            .all(|port| port.app_protocol.as_deref() == Some("tcp"))
    );
}

#[test]
fn type_and_switch_decide_whether_it_is_headless() {
    let cluster_ip = Switches {
        head_cluster_ip_service: true,
        ..Switches::default()
    };
    for (type_, switches, headless) in [
        (None, Switches::default(), true),
        (Some(""), Switches::default(), true),
        (Some("ClusterIP"), Switches::default(), true),
        (Some("NodePort"), Switches::default(), false),
        (Some("LoadBalancer"), Switches::default(), false),
        (None, cluster_ip.clone(), false),
        (Some("ClusterIP"), cluster_ip, false),
    ] {
        let mut spec = spec(&[]);
        spec.head_group_spec.service_type = type_.map(str::to_owned);
        let service = head(&spec, &switches).for_cluster().spec.unwrap();
        assert_eq!(service.cluster_ip.is_some(), headless, "{type_:?}");
        assert_eq!(service.publish_not_ready_addresses.is_some(), headless, "{type_:?}");
        assert_eq!(service.type_.as_deref(), type_.filter(|type_| !type_.is_empty()));
    }
}

#[test]
fn only_the_template_may_change_the_application_in_the_selector() {
    let mut spec = spec(&[]);
    spec.head_group_spec.labels = Some(map(&[("app.kubernetes.io/name", "group")]));
    assert_eq!(
        for_cluster(&spec).spec.unwrap().selector.unwrap()["app.kubernetes.io/name"],
        "kuberay"
    );
    spec.head_group_spec.template.metadata = Some(ObjectMeta {
        labels: Some(map(&[
            ("app.kubernetes.io/name", "mine"),
            ("ray.io/identifier", "other"),
        ])),
        ..ObjectMeta::default()
    });
    let service = for_cluster(&spec);
    assert_eq!(service.metadata.labels.unwrap()["app.kubernetes.io/name"], "mine");
    let selector = service.spec.unwrap().selector.unwrap();
    assert_eq!(selector["app.kubernetes.io/name"], "mine");
    assert_eq!(selector["ray.io/identifier"], "raycluster-sample-head");
}

fn users_service() -> Service {
    Service {
        metadata: ObjectMeta {
            name: Some("mine".to_owned()),
            namespace: Some("elsewhere".to_owned()),
            labels: Some(map(&[("team", "a"), ("ray.io/cluster", "other")])),
            annotations: Some(map(&[("a", "user"), ("b", "user")])),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            selector: Some(map(&[("user", "selector")])),
            ports: Some(vec![ServicePort {
                name: Some("dashboard".to_owned()),
                port: 80,
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    }
}

#[test]
fn a_service_of_the_users_keeps_what_is_not_ours() {
    let mut spec = spec(&[("dashboard", 8265)]);
    spec.head_service_annotations = Some(map(&[("a", "ours")]));
    spec.head_group_spec.service_type = Some("NodePort".to_owned());
    spec.head_group_spec.head_service = Some(users_service().into());
    let service = for_cluster(&spec);
    assert_eq!(service.metadata.name.as_deref(), Some("mine"));
    assert_eq!(service.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(service.metadata.annotations, Some(map(&[("a", "ours"), ("b", "user")])));
    let labels = service.metadata.labels.clone().unwrap();
    assert_eq!(
        (labels["team"].as_str(), labels["ray.io/cluster"].as_str()),
        ("a", "raycluster-sample")
    );
    assert_eq!(names(&service), ["dashboard", "dashboard", "metrics"]);
    let built = service.spec.unwrap();
    assert_eq!(built.type_.as_deref(), Some("NodePort"));
    assert_eq!((built.cluster_ip, built.publish_not_ready_addresses), (None, None));
    assert!(!built.selector.unwrap().contains_key("user"));
    let domain = head(&spec, &Switches::default()).domain_name();
    assert_eq!(domain, "mine.default.svc.cluster.local");
}

#[test]
fn jobs_and_services_have_their_own_in_front_of_the_cluster() {
    let mut spec = spec(&[]);
    spec.head_service_annotations = Some(map(&[("a", "ours")]));
    let service = head(&spec, &Switches::default()).for_originator("RayJob", "job");
    assert_eq!(service.metadata.name.as_deref(), Some("job-head-svc"));
    assert_eq!(service.metadata.annotations, None);
    assert_eq!(
        service.metadata.labels,
        Some(map(&[
            ("ray.io/originated-from-cr-name", "job"),
            ("ray.io/originated-from-crd", "RayJob"),
            ("ray.io/node-type", "head"),
            ("ray.io/identifier", "job-head"),
        ]))
    );
    let selector = service.spec.unwrap().selector.unwrap();
    assert_eq!(selector["ray.io/cluster"], "raycluster-sample");
    assert_eq!(selector["ray.io/identifier"], "raycluster-sample-head");
}

#[test]
fn finalizers_of_a_users_service_are_left_out() {
    let mut spec = spec(&[]);
    let mut own = crate::v1::ServiceTemplate::default();
    own.metadata.finalizers = Some(vec!["example.com/stays".to_owned()]);
    own.metadata.annotations = Some(map(&[("kept", "yes")]));
    spec.head_group_spec.head_service = Some(own);
    let switches = Switches::default();
    let head = head(&spec, &switches);
    for service in [head.for_cluster(), head.for_originator("RayJob", "job")] {
        assert_eq!(service.metadata.finalizers, None);
        assert_eq!(service.metadata.annotations, Some(map(&[("kept", "yes")])));
    }
}
