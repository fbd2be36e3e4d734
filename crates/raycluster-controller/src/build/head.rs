//! The head pod.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use ray_api::names::PodName;
use ray_api::v1::cluster::AutoscalerVersion;
use ray_api::validate::ValidCluster;
use ray_api::{KUBERAY_VERSION, annotations, environment as variables};

use super::draft::Draft;
use super::finish::finish;
use super::node::Node;
use super::{Context, autoscaler, autoscaler_access, collector, fault_tolerance, labels, tls};

/// What tells one head pod of a cluster from the next.
#[derive(Clone, Copy, Debug)]
pub struct HeadIdentity<'a> {
    /// End of its name, unless the user or a switch decides the name.
    pub suffix: &'a str,
    /// Hash of the spec that it is built from, for the `Recreate` strategy.
    pub spec_hash: &'a str,
}

/// Name of the head pod. With the switch for deterministic names it has no suffix; else a name in the user's pod
/// template is taken as it is.
pub fn head_pod_name(context: &Context<'_>, cluster: &ValidCluster<'_>, suffix: &str) -> String {
    let name = PodName::head(cluster.name);
    if context.settings.switches.deterministic_head_pod_name {
        return name.into();
    }
    let template = cluster.spec.head_group_spec.template.metadata.as_ref();
    match template.and_then(|metadata| metadata.name.as_deref()) {
        Some(own) if !own.is_empty() => own.to_owned(),
        _ => name.with_suffix(suffix).into(),
    }
}

/// Labels of the head pod.
pub fn head_labels(context: &Context<'_>, cluster: &ValidCluster<'_>) -> BTreeMap<String, String> {
    labels::of(&Node::head(context, cluster))
}

/// The head pod.
pub fn head_pod(context: &Context<'_>, cluster: &ValidCluster<'_>, identity: &HeadIdentity<'_>) -> Pod {
    let node = Node::head(context, cluster);
    let mut draft = Draft::new(&node, head_pod_name(context, cluster, identity.suffix));
    if node.has_autoscaler() {
        add_autoscaler(&node, &mut draft);
    }
    fault_tolerance::add_to_head(&node, &mut draft);
    draft.add_metrics_port();
    draft.add_authentication(&node);
    tls::add(&node, &mut draft);
    collector::add(&node, &mut draft);
    draft.annotate(annotations::UPGRADE_STRATEGY_RECREATE_HASH, identity.spec_hash);
    draft.annotate(annotations::KUBERAY_VERSION, KUBERAY_VERSION);
    finish(draft, &node)
}

fn add_autoscaler(node: &Node<'_>, draft: &mut Draft) {
    draft.params.insert("no-monitor".to_owned(), "true".to_owned());
    draft.spec.service_account_name = Some(autoscaler_access::service_account_name(node.cluster));
    draft.autoscaler = Some(autoscaler::container(node));
    let enable = |value: &str| variables::literal(variables::RAY_ENABLE_AUTOSCALER_V2, value);
    match node.cluster.spec.autoscaler_version() {
        Some(AutoscalerVersion::V2) => {
            variables::append(&mut draft.ray, enable("true"));
            draft.spec.restart_policy = Some("Never".to_owned());
        }
        Some(AutoscalerVersion::V1) => variables::append(&mut draft.ray, enable("false")),
        None => {}
    }
    // Where the pod's containers are not started again, it alone is: it keeps nothing. Kubernetes before 1.35 refuses that.
    let of_pod = draft.spec.restart_policy.as_deref();
    if of_pod.is_some_and(|policy| policy != "Always")
        && let Some(autoscaler) = &mut draft.autoscaler
    {
        autoscaler.restart_policy = Some("Always".to_owned());
    }
}
