//! What Kubernetes does with its own kinds.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event as CoreEvent, Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde::Serialize;
use serde_json::{Value, json};

use super::place::{self, pod, refusal};

fn json_of(object: impl Serialize) -> Value {
    serde_json::to_value(object).unwrap()
}

#[test]
fn a_pod_is_completed() {
    place::run("pod", async |place| {
        let mut wanted = pod("a");
        wanted["spec"]["containers"][0]["resources"] = json!({ "limits": { "cpu": 1, "memory": "1024Mi" } });
        wanted["spec"]["containers"][0]["ports"] = json!([{ "containerPort": 80 }]);
        wanted["spec"]["containers"][0]["readinessProbe"] = json!({ "httpGet": { "port": 80 } });
        wanted["status"] = json!({ "phase": "Running" });
        let made = json_of(place.create::<Pod>(wanted).await.unwrap());
        let spec = &made["spec"];
        for (field, value) in [
            ("restartPolicy", json!("Always")),
            ("dnsPolicy", json!("ClusterFirst")),
            ("terminationGracePeriodSeconds", json!(30)),
            ("schedulerName", json!("default-scheduler")),
            ("serviceAccountName", json!("default")),
            ("enableServiceLinks", json!(true)),
            ("priority", json!(0)),
        ] {
            assert_eq!(spec[field], value, "{field}");
        }
        let container = &spec["containers"][0];
        assert_eq!(
            container["resources"],
            json!({ "limits": { "cpu": "1", "memory": "1Gi" },
            "requests": { "cpu": "1", "memory": "1Gi" } })
        );
        assert_eq!(container["ports"], json!([{ "containerPort": 80, "protocol": "TCP" }]));
        assert_eq!(container["imagePullPolicy"], "Always");
        assert_eq!(
            container["readinessProbe"],
            json!({ "httpGet": { "path": "/", "port": 80, "scheme": "HTTP" },
            "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 })
        );
        assert_eq!(
            container["volumeMounts"][0]["mountPath"],
            "/var/run/secrets/kubernetes.io/serviceaccount"
        );
        assert_eq!(spec["tolerations"].as_array().unwrap().len(), 2);
        assert_eq!(made["status"], json!({ "phase": "Pending", "qosClass": "Guaranteed" }));
        assert_eq!(made["metadata"]["generation"], 1);
    });
}

#[test]
fn a_pod_that_cannot_run_is_refused() {
    place::run("pod-invalid", async |place| {
        let with = |change: Value| {
            let mut value = pod("a");
            json_patch::merge(&mut value["spec"]["containers"][0], &change);
            value
        };
        let cases = [
            (
                json!({ "metadata": { "name": "a" }, "spec": { "containers": [] } }),
                "spec.containers: Required value",
            ),
            (
                with(json!({ "image": null })),
                "spec.containers[0].image: Required value",
            ),
            (
                with(json!({ "name": "A" })),
                "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label",
            ),
            (
                with(json!({ "volumeMounts": [{ "name": "v", "mountPath": "/v" }] })),
                "spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
            ),
            (
                with(json!({ "resources": { "limits": { "cpu": "1" }, "requests": { "cpu": "2" } } })),
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
            ),
            (
                with(json!({ "ports": [{ "containerPort": 0 }] })),
                "spec.containers[0].ports[0].containerPort: Required value",
            ),
        ];
        for (wanted, message) in cases {
            let status = refusal(place.create::<Pod>(wanted).await);
            assert_eq!(status.code, 422, "{message}");
            assert!(
                status.message.starts_with("Pod \"a\" is invalid: "),
                "{}",
                status.message
            );
            assert!(
                status.message.contains(message),
                "{}\nbut wanted\n{message}",
                status.message
            );
        }
        let (code, status) = place
            .send(
                "POST",
                "/api/v1/namespaces/{namespace}/pods",
                "application/json",
                &json!({ "apiVersion": "v1",
                "kind": "Pod", "metadata": { "name": "a" }, "spec": { "containers": "c" } }),
            )
            .await;
        assert_eq!((code, &status["reason"]), (400, &json!("BadRequest")), "{status}");
    });
}

#[test]
fn a_pod_runs_as_an_account_that_exists() {
    place::run("account", async |place| {
        let mut wanted = pod("a");
        wanted["spec"]["serviceAccountName"] = json!("me");
        let status = refusal(place.create::<Pod>(wanted.clone()).await);
        assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
        let namespace = &place.namespace;
        assert_eq!(
            status.message,
            format!(
                "pods \"a\" is forbidden: error looking up service account {namespace}/me: \
            serviceaccount \"me\" not found"
            )
        );
        let account = json!({ "metadata": { "name": "me" }, "imagePullSecrets": [{ "name": "s" }],
            "automountServiceAccountToken": false });
        place.create::<ServiceAccount>(account).await.unwrap();
        let made = json_of(place.create::<Pod>(wanted).await.unwrap());
        assert_eq!(made["spec"]["imagePullSecrets"], json!([{ "name": "s" }]));
        assert_eq!(made["spec"].get("volumes"), None);
    });
}

#[test]
fn the_status_of_a_pod_is_its_kubelets() {
    place::run("pod-status", async |place| {
        place.create::<Pod>(pod("a")).await.unwrap();
        let pods = place.api::<Pod>();
        let both = Patch::Merge(
            json!({ "metadata": { "labels": { "a": "b" } }, "spec": { "nodeName": "n" },
            "status": { "phase": "Running", "podIP": "10.0.0.1" } }),
        );
        let written = pods.patch_status("a", &PatchParams::default(), &both).await.unwrap();
        assert_eq!(
            written.labels()["a"],
            "b",
            "labels of Kubernetes' own kinds are written with the status too"
        );
        assert_eq!(written.spec.unwrap().node_name, None);
        assert_eq!(written.status.unwrap().phase.as_deref(), Some("Running"));
        let main = Patch::Merge(json!({ "status": { "phase": "Failed" } }));
        let written = pods.patch("a", &PatchParams::default(), &main).await.unwrap();
        assert_eq!(written.status.unwrap().phase.as_deref(), Some("Running"));
    });
}

#[test]
fn a_service_gets_an_address() {
    place::run("service", async |place| {
        let wanted = json!({ "metadata": { "name": "a" }, "spec": { "selector": { "a": "b" },
            "ports": [{ "name": "x", "port": 80 }, { "name": "y", "port": 81, "targetPort": "named" }] } });
        let made = json_of(place.create::<Service>(wanted).await.unwrap());
        let spec = &made["spec"];
        let address = spec["clusterIP"].as_str().unwrap();
        assert!(address.starts_with("10."), "{address}");
        assert_eq!(spec["clusterIPs"], json!([address]));
        assert_eq!(
            spec["ports"],
            json!([
            { "name": "x", "port": 80, "protocol": "TCP", "targetPort": 80 },
            { "name": "y", "port": 81, "protocol": "TCP", "targetPort": "named" }])
        );
        for (field, value) in [
            ("type", json!("ClusterIP")),
            ("sessionAffinity", json!("None")),
            ("internalTrafficPolicy", json!("Cluster")),
            ("ipFamilies", json!(["IPv4"])),
            ("ipFamilyPolicy", json!("SingleStack")),
        ] {
            assert_eq!(spec[field], value, "{field}");
        }
        assert_eq!(made["status"], json!({ "loadBalancer": {} }));
        let headless = json!({ "metadata": { "name": "b" }, "spec": { "clusterIP": "None" } });
        let made = json_of(place.create::<Service>(headless).await.unwrap());
        assert_eq!(made["spec"]["clusterIPs"], json!(["None"]));
        let node = json!({ "metadata": { "name": "c" }, "spec": { "type": "NodePort", "ports": [{ "port": 80 }] } });
        let made = json_of(place.create::<Service>(node).await.unwrap());
        assert!((30000..32768).contains(&made["spec"]["ports"][0]["nodePort"].as_i64().unwrap()));
        for (name, ports, message) in [
            ("d", json!([]), "spec.ports: Required value"),
            (
                "d",
                json!([{ "port": 80 }, { "port": 81 }]),
                "spec.ports[0].name: Required value",
            ),
            (
                "0",
                json!([{ "port": 80 }]),
                "metadata.name: Invalid value: \"0\": a DNS-1035 label must consist of",
            ),
        ] {
            let wanted = json!({ "metadata": { "name": name }, "spec": { "ports": ports } });
            let status = refusal(place.create::<Service>(wanted).await);
            assert!(
                status.message.contains(message),
                "{}\nbut wanted\n{message}",
                status.message
            );
        }
    });
}

#[test]
fn a_job_is_completed() {
    place::run("job", async |place| {
        let mut spec = pod("a")["spec"].clone();
        let status = refusal(
            place
                .create::<Job>(json!({ "metadata": { "name": "a" }, "spec": { "template": { "spec": spec } } }))
                .await,
        );
        assert_eq!(
            status.message,
            "Job.batch \"a\" is invalid: spec.template.spec.restartPolicy: Required value: valid \
            values: \"OnFailure\", \"Never\""
        );
        spec["restartPolicy"] = json!("Never");
        let template = json!({ "metadata": { "labels": { "a": "b" } }, "spec": spec });
        let wanted = json!({ "metadata": { "name": "a" }, "spec": { "suspend": true, "template": template } });
        let made = place.create::<Job>(wanted).await.unwrap();
        let uid = made.uid().unwrap();
        let made = json_of(made);
        let spec = &made["spec"];
        for (field, value) in [
            ("parallelism", json!(1)),
            ("completions", json!(1)),
            ("backoffLimit", json!(6)),
            ("completionMode", json!("NonIndexed")),
            ("manualSelector", json!(false)),
            ("podReplacementPolicy", json!("TerminatingOrFailed")),
            ("suspend", json!(true)),
            (
                "selector",
                json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } }),
            ),
        ] {
            assert_eq!(spec[field], value, "{field}");
        }
        let labels = json!({ "a": "b", "job-name": "a", "controller-uid": uid, "batch.kubernetes.io/job-name": "a",
            "batch.kubernetes.io/controller-uid": uid });
        assert_eq!(spec["template"]["metadata"]["labels"], labels);
        assert_eq!(
            made["metadata"]["labels"], labels,
            "a Job without labels takes those of its template"
        );
        assert_eq!(made["metadata"]["generation"], 1);
        place
            .api::<Job>()
            .delete("a", &DeleteParams::background())
            .await
            .unwrap();
    });
}

#[test]
fn texts_of_a_secret_become_bytes() {
    place::run("secret", async |place| {
        let wanted = json!({ "metadata": { "name": "a" }, "stringData": { "token": "secret" } });
        let made = json_of(place.create::<Secret>(wanted).await.unwrap());
        assert_eq!(
            (&made["type"], &made["data"]),
            (&json!("Opaque"), &json!({ "token": "c2VjcmV0" }))
        );
        assert_eq!(made.get("stringData"), None);
    });
}

#[test]
fn an_event_is_seen_in_both_groups() {
    place::run("event", async |place| {
        let about = json!({ "apiVersion": "v1", "kind": "Pod", "namespace": place.namespace, "name": "p", "uid": "u" });
        let wanted = json!({ "metadata": { "name": "e" }, "eventTime": "2026-01-01T00:00:00.5Z", "regarding": about,
            "reason": "R", "action": "A", "note": "n", "type": "Normal", "reportingController": "c",
            "reportingInstance": "i" });
        let made = json_of(place.create::<Event>(wanted.clone()).await.unwrap());
        assert_eq!(made["eventTime"], "2026-01-01T00:00:00.500000Z");
        let seen = json_of(place.api::<CoreEvent>().get("e").await.unwrap());
        assert_eq!(
            (&seen["message"], &seen["involvedObject"]["name"]),
            (&json!("n"), &json!("p"))
        );
        assert_eq!(seen["reportingComponent"], "c");
        let core = place.api::<CoreEvent>();
        let list = core
            .list(&ListParams::default().fields("involvedObject.name=p"))
            .await
            .unwrap();
        assert_eq!(list.items.len(), 1);
        let series = |time: &str| Patch::Merge(json!({ "series": { "count": 2, "lastObservedTime": time } }));
        let coarse = series("2026-01-01T00:00:01Z");
        let status = refusal(place.api::<Event>().patch("e", &PatchParams::default(), &coarse).await);
        assert!(
            status.message.contains("cannot parse"),
            "times of events have microseconds: {}",
            status.message
        );
        let series = series("2026-01-01T00:00:01.000000Z");
        let counted = place
            .api::<Event>()
            .patch("e", &PatchParams::default(), &series)
            .await
            .unwrap();
        assert_eq!(counted.series.unwrap().count, 2);
        for (field, wrong) in [
            ("type", "Odd"),
            ("reason", ""),
            ("reportingController", ""),
            ("action", ""),
        ] {
            let mut wanted = wanted.clone();
            wanted["metadata"]["name"] = json!("f");
            wanted[field] = json!(wrong);
            assert_eq!(refusal(place.create::<Event>(wanted).await).code, 422, "{field}");
        }
    });
}

#[test]
fn small_kinds_are_completed() {
    place::run("small", async |place| {
        let policy = json!({ "metadata": { "name": "a" }, "spec": { "podSelector": {}, "egress": [{ "ports": [{ "port": 1 }] }] } });
        let made = json_of(place.create::<NetworkPolicy>(policy).await.unwrap());
        assert_eq!(made["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
        assert_eq!(made["spec"]["egress"][0]["ports"][0]["protocol"], "TCP");
        let binding = json!({ "metadata": { "name": "a" }, "roleRef": { "kind": "Role", "name": "r",
            "apiGroup": "rbac.authorization.k8s.io" }, "subjects": [{ "kind": "User", "name": "u" }] });
        let made = json_of(place.create::<RoleBinding>(binding).await.unwrap());
        assert_eq!(made["subjects"][0]["apiGroup"], "rbac.authorization.k8s.io");
        let other = Patch::Merge(json!({ "roleRef": { "name": "other" } }));
        let status = refusal(
            place
                .api::<RoleBinding>()
                .patch("a", &PatchParams::default(), &other)
                .await,
        );
        assert!(status.message.contains("cannot change roleRef"), "{}", status.message);
    });
}
