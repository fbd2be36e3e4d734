//! Specs that cannot be run.

use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ray_api::v1::job::{DeletionStrategy, JobDeploymentStatus as Phase, JobFailedReason, JobStatus, SubmissionMode};
use rstest::rstest;

use super::bench::{Bench, at, told};
use crate::state::{Cause, Report, Submitter};

fn template(containers: usize, restart_policy: Option<&str>) -> PodTemplateSpec {
    PodTemplateSpec {
        metadata: None,
        spec: Some(PodSpec {
            containers: vec![Container::default(); containers],
            restart_policy: restart_policy.map(str::to_owned),
            ..PodSpec::default()
        }),
    }
}

#[rstest]
#[case::http(|bench: &mut Bench| bench.job.spec.submission_mode = Some(SubmissionMode::Http),
    "The RayJob spec is invalid: spec.submissionMode HTTPMode is not supported yet; use K8sJobMode")]
#[case::interactive(|bench: &mut Bench| bench.job.spec.submission_mode = Some(SubmissionMode::Interactive),
    "The RayJob spec is invalid: spec.submissionMode InteractiveMode is not supported yet; use K8sJobMode")]
#[case::sidecar(|bench: &mut Bench| bench.job.spec.submission_mode = Some(SubmissionMode::Sidecar),
    "The RayJob spec is invalid: spec.submissionMode SidecarMode is not supported yet; use K8sJobMode")]
#[case::strategy(|bench: &mut Bench| {
        let rules = serde_json::json!({"deletionRules": [{"policy": "DeleteCluster", "condition": {"jobStatus": "FAILED"}}]});
        bench.job.spec.deletion_strategy = Some(serde_json::from_value::<DeletionStrategy>(rules).unwrap());
    },
    "The RayJob spec is invalid: spec.deletionStrategy is not supported yet; use shutdownAfterJobFinishes and \
     ttlSecondsAfterFinished")]
#[case::restart_policy(|bench: &mut Bench| bench.job.spec.submitter_pod_template = Some(template(1, None)),
    "The RayJob spec is invalid: restartPolicy of submitterPodTemplate is \"\", a Kubernetes Job allows Never and OnFailure \
     (at spec.submitterPodTemplate.spec.restartPolicy)")]
#[case::no_container(|bench: &mut Bench| bench.job.spec.submitter_pod_template = Some(template(0, Some("Never"))),
    "The RayJob spec is invalid: submitterPodTemplate must have at least one container \
     (at spec.submitterPodTemplate.spec.containers)")]
#[case::metadata(|bench: &mut Bench| {
        bench.job.spec.metadata = Some([("a".into(), "b".into())].into());
        bench.job.spec.ray_cluster_spec.as_mut().unwrap().ray_version = Some("2.5.0".into());
    },
    "The RayJob spec is invalid: the Ray version must be at least 2.6.0 to use the metadata field (at spec.metadata)")]
#[case::kuberays_rule(|bench: &mut Bench| bench.job.spec.active_deadline_seconds = Some(0),
    "The RayJob spec is invalid: activeDeadlineSeconds must be a positive integer (at spec.activeDeadlineSeconds)")]
fn what_cannot_be_run_is_said(#[case] change: impl FnOnce(&mut Bench), #[case] message: &str) {
    let bench = Bench::new().with(change);
    let step = bench.step();
    let status = step.status.clone().unwrap();
    assert_eq!(status.phase(), Phase::ValidationFailed);
    assert_eq!(status.reason, Some(JobFailedReason::ValidationFailed));
    assert_eq!(status.message.as_deref(), Some(message));
    assert!(matches!(&step.reports[..], [Report::Invalid(invalid)] if invalid.reason() == "InvalidRayJobSpec"));
    let again = bench.with(|bench| bench.job.status = Some(*status)).step();
    assert_eq!(
        (again.cause, again.records(), again.reports.len()),
        (Cause::Invalid, false, 0),
        "said once"
    );
}

#[test]
fn another_mistake_is_another_message() {
    let bench = Bench::begun(Phase::ValidationFailed).with(|bench| {
        bench.status_mut().message = Some("an earlier one".into());
        bench.job.spec.active_deadline_seconds = Some(0);
    });
    let step = bench.step();
    assert!(step.records());
    assert_eq!(step.reports.len(), 1);
}

#[test]
fn a_wrong_name_is_the_metadatas_fault() {
    let step = Bench::new()
        .with(|bench| bench.job.metadata.name = Some("j".repeat(48)))
        .step();
    assert!(matches!(&step.reports[..], [Report::Invalid(invalid)] if invalid.reason() == "InvalidRayJobMetadata"));
}

/// Breaks the spec, and mends it again.
fn broken_and_corrected(bench: &Bench) -> Bench {
    let deadline = bench.job.spec.active_deadline_seconds;
    let broken = bench
        .clone()
        .with(|bench| bench.job.spec.active_deadline_seconds = Some(-1));
    let status = broken.recorded();
    assert_eq!(status.phase(), Phase::ValidationFailed);
    broken.with(|bench| {
        bench.job.status = Some(status);
        bench.job.spec.active_deadline_seconds = deadline;
    })
}

#[rstest]
#[case::new(Bench::begun(Phase::New).with(|bench| bench.job.status = None), Phase::New)]
#[case::initializing(Bench::begun(Phase::Initializing), Phase::Initializing)]
#[case::running_and_not_submitted(Bench::running(), Phase::Running)]
#[case::running(Bench::running_job(5), Phase::Running)]
#[case::suspended(
    Bench::begun(Phase::Suspended).suspended().with(|bench| {
        (bench.status_mut().ray_cluster_name, bench.status_mut().job_id) = (None, None);
    }),
    Phase::Suspended
)]
fn a_corrected_job_goes_on_where_it_was(#[case] bench: Bench, #[case] want: Phase) {
    let before = bench.job.status.clone().unwrap_or_default();
    let corrected = broken_and_corrected(&bench);
    let status = corrected.recorded();
    assert_eq!((status.phase(), status.reason.clone()), (want, None));
    assert_eq!(status.start_time, before.start_time, "deadlines go on counting");
    assert_eq!(
        (status.ray_status(), status.job_id, status.ray_cluster_name),
        (before.ray_status(), before.job_id, before.ray_cluster_name)
    );
}

/// What had its time before it ran does not matter to a job that runs.
#[test]
fn a_corrected_job_that_runs_has_no_deadline_to_start() {
    let running = Bench::running_job(5).with(|bench| bench.job.spec.pre_running_deadline_seconds = Some(60));
    let corrected = broken_and_corrected(&running).at(600);
    let again = told(&corrected);
    let ended = again.submitter_ended(590, None).found(599, JobStatus::Succeeded);
    assert_eq!(ended.outcome(), "Complete [SUCCEEDED]");
}

/// Ray has reported the end, its submitter had not ended, and in between the spec was broken.
#[rstest]
#[case(JobStatus::Succeeded, "Complete [SUCCEEDED]")]
#[case(JobStatus::Failed, "Failed [FAILED] AppFailed")]
fn a_job_that_ended_before_the_correction_is_not_run_again(#[case] said: JobStatus, #[case] want: &str) {
    let ended = Bench::running_job(5).with(|bench| {
        bench.status_mut().job_status = Some(said);
        bench.job.spec.pre_running_deadline_seconds = Some(60);
    });
    let corrected = broken_and_corrected(&ended).at(600);
    let again = told(&corrected);
    let gone = again.submitter_ended(7, None).with(|bench| bench.cluster = None);
    assert_eq!(gone.outcome(), want);
}

#[test]
fn a_job_that_never_began_begins_when_the_spec_is_corrected() {
    let bench = Bench::new().with(|bench| bench.status_mut().job_deployment_status = Some(Phase::ValidationFailed));
    assert_eq!(bench.recorded().phase(), Phase::New);
}

#[rstest]
#[case(JobStatus::Succeeded, Phase::Complete)]
#[case(JobStatus::Running, Phase::Failed)]
fn a_job_that_has_ended_is_never_run_again(#[case] said: JobStatus, #[case] want: Phase) {
    let ended = Bench::begun(want.clone()).with(|bench| {
        bench.status_mut().end_time = Some(Time(at(9)));
        bench.status_mut().job_status = Some(said);
    });
    let broken = ended
        .clone()
        .with(|bench| bench.job.spec.ray_cluster_spec = None)
        .step();
    assert_eq!((broken.cause, broken.records()), (Cause::Finished, false));
    let marked = ended.with(|bench| bench.status_mut().job_deployment_status = Some(Phase::ValidationFailed));
    assert_eq!(marked.recorded().phase(), want);
}

#[test]
fn a_phase_of_another_mode_is_refused_and_left() {
    let waiting = Bench::begun(Phase::Waiting);
    let step = waiting.step();
    assert!(matches!(&step.reports[..], [Report::Invalid(invalid)] if invalid.reason() == "InvalidRayJobStatus"));
    let refused = waiting.with(|bench| bench.job.status = Some(*step.status.unwrap()));
    assert_eq!(refused.recorded().phase(), Phase::Initializing, "it was not submitted");
}

#[test]
fn what_others_manage_is_not_touched() {
    let bench = Bench::running_job(5).deleted().with(|bench| {
        bench.job.spec.managed_by = Some("kueue.x-k8s.io/multikueue".into());
        bench.submitter = Submitter::Absent;
    });
    let step = bench.step();
    assert_eq!(
        (step.cause, step.records(), step.effects.len()),
        (Cause::ManagedElsewhere, false, 0)
    );
}

#[test]
fn an_unknown_phase_is_left_alone() {
    let step = Bench::begun(Phase::Unknown("Paused".into())).step();
    assert_eq!(
        (step.cause, step.records(), step.effects.len()),
        (Cause::UnknownPhase, false, 0)
    );
    let note = step.reports[0].note("default", "rayjob-sample");
    assert!(note.contains("\"Paused\""), "{note}");
}
