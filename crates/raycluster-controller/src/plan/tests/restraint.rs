//! A wave of `workersToDelete`, with and without the switch that bounds it.

use super::*;

/// A cluster with the autoscaler, which may have a fifth of the ready replicas deleted in a minute.
fn restrained(mut world: World) -> World {
    world.spec["enableInTreeAutoscaling"] = json!(true);
    world.settings.switches.autoscaler_max_deletion_percent = Some(20);
    world
}

/// Has the autoscaler name every worker and want none.
fn name_all(world: &mut World) {
    let workers = world
        .decoded()
        .into_iter()
        .filter(|pod| pod.node_type == ray_runtime::pod::NodeType::Worker);
    let names: Vec<_> = workers.map(|pod| pod.name().to_owned()).collect();
    world.group()["scaleStrategy"] = json!({"workersToDelete": names});
    world.group()["replicas"] = json!(0);
}

#[test]
fn without_the_switch_a_wave_goes_at_once() {
    let mut world = restrained(World::running(10));
    world.settings.switches.autoscaler_max_deletion_percent = None;
    name_all(&mut world);
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.held_back.len(), plan.spent.len()), (10, 0, 0));
}

#[test]
fn a_wave_goes_a_share_a_minute() {
    let mut world = restrained(World::running(10));
    name_all(&mut world);
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.creates.len()), (2, 0));
    let [held_back] = &plan.held_back[..] else {
        panic!("one group")
    };
    assert_eq!((held_back.pods.len(), held_back.named, held_back.ready), (8, 10, 10));
    let said = held_back.to_string();
    assert!(
        said.starts_with(
            "The autoscaler wants 10 of 10 ready replicas of group g deleted; held back are the Pods w004, "
        )
    );
    assert!(
        said.contains("at most 20 % of them go in a minute (AUTOSCALER_MAX_DELETION_PERCENT)"),
        "{said}"
    );
    world.carry_out(&plan);
    assert!(world.plan().is_empty(), "the rest of this minute");
    let mut minutes = 1;
    while world.pods.len() > 1 {
        world.spent.clear();
        let plan = world.plan();
        assert!((1..=2).contains(&plan.deletes.len()));
        world.carry_out(&plan);
        minutes += 1;
    }
    assert!((5..=10).contains(&minutes), "{minutes}");
}

#[test]
fn what_is_not_ready_goes_at_once() {
    let mut world = restrained(World::running(10));
    for name in ["w009", "w010", "w011"] {
        world.pod(name)["status"] = json!({"phase": "Pending"});
    }
    name_all(&mut world);
    let plan = world.plan();
    assert_eq!(names(&plan), ["w009", "w010", "w011", "w002", "w003"]);
    assert_eq!(plan.spent["g"], 2);
}

#[test]
fn an_autoscaler_whose_head_is_not_ready_has_nothing_deleted() {
    let mut world = restrained(World::running(3));
    name_all(&mut world);
    world.pod("head1")["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
    let plan = world.plan();
    assert!(plan.is_empty());
    assert!(
        plan.held_back[0]
            .to_string()
            .ends_with("since the head Pod, in which the autoscaler runs, is not ready")
    );
    world.pods.retain(|pod| pod["metadata"]["name"] != "head1");
    let plan = world.plan();
    assert!(plan.create_head && plan.deletes.is_empty(), "nor while there is none");
    world.settings.switches.random_pod_delete = true;
    assert!(world.plan().deletes.is_empty(), "nor by number");
}

/// A pass that can do nothing must not bring the next one at once, for ever.
#[test]
fn more_workers_than_go_in_a_pass_are_held_back_in_peace() {
    let mut world = World::running(0);
    world.group()["maxReplicas"] = json!(300);
    world.group()["replicas"] = json!(300);
    world.settle();
    world.pods.iter_mut().for_each(run);
    let mut world = restrained(world);
    name_all(&mut world);
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.held_back[0].pods.len()), (60, 240));
    assert!(!plan.more);
    world.carry_out(&plan);
    let plan = world.plan();
    assert!(plan.is_empty() && !plan.more, "the rest of this minute");
    world.pod("head1")["status"] = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]});
    let plan = world.plan();
    assert!(plan.is_empty() && !plan.more);
}

#[test]
fn a_person_is_not_held_back() {
    let mut world = restrained(World::running(5));
    name_all(&mut world);
    world.spec["enableInTreeAutoscaling"] = json!(false);
    assert_eq!(world.plan().deletes.len(), 5);
}

#[test]
fn replicas_of_several_hosts_are_held_back_whole() {
    let mut world = restrained(multi_host(5, 2));
    name_all(&mut world);
    let plan = world.plan();
    assert_eq!((plan.deletes.len(), plan.spent["g"], plan.creates.len()), (2, 1, 0));
    assert_eq!(plan.deletes[0].pod.replica_name, plan.deletes[1].pod.replica_name);
    assert_eq!((plan.held_back[0].pods.len(), plan.held_back[0].ready), (8, 5));
}
