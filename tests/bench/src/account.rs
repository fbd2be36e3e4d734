//! Accounts: who asks, for the audit log to tell.
//!
//! Service accounts, as operators have in real clusters, with all rights or with those of a chart: the API server queues
//! what they ask fairly, which it does not for members of `system:masters`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::api::{Api, ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{AuthInfo, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedContext};
use kube::core::GroupVersionKind;
use kube::{Client, Config, ResourceExt};
use serde_json::json;

use crate::installation::Installation;
use crate::server::{NAMESPACE, Server};

/// How long a token lasts, in seconds; longer than anything that is run.
const TOKEN: i64 = 4 * 3600;

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    /// The user in the audit log.
    pub user: String,
    /// A file that holds its kubeconfig.
    pub path: PathBuf,
    kubeconfig: Kubeconfig,
}

impl Account {
    /// Makes an account with all rights. Its kubeconfig goes into `directory`.
    pub async fn new(server: &Server, name: &str, directory: &Path) -> Result<Self> {
        let new = PostParams::default();
        let accounts: Api<ServiceAccount> = Api::namespaced(server.client.clone(), NAMESPACE);
        let account = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
        accounts.create(&new, &account).await?;
        let bindings: Api<ClusterRoleBinding> = Api::all(server.client.clone());
        let binding = serde_json::from_value(json!({
            "metadata": { "name": format!("{NAMESPACE}-{name}") },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": NAMESPACE }],
        }))?;
        bindings.create(&new, &binding).await?;
        Self::of(server, name, directory).await
    }

    /// The account of a chart, with its rights and no others. Its kubeconfig goes into `directory`.
    pub async fn installed(server: &Server, installation: &Installation, directory: &Path) -> Result<Self> {
        for object in &installation.rights {
            let types = object.types.as_ref().context("an object without a kind")?;
            let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
            let api: Api<DynamicObject> = match object.namespace() {
                Some(namespace) => Api::namespaced_with(server.client.clone(), &namespace, &resource),
                None => Api::all_with(server.client.clone(), &resource),
            };
            let parameters = PatchParams::apply(NAMESPACE).force();
            api.patch(&object.name_any(), &parameters, &Patch::Apply(object))
                .await?;
        }
        Self::of(server, &installation.account, directory).await
    }

    async fn of(server: &Server, name: &str, directory: &Path) -> Result<Self> {
        let accounts: Api<ServiceAccount> = Api::namespaced(server.client.clone(), NAMESPACE);
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                expiration_seconds: Some(TOKEN),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await?;
        let token = answer
            .status
            .and_then(|status| status.token)
            .context("the API server gave no token")?;
        let kubeconfig = kubeconfig(&server.kubeconfig, name, token)?;
        let path = directory.join(format!("{name}.kubeconfig"));
        std::fs::write(&path, serde_json::to_string(&kubeconfig)?)?;
        Ok(Self {
            user: format!("system:serviceaccount:{NAMESPACE}:{name}"),
            path,
            kubeconfig,
        })
    }

    /// A client, with connections of its own.
    pub async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }

    /// A client that asks once and waits for an answer no longer than that.
    pub async fn client_that_waits(&self, at_most: Duration) -> Result<Client> {
        let mut config = config(&self.kubeconfig).await?;
        config.default_retry = false;
        config.read_timeout = Some(at_most);
        Ok(Client::try_from(config)?)
    }
}

/// A client of that kubeconfig.
pub async fn client(kubeconfig: &Kubeconfig) -> Result<Client> {
    Ok(Client::try_from(config(kubeconfig).await?)?)
}

async fn config(kubeconfig: &Kubeconfig) -> Result<Config> {
    Ok(Config::from_custom_kubeconfig(kubeconfig.clone(), &KubeConfigOptions::default()).await?)
}

fn kubeconfig(of: &Kubeconfig, name: &str, token: String) -> Result<Kubeconfig> {
    let cluster = of
        .clusters
        .first()
        .context("a kubeconfig without a cluster")?
        .name
        .clone();
    Ok(Kubeconfig {
        auth_infos: vec![NamedAuthInfo {
            name: name.to_owned(),
            auth_info: Some(AuthInfo {
                token: Some(token.into()),
                ..AuthInfo::default()
            }),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: name.to_owned(),
            context: Some(Context {
                cluster,
                user: Some(name.to_owned()),
                namespace: Some(NAMESPACE.to_owned()),
                ..Context::default()
            }),
            ..NamedContext::default()
        }],
        current_context: Some(name.to_owned()),
        ..of.clone()
    })
}
