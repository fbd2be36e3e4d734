//! Secrets that we make.

use rustls::crypto::aws_lc_rs;

/// The operating system gives no randomness.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

/// A new token: 32 random bytes, as text (standard base64).
pub fn token() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 32];
    aws_lc_rs::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| NoRandomness)?;
    Ok(base64(&bytes))
}

fn base64(bytes: &[u8]) -> String {
    // Kubernetes' own text form of bytes, without its quotes.
    let text = serde_json::to_string(&k8s_openapi::ByteString(bytes.to_vec())).unwrap_or_default();
    text.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let [a, b] = [token().unwrap(), token().unwrap()];
        assert_eq!(a.len(), 44);
        assert_ne!(a, b);
        assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
    }
}
