use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Violations;
use super::{manifest, patched, validate};

/// Patches of single fields; several together make specs that nobody would write.
const PATCHES: [&str; 24] = [
    "metadata.name: '-'",
    "metadata.annotations: {ray.io/ft-enabled: a, ray.io/external-storage-namespace: b}",
    "metadata.labels: {ray.io/originated-from-crd: RayJob}",
    "spec.rayVersion: nightly",
    "spec.enableInTreeAutoscaling: true",
    "spec.autoscalerOptions: {version: v2, idleTimeoutSeconds: -5, env: [{name: RAY_USE_TLS}]}",
    "spec.autoscalerOptions.version: v1",
    "spec.gcsFaultToleranceOptions: {}",
    "spec.gcsFaultToleranceOptions: {backend: rocksdb, redisUsername: {}, storage: {claimName: x, size: 1Gi}}",
    "spec.historyServerOptions: {}",
    "spec.historyServerOptions: {collectorOptions: {env: [{name: STORAGE_BACKEND, value: azureblob}]}}",
    "spec.networkPolicy: {mode: DenyAllEgress, head: {ingressRules: [{}]}, workerGroups: [{groupName: ''}]}",
    "spec.tlsOptions: {enabled: true}",
    "spec.authOptions: {mode: token, enableK8sTokenAuth: true, secretName: x}",
    "spec.upgradeStrategy: {type: Recreate}",
    "spec.workerGroupSpecs: null",
    "spec.headGroupSpec.template: {spec: null}",
    "spec.headGroupSpec.template.spec.restartPolicy: Always",
    "spec.headGroupSpec.labels: {'': '-', a/b/c: é}",
    "head.env: [{name: RAY_enable_autoscaler_v2, value: 'true'}, {name: RAY_REDIS_ADDRESS}]",
    "head.volumeMounts: [{name: gcs-storage, mountPath: /etc/ray/tls}]",
    "workers.0: {minReplicas: 2147483647, maxReplicas: -2147483648, priority: -1, idleTimeoutSeconds: -1}",
    "workers.0: {groupName: '', suspend: true, template: {spec: null}}",
    "workers.1: {minReplicas: null, labels: {a: 'b c'}, rayStartParams: {labels: a, num-cpus: '1'}, resources: {CPU: x}}",
];

/// The base manifest with some of the patches; one that no longer fits is left out.
fn spec(chosen: &[usize]) -> Value {
    chosen.iter().fold(manifest("RayCluster"), |object, index| {
        let patch = PATCHES[*index];
        let spec = &object["spec"];
        let fits = match patch.split_once('.') {
            Some(("workers", _)) => spec["workerGroupSpecs"].is_array(),
            Some(("head", _)) => spec["headGroupSpec"]["template"]["spec"]["containers"].is_array(),
            _ => true,
        };
        if fits { patched(object, patch) } else { object }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the spec, rules answer; a cluster's violations are found inside every other kind too.
    #[test]
    fn rules_answer_and_agree(
        chosen in prop::collection::vec(0..PATCHES.len(), 0..6),
        gates in prop::sample::select(&["", "AllAlpha=true", "AllAlpha=true,AllBeta=false"][..]),
    ) {
        let cluster = spec(&chosen);
        let found = |object: &Value, root: &str| -> Vec<String> {
            let violations = validate(object, gates).err();
            let all = violations.as_ref().map(Violations::all).unwrap_or_default();
            let inside = all.iter().filter_map(|violation| Some(violation.path.strip_prefix(root)?.to_owned()));
            inside.filter(|path| path != ".upgradeStrategy").collect()
        };
        let want = found(&cluster, "spec");
        let mut job = manifest("RayJob");
        job["metadata"] = cluster["metadata"].clone();
        job["spec"]["rayClusterSpec"] = cluster["spec"].clone();
        let mut service = manifest("RayService");
        service["metadata"] = cluster["metadata"].clone();
        service["spec"]["rayClusterConfig"] = cluster["spec"].clone();
        // Both kinds refuse these tokens once more, in the same place.
        let tokens = ".authOptions.enableK8sTokenAuth";
        let without = |paths: Vec<String>| paths.into_iter().filter(|path| path != tokens).collect::<Vec<_>>();
        let want = without(want);
        prop_assert_eq!(&without(found(&job, "spec.rayClusterSpec")), &want);
        prop_assert_eq!(&without(found(&service, "spec.rayClusterConfig")), &want);
    }

    /// Messages never come without a place.
    #[test]
    fn violations_have_a_path_and_a_text(chosen in prop::collection::vec(0..PATCHES.len(), 1..6)) {
        let violations = validate(&spec(&chosen), "AllAlpha=true").err();
        for violation in violations.iter().flat_map(Violations::all) {
            prop_assert!(violation.path.starts_with("spec") || violation.path.starts_with("metadata"));
            prop_assert!(!violation.message.is_empty());
        }
    }

    /// Deletion rules of any kind are answered.
    #[test]
    fn deletion_rules_are_answered(
        rules in prop::collection::vec((0..4_usize, 0..4_usize, -1..3_i32), 0..8),
        shutdown: bool,
        selector: bool,
    ) {
        let policies = ["DeleteWorkers", "DeleteCluster", "DeleteSelf", "DeleteNone"];
        let rules: Vec<_> = rules.into_iter().map(|(policy, condition, seconds)| {
            let mut condition = [
                json!({}),
                json!({"jobStatus": "FAILED"}),
                json!({"jobDeploymentStatus": "Failed"}),
                json!({"jobStatus": "FAILED", "jobDeploymentStatus": "Failed"}),
            ][condition].clone();
            condition["ttlSeconds"] = json!(seconds);
            json!({"policy": policies[policy], "condition": condition})
        }).collect();
        let mut job = manifest("RayJob");
        job["spec"]["shutdownAfterJobFinishes"] = json!(shutdown);
        job["spec"]["deletionStrategy"] = json!({"deletionRules": rules});
        if selector {
            job["spec"]["clusterSelector"] = json!({"ray.io/cluster": "other"});
        }
        let _ = validate(&job, "");
    }
}
