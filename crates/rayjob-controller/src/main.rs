//! The RayJob controller as a process.

fn main() -> anyhow::Result<()> {
    ray_runtime::process::run(rayjob_controller::NAME, rayjob_controller::start)
}
