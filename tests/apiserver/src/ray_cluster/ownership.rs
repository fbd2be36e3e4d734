//! Objects of a cluster's names that are not its own, and children that somebody takes away or changes.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Pod, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::DeleteParams;
use kube::{Resource, ResourceExt};
use ray_api::v1::RayCluster;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{heads, names, ready};
use crate::harness::manifest::{cluster, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_CLUSTER, eventually, for_a_while, seconds};

const INGRESS: &str = "c-head-ingress";

/// A cluster with every child that is made once and left alone.
fn with_children() -> Value {
    let spec = json!({
        "enableInTreeAutoscaling": true,
        "authOptions": { "mode": "token" },
        "headGroupSpec": { "enableIngress": true },
    });
    with(cluster("c", 1), json!({ "spec": spec }))
}

async fn finalizers<K>(place: &Place, name: &str, finalizers: Value)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    place
        .patch::<K>(name, json!({ "metadata": { "finalizers": finalizers } }))
        .await;
}

/// Waits until the object is controlled by that owner, and stays.
async fn belongs_to<K>(place: &Place, name: &str, owner: &str)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    eventually(
        &format!("{} {name} belongs to the cluster", K::kind(&())),
        SOON,
        async || {
            let found = place.api::<K>().get_opt(name).await.unwrap();
            let metadata = found
                .map(|found| found.meta().clone())
                .ok_or_else(|| "there is none".to_owned())?;
            let owners = metadata.owner_references.clone().unwrap_or_default();
            let ours = owners.iter().any(|reference| reference.uid == owner) && metadata.deletion_timestamp.is_none();
            holds(ours, || {
                format!("{owners:?}, deleted {:?}", metadata.deletion_timestamp)
            })
        },
    )
    .await;
}

macro_rules! each_child {
    ($function:ident ( $($argument:expr),* )) => {
        $function::<Secret>($($argument),*, "c").await;
        $function::<ServiceAccount>($($argument),*, "c").await;
        $function::<Role>($($argument),*, "c").await;
        $function::<RoleBinding>($($argument),*, "c").await;
        $function::<Ingress>($($argument),*, INGRESS).await;
    };
}

#[tokio::test]
async fn a_cluster_made_again_under_its_name_gets_children_of_its_own() {
    async fn hold<K>(place: &Place, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        finalizers::<K>(place, name, json!(["example.com/slow"])).await;
    }
    async fn free<K>(place: &Place, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        finalizers::<K>(place, name, Value::Null).await;
    }
    async fn owned<K>(place: &Place, owner: &str, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        belongs_to::<K>(place, name, owner).await;
    }
    let place = Place::new("made-again").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(with_children()).await;
    let first = ready(&place, "c").await.uid().unwrap();
    each_child!(owned(&place, &first));
    each_child!(hold(&place));
    place.delete::<RayCluster>("c").await;
    place.create(with_children()).await;
    let second = place.cluster("c").await.uid().unwrap();
    for_a_while("no head is made beside the old children", seconds(4), async || {
        let heads = heads(&place, "c").await;
        let new = heads
            .iter()
            .any(|head| head.owner_references().iter().any(|owner| owner.uid == second));
        holds(!new, || format!("{:?}", names(&heads)))
    })
    .await;
    each_child!(free(&place));
    each_child!(owned(&place, &second));
    assert_eq!(ready(&place, "c").await.uid().unwrap(), second);
    // A restart of the head needs the account.
    let head = heads(&place, "c").await.remove(0).name_any();
    place.delete::<Pod>(&head).await;
    eventually("the head is made again, with another name", SOON, async || {
        let now = names(&heads(&place, "c").await);
        holds(now.len() == 1 && now[0] != head, || format!("{now:?}"))
    })
    .await;
    place.end().await;
}

#[tokio::test]
async fn a_child_that_somebody_deletes_comes_back() {
    async fn again<K>(place: &Place, owner: &str, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        belongs_to::<K>(place, name, owner).await;
        place
            .api::<K>()
            .delete(name, &DeleteParams::background())
            .await
            .unwrap();
        belongs_to::<K>(place, name, owner).await;
    }
    let place = Place::new("child-deleted").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(with_children()).await;
    let owner = ready(&place, "c").await.uid().unwrap();
    again::<ServiceAccount>(&place, &owner, "c").await;
    again::<Role>(&place, &owner, "c").await;
    again::<RoleBinding>(&place, &owner, "c").await;
    again::<Ingress>(&place, &owner, INGRESS).await;
    place.end().await;
}

#[tokio::test]
async fn what_a_user_made_beforehand_is_used_as_it_is() {
    async fn untouched<K>(place: &Place)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let found = place.api::<K>().get("c").await.unwrap();
        let metadata = found.meta();
        assert_eq!((&metadata.owner_references, &metadata.labels), (&None, &None));
    }
    let place = Place::new("made-beforehand").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let rbac = "rbac.authorization.k8s.io";
    for object in [
        json!({ "apiVersion": "v1", "kind": "ServiceAccount" }),
        json!({ "apiVersion": "v1", "kind": "Secret", "stringData": { "auth_token": "users" } }),
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "Role",
            "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"] }] }),
        json!({ "apiVersion": format!("{rbac}/v1"), "kind": "RoleBinding",
            "roleRef": { "apiGroup": rbac, "kind": "Role", "name": "c" },
            "subjects": [{ "kind": "ServiceAccount", "name": "c", "namespace": place.namespace }] }),
    ] {
        place.create(with(object, json!({ "metadata": { "name": "c" } }))).await;
    }
    place.create(with_children()).await;
    ready(&place, "c").await;
    untouched::<ServiceAccount>(&place).await;
    untouched::<Secret>(&place).await;
    untouched::<Role>(&place).await;
    untouched::<RoleBinding>(&place).await;
    place.end().await;
}

#[tokio::test]
async fn a_role_that_grants_more_is_not_bound_to_the_head() {
    let place = Place::new("foreign-role").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let role = json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "c" },
        "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }] });
    place.create(role).await;
    place.create(with_children()).await;
    let note = told(&place, "c", "FailedToCreateRole").await;
    assert!(note.contains("grants more"), "{note}");
    let binding = place.api::<RoleBinding>().get_opt("c").await.unwrap();
    assert!(binding.is_none() && heads(&place, "c").await.is_empty(), "{binding:?}");
    place.delete::<Role>("c").await;
    ready(&place, "c").await;
    place.end().await;
}

#[tokio::test]
async fn a_cluster_whose_long_name_ends_like_anothers_is_told_and_waits() {
    let place = Place::new("ends-alike").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let end = "x".repeat(50);
    let [first, second] = ["a", "b"].map(|start| format!("{start}{end}"));
    let spec = json!({ "spec": { "enableInTreeAutoscaling": true, "authOptions": { "mode": "token" } } });
    place.create(with(cluster(&first, 1), spec.clone())).await;
    let owner = ready(&place, &first).await.uid().unwrap();
    let before = place.api::<Secret>().get(&end).await.unwrap();

    place.create(with(cluster(&second, 1), spec)).await;
    let note = eventually("an event says who has the name", SOON, async || {
        let events = place.events(&second).await;
        let found = events
            .iter()
            .find(|(_, _, note)| note.contains(&format!("belongs to RayCluster {first}")));
        found
            .map(|(_, _, note)| note.clone())
            .ok_or_else(|| format!("{events:?}"))
    })
    .await;
    assert!(note.contains("give this RayCluster another name"), "{note}");
    for_a_while("it has no pods, and takes nothing", seconds(3), async || {
        let pods = heads(&place, &second).await.len();
        let secret = place.api::<Secret>().get(&end).await.unwrap();
        holds(
            pods == 0 && secret.metadata == before.metadata && secret.data == before.data,
            || format!("{pods} heads, {:?}", secret.metadata),
        )
    })
    .await;
    ready(&place, &first).await;
    belongs_to::<ServiceAccount>(&place, &end, &owner).await;
    place.delete::<RayCluster>(&first).await;
    ready(&place, &second).await;
    place.end().await;
}

#[tokio::test]
async fn a_serve_service_that_cannot_be_made_stops_nothing_else() {
    let place = Place::new("serve-service").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let serve = json!({ "metadata": { "annotations": { "ray.io/enable-serve-service": "true" } } });
    let users = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "taken-serve-svc" },
        "spec": { "ports": [{ "port": 80 }] } });
    place.create(users).await;
    place.create(with(cluster("taken", 1), serve.clone())).await;
    let mut without = with(cluster("without", 1), serve);
    without["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]["ports"] =
        json!([{ "name": "gcs-server", "containerPort": 6379 }, { "name": "dashboard", "containerPort": 8265 }]);
    place.create(without).await;
    for (name, why) in [("taken", "does not belong"), ("without", "port named 'serve'")] {
        ready(&place, name).await;
        let note = told(&place, name, "FailedToCreateService").await;
        assert!(note.contains(why), "{note}");
    }
    place.delete::<Service>("taken-serve-svc").await;
    let owner = place.cluster("taken").await.uid().unwrap();
    belongs_to::<Service>(&place, "taken-serve-svc", &owner).await;
    place.end().await;
}

#[tokio::test]
async fn a_head_that_lost_its_labels_gets_them_back() {
    let place = Place::new("relabelled").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    place.create(cluster("c", 1)).await;
    ready(&place, "c").await;
    let head = heads(&place, "c").await.remove(0);
    for label in ["ray.io/cluster", "ray.io/node-type"] {
        let change = json!({ "metadata": { "labels": { label: null } } });
        place.patch::<Pod>(&head.name_any(), change).await;
        eventually("the head has its labels, and is the only one", SOON, async || {
            let now = heads(&place, "c").await;
            let same = now.len() == 1 && now[0].uid() == head.uid();
            holds(same, || format!("{:?}", names(&now)))
        })
        .await;
    }
    told(&place, "c", "RestoredHeadPodLabels").await;
    ready(&place, "c").await;
    place.end().await;
}

#[tokio::test]
async fn a_head_of_somebody_else_is_waited_for() {
    let place = Place::new("foreign-head").await;
    let _controller = place.controller(RAY_CLUSTER).await;
    let labels = json!({ "ray.io/cluster": "c", "ray.io/node-type": "head", "ray.io/group": "headgroup" });
    let mut pod = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "theirs", "labels": labels } });
    pod["spec"] = cluster("c", 0)["spec"]["headGroupSpec"]["template"]["spec"].clone();
    place.create(pod).await;
    place.create(cluster("c", 1)).await;
    let note = told(&place, "c", "ForeignHeadPod").await;
    assert!(note.contains("theirs"), "{note}");
    assert_eq!(names(&heads(&place, "c").await), ["theirs"]);
    place.delete::<Pod>("theirs").await;
    ready(&place, "c").await;
    place.end().await;
}

/// Waits for an event about the cluster; its note.
async fn told(place: &Place, cluster: &str, wanted: &str) -> String {
    eventually(&format!("an event {wanted}"), SOON, async || {
        let events = place.events(cluster).await;
        let found = events.iter().find(|(_, reason, _)| reason == wanted);
        found
            .map(|(_, _, note)| note.clone())
            .ok_or_else(|| format!("{events:?}"))
    })
    .await
}
