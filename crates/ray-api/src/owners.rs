//! Whose an object is.
//!
//! An object is ours when its controller has the UID of our living owner, and for no other reason: not for its name, not for
//! its labels. One with another UID under our name is somebody else's: of a deleted namesake, which garbage collection takes
//! soon, or of a user. It is never believed, changed or counted.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

/// The reference that makes `owner` the controller of another object; `None` for an object that no API server has stored.
pub fn reference<K: Resource<DynamicType = ()>>(owner: &K) -> Option<OwnerReference> {
    let reference = owner.controller_owner_ref(&())?;
    Some(OwnerReference {
        block_owner_deletion: Some(true),
        ..reference
    })
}

/// The reference to the controller among `owners`.
pub fn controller(owners: &[OwnerReference]) -> Option<&OwnerReference> {
    owners.iter().find(|owner| owner.controller == Some(true))
}

/// The reference to the controller of an object.
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    controller(metadata.owner_references.as_deref().unwrap_or_default())
}

/// UID of the controller of an object.
pub fn controller_uid(metadata: &ObjectMeta) -> Option<&str> {
    controller_of(metadata).map(|owner| owner.uid.as_str())
}

/// Whether a controller of UID `controller` is the owner of UID `uid`. Nobody has the empty UID.
pub fn is(controller: Option<&str>, uid: &str) -> bool {
    !uid.is_empty() && controller == Some(uid)
}

/// Whether an object is controlled by the owner of UID `uid`.
pub fn controlled_by(metadata: &ObjectMeta, uid: &str) -> bool {
    is(controller_uid(metadata), uid)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn owner(uid: &str, controller: Option<bool>) -> OwnerReference {
        OwnerReference {
            uid: uid.to_owned(),
            name: "c".to_owned(),
            controller,
            ..OwnerReference::default()
        }
    }

    #[rstest]
    #[case::ours(vec![owner("u", Some(true))], true)]
    #[case::beside_others(vec![owner("x", None), owner("u", Some(true))], true)]
    #[case::of_a_namesake(vec![owner("before", Some(true))], false)]
    #[case::an_owner_that_does_not_control(vec![owner("u", None), owner("v", Some(false))], false)]
    #[case::nobodys(vec![], false)]
    fn the_uid_of_the_controller_decides(#[case] owners: Vec<OwnerReference>, #[case] ours: bool) {
        let metadata = ObjectMeta {
            name: Some("c".to_owned()),
            owner_references: Some(owners),
            ..ObjectMeta::default()
        };
        assert_eq!(controlled_by(&metadata, "u"), ours);
        assert!(!controlled_by(&metadata, ""), "nobody has the empty UID");
    }
}
