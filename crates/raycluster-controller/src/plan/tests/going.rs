//! Pods that have ended, that go, and that should be gone: what they stop, and what not.

use super::*;

const GOES_ON_AT: &str = "2026-01-01T00:00:01Z";
const TOLD_AT: &str = "2026-01-01T00:00:10Z";

/// Has a pod being deleted.
fn go(pod: &mut Value) {
    pod["metadata"]["deletionTimestamp"] = json!(GONE_AT);
}

fn fail(pod: &mut Value) {
    pod["status"] = json!({"phase": "Failed"});
}

#[test]
fn a_worker_that_goes_is_replaced_when_it_should_be_gone() {
    let mut world = World::running(2);
    go(world.pod("w003"));
    let plan = world.plan();
    assert!(plan.is_empty(), "its grace period is not over");
    assert_eq!(plan.look_again, Some(Duration::from_secs(10)));
    world.now = GOES_ON_AT.parse().unwrap();
    let plan = world.plan();
    assert_eq!((indexes(&plan), plan.look_again), (vec![Some(1)], None));
    world.settle();
    world.pods.retain(|pod| pod["metadata"]["name"] != "w003");
    assert!(world.plan().is_empty(), "no third worker when it is gone at last");
}

#[test]
fn a_pod_that_no_scheduler_looks_at_is_looked_at_again_when_that_is_told() {
    let mut world = World::running(1);
    let pod = world.pod("w002");
    pod["metadata"]["creationTimestamp"] = json!("2025-12-31T23:59:40Z");
    pod["status"] = json!({"phase": "Pending"});
    let plan = world.plan();
    assert!(plan.is_empty(), "nothing can be done about it");
    assert_eq!(plan.look_again, Some(Duration::from_secs(50)));
    world.now = "2026-01-01T00:00:40Z".parse().unwrap();
    assert_eq!(
        world.plan().look_again,
        Some(Duration::from_secs(60)),
        "it may be bound without a word that is read"
    );
    world.now = "2025-12-31T23:59:50Z".parse().unwrap();
    world.pod("w002")["spec"]["nodeName"] = json!("n1");
    assert_eq!(world.plan().look_again, None);
}

#[test]
fn an_ended_worker_is_replaced_at_once_and_stops_nothing() {
    let mut world = World::running(3);
    fail(world.pod("w002"));
    let plan = world.plan();
    assert_eq!((names(&plan), indexes(&plan)), (vec!["w002"], vec![Some(0)]));
    go(world.pod("w002"));
    world.group()["replicas"] = json!(5);
    assert_eq!(world.plan().creates.len(), 3, "a finalizer keeps it");
    world.settle();
    world.group()["replicas"] = json!(1);
    let named = world
        .decoded()
        .iter()
        .rev()
        .find(|pod| pod.group == "g")
        .unwrap()
        .name()
        .to_owned();
    world.group()["scaleStrategy"] = json!({"workersToDelete": [named]});
    assert_eq!(world.plan().deletes.len(), 4, "nor does it stop a deletion");
    world.settle();
    assert_eq!(world.pods.len(), 3, "the head, one worker, and the one that is kept");
}

#[test]
fn a_lost_host_does_not_stop_its_group() {
    let mut world = multi_host(2, 2);
    let lost = world
        .pods
        .iter_mut()
        .find(|pod| pod["metadata"]["labels"]["ray.io/group"] == "g")
        .unwrap();
    go(lost);
    assert!(world.plan().is_empty(), "its grace period is not over");
    world.now = GOES_ON_AT.parse().unwrap();
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.creates.len()), (1, 0));
    assert_eq!(plan.deletes[0].why, WhyDelete::Replica(WhyReplica::Incomplete));
    world.carry_out(&plan);
    let plan = world.plan();
    assert_eq!(
        (plan.deletes.len(), plan.creates.len()),
        (0, 1),
        "a new replica, although the lost one is there"
    );
}

#[test]
fn an_ended_head_goes_and_its_successor_does_not_wait_for_finalizers() {
    for phase in ["Failed", "Succeeded"] {
        let mut world = World::running(2);
        world.pod("head1")["status"] = json!({ "phase": phase });
        world.group()["replicas"] = json!(3);
        let plan = world.plan();
        assert_eq!(
            (names(&plan), plan.creates.len(), plan.create_head),
            (vec!["head1"], 1, false)
        );
        assert!(plan.more, "its successor comes next");
        go(world.pod("head1"));
        let plan = world.plan();
        assert!(plan.create_head && plan.deletes.is_empty());
        assert_eq!(plan.creates.len(), 1);
    }
}

#[test]
fn a_head_that_may_still_run_is_waited_for_and_stops_no_group() {
    let mut world = World::running(2);
    go(world.pod("head1"));
    world.group()["replicas"] = json!(3);
    let plan = world.plan();
    assert_eq!(
        (plan.create_head, plan.creates.len(), plan.waits_for_head),
        (false, 1, None)
    );
    world.now = GOES_ON_AT.parse().unwrap();
    let plan = world.plan();
    assert_eq!((plan.create_head, plan.creates.len()), (false, 1));
    assert_eq!(plan.waits_for_head, None, "a kubelet takes some seconds to confirm");
    assert_eq!(plan.look_again, Some(Duration::from_secs(9)));
    world.now = TOLD_AT.parse().unwrap();
    assert_eq!(world.plan().waits_for_head.unwrap().name(), "head1");
    end_ray(world.pod("head1"), "Never");
    let plan = world.plan();
    assert_eq!(
        (plan.create_head, plan.creates.len()),
        (false, 1),
        "its other containers may run"
    );
    fail(world.pod("head1"));
    assert!(world.plan().create_head, "it has ended");
}

#[test]
fn recreation_waits_for_the_old_head_and_not_for_a_lost_one() {
    let mut world = World::running(1);
    world.spec["upgradeStrategy"] = json!({"type": "Recreate"});
    world.spec_hash = "changed";
    world.pods.iter_mut().for_each(go);
    assert!(world.plan().is_empty());
    world.now = GOES_ON_AT.parse().unwrap();
    let plan = world.plan();
    assert_eq!(
        (plan.create_head, plan.creates.len(), plan.delete_all),
        (false, 1, None)
    );
}

#[test]
fn workers_of_a_group_that_is_no_more_go() {
    let mut world = World::running(1);
    world.spec["enableInTreeAutoscaling"] = json!(true);
    world.add("worker", "spare", Some(0), None);
    let foreign = world.add("worker", "spare", None, None);
    world.pod(&foreign)["metadata"]["ownerReferences"] = json!([]);
    let plan = world.plan();
    assert_eq!(
        (names(&plan), plan.creates.len()),
        (vec!["w003"], 0),
        "not what is somebody else's"
    );
    assert_eq!(plan.deletes[0].why, WhyDelete::GroupRemoved);
    world.carry_out(&plan);
    assert!(world.plan().is_empty());
}
