//! The way to the dashboard from outside.

use k8s_openapi::api::networking::v1::Ingress;
use kube::ResourceExt;
use kube::api::DeleteParams;
use ray_api::v1::RayCluster;
use serde_json::{Value, json};

use super::ready;
use crate::harness::manifest::{cluster, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually};

const INGRESS: &str = "c-head-ingress";

async fn ingress(place: &Place) -> Value {
    let found = eventually("there is an Ingress", SOON, async || {
        let found = place.api::<Ingress>().get_opt(INGRESS).await.unwrap();
        found.ok_or_else(|| "there is none".to_owned())
    })
    .await;
    serde_json::to_value(found).unwrap()
}

fn exposed(annotations: &Value, options: &Value) -> Value {
    let head = json!({ "enableIngress": true, "ingressOptions": options });
    json!({ "metadata": { "annotations": annotations }, "spec": { "headGroupSpec": head } })
}

#[tokio::test]
async fn an_ingress_leads_to_the_dashboard() {
    let place = Place::new("ingress").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let annotations = json!({ "kubernetes.io/ingress.class": "nginx", "example.com/rewrite": "/$1" });
    place
        .create(with(cluster("c", 0), exposed(&annotations, &json!({}))))
        .await;
    let owner = ready(&place, "c").await;
    let made = ingress(&place).await;
    assert_eq!(made["spec"]["ingressClassName"], "nginx");
    assert_eq!(made["metadata"]["annotations"], json!({ "example.com/rewrite": "/$1" }));
    assert_eq!(
        made["metadata"]["labels"],
        json!({
            "ray.io/cluster": "c",
            "ray.io/identifier": "c-head",
            "app.kubernetes.io/name": "kuberay",
            "app.kubernetes.io/created-by": "kuberay-operator",
        })
    );
    assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], owner.uid().unwrap());
    let backend = json!({ "service": { "name": "c-head-svc", "port": { "number": 8265 } } });
    assert_eq!(
        made["spec"]["rules"],
        json!([{ "http": { "paths": [{ "path": "/", "pathType": "Prefix", "backend": backend }] } }])
    );

    let options = json!({
        "host": "ray.example.com",
        "path": "/c",
        "pathType": "Exact",
        "tls": [{ "hosts": ["ray.example.com"], "secretName": "certificate" }],
    });
    let annotations = json!({ "example.com/rewrite": null, "example.com/other": "yes" });
    place.patch::<RayCluster>("c", exposed(&annotations, &options)).await;
    let changed = eventually("the Ingress follows", SOON, async || {
        let now = ingress(&place).await;
        holds(now["spec"]["rules"][0]["host"] == "ray.example.com", || now.to_string())?;
        Ok(now)
    })
    .await;
    assert_eq!(
        changed["spec"]["rules"],
        json!([{
            "host": "ray.example.com",
            "http": { "paths": [{ "path": "/c", "pathType": "Exact", "backend": backend }] },
        }])
    );
    assert_eq!(changed["spec"]["tls"], options["tls"]);
    assert_eq!(
        changed["metadata"]["annotations"],
        json!({ "example.com/other": "yes" })
    );
    assert_eq!(changed["metadata"]["uid"], made["metadata"]["uid"], "it was made again");
    place.end().await;
}

#[tokio::test]
async fn an_ingress_that_is_refused_keeps_no_cluster_from_running() {
    let place = Place::new("ingress-refused").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let refused = json!({ "path": "no-slash" });
    place.create(with(cluster("c", 1), exposed(&json!({}), &refused))).await;
    ready(&place, "c").await;
    eventually("an event tells why", SOON, async || {
        let events = place.events("c").await;
        let told = events
            .iter()
            .any(|(_, reason, note)| reason == "FailedToCreateIngress" && note.contains("no-slash"));
        holds(told, || format!("{events:?}"))
    })
    .await;
    place
        .patch::<RayCluster>("c", exposed(&json!({}), &json!({ "path": "/slash" })))
        .await;
    assert_eq!(
        ingress(&place).await["spec"]["rules"][0]["http"]["paths"][0]["path"],
        "/slash"
    );
    place
        .api::<RayCluster>()
        .delete("c", &DeleteParams::background())
        .await
        .unwrap();
    eventually("the Ingress goes with the cluster", SOON, async || {
        let left = place.api::<Ingress>().get_opt(INGRESS).await.unwrap();
        holds(left.is_none(), || "it is still there".to_owned())
    })
    .await;
    place.end().await;
}
