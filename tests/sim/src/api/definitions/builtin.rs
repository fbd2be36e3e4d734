//! Kubernetes' own kinds, and those of others whose schemas nobody here needs.
//!
//! Their schemas come from the k8s-openapi crate. What those leave out, list types above all, is merged in from the same
//! table that the definitions of Ray's kinds are made with.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, Node, PersistentVolumeClaim, Pod, ResourceQuota, Secret, Service, ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema as JsonSchemaValue};
use serde_json::{Map, Value, json};

use super::{Form, Kind, Traits, anything, served};
use crate::api::kinds::{self, Rules};
use crate::api::schema::{Compiler, Schema};

/// What k8s-openapi's schemas leave out.
const TABLE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../crates/ray-api/schema/kubernetes.json"
));

const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

struct Builtin {
    name: &'static str,
    plural: &'static str,
    group: &'static str,
    version: &'static str,
    namespaced: bool,
    schema: Option<fn(&mut SchemaGenerator) -> JsonSchemaValue>,
    traits: Traits,
    rules: &'static dyn Rules,
}

/// Most kinds: of the core, in namespaces, without a status.
const USUAL: Builtin = Builtin {
    name: "",
    plural: "",
    group: "",
    version: "v1",
    namespaced: true,
    schema: None,
    traits: Traits {
        custom: false,
        status: false,
        status_at_first: false,
        generation: false,
        unconditional_update: true,
        create_on_update: false,
        returns_deleted: false,
        orphans: false,
    },
    rules: &kinds::PLAIN,
};
const WITH_STATUS: Traits = Traits {
    status: true,
    ..USUAL.traits
};
const WITH_GENERATION: Traits = Traits {
    generation: true,
    ..WITH_STATUS
};
const RETURNS_DELETED: Traits = Traits {
    returns_deleted: true,
    ..USUAL.traits
};
const CREATE_ON_UPDATE: Traits = Traits {
    create_on_update: true,
    ..USUAL.traits
};
/// A kind of somebody else's definition.
const FOREIGN: Traits = Traits {
    custom: true,
    unconditional_update: false,
    ..WITH_GENERATION
};

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> JsonSchemaValue {
    generator.subschema_for::<T>()
}

#[rustfmt::skip] // a table
const KINDS: &[Builtin] = &[
    Builtin { name: "Namespace", plural: "namespaces", namespaced: false, schema: Some(of::<Namespace>),
        traits: Traits { returns_deleted: true, ..WITH_STATUS }, rules: &kinds::NAMESPACE, ..USUAL },
    Builtin { name: "Node", plural: "nodes", namespaced: false, schema: Some(of::<Node>),
        traits: Traits { status_at_first: true, ..WITH_STATUS }, ..USUAL },
    Builtin { name: "Pod", plural: "pods", schema: Some(of::<Pod>),
        traits: Traits { returns_deleted: true, ..WITH_GENERATION }, rules: &kinds::POD, ..USUAL },
    Builtin { name: "Service", plural: "services", schema: Some(of::<Service>),
        traits: Traits { returns_deleted: true, create_on_update: true, ..WITH_STATUS }, rules: &kinds::SERVICE, ..USUAL },
    Builtin { name: "ServiceAccount", plural: "serviceaccounts", schema: Some(of::<ServiceAccount>), traits: RETURNS_DELETED, ..USUAL },
    Builtin { name: "Secret", plural: "secrets", schema: Some(of::<Secret>), rules: &kinds::SECRET, ..USUAL },
    Builtin { name: "ConfigMap", plural: "configmaps", schema: Some(of::<ConfigMap>), rules: &kinds::CONFIG_MAP, ..USUAL },
    Builtin { name: "PersistentVolumeClaim", plural: "persistentvolumeclaims", schema: Some(of::<PersistentVolumeClaim>),
        traits: Traits { returns_deleted: true, ..WITH_STATUS }, rules: &kinds::PERSISTENT_VOLUME_CLAIM, ..USUAL },
    Builtin { name: "ResourceQuota", plural: "resourcequotas", schema: Some(of::<ResourceQuota>),
        traits: Traits { returns_deleted: true, ..WITH_STATUS }, ..USUAL },
    Builtin { name: "Event", plural: "events", group: "events.k8s.io", schema: Some(of::<Event>), traits: CREATE_ON_UPDATE,
        rules: &kinds::EVENT, ..USUAL },
    Builtin { name: "Job", plural: "jobs", group: "batch", schema: Some(of::<Job>),
        traits: Traits { orphans: true, ..WITH_GENERATION }, rules: &kinds::JOB, ..USUAL },
    Builtin { name: "Role", plural: "roles", group: "rbac.authorization.k8s.io", schema: Some(of::<Role>),
        traits: CREATE_ON_UPDATE, rules: &kinds::FREELY_NAMED, ..USUAL },
    Builtin { name: "RoleBinding", plural: "rolebindings", group: "rbac.authorization.k8s.io", schema: Some(of::<RoleBinding>),
        traits: CREATE_ON_UPDATE, rules: &kinds::ROLE_BINDING, ..USUAL },
    Builtin { name: "EndpointSlice", plural: "endpointslices", group: "discovery.k8s.io", schema: Some(of::<EndpointSlice>),
        traits: Traits { generation: true, ..USUAL.traits }, rules: &kinds::ENDPOINT_SLICE, ..USUAL },
    Builtin { name: "Ingress", plural: "ingresses", group: "networking.k8s.io", schema: Some(of::<Ingress>),
        traits: WITH_GENERATION, rules: &kinds::INGRESS, ..USUAL },
    Builtin { name: "NetworkPolicy", plural: "networkpolicies", group: "networking.k8s.io", schema: Some(of::<NetworkPolicy>),
        traits: Traits { generation: true, ..USUAL.traits }, rules: &kinds::NETWORK_POLICY, ..USUAL },
    Builtin { name: "Lease", plural: "leases", group: "coordination.k8s.io", schema: Some(of::<Lease>),
        traits: Traits { create_on_update: true, unconditional_update: false, ..USUAL.traits }, ..USUAL },
    Builtin { name: "PodGroup", plural: "podgroups", group: "scheduling.volcano.sh", version: "v1beta1", traits: FOREIGN, ..USUAL },
    Builtin { name: "Gateway", plural: "gateways", group: "gateway.networking.k8s.io", traits: FOREIGN, ..USUAL },
    Builtin { name: "HTTPRoute", plural: "httproutes", group: "gateway.networking.k8s.io", traits: FOREIGN, ..USUAL },
    Builtin { name: "Certificate", plural: "certificates", group: "cert-manager.io", traits: FOREIGN, ..USUAL },
    Builtin { name: "Issuer", plural: "issuers", group: "cert-manager.io", traits: FOREIGN, ..USUAL },
];

/// The schema of metadata, and the kinds.
pub fn kinds() -> anyhow::Result<(Arc<Schema>, Vec<Kind>)> {
    let mut generator = SchemaSettings::openapi3().into_generator();
    let metadata = generator.subschema_for::<ObjectMeta>().to_value();
    let roots: Vec<_> = KINDS
        .iter()
        .map(|kind| {
            kind.schema
                .map_or_else(anything, |schema| schema(&mut generator).to_value())
        })
        .collect();
    let mut compiler = Compiler::new(types(generator.take_definitions(false))?);
    let metadata = compiler.compile(&metadata)?;
    let kinds = KINDS.iter().zip(roots).map(|(builtin, root)| {
        let schema = compiler.compile(&root).with_context(|| builtin.name)?;
        let schema = Schema::with_field(&schema, "metadata", &metadata);
        Ok(kind(builtin, schema))
    });
    let kinds = kinds.collect::<anyhow::Result<_>>()?;
    Ok((metadata, kinds))
}

fn kind(builtin: &Builtin, schema: Arc<Schema>) -> Kind {
    let mut versions = vec![served(builtin.group, builtin.version, schema.clone(), Form::Stored)];
    if builtin.name == "Event" {
        versions.push(served("", "v1", schema, Form::CoreEvent));
    }
    Kind {
        index: 0,
        name: builtin.name.into(),
        plural: builtin.plural.to_owned(),
        namespaced: builtin.namespaced,
        served: versions,
        traits: builtin.traits,
        rules: builtin.rules,
    }
}

/// The types that the schemas refer to, with what the table adds.
fn types(mut definitions: Map<String, Value>) -> anyhow::Result<BTreeMap<String, Value>> {
    let table: Map<String, Value> = serde_json::from_str(TABLE)?;
    for (name, patch) in table {
        // The table's metadata is that of pod templates in Ray's definitions, which may say less.
        if name == METADATA {
            continue;
        }
        if let Some(definition) = definitions.get_mut(&name) {
            json_patch::merge(definition, &patch);
        }
    }
    if let Some(metadata) = definitions.get_mut(METADATA) {
        json_patch::merge(
            metadata,
            &json!({ "properties": {
            "finalizers": { "x-kubernetes-list-type": "set" },
            "ownerReferences": { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"] },
        } }),
        );
    }
    Ok(definitions.into_iter().collect())
}
