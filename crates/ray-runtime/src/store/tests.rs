mod random;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Thing {
    key: ObjectKey,
    uid: String,
    version: String,
    owner: Option<ObjectKey>,
}

impl Cached for Thing {
    fn key(&self) -> &ObjectKey {
        &self.key
    }
    fn uid(&self) -> &str {
        &self.uid
    }
    fn resource_version(&self) -> &str {
        &self.version
    }
    fn owner(&self) -> Option<&ObjectKey> {
        self.owner.as_ref()
    }
}

/// Whether the watch's news of `thing` is a change.
fn tells(store: &Store<Thing>, thing: Thing) -> bool {
    store.applied(thing).is_some()
}

fn thing(name: &str, uid: &str, version: u64) -> Thing {
    Thing {
        key: ObjectKey::new("ns", name),
        uid: uid.into(),
        version: version.to_string(),
        owner: Some(ObjectKey::new("ns", "owner")),
    }
}

fn names(store: &Store<Thing>) -> Vec<String> {
    let owner = ObjectKey::new("ns", "owner");
    store
        .owned_by(&owner)
        .iter()
        .map(|thing| format!("{}@{}", thing.key.name, thing.version))
        .collect()
}

/// A whole list, made at the latest version of what is in it.
fn list(store: &Store<Thing>, things: impl IntoIterator<Item = Thing>) {
    let things: Vec<_> = things.into_iter().collect();
    let version = things.iter().filter_map(|thing| thing.version.parse().ok()).max();
    store.list_begins();
    for thing in things {
        store.listed(thing, version);
    }
    complete(store, version.unwrap_or(0));
}

/// The list that has begun was made at `version` and is complete. Returns what changed.
fn complete(store: &Store<Thing>, version: u64) -> Vec<Change<Thing>> {
    let mut changes = store.gone(&store.unlisted());
    while let Some(some) = store.settle(1) {
        changes.extend(some);
    }
    changes.extend(store.list_ends(Some(version)));
    changes
}

#[test]
fn an_own_write_is_seen_at_once_and_until_the_watch_is_as_new() {
    let store = Store::default();
    list(&store, [thing("a", "1", 5)]);
    store.wrote(thing("b", "2", 8));
    assert_eq!(names(&store), ["a@5", "b@8"]);
    store.wrote(thing("a", "1", 9));
    assert_eq!(names(&store), ["a@9", "b@8"]);
    store.applied(thing("a", "1", 7));
    assert_eq!(
        names(&store),
        ["a@9", "b@8"],
        "an older version does not undo our write"
    );
    store.applied(thing("a", "1", 10));
    store.applied(thing("b", "2", 8));
    assert_eq!(names(&store), ["a@10", "b@8"]);
    store.deleted(thing("b", "2", 11));
    assert_eq!(names(&store), ["a@10"]);
}

#[test]
fn what_is_known_already_is_no_change() {
    let store = Store::default();
    list(&store, [thing("a", "1", 5)]);
    store.wrote(thing("a", "1", 7));
    store.wrote(thing("b", "2", 8));
    assert!(!tells(&store, thing("a", "1", 6)), "older than our own write");
    assert!(!tells(&store, thing("a", "1", 7)), "our own write");
    assert!(!tells(&store, thing("b", "2", 8)), "our own write");
    assert!(tells(&store, thing("a", "1", 9)), "somebody else's");
    assert!(!tells(&store, thing("a", "1", 9)), "the same again");
    assert!(tells(&store, thing("a", "other", 9)), "another object of that name");
    assert!(tells(&store, thing("c", "3", 10)), "a new one");
}

#[test]
fn the_end_of_an_old_object_does_not_hide_the_new_one_of_its_name() {
    let store = Store::default();
    list(&store, [thing("head", "old", 5)]);
    store.wrote(thing("head", "new", 9));
    store.deleted(thing("head", "old", 8));
    store.removed(&thing("head", "old", 5));
    assert_eq!(names(&store), ["head@9"]);
    store.applied(thing("head", "new", 9));
    assert_eq!(names(&store), ["head@9"]);
}

#[test]
fn a_new_list_settles_what_was_written_before_it() {
    let store = Store::default();
    list(&store, []);
    store.wrote(thing("gone", "1", 5));
    store.list_begins();
    store.wrote(thing("during", "2", 7));
    let changes = complete(&store, 6);
    assert_eq!(
        names(&store),
        ["during@7"],
        "created and deleted while the watch was away"
    );
    assert_eq!(changes.len(), 1);
}

#[test]
fn a_list_removes_what_it_does_not_hold() {
    let store = Store::default();
    list(&store, [thing("a", "1", 1), thing("b", "2", 2)]);
    store.list_begins();
    store.listed(thing("b", "2", 2), None);
    let changes = complete(&store, 3);
    assert_eq!(names(&store), ["b@2"]);
    assert_eq!(changes.iter().filter(|change| change.new.is_none()).count(), 1);
    assert_eq!(changes.len(), 1, "an unchanged object is no change");
}

#[test]
fn an_answer_that_comes_after_the_end_of_its_object_is_no_ghost() {
    let store = Store::default();
    list(&store, [thing("a", "1", 5)]);
    store.deleted(thing("a", "1", 9));
    store.wrote(thing("a", "1", 8));
    store.wrote(thing("b", "2", 7));
    assert_eq!(names(&store), Vec::<String>::new());
    store.wrote(thing("c", "3", 10));
    assert_eq!(names(&store), ["c@10"]);
}

#[test]
fn an_answer_without_a_version_is_about_an_object_that_is_gone() {
    let store = Store::default();
    list(&store, [thing("a", "1", 5), thing("b", "2", 6)]);
    let last = |name: &str, uid: &str| Thing {
        version: String::new(),
        ..thing(name, uid, 0)
    };
    store.deleted(thing("a", "1", 9));
    store.wrote(last("a", "1"));
    assert_eq!(names(&store), ["b@6"], "the watch was quicker than the answer");
    store.wrote(last("b", "2"));
    assert_eq!(names(&store), Vec::<String>::new());
    store.deleted(thing("b", "2", 10));
    store.applied(thing("b", "3", 11));
    assert_eq!(names(&store), ["b@11"]);
}

#[test]
fn what_was_made_while_a_list_came_and_is_not_in_it_is_gone() {
    let store = Store::default();
    list(&store, []);
    store.list_begins();
    store.wrote(thing("ghost", "1", 7));
    store.wrote(thing("later", "2", 9));
    let changes = complete(&store, 8);
    assert_eq!(names(&store), ["later@9"], "made and gone before the list was made");
    let gone = changes.iter().filter(|change| change.new.is_none());
    assert_eq!(
        gone.map(|change| change.old.as_ref().unwrap().key.name.clone())
            .collect::<Vec<_>>(),
        ["ghost"]
    );
    store.wrote(thing("ghost", "1", 7));
    assert_eq!(names(&store), ["later@9"], "also when the answer comes after the list");
}

#[test]
fn half_a_list_hides_nothing_that_is_written_meanwhile() {
    let store = Store::default();
    list(&store, []);
    store.list_begins();
    store.listed(thing("a", "1", 9), None);
    store.listed(thing("b", "2", 8), None);
    assert_eq!(store.settle(1).map(|changes| changes.len()), Some(1));
    store.wrote(thing("b", "2", 8));
    assert_eq!(
        names(&store),
        ["a@9", "b@8"],
        "the list holds it, though it is not in yet"
    );
    while store.settle(1).is_some() {}
    store.list_ends(Some(9));
    assert_eq!(names(&store), ["a@9", "b@8"]);
}

#[test]
fn a_bookmark_settles_what_was_written_before_it() {
    let store = Store::default();
    list(&store, [thing("a", "1", 5), thing("b", "2", 6)]);
    store.wrote(thing("c", "3", 8));
    store.wrote(thing("d", "4", 12));
    store.removed(&thing("a", "1", 5));
    let changes = store.reached(Some(10));
    assert_eq!(changes.len(), 1);
    assert_eq!(
        names(&store),
        ["b@6", "d@12"],
        "an object that we deleted stays away while it goes"
    );
    store.deleted(thing("a", "1", 13));
    store.wrote(thing("e", "5", 9));
    assert_eq!(
        names(&store),
        ["b@6", "d@12"],
        "written before the bookmark, and not shown"
    );
}

#[test]
fn versions_that_go_back_are_taken_from_the_list() {
    let store = Store::default();
    list(&store, [thing("a", "1", 1000), thing("b", "2", 1001)]);
    store.wrote(thing("c", "3", 1002));
    // Restored from a backup: `b` and `c` have never been.
    store.list_begins();
    store.listed(thing("a", "1", 400), None);
    complete(&store, 500);
    assert_eq!(names(&store), ["a@400"]);
    store.wrote(thing("d", "4", 501));
    assert_eq!(names(&store), ["a@400", "d@501"], "no lower version counts as shown");
    store.applied(thing("a", "1", 502));
    assert_eq!(names(&store), ["a@502", "d@501"]);
}

#[test]
fn an_object_that_we_removed_is_not_seen_any_more() {
    let store = Store::default();
    list(&store, [thing("a", "1", 5)]);
    store.removed(&thing("a", "1", 5));
    assert_eq!(names(&store), Vec::<String>::new());
    store.applied(thing("a", "1", 5));
    assert_eq!(names(&store), Vec::<String>::new(), "a late copy of the old version");
    store.deleted(thing("a", "1", 6));
    store.applied(thing("a", "2", 7));
    assert_eq!(names(&store), ["a@7"]);
}

#[test]
fn each_object_that_is_read_counts_and_each_look_in_vain() {
    let store = Store::default();
    list(&store, [thing("a", "1", 1), thing("b", "2", 2)]);
    store.wrote(thing("c", "3", 3));
    store.applied(thing("c", "3", 4));
    assert_eq!((store.reads(), store.len()), (0, 3));
    let reads = |look: &dyn Fn()| {
        let before = store.reads();
        look();
        store.reads() - before
    };
    assert_eq!(reads(&|| drop(store.get(&ObjectKey::new("ns", "a")))), 1);
    assert_eq!(reads(&|| drop(store.get(&ObjectKey::new("ns", "other")))), 1);
    assert_eq!(reads(&|| drop(store.owned_by(&ObjectKey::new("ns", "owner")))), 3);
    assert_eq!(reads(&|| drop(store.owned_by(&ObjectKey::new("ns", "nobody")))), 1);
    assert_eq!(reads(&|| drop(store.all())), 3);
}

#[test]
fn a_change_of_owner_moves_the_object() {
    let store = Store::default();
    let other = ObjectKey::new("ns", "other");
    list(&store, [thing("a", "1", 1)]);
    store.applied(Thing {
        owner: Some(other.clone()),
        ..thing("a", "1", 2)
    });
    assert_eq!(names(&store), Vec::<String>::new());
    assert_eq!(store.owned_by(&other).len(), 1);
}
