//! The account of a controller: exactly the rights of its chart, and a kubeconfig that holds nothing else.

use std::path::PathBuf;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{ApiResource, DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{AuthInfo, Context, NamedAuthInfo, NamedContext};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};

use super::chart;
use super::place::Place;

/// A controller's account.
pub struct Account {
    /// Chart and binary.
    pub controller: &'static str,
    /// The user in the audit log.
    pub user: String,
    /// Arguments of the chart's Deployment.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    pub kubeconfig: PathBuf,
    /// What gives the rights.
    pub rights: Vec<DynamicObject>,
}

impl Account {
    /// Makes it in the namespace of `place`, from the chart with `values`.
    pub async fn new(place: &Place, controller: &'static str, values: &[&str]) -> Self {
        let version = place.client.apiserver_version().await.unwrap().git_version;
        let rendered = chart::render(controller, &place.namespace, &version, values);
        for object in &rendered.rights {
            let parameters = PatchParams::apply("apiserver-tests").force();
            api(&place.client, object)
                .patch(&object.name_any(), &parameters, &Patch::Apply(object))
                .await
                .unwrap();
        }
        let account = Self {
            controller,
            user: format!("system:serviceaccount:{}:{}", place.namespace, rendered.account),
            arguments: rendered.arguments,
            environment: rendered.environment,
            kubeconfig: place.directory.join(format!("{controller}.kubeconfig")),
            rights: rendered.rights,
        };
        account.write_kubeconfig(place, &rendered.account).await;
        account
    }

    async fn write_kubeconfig(&self, place: &Place, account: &str) {
        let accounts: Api<ServiceAccount> = Api::namespaced(place.client.clone(), &place.namespace);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(7200),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(account, &PostParams::default(), &request)
            .await
            .unwrap();
        let mut kubeconfig = place.server.kubeconfig.clone();
        let cluster = kubeconfig.clusters.first().unwrap().name.clone();
        kubeconfig.auth_infos = vec![NamedAuthInfo {
            name: account.to_owned(),
            auth_info: Some(AuthInfo {
                token: answer.status.and_then(|status| status.token).map(Into::into),
                ..AuthInfo::default()
            }),
            ..NamedAuthInfo::default()
        }];
        kubeconfig.contexts = vec![NamedContext {
            name: account.to_owned(),
            context: Some(Context {
                cluster,
                user: Some(account.to_owned()),
                namespace: Some(place.namespace.clone()),
                ..Context::default()
            }),
            ..NamedContext::default()
        }];
        kubeconfig.current_context = Some(account.to_owned());
        std::fs::write(&self.kubeconfig, serde_json::to_string(&kubeconfig).unwrap()).unwrap();
    }

    /// Removes what does not go with the namespace.
    pub async fn remove_cluster_wide(&self, client: &Client) {
        for object in self.rights.iter().filter(|object| object.namespace().is_none()) {
            api(client, object)
                .delete(&object.name_any(), &DeleteParams::default())
                .await
                .unwrap();
        }
    }
}

/// The API of any object.
pub fn api(client: &Client, object: &DynamicObject) -> Api<DynamicObject> {
    let types = object.types.as_ref().unwrap();
    let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types).unwrap());
    match object.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
