//! The API server that a scenario runs on: a fresh one with fake nodes, or the one that the user names.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::Kubeconfig;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

use crate::account;
use crate::wait::until;

/// Where everything happens.
pub const NAMESPACE: &str = "bench";
const MOMENT: Duration = Duration::from_millis(50);

/// An API server.
pub struct Server {
    /// Its administrator.
    pub client: Client,
    /// Where it is and whom it trusts.
    pub kubeconfig: Kubeconfig,
    /// The file that its audit log is written to.
    pub audit_log: PathBuf,
    /// The files of a server that ends with this value.
    own: Option<Own>,
}

struct Own {
    directory: PathBuf,
    devcluster: PathBuf,
}

impl Server {
    /// A fresh one with its files in `directory`, the definitions of this project, and `nodes` fake nodes.
    pub async fn fresh(root: &Path, directory: &Path, nodes: u32) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        let own = Own {
            directory: directory.canonicalize()?,
            devcluster: root.join("hack/devcluster/devcluster"),
        };
        // Of a run that was killed, so that neither its objects nor its calls are there.
        own.down();
        std::fs::remove_dir_all(&own.directory)?;
        std::fs::create_dir(&own.directory)?;
        own.up(&["--controller-manager"])?;
        let kubeconfig = Kubeconfig::read_from(own.directory.join("kubeconfig"))?;
        let server = Self {
            client: account::client(&kubeconfig).await?,
            kubeconfig,
            audit_log: own.directory.join("log/audit.log"),
            own: Some(own),
        };
        server.define(&root.join("deploy/crds")).await?;
        if let Some(own) = &server.own {
            // The garbage collector looks for new kinds every half a minute; one that starts now knows them.
            own.kill("kube-controller-manager")?;
            own.up(&["--controller-manager", "--scheduler"])?;
            own.devcluster(&["kwok", &nodes.to_string()])?;
        }
        server.make_namespace().await?;
        Ok(server)
    }

    /// The one of a kubeconfig. No operator may run there.
    pub async fn named(kubeconfig: &Path, audit_log: &Path) -> Result<Self> {
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let server = Self {
            client: account::client(&kubeconfig).await?,
            kubeconfig,
            audit_log: audit_log.to_owned(),
            own: None,
        };
        let operators = ListParams::default().labels("app.kubernetes.io/name=kuberay-operator");
        let deployments: Api<Deployment> = Api::all(server.client.clone());
        for deployment in deployments.list(&operators).await?.items {
            let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            ensure!(
                replicas == Some(0),
                "{} runs on this cluster and would do the work of those that are measured; kubectl scale -n {} deployment {} \
                 --replicas=0",
                deployment.name_any(),
                deployment.namespace().unwrap_or_default(),
                deployment.name_any()
            );
        }
        server.make_namespace().await?;
        Ok(server)
    }

    /// Whether its nodes are fake.
    pub fn is_fresh(&self) -> bool {
        self.own.is_some()
    }

    /// Where its files are, of a fresh one.
    pub fn directory(&self) -> Option<&Path> {
        self.own.as_ref().map(|own| own.directory.as_path())
    }

    /// The process id of the API server itself, of a fresh one.
    pub fn process(&self) -> Option<u32> {
        self.own.as_ref()?.pid("kube-apiserver").ok()
    }

    /// Ends it, and removes what was made; of a fresh one the logs may stay.
    pub async fn end(mut self, keep_logs: bool) -> Result<()> {
        if let Some(own) = self.own.take() {
            own.down();
            if !keep_logs {
                std::fs::remove_dir_all(&own.directory)?;
            }
            return Ok(());
        }
        let bindings: Api<ClusterRoleBinding> = Api::all(self.client.clone());
        for binding in bindings.list(&ListParams::default()).await?.items {
            let ours = binding
                .subjects
                .iter()
                .flatten()
                .all(|subject| subject.namespace.as_deref() == Some(NAMESPACE));
            if ours && binding.name_any().starts_with(&format!("{NAMESPACE}-")) {
                bindings.delete(&binding.name_any(), &DeleteParams::default()).await?;
            }
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces.delete(NAMESPACE, &DeleteParams::default()).await?;
        until("the namespace to go", Duration::from_secs(120), MOMENT, async || {
            Ok(namespaces.get_opt(NAMESPACE).await?.is_none().then_some(()))
        })
        .await
    }

    async fn define(&self, directory: &Path) -> Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        for entry in directory.read_dir()? {
            let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(entry?.path())?)?;
            let name = definition["metadata"]["name"].as_str().unwrap_or_default();
            let parameters = PatchParams::apply(NAMESPACE).force();
            api.patch(name, &parameters, &Patch::Apply(&definition)).await?;
            until(
                "a definition to be served",
                Duration::from_secs(120),
                MOMENT,
                async || {
                    let status = api.get(name).await?.status;
                    let conditions = status
                        .into_iter()
                        .flat_map(|status| status.conditions.unwrap_or_default());
                    let mut established = conditions.filter(|c| c.type_ == "Established" && c.status == "True");
                    Ok(established.next().map(|_| ()))
                },
            )
            .await?;
        }
        Ok(())
    }

    async fn make_namespace(&self) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let namespace = serde_json::from_value(json!({ "metadata": { "name": NAMESPACE } }))?;
        namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .with_context(|| format!("the namespace {NAMESPACE}"))?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), NAMESPACE);
        until(
            "the default service account",
            Duration::from_secs(120),
            MOMENT,
            async || Ok(accounts.get_opt("default").await?.map(|_| ())),
        )
        .await
    }
}

impl Own {
    fn up(&self, options: &[&str]) -> Result<()> {
        self.devcluster(&[&["apiserver", "up"], options].concat())
    }

    fn down(&self) {
        if let Err(error) = self.devcluster(&["apiserver", "down"]) {
            eprintln!("the API server in {} was not ended: {error}", self.directory.display());
        }
    }

    fn devcluster(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new(&self.devcluster)
            .args(arguments)
            .arg("--dir")
            .arg(&self.directory)
            .stdin(Stdio::null())
            .output()
            .with_context(|| self.devcluster.display().to_string())?;
        if !output.status.success() {
            bail!(
                "devcluster {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(())
    }

    fn pid(&self, program: &str) -> Result<u32> {
        let path = self.directory.join(format!("run/{program}.pid"));
        let record = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(record.split(' ').next().unwrap_or_default().parse()?)
    }

    fn kill(&self, program: &str) -> Result<()> {
        let pid = self.pid(program)?.to_string();
        ensure!(
            Command::new("kill").args(["-KILL", &pid]).status()?.success(),
            "kill {pid}"
        );
        Ok(())
    }
}

impl Drop for Server {
    /// After an error the logs stay.
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            own.down();
        }
    }
}
