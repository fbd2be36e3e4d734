//! Changes of an object: one field, annotation or label gets an extreme value, or the object grows.

use ray_api::{annotations, finalizers, labels};
use serde_json::{Map, Value, json};

use crate::base::group;
use crate::dice::Dice;
use crate::schema::{Field, Fields, Kind, Step, below};
use crate::values::{self, Target};

/// The annotations that a controller reads.
pub const ANNOTATIONS: [&str; 14] = [
    annotations::FT_ENABLED,
    annotations::EXTERNAL_STORAGE_NAMESPACE,
    annotations::GCS_FT_DELETION_TIMEOUT,
    annotations::OVERWRITE_CONTAINER_COMMAND,
    annotations::INITIALIZING_TIMEOUT,
    annotations::ENABLE_SERVE_SERVICE,
    annotations::SPEC_HASH,
    annotations::NUM_WORKER_GROUPS,
    annotations::KUBERAY_VERSION,
    annotations::UPGRADE_STRATEGY_RECREATE_HASH,
    annotations::DISABLE_PROVISIONED_HEAD_RESTART,
    annotations::CRON_JOB_SCHEDULED_TIMESTAMP,
    annotations::PREVIOUS_HEAD,
    annotations::INGRESS_CLASS,
];
/// The labels that a controller reads or writes.
pub const LABELS: [&str; 16] = [
    labels::CLUSTER,
    labels::NODE_TYPE,
    labels::GROUP,
    labels::IS_RAY_NODE,
    labels::IDENTIFIER,
    labels::SERVE,
    labels::HEADLESS_WORKER_SERVICE,
    labels::ORIGINATED_FROM_CR_NAME,
    labels::ORIGINATED_FROM_CRD,
    labels::JOB_SUBMISSION_MODE,
    labels::WORKER_GROUP_REPLICA_INDEX,
    labels::WORKER_GROUP_REPLICA_NAME,
    labels::REPLICA_HOST_INDEX,
    labels::PRIORITY_CLASS_NAME,
    labels::GANG_SCHEDULING_ENABLED,
    labels::APP_NAME,
];

/// Who makes changes of objects of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Mutator<'a> {
    pub kind: &'a Kind,
    /// Where forged addresses lead.
    pub target: &'a Target,
}

impl Mutator<'_> {
    /// Changes `object`; says what it did.
    pub fn change(&self, dice: &Dice, object: &mut Value) -> String {
        match dice.below(20) {
            0..=2 => self.note(dice, object, "annotations", &ANNOTATIONS),
            3 => self.note(dice, object, "labels", &LABELS),
            4 => double(dice, object),
            5 => self.finalizer(object),
            _ => self.field(dice, object, &self.kind.spec),
        }
    }

    /// A status that nobody computed.
    pub fn status(&self, dice: &Dice) -> (Value, String) {
        let mut forged = json!({});
        // A RayJob does what its status says that it was at.
        if self.kind.name == "RayJob" && dice.once_in(2) {
            for field in &self.kind.status.sharp {
                let value = values::of_field(dice, field.name(), self.kind.node(field), self.target);
                self.put(dice, &mut forged, field, value);
            }
            return (
                forged["status"].take(),
                "status, of every field that is acted on".to_owned(),
            );
        }
        let said: Vec<_> = (0..=dice.below(3))
            .map(|_| self.field(dice, &mut forged, &self.kind.status))
            .collect();
        (forged["status"].take(), said.join("; "))
    }

    fn field(&self, dice: &Dice, object: &mut Value, fields: &Fields) -> String {
        let from = match dice.below(6) {
            0 | 1 => &fields.all,
            2 | 3 => &fields.rays,
            _ => &fields.sharp,
        };
        let Some(field) = dice.pick(from).or_else(|| dice.pick(&fields.all)) else {
            return "nothing".to_owned();
        };
        if dice.once_in(15) && field.0.len() > 1 {
            remove(object, &field.0);
            return format!("{} removed", field.text());
        }
        let value = values::of_field(dice, field.name(), self.kind.node(field), self.target);
        let said = format!("{} = {}", field.text(), shown(&value));
        self.put(dice, object, field, value);
        said
    }

    fn put(&self, dice: &Dice, object: &mut Value, field: &Field, value: Value) {
        let mut at = object;
        let mut node = self.kind.root();
        for step in &field.0 {
            node = below(node, step);
            at = enter(dice, at, step, node);
        }
        *at = value;
    }

    /// The finalizer that the controller of this kind removes.
    fn finalizer(&self, object: &mut Value) -> String {
        let own = match self.kind.name.as_str() {
            "RayCluster" => finalizers::REDIS_CLEANUP,
            "RayJob" => finalizers::RAY_JOB,
            _ => return "nothing".to_owned(),
        };
        object["metadata"]["finalizers"] = json!([own]);
        format!("metadata.finalizers = {own}")
    }

    fn note(&self, dice: &Dice, object: &mut Value, place: &str, keys: &[&str]) -> String {
        let key = dice.pick(keys).copied().unwrap_or_default();
        let value = values::any_text(dice, self.target);
        let said = format!("metadata.{place}[{key}] = {}", shown(&Value::from(value.as_str())));
        object["metadata"][place][key] = value.into();
        said
    }
}

/// The place below `at`, made with the least that its schema admits when nothing is there.
fn enter<'v>(dice: &Dice, at: &'v mut Value, step: &Step, node: &Value) -> &'v mut Value {
    match step {
        Step::Key(key) => child(at, key, node),
        Step::Entry => child(at, "x", node),
        Step::Item => {
            if !at.is_array() {
                *at = json!([]);
            }
            let length = at.as_array().map_or(0, Vec::len);
            if length == 0 {
                *at = json!([values::least(node)]);
            }
            &mut at[dice.below(length)]
        }
    }
}

fn child<'v>(at: &'v mut Value, key: &str, node: &Value) -> &'v mut Value {
    if !at.is_object() {
        *at = Value::Object(Map::new());
    }
    if at.get(key).is_none() {
        at[key] = values::least(node);
    }
    &mut at[key]
}

fn remove(object: &mut Value, path: &[Step]) {
    let Some((Step::Key(last), before)) = path.split_last() else {
        return;
    };
    let mut at = object;
    for step in before {
        let next = match step {
            Step::Key(key) => at.get_mut(key),
            Step::Entry => at.get_mut("x"),
            Step::Item => at.get_mut(0),
        };
        let Some(next) = next else {
            return;
        };
        at = next;
    }
    if let Some(at) = at.as_object_mut() {
        at.remove(last);
    }
}

/// Two groups of one name.
fn double(dice: &Dice, object: &mut Value) -> String {
    let Some(groups) = groups(object) else {
        return "nothing".to_owned();
    };
    if let Some(group) = dice.pick(groups).cloned() {
        groups.push(group);
    }
    "a worker group twice".to_owned()
}

/// Makes `object` as large as the API server takes, or nearly: 1.2 to 1.45 MB.
pub fn grow_most(dice: &Dice, object: &mut Value) -> String {
    let size = 1_200_000 + dice.below(250_000);
    let Some(groups) = groups(object) else {
        return "nothing".to_owned();
    };
    let mut large = group("large", 1);
    large["template"]["spec"]["containers"][0]["env"] = json!([{ "name": "LARGE", "value": "x".repeat(size) }]);
    groups.push(large);
    format!("a variable of {size} bytes")
}

/// Makes `object` large, in one of several ways.
pub fn grow(dice: &Dice, object: &mut Value) -> String {
    match dice.below(3) {
        0 => {
            let Some(groups) = groups(object) else {
                return "nothing".to_owned();
            };
            // Small enough that all of them fit into one request.
            let small = |number| {
                json!({ "groupName": format!("g{number}"), "replicas": 1, "minReplicas": 0, "maxReplicas": 1,
                    "template": { "spec": { "containers": [{ "name": "w", "image": "i" }] } } })
            };
            groups.extend((0..2_000).map(small));
            "2,000 worker groups".to_owned()
        }
        1 => grow_most(dice, object),
        _ => {
            let Some(groups) = groups(object) else {
                return "nothing".to_owned();
            };
            let mut large = group("large", 1);
            // Each write of 30,000 takes the API server ten seconds.
            let count = if dice.once_in(10) { 30_000 } else { 3_000 };
            let variables: Vec<_> = (0..count)
                .map(|number| json!({ "name": format!("V{number}"), "value": "x" }))
                .collect();
            large["template"]["spec"]["containers"][0]["env"] = variables.into();
            groups.push(large);
            format!("{count} variables")
        }
    }
}

fn groups(object: &mut Value) -> Option<&mut Vec<Value>> {
    let spec = object.get_mut("spec")?;
    let spec = if spec.get("rayClusterSpec").is_some() {
        spec.get_mut("rayClusterSpec")?
    } else {
        spec
    };
    spec.get_mut("workerGroupSpecs")?.as_array_mut()
}

/// A value, cut.
fn shown(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= MOST {
        return text;
    }
    let beginning: String = text.chars().take(MOST).collect();
    format!("{beginning}... ({} bytes)", text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ALL, Base};
    use crate::schema::tests::kinds;
    use crate::values::tests::target;

    #[test]
    fn a_change_changes_its_place_and_nothing_else() {
        let kinds = kinds();
        let kind = kinds.iter().find(|kind| kind.name == "RayCluster").unwrap();
        let target = target();
        let mutator = Mutator { kind, target: &target };
        let (_, object) = Base::Plain.object();
        let field = kind
            .spec
            .all
            .iter()
            .find(|field| field.text() == "spec.workerGroupSpecs[].replicas")
            .unwrap();
        let mut changed = object.clone();
        mutator.put(&Dice::of(1, 1), &mut changed, field, 7.into());
        assert_eq!(changed["spec"]["workerGroupSpecs"][0]["replicas"], 7);
        changed["spec"]["workerGroupSpecs"][0]["replicas"] = object["spec"]["workerGroupSpecs"][0]["replicas"].clone();
        assert_eq!(changed, object);
    }

    #[test]
    fn what_is_missing_on_the_way_is_made_with_what_it_requires() {
        let kinds = kinds();
        let kind = kinds.iter().find(|kind| kind.name == "RayCluster").unwrap();
        let target = target();
        let mutator = Mutator { kind, target: &target };
        let field = kind
            .spec
            .all
            .iter()
            .find(|field| field.text() == "spec.headGroupSpec.template.spec.initContainers[].image")
            .unwrap();
        let (_, mut object) = Base::Plain.object();
        mutator.put(&Dice::of(1, 1), &mut object, field, "i".into());
        let container = &object["spec"]["headGroupSpec"]["template"]["spec"]["initContainers"][0];
        assert_eq!(*container, json!({ "image": "i", "name": "x" }));
    }

    #[test]
    fn every_kind_can_be_changed_and_made_large() {
        let kinds = kinds();
        let target = target();
        for (number, base) in (0..).zip(ALL.into_iter().cycle().take(300)) {
            let (name, mut object) = base.object();
            let kind = kinds.iter().find(|kind| kind.name == name).unwrap();
            let dice = Dice::of(2, number);
            let mutator = Mutator { kind, target: &target };
            assert!(!mutator.change(&dice, &mut object).is_empty());
            let (status, _) = mutator.status(&dice);
            assert!(!status.is_null() || number > 0);
        }
        let (_, mut object) = Base::Plain.object();
        for number in 0..10 {
            grow(&Dice::of(1, number), &mut object.clone());
        }
        grow(&Dice::of(1, 0), &mut object);
    }
}
