//! What a plan has go wrong at a time, and not with a request.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::controllers::Controllers;
use crate::actors::hand::Surroundings;
use crate::faults::incident::Incidents;
use crate::faults::plan::{Behaviour, Fault};
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
            | Fault::Bug(_) => {}
            Fault::Dashboard { behaviour, at, time } => {
                let (ray, incidents) = (surroundings.ray.clone(), incidents.clone());
                tokio::spawn(spoil_dashboards(ray, incidents, behaviour, at, time));
            }
            timed => {
                let incidents = incidents.clone();
                tokio::spawn(async move {
                    if let Err(error) = strike(&controllers, timed).await {
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

async fn strike(controllers: &Controllers, fault: Fault) -> anyhow::Result<()> {
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
        | Fault::Bug(_) => Ok(()),
    }
}
