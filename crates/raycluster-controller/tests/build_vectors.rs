//! What users and the Ray autoscaler rely on, one fact a test, each from a small spec.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail; helpers outside of test functions too"
)]

mod support;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::api::networking::v1::Ingress;
use ray_api::environment;
use ray_api::settings::Settings;
use ray_api::switches::Switches;
use ray_api::v1::RayCluster;
use ray_api::validate;
use raycluster_controller::build::{self, Context, HeadIdentity, PodDefaults, ReplicaIdentity, Route};
use rstest::rstest;
use serde_json::{Value, json};

/// What is built of a cluster whose spec has `changes` merged in, with the first worker.
struct Built {
    head: Pod,
    worker: Pod,
    ingress: Ingress,
    route: Route,
    cleanup: Job,
}

fn cluster(changes: Value) -> RayCluster {
    let container =
        |name| json!({"name": name, "image": "ray:2", "resources": {"limits": {"cpu": 1, "memory": "1Gi"}}});
    let mut cluster = json!({
        "metadata": {"name": "raycluster-sample", "namespace": "default", "uid": "uid"},
        "spec": {
            "headGroupSpec": {"template": {"spec": {"containers": [container("ray-head")]}}},
            "workerGroupSpecs": [{
                "groupName": "small-group", "minReplicas": 0, "maxReplicas": 5,
                "template": {"spec": {"containers": [container("ray-worker")]}},
            }],
        },
    });
    merge(&mut cluster, changes);
    serde_json::from_value(cluster).unwrap()
}

/// Objects are merged, lists by index, the rest is replaced.
fn merge(target: &mut Value, changes: Value) {
    match (target, changes) {
        (Value::Object(target), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(target.entry(key).or_insert(Value::Null), change);
            }
        }
        (Value::Array(target), Value::Array(changes)) => {
            for (index, change) in changes.into_iter().enumerate() {
                match target.get_mut(index) {
                    Some(element) => merge(element, change),
                    None => target.push(change),
                }
            }
        }
        (target, changes) => *target = changes,
    }
}

fn build_with(changes: Value, switches: &Switches) -> Built {
    let cluster = cluster(changes);
    let settings = Settings {
        switches: switches.clone(),
        ..Settings::default()
    };
    let valid = validate::cluster(&cluster, &settings.gates).unwrap();
    let context = Context {
        settings: &settings,
        defaults: &PodDefaults::default(),
    };
    let identity = HeadIdentity {
        suffix: "abcde",
        spec_hash: "HASH",
    };
    let replica = ReplicaIdentity::default();
    Built {
        head: build::head_pod(&context, &valid, &identity),
        worker: build::worker_pod(&context, &valid, &valid.groups[0], &replica, "fghij"),
        ingress: build::head_ingress(&context, &valid),
        route: build::head_route(&context, &valid),
        cleanup: build::redis_cleanup_job(&context, &valid),
    }
}

fn build(changes: Value) -> Built {
    build_with(changes, &Switches::default())
}

fn ray(pod: &Pod) -> &Container {
    &pod.spec.as_ref().unwrap().containers[0]
}

fn value<'a>(container: &'a Container, name: &str) -> Option<&'a str> {
    environment::find(container, name)?.value.as_deref()
}

fn start(pod: &Pod) -> &str {
    value(ray(pod), "KUBERAY_GEN_RAY_START_CMD").unwrap()
}

fn head(changes: &Value) -> Value {
    json!({"spec": {"headGroupSpec": changes}})
}

fn worker(changes: &Value) -> Value {
    json!({"spec": {"workerGroupSpecs": [changes]}})
}

fn container(changes: &Value) -> Value {
    json!({"template": {"spec": {"containers": [changes]}}})
}

fn service(version: &str) -> Value {
    json!({
        "metadata": {"labels": {"ray.io/originated-from-crd": "RayService"}},
        "spec": {"rayVersion": version},
    })
}

const HEAD_START: &str = "ray start --head  --block  --dashboard-agent-listen-port=52365  --dashboard-host=0.0.0.0  \
                          --memory=1073741824  --metrics-export-port=8080  --num-cpus=1 ";

#[test]
fn the_head_starts() {
    let head = build(json!({})).head;
    assert_eq!(start(&head), HEAD_START);
    let args = format!("ulimit -n ${{RAY_START_ULIMIT_OPEN_FILES:-65536}}; {HEAD_START}");
    assert_eq!(ray(&head).args.as_deref(), Some(&[args][..]));
    assert_eq!(ray(&head).command.as_ref().unwrap()[..], ["/bin/bash", "-c", "--"]);
}

#[test]
fn the_autoscaler_replaces_the_monitor() {
    let head = build(json!({"spec": {"enableInTreeAutoscaling": true}})).head;
    let want = HEAD_START.replace("8080  --num", "8080  --no-monitor  --num");
    assert_eq!(start(&head), want);
}

#[test]
fn a_worker_starts() {
    let changes = json!({
        "rayStartParams": {"port": "6379", "block": "false"},
        "template": {"spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": 3}}}]}},
    });
    let worker = build(worker(&changes)).worker;
    assert_eq!(
        start(&worker),
        "ray start  --address=raycluster-sample-head-svc.default.svc.cluster.local:6379  --block  \
         --dashboard-agent-listen-port=52365  --memory=1073741824  --metrics-export-port=8080  --num-cpus=1  \
         --num-gpus=3  --port=6379 "
    );
}

#[test]
fn the_heads_port_is_the_workers_too() {
    let built = build(head(&json!({"rayStartParams": {"port": "6380"}})));
    let fqdn = "raycluster-sample-head-svc.default.svc.cluster.local";
    assert_eq!(value(ray(&built.head), "RAY_ADDRESS"), Some("127.0.0.1:6380"));
    assert_eq!(
        value(ray(&built.worker), "RAY_ADDRESS"),
        Some(format!("{fqdn}:6380").as_str())
    );
    assert_eq!(value(ray(&built.worker), "FQ_RAY_IP"), Some(fqdn));
    assert_eq!(value(ray(&built.worker), "RAY_IP"), Some("raycluster-sample-head-svc"));
    assert_eq!(value(ray(&built.head), "FQ_RAY_IP"), None);
}

#[test]
fn labels_of_a_group_become_a_flag() {
    let labels = json!({
        "topology.kubernetes.io/zone": "us-central2", "ray.io/node-group": "worker-group-1",
        "cloud.google.com/gke-spot": "true",
    });
    let worker = build(worker(&json!({"labels": labels}))).worker;
    let flag = " --labels=cloud.google.com/gke-spot=true,ray.io/node-group=worker-group-1,\
                topology.kubernetes.io/zone=us-central2 ";
    assert!(start(&worker).contains(flag));
    assert_eq!(worker.metadata.labels.unwrap()["ray.io/node-group"], "worker-group-1");
}

#[rstest]
#[case::anything_else_runs_first(json!(["echo hi"]), true)]
#[case::nothing(json!([]), true)]
#[case::ray_start_stays(json!(["ray start --block"]), false)]
fn own_commands(#[case] args: Value, #[case] generated: bool) {
    let head = build(head(&container(&json!({"args": args})))).head;
    assert_eq!(ray(&head).args.as_ref().unwrap()[0].contains("ulimit"), generated);
    assert_eq!(start(&head), HEAD_START);
}

const RAYLET: &str = "wget --tries 1 -T 2 -q -O- http://localhost:52365/api/local_raylet_healthz | grep success";
const GCS: &str = "wget --tries 1 -T 10 -q -O- http://localhost:8265/api/gcs_healthz | grep success";
const SERVE: &str = "wget --tries 1 -T 10 -q -O- http://localhost:8000/-/healthz | grep success";

/// Commands of the liveness and the readiness probe; `None` for an HTTP probe.
fn probes(pod: &Pod) -> [Option<String>; 2] {
    [&ray(pod).liveness_probe, &ray(pod).readiness_probe].map(|probe| {
        let probe = probe.as_ref().unwrap();
        if probe.exec.is_none() {
            assert_eq!(probe.http_get.as_ref().unwrap().path.as_deref(), Some("/api/healthz"));
        }
        probe
            .exec
            .as_ref()
            .map(|exec| exec.command.as_ref().unwrap()[2].clone())
    })
}

#[rstest]
#[case::old(json!({"spec": {"rayVersion": "2.52.0"}}), ["raylet gcs"; 2], ["raylet"; 2])]
#[case::unknown(json!({}), ["raylet gcs"; 2], ["raylet"; 2])]
#[case::new(json!({"spec": {"rayVersion": "2.53.0"}}), ["http"; 2], ["http"; 2])]
#[case::old_service(service("2.52.0"), ["raylet gcs"; 2], ["raylet", "raylet serve"])]
#[case::new_service(service("2.53.0rc1"), ["http"; 2], ["http", "raylet serve"])]
fn probes_by_version_and_creator(#[case] changes: Value, #[case] of_head: [&str; 2], #[case] of_worker: [&str; 2]) {
    let command = |part: &str| match part {
        "raylet" => RAYLET,
        "gcs" => GCS,
        _ => SERVE,
    };
    let want = |probes: [&str; 2]| {
        probes.map(|parts| {
            let commands: Vec<_> = parts.split(' ').map(command).collect();
            (parts != "http").then(|| commands.join(" && "))
        })
    };
    let built = build(changes);
    assert_eq!(probes(&built.head), want(of_head));
    assert_eq!(probes(&built.worker), want(of_worker));
}

#[test]
fn a_services_worker_is_unready_at_the_first_failure() {
    let threshold = |pod: &Pod| ray(pod).readiness_probe.as_ref().unwrap().failure_threshold;
    let built = build(service("2.53.0"));
    assert_eq!((threshold(&built.head), threshold(&built.worker)), (Some(10), Some(1)));
    assert_eq!(threshold(&build(json!({})).worker), Some(10));
}

#[rstest]
#[case(json!({"dashboard-agent-listen-port": "1", "dashboard-port": "2"}), "localhost:1/", "localhost:2/")]
#[case(json!({"dashboard-agent-listen-port": "a", "dashboard-port": "99999999999"}), "localhost:52365/", "localhost:8265/")]
fn probes_follow_the_ports(#[case] params: Value, #[case] agent: &str, #[case] dashboard: &str) {
    let head = build(head(&json!({"rayStartParams": params}))).head;
    let [Some(liveness), _] = probes(&head) else {
        panic!("no command")
    };
    assert!(liveness.contains(agent) && liveness.contains(dashboard), "{liveness}");
}

#[rstest]
#[case(None, None, None)]
#[case(Some("v1"), Some("false"), None)]
#[case(Some("v2"), Some("true"), Some("Never"))]
fn the_version_of_the_autoscaler(
    #[case] version: Option<&str>,
    #[case] variable: Option<&str>,
    #[case] restart: Option<&str>,
) {
    let built = build(json!({
        "spec": {"enableInTreeAutoscaling": true, "autoscalerOptions": {"version": version}},
    }));
    let spec = built.head.spec.as_ref().unwrap();
    assert_eq!(value(ray(&built.head), "RAY_enable_autoscaler_v2"), variable);
    assert_eq!(spec.restart_policy.as_deref(), restart);
    assert_eq!(built.worker.spec.unwrap().restart_policy.as_deref(), restart);
    assert_eq!(spec.service_account_name.as_deref(), Some("raycluster-sample"));
    assert_eq!(spec.containers.last().unwrap().name, "autoscaler");
    assert_eq!(build(json!({})).head.spec.unwrap().service_account_name, None);
}

#[test]
fn fault_tolerance_differs_between_head_and_worker() {
    let built = build(json!({"metadata": {"annotations": {"ray.io/ft-enabled": "TRUE"}}}));
    let (head, worker) = (ray(&built.head), ray(&built.worker));
    assert_eq!(value(head, "RAY_external_storage_namespace"), Some("uid"));
    assert_eq!(value(head, "RAY_gcs_rpc_server_reconnect_timeout_s"), None);
    assert_eq!(value(worker, "RAY_external_storage_namespace"), None);
    assert_eq!(value(worker, "RAY_gcs_rpc_server_reconnect_timeout_s"), Some("600"));
    assert_eq!(built.head.metadata.annotations.unwrap()["ray.io/ft-enabled"], "true");
    assert_eq!(built.worker.metadata.annotations, None);
    let off = build(json!({})).head.metadata.annotations.unwrap();
    assert_eq!(off["ray.io/ft-enabled"], "false");
    assert_eq!(off["ray.io/upgrade-strategy-recreate-hash"], "HASH");
    assert_eq!(off["ray.io/kuberay-version"], "v1.7.0");
}

#[test]
fn shared_memory_gives_way_to_the_users() {
    let mounts = |changes| ray(&build(changes).head).volume_mounts.clone().unwrap_or_default();
    assert_eq!(mounts(json!({}))[0].mount_path, "/dev/shm");
    assert_eq!(
        mounts(head(&json!({"rayStartParams": {"plasma-directory": "/dev/shm"}}))),
        []
    );
    let own = json!({"volumeMounts": [{"name": "own", "mountPath": "/dev/shm"}]});
    assert_eq!(mounts(head(&container(&own))).len(), 1);
}

#[test]
fn a_users_metrics_port_is_known_by_its_name() {
    let ports = |changes| {
        let ports = ray(&build(changes).head).ports.clone().unwrap();
        let port = |port: &k8s_openapi::api::core::v1::ContainerPort| (port.name.clone().unwrap(), port.container_port);
        ports.iter().map(port).collect::<Vec<_>>()
    };
    let flag = json!({"rayStartParams": {"metrics-export-port": "9090"}});
    assert_eq!(ports(head(&flag)), [("metrics".to_owned(), 8080)]);
    let own = json!({"ports": [{"name": "metrics", "containerPort": 9090}]});
    assert_eq!(ports(head(&container(&own))), [("metrics".to_owned(), 9090)]);
}

#[test]
fn waiting_for_the_head_is_what_the_ray_container_would_do() {
    let own = json!({
        "imagePullPolicy": "Always", "securityContext": {"runAsUser": 7}, "env": [{"name": "OWN", "value": "1"}],
    });
    let worker = build(worker(&container(&own))).worker;
    let containers = worker.spec.unwrap().init_containers.unwrap();
    let [waiter] = containers.as_slice() else {
        panic!("{containers:?}")
    };
    assert_eq!(waiter.image_pull_policy.as_deref(), Some("Always"));
    assert_eq!(waiter.security_context.as_ref().unwrap().run_as_user, Some(7));
    let names: Vec<_> = waiter
        .env
        .iter()
        .flatten()
        .map(|variable| variable.name.as_str())
        .collect();
    assert_eq!(names, ["OWN", "FQ_RAY_IP", "RAY_IP"]);
    assert!(waiter.args.as_ref().unwrap()[0].contains("ray health-check --address raycluster-sample-head-svc.default"));
}

#[rstest]
#[case::default(json!({}), 8265)]
#[case::own(head(&container(&json!({"ports": [{"name": "dashboard", "containerPort": 9999}]}))), 9999)]
#[case::not_declared(head(&container(&json!({"ports": [{"name": "client", "containerPort": 10001}]}))), 8265)]
fn the_way_in_leads_to_the_dashboard(#[case] changes: Value, #[case] port: i32) {
    let built = build(changes);
    let ingress = json!(built.ingress);
    let service = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(
        *service,
        json!({"name": "raycluster-sample-head-svc", "port": {"number": port}})
    );
    let route = json!(built.route);
    assert_eq!(route["spec"]["port"]["targetPort"], port);
    assert_eq!(route["spec"]["to"]["name"], "raycluster-sample-head-svc");
}

#[test]
fn the_way_in_bears_the_clusters_annotations() {
    let annotations = json!({"kubernetes.io/ingress.class": "nginx", "a": "b",
        "kubectl.kubernetes.io/last-applied-configuration": "{}"});
    let built = build(json!({"metadata": {"annotations": annotations}}));
    let ingress = json!(built.ingress);
    assert_eq!(ingress["metadata"]["annotations"], json!({"a": "b"}));
    assert_eq!(ingress["spec"]["ingressClassName"], "nginx");
    let route = json!(built.route);
    let wanted = json!({"a": "b", "kubernetes.io/ingress.class": "nginx"});
    assert_eq!(route["metadata"]["annotations"], wanted);
}

#[test]
fn redis_is_emptied_by_the_ray_container_alone() {
    let own = json!({"template": {"spec": {
        "containers": [{"env": [{"name": "RAY_REDIS_ADDRESS", "value": "r:1"}], "startupProbe": {"httpGet": {"port": 1}}},
            {"name": "sidecar"}],
        "initContainers": [{"name": "own", "image": "own"}], "restartPolicy": "Always"}}});
    let changes = json!({"metadata": {"annotations": {"ray.io/ft-enabled": "true"}},
        "spec": {"enableInTreeAutoscaling": true, "headGroupSpec": own}});
    let login = Switches {
        login_shell: true,
        ..Switches::default()
    };
    let job = build_with(changes, &login).cleanup;
    let job = json!(job);
    assert_eq!(job["metadata"]["labels"]["ray.io/node-type"], "redis-cleanup");
    let template = &job["spec"]["template"];
    assert_eq!(template["metadata"]["labels"], job["metadata"]["labels"]);
    let pod = &template["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    assert_eq!(pod["initContainers"].as_array().unwrap().len(), 1);
    let [ray] = &pod["containers"].as_array().unwrap()[..] else {
        panic!("one container")
    };
    assert_eq!(ray["command"], json!(["/bin/bash", "-cl", "--"]));
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(ray[probe], Value::Null);
    }
    let variables: Vec<_> = ray["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["name"].as_str().unwrap())
        .collect();
    assert!(variables.contains(&"RAY_REDIS_ADDRESS") && variables.contains(&"RAY_external_storage_namespace"));
}

#[test]
fn redis_is_emptied_without_what_goes_before() {
    let changes = json!({"metadata": {"annotations": {"ray.io/ft-enabled": "true"}}, "spec": {"rayVersion": "2.55.0",
        "enableInTreeAutoscaling": true, "authOptions": {"mode": "token"}}});
    let built = build(changes.clone());
    let token = |container: &Value| {
        let variables = container["env"].as_array().unwrap().iter();
        let mut tokens = variables.filter(|variable| variable["name"] == "RAY_AUTH_TOKEN");
        tokens.next().unwrap()["valueFrom"]["secretKeyRef"]["optional"].clone()
    };
    let (head, job) = (json!(built.head), json!(built.cleanup));
    let (head, job) = (&head["spec"], &job["spec"]["template"]["spec"]);
    assert_eq!(
        (&head["serviceAccountName"], &job["serviceAccountName"]),
        (&json!("raycluster-sample"), &Value::Null)
    );
    assert_eq!(
        (token(&head["containers"][0]), token(&job["containers"][0])),
        (Value::Null, json!(true))
    );
    let mut own = changes;
    merge(
        &mut own,
        json!({"spec": {"authOptions": {"secretName": "mine"},
        "headGroupSpec": {"template": {"spec": {"serviceAccountName": "mine"}}}}}),
    );
    let job = json!(build(own).cleanup);
    let job = &job["spec"]["template"]["spec"];
    assert_eq!(job["serviceAccountName"], "mine");
    assert_eq!(token(&job["containers"][0]), Value::Null, "the user's stay");
}

#[test]
fn names_of_pods() {
    let built = build(head(
        &json!({"template": {"metadata": {"name": "mine", "namespace": "elsewhere"}}}),
    ));
    assert_eq!(built.head.metadata.name.as_deref(), Some("mine"));
    assert_eq!(built.head.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(
        built.worker.metadata.name.as_deref(),
        Some("raycluster-sample-small-group-worker-fghij")
    );
    let head = build(json!({})).head;
    assert_eq!(head.metadata.name.as_deref(), Some("raycluster-sample-head-abcde"));
    let switches = Switches {
        deterministic_head_pod_name: true,
        ..Switches::default()
    };
    let named = build_with(head_named(), &switches).head;
    assert_eq!(named.metadata.name.as_deref(), Some("raycluster-sample-head"));
    let ignored = build(worker(&json!({"template": {"metadata": {"name": "mine"}}}))).worker;
    assert_eq!(
        ignored.metadata.name.as_deref(),
        Some("raycluster-sample-small-group-worker-fghij")
    );
}

fn head_named() -> Value {
    head(&json!({"template": {"metadata": {"name": "mine"}}}))
}
