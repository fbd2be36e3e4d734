//! What Kubernetes' admission plugins do that controllers can see: namespaces must exist, pods get the account that they
//! run as, tolerations and a priority.
//!
//! Quotas are in [`super::quota`].

use std::sync::Arc;

use serde_json::{Value, json};

use super::definitions::Kind;
use super::journal::Verb;
use super::metadata;
use super::refusal::{Cause, Refusal, Resource};
use super::write::{Part, Request, Writer};

/// Where the token of a pod's account is mounted.
const TOKEN_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The account of pods that name none.
const DEFAULT_ACCOUNT: &str = "default";
/// The finalizer of a claim that pods use.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// In whose name the server itself writes.
pub const SERVER: &str = "system:apiserver";
/// How long a pod stays on a node that is not ready, in seconds.
const TOLERATION: i64 = 300;

/// Objects are created in namespaces that exist and are not being deleted.
pub fn namespace(writer: &Writer<'_>, object: &Value) -> Result<(), Refusal> {
    let Request { kind, namespace, .. } = writer.request;
    if !kind.namespaced {
        return Ok(());
    }
    let resource = Resource {
        group: "",
        name: "namespaces",
    };
    let found = writer.find("Namespace", "", namespace);
    let Some(found) = found else {
        return Err(Refusal::not_found(resource, namespace));
    };
    if found["status"]["phase"] != "Terminating" {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let refusal = Refusal::forbidden(kind.resource(), metadata::text(object, "name"), &why);
    Err(refusal.because(Cause {
        reason: "NamespaceTerminating".to_owned(),
        message: format!("namespace {namespace} is being terminated"),
        field: "metadata.namespace".to_owned(),
    }))
}

/// Completes a new object of Kubernetes' own kinds.
pub fn create(writer: &Writer<'_>, object: &mut Value) -> Result<(), Refusal> {
    match &*writer.request.kind.name {
        "Pod" => {}
        "PersistentVolumeClaim" => {
            protect(object);
            return Ok(());
        }
        _ => return Ok(()),
    }
    account(writer, object)?;
    tolerate(object);
    let spec = &mut object["spec"];
    if spec.get("priority").is_none() {
        spec["priority"] = json!(0);
        spec["preemptionPolicy"] = json!("PreemptLowerPriority");
    }
    Ok(())
}

/// A claim stays while pods use it.
fn protect(claim: &mut Value) {
    let mut finalizers: Vec<_> = metadata::finalizers(claim).into_iter().map(str::to_owned).collect();
    if !finalizers.iter().any(|finalizer| finalizer == CLAIM_PROTECTION) {
        finalizers.push(CLAIM_PROTECTION.to_owned());
    }
    metadata::set_finalizers(claim, &finalizers);
}

/// Completes a changed object of Kubernetes' own kinds.
pub fn update(kind: &Kind, object: &mut Value) {
    if &*kind.name == "Pod" {
        tolerate(object);
    }
}

/// Pods stay a while on nodes that are in trouble.
fn tolerate(pod: &mut Value) {
    let spec = &mut pod["spec"];
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerations = spec["tolerations"].as_array().map_or(&[][..], Vec::as_slice);
        let tolerated = tolerations.iter().any(|toleration| {
            (toleration["key"] == key || toleration["key"].is_null())
                && (toleration["effect"] == "NoExecute" || toleration["effect"].is_null())
        });
        if !tolerated {
            push(
                spec,
                "tolerations",
                json!({ "key": key, "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": TOLERATION }),
            );
        }
    }
}

/// A pod runs as an account that exists, and finds its token in every container.
fn account(writer: &Writer<'_>, pod: &mut Value) -> Result<(), Refusal> {
    let namespace = writer.request.namespace;
    let pod_name = metadata::text(pod, "name").to_owned();
    let spec = &mut pod["spec"];
    let name = spec["serviceAccountName"]
        .as_str()
        .unwrap_or(DEFAULT_ACCOUNT)
        .to_owned();
    spec["serviceAccountName"] = json!(name);
    spec["serviceAccount"] = json!(name);
    let Some(account) = writer.find("ServiceAccount", namespace, &name) else {
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(Refusal::forbidden(writer.request.kind.resource(), &pod_name, &why));
    };
    let automount = |object: &Value| object["automountServiceAccountToken"].as_bool();
    if automount(spec).or_else(|| automount(&account)).unwrap_or(true) {
        mount_token(spec, &format!("kube-api-access-{}", writer.server.random.suffix()));
    }
    if spec.get("imagePullSecrets").is_none()
        && let Some(secrets) = account.get("imagePullSecrets")
    {
        spec["imagePullSecrets"] = secrets.clone();
    }
    Ok(())
}

fn mount_token(spec: &mut Value, volume: &str) {
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let mounts = container["volumeMounts"].as_array().map_or(&[][..], Vec::as_slice);
            if !mounts.iter().any(|mount| mount["mountPath"] == TOKEN_DIRECTORY) {
                push(
                    container,
                    "volumeMounts",
                    json!({ "name": volume, "readOnly": true, "mountPath": TOKEN_DIRECTORY }),
                );
                mounted = true;
            }
        }
    }
    if mounted {
        push(
            spec,
            "volumes",
            json!({ "name": volume, "projected": { "defaultMode": 0o644, "sources": [
            { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
            { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            { "downwardAPI": { "items": [
                { "path": "namespace", "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } },
        ] } }),
        );
    }
}

fn push(object: &mut Value, list: &str, item: Value) {
    match object[list].as_array_mut() {
        Some(items) => items.push(item),
        None => object[list] = json!([item]),
    }
}

/// What a new namespace is given at once; in Kubernetes controllers need a moment for it.
pub fn open_namespace(writer: &mut Writer<'_>, namespace: &str) {
    let server = writer.server;
    let Some(kind) = server.definitions().kind("ServiceAccount") else {
        return;
    };
    let user: Arc<str> = SERVER.into();
    let request = Request {
        user: &user,
        verb: Verb::Create,
        kind,
        served: kind.stored(),
        namespace,
        name: "",
        part: Part::Main,
        manager: SERVER,
        dry_run: false,
    };
    let mut writer = Writer {
        server,
        state: writer.state,
        request,
        now: writer.now,
        subject: None,
        owners: None,
    };
    let account = json!({ "metadata": { "name": DEFAULT_ACCOUNT } });
    // The namespace is new, so nothing can be in the way.
    let _ = writer.create(account);
}

impl Writer<'_> {
    /// An object of any kind.
    pub fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let kind = self.server.definitions().kind(kind)?;
        let object = self.state.store.get(kind.index, namespace, name)?;
        Some(object.value().clone())
    }
}
