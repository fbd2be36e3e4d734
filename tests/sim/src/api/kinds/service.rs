//! Services.

use std::collections::BTreeSet;

use ray_api::validate::kubernetes_names;
use serde_json::{Value, json};

use super::{NameRule, Rules, items, items_mut, set_default};
use crate::api::allocator::Allocator;
use crate::api::field_error::FieldError;

/// Services.
#[derive(Debug)]
pub struct Service;

impl Rules for Service {
    fn default(&self, service: &mut Value) {
        let spec = &mut service["spec"];
        set_default(spec, "sessionAffinity", "None");
        set_default(spec, "type", "ClusterIP");
        for port in items_mut(spec, "ports") {
            set_default(port, "protocol", "TCP");
            if port["targetPort"].is_null() || port["targetPort"] == 0 || port["targetPort"] == "" {
                port["targetPort"] = port["port"].clone();
            }
        }
        if has_node_ports(spec) {
            set_default(spec, "externalTrafficPolicy", "Cluster");
        }
        if spec["type"] == "LoadBalancer" {
            set_default(spec, "allocateLoadBalancerNodePorts", true);
        }
        if has_address(spec) {
            set_default(spec, "internalTrafficPolicy", "Cluster");
        }
        if let Some(status) = service
            .get_mut("status")
            .and_then(|status| status.get_mut("loadBalancer"))
        {
            items_mut(status, "ingress")
                .filter(|ingress| ingress.get("ip").is_some())
                .for_each(|ingress| set_default(ingress, "ipMode", "VIP"));
        }
    }

    fn prepare_create(&self, service: &mut Value) {
        service["status"] = json!({ "loadBalancer": {} });
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        let (new, old) = (&mut new["spec"], &old["spec"]);
        if has_address(new) && has_address(old) {
            for field in ["clusterIP", "clusterIPs"] {
                if new[field].is_null() || new[field] == "" {
                    new[field] = old[field].clone();
                }
            }
            for field in ["ipFamilies", "ipFamilyPolicy"] {
                set_default(new, field, old[field].clone());
            }
        }
        if has_node_ports(old) && !has_node_ports(new) {
            drop_node_ports(new, old);
        }
        if has_node_ports(new) && has_node_ports(old) {
            let known = |name: &Value| items(old, "ports").iter().find(|port| port["name"] == *name);
            for port in items_mut(new, "ports").filter(|port| port["nodePort"].is_null()) {
                if let Some(known) = known(&port["name"]) {
                    port["nodePort"] = known["nodePort"].clone();
                }
            }
        }
    }

    fn allocate(&self, service: &mut Value, allocator: &mut Allocator) {
        let spec = &mut service["spec"];
        if has_address(spec) {
            if spec["clusterIP"].is_null() || spec["clusterIP"] == "" {
                spec["clusterIP"] = json!(allocator.address());
            }
            spec["clusterIPs"] = json!([spec["clusterIP"]]);
            set_default(spec, "ipFamilies", json!(["IPv4"]));
            set_default(spec, "ipFamilyPolicy", "SingleStack");
        }
        if has_node_ports(spec) && spec["allocateLoadBalancerNodePorts"] != false {
            for port in items_mut(spec, "ports").filter(|port| port["nodePort"].is_null()) {
                port["nodePort"] = json!(allocator.node_port());
            }
        }
    }

    fn validate(&self, service: &Value) -> Vec<FieldError> {
        let spec = &service["spec"];
        let mut errors = Vec::new();
        let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        if !types.iter().any(|known| spec["type"] == *known) {
            errors.push(FieldError::not_supported("spec.type", &spec["type"], types));
        }
        let ports = items(spec, "ports");
        if ports.is_empty() && spec["clusterIP"] != "None" && spec["type"] != "ExternalName" {
            errors.push(FieldError::required("spec.ports", ""));
        }
        let (mut taken, mut known) = (BTreeSet::new(), Vec::new());
        for (index, port) in ports.iter().enumerate() {
            port_errors(port, index, ports.len() > 1, &mut errors);
            let name = port["name"].as_str().unwrap_or_default();
            if !name.is_empty() && !taken.insert(name) {
                errors.push(FieldError::duplicate(
                    format!("spec.ports[{index}].name"),
                    &port["name"],
                ));
            }
            let key = json!({ "port": port["port"], "protocol": port["protocol"] });
            if known.contains(&key) {
                errors.push(FieldError::duplicate(format!("spec.ports[{index}]"), &key));
            }
            known.push(key);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Vec<FieldError> {
        let (new, old) = (&new["spec"], &old["spec"]);
        if has_address(new) && has_address(old) && new["clusterIP"] != old["clusterIP"] {
            let detail = "may not change once set";
            return vec![FieldError::invalid(
                "spec.clusterIPs[0]",
                &json!([new["clusterIP"]]),
                detail,
            )];
        }
        Vec::new()
    }

    fn name_rule(&self) -> NameRule {
        NameRule::Label1035
    }
}

fn port_errors(port: &Value, index: usize, named: bool, errors: &mut Vec<FieldError>) {
    let path = format!("spec.ports[{index}]");
    match port["name"].as_str().unwrap_or_default() {
        "" if named => errors.push(FieldError::required(format!("{path}.name"), "")),
        "" => {}
        name => {
            let wrong = kubernetes_names::dns_1123_label(name);
            errors.extend(
                wrong
                    .iter()
                    .map(|why| FieldError::invalid(format!("{path}.name"), &port["name"], why)),
            );
        }
    }
    if !port["port"].as_i64().is_some_and(|port| (1..=65535).contains(&port)) {
        let number = port["port"].as_i64().unwrap_or_default();
        let detail = "must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(format!("{path}.port"), &json!(number), detail));
    }
    let target = port["targetPort"].as_i64();
    if target.is_some_and(|target| !(1..=65535).contains(&target)) {
        let detail = "must be between 1 and 65535, inclusive";
        errors.push(FieldError::invalid(
            format!("{path}.targetPort"),
            &port["targetPort"],
            detail,
        ));
    }
}

/// What was set for the old type goes with it, unless it was changed.
fn drop_node_ports(new: &mut Value, old: &Value) {
    let was = |port: &Value| {
        items(old, "ports")
            .iter()
            .any(|old| old["nodePort"] == port["nodePort"])
    };
    for port in items_mut(new, "ports").filter(|port| was(port)) {
        port["nodePort"] = Value::Null;
    }
    for field in ["externalTrafficPolicy", "allocateLoadBalancerNodePorts"] {
        if new[field] == old[field] {
            new[field] = Value::Null;
        }
    }
}

fn has_address(spec: &Value) -> bool {
    spec["type"] != "ExternalName"
}

fn has_node_ports(spec: &Value) -> bool {
    spec["type"] == "NodePort" || spec["type"] == "LoadBalancer"
}
