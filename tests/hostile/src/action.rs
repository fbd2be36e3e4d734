//! What is done to an object, and around it, once it is there.

use serde_json::Value;

use crate::astray::{LEADS, Lead};
use crate::dice::Dice;
use crate::mutation::{self, LABELS, Mutator};
use crate::values::{self, Target};

/// Kinds that children have, by group and version.
pub const CHILDREN: [(&str, &str); 9] = [
    ("v1", "Pod"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("v1", "Secret"),
    ("v1", "PersistentVolumeClaim"),
    ("batch/v1", "Job"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("networking.k8s.io/v1", "Ingress"),
];

/// An action.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The object's spec, labels and annotations become those of this one.
    Edit(Value),
    /// The RayCluster that was made for the object to choose becomes this one.
    EditCluster(Value),
    /// 100 edits, 50 of them a second if the API server is quick enough.
    ManyEdits,
    /// `spec.suspend` is turned over.
    Suspend,
    /// The object's status is another.
    Status(Value),
    /// The status of the RayCluster that a RayJob made is another.
    ClusterStatus(Value),
    /// All its pods get this merge patch, of `status` or of the rest.
    Pods(Value),
    /// All its children of a kind are deleted.
    DeleteChildren(&'static str, &'static str),
    /// All its Services lead elsewhere.
    Redirect(Value),
    /// Its Services lead to the canary.
    Lead(Lead, Target),
    /// The object is deleted, and another of its name created at once.
    Recreate,
    /// The object is deleted, with `Orphan`, `Foreground` or `Background`.
    Delete(&'static str),
}

/// A child's kind and the end of the name that the object's child would have.
pub const FOREIGN: [(&str, &str, &str); 10] = [
    ("v1", "Service", "-head-svc"),
    ("v1", "Service", "-serve-svc"),
    ("v1", "Service", "-headless"),
    ("v1", "ServiceAccount", ""),
    ("v1", "Secret", ""),
    ("v1", "Pod", "-head"),
    ("rbac.authorization.k8s.io/v1", "Role", ""),
    ("rbac.authorization.k8s.io/v1", "RoleBinding", ""),
    ("batch/v1", "Job", ""),
    ("v1", "PersistentVolumeClaim", "-gcs-storage"),
];

/// What actions are drawn from.
#[derive(Clone, Copy)]
pub struct Sheet<'a> {
    /// Changes of the object's kind.
    pub mutator: Mutator<'a>,
    /// Changes of RayClusters.
    pub cluster: Mutator<'a>,
    pub object: &'a Value,
    /// The RayCluster that was made for it to choose.
    pub chosen: Option<&'a Value>,
}

impl Sheet<'_> {
    /// Draws an action; says what it is.
    pub fn draw(&self, dice: &Dice) -> (Action, String) {
        if self.chosen.is_some() && dice.once_in(2) {
            return self.edit_chosen(dice);
        }
        match dice.below(16) {
            0..=4 => {
                let mut changed = self.object.clone();
                let said = self.mutator.change(dice, &mut changed);
                (Action::Edit(changed), format!("edit: {said}"))
            }
            5 => (Action::ManyEdits, "100 edits, 50 a second".to_owned()),
            6 => (Action::Suspend, "suspend turned over".to_owned()),
            7 | 8 => {
                let (status, said) = self.mutator.status(dice);
                (Action::Status(status), format!("forged {said}"))
            }
            9 => {
                let (status, said) = self.cluster.status(dice);
                let said = format!("of its RayCluster, forged {said}");
                (Action::ClusterStatus(status), said)
            }
            10 | 11 => pods(dice, self.mutator.target),
            12 => {
                let (version, kind) = dice.pick(&CHILDREN).copied().unwrap_or(CHILDREN[0]);
                let said = format!("all children of kind {kind} deleted");
                (Action::DeleteChildren(version, kind), said)
            }
            13 => self.redirect(dice),
            14 => (Action::Recreate, "deleted, and created under the same name".to_owned()),
            _ => {
                let ways = ["Orphan", "Foreground", "Background"];
                let how = dice.pick(&ways).copied().unwrap_or("Background");
                (Action::Delete(how), format!("deleted ({how})"))
            }
        }
    }

    /// Its Services lead elsewhere.
    fn redirect(&self, dice: &Dice) -> (Action, String) {
        let target = self.mutator.target;
        if dice.once_in(2) {
            return lead(dice, target);
        }
        let host = target.host();
        let patch = match dice.below(3) {
            0 => serde_json::json!({ "spec": { "type": "ExternalName", "externalName": format!("{host}.nip.io"),
                "clusterIP": null, "clusterIPs": null } }),
            1 => serde_json::json!({ "spec": { "selector": null }, "metadata": { "ownerReferences": null } }),
            _ => serde_json::json!({ "spec": { "externalIPs": [host], "selector": { "x": "y" } } }),
        };
        let said = format!("its Services patched: {patch}");
        (Action::Redirect(patch), said)
    }

    /// The chosen cluster's Service and Secret are what rayjob-controller asks for.
    fn edit_chosen(&self, dice: &Dice) -> (Action, String) {
        let mut changed = self.chosen.cloned().unwrap_or_default();
        let text = values::any_text(dice, self.mutator.target);
        let said = match dice.below(4) {
            0 => {
                let said = format!("headService.metadata.name = {text:.60}");
                changed["spec"]["headGroupSpec"]["headService"] = serde_json::json!({ "metadata": { "name": text } });
                said
            }
            1 => {
                let said = format!("authOptions.secretName = {text:.60}");
                changed["spec"]["authOptions"] = serde_json::json!({ "mode": "token", "secretName": text });
                said
            }
            2 => {
                let outside = serde_json::json!({ "type": "ExternalName", "externalName": text });
                changed["spec"]["headGroupSpec"]["headService"] = serde_json::json!({ "spec": outside });
                "headService.spec.type = ExternalName".to_owned()
            }
            _ => self.cluster.change(dice, &mut changed),
        };
        (
            Action::EditCluster(changed),
            format!("of the chosen RayCluster, edit: {said}"),
        )
    }
}

fn pods(dice: &Dice, target: &Target) -> (Action, String) {
    let text = || values::any_text(dice, target);
    let patch = match dice.below(8) {
        0 => serde_json::json!({ "metadata": { "labels": { dice.pick(&LABELS).copied().unwrap_or_default(): null } } }),
        1 => {
            let key = dice.pick(&LABELS).copied().unwrap_or_default();
            serde_json::json!({ "metadata": { "labels": { key: dice.pick(&["x", "head", "worker", "9999999999"]) } } })
        }
        2 => serde_json::json!({ "metadata": { "ownerReferences": null } }),
        3 => {
            let other = serde_json::json!([{ "apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "other",
                "uid": "11111111-1111-1111-1111-111111111111", "controller": true }]);
            serde_json::json!({ "metadata": { "ownerReferences": other } })
        }
        4 => serde_json::json!({ "metadata": { "finalizers": ["example.com/stays"] } }),
        5 => {
            let phase = dice.pick(&["Failed", "Succeeded", "Unknown", "Pending"]);
            serde_json::json!({ "status": { "phase": phase, "reason": text(), "message": text() } })
        }
        6 => serde_json::json!({ "metadata": { "annotations": {
            dice.pick(&mutation::ANNOTATIONS).copied().unwrap_or_default(): text() } } }),
        _ => serde_json::json!({ "status": { "podIP": "192.0.2.1", "podIPs": [{ "ip": "192.0.2.1" }],
            "conditions": [{ "type": "Ready", "status": text(), "reason": text(), "message": text(),
                "lastTransitionTime": "9999-12-31T23:59:59Z" }] } }),
    };
    let said = format!(
        "its pods patched: {}",
        patch.to_string().chars().take(120).collect::<String>()
    );
    (Action::Pods(patch), said)
}

/// The Services lead to the canary, with endpoints.
pub fn lead(dice: &Dice, target: &Target) -> (Action, String) {
    let how = dice.pick(&LEADS).copied().unwrap_or(LEADS[0]);
    let said = format!("its Services led to {}: {how:?}", target.address);
    (Action::Lead(how, target.clone()), said)
}
