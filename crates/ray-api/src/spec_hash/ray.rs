//! The `ray.io` types in the order in which KubeRay v1.7 declares their fields.
//!
//! What the hash leaves out stands here only where it is printed empty.

use super::kubernetes::{
    ENV_FROM_SOURCE, ENV_VAR, ENV_VAR_SOURCE, INGRESS_TLS, NETWORK_POLICY_EGRESS_RULE, NETWORK_POLICY_INGRESS_RULE,
    POD_TEMPLATE_SPEC, RESOURCE_REQUIREMENTS, SECURITY_CONTEXT, SERVICE, VOLUME_MOUNT,
};
use super::shape::Shape::{Boolean, Integer, List, Map, Object, Quantity, Text};
use super::shape::{Fields, always, not_empty, nullable, set};

pub(super) static RAY_CLUSTER_SPEC: Fields = Fields(&[
    set("authOptions", Object(&AUTH_OPTIONS)),
    set("suspend", Boolean),
    set("managedBy", Text),
    set("autoscalerOptions", Object(&AUTOSCALER_OPTIONS)),
    not_empty("headServiceAnnotations", Map(&Text)),
    set("enableInTreeAutoscaling", Boolean),
    set("gcsFaultToleranceOptions", Object(&GCS_FAULT_TOLERANCE_OPTIONS)),
    set("historyServerOptions", Object(&HISTORY_SERVER_OPTIONS)),
    set("networkPolicy", Object(&NETWORK_POLICY)),
    set("tlsOptions", Object(&TLS_OPTIONS)),
    always("headGroupSpec", Object(&HEAD_GROUP_SPEC)),
    not_empty("rayVersion", Text),
    not_empty("workerGroupSpecs", List(&Object(&WORKER_GROUP_SPEC))),
]);

static AUTH_OPTIONS: Fields = Fields(&[
    set("enableK8sTokenAuth", Boolean),
    set("secretName", Text),
    not_empty("mode", Text),
]);

static AUTOSCALER_OPTIONS: Fields = Fields(&[
    set("resources", Object(&RESOURCE_REQUIREMENTS)),
    set("image", Text),
    set("imagePullPolicy", Text),
    set("securityContext", Object(&SECURITY_CONTEXT)),
    set("idleTimeoutSeconds", Integer),
    set("upscalingMode", Text),
    set("version", Text),
    not_empty("env", List(&Object(&ENV_VAR))),
    not_empty("envFrom", List(&Object(&ENV_FROM_SOURCE))),
    not_empty("volumeMounts", List(&Object(&VOLUME_MOUNT))),
    not_empty("command", List(&Text)),
    not_empty("args", List(&Text)),
]);

static GCS_FAULT_TOLERANCE_OPTIONS: Fields = Fields(&[
    not_empty("backend", Text),
    set("redisUsername", Object(&REDIS_CREDENTIAL)),
    set("redisPassword", Object(&REDIS_CREDENTIAL)),
    not_empty("externalStorageNamespace", Text),
    not_empty("redisAddress", Text),
    set("storage", Object(&GCS_EMBEDDED_STORAGE)),
]);

static REDIS_CREDENTIAL: Fields = Fields(&[set("valueFrom", Object(&ENV_VAR_SOURCE)), not_empty("value", Text)]);

static GCS_EMBEDDED_STORAGE: Fields = Fields(&[
    not_empty("claimName", Text),
    set("size", Quantity),
    set("storageClassName", Text),
    not_empty("accessModes", List(&Text)),
    not_empty("subPath", Text),
    not_empty("deletionPolicy", Text),
]);

static HISTORY_SERVER_OPTIONS: Fields = Fields(&[set("collectorOptions", Object(&COLLECTOR_OPTIONS))]);

static COLLECTOR_OPTIONS: Fields = Fields(&[
    set("image", Text),
    set("imagePullPolicy", Text),
    set("resources", Object(&RESOURCE_REQUIREMENTS)),
    not_empty("env", List(&Object(&ENV_VAR))),
]);

static NETWORK_POLICY: Fields = Fields(&[
    set("mode", Text),
    set("head", Object(&NETWORK_POLICY_RULES)),
    set("worker", Object(&NETWORK_POLICY_RULES)),
    not_empty("workerGroups", List(&Object(&WORKER_GROUP_NETWORK_POLICY_RULES))),
]);

static NETWORK_POLICY_RULES: Fields = Fields(&[
    not_empty("ingressRules", List(&Object(&NETWORK_POLICY_INGRESS_RULE))),
    not_empty("egressRules", List(&Object(&NETWORK_POLICY_EGRESS_RULE))),
]);

static WORKER_GROUP_NETWORK_POLICY_RULES: Fields = Fields(&[
    always("groupName", Text),
    not_empty("ingressRules", List(&Object(&NETWORK_POLICY_INGRESS_RULE))),
    not_empty("egressRules", List(&Object(&NETWORK_POLICY_EGRESS_RULE))),
]);

static TLS_OPTIONS: Fields = Fields(&[set("enabled", Boolean)]);

static HEAD_GROUP_SPEC: Fields = Fields(&[
    always("template", Object(&POD_TEMPLATE_SPEC)),
    set("headService", Object(&SERVICE)),
    set("enableIngress", Boolean),
    set("ingressOptions", Object(&INGRESS_OPTIONS)),
    not_empty("resources", Map(&Text)),
    not_empty("labels", Map(&Text)),
    always("rayStartParams", Map(&Text)),
    not_empty("serviceType", Text),
]);

static INGRESS_OPTIONS: Fields = Fields(&[
    set("host", Text),
    set("path", Text),
    set("pathType", Text),
    not_empty("tls", List(&Object(&INGRESS_TLS))),
]);

static WORKER_GROUP_SPEC: Fields = Fields(&[
    set("suspend", Boolean),
    always("groupName", Text),
    nullable("minReplicas", Integer),
    nullable("maxReplicas", Integer),
    set("idleTimeoutSeconds", Integer),
    set("priority", Integer),
    not_empty("resources", Map(&Text)),
    not_empty("labels", Map(&Text)),
    always("rayStartParams", Map(&Text)),
    always("template", Object(&POD_TEMPLATE_SPEC)),
    always("scaleStrategy", Object(&SCALE_STRATEGY)),
    not_empty("numOfHosts", Integer),
]);

/// Its only field is left out.
static SCALE_STRATEGY: Fields = Fields(&[]);
