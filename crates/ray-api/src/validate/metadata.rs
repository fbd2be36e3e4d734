//! Names and annotations of the objects themselves.
//!
//! The lengths leave room for what is appended to make the children's names; see [`crate::names`].

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::kubernetes_names::{dns_1035_label, go_list};
use super::report::Report;
use super::{Group, Violation};
use crate::annotations::INITIALIZING_TIMEOUT;
use crate::go_duration::GoDuration;
use crate::names::{MAX_CLUSTER_NAME, MAX_CRON_JOB_NAME, MAX_OWNER_NAME};

/// The name of a RayCluster.
pub(super) fn cluster(metadata: &ObjectMeta) -> Vec<Violation> {
    let mut report = Report::new(Group::Metadata, "metadata");
    name(&mut report, metadata, "RayCluster", MAX_CLUSTER_NAME);
    report.into_violations()
}

/// The name of a RayJob.
pub(super) fn job(metadata: &ObjectMeta) -> Vec<Violation> {
    let root = Report::new(Group::Metadata, "");
    let mut report = root.below("metadata", "The RayJob metadata is invalid: ");
    name(&mut report, metadata, "RayJob", MAX_OWNER_NAME);
    report.into_violations()
}

/// The name of a RayService and the annotation that bounds its start.
pub(super) fn service(metadata: &ObjectMeta) -> Vec<Violation> {
    let root = Report::new(Group::Metadata, "");
    let mut report = root.below("metadata", "The RayService metadata is invalid: ");
    name(&mut report, metadata, "RayService", MAX_OWNER_NAME);
    let annotation = metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(INITIALIZING_TIMEOUT));
    if let Err(wrong) = initializing_timeout(annotation.map_or("", String::as_str)) {
        report.add_annotation(
            INITIALIZING_TIMEOUT,
            format!("RayService annotations is invalid: {wrong}"),
        );
    }
    report.into_violations()
}

/// The name of a RayCronJob. Its form is not looked at: a bad one shows in the RayJobs made of it.
pub(super) fn cron_job(report: &mut Report, metadata: &ObjectMeta) {
    if metadata
        .name
        .as_ref()
        .is_some_and(|name| name.len() > MAX_CRON_JOB_NAME)
    {
        let message = format!("RayCronJob name should be no more than {MAX_CRON_JOB_NAME} characters");
        report.add("metadata.name", message);
    }
}

/// How long a RayService may be initializing: a Go duration such as `30m`, or seconds. `None` when the text is empty.
pub(super) fn initializing_timeout(text: &str) -> Result<Option<GoDuration>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let annotation = format!("annotation {INITIALIZING_TIMEOUT}");
    if let Ok(duration) = text.parse::<GoDuration>() {
        return if duration.is_positive() {
            Ok(Some(duration))
        } else {
            Err(format!("{annotation} must be a positive duration, got: {text}"))
        };
    }
    match text.parse::<i64>() {
        Ok(seconds) if seconds > 0 => Ok(Some(GoDuration::from_seconds(seconds))),
        Ok(_) => Err(format!(
            "{annotation} must be a positive integer (seconds), got: {text}"
        )),
        Err(_) => Err(format!(
            "{annotation} has invalid format: {text}. Expected Go duration format (e.g., '5m', '1h') or positive integer \
             seconds"
        )),
    }
}

fn name(report: &mut Report, metadata: &ObjectMeta, kind: &str, most: usize) {
    let name = metadata.name.as_deref().unwrap_or_default();
    let too_long = name.len() > most;
    if too_long {
        report.add("name", format!("{kind} name should be no more than {most} characters"));
    }
    let mut wrong = dns_1035_label(name);
    // The label's own bound says nothing new after the one above.
    wrong.retain(|text| !(too_long && text.starts_with("must be no more than")));
    if !wrong.is_empty() {
        report.add(
            "name",
            format!("{kind} name should be a valid DNS1035 label: {}", go_list(&wrong)),
        );
    }
}
