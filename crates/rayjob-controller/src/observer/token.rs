//! Tokens from Secrets: read by name when they are needed, never listed, never shown.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use ray_api::authentication::TOKEN_KEY;
use ray_dashboard::Token;

use super::Tokens;

const DEADLINE: Duration = Duration::from_secs(5);

/// Tokens in the Secrets of an API server.
pub struct SecretTokens {
    client: Client,
}

impl SecretTokens {
    /// Reads with `client`.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn read_secret(&self, namespace: &str, name: &str) -> Result<Token, String> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let secret = tokio::time::timeout(DEADLINE, api.get(name))
            .await
            .map_err(|_| format!("failed to get auth secret {namespace}/{name}: no answer"))?
            .map_err(|error| format!("failed to get auth secret {namespace}/{name}: {error}"))?;
        let token = secret.data.as_ref().and_then(|data| data.get(TOKEN_KEY));
        let token = token.and_then(|token| String::from_utf8(token.0.clone()).ok());
        token
            .map(Token::new)
            .ok_or_else(|| format!("auth token key {TOKEN_KEY:?} not found in secret {namespace}/{name}"))
    }
}

impl Tokens for SecretTokens {
    fn read<'a>(&'a self, namespace: &'a str, secret: &'a str) -> BoxFuture<'a, Result<Token, String>> {
        Box::pin(self.read_secret(namespace, secret))
    }
}
