//! One input: an object and what is done around it, which follow from a seed and a number alone.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::action::{Action, FOREIGN, Sheet, lead};
use crate::astray;
use crate::base::{self, Base};
use crate::dice::Dice;
use crate::mutation::{self, Mutator};
use crate::schema::Kind;
use crate::values::Target;

/// How seldom an object is large.
const LARGE: usize = 150;
/// In so many inputs there is one that comes in hundreds, and one large one that comes often.
const SWARM: u64 = 20_000;
const SWARMS: [(u64, usize, bool); 2] = [(250, 500, false), (350, 100, true)];
/// How seldom a valid object is led to the canary when it runs.
const ASTRAY: usize = 25;

/// An input.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub number: u64,
    /// The object, with a name.
    pub object: Value,
    /// The same before it was changed.
    pub healthy: Value,
    /// Objects of others that are there first.
    pub foreign: Vec<Value>,
    /// What is done then, and after how many milliseconds.
    pub actions: Vec<(u64, Action)>,
    /// How many objects like this there are.
    pub copies: usize,
    /// All of that in words.
    pub said: Vec<String>,
}

impl Input {
    /// A valid object of that shape, and the RayCluster that it chooses, if that is to be changed too.
    fn new(dice: &Dice, shape: Base, number: u64) -> (Self, Option<Value>) {
        let (object, chosen) = named(dice, shape, number);
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let input = Self {
            number,
            said: vec![format!("{version} {shape:?}")],
            healthy: object.clone(),
            object,
            foreign: chosen.iter().cloned().collect(),
            actions: Vec::new(),
            copies: 1,
        };
        (input, chosen)
    }

    /// Whether its object, mended, is one that the controllers run, and its status is theirs.
    pub fn is_run_when_mended(&self) -> bool {
        let forged = |(_, action): &(u64, Action)| matches!(action, Action::Status(_));
        match self.object["kind"].as_str() {
            Some("RayCluster") => true,
            Some("RayJob") => {
                let spec = &self.healthy["spec"];
                spec["submissionMode"] == "K8sJobMode"
                    && spec["deletionStrategy"].is_null()
                    && !self.actions.iter().any(forged)
            }
            _ => false,
        }
    }

    /// An object under a name that a child of its own would get.
    fn put_in_the_way(&mut self, dice: &Dice, target: &Target) {
        if !dice.once_in(8) {
            return;
        }
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default();
        let (version, kind, end) = dice.pick(&FOREIGN).copied().unwrap_or(FOREIGN[0]);
        let of_foreign = format!("{name}{end}");
        self.foreign.push(foreign(dice, (version, kind, &of_foreign), name));
        self.said
            .push(format!("before it, a {kind} {of_foreign} of somebody else"));
        if kind == "Service" {
            self.foreign.extend(astray::endpoints(&of_foreign, target));
        }
    }
}

/// What inputs are made of.
#[derive(Clone, Debug)]
pub struct Source {
    /// The definitions.
    pub kinds: Arc<[Kind]>,
    /// Where forged addresses lead.
    pub target: Target,
    /// What all of them follow from.
    pub seed: u64,
}

impl Source {
    /// The input with that number.
    pub fn input(&self, number: u64) -> Input {
        let dice = Dice::of(self.seed, number);
        if let Some(swarm) = SWARMS.iter().find(|(at, ..)| number % SWARM == *at) {
            return self.swarm(&dice, number, swarm.1, swarm.2);
        }
        if dice.once_in(ASTRAY) {
            return self.astray(&dice, number);
        }
        let shape = dice.pick(&base::ALL).copied().unwrap_or(Base::Plain);
        let (mut input, chosen) = Input::new(&dice, shape, number);
        let mutator = self.mutator(&input.object);
        for _ in 0..=dice.below(3) {
            input.said.push(mutator.change(&dice, &mut input.object));
        }
        if dice.once_in(LARGE) {
            input.said.push(mutation::grow(&dice, &mut input.object));
        }
        input.put_in_the_way(&dice, &self.target);
        let sheet = Sheet {
            mutator,
            cluster: self.mutator(&json!({ "kind": "RayCluster", "apiVersion": "ray.io/v1" })),
            object: &input.object,
            chosen: chosen.as_ref(),
        };
        input.actions = actions(&dice, sheet, &mut input.said);
        input
    }

    /// Hundreds of valid objects, small or as large as can be; some of them are edited.
    fn swarm(&self, dice: &Dice, number: u64, copies: usize, large: bool) -> Input {
        let (mut input, _) = Input::new(dice, Base::Plain, number);
        if large {
            input.said.push(mutation::grow_most(dice, &mut input.object));
        }
        input.copies = copies;
        input.said.push(format!("{copies} of them"));
        let sheet = Sheet {
            mutator: self.mutator(&input.object),
            cluster: self.mutator(&input.object),
            object: &input.object,
            chosen: None,
        };
        input.actions = actions(dice, sheet, &mut input.said);
        input
    }

    /// A valid object whose Services are led to the canary when it runs.
    fn astray(&self, dice: &Dice, number: u64) -> Input {
        const SHAPES: [Base; 3] = [Base::SubmitterJob, Base::SubmitterJob, Base::Plain];
        let shape = dice.pick(&SHAPES).copied().unwrap_or(Base::SubmitterJob);
        let (mut input, _) = Input::new(dice, shape, number);
        let (action, said) = lead(dice, &self.target);
        input.said.push(said);
        input.actions.push((0, action));
        input
    }

    fn mutator(&self, of: &Value) -> Mutator<'_> {
        let (kind, version) = (&of["kind"], &of["apiVersion"]);
        let found = self
            .kinds
            .iter()
            .find(|known| *kind == known.name && *version == known.api_version);
        Mutator {
            // Every kind of a base is defined, see its test.
            kind: found.unwrap_or(&self.kinds[0]),
            target: &self.target,
        }
    }
}

/// An object of that shape, and the RayCluster that it chooses, if that is to be changed too.
fn named(dice: &Dice, shape: Base, number: u64) -> (Value, Option<Value>) {
    let (kind, mut object) = shape.object();
    let old = matches!(kind, "RayCluster" | "RayJob") && dice.once_in(12);
    object["apiVersion"] = if old { "ray.io/v1alpha1" } else { "ray.io/v1" }.into();
    object["kind"] = kind.into();
    name(&mut object, &format!("h{number}"));
    if shape != Base::SelectorJob || dice.once_in(4) {
        return (object, None);
    }
    let cluster = format!("h{number}-c");
    object["spec"]["clusterSelector"] = json!({ "ray.io/cluster": cluster });
    let (_, mut chosen) = Base::Exposed.object();
    chosen["apiVersion"] = "ray.io/v1".into();
    chosen["kind"] = "RayCluster".into();
    name(&mut chosen, &cluster);
    (object, Some(chosen))
}

/// Gives it that name, and a Service of its own shape one that follows from it.
fn name(object: &mut Value, name: &str) {
    object["metadata"]["name"] = name.into();
    let own = object.pointer_mut("/spec/headGroupSpec/headService/metadata/name");
    if let Some(own) = own {
        *own = format!("{name}-own").into();
    }
}

fn actions(dice: &Dice, sheet: Sheet<'_>, said: &mut Vec<String>) -> Vec<(u64, Action)> {
    let count = if dice.once_in(3) { 0 } else { 1 + dice.below(3) };
    let draw = |_| {
        let pause = [0, 0, 50, 300, 1_000][dice.below(5)];
        let (action, words) = sheet.draw(dice);
        said.push(words);
        (pause, action)
    };
    (0..count).map(draw).collect()
}

/// An object of somebody else.
fn foreign(dice: &Dice, (version, kind, name): (&str, &str, &str), cluster: &str) -> Value {
    let mut foreign = json!({ "apiVersion": version, "kind": kind, "metadata": { "name": name } });
    // Half of them claim to belong here.
    if dice.once_in(2) {
        foreign["metadata"]["labels"] = json!({ "ray.io/cluster": cluster, "ray.io/node-type": "head",
            "ray.io/group": "headgroup", "app.kubernetes.io/created-by": "kuberay-operator" });
    }
    let container = json!([{ "name": "c", "image": "i" }]);
    match kind {
        "Service" => foreign["spec"] = json!({ "ports": [{ "name": "dashboard", "port": 8265 }] }),
        "Pod" => foreign["spec"] = json!({ "containers": container }),
        "Job" => {
            foreign["spec"] = json!({ "template": { "spec": { "restartPolicy": "Never", "containers": container } } });
        }
        "RoleBinding" => {
            foreign["roleRef"] = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "other" });
        }
        "PersistentVolumeClaim" => {
            foreign["spec"] =
                json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1" } } });
        }
        _ => {}
    }
    foreign
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::kinds;
    use crate::values::tests::target;

    fn source(seed: u64) -> Source {
        Source {
            kinds: kinds(),
            target: target(),
            seed,
        }
    }

    #[test]
    fn an_input_follows_from_seed_and_number() {
        let (one, same, other) = (source(1), source(1), source(2));
        let differ = (0..30)
            .filter(|number| one.input(*number) != other.input(*number))
            .count();
        assert!(differ > 25);
        for number in 0..30 {
            assert_eq!(one.input(number), same.input(number));
        }
    }

    #[test]
    fn jobs_that_are_not_carried_out_need_not_be_looked_at_when_mended() {
        let run = |shape| Input::new(&Dice::of(1, 1), shape, 1).0.is_run_when_mended();
        let shapes = [
            Base::SubmitterJob,
            Base::HttpJob,
            Base::RuledJob,
            Base::Plain,
            Base::Service,
        ];
        assert_eq!(shapes.map(run), [true, false, false, true, false]);
    }

    #[test]
    fn services_of_ones_own_shape_are_not_shared() {
        let (_, mut cluster) = Base::Exposed.object();
        name(&mut cluster, "h1");
        assert_eq!(
            cluster["spec"]["headGroupSpec"]["headService"]["metadata"]["name"],
            "h1-own"
        );
    }

    #[test]
    fn inputs_are_of_every_sort() {
        let source = source(3);
        let inputs: Vec<_> = (0..2_000).map(|number| source.input(number)).collect();
        let said = |what: &str| {
            inputs
                .iter()
                .any(|input| input.said.iter().any(|said| said.contains(what)))
        };
        for what in [
            "v1alpha1",
            "RuledJob",
            "2,000 worker groups",
            "a variable of 1",
            "a worker group twice",
            "ray.io/gcs-ft-deletion-timeout",
            "of somebody else",
            "forged status.",
            "of its RayCluster, forged",
            "ExternalName",
            "192.0.2.7:8265",
            "(Orphan)",
            "Services led to 192.0.2.7:8265: NoSelector",
            "Services led to 192.0.2.7:8265: External",
            "under the same name",
            "of the chosen RayCluster, edit: headService.metadata.name",
            "metadata.finalizers",
        ] {
            assert!(said(what), "{what}");
        }
        assert!(inputs.iter().any(|input| input.copies == 500));
        let size = |input: &Input| input.object.to_string().len();
        assert!(
            inputs
                .iter()
                .any(|input| input.copies == 100 && size(input) > 1_200_000)
        );
        // A request may hold 3 MB, and an object 1.5 MB; what is larger is refused and tries nothing.
        let tried = inputs.iter().filter(|input| size(input) < 1_500_000).count();
        assert!(tried * 100 > inputs.len() * 95, "{tried}");
    }
}
