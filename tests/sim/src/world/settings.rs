//! What a simulated world is like: its machines, its delays, what programs do, and what goes wrong.
//!
//! Everything random is drawn from the seed; settings only bound it.

use std::collections::BTreeSet;
use std::time::Duration;

use ray_api::gates::FeatureGates;
use ray_api::switches::Switches;
use ray_runtime::random::Random;

use crate::faults::plan::Plan;
use crate::ray::session::Courses;

/// A time between two bounds, drawn anew each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    least: Duration,
    most: Duration,
}

impl Span {
    /// From `least` to `most` milliseconds.
    pub const fn milliseconds(least: u64, most: u64) -> Self {
        Self {
            least: Duration::from_millis(least),
            most: Duration::from_millis(most),
        }
    }

    /// A time within the bounds, in whole milliseconds.
    pub fn draw(self, random: &Random) -> Duration {
        let width = self.most.saturating_sub(self.least).as_millis();
        let width = u64::try_from(width).unwrap_or(u64::MAX).saturating_add(1);
        self.least + Duration::from_millis(random.next() % width)
    }
}

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// A request, until it takes effect, and again until it is answered.
    pub request: Span,
    /// A watch event.
    pub watch: Span,
    /// A call of a dashboard.
    pub dashboard: Span,
    /// Until a pod is bound to a node.
    pub schedule: Span,
    /// Until the kubelet has taken a pod up, with its sandbox and its address.
    pub sandbox: Span,
    /// The pull of an image, and the start of a container.
    pub start_container: Span,
    /// From a head's container to the answers of its Ray processes.
    pub start_ray: Span,
    /// From a start to readiness.
    pub ready: Span,
    /// Until a worker's init container has noticed that the head answers.
    pub health_check: Span,
    /// From the signal to the end of a container.
    pub stop: Span,
    /// Until a Kubernetes controller (of Jobs, EndpointSlices, nodes) has taken up a change.
    pub control: Span,
    /// The run of one `ray` command.
    pub command: Span,
    /// From the end of a log to the end of the command that follows it.
    pub log: Span,
    /// Between the death of a controller and its next start.
    pub restart: Span,
    /// Until a lost node counts as lost.
    pub node_grace: Duration,
    /// From then until its pods are deleted.
    pub node_eviction: Duration,
    /// From then until the node itself is removed.
    pub node_removal: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            request: Span::milliseconds(1, 5),
            watch: Span::milliseconds(0, 20),
            dashboard: Span::milliseconds(5, 50),
            schedule: Span::milliseconds(5, 100),
            sandbox: Span::milliseconds(300, 1_500),
            start_container: Span::milliseconds(200, 2_000),
            start_ray: Span::milliseconds(2_000, 6_000),
            ready: Span::milliseconds(10_000, 16_000),
            health_check: Span::milliseconds(0, 5_000),
            stop: Span::milliseconds(500, 3_000),
            control: Span::milliseconds(5, 200),
            command: Span::milliseconds(1_000, 3_000),
            log: Span::milliseconds(100, 1_500),
            restart: Span::milliseconds(500, 10_000),
            node_grace: Duration::from_secs(50),
            node_eviction: Duration::from_secs(300),
            node_removal: Duration::from_secs(60),
        }
    }
}

/// A machine for pods.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Name of its Node.
    pub name: String,
    /// A quantity.
    pub cpu: String,
    /// A quantity.
    pub memory: String,
    /// How many pods it takes.
    pub pods: u32,
}

impl Machine {
    /// A machine with room for about thirty pods of a Ray cluster.
    pub fn large(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            cpu: "32".to_owned(),
            memory: "128Gi".to_owned(),
            pods: 110,
        }
    }
}

/// A world.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The machines.
    pub machines: Vec<Machine>,
    /// How long things take.
    pub timing: Timing,
    /// What programs do.
    pub courses: Courses,
    /// Images that cannot be pulled.
    pub missing_images: BTreeSet<String>,
    /// Exit codes of containers whose command holds these words.
    pub exits: Vec<(String, i32)>,
    /// Exit code of a command that follows a log when the head goes away.
    pub broken_log_exit: i32,
    /// Whether the controllers reach Ray through the API server.
    pub proxy: bool,
    /// The controllers' environment variables.
    pub switches: Switches,
    /// The controllers' feature gates.
    pub gates: FeatureGates,
    /// Whether the controllers keep a lease.
    pub elects: bool,
    /// What goes wrong.
    pub faults: Plan,
    /// How long nothing must change for the world to be at rest: the last answers and events come within this time.
    pub rest: Duration,
    /// How long it is watched then. Longer than the controllers' safety nets.
    pub still: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            machines: ["node-a", "node-b"].map(Machine::large).to_vec(),
            timing: Timing::default(),
            courses: Courses::default(),
            missing_images: BTreeSet::new(),
            exits: Vec::new(),
            broken_log_exit: 1,
            proxy: false,
            switches: Switches::default(),
            gates: FeatureGates::default(),
            elects: true,
            faults: Plan::calm(),
            rest: Duration::from_secs(120),
            still: Duration::from_secs(400),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_reaches_both_of_its_bounds() {
        let random = Random::seeded(1);
        let span = Span::milliseconds(3, 5);
        let drawn: BTreeSet<_> = (0..100).map(|_| span.draw(&random).as_millis()).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5]);
    }
}
