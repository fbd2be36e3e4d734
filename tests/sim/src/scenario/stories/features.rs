//! RayClusters with features of their own: several hosts a replica, groups that sleep, upgrades, volumes, Ingresses.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use serde_json::{Value, json};

use crate::actors::Order;
use crate::actors::json::{label, text};
use crate::api::Key;
use crate::scenario::Scenario;
use crate::scenario::fact::{Fact, Subject, none, object, pods, ray_cluster};
use crate::scenario::manifest::{self, group};
use crate::scenario::scene::{Failure, Scene};

/// All of them.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "cluster-group-suspended",
        settings: |_| {},
        needs_machines: false,
        story: |scene| group_suspended(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(3)],
    },
    Scenario {
        name: "cluster-multi-host",
        settings: |_| {},
        needs_machines: false,
        story: |scene| multi_host(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(4), pods(NAME, "worker", 4)],
    },
    Scenario {
        name: "cluster-recreated",
        settings: |_| {},
        needs_machines: false,
        story: |scene| recreated(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2), all_pods_are("2")],
    },
    Scenario {
        name: "cluster-made-invalid",
        settings: |_| {},
        needs_machines: false,
        story: |scene| made_invalid(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(3)],
    },
    Scenario {
        name: "cluster-with-embedded-storage",
        settings: |settings| {
            if let Ok(gates) = "GCSFaultToleranceEmbeddedStorage=true".parse() {
                settings.gates = gates;
            }
        },
        needs_machines: true,
        story: |scene| with_embedded_storage(scene).boxed(),
        ends: || ["RayCluster", "Pod", "PersistentVolumeClaim"].map(none).to_vec(),
    },
    Scenario {
        name: "cluster-with-ingress",
        settings: |_| {},
        needs_machines: false,
        story: |scene| with_ingress(scene).boxed(),
        ends: || ["RayCluster", "Pod", "Ingress"].map(none).to_vec(),
    },
    Scenario {
        name: "cluster-workers-named-for-deletion",
        settings: |_| {},
        needs_machines: false,
        story: |scene| named_for_deletion(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(2), pods(NAME, "worker", 2)],
    },
    Scenario {
        name: "cluster-wiped-by-its-autoscaler",
        settings: |settings| settings.switches.autoscaler_max_deletion_percent = Some(50),
        needs_machines: true,
        story: |scene| wiped(scene).boxed(),
        ends: || vec![ray_cluster(NAME).ready_with(0), pods(NAME, "worker", 0)],
    },
    Scenario {
        name: "cluster-of-another-controller",
        settings: |_| {},
        needs_machines: false,
        story: |scene| of_another(scene).boxed(),
        ends: || vec![none("Pod"), none("Service"), ray_cluster(NAME).exists()],
    },
];

const NAME: &str = "raycluster";
const VERSION: &str = "example.com/version";

fn groups(groups: &[Value]) -> Value {
    json!({ "spec": { "workerGroupSpecs": groups } })
}

fn changed(mut group: Value, change: &Value) -> Value {
    json_patch::merge(&mut group, change);
    group
}

/// One of two groups sleeps for a while; the other goes on undisturbed.
async fn group_suspended(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let both = |suspend: bool| {
        let sleeper = changed(group("sleeper", 2), &json!({ "suspend": suspend }));
        groups(&[group("workers", 1), sleeper])
    };
    let manifest = manifest::ray_cluster(NAME, 1).with(&both(false)["spec"]);
    scene.create(manifest).await?;
    scene.when(cluster.ready_with(3)).await?;
    scene.patch(&cluster, both(true)).await?;
    scene.eventually(pods(NAME, "worker", 1)).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    scene.patch(&cluster, both(false)).await?;
    scene.eventually(cluster.ready_with(3)).await
}

/// A host of a replica of two goes, and the other host with it: the replica is of use only as a whole.
async fn multi_host(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let slice = changed(group("workers", 2), &json!({ "numOfHosts": 2 }));
    scene
        .create(manifest::ray_cluster(NAME, 2).with(&groups(&[slice])["spec"]))
        .await?;
    scene.when(cluster.ready_with(4)).await?;
    let all = scene.read_all("Pod").await?;
    let replica = |pod: &Value| label(pod, "ray.io/worker-group-replica-name").to_owned();
    let lost = all.iter().find(|pod| !replica(pod).is_empty());
    let hosts = all
        .iter()
        .filter(|pod| lost.is_some_and(|lost| replica(lost) == replica(pod)));
    let hosts: Vec<_> = hosts.map(|pod| text(&pod["metadata"]["name"]).to_owned()).collect();
    for name in hosts.iter().take(1) {
        scene.delete(&object("Pod", name)).await?;
    }
    for name in &hosts {
        scene.eventually(object("Pod", name).gone()).await?;
    }
    scene.eventually(cluster.ready_with(4)).await
}

/// With `Recreate` a change of the templates replaces all pods.
async fn recreated(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let of_version = |version: &str| {
        let template = json!({ "template": { "metadata": { "labels": { VERSION: version } } } });
        json!({
            "upgradeStrategy": { "type": "Recreate" },
            "headGroupSpec": template,
            "workerGroupSpecs": [changed(group("workers", 2), &template)],
        })
    };
    scene.never(pods(NAME, "head", 2));
    scene
        .create(manifest::ray_cluster(NAME, 2).with(&of_version("1")))
        .await?;
    scene.when(cluster.ready_with(2)).await?;
    scene.patch(&cluster, json!({ "spec": of_version("2") })).await?;
    scene.eventually(all_pods_are("2")).await?;
    scene.eventually(cluster.ready_with(2)).await
}

fn all_pods_are(version: &'static str) -> Fact {
    let subject = Subject {
        kind: "Pod",
        name: None,
    };
    Fact::new(
        format!("all pods are of version {version}"),
        subject,
        move |pods: &[Arc<Value>]| {
            let others = pods.iter().filter(|pod| label(pod, VERSION) != version).count();
            match (pods.len(), others) {
                (0, _) => Err("there is none".to_owned()),
                (_, 0) => Ok(()),
                _ => Err(format!("{others} are not")),
            }
        },
    )
}

/// A spec that makes no sense changes nothing but the status, and is of no consequence once it is mended.
async fn made_invalid(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 2)).await?;
    scene.when(cluster.ready_with(2)).await?;
    let bounds = json!({ "minReplicas": 5, "maxReplicas": 4 });
    let turned = groups(&[changed(group("workers", 0), &bounds)]);
    scene.patch(&cluster, turned).await?;
    scene.eventually(cluster.condition("SpecInvalid", "True")).await?;
    scene.wait(Duration::from_secs(120)).await;
    scene.holds(pods(NAME, "worker", 2)).await?;
    scene.holds(pods(NAME, "head", 1)).await?;
    scene.patch(&cluster, groups(&[group("workers", 3)])).await?;
    scene.eventually(cluster.ready_with(3)).await
}

/// A head that keeps its state on a volume is killed, and comes back; with the RayCluster the claim goes.
async fn with_embedded_storage(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let options = json!({ "gcsFaultToleranceOptions": { "backend": "rocksdb", "storage": { "size": "1Gi" } } });
    scene.create(manifest::ray_cluster(NAME, 1).with(&options)).await?;
    scene.when(cluster.ready_with(1)).await?;
    for head in scene.pods(NAME, "head").await? {
        let name = head.name.clone();
        scene.delete(&object("Pod", &name)).await?;
    }
    scene.eventually(pods(NAME, "head", 1)).await?;
    scene.eventually(cluster.ready_with(1)).await?;
    scene.delete(&cluster).await?;
    scene.eventually(cluster.gone()).await
}

/// An Ingress comes with the RayCluster and goes with it.
async fn with_ingress(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let ingress = json!({ "headGroupSpec": { "enableIngress": true } });
    scene.create(manifest::ray_cluster(NAME, 1).with(&ingress)).await?;
    scene.when(cluster.ready_with(1)).await?;
    scene
        .eventually(object("Ingress", &format!("{NAME}-head-ingress")).exists())
        .await?;
    scene.delete(&cluster).await?;
    scene.eventually(cluster.gone()).await
}

/// A user names workers that shall go, as the autoscaler does: those go, and no others.
async fn named_for_deletion(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    scene.create(manifest::ray_cluster(NAME, 3)).await?;
    scene.when(cluster.ready_with(3)).await?;
    for pod in scene.pods(NAME, "worker").await?.into_iter().take(1) {
        let name = pod.name.to_string();
        let fewer = json!({ "replicas": 2, "scaleStrategy": { "workersToDelete": [name] } });
        let fewer = groups(&[changed(group("workers", 2), &fewer)]);
        scene.patch(&cluster, fewer).await?;
        scene.eventually(object("Pod", &name).gone()).await?;
    }
    scene.eventually(cluster.ready_with(2)).await
}

/// An autoscaler wants all workers gone at once: half of them a minute go, and the status says why.
async fn wiped(scene: Scene) -> Result<(), Failure> {
    let cluster = ray_cluster(NAME);
    let manifest = manifest::ray_cluster(NAME, 4).with(&json!({ "enableInTreeAutoscaling": true }));
    scene.create(manifest).await?;
    scene.when(cluster.ready_with(4)).await?;
    scene.order(Order::Demand {
        cluster: Key::new("RayCluster", "default", NAME),
        group: "workers".to_owned(),
        replicas: 0,
    })?;
    scene
        .eventually(cluster.condition("WorkerDeletionHeldBack", "True"))
        .await?;
    scene.eventually(cluster.ready_with(0)).await
}

/// A RayCluster that another controller manages is left alone.
async fn of_another(scene: Scene) -> Result<(), Failure> {
    scene.never(pods(NAME, "head", 1));
    let manifest = manifest::ray_cluster(NAME, 1).with(&json!({ "managedBy": "kueue.x-k8s.io/multikueue" }));
    scene.create(manifest).await?;
    scene.wait(Duration::from_secs(120)).await;
    Ok(())
}
