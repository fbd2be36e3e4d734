//! Binding a pod to a node, which is how a scheduler places it.

use serde_json::{Value, json};

use super::Writer;
use crate::api::journal::Written;
use crate::api::metadata;
use crate::api::refusal::{Refusal, Resource};

impl Writer<'_> {
    /// Binds the pod that the request names, once.
    pub fn bind(&mut self, node: &str) -> Result<Written, Refusal> {
        let pod = self.current()?;
        if let Some(why) = unbindable(&pod) {
            let resource = Resource {
                group: "",
                name: "pods/binding",
            };
            let name = self.request.name;
            return Err(Refusal::conflict(resource, name, &format!("pod {name} {why}")));
        }
        let mut pod = Value::clone(&pod);
        pod["spec"]["nodeName"] = json!(node);
        let scheduled = json!({ "type": "PodScheduled", "status": "True",
            "lastTransitionTime": metadata::time(self.now) });
        let mut conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions.retain(|condition| condition["type"] != "PodScheduled");
        conditions.push(scheduled);
        pod["status"]["conditions"] = Value::from(conditions);
        Ok(self.put(pod))
    }
}

fn unbindable(pod: &Value) -> Option<String> {
    if metadata::is_deleting(pod) {
        return Some("is being deleted, cannot be assigned to a host".to_owned());
    }
    if let Some(bound) = pod["spec"]["nodeName"].as_str().filter(|node| !node.is_empty()) {
        return Some(format!("is already assigned to node {bound:?}"));
    }
    let gated = pod["spec"].get("schedulingGates").is_some();
    gated.then(|| "has non-empty .spec.schedulingGates".to_owned())
}
