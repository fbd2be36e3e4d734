//! Jobs.

use serde_json::{Value, json};

use super::{Rules, immutable, pod_spec, set_default};
use crate::api::field_error::FieldError;

/// Jobs.
#[derive(Debug)]
pub struct Job;

const NAME: &str = "batch.kubernetes.io/job-name";
const UID: &str = "batch.kubernetes.io/controller-uid";

impl Rules for Job {
    fn default(&self, job: &mut Value) {
        let spec = &mut job["spec"];
        if spec.get("parallelism").is_none() {
            set_default(spec, "completions", 1);
        }
        set_default(spec, "parallelism", 1);
        set_default(spec, "backoffLimit", 6);
        set_default(spec, "completionMode", "NonIndexed");
        set_default(spec, "suspend", false);
        let replace = if spec.get("podFailurePolicy").is_some() {
            "Failed"
        } else {
            "TerminatingOrFailed"
        };
        set_default(spec, "podReplacementPolicy", replace);
        set_default(spec, "manualSelector", false);
        pod_spec::default(&mut spec["template"]["spec"]);
    }

    fn prepare_create(&self, job: &mut Value) {
        job["status"] = json!({});
        if job["spec"]["manualSelector"] != true {
            select(job);
        }
        labels_of_template(job);
    }

    fn prepare_update(&self, new: &mut Value, _old: &Value) {
        labels_of_template(new);
    }

    fn validate(&self, job: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for field in [
            "parallelism",
            "completions",
            "backoffLimit",
            "activeDeadlineSeconds",
            "ttlSecondsAfterFinished",
        ] {
            let value = &job["spec"][field];
            if value.as_i64().is_some_and(i64::is_negative) {
                let detail = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(format!("spec.{field}"), value, detail));
            }
        }
        let spec = &job["spec"]["template"]["spec"];
        errors.extend(pod_spec::validate(spec, "spec.template.spec"));
        if spec["restartPolicy"] == "Always" {
            let detail = r#"valid values: "OnFailure", "Never""#;
            errors.push(FieldError::required("spec.template.spec.restartPolicy", detail));
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        const FIXED: [&str; 8] = [
            "completions",
            "selector",
            "template",
            "completionMode",
            "podFailurePolicy",
            "backoffLimitPerIndex",
            "managedBy",
            "successPolicy",
        ];
        FIXED
            .iter()
            .filter_map(|field| immutable(&format!("spec.{field}"), new, old))
            .collect()
    }
}

/// Labels the pods of a Job, and has it select them.
fn select(job: &mut Value) {
    let (name, uid) = (job["metadata"]["name"].clone(), job["metadata"]["uid"].clone());
    let labels = &mut job["spec"]["template"]["metadata"]["labels"];
    for (label, value) in [
        ("job-name", &name),
        (NAME, &name),
        ("controller-uid", &uid),
        (UID, &uid),
    ] {
        set_default(labels, label, value.clone());
    }
    set_default(&mut job["spec"]["selector"]["matchLabels"], UID, uid);
}

/// A Job without labels takes those of its template: for Kubernetes both are the same map, whatever comes into it.
fn labels_of_template(job: &mut Value) {
    let labels = job["spec"]["template"]["metadata"].get("labels").cloned();
    if let (Some(labels), None) = (labels, job["metadata"].get("labels")) {
        job["metadata"]["labels"] = labels;
    }
}
