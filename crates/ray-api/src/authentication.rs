//! Token authentication of Ray's endpoints: what a container and its pod need for it, and the Secret of the token.
//!
//! Traps: an empty `mode` has the Secret made but leaves pods without a token; tokens checked by Kubernetes need no
//! Secret at all.

use k8s_openapi::api::core::v1::{
    Container, PodSpec, ProjectedVolumeSource, ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};

use crate::environment;
use crate::names::ChildName;
use crate::v1::cluster::{AuthMode, AuthOptions};

/// Key of the token in its Secret.
pub const TOKEN_KEY: &str = "auth_token";
/// Volume and mount of the ServiceAccount's token.
const TOKEN_VOLUME: &str = "ray-token";
/// Where Ray looks for the ServiceAccount's token.
const TOKEN_PATH: &str = "/var/run/secrets/ray.io/serviceaccount";

/// How the pods of a cluster authenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenAuthentication {
    /// By the token in the Secret of this name.
    Secret(String),
    /// By ServiceAccount tokens that the API server checks.
    Kubernetes,
}

impl TokenAuthentication {
    /// `None` unless the mode is `token`.
    pub fn of(options: Option<&AuthOptions>, cluster: &str) -> Option<Self> {
        let options = options.filter(|options| options.token())?;
        Some(if options.kubernetes_tokens() {
            Self::Kubernetes
        } else {
            Self::Secret(secret_name(options, cluster))
        })
    }

    /// Adds what is absent to a container that talks to Ray.
    pub fn add_to_container(&self, container: &mut Container) {
        let mode = environment::literal(environment::RAY_AUTH_MODE, "token");
        environment::append_if_absent(container, mode);
        match self {
            Self::Secret(name) => {
                let token = environment::from_secret(environment::RAY_AUTH_TOKEN, name, TOKEN_KEY);
                environment::append_if_absent(container, token);
            }
            Self::Kubernetes => {
                let on = environment::literal(environment::RAY_ENABLE_K8S_TOKEN_AUTH, "true");
                environment::append_if_absent(container, on);
                let mounts = container.volume_mounts.get_or_insert_default();
                if mounts.iter().all(|mount| mount.name != TOKEN_VOLUME) {
                    mounts.push(VolumeMount {
                        name: TOKEN_VOLUME.to_owned(),
                        mount_path: TOKEN_PATH.to_owned(),
                        read_only: Some(true),
                        ..VolumeMount::default()
                    });
                }
            }
        }
    }

    /// Adds the volume of ServiceAccount tokens unless there is one of its name.
    pub fn add_to_pod(&self, pod: &mut PodSpec) {
        match self {
            Self::Secret(_) => {}
            Self::Kubernetes => {
                let volumes = pod.volumes.get_or_insert_default();
                if volumes.iter().all(|volume| volume.name != TOKEN_VOLUME) {
                    volumes.push(token_volume());
                }
            }
        }
    }
}

/// Name of the Secret that holds the token: the user's, else one named after the cluster.
pub fn secret_name(options: &AuthOptions, cluster: &str) -> String {
    match options.secret_name.as_deref() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => ChildName::new(cluster).into(),
    }
}

/// Name of the Secret that must be made for the cluster; `None` when the user brings one or none is needed.
pub fn generated_secret(options: Option<&AuthOptions>, cluster: &str) -> Option<String> {
    let options = options?;
    let brought = options.secret_name.as_deref().is_some_and(|name| !name.is_empty());
    let needed = options.mode != Some(AuthMode::Disabled) && !options.kubernetes_tokens() && !brought;
    needed.then(|| secret_name(options, cluster))
}

fn token_volume() -> Volume {
    let token = ServiceAccountTokenProjection {
        path: "token".to_owned(),
        ..ServiceAccountTokenProjection::default()
    };
    Volume {
        name: TOKEN_VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(vec![VolumeProjection {
                service_account_token: Some(token),
                ..VolumeProjection::default()
            }]),
            ..ProjectedVolumeSource::default()
        }),
        ..Volume::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(mode: Option<AuthMode>, secret: Option<&str>, kubernetes: bool) -> AuthOptions {
        AuthOptions {
            enable_k8s_token_auth: Some(kubernetes),
            secret_name: secret.map(str::to_owned),
            mode,
        }
    }

    #[test]
    fn only_the_token_mode_reaches_pods() {
        let of = |mode, secret, kubernetes| TokenAuthentication::of(Some(&options(mode, secret, kubernetes)), "c");
        let secret = |name: &str| Some(TokenAuthentication::Secret(name.to_owned()));
        assert_eq!(TokenAuthentication::of(None, "c"), None);
        assert_eq!(of(None, None, false), None);
        assert_eq!(of(Some(AuthMode::Disabled), None, false), None);
        assert_eq!(of(Some(AuthMode::Token), None, false), secret("c"));
        assert_eq!(of(Some(AuthMode::Token), Some(""), false), secret("c"));
        assert_eq!(of(Some(AuthMode::Token), Some("mine"), false), secret("mine"));
        assert_eq!(
            of(Some(AuthMode::Token), None, true),
            Some(TokenAuthentication::Kubernetes)
        );
    }

    #[test]
    fn a_secret_is_made_even_for_an_empty_mode() {
        let made = |mode, secret, kubernetes| generated_secret(Some(&options(mode, secret, kubernetes)), "1c");
        assert_eq!(generated_secret(None, "1c"), None);
        assert_eq!(made(None, None, false).as_deref(), Some("rc"));
        assert_eq!(made(Some(AuthMode::Token), None, false).as_deref(), Some("rc"));
        assert_eq!(made(Some(AuthMode::Disabled), None, false), None);
        assert_eq!(made(Some(AuthMode::Token), Some("mine"), false), None);
        assert_eq!(made(Some(AuthMode::Token), None, true), None);
    }

    #[test]
    fn what_is_there_stays() {
        let mut container = Container {
            env: Some(vec![environment::literal(environment::RAY_AUTH_TOKEN, "own")]),
            ..Container::default()
        };
        let authentication = TokenAuthentication::Secret("s".to_owned());
        authentication.add_to_container(&mut container);
        let once = container.clone();
        authentication.add_to_container(&mut container);
        assert_eq!(container, once);
        let names: Vec<_> = container
            .env
            .iter()
            .flatten()
            .map(|variable| variable.name.as_str())
            .collect();
        assert_eq!(names, ["RAY_AUTH_TOKEN", "RAY_AUTH_MODE"]);
    }

    #[test]
    fn tokens_of_kubernetes_come_by_a_volume() {
        let (mut container, mut pod) = (Container::default(), PodSpec::default());
        TokenAuthentication::Kubernetes.add_to_container(&mut container);
        TokenAuthentication::Kubernetes.add_to_pod(&mut pod);
        TokenAuthentication::Kubernetes.add_to_pod(&mut pod);
        assert!(environment::find(&container, environment::RAY_AUTH_TOKEN).is_none());
        assert_eq!(container.volume_mounts.unwrap().len(), 1);
        assert_eq!(pod.volumes.unwrap().len(), 1);
    }
}
