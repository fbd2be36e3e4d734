//! The rights of the charts: nothing that a controller needs is missing, and it has none that it does not use.
//!
//! Each controller watches all namespaces here, with the chart's defaults, and does all that it can.

mod cluster;
mod job;

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::harness::Account;
use crate::harness::audit::{self, Call, Right};

/// Rights that no test sees used, and why they are there: group, resource, verbs, reason.
type Listed = (&'static str, &'static str, &'static str, &'static str);

/// Every right is used or on the list, and each one on the list is there and not used.
fn compare(account: &Account, calls: &[Call], listed: &[Listed]) {
    let of_account = calls.iter().filter(|call| call.user() == account.user);
    let used = audit::rights(of_account.filter(|call| !call.denied()));
    let granted = granted(account);
    let unused: BTreeSet<_> = granted.difference(&used).cloned().collect();
    let expected: BTreeSet<Right> = listed.iter().flat_map(rights_of).collect();
    let surprising: Vec<_> = unused.difference(&expected).collect();
    assert!(
        surprising.is_empty(),
        "granted, never used, and not on the list: {surprising:?}"
    );
    let outdated: Vec<_> = expected.difference(&unused).collect();
    assert!(
        outdated.is_empty(),
        "on the list, and used or not granted: {outdated:?}"
    );
    let not_granted: Vec<_> = used
        .difference(&granted)
        .filter(|(_, resource, _)| !resource.is_empty())
        .collect();
    assert!(not_granted.is_empty(), "used, and not by these roles: {not_granted:?}");
}

fn rights_of((group, resource, verbs, _): &Listed) -> Vec<Right> {
    let right = |verb: &str| ((*group).to_owned(), (*resource).to_owned(), verb.to_owned());
    verbs.split(' ').map(right).collect()
}

fn granted(account: &Account) -> BTreeSet<Right> {
    let mut granted = BTreeSet::new();
    for role in account
        .rights
        .iter()
        .filter(|object| object.types.as_ref().unwrap().kind.ends_with("Role"))
    {
        let rules: Vec<PolicyRule> = serde_json::from_value(role.data["rules"].clone()).unwrap();
        for rule in rules {
            for group in rule.api_groups.iter().flatten() {
                for resource in rule.resources.iter().flatten() {
                    let rights = rule
                        .verbs
                        .iter()
                        .map(|verb| (group.clone(), resource.clone(), verb.clone()));
                    granted.extend(rights);
                }
            }
        }
    }
    granted
}
