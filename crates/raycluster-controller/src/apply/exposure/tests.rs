//! When an Ingress is applied again, and when it is left alone.

use serde_json::{Value, json};

use super::*;

fn wanted() -> Value {
    json!({
        "metadata": {"name": "c-head-ingress", "namespace": "ns", "labels": {"ray.io/cluster": "c"},
            "annotations": {"a": "1"}},
        "spec": {"rules": [{"http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": "c-head-svc", "port": {"number": 8265}}}}]}}]},
    })
}

/// As the API server has it after it was applied.
fn found() -> Value {
    let mut found = wanted();
    found["metadata"]["uid"] = json!("i");
    found["metadata"]["managedFields"] = json!([{"manager": NAME, "operation": "Apply", "fieldsType": "FieldsV1",
        "fieldsV1": {"f:metadata": {"f:annotations": {"f:a": {}}, "f:labels": {"f:ray.io/cluster": {}}}}}]);
    found
}

fn applied(wanted: Value, found: Value) -> Option<Ingress> {
    let wanted: Ingress = serde_json::from_value(wanted).unwrap();
    change(&wanted, &serde_json::from_value(found).unwrap())
}

#[test]
fn an_ingress_as_wanted_is_left_alone() {
    assert_eq!(applied(wanted(), found()), None);
}

#[test]
fn what_others_add_stays_and_is_no_difference() {
    let mut found = found();
    found["metadata"]["annotations"]["ingress.example.com/address"] = json!("10.0.0.1");
    found["metadata"]["labels"]["team"] = json!("ml");
    found["spec"]["ingressClassName"] = json!("default");
    assert_eq!(applied(wanted(), found), None);
}

#[test]
fn what_is_ours_is_restored_changed_and_removed() {
    let differs = |change: fn(&mut Value, &mut Value)| {
        let (mut wanted, mut found) = (wanted(), found());
        change(&mut wanted, &mut found);
        applied(wanted, found).expect("a difference")
    };
    differs(|_, found| found["metadata"]["labels"] = json!({}));
    differs(|_, found| found["metadata"]["annotations"]["a"] = json!("2"));
    differs(|_, found| found["spec"]["rules"][0]["host"] = json!("elsewhere"));
    differs(|wanted, _| wanted["spec"]["ingressClassName"] = json!("nginx"));
    let changed = differs(|wanted, _| wanted["metadata"]["annotations"] = json!({}));
    assert_eq!(
        changed.metadata.uid.as_deref(),
        Some("i"),
        "of this Ingress and no other"
    );
    assert!(changed.annotations().is_empty());
}

#[test]
fn a_class_that_is_not_asked_for_is_kept_when_something_else_changes() {
    let mut found = found();
    found["spec"]["ingressClassName"] = json!("default");
    found["metadata"]["annotations"]["a"] = json!("2");
    let changed = applied(wanted(), found).unwrap();
    assert_eq!(changed.spec.unwrap().ingress_class_name.as_deref(), Some("default"));
}

#[test]
fn an_answer_holds_for_what_was_wanted_and_not_for_ever() {
    let key = ObjectKey::new("ns", "c");
    let exposure = |value: Value| Exposure::Ingress(Box::new(serde_json::from_value(value).unwrap()));
    let at = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
    let exposures = Exposures::default();
    assert!(!exposures.hold(&key, &exposure(wanted()), at(0)));
    exposures.found(&key, exposure(wanted()), at(0));
    assert!(exposures.hold(&key, &exposure(wanted()), at(3)));
    assert!(!exposures.hold(&key, &exposure(wanted()), at(4)));
    assert!(!exposures.hold(&key, &exposure(found()), at(1)));
    exposures.forget(&key);
    assert!(!exposures.hold(&key, &exposure(wanted()), at(1)));
}
