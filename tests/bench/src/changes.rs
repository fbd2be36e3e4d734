//! One change of each of some idle clusters: how long until the operator acts on it.

use std::time::Duration;

use anyhow::Result;
use kube::Client;

use crate::load;
use crate::manifest::root_of;
use crate::measure::Measure;
use crate::report::Figures;
use crate::trace::{Trace, between};

/// Gives each cluster one more worker than `workers`, one after the other with a pause between them.
pub async fn make(client: &Client, clusters: &[String], workers: u32, pause: Duration) -> Result<()> {
    for name in clusters {
        load::scale(client, name, workers + 1).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// What those changes of `clusters` took: the PATCH itself, and from its answer to the new pod.
pub fn figures(trace: &Trace, clusters: &[String], figures: &mut Figures) {
    let patches = trace
        .all()
        .iter()
        .filter(|call| call.is("patch", "rayclusters") && clusters.contains(&call.name));
    let mut own = Vec::new();
    let mut answered = Vec::new();
    for patch in patches {
        own.push(between(patch.received, patch.answered));
        let mut creates = trace
            .own()
            .filter(|call| call.is("create", "pods") && root_of(&call.name) == patch.name);
        let create = creates.find(|create| create.received >= patch.received);
        answered.extend(create.map(|create| between(patch.answered, create.received)));
    }
    figures.percentiles(Measure::PatchP50, Measure::PatchP99, own);
    figures.percentiles(Measure::ChangeP50, Measure::ChangeP99, answered);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::{at, done};

    #[test]
    fn a_change_is_answered_by_the_next_pod_of_its_cluster() {
        let mut calls = vec![
            done("ours", "create", "pods", "bench00001-a", 10),
            done("user", "patch", "rayclusters", "bench00001", 100),
            done("ours", "create", "pods", "bench00002-b", 110),
            done("ours", "create", "pods", "bench00001-c", 120),
            done("ours", "create", "pods", "bench00001-d", 900),
        ];
        calls[1].answered = at(105);
        let trace = Trace::new(calls, vec!["ours".to_owned()]);
        let mut measured = Figures::default();
        figures(&trace, &["bench00001".to_owned()], &mut measured);
        assert_eq!(measured.get(Measure::PatchP50), Some(0.005));
        assert_eq!(measured.get(Measure::ChangeP99), Some(0.015));
    }
}
