//! Environment variables of the controllers that change what they do, with KubeRay's names and parsing.

use std::str::FromStr;
use std::time::Duration;

/// The switches, read once at start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a documented environment variable of its own"
)]
pub struct Switches {
    /// `CLUSTER_DOMAIN`: suffix of Service names. Default `cluster.local`.
    pub cluster_domain: String,
    /// `RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV`: safety net of a RayCluster; `None` for 0 or less. Default 300 s.
    pub cluster_requeue: Option<Duration>,
    /// `ENABLE_GCS_FT_REDIS_CLEANUP`: finalizer and Job that empty Redis. On unless `false`.
    pub redis_cleanup: bool,
    /// `ENABLE_RANDOM_POD_DELETE`: scale down although the autoscaler runs. Off unless `true`.
    pub random_pod_delete: bool,
    /// `AUTOSCALER_MAX_DELETION_PERCENT`, not one of KubeRay's: share of a group's ready replicas that goes in a minute at
    /// the autoscaler's request. 1 to 100; unset: all at once.
    pub autoscaler_max_deletion_percent: Option<u8>,
    /// `ENABLE_PROBES_INJECTION`: probes of the Ray container. On unless `false`.
    pub probes: bool,
    /// `ENABLE_INIT_CONTAINER_INJECTION`: `wait-gcs-ready` in workers. On unless `false`.
    pub init_container: bool,
    /// `USE_INGRESS_ON_OPENSHIFT`: Ingress in place of Route. Off unless `true`.
    pub ingress_on_openshift: bool,
    /// `ENABLE_RAY_HEAD_CLUSTER_IP_SERVICE`: the head Service gets a cluster IP. Off unless `true`.
    pub head_cluster_ip_service: bool,
    /// `DELETE_RAYJOB_CR_AFTER_JOB_FINISHES`: a finished RayJob goes with its cluster. Off unless `true`.
    pub delete_finished_jobs: bool,
    /// `RAYJOB_DEPLOYMENT_STATUS_TRANSITION_GRACE_PERIOD_SECONDS`: any integer. Default 300.
    pub job_transition_grace_seconds: i64,
    /// `RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS`: a positive integer. Default 300.
    pub job_status_check_timeout_seconds: i64,
    /// `RAYJOB_SUBMITTER_FINISHED_TIMEOUT_SECONDS`, not one of KubeRay's: seconds after the submitter's end at which a job
    /// fails that Ray has not reported as ended. A positive integer (KubeRay's behaviour is that of 30); unset: never.
    pub job_submitter_finished_timeout_seconds: Option<i64>,
    /// `ENABLE_LOGIN_SHELL`: `bash -l`. Off unless `true`.
    pub login_shell: bool,
    /// `ENABLE_DETERMINISTIC_HEAD_POD_NAME`: the head pod is called `{cluster}-head`. Off unless `true`.
    pub deterministic_head_pod_name: bool,
}

impl Switches {
    /// Reads the variables through `get`; what cannot be parsed counts as unset, as in KubeRay, but for variables that are not
    /// KubeRay's: those are refused.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, SwitchError> {
        Ok(Self {
            autoscaler_max_deletion_percent: number("AUTOSCALER_MAX_DELETION_PERCENT", PERCENT, 100, &get)?,
            job_submitter_finished_timeout_seconds: number(
                "RAYJOB_SUBMITTER_FINISHED_TIMEOUT_SECONDS",
                SECONDS,
                i64::MAX,
                &get,
            )?,
            ..Self::kuberays(get)
        })
    }

    fn kuberays(get: impl Fn(&str) -> Option<String>) -> Self {
        let is = |name: &str, word: &str| get(name).is_some_and(|value| value.eq_ignore_ascii_case(word));
        let integer = |name: &str| get(name).and_then(|value| value.parse::<i64>().ok());
        Self {
            cluster_domain: get("CLUSTER_DOMAIN")
                .filter(|domain| !domain.is_empty())
                .unwrap_or_else(|| "cluster.local".to_owned()),
            cluster_requeue: u64::try_from(integer("RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV").unwrap_or(300))
                .ok()
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            redis_cleanup: !is("ENABLE_GCS_FT_REDIS_CLEANUP", "false"),
            random_pod_delete: is("ENABLE_RANDOM_POD_DELETE", "true"),
            autoscaler_max_deletion_percent: None,
            probes: !is("ENABLE_PROBES_INJECTION", "false"),
            init_container: !is("ENABLE_INIT_CONTAINER_INJECTION", "false"),
            ingress_on_openshift: is("USE_INGRESS_ON_OPENSHIFT", "true"),
            head_cluster_ip_service: is("ENABLE_RAY_HEAD_CLUSTER_IP_SERVICE", "true"),
            delete_finished_jobs: is("DELETE_RAYJOB_CR_AFTER_JOB_FINISHES", "true"),
            job_transition_grace_seconds: integer("RAYJOB_DEPLOYMENT_STATUS_TRANSITION_GRACE_PERIOD_SECONDS")
                .unwrap_or(300),
            job_status_check_timeout_seconds: integer("RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS")
                .filter(|seconds| *seconds > 0)
                .unwrap_or(300),
            job_submitter_finished_timeout_seconds: None,
            login_shell: is("ENABLE_LOGIN_SHELL", "true"),
            deterministic_head_pod_name: is("ENABLE_DETERMINISTIC_HEAD_POD_NAME", "true"),
        }
    }

    /// The command that runs one string in bash.
    pub fn bash(&self) -> Vec<String> {
        let options = if self.login_shell { "-cl" } else { "-c" };
        ["/bin/bash", options, "--"].map(str::to_owned).to_vec()
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self::kuberays(|_| None)
    }
}

const PERCENT: &str = "a share in percent without its sign, 1 to 100; leave the variable out for no bound";
const SECONDS: &str = "a number of seconds, 1 or more; leave the variable out for no such limit";

/// A variable that is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{name}={value:?}: {wanted}")]
pub struct SwitchError {
    name: &'static str,
    value: String,
    wanted: &'static str,
}

/// A number from 1 to `most`; none when the variable is not set.
fn number<N: FromStr + PartialOrd + From<u8>>(
    name: &'static str,
    wanted: &'static str,
    most: N,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<N>, SwitchError> {
    let Some(value) = get(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(number) if (N::from(1)..=most).contains(&number) => Ok(Some(number)),
        _ => Err(SwitchError { name, value, wanted }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unset_and_unreadable_values_mean_the_default() {
        let wrong = Switches::read(|name| match name {
            "RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS" => Some("invalid".into()),
            "RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV" => Some("soon".into()),
            "CLUSTER_DOMAIN" | "AUTOSCALER_MAX_DELETION_PERCENT" | "RAYJOB_SUBMITTER_FINISHED_TIMEOUT_SECONDS" => {
                Some(String::new())
            }
            "ENABLE_PROBES_INJECTION" => Some("no".into()),
            _ => None,
        })
        .unwrap();
        assert_eq!(wrong, Switches::default());
        assert_eq!(wrong.job_status_check_timeout_seconds, 300);
        assert_eq!(wrong.job_submitter_finished_timeout_seconds, None);
    }

    #[test]
    fn words_are_read_in_any_case() {
        let set = Switches::read(|name| match name {
            "ENABLE_LOGIN_SHELL" => Some("TRUE".into()),
            "ENABLE_PROBES_INJECTION" => Some("False".into()),
            "RAYCLUSTER_DEFAULT_REQUEUE_SECONDS_ENV" => Some("0".into()),
            "RAYJOB_STATUS_CHECK_TIMEOUT_SECONDS" => Some("120".into()),
            "RAYJOB_SUBMITTER_FINISHED_TIMEOUT_SECONDS" => Some("30".into()),
            "AUTOSCALER_MAX_DELETION_PERCENT" => Some("20".into()),
            _ => None,
        })
        .unwrap();
        assert_eq!(set.bash(), ["/bin/bash", "-cl", "--"]);
        assert!(!set.probes);
        assert_eq!(set.cluster_requeue, None);
        assert_eq!(set.job_status_check_timeout_seconds, 120);
        assert_eq!(set.job_submitter_finished_timeout_seconds, Some(30));
        assert_eq!(set.autoscaler_max_deletion_percent, Some(20));
    }

    #[test]
    fn a_bound_that_would_be_none_is_refused_in_words() {
        for value in [
            "20%",
            "0",
            "101",
            "150",
            "-1",
            "twenty",
            "20.5",
            " 20",
            "99999999999999999999",
        ] {
            let refused = Switches::read(|name| (name == "AUTOSCALER_MAX_DELETION_PERCENT").then(|| value.to_owned()));
            let refused = refused.unwrap_err().to_string();
            let words =
                format!("AUTOSCALER_MAX_DELETION_PERCENT={value:?}: a share in percent without its sign, 1 to 100");
            assert!(refused.starts_with(&words), "{refused}");
        }
    }

    #[test]
    fn a_time_that_would_be_none_is_refused_in_words() {
        for value in ["0", "-30", "30s", "half a minute", "1e3", "9223372036854775808"] {
            let name = "RAYJOB_SUBMITTER_FINISHED_TIMEOUT_SECONDS";
            let refused = Switches::read(|wanted| (wanted == name).then(|| value.to_owned()));
            let words = format!("{name}={value:?}: a number of seconds, 1 or more");
            assert!(refused.unwrap_err().to_string().starts_with(&words));
        }
    }
}
