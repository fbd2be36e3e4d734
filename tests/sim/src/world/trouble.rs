//! What a plan has go wrong at a time, and not with a request.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::controllers::Controllers;
use crate::actors::hand::Surroundings;
use crate::faults::incident::Incidents;
use crate::faults::lease::Trouble;
use crate::faults::plan::{Behaviour, Fault, LeaseFault, Plan};
use crate::ray::session::{Misbehaviour, Ray};

/// Has everything come at its time.
pub fn begin(surroundings: &Arc<Surroundings>, controllers: &Arc<Controllers>, incidents: &Arc<Incidents>) {
    for fault in surroundings.settings.faults.faults.clone() {
        let controllers = controllers.clone();
        match fault {
            Fault::Request { .. }
            | Fault::Watch { .. }
            | Fault::Noise { .. }
            | Fault::ChannelNoise { .. }
            | Fault::LogExit(_)
            | Fault::Bug(_) => {}
            Fault::Dashboard { behaviour, at, time } => {
                let (ray, incidents) = (surroundings.ray.clone(), incidents.clone());
                tokio::spawn(spoil_dashboards(ray, incidents, behaviour, at, time));
            }
            timed => {
                let (incidents, surroundings) = (incidents.clone(), surroundings.clone());
                tokio::spawn(async move {
                    if let Err(error) = strike(&controllers, timed, &surroundings.settings.faults).await {
                        incidents.note("world", format_args!("{error:#}"));
                    }
                });
            }
        }
    }
}

async fn spoil_dashboards(
    ray: Arc<Ray>,
    incidents: Arc<Incidents>,
    behaviour: Behaviour,
    at: Duration,
    time: Duration,
) {
    tokio::time::sleep(at).await;
    incidents.note("world", format_args!("dashboards: {behaviour:?}"));
    let misbehaviour = Misbehaviour {
        cluster: None,
        behaviour: behaviour.clone(),
    };
    ray.misbehave(misbehaviour.clone());
    tokio::time::sleep(time).await;
    incidents.note("world", format_args!("dashboards: {behaviour:?} no more"));
    ray.behave(&misbehaviour);
}

async fn strike(controllers: &Controllers, fault: Fault, plan: &Plan) -> anyhow::Result<()> {
    match fault {
        Fault::Crash { controller, at } => {
            tokio::time::sleep(at).await;
            controllers.restart(&controller).await
        }
        Fault::HandOver {
            controller,
            at,
            overlap,
        } => {
            tokio::time::sleep(at).await;
            controllers.hand_over(&controller, overlap).await
        }
        Fault::Lease { controller, at, fault } => {
            tokio::time::sleep(at).await;
            lease(controllers, &controller, fault, plan).await
        }
        Fault::ClockJump {
            controller,
            at,
            seconds,
        } => {
            tokio::time::sleep(at).await;
            controllers.jump(&controller, SignedDuration::from_secs(seconds));
            Ok(())
        }
        Fault::Request { .. }
        | Fault::Watch { .. }
        | Fault::Noise { .. }
        | Fault::ChannelNoise { .. }
        | Fault::Dashboard { .. }
        | Fault::LogExit(_)
        | Fault::Bug(_) => Ok(()),
    }
}

/// How long nothing gets through when another takes the lease over: it can, and the first stands by in time to follow it.
const CUT: Duration = Duration::from_secs(30);
/// How late a loss may be noticed.
const NOTICED: Duration = Duration::from_secs(15);

async fn lease(controllers: &Controllers, controller: &str, fault: LeaseFault, plan: &Plan) -> anyhow::Result<()> {
    match fault {
        LeaseFault::Lost(time) => {
            controllers.trouble_lease(controller, Trouble::Cut, time);
            Ok(())
        }
        LeaseFault::Slow { time, takes } => {
            let before = controllers.losses(controller);
            controllers.trouble_lease(controller, Trouble::Slow(takes), time);
            tokio::time::sleep(time + NOTICED).await;
            if controllers.losses(controller) > before && !plan.takes_lease(controller) {
                controllers.violation(format_args!(
                    "{controller} lost its lease, and the API server was only slow"
                ));
            }
            Ok(())
        }
        LeaseFault::TakenOver(time) => {
            controllers.trouble_lease(controller, Trouble::Cut, CUT);
            let second = controllers.stand_by(controller)?;
            tokio::time::sleep(time).await;
            controllers.end(controller, second);
            Ok(())
        }
        LeaseFault::Left => controllers.replace(controller).await,
    }
}
