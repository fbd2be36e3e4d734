//! Ray's logical resources, from the group's `resources` and from the Ray container's.
//!
//! Traps: CPUs fall back to the request, memory and accelerators look at limits alone; only the first GPU resource
//! counts and only one other accelerator is ever added; a `resources` flag that is no JSON object of numbers stops the
//! search for accelerators altogether, GPUs too.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;
use k8s_openapi::apimachinery::pkg::api::resource;
use ray_api::quantity::Quantity;
use ray_api::resources::is_gpu;

/// Kubernetes resources that Ray knows by another name.
const ACCELERATORS: [(&str, &str); 2] = [("aws.amazon.com/neuroncore", "neuron_cores"), ("google.com/tpu", "TPU")];

type Params = BTreeMap<String, String>;
type Amounts = BTreeMap<String, resource::Quantity>;

/// Turns the group's `resources` into flags. Amounts that cannot be parsed are left out.
pub(super) fn declare(declared: &BTreeMap<String, String>, params: &mut Params) {
    let mut custom = BTreeMap::new();
    for (name, text) in declared {
        let Ok(amount) = text.parse::<Quantity>() else {
            continue;
        };
        let lower = name.to_lowercase();
        let flag = match lower.as_str() {
            "cpu" => "num-cpus",
            "memory" => "memory",
            _ if is_gpu(&lower) => "num-gpus",
            _ => {
                custom.insert(name.clone(), amount.as_approximate_f64());
                continue;
            }
        };
        params.insert(flag.to_owned(), amount.value().to_string());
    }
    if !custom.is_empty() {
        params.insert("resources".to_owned(), flag(&custom));
    }
}

/// Adds what the user left out, from the resources of the Ray container.
pub(super) fn infer(ray: &Container, params: &mut Params) {
    let empty = Amounts::new();
    let resources = ray.resources.as_ref();
    let limits = resources
        .and_then(|resources| resources.limits.as_ref())
        .unwrap_or(&empty);
    let requests = resources
        .and_then(|resources| resources.requests.as_ref())
        .unwrap_or(&empty);
    add(
        params,
        "num-cpus",
        whole(limits, "cpu").or_else(|| whole(requests, "cpu")),
    );
    add(params, "memory", whole(limits, "memory"));
    infer_accelerators(limits, params);
}

fn infer_accelerators(limits: &Amounts, params: &mut Params) {
    let mut custom = match params.get("resources") {
        Some(text) => match parse(text) {
            Some(custom) => custom,
            None => return,
        },
        None => BTreeMap::new(),
    };
    for (name, amount) in limits {
        let Some(amount) = positive(amount) else { continue };
        if is_gpu(name) {
            add(params, "num-gpus", Some(amount.value()));
        }
        let known = ACCELERATORS.iter().any(|(_, ray_name)| custom.contains_key(*ray_name));
        let accelerator = ACCELERATORS.iter().find(|(kubernetes_name, _)| kubernetes_name == name);
        if let Some((_, ray_name)) = accelerator.filter(|_| !known) {
            custom.insert((*ray_name).to_owned(), amount.as_approximate_f64());
            params.insert("resources".to_owned(), flag(&custom));
        }
    }
}

fn add(params: &mut Params, key: &str, amount: Option<i64>) {
    if let Some(amount) = amount {
        params.entry(key.to_owned()).or_insert_with(|| amount.to_string());
    }
}

/// An amount rounded up, when it is there and not zero.
fn whole(amounts: &Amounts, name: &str) -> Option<i64> {
    amounts.get(name).and_then(positive).map(|amount| amount.value())
}

fn positive(amount: &resource::Quantity) -> Option<Quantity> {
    amount.0.parse().ok().filter(|amount: &Quantity| !amount.is_zero())
}

/// The user's flag, with or without quotes around it.
fn parse(text: &str) -> Option<BTreeMap<String, f64>> {
    let text = text.trim_matches(['\'', '"', '`', ' ']);
    let parsed: Option<BTreeMap<String, Option<f64>>> = serde_json::from_str(text).ok()?;
    let parsed = parsed.unwrap_or_default();
    Some(
        parsed
            .into_iter()
            .map(|(name, amount)| (name, amount.unwrap_or_default()))
            .collect(),
    )
}

/// The flag: a JSON object in single quotes, since a shell reads it.
fn flag(custom: &BTreeMap<String, f64>) -> String {
    let member = |(name, amount): (&String, &f64)| format!("{}:{}", json_text(name), json_number(*amount));
    let members: Vec<_> = custom.iter().map(member).collect();
    format!("'{{{}}}'", members.join(","))
}

/// As Go writes it: characters of HTML are escaped.
fn json_text(text: &str) -> String {
    let text = serde_json::Value::from(text).to_string();
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// As Go writes it: the shortest digits that give the same number, with an exponent only when it is far from 1.
fn json_number(number: f64) -> String {
    let size = number.abs();
    if size >= 1e21 {
        format!("{number:e}").replace('e', "e+")
    } else if size > 0.0 && size < 1e-6 {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

#[cfg(test)]
mod tests;
