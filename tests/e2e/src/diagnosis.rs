//! What is told of a case that failed: the objects, the events, and the last lines of the logs.

use std::fmt::Write;

use crate::World;

const LINES_OF_A_POD: &str = "--tail=15";
const LINES_OF_THE_CONTROLLERS: usize = 25;

/// Everything that helps to understand why the case failed.
pub(crate) async fn diagnosis(world: &World) -> String {
    let mut text = String::new();
    let overview = ["get", "rayjobs,rayclusters,jobs,services,pods", "-o", "wide"];
    let status = ["get", "rayjobs,rayclusters", "-o", STATUS];
    let events = ["get", "events", "--sort-by=.lastTimestamp", "-o", EVENTS];
    for (title, arguments) in [("objects", &overview[..]), ("statuses", &status), ("events", &events)] {
        add(&mut text, title, &kubectl(world, arguments).await);
    }
    let pods = kubectl(world, &["get", "pods", "-o", "name"]).await;
    for pod in pods.lines() {
        let log = kubectl(world, &["logs", pod, "--all-containers", LINES_OF_A_POD]).await;
        add(&mut text, &format!("last lines of {pod}"), &log);
    }
    let lines = world
        .cluster
        .controllers
        .last_lines(&world.namespace, LINES_OF_THE_CONTROLLERS);
    add(&mut text, "the controllers on this namespace", &lines.join("\n"));
    text
}

const STATUS: &str = r#"jsonpath={range .items[*]}{.kind}{" "}{.metadata.name}{": "}{.status}{"\n"}{end}"#;
const EVENTS: &str = "custom-columns=TIME:.metadata.creationTimestamp,KIND:.involvedObject.kind,NAME:.involvedObject.name,\
                      REASON:.reason,MESSAGE:.message";

async fn kubectl(world: &World, arguments: &[&str]) -> String {
    match world.kubectl(arguments, "").await {
        Ok(output) => output.stdout + &output.stderr,
        Err(error) => format!("{error:#}"),
    }
}

fn add(text: &mut String, title: &str, content: &str) {
    let _ = writeln!(text, "\n--- {title}\n{}", content.trim_end());
}
