//! RayClusters beside objects of their names that are not theirs, and with children that somebody takes away or changes.

use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::actors::Order;
use crate::actors::json::text;
use crate::api::Key;
use crate::scenario::Scenario;
use crate::scenario::fact::{Fact, object, pods, ray_cluster};
use crate::scenario::manifest;
use crate::scenario::scene::{Failure, Scene};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "cluster-made-again",
        settings: |_| {},
        needs_machines: true,
        story: |scene| made_again(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "head", 1)],
    },
    Scenario {
        name: "cluster-children-deleted",
        settings: |_| {},
        needs_machines: true,
        story: |scene| children_deleted(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1)],
    },
    Scenario {
        name: "cluster-head-relabelled",
        settings: |_| {},
        needs_machines: false,
        story: |scene| head_relabelled(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "head", 1)],
    },
    Scenario {
        name: "cluster-names-taken",
        settings: |_| {},
        needs_machines: true,
        story: |scene| names_taken(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(1), pods(NAME, "head", 1)],
    },
];

const NAME: &str = "raycluster";
/// Kinds and names of the children that are made once, and left alone.
const CHILDREN: [(&str, &str); 4] = [
    ("ServiceAccount", NAME),
    ("Role", NAME),
    ("RoleBinding", NAME),
    ("Ingress", "raycluster-head-ingress"),
];

/// The autoscaler wants one worker: it deletes a second one, which nobody else would.
fn wants_one_worker(scene: &Scene) -> Result<(), Failure> {
    scene.order(Order::Demand {
        cluster: Key::new("RayCluster", "default", NAME),
        group: "workers".to_owned(),
        replicas: 1,
    })
}

/// A cluster with every such child, but for a token: that is random.
fn with_children() -> Value {
    manifest::ray_cluster(NAME, 1)
        .with(&json!({
            "enableInTreeAutoscaling": true,
            "headGroupSpec": { "enableIngress": true },
        }))
        .into()
}

async fn uid(scene: &Scene) -> Result<String, Failure> {
    let found = scene.one(&ray_cluster(NAME)).await?;
    Ok(found
        .map(|object| text(&object["metadata"]["uid"]).to_owned())
        .unwrap_or_default())
}

/// The object is controlled by that owner, and stays.
fn belongs_to(kind: &'static str, name: &str, owner: &str) -> Fact {
    let owner = owner.to_owned();
    object(kind, name).that("belongs to the living RayCluster", move |object| {
        let metadata = &object["metadata"];
        let ours = metadata["ownerReferences"][0]["uid"] == owner.as_str();
        if ours && metadata["deletionTimestamp"].is_null() {
            Ok(())
        } else {
            Err(metadata.to_string())
        }
    })
}

/// A RayCluster is deleted, and at once made again under its name, while garbage collection has not come to the children
/// of the first.
async fn made_again(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    wants_one_worker(&scene)?;
    scene.create(with_children()).await?;
    scene.when(cluster.ready_with(1)).await?;
    let first = uid(&scene).await?;
    for (kind, name) in CHILDREN {
        scene.eventually(belongs_to(kind, name, &first)).await?;
        let slow = json!({ "metadata": { "finalizers": ["example.com/slow"] } });
        scene.patch(&object(kind, name), slow).await?;
    }
    scene.delete(&cluster).await?;
    scene.create(with_children()).await?;
    scene.wait(Duration::from_secs(20)).await;
    for (kind, name) in CHILDREN {
        let free = json!({ "metadata": { "finalizers": null } });
        scene.patch(&object(kind, name), free).await?;
    }
    let second = uid(&scene).await?;
    for (kind, name) in CHILDREN {
        scene.eventually(belongs_to(kind, name, &second)).await?;
    }
    scene.eventually(cluster.ready_with(1)).await
}

/// What a user deletes comes back.
async fn children_deleted(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    wants_one_worker(&scene)?;
    scene.create(with_children()).await?;
    scene.when(cluster.ready_with(1)).await?;
    let owner = uid(&scene).await?;
    for (kind, name) in CHILDREN {
        scene.eventually(belongs_to(kind, name, &owner)).await?;
        scene.delete(&object(kind, name)).await?;
        scene.eventually(belongs_to(kind, name, &owner)).await?;
    }
    Ok(())
}

/// Somebody changes the labels by which the head is found, and deletes it in the end: there is one head throughout.
async fn head_relabelled(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.never(pods(NAME, "head", 2));
    scene.create(manifest::ray_cluster(NAME, 1)).await?;
    scene.when(cluster.ready_with(1)).await?;
    let heads = scene.pods(NAME, "head").await?;
    for head in &heads {
        for label in ["ray.io/node-type", "ray.io/cluster"] {
            let patch = json!({ "metadata": { "labels": { label: "somebody-elses" } } });
            scene.patch(&object("Pod", &head.name), patch).await?;
            let restored = object("Pod", &head.name).that("has its labels", |pod| {
                let labels = &pod["metadata"]["labels"];
                let fine = labels["ray.io/node-type"] == "head" && labels["ray.io/cluster"] == NAME;
                if fine { Ok(()) } else { Err(labels.to_string()) }
            });
            scene.eventually(restored).await?;
        }
        scene.eventually(cluster.ready_with(1)).await?;
        scene.delete(&object("Pod", &head.name)).await?;
        scene.eventually(object("Pod", &head.name).gone()).await?;
    }
    scene.eventually(pods(NAME, "head", 1)).await?;
    scene.eventually(cluster.ready_with(1)).await
}

/// A user has a ServiceAccount, a Role and a serve Service of the cluster's names. The account is used. The Role grants more
/// than the autoscaler needs, so it is not bound to the account, and there is no head while it does. The Service is in
/// nobody's way.
async fn names_taken(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let serve = "raycluster-serve-svc";
    wants_one_worker(&scene)?;
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": NAME },
        "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }] });
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": serve },
        "spec": { "ports": [{ "port": 80 }] } });
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": NAME } });
    for users in [account, role, service] {
        scene.create(users).await?;
    }
    let manifest = manifest::ray_cluster(NAME, 1)
        .with(&json!({ "enableInTreeAutoscaling": true }))
        .marked(&json!({ "annotations": { "ray.io/enable-serve-service": "true" } }));
    scene.create(manifest).await?;
    scene.wait(Duration::from_secs(30)).await;
    scene.holds(pods(NAME, "head", 0)).await?;
    scene.holds(object("RoleBinding", NAME).gone()).await?;
    let narrow = json!({ "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"] }] });
    scene.patch(&object("Role", NAME), narrow).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    let owner = uid(&scene).await?;
    scene.holds(belongs_to("RoleBinding", NAME, &owner)).await?;
    for kind in ["ServiceAccount", "Role"] {
        let users = object(kind, NAME).that("is the user's", |object| {
            let owners = &object["metadata"]["ownerReferences"];
            if owners.is_null() {
                Ok(())
            } else {
                Err(owners.to_string())
            }
        });
        scene.holds(users).await?;
    }
    scene.delete(&object("Service", serve)).await?;
    scene.eventually(belongs_to("Service", serve, &owner)).await
}
