//! What is deleted after a RayJob's end: the time to live, the legacy policies, or rules.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{JOB_INVALID as INVALID, Joint, Report};
use crate::gates::{FeatureGates, Gate};
use crate::v1::RayClusterSpec;
use crate::v1::job::{DeletionPolicy, DeletionPolicyType, DeletionRule, DeletionStrategy, RayJobSpec};

/// The policies in the order in which they take more away. A later one must not come before an earlier one.
const ORDER: [DeletionPolicyType; 3] = [
    DeletionPolicyType::DeleteWorkers,
    DeletionPolicyType::DeleteCluster,
    DeletionPolicyType::DeleteSelf,
];

/// Rules J2 to J17.
pub(super) fn check(spec: &RayJobSpec, gates: &FeatureGates, report: &mut Report) {
    let seconds = spec.ttl_seconds_after_finished.unwrap_or_default();
    if seconds < 0 {
        let message = "TTLSecondsAfterFinished must be a non-negative integer";
        report.add("ttlSecondsAfterFinished", format!("{INVALID}{message}"));
    }
    if seconds > 0 && !spec.shuts_down() {
        let message = "a RayJob with shutdownAfterJobFinishes set to false cannot have TTLSecondsAfterFinished";
        report.add("ttlSecondsAfterFinished", format!("{INVALID}{message}"));
    }
    let Some(strategy) = &spec.deletion_strategy else {
        return;
    };
    if !gates.enabled(Gate::RayJobDeletionPolicy) {
        let message = "RayJobDeletionPolicy feature gate must be enabled to use DeletionStrategy";
        report.add("deletionStrategy", message);
        return;
    }
    let rules = strategy.deletion_rules.as_deref().unwrap_or_default();
    let is_legacy = strategy.on_success.is_some() || strategy.on_failure.is_some();
    if !rules.is_empty() {
        exclusive(spec, is_legacy, report);
    }
    if is_legacy {
        legacy(spec, strategy, report);
    }
    if !rules.is_empty() {
        Rules::new(spec, rules).check(report);
    } else if !is_legacy {
        let message = "DeletionStrategy requires either BOTH onSuccess and onFailure, OR the deletionRules field (cannot be \
                       empty)";
        report.add("deletionStrategy", format!("{INVALID}{message}"));
    }
}

fn exclusive(spec: &RayJobSpec, is_legacy: bool, report: &mut Report) {
    if spec.shuts_down() {
        let message = "spec.shutdownAfterJobFinishes and spec.deletionStrategy.deletionRules are mutually exclusive";
        report.add("shutdownAfterJobFinishes", format!("{INVALID}{message}"));
    }
    if is_legacy {
        let message = "Cannot use both legacy onSuccess/onFailure fields and deletionRules simultaneously";
        report.add("deletionStrategy", format!("{INVALID}{message}"));
    }
}

/// Rules J7 to J11.
fn legacy(spec: &RayJobSpec, strategy: &DeletionStrategy, report: &mut Report) {
    let sides = [
        (strategy.on_success.as_ref(), "onSuccess", "OnSuccess", "on success"),
        (strategy.on_failure.as_ref(), "onFailure", "OnFailure", "on failure"),
    ];
    if let Some((_, field, ..)) = sides.iter().find(|(side, ..)| side.is_none()) {
        report.add(
            format!("deletionStrategy.{field}"),
            "both DeletionStrategy.OnSuccess and DeletionStrategy.OnFailure must be set when using the legacy deletion policy \
             fields of DeletionStrategy",
        );
    }
    for (side, field, name, _) in sides {
        if side.is_some_and(|side| side.policy.is_none()) {
            report.add(
                format!("deletionStrategy.{field}.policy"),
                format!("the DeletionPolicyType field of DeletionStrategy.{name} cannot be unset when DeletionStrategy is enabled"),
            );
        }
    }
    let policies = sides.map(|(side, field, _, when)| (policy(side), format!("deletionStrategy.{field}.policy"), when));
    for (policy, field, when) in &policies {
        if let Some(policy) = policy.filter(|policy| spec.selects_cluster() && touches_cluster(*policy)) {
            let message = format!(
                "the ClusterSelector mode doesn't support DeletionStrategy={} {when}",
                policy.as_str()
            );
            report.add(field, message);
        }
    }
    let first = |wanted| {
        policies
            .iter()
            .find(|(policy, ..)| *policy == Some(wanted))
            .map(|(_, field, _)| field)
    };
    if let Some(field) = first(DeletionPolicyType::DeleteWorkers)
        && autoscaling(spec)
    {
        let message = "DeletionStrategy=DeleteWorkers currently does not support RayCluster with autoscaling enabled";
        report.add(field, message);
    }
    if let Some(field) = first(DeletionPolicyType::DeleteNone)
        && spec.shuts_down()
    {
        // The missing letter is KubeRay's.
        let message = "shutdownAfterJobFinshes is set to 'true' while deletion policy is 'DeleteNone'";
        report.add(field, format!("{INVALID}{message}"));
    }
}

fn policy(side: Option<&DeletionPolicy>) -> Option<DeletionPolicyType> {
    side.and_then(|side| side.policy)
}

/// Whether the policy changes the RayCluster without the RayJob; the cluster that a selector names is not the job's.
fn touches_cluster(policy: DeletionPolicyType) -> bool {
    match policy {
        DeletionPolicyType::DeleteCluster | DeletionPolicyType::DeleteWorkers => true,
        DeletionPolicyType::DeleteSelf | DeletionPolicyType::DeleteNone => false,
    }
}

fn autoscaling(spec: &RayJobSpec) -> bool {
    spec.ray_cluster_spec.as_ref().is_some_and(RayClusterSpec::autoscaling)
}

/// The kind of status that a rule waits for, in the order in which they are checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum StatusKind {
    JobStatus,
    JobDeploymentStatus,
}

impl StatusKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::JobStatus => "JobStatus",
            Self::JobDeploymentStatus => "JobDeploymentStatus",
        }
    }
}

/// The status that a rule waits for.
type Status<'a> = (StatusKind, &'a str);

/// Rules J12 to J16, whose texts KubeRay gives all at once, a line each.
struct Rules<'a> {
    spec: &'a RayJobSpec,
    list: &'a [DeletionRule],
    seen: BTreeSet<(Status<'a>, DeletionPolicyType)>,
    delays: BTreeMap<Status<'a>, BTreeMap<DeletionPolicyType, (usize, i32)>>,
}

impl<'a> Rules<'a> {
    fn new(spec: &'a RayJobSpec, list: &'a [DeletionRule]) -> Self {
        Self {
            spec,
            list,
            seen: BTreeSet::new(),
            delays: BTreeMap::new(),
        }
    }

    fn check(mut self, report: &mut Report) {
        let mut joint = report.joint("\n");
        for (index, rule) in self.list.iter().enumerate() {
            self.check_rule(index, rule, &mut joint);
        }
        self.check_order(&mut joint);
    }

    fn check_rule(&mut self, index: usize, rule: &'a DeletionRule, joint: &mut Joint<'_>) {
        let path = format!("deletionStrategy.deletionRules[{index}]");
        let mut add = |field: &str, wrong: String| {
            joint.add(format!("{path}{field}"), format!("deletionRules[{index}]: {wrong}"));
        };
        let condition = &rule.condition;
        let seconds = condition.ttl_seconds.unwrap_or_default();
        let (job, deployment) = (&condition.job_status, &condition.job_deployment_status);
        let status = match (job, deployment) {
            (Some(status), None) => Some((StatusKind::JobStatus, status.as_str())),
            (None, Some(status)) => Some((StatusKind::JobDeploymentStatus, status.as_str())),
            (Some(_), Some(_)) => {
                let wrong = "cannot set both JobStatus and JobDeploymentStatus at the same time";
                add(".condition", wrong.to_owned());
                None
            }
            (None, None) => {
                let wrong = "exactly one of JobStatus and JobDeploymentStatus must be set";
                add(".condition", wrong.to_owned());
                None
            }
        };
        if seconds < 0 {
            add(".condition.ttlSeconds", "TTLSeconds must be non-negative".to_owned());
        }
        let policy = rule.policy.as_str();
        if self.spec.selects_cluster() && touches_cluster(rule.policy) {
            let wrong = format!("DeletionPolicyType '{policy}' not supported when ClusterSelector is set");
            add(".policy", wrong);
        }
        if rule.policy == DeletionPolicyType::DeleteWorkers && autoscaling(self.spec) {
            let wrong = format!("DeletionPolicyType '{policy}' not supported with autoscaling enabled");
            add(".policy", wrong);
        }
        let Some(status) = status.filter(|_| seconds >= 0) else {
            return;
        };
        if self.seen.insert((status, rule.policy)) {
            self.delays
                .entry(status)
                .or_default()
                .insert(rule.policy, (index, seconds));
        } else {
            let (kind, value) = (status.0.as_str(), status.1);
            add(
                "",
                format!("duplicate rule for DeletionPolicyType '{policy}' and {kind} '{value}'"),
            );
        }
    }

    fn check_order(&self, joint: &mut Joint<'_>) {
        for ((kind, value), delays) in &self.delays {
            let kind = kind.as_str();
            let mut before: Option<(DeletionPolicyType, i32)> = None;
            for policy in ORDER {
                let Some((index, seconds)) = delays.get(&policy) else {
                    continue;
                };
                if let Some((previous, least)) = before.filter(|(_, least)| seconds < least) {
                    let (policy, previous) = (policy.as_str(), previous.as_str());
                    joint.add(
                        format!("deletionStrategy.deletionRules[{index}].condition.ttlSeconds"),
                        format!("for {kind} '{value}': {policy} TTL ({seconds}) must be >= {previous} TTL ({least})"),
                    );
                }
                before = Some((policy, *seconds));
            }
        }
    }
}
