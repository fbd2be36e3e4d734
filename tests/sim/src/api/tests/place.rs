//! Where a test runs: the simulator, or a real API server.

use std::fmt::Debug;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{NamespaceResourceScope, Status};
use kube::{Client, Config, Resource};
use ray_runtime::random::Random;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::api::garbage::Collector;
use crate::api::{Definitions, Server};
use crate::clock::SimClock;

/// Names the kubeconfig of a real API server.
const VARIABLE: &str = "SIM_API_KUBECONFIG";

/// Read once: it takes longer than all tests.
pub static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| Definitions::load().unwrap());
static INSTALLED: OnceCell<()> = OnceCell::const_new();

/// A namespace of an API server.
pub struct Place {
    pub client: Client,
    pub namespace: String,
    /// The simulator, if it is one.
    pub server: Option<Arc<Server>>,
}

/// Runs a test in a namespace of its own.
pub fn run<F: Future<Output = ()>>(name: &str, test: impl FnOnce(Place) -> F) {
    run_on(std::env::var(VARIABLE).is_ok(), name, test);
}

/// The same on one of the two.
pub fn run_on<F: Future<Output = ()>>(real: bool, name: &str, test: impl FnOnce(Place) -> F) {
    let real = real.then(|| std::env::var(VARIABLE).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(real.is_none())
        .build()
        .unwrap();
    runtime.block_on(async {
        let place = match real {
            Some(kubeconfig) => real_place(&kubeconfig, name).await,
            None => simulated_place(name).await,
        };
        let (client, namespace) = (place.client.clone(), place.namespace.clone());
        test(place).await;
        let _ = Api::<Namespace>::all(client)
            .delete(&namespace, &DeleteParams::default())
            .await;
    });
}

async fn simulated_place(name: &str) -> Place {
    let server = Server::new(DEFINITIONS.clone(), Arc::new(SimClock::new()), 1);
    tokio::spawn(Collector::new(server.clone(), Random::seeded(1)).run());
    Place::in_namespace(server.client("test"), name, Some(server)).await
}

async fn real_place(kubeconfig: &str, name: &str) -> Place {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    let client = Client::try_from(config).unwrap();
    INSTALLED.get_or_init(async || install(&client).await).await;
    Place::in_namespace(client, name, None).await
}

async fn install(client: &Client) {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/crds");
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let definition: Value = serde_saphyr::from_str(&text).unwrap();
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        let name = definition["metadata"]["name"].as_str().unwrap();
        let parameters = PatchParams::apply("sim-tests").force();
        api.patch(name, &parameters, &Patch::Apply(&definition)).await.unwrap();
    }
    // Until all of them are served.
    tokio::time::sleep(Duration::from_secs(5)).await;
}

impl Place {
    async fn in_namespace(client: Client, name: &str, server: Option<Arc<Server>>) -> Self {
        let suffix = if server.is_some() {
            "0".to_owned()
        } else {
            Random::from_system().suffix()
        };
        let namespace = format!("sim-{name}-{suffix}");
        let object: Namespace = serde_json::from_value(json!({ "metadata": { "name": namespace } })).unwrap();
        Api::all(client.clone())
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
        let place = Self {
            client,
            namespace,
            server,
        };
        let accounts = place.api::<k8s_openapi::api::core::v1::ServiceAccount>();
        place
            .eventually("the default account exists", async || {
                accounts.get_opt("default").await.unwrap().is_some()
            })
            .await;
        place
    }

    /// The objects of a type in the test's namespace.
    pub fn api<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The same without a type.
    pub fn dynamic(&self, api_version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource {
            group: group.to_owned(),
            version: version.to_owned(),
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        };
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// RayClusters without a type.
    pub fn clusters(&self) -> Api<DynamicObject> {
        self.dynamic("ray.io/v1", "RayCluster", "rayclusters")
    }

    /// Creates an object from JSON.
    pub async fn create<K>(&self, object: Value) -> kube::Result<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug + Serialize,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.api().create(&PostParams::default(), &object).await
    }

    /// Sends a request as it is, and returns the status code and the answer.
    pub async fn send(&self, method: &str, path: &str, type_: &str, body: &Value) -> (u16, Value) {
        let path = path.replace("{namespace}", &self.namespace);
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", type_)
            .body(body.into())
            .unwrap();
        let answer = self.client.send(request).await.unwrap();
        let code = answer.status().as_u16();
        let body = answer.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Waits until a condition holds.
    pub async fn eventually(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        for _ in 0..600 {
            if condition().await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{what}: never");
    }
}

/// The refusal behind an error.
pub fn refusal<T: Debug>(result: kube::Result<T>) -> Status {
    match result {
        Err(kube::Error::Api(status)) => *status,
        other => panic!("not refused: {other:?}"),
    }
}

/// The smallest pod.
pub fn pod(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": "c", "image": "i" }] } })
}

/// The smallest RayCluster.
pub fn cluster(name: &str) -> Value {
    json!({
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": { "name": name },
        "spec": { "headGroupSpec": { "rayStartParams": {}, "template": { "spec": { "containers": [
            { "name": "ray-head", "image": "rayproject/ray:2.46.0" }] } } } },
    })
}

/// A dynamic object from JSON.
pub fn object(value: Value) -> DynamicObject {
    serde_json::from_value(value).unwrap()
}
