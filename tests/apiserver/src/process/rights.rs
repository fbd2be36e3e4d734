//! The rights of the charts: nothing that a controller needs is missing, and it has none that it does not use.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::PolicyRule;
use ray_api::v1::RayCluster;
use serde_json::json;

use crate::harness::audit::{self, Call, Right};
use crate::harness::manifest::{cluster, group, with};
use crate::harness::wait::SOON;
use crate::harness::{Account, Controller, Place, RAY_CLUSTER, eventually, seconds};
use crate::ray_cluster::{becomes, has_workers, heads, names, ready};

/// Rights that no test sees used, and why they are there.
const UNUSED: &[(&str, &str, &str, &str)] = &[
    (
        "ray.io",
        "rayclusters",
        "get patch update",
        "RayCluster: the Role of the autoscaler, and finalizers",
    ),
    (
        "ray.io",
        "rayclusters/status",
        "get update",
        "RayCluster: the status subresource as a whole",
    ),
    (
        "ray.io",
        "rayclusters/finalizers",
        "update",
        "OwnerReferencesPermissionEnforcement",
    ),
    (
        "",
        "pods",
        "get patch",
        "reading after a lost answer; the Role of the autoscaler",
    ),
    ("", "pods/resize", "patch", "the Role of the autoscaler"),
    ("", "services", "get", "reading after a lost answer"),
    ("events.k8s.io", "events", "patch", "events that repeat for a minute"),
];

#[tokio::test]
async fn the_raycluster_controller_has_the_rights_that_it_uses() {
    let place = Place::alone("rights").await;
    let account = place.account_for_all_namespaces(RAY_CLUSTER, &[]).await;
    let since = Timestamp::now();
    let controller = Controller::start(&place, &account).acts().await;
    exercise(&place).await;
    drop(controller);
    let calls = place.calls(since).await;
    compare(&account, &calls);
    account.remove_cluster_wide(&place.client).await;
    place.end().await;
}

/// Has the controller do everything that it can.
async fn exercise(place: &Place) {
    let all = json!({
        "metadata": { "annotations": { "ray.io/enable-serve-service": "true" } },
        "spec": {
            "enableInTreeAutoscaling": true,
            "authOptions": { "mode": "token" },
            "workerGroupSpecs": [with(group("hosts", 1), json!({ "numOfHosts": 2 })), group("plain", 2)],
        },
    });
    place.create(with(cluster("all", 0), all)).await;
    place.create(cluster("plain", 2)).await;
    ready(place, "plain").await;
    ready(place, "all").await;
    // A pod, all pods, the pods of a group, and the head go.
    let worker = names(&has_workers(place, "plain", 2).await).remove(0);
    place.fail_pod(&worker).await;
    eventually("the pod is replaced", SOON, async || {
        let now = names(&has_workers(place, "plain", 2).await);
        if now.contains(&worker) {
            Err(worker.clone())
        } else {
            Ok(())
        }
    })
    .await;
    let suspended = with(group("workers", 2), json!({ "suspend": true }));
    place
        .patch::<RayCluster>("plain", json!({ "spec": { "workerGroupSpecs": [suspended] } }))
        .await;
    has_workers(place, "plain", 0).await;
    place.fail_pod(&names(&heads(place, "plain").await)[0]).await;
    place
        .patch::<RayCluster>("plain", json!({ "spec": { "suspend": true } }))
        .await;
    becomes(place, "plain", "RayClusterSuspended", "True").await;
    place.delete::<RayCluster>("all").await;
    tokio::time::sleep(seconds(2)).await;
}

fn compare(account: &Account, calls: &[Call]) {
    let used = audit::rights(calls.iter().filter(|call| !call.denied()));
    let granted = granted(account);
    let unused: BTreeSet<_> = granted.difference(&used).cloned().collect();
    let expected: BTreeSet<Right> = UNUSED
        .iter()
        .flat_map(|(group, resource, verbs, _)| {
            verbs
                .split(' ')
                .map(|verb| ((*group).to_owned(), (*resource).to_owned(), verb.to_owned()))
        })
        .collect();
    println!("granted and not used: {unused:?}");
    let surprising: Vec<_> = unused.difference(&expected).collect();
    assert!(
        surprising.is_empty(),
        "granted, never used, and not on the list: {surprising:?}"
    );
    let not_granted: Vec<_> = used
        .difference(&granted)
        .filter(|(_, resource, _)| !resource.is_empty())
        .collect();
    assert!(not_granted.is_empty(), "used, and not by these roles: {not_granted:?}");
}

fn granted(account: &Account) -> BTreeSet<Right> {
    let mut granted = BTreeSet::new();
    for role in account
        .rights
        .iter()
        .filter(|object| object.types.as_ref().unwrap().kind.ends_with("Role"))
    {
        let rules: Vec<PolicyRule> = serde_json::from_value(role.data["rules"].clone()).unwrap();
        for rule in rules {
            for group in rule.api_groups.iter().flatten() {
                for resource in rule.resources.iter().flatten() {
                    let rights = rule
                        .verbs
                        .iter()
                        .map(|verb| (group.clone(), resource.clone(), verb.clone()));
                    granted.extend(rights);
                }
            }
        }
    }
    granted
}
