//! From creation to the end: the objects, the status, and what kubectl shows.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Service;
use kube::{Resource, ResourceExt};
use ray_api::v1::RayJob;
use ray_api::v1::job::{JobDeploymentStatus, JobStatus};
use serde_json::json;

use super::{Stage, cluster_name, clusters, ray_says, reaches, status_of, submission, submitter};
use crate::harness::command::kubectl;
use crate::harness::manifest::{ray_job, with};
use crate::harness::wait::{SOON, holds};
use crate::harness::{Place, RAY_JOB, eventually, for_a_while, seconds};

#[tokio::test]
async fn a_job_runs_to_its_end() {
    let stage = Stage::new("job").await;
    let place = &stage.place;
    stage.create("sample", json!({})).await;
    let running = reaches(place, "sample", JobDeploymentStatus::Running).await;
    let id = submission(&running);
    assert!(
        id.starts_with("sample-") && running.start_time.is_some(),
        "{running:#?}"
    );
    let dashboard = format!(
        "{}-head-svc.{}.svc.cluster.local:{}",
        cluster_name(&running),
        place.namespace,
        stage.ray.port
    );
    assert_eq!(running.dashboard_url, Some(dashboard));

    stage.ray.says(&id, "RUNNING");
    let told = ray_says(place, "sample", JobStatus::Running).await;
    assert!(told.ray_cluster_status.unwrap().ready());
    stage.ray.says(&id, "SUCCEEDED");
    let ended = ray_says(place, "sample", JobStatus::Succeeded).await;
    assert_eq!(
        ended.phase(),
        JobDeploymentStatus::Running,
        "the submitter still tells the log"
    );
    stage.end_job("sample", "SUCCEEDED").await;
    let complete = reaches(place, "sample", JobDeploymentStatus::Complete).await;
    assert_eq!(
        (complete.succeeded, complete.failed, complete.reason),
        (Some(1), Some(0), None)
    );
    assert!(complete.end_time.is_some());
    let times = complete.ray_job_info.unwrap();
    assert!(times.start_time.is_some() && times.end_time.is_some());
    assert_eq!(complete.message.as_deref(), Some("The job is SUCCEEDED."));

    // Without `shutdownAfterJobFinishes` everything stays to be looked at.
    for_a_while("the cluster stays", seconds(2), async || {
        holds(clusters(place, "sample").await.len() == 1, || "it is gone".to_owned())
    })
    .await;
    assert!(submitter(place, "sample").await.is_some());
    let asked = stage.ray.asked_about(&id).len();
    tokio::time::sleep(seconds(4)).await;
    assert_eq!(stage.ray.asked_about(&id).len(), asked, "Ray is asked no more");
    place.delete::<RayJob>("sample").await;
    eventually("the RayJob is gone", SOON, async || {
        let found = place.api::<RayJob>().get_opt("sample").await.unwrap();
        holds(found.is_none(), || "it is there".to_owned())
    })
    .await;
    assert_eq!(stage.ray.stops_of(&id), 0, "an ended job is not stopped");
    stage.end().await;
}

/// The RayJob controller needs nobody but who makes its RayCluster ready, and that is this test.
#[tokio::test]
async fn alone_it_makes_the_cluster_and_then_the_submitter() {
    let place = Place::new("alone").await;
    let _controller = place.controller(RAY_JOB).await;
    let labelled = json!({ "metadata": { "labels": { "team": "a" }, "annotations": { "note": "b" } } });
    place.create(with(ray_job("alone", 8265), labelled)).await;
    let status = reaches(&place, "alone", JobDeploymentStatus::Initializing).await;
    let job = place.api::<RayJob>().get("alone").await.unwrap();
    assert_eq!(job.finalizers(), ["ray.io/rayjob-finalizer"]);
    let cluster = eventually("there is a RayCluster", SOON, async || {
        let mut clusters = clusters(&place, "alone").await;
        clusters.pop().ok_or_else(|| "there is none".to_owned())
    })
    .await;
    assert_eq!(cluster.name_any(), cluster_name(&status));
    assert!(cluster.name_any().starts_with("alone-"));
    belongs(&job, &cluster);
    let labels = [
        ("ray.io/job-submission-mode", "K8sJobMode"),
        ("ray.io/originated-from-cr-name", "alone"),
        ("ray.io/originated-from-crd", "RayJob"),
        ("team", "a"),
    ];
    assert_eq!(
        cluster.labels().iter().map(|(k, v)| (&**k, &**v)).collect::<Vec<_>>(),
        labels
    );
    assert_eq!(cluster.annotations(), job.annotations());
    assert_eq!(Some(cluster.spec), job.spec.ray_cluster_spec.clone());
    for_a_while(
        "nothing is submitted to a cluster that is not ready",
        seconds(3),
        async || {
            holds(submitter(&place, "alone").await.is_none(), || {
                "there is a submitter".to_owned()
            })
        },
    )
    .await;

    super::waiting::make_ready(&place, &cluster_name(&status)).await;
    let running = reaches(&place, "alone", JobDeploymentStatus::Running).await;
    belongs(&job, &submitter(&place, "alone").await.unwrap());
    submits(&submitter(&place, "alone").await.unwrap(), &submission(&running));
    let service = eventually("the RayJob has its head Service", SOON, async || {
        let service = place.api::<Service>().get("alone-head-svc").await;
        service.map_err(|error| error.to_string())
    })
    .await;
    belongs(&job, &service);
    let selector = service.spec.unwrap().selector.unwrap();
    assert_eq!(selector["ray.io/cluster"], cluster_name(&status));
    // Nobody answers for Ray here.
    eventually("the status says since when Ray is silent", SOON, async || {
        let status = status_of(&place, "alone").await;
        let since = status.job_status_check_failure_start_time;
        holds(since.is_some(), || "it does not".to_owned())
    })
    .await;
    assert_eq!(clusters(&place, "alone").await.len(), 1);
    super::delete_all(&place).await;
    place.end().await;
}

fn belongs(job: &RayJob, child: &impl Resource) {
    let owner = &child.owner_references()[0];
    assert_eq!(
        (owner.kind.as_str(), &owner.uid),
        ("RayJob", job.metadata.uid.as_ref().unwrap())
    );
    assert_eq!((owner.controller, owner.block_owner_deletion), (Some(true), Some(true)));
    let origin = &child.labels()["ray.io/originated-from-cr-name"];
    assert_eq!(*origin, job.name_any());
}

fn submits(submitter: &Job, id: &str) {
    let pod = submitter.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    let script = pod.containers[0].args.as_ref().unwrap().join(" ");
    assert!(
        script.contains(&format!("--submission-id {id} -- python main.py")),
        "{script}"
    );
}

#[tokio::test]
async fn kubectl_shows_it() {
    let stage = Stage::new("kubectl-job").await;
    let namespace = &stage.place.namespace;
    stage.running("shown", json!({})).await;
    let cells = |line: &str| -> Vec<String> {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    let table = || {
        let table = kubectl(&["get", "rayjobs", "--namespace", namespace]);
        table.lines().map(cells).collect::<Vec<_>>()
    };
    let columns = [
        "NAME",
        "JOB STATUS",
        "DEPLOYMENT STATUS",
        "RAY CLUSTER NAME",
        "START TIME",
        "END TIME",
        "AGE",
    ];
    let running = table();
    assert_eq!(running[0], columns);
    let cluster = cluster_name(&status_of(&stage.place, "shown").await);
    assert_eq!(running[1][..4], ["shown", "RUNNING", "Running", &*cluster]);
    stage.end_job("shown", "SUCCEEDED").await;
    let complete = reaches(&stage.place, "shown", JobDeploymentStatus::Complete).await;
    let shown = table();
    assert_eq!(shown[1][1..3], ["SUCCEEDED", "Complete"]);
    let times = [complete.start_time, complete.end_time].map(|time| time.unwrap().0.to_string());
    assert_eq!(shown[1][4..6], times);

    let all = kubectl(&["get", "all", "--namespace", namespace]);
    assert!(
        all.contains("rayjob.ray.io/shown") && all.contains("job.batch/shown"),
        "{all}"
    );
    for wanted in ["CreatedRayCluster", "CreatedRayJobSubmitter", "CreatedService"] {
        eventually("kubectl describe tells what was done", SOON, async || {
            let text = kubectl(&["describe", "rayjob", "shown", "--namespace", namespace]);
            if text.contains(wanted) { Ok(()) } else { Err(text) }
        })
        .await;
    }
    stage.end().await;
}

#[tokio::test]
async fn a_job_of_somebody_else_is_left_alone() {
    let place = Place::new("managed-job").await;
    let _controller = place.controller(RAY_JOB).await;
    let managed_by = json!({ "spec": { "managedBy": "kueue.x-k8s.io/multikueue" } });
    place.create(with(ray_job("theirs", 8265), managed_by)).await;
    place.create(ray_job("ours", 8265)).await;
    reaches(&place, "ours", JobDeploymentStatus::Initializing).await;
    let theirs = place.api::<RayJob>().get("theirs").await.unwrap();
    assert!(theirs.status.is_none() && theirs.finalizers().is_empty(), "{theirs:#?}");
    assert!(clusters(&place, "theirs").await.is_empty());
    super::delete_all(&place).await;
    place.end().await;
}
