//! A RayCronJob.

use jiff::tz::TimeZone;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::job::ValidJobSpec;
use super::pod_names::cluster_to_be;
use super::report::Report;
use super::subject::Carrier;
use super::{Group, Violations, job, metadata};
use crate::cron::{self, Schedule};
use crate::gates::FeatureGates;
use crate::v1::RayCronJob;
use crate::v1::cron_job::RayCronJobSpec;

/// A RayCronJob whose rules hold.
#[derive(Clone, Debug)]
pub struct ValidCronJob<'a> {
    /// The object's metadata.
    pub metadata: &'a ObjectMeta,
    /// Name of the RayCronJob.
    pub name: &'a str,
    pub namespace: &'a str,
    pub uid: &'a str,
    pub spec: &'a RayCronJobSpec,
    /// When it is due.
    pub schedule: Schedule,
    /// The zone of the schedule; `None` is the controller's own.
    pub time_zone: Option<TimeZone>,
    /// The jobs that it makes.
    pub job: ValidJobSpec<'a>,
}

/// Checks a RayCronJob: name, schedule, template. The template is checked without annotations, as its RayJobs have none.
pub fn cron_job<'a>(cron_job: &'a RayCronJob, gates: &FeatureGates) -> Result<ValidCronJob<'a>, Violations> {
    let (metadata, spec) = (&cron_job.metadata, &cron_job.spec);
    let mut report = Report::new(Group::Spec, "");
    metadata::cron_job(&mut report, metadata);
    let schedule = schedule(spec, &mut report);
    let time_zone = time_zone(spec, &mut report);
    let name = metadata.name.as_deref().unwrap_or_default();
    let cluster_name = cluster_to_be(&format!("{name}-0000000000"));
    let carrier = Carrier {
        cluster_name: &cluster_name,
        annotations: None,
    };
    let mut template = report.below("spec.jobTemplate", "invalid RayJob template: ");
    let job = job::spec(&spec.job_template, &carrier, gates, &mut template);
    report.append(template);
    let violations = report.into_violations();
    match (violations.is_empty(), schedule, job) {
        (true, Some(schedule), Some(job)) => Ok(ValidCronJob {
            metadata,
            name,
            namespace: metadata.namespace.as_deref().unwrap_or_default(),
            uid: metadata.uid.as_deref().unwrap_or_default(),
            spec,
            schedule,
            time_zone,
            job,
        }),
        _ => Err(Violations(violations)),
    }
}

/// Rules K2 and K3.
fn schedule(spec: &RayCronJobSpec, report: &mut Report) -> Option<Schedule> {
    if spec.schedule.contains("TZ") {
        report.add(
            "spec.schedule",
            "cannot use TZ or CRON_TZ in schedule, use timeZone field instead",
        );
        return None;
    }
    match Schedule::parse(&spec.schedule) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            report.add("spec.schedule", format!("invalid cron schedule: {error}"));
            None
        }
    }
}

/// Rules K4 and K5. `None` also when the name is wrong.
fn time_zone(spec: &RayCronJobSpec, report: &mut Report) -> Option<TimeZone> {
    let name = spec.time_zone.as_deref()?;
    if name.is_empty() {
        let message =
            "timeZone must not be empty string, omit the field to use the local time zone of the KubeRay operator";
        report.add("spec.timeZone", message);
        return None;
    }
    match cron::time_zone(name) {
        Ok(zone) => zone,
        Err(error) => {
            report.add("spec.timeZone", format!("invalid time zone: {error}"));
            None
        }
    }
}
