//! Numbers that nobody can mean: a plan takes neither time nor memory by them, and plans one after the other go on.

use super::*;

/// A plan's pods to create, by group, with the room that the list takes.
fn creates(plan: &Plan) -> (usize, usize) {
    let pods = plan.creates.iter().map(ReplicaCreate::pods).sum();
    let indexes = plan
        .creates
        .iter()
        .flat_map(|create| &create.hosts)
        .map(|hosts| hosts.indexes.capacity());
    (pods, plan.creates.capacity() + indexes.sum::<usize>())
}

#[test]
fn many_workers_take_no_more_memory_than_some() {
    let mut world = World::running(0);
    world.group()["maxReplicas"] = json!(i32::MAX);
    for field in ["replicas", "minReplicas"] {
        let taken = [1_000, 100_000, 2_000_000_000, i32::MAX].map(|number| {
            world.group()[field] = json!(number);
            let plan = world.plan();
            assert!(plan.more);
            creates(&plan)
        });
        assert!(taken.iter().all(|one| *one == taken[0] && one.0 == BATCH), "{taken:?}");
    }
}

#[test]
fn many_hosts_take_no_more_memory_than_some() {
    let mut world = World::running(0);
    for replicas in [1, i32::MAX] {
        world.group()["replicas"] = json!(replicas);
        world.group()["maxReplicas"] = json!(i32::MAX);
        world.group()["numOfHosts"] = json!(i32::MAX);
        let plan = world.plan();
        assert!(plan.more && creates(&plan).1 <= 4 * BATCH);
        assert_eq!((plan.creates.len(), creates(&plan).0), (1, BATCH));
    }
}

#[test]
fn batches_come_to_an_end() {
    let mut world = World::running(0);
    let wanted = i32::try_from(BATCH).unwrap() * 2 + 7;
    world.group()["maxReplicas"] = json!(wanted);
    world.group()["replicas"] = json!(wanted);
    world.settle();
    let mut indexes: Vec<_> = world.decoded().iter().filter_map(|pod| pod.replica_index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, (0..wanted).collect::<Vec<_>>());
    world.group()["replicas"] = json!(3);
    let plan = world.plan();
    assert!(plan.more && plan.deletes.len() == BATCH);
    world.settle();
    assert_eq!(world.pods.len(), 4);
}

#[test]
fn a_replica_of_more_hosts_than_a_batch_is_made_in_batches() {
    let mut world = World::running(0);
    let hosts = i32::try_from(BATCH).unwrap() * 2 + 7;
    world.group()["numOfHosts"] = json!(hosts);
    world.group()["replicas"] = json!(1);
    for _ in 0..3 {
        let plan = world.plan();
        assert!(plan.deletes.is_empty() && !plan.creates.is_empty());
        world.carry_out(&plan);
    }
    assert!(world.plan().is_empty());
    let hosts_of = |world: &World| world.decoded().iter().filter_map(|pod| pod.host_index).count();
    assert_eq!(i32::try_from(hosts_of(&world)), Ok(hosts));
    let mut begun = multi_host(0, 3);
    begun.group()["replicas"] = json!(100);
    let plan = begun.plan();
    assert!(
        plan.more
            && plan
                .creates
                .iter()
                .all(|create| create.hosts.as_ref().unwrap().completes)
    );
}

#[test]
fn a_wave_of_requests_goes_in_batches() {
    let mut world = World::running(0);
    let many = i32::try_from(BATCH).unwrap() + 50;
    world.group()["maxReplicas"] = json!(many);
    world.group()["replicas"] = json!(many);
    world.settle();
    let named: Vec<_> = world.decoded().iter().map(|pod| pod.name().to_owned()).collect();
    world.group()["scaleStrategy"] = json!({"workersToDelete": named});
    let plan = world.plan();
    assert_eq!(
        (plan.deletes.len(), plan.creates.len(), plan.more),
        (BATCH, BATCH, true),
        "what stays counts"
    );
    world.group()["replicas"] = json!(0);
    world.settle();
    assert_eq!(world.pods.len(), 1);
}

#[test]
fn no_hosts_are_one() {
    for hosts in [0, -1, i32::MIN] {
        let mut world = World::running(0);
        world.group()["replicas"] = json!(2);
        world.group()["numOfHosts"] = json!(hosts);
        assert_eq!(world.plan().creates.len(), 2);
    }
}

#[test]
fn many_groups_are_planned_together() {
    let mut world = World::running(1);
    let groups: Vec<_> = (0..2_000)
        .map(|number| {
            let mut group = world.group().clone();
            group["groupName"] = json!(format!("g{number}"));
            group["suspend"] = json!(number % 3 == 0);
            group
        })
        .collect();
    world.spec["workerGroupSpecs"] = json!(groups);
    for _ in 0..10 {
        let plan = world.plan();
        world.carry_out(&plan);
    }
    assert!(world.plan().is_empty());
    assert_eq!(world.pods.len(), 1 + 1_333);
    for group in world.spec["workerGroupSpecs"].as_array_mut().unwrap() {
        group["suspend"] = json!(true);
    }
    let plan = world.plan();
    assert!(plan.more && plan.delete_groups.len() == BATCH);
}
