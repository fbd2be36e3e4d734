//! The claim of the volume on which a head keeps its state (embedded fault tolerance).
//!
//! It exists before a head does. Apart from its owner it is never changed: Kubernetes allows little of it, and the state
//! of a cluster is on it. A claim that the user names is not touched at all.
//!
//! Traps: with `Retain` the claim has no owner and a later cluster of the name finds it, with its state; a claim that is
//! being deleted cannot be used by a new pod, and goes once the old one is gone.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::ResourceExt;
use ray_api::quantity::Quantity;
use ray_api::validate::ValidCluster;
use ray_runtime::calls::Made;
use serde_json::json;

use super::prerequisites::Prerequisites;
use crate::build;
use crate::build::fault_tolerance::{FaultTolerance, claim_name};
use crate::error::Error;

impl Prerequisites<'_> {
    /// Ensures that the claim exists and has the owner that the spec wants.
    pub async fn storage(&self, cluster: &ValidCluster<'_>) -> Result<(), Error> {
        let FaultTolerance::Embedded(options) = FaultTolerance::of(cluster) else {
            return Ok(());
        };
        let name = claim_name(cluster.name, options);
        let Some(wanted) = build::gcs_storage_claim(cluster) else {
            return self.users_claim(cluster, &name).await;
        };
        let found = match self
            .calls
            .read::<PersistentVolumeClaim>(cluster.namespace, &name)
            .await?
        {
            Some(found) => found,
            None => match self.create_claim(&name, &wanted).await? {
                Some(found) => found,
                None => return Ok(()),
            },
        };
        if found.metadata.deletion_timestamp.is_some() && self.without_head {
            return Err(self.unusable(&name, Error::ClaimTerminating { name: name.clone() }));
        }
        if let Some(drift) = drift(&wanted, &found) {
            self.story.claim_differs(&name, &drift);
        }
        match owners(cluster.uid, &wanted, &found) {
            Ok(Some(owners)) => self.set_owners(cluster, &found, &owners).await,
            Ok(None) => Ok(()),
            Err(()) => Err(self.unusable(&name, Error::ForeignClaim { name: name.clone() })),
        }
    }

    fn unusable(&self, name: &str, error: Error) -> Error {
        self.story.failed_to_create_claim(name, &error);
        error
    }

    async fn users_claim(&self, cluster: &ValidCluster<'_>, name: &str) -> Result<(), Error> {
        let found = self
            .calls
            .read_metadata::<PersistentVolumeClaim>(cluster.namespace, name)
            .await?;
        if found.is_none() {
            self.story.claim_not_found(name);
        }
        Ok(())
    }

    /// `None` once it is created; the claim that has come between, if one has.
    async fn create_claim(
        &self,
        name: &str,
        wanted: &PersistentVolumeClaim,
    ) -> Result<Option<PersistentVolumeClaim>, Error> {
        match self.calls.create_or_read(wanted.clone()).await {
            Ok(Made::New(PersistentVolumeClaim { .. })) => {
                self.story.created_claim(name);
                Ok(None)
            }
            Ok(Made::Before(found)) => Ok(Some(found)),
            Err(error) => {
                let error = Error::Call(error);
                self.story.failed_to_create_claim(name, &error);
                Err(error)
            }
        }
    }

    async fn set_owners(
        &self,
        cluster: &ValidCluster<'_>,
        found: &PersistentVolumeClaim,
        owners: &[OwnerReference],
    ) -> Result<(), Error> {
        let name = found.name_any();
        let change = json!({ "metadata": {
            "resourceVersion": found.resource_version(),
            "uid": found.uid(),
            "ownerReferences": owners,
        }});
        let written = self
            .calls
            .merge::<PersistentVolumeClaim>(cluster.namespace, &name, change)
            .await;
        written.map(|_| ()).map_err(|error| {
            let error = Error::Call(error);
            if error.refused() {
                self.story.failed_to_own_claim(&name, &error);
            }
            error
        })
    }
}

/// What the claim has otherwise than the spec wants it.
fn drift(wanted: &PersistentVolumeClaim, found: &PersistentVolumeClaim) -> Option<String> {
    let mut parts = Vec::new();
    let (wanted_size, found_size) = (size(wanted), size(found));
    if wanted_size != found_size {
        parts.push(format!("requested size {wanted_size} != current {found_size}"));
    }
    let class = |claim: &PersistentVolumeClaim| claim.spec.as_ref()?.storage_class_name.clone();
    if let Some(wanted) = class(wanted)
        && class(found).as_ref() != Some(&wanted)
    {
        let found = class(found).unwrap_or_else(|| "<default>".to_owned());
        parts.push(format!("storageClassName {wanted} != current {found}"));
    }
    let (wanted_modes, found_modes) = (modes(wanted), modes(found));
    let sorted = |modes: &[String]| {
        let mut modes = modes.to_vec();
        modes.sort();
        modes
    };
    if sorted(&wanted_modes) != sorted(&found_modes) {
        let list = |modes: &[String]| format!("[{}]", modes.join(" "));
        parts.push(format!(
            "accessModes {} != current {}",
            list(&wanted_modes),
            list(&found_modes)
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn size(claim: &PersistentVolumeClaim) -> Quantity {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let text = requests.and_then(|requests| requests.get("storage"));
    text.and_then(|text| Quantity::try_from(text).ok()).unwrap_or_default()
}

fn modes(claim: &PersistentVolumeClaim) -> Vec<String> {
    let spec = claim.spec.as_ref();
    spec.and_then(|spec| spec.access_modes.clone()).unwrap_or_default()
}

/// The owners that the claim is to have, if it has others; an error when it has somebody else's controller.
fn owners(
    uid: &str,
    wanted: &PersistentVolumeClaim,
    found: &PersistentVolumeClaim,
) -> Result<Option<Vec<OwnerReference>>, ()> {
    let now = found.metadata.owner_references.as_deref().unwrap_or_default();
    let controller = ray_api::owners::controller(now);
    let ours = ray_api::owners::controlled_by(&found.metadata, uid);
    let others = now.iter().filter(|owner| owner.uid != uid).cloned();
    match &wanted.metadata.owner_references {
        None if ours => Ok(Some(others.collect())),
        Some(_) if !ours && controller.is_some() => Err(()),
        Some(owner) if !ours => Ok(Some(others.chain(owner.iter().cloned()).collect())),
        None | Some(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::Value;

    use super::*;

    fn claim(metadata: &Value, size: &str, class: &Value, modes: &[&str]) -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": metadata, "spec": {
            "storageClassName": class, "accessModes": modes, "resources": {"requests": {"storage": size}}}}))
        .unwrap()
    }

    const ONCE: [&str; 1] = ["ReadWriteOnce"];

    #[rstest]
    #[case::same(("1Gi", Value::Null, &ONCE[..]), ("1024Mi", json!("standard"), &ONCE[..]), None)]
    #[case::size(("2Gi", Value::Null, &ONCE[..]), ("1Gi", Value::Null, &ONCE[..]),
        Some("requested size 2Gi != current 1Gi"))]
    #[case::class(("1Gi", json!("fast"), &ONCE[..]), ("1Gi", Value::Null, &ONCE[..]),
        Some("storageClassName fast != current <default>"))]
    #[case::order_of_modes(("1Gi", Value::Null, &["A", "B"][..]), ("1Gi", Value::Null, &["B", "A"][..]), None)]
    #[case::all(("2Gi", json!("fast"), &["A", "A"][..]), ("1Gi", json!("slow"), &["A"][..]), Some(
        "requested size 2Gi != current 1Gi; storageClassName fast != current slow; accessModes [A A] != current [A]"))]
    fn differences_are_named(
        #[case] wanted: (&str, Value, &[&str]),
        #[case] found: (&str, Value, &[&str]),
        #[case] want: Option<&str>,
    ) {
        let [wanted, found] = [wanted, found].map(|(size, class, modes)| claim(&json!({}), size, &class, modes));
        assert_eq!(drift(&wanted, &found).as_deref(), want);
    }

    fn owner(uid: &str, controller: bool) -> Value {
        json!({"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "c", "uid": uid, "controller": controller})
    }

    fn owned(owners: &[Value]) -> PersistentVolumeClaim {
        claim(&json!({"ownerReferences": owners}), "1Gi", &Value::Null, &ONCE)
    }

    #[rstest]
    #[case::as_wanted(true, vec![owner("u", true)], Ok(None))]
    #[case::nobodys(true, vec![], Ok(Some(vec!["u"])))]
    #[case::beside_others(true, vec![owner("x", false)], Ok(Some(vec!["x", "u"])))]
    #[case::only_an_owner(true, vec![owner("u", false)], Ok(Some(vec!["u"])))]
    #[case::somebody_elses(true, vec![owner("before", true)], Err(()))]
    #[case::retained(false, vec![owner("x", false), owner("u", true)], Ok(Some(vec!["x"])))]
    #[case::retained_already(false, vec![], Ok(None))]
    #[case::retained_of_somebody_else(false, vec![owner("before", true)], Ok(None))]
    fn the_owner_follows_the_deletion_policy(
        #[case] goes_with_cluster: bool,
        #[case] found: Vec<Value>,
        #[case] want: Result<Option<Vec<&str>>, ()>,
    ) {
        let mut wanted = owned(&[owner("u", true)]);
        if !goes_with_cluster {
            wanted.metadata.owner_references = None;
        }
        let got = owners("u", &wanted, &owned(&found));
        let uids = got.map(|owners| owners.map(|owners| owners.into_iter().map(|owner| owner.uid).collect::<Vec<_>>()));
        assert_eq!(
            uids,
            want.map(|uids| uids.map(|uids| uids.into_iter().map(str::to_owned).collect()))
        );
    }
}
