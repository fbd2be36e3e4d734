//! A server, its watch and its late answers, at random: whatever happens in whichever order, the cache says in the end
//! what the server says.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Store, Thing, complete, thing};

#[derive(Clone, Debug)]
enum Step {
    /// Our own create or update of that object; its answer waits.
    Write(u8),
    /// Our own delete; its answer waits.
    Delete(u8),
    /// Somebody else's.
    OtherWrite(u8),
    OtherDelete(u8),
    /// One of the answers that wait arrives.
    Answer(u8),
    /// The watch shows some of what it has not shown yet.
    Show(u8),
    /// The watch says how far it is.
    Bookmark,
    ListBegins,
    /// The list is made and comes.
    ListComes,
    /// The server is restored from a backup of some versions ago; the watch ends, and a list begins.
    Restore(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8).prop_map(Step::Write),
        3 => (0..4_u8).prop_map(Step::Delete),
        2 => (0..4_u8).prop_map(Step::OtherWrite),
        2 => (0..4_u8).prop_map(Step::OtherDelete),
        5 => any::<u8>().prop_map(Step::Answer),
        5 => (1..4_u8).prop_map(Step::Show),
        1 => Just(Step::Bookmark),
        1 => Just(Step::ListBegins),
        2 => Just(Step::ListComes),
        1 => any::<u8>().prop_map(Step::Restore),
    ]
}

#[derive(Clone, Debug)]
enum Answer {
    Wrote(Thing),
    Removed(Thing),
}

#[derive(Default)]
struct World {
    store: Store<Thing>,
    objects: BTreeMap<u8, Thing>,
    /// What the server was after each version.
    history: Vec<(u64, BTreeMap<u8, Thing>)>,
    version: u64,
    born: u64,
    /// What the watch has not shown.
    unseen: Vec<(Thing, bool)>,
    answers: Vec<Answer>,
    listing: bool,
}

impl World {
    fn write(&mut self, name: u8) -> Thing {
        self.version += 1;
        let uid = self.objects.get(&name).map(|object| object.uid.clone());
        let uid = uid.unwrap_or_else(|| {
            self.born += 1;
            self.born.to_string()
        });
        let object = thing(&name.to_string(), &uid, self.version);
        self.objects.insert(name, object.clone());
        self.unseen.push((object.clone(), true));
        self.remember();
        object
    }

    fn delete(&mut self, name: u8) -> Option<Thing> {
        let object = self.objects.remove(&name)?;
        self.version += 1;
        let version = self.version.to_string();
        self.unseen.push((
            Thing {
                version,
                ..object.clone()
            },
            false,
        ));
        self.remember();
        Some(object)
    }

    fn remember(&mut self) {
        self.history.push((self.version, self.objects.clone()));
    }

    fn show(&mut self, count: usize) {
        // While a list is on its way there is no watch.
        if self.listing {
            return;
        }
        for (object, there) in self.unseen.drain(..count.min(self.unseen.len())).collect::<Vec<_>>() {
            if there {
                self.store.applied(object);
            } else {
                self.store.deleted(object);
            }
        }
    }

    fn list_begins(&mut self) {
        self.listing = true;
        self.store.list_begins();
    }

    fn list_comes(&mut self) {
        if !self.listing {
            return;
        }
        self.listing = false;
        self.unseen.clear();
        let version = Some(self.version);
        for object in self.objects.values() {
            self.store.listed(object.clone(), version);
        }
        complete(&self.store, self.version);
    }

    fn answer(&mut self, which: usize) {
        if self.answers.is_empty() {
            return;
        }
        match self.answers.remove(which % self.answers.len()) {
            Answer::Wrote(object) => self.store.wrote(object),
            Answer::Removed(object) => self.store.removed(&object),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Write(name) => {
                let written = self.write(*name);
                self.answers.push(Answer::Wrote(written));
            }
            Step::Delete(name) => {
                // Who deletes has seen it.
                if let Some(object) = self.delete(*name) {
                    self.answers.push(Answer::Removed(object));
                }
            }
            Step::OtherWrite(name) => drop(self.write(*name)),
            Step::OtherDelete(name) => drop(self.delete(*name)),
            Step::Answer(which) => self.answer(usize::from(*which)),
            Step::Show(count) => self.show(usize::from(*count)),
            Step::Bookmark if self.unseen.is_empty() && !self.listing => drop(self.store.reached(Some(self.version))),
            Step::Bookmark => {}
            Step::ListBegins => self.list_begins(),
            Step::ListComes => self.list_comes(),
            Step::Restore(back) => self.restore(usize::from(*back)),
        }
    }

    /// Answers of before arrive before: their connections are gone with the server.
    fn restore(&mut self, back: usize) {
        while !self.answers.is_empty() {
            self.answer(0);
        }
        let before = self
            .history
            .len()
            .checked_sub(back % 8 + 1)
            .and_then(|index| self.history.get(index));
        let (version, objects) = before.cloned().unwrap_or_default();
        (self.version, self.objects) = (version, objects);
        self.history.retain(|(earlier, _)| *earlier <= version);
        self.unseen.clear();
        self.list_begins();
    }

    fn cached(&self) -> Vec<String> {
        super::names(&self.store)
    }

    fn on_the_server(&self) -> Vec<String> {
        let objects = self.objects.values();
        objects
            .map(|object| format!("{}@{}", object.key.name, object.version))
            .collect()
    }
}

proptest! {
    #[test]
    fn the_cache_says_in_the_end_what_the_server_says(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::default();
        world.list_begins();
        world.list_comes();
        for step in &steps {
            world.step(step);
        }
        world.list_comes();
        while !world.answers.is_empty() {
            world.answer(0);
        }
        world.show(usize::MAX);
        world.store.reached(Some(world.version));
        prop_assert_eq!(world.cached(), world.on_the_server());
        // Nothing is left that could hide what comes.
        for name in 0..4 {
            world.delete(name);
        }
        world.show(usize::MAX);
        prop_assert_eq!(world.cached(), Vec::<String>::new());
        prop_assert_eq!(world.store.read(|inner| inner.written.len() + inner.by_owner.len()), 0);
    }
}
