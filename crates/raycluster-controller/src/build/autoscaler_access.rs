//! What the autoscaler may do in the API: its ServiceAccount, Role and RoleBinding.
//!
//! Traps: names are cut to 50 characters, so that of the ServiceAccount in the pod is too; a ServiceAccount that the
//! user named in the head's pod template is the user's to make.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ray_api::labels;
use ray_api::names::ChildName;
use ray_api::validate::ValidCluster;

/// The name that the user gave in the head's pod template, if any.
pub fn own_service_account<'a>(cluster: &ValidCluster<'a>) -> Option<&'a str> {
    let spec = cluster.spec.head_group_spec.template.spec.as_ref()?;
    spec.service_account_name.as_deref().filter(|name| !name.is_empty())
}

/// Name of the ServiceAccount that the head runs under while the autoscaler is on.
pub fn service_account_name(cluster: &ValidCluster<'_>) -> String {
    ChildName::new(own_service_account(cluster).unwrap_or(cluster.name)).into()
}

/// The ServiceAccount.
pub fn service_account(cluster: &ValidCluster<'_>) -> ServiceAccount {
    ServiceAccount {
        metadata: metadata(cluster, service_account_name(cluster)),
        ..ServiceAccount::default()
    }
}

/// The Role.
pub fn role(cluster: &ValidCluster<'_>) -> Role {
    Role {
        metadata: metadata(cluster, role_name(cluster)),
        rules: Some(vec![
            rule("", "pods", &["get", "list", "watch", "patch"]),
            rule("", "pods/resize", &["patch"]),
            rule("ray.io", "rayclusters", &["get", "patch"]),
        ]),
    }
}

/// The binding of the Role to the ServiceAccount.
pub fn role_binding(cluster: &ValidCluster<'_>) -> RoleBinding {
    RoleBinding {
        metadata: metadata(cluster, role_name(cluster)),
        role_ref: RoleRef {
            api_group: Some("rbac.authorization.k8s.io".to_owned()),
            kind: "Role".to_owned(),
            name: role_name(cluster),
        },
        subjects: Some(vec![Subject {
            api_group: None,
            kind: "ServiceAccount".to_owned(),
            name: service_account_name(cluster),
            namespace: Some(cluster.namespace.to_owned()),
        }]),
    }
}

/// Name of the Role and of its binding.
pub fn role_name(cluster: &ValidCluster<'_>) -> String {
    ChildName::new(cluster.name).into()
}

fn rule(group: &str, resource: &str, verbs: &[&str]) -> PolicyRule {
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    }
}

fn metadata(cluster: &ValidCluster<'_>, name: String) -> ObjectMeta {
    let labels = [
        (labels::CLUSTER, cluster.name),
        (labels::APP_NAME, labels::APPLICATION_NAME),
        (labels::APP_CREATED_BY, labels::CREATED_BY),
    ];
    let labels: BTreeMap<_, _> = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.namespace.to_owned()),
        labels: Some(labels),
        owner_references: Some(vec![cluster.owner_reference()]),
        ..ObjectMeta::default()
    }
}
