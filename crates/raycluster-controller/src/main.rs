//! The RayCluster controller as a process.

fn main() -> anyhow::Result<()> {
    ray_runtime::process::run(raycluster_controller::NAME, raycluster_controller::start)
}
