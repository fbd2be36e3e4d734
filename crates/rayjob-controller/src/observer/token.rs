//! Tokens from Secrets: read by name when they are needed, never listed, never shown.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use ray_api::authentication::TOKEN_KEY;
use ray_api::text;
use ray_dashboard::Token;
use ray_runtime::objects::Objects;

use super::Tokens;

const DEADLINE: Duration = Duration::from_secs(5);

/// Tokens in the Secrets of an API server.
pub struct SecretTokens {
    client: Client,
}

impl SecretTokens {
    /// Reads with `client`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn read_secret(&self, namespace: &str, name: &str) -> Result<Token, String> {
        let api: Objects<Secret> = Objects::new(&self.client, namespace);
        let failed = |why: &str| format!("failed to get auth secret {namespace}/{name}: {why}");
        let secret = match tokio::time::timeout(DEADLINE, api.get(name)).await {
            Ok(Ok(secret)) => secret,
            Ok(Err(kube::Error::Api(status))) => return Err(failed(&text::message(&status.message))),
            // Others may quote what does not decode.
            Ok(Err(kube::Error::SerdeError(_))) => return Err(failed("the answer is unreadable")),
            Ok(Err(error)) => return Err(failed(&text::message(error.to_string()))),
            Err(_) => return Err(failed("no answer")),
        };
        let token = secret.data.as_ref().and_then(|data| data.get(TOKEN_KEY));
        let token = token.and_then(|token| std::str::from_utf8(&token.0).ok());
        let Some(token) = token else {
            return Err(format!(
                "auth token key {TOKEN_KEY:?} not found in secret {namespace}/{name}"
            ));
        };
        let unfit = |wrong| format!("the token in secret {namespace}/{name} cannot be sent: {wrong}");
        Token::new(token).map_err(unfit)
    }
}

impl Tokens for SecretTokens {
    fn read<'a>(&'a self, namespace: &'a str, secret: &'a str) -> BoxFuture<'a, Result<Token, String>> {
        Box::pin(self.read_secret(namespace, secret))
    }
}
