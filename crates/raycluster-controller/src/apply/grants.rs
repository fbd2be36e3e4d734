//! Whether the rules of a Role grant no more than others do.
//!
//! The head's account is bound to the Role of the cluster's name. One that a user has made beforehand is taken when it grants
//! no more than the one that would be made here; else the account would get rights that nobody meant it to have.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1::PolicyRule;

/// Whether everything that `rules` grant is granted by one of `allowed`. Names of resources only narrow a rule. A wildcard is
/// taken by its letters: it is within nothing but itself.
///
/// Trap: the rules are a stranger's, and three lists of 50,000 words are many products. What is in none of `allowed` ends it.
pub fn within(rules: &[PolicyRule], allowed: &[PolicyRule]) -> bool {
    rules.iter().all(|rule| {
        let groups = words(rule.api_groups.as_deref());
        let resources = words(rule.resources.as_deref());
        let verbs = words(Some(&rule.verbs));
        let paths = rule.non_resource_urls.as_deref().unwrap_or_default();
        paths.is_empty()
            && groups.iter().all(|group| {
                resources
                    .iter()
                    .all(|resource| verbs.iter().all(|verb| granted(allowed, group, resource, verb)))
            })
    })
}

fn words(list: Option<&[String]>) -> BTreeSet<&str> {
    list.unwrap_or_default().iter().map(String::as_str).collect()
}

fn granted(allowed: &[PolicyRule], group: &str, resource: &str, verb: &str) -> bool {
    let has = |list: Option<&Vec<String>>, word: &str| list.is_some_and(|list| list.iter().any(|one| one == word));
    allowed.iter().any(|rule| {
        has(rule.api_groups.as_ref(), group) && has(rule.resources.as_ref(), resource) && has(Some(&rule.verbs), verb)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn rules(rules: Value) -> Vec<PolicyRule> {
        serde_json::from_value(rules).unwrap()
    }

    fn allowed() -> Vec<PolicyRule> {
        rules(json!([
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "patch"]},
            {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]},
            {"apiGroups": ["ray.io"], "resources": ["rayclusters"], "verbs": ["get", "patch"]},
        ]))
    }

    #[rstest]
    #[case::nothing(json!([]))]
    #[case::the_same(serde_json::to_value(allowed()).unwrap())]
    #[case::a_part(json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]))]
    #[case::said_twice(json!([{"apiGroups": ["", ""], "resources": ["pods", "pods"], "verbs": ["get", "get"]}]))]
    #[case::of_two_rules(json!([{"apiGroups": [""], "resources": ["pods", "pods/resize"], "verbs": ["patch"]}]))]
    #[case::one_object(json!([
        {"apiGroups": ["ray.io"], "resources": ["rayclusters"], "resourceNames": ["c"], "verbs": ["patch"]},
    ]))]
    fn what_grants_no_more_is_within(#[case] own: Value) {
        assert!(within(&rules(own), &allowed()));
    }

    #[rstest]
    #[case::another_resource(json!([{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]))]
    #[case::another_verb(json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}]))]
    #[case::another_group(json!([{"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get"]}]))]
    #[case::a_product_of_two_rules(json!([{"apiGroups": [""], "resources": ["pods", "pods/resize"], "verbs": ["get"]}]))]
    #[case::all_verbs(json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]))]
    #[case::all_resources(json!([{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}]))]
    #[case::beside_what_is_allowed(json!([
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]},
    ]))]
    #[case::paths(json!([{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]))]
    fn what_grants_more_is_not(#[case] own: Value) {
        assert!(!within(&rules(own), &allowed()));
    }

    #[test]
    fn long_lists_of_words_end_soon() {
        let many = |start: &str| {
            let more = (0..50_000).map(|i| format!("{start}-{i}"));
            std::iter::once(start.to_owned()).chain(more).collect::<Vec<_>>()
        };
        let rule = PolicyRule {
            api_groups: Some(many("")),
            resources: Some(many("pods")),
            verbs: many("get"),
            ..PolicyRule::default()
        };
        assert!(!within(&[rule], &allowed()));
    }
}
