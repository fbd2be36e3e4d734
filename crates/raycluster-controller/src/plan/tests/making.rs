//! Multi-host replicas on their way: begun, refused, whole, and made by an older version.

use super::*;

/// Carries out the plan, but one host of it is refused.
fn carry_out_without(world: &mut World, host: i32) {
    let mut plan = world.plan();
    for create in &mut plan.creates {
        if let Some(hosts) = &mut create.hosts {
            hosts.completes &= !hosts.indexes.contains(&host);
            hosts.indexes.retain(|index| *index != host);
        }
    }
    world.carry_out(&plan);
}

fn begun() -> World {
    let mut world = World::running(0);
    world.group()["numOfHosts"] = json!(4);
    world.group()["replicas"] = json!(1);
    carry_out_without(&mut world, 2);
    assert_eq!(world.pods.len(), 4);
    world
}

#[test]
fn what_exists_of_a_replica_stays_while_a_host_is_refused() {
    let mut world = begun();
    let plan = world.plan();
    let [create] = &plan.creates[..] else {
        panic!("one replica is to be completed")
    };
    let hosts = create.hosts.as_ref().unwrap();
    assert_eq!(
        (plan.deletes.len(), hosts.indexes.as_slice(), hosts.completes),
        (0, [2].as_slice(), true)
    );
    assert!(world.making["g"].contains(hosts.replica.as_ref().unwrap()));
    world.carry_out(&plan);
    assert_eq!((world.pods.len(), world.plan().is_empty()), (5, true));
}

#[test]
fn a_replica_that_nobody_knows_goes_once() {
    let mut world = begun();
    world.making.clear();
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.creates.len()), (3, 0));
    world.carry_out(&plan);
    carry_out_without(&mut world, 2);
    assert_eq!(
        (world.plan().deletes.len(), world.plan().creates.len()),
        (0, 1),
        "what is made anew is known"
    );
}

#[test]
fn a_replica_that_was_whole_is_not_being_made_any_more() {
    let mut world = begun();
    let making = world.making.clone();
    world.settle();
    world.making = making;
    let plan = world.plan();
    assert!(plan.is_empty());
    assert_eq!(
        plan.whole,
        [("g".to_owned(), world.making["g"].first().unwrap().clone())]
    );
}

#[test]
fn a_replica_that_is_refused_altogether_keeps_its_name() {
    let mut world = begun();
    world
        .pods
        .retain(|pod| pod["metadata"]["labels"]["ray.io/group"] != "g");
    let plan = world.plan();
    let hosts = plan.creates[0].hosts.as_ref().unwrap();
    assert_eq!(hosts.replica.as_ref(), world.making["g"].first());
}

#[test]
fn a_replica_that_is_being_made_and_not_wanted_any_more_goes() {
    let mut world = begun();
    world.spec["enableInTreeAutoscaling"] = json!(true);
    world.group()["replicas"] = json!(0);
    let plan = world.plan();
    assert_eq!(
        (plan.deletes.len(), plan.creates.len()),
        (3, 0),
        "with the autoscaler, too"
    );
}

#[test]
fn a_host_that_ends_takes_a_replica_along_that_is_being_made() {
    let mut world = begun();
    let name = world.decoded().last().unwrap().name().to_owned();
    world.pod(&name)["status"] = json!({"phase": "Failed"});
    let plan = world.plan();
    assert_eq!(plan.deletes.len(), 3);
    assert_eq!(
        plan.creates[0].hosts.as_ref().unwrap().replica,
        None,
        "under another name"
    );
}

/// Two replicas of two hosts, made without the labels of replicas.
fn of_an_older_version() -> World {
    let mut world = multi_host(2, 2);
    for pod in &mut world.pods {
        let labels = pod["metadata"]["labels"].as_object_mut().unwrap();
        labels.retain(|key, _| !key.contains("replica"));
    }
    world
}

#[test]
fn hosts_of_an_older_version_are_taken_for_replicas() {
    let mut world = of_an_older_version();
    assert!(world.plan().is_empty());
    world.group()["replicas"] = json!(3);
    assert_eq!((world.plan().deletes.len(), world.plan().creates.len()), (0, 1));
    world.group()["replicas"] = json!(1);
    assert_eq!(world.plan().deletes.len(), 2);
}

#[test]
fn hosts_of_an_older_version_go_as_a_replica() {
    let mut world = of_an_older_version();
    let names: Vec<_> = world
        .decoded()
        .iter()
        .map(|pod| pod.name().to_owned())
        .filter(|name| name.starts_with('w'))
        .collect();
    world.group()["scaleStrategy"] = json!({"workersToDelete": [names[1], names[3]]});
    world.group()["replicas"] = json!(1);
    assert_eq!(super::names(&world.plan()), [names[1].as_str(), names[3].as_str()]);
    world.group()["scaleStrategy"] = json!({});
    world.group()["replicas"] = json!(2);
    world.pod(&names[0])["status"] = json!({"phase": "Failed"});
    let plan = world.plan();
    assert_eq!(plan.deletes.len(), 2, "it, and one that is left alone");
    world.settle();
    assert_eq!(world.pods.len(), 5);
}

#[test]
fn workers_of_a_group_that_had_one_host_are_no_replica_of_two() {
    let mut world = World::running(2);
    world.group()["numOfHosts"] = json!(2);
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.creates.len()), (2, 0));
    world.settle();
    assert_eq!(world.pods.len(), 5);
}
