//! The place of one test: a namespace, and what the test does and sees in it.

use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::path::PathBuf;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, Namespace, Node, Pod, Secret, Service};
use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{DynamicObject, NamespaceResourceScope};
use kube::{Api, Client, Resource, ResourceExt};
use ray_api::v1::RayCluster;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::account::{self, Account};
use super::audit::{self, Call};
use super::command::root;
use super::controller::Controller;
use super::crds;
use super::server::Server;

/// A namespace of the API server.
pub struct Place {
    pub server: Server,
    pub client: Client,
    pub namespace: String,
    /// Logs and kubeconfigs.
    pub directory: PathBuf,
    began: Timestamp,
    logs: Cell<usize>,
    users: RefCell<Vec<String>>,
    _lock: File,
}

impl Place {
    /// A place named after the test, beside those of other tests.
    pub async fn new(name: &str) -> Self {
        Self::with(name, false).await
    }

    /// A place while no other test runs: for controllers that watch all namespaces, and for changes of what all share.
    pub async fn alone(name: &str) -> Self {
        Self::with(name, true).await
    }

    async fn with(name: &str, alone: bool) -> Self {
        let server = Server::connect().await;
        let lock = server.lock(alone);
        let client = server.client.clone();
        crds::install(&client).await;
        let nodes: Api<Node> = Api::all(client.clone());
        let nodes = nodes.list(&ListParams::default().labels("type=kwok")).await.unwrap();
        assert!(
            !nodes.items.is_empty(),
            "there is no node: devcluster kwok 3 --dir {}",
            server.directory.display()
        );
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{name}-")),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let namespace = namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap()
            .name_any();
        let directory = root().join("target/apiserver-tests").join(&namespace);
        fs::create_dir_all(&directory).unwrap();
        Self {
            server,
            client,
            namespace,
            directory,
            began: Timestamp::now(),
            logs: Cell::new(0),
            users: RefCell::default(),
            _lock: lock,
        }
    }

    /// An account for a controller that watches this namespace alone, made from its chart with further
    /// `values`, as JSON.
    pub async fn account(&self, controller: &'static str, values: &[&str]) -> Account {
        let values = [&["singleNamespaceInstall=true"], values].concat();
        self.note(Account::new(self, controller, &values).await)
    }

    /// An account for a controller as the chart makes it by default: it watches all namespaces.
    pub async fn account_for_all_namespaces(&self, controller: &'static str, values: &[&str]) -> Account {
        self.note(Account::new(self, controller, values).await)
    }

    fn note(&self, account: Account) -> Account {
        self.users.borrow_mut().push(account.user.clone());
        account
    }

    /// A controller of this namespace that acts.
    pub async fn controller(&self, controller: &'static str) -> Controller {
        let account = self.account(controller, &[]).await;
        Controller::start(self, &account).acts().await
    }

    /// The API of a kind in this namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates any object of this namespace.
    pub async fn create(&self, object: Value) -> DynamicObject {
        self.try_create(object).await.unwrap()
    }

    pub async fn try_create(&self, object: Value) -> Result<DynamicObject, kube::Error> {
        let mut object: DynamicObject = serde_json::from_value(object).unwrap();
        object.metadata.namespace = Some(self.namespace.clone());
        account::api(&self.client, &object)
            .create(&PostParams::default(), &object)
            .await
    }

    /// Changes an object by a merge patch.
    pub async fn patch<K>(&self, name: &str, patch: Value) -> K
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let parameters = PatchParams::default();
        self.api::<K>()
            .patch(name, &parameters, &Patch::Merge(patch))
            .await
            .unwrap()
    }

    /// Deletes an object as `kubectl delete --wait=false` does.
    pub async fn delete<K>(&self, name: &str)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
    {
        self.api::<K>().delete(name, &DeleteParams::background()).await.unwrap();
    }

    pub async fn cluster(&self, name: &str) -> RayCluster {
        self.api::<RayCluster>().get(name).await.unwrap()
    }

    /// Pods with these labels.
    pub async fn pods(&self, labels: &str) -> Vec<Pod> {
        self.api::<Pod>()
            .list(&ListParams::default().labels(labels))
            .await
            .unwrap()
            .items
    }

    pub async fn services(&self, labels: &str) -> Vec<Service> {
        self.api::<Service>()
            .list(&ListParams::default().labels(labels))
            .await
            .unwrap()
            .items
    }

    /// Sets the phase of a pod as a kubelet would.
    pub async fn fail_pod(&self, name: &str) {
        let patch = Patch::Merge(json!({ "status": { "phase": "Failed", "reason": "Evicted" } }));
        self.api::<Pod>()
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// The events about an object: type, reason, note.
    pub async fn events(&self, name: &str) -> Vec<(String, String, String)> {
        let parameters = ListParams::default().fields(&format!("involvedObject.name={name}"));
        let events = self.api::<Event>().list(&parameters).await.unwrap();
        let text = |field: Option<String>| field.unwrap_or_default();
        let events = events.items.into_iter();
        events
            .map(|event| (text(event.type_), text(event.reason), text(event.message)))
            .collect()
    }

    /// The calls of the controllers of this place since `since`.
    pub async fn calls(&self, since: Timestamp) -> Vec<Call> {
        // A call is logged after it is answered.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let users = self.users.borrow().clone();
        let calls = users
            .iter()
            .flat_map(|user| audit::calls(&self.server.directory, user, since));
        calls.collect()
    }

    /// A file for the log of another process.
    pub fn next_log(&self, controller: &str) -> PathBuf {
        let number = self.logs.replace(self.logs.get() + 1);
        self.directory.join(format!("{controller}-{number}.log"))
    }

    /// Ends the test: no call may have been denied and no pass may have panicked. The namespace goes.
    pub async fn end(self) {
        let calls = self.calls(self.began).await;
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let left = namespaces.list_metadata(&ListParams::default()).await.unwrap();
        let left: Vec<_> = left.iter().map(ResourceExt::name_any).collect();
        // A namespace that goes takes the roles in it along.
        let standing = |call: &&Call| call.namespace().is_empty() || left.iter().any(|name| name == call.namespace());
        let denied = calls.iter().filter(|call| call.denied()).filter(standing);
        let denied: Vec<_> = denied.collect();
        assert!(denied.is_empty(), "denied:\n{}", audit::lines(denied));
        let secrets = self.secret_texts().await;
        for log in self.log_texts() {
            assert!(!log.contains("panicked"), "{log}");
            let told = secrets.iter().filter(|(_, text)| log.contains(text.as_str()));
            let told: Vec<_> = told.map(|(name, _)| name).collect();
            assert!(told.is_empty(), "the log has what is in the Secrets {told:?}");
        }
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
            .unwrap();
        fs::remove_dir_all(&self.directory).unwrap();
    }

    /// What the Secrets of the namespace hold, with their names: as it is, and as the API server sends it.
    async fn secret_texts(&self) -> Vec<(String, String)> {
        let secrets = self.api::<Secret>().list(&ListParams::default()).await.unwrap();
        let mut texts = Vec::new();
        for secret in secrets {
            for value in secret.data.iter().flat_map(|data| data.values()) {
                let sent = serde_json::to_value(value).unwrap();
                let plain = String::from_utf8_lossy(&value.0).into_owned();
                let both = [plain, sent.as_str().unwrap().to_owned()];
                // Shorter ones are in any log.
                let long = both.into_iter().filter(|text| text.len() >= 8);
                texts.extend(long.map(|text| (secret.name_any(), text)));
            }
        }
        texts
    }

    fn log_texts(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let logs = entries.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"));
        logs.map(|log| fs::read_to_string(log.path()).unwrap_or_default())
            .collect()
    }
}

impl Drop for Place {
    /// A failed test leaves its namespace, and tells what its controllers said last.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("namespace {}, logs in {}", self.namespace, self.directory.display());
            for log in self.log_texts() {
                let lines: Vec<_> = log.lines().collect();
                eprintln!("{}", lines[lines.len().saturating_sub(12)..].join("\n"));
            }
        }
    }
}
