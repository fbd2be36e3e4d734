//! Ray's record of a job, read leniently.
//!
//! Ray's versions differ in what they send, and a head may send anything: a field of another type counts as absent, an
//! unknown status is kept as it is, a time that no calendar has is dropped. Only an answer without any status is
//! refused, since it says nothing, and one whose status is no word: that is not Ray.

use jiff::Timestamp;
use ray_api::v1::job::JobStatus;
use serde_json::Value;

/// Longest status that is taken for one of Ray's.
const MOST_STATUS_BYTES: usize = 32;

/// What Ray says of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobInfo {
    /// The status; never [`JobStatus::New`].
    pub status: JobStatus,
    /// Ray's explanation of the status.
    pub message: Option<String>,
    /// Ray's class of failure, for example `JOB_ENTRYPOINT_COMMAND_ERROR`.
    pub error_type: Option<String>,
    /// When the entrypoint started.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub end_time: Option<Timestamp>,
}

impl JobInfo {
    /// A job of which only the status is known.
    pub fn new(status: JobStatus) -> Self {
        Self {
            status,
            message: None,
            error_type: None,
            start_time: None,
            end_time: None,
        }
    }

    /// Reads an answer's body; says what is wrong with it otherwise.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let status = text("status").filter(|status| word(status));
        let status = status.ok_or("the job has no status, or one that is no word")?;
        Ok(Self {
            status: JobStatus::from(status),
            message: text("message"),
            error_type: text("error_type"),
            start_time: value.get("start_time").and_then(time),
            end_time: value.get("end_time").and_then(time),
        })
    }
}

/// Whether it looks like one of Ray's statuses.
fn word(status: &str) -> bool {
    (1..=MOST_STATUS_BYTES).contains(&status.len())
        && status
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Milliseconds since the epoch; 0 means unset.
fn time(value: &Value) -> Option<Timestamp> {
    let milliseconds = value.as_i64().filter(|milliseconds| *milliseconds > 0)?;
    Timestamp::from_millisecond(milliseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<JobInfo, String> {
        JobInfo::read(text.as_bytes())
    }

    #[test]
    fn an_answer_of_ray_is_read() {
        let info = read(
            r#"{"type":"SUBMISSION","job_id":"02000000","submission_id":"rayjob-sample-x7k2p","driver_info":{"id":"02000000"},
                "status":"SUCCEEDED","entrypoint":"python a.py","message":"Job finished successfully.","error_type":null,
                "start_time":1700000000123,"end_time":1700000005000,"metadata":{},"runtime_env":{"pip":["a==1"]},
                "driver_exit_code":0}"#,
        );
        let want = JobInfo {
            message: Some("Job finished successfully.".into()),
            start_time: Some("2023-11-14T22:13:20.123Z".parse().unwrap()),
            end_time: Some("2023-11-14T22:13:25Z".parse().unwrap()),
            ..JobInfo::new(JobStatus::Succeeded)
        };
        assert_eq!(info, Ok(want));
    }

    #[test]
    fn unknown_values_and_wrong_types_do_no_harm() {
        for (text, want) in [
            (
                r#"{"status":"PAUSED","message":7,"start_time":"soon"}"#,
                JobInfo::new(JobStatus::Unknown("PAUSED".into())),
            ),
            (
                r#"{"status":"RUNNING","start_time":18446744073709551615,"end_time":0}"#,
                JobInfo::new(JobStatus::Running),
            ),
            (
                r#"{"status":"RUNNING","start_time":9223372036854775807,"end_time":-5}"#,
                JobInfo::new(JobStatus::Running),
            ),
        ] {
            assert_eq!(read(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_status_is_refused() {
        let long = format!(r#"{{"status":"{}"}}"#, "A".repeat(33));
        for text in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"status":""}"#,
            r#"{"status":5}"#,
            "<html>",
            r#"{"status":"no word"}"#,
            &long,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
