//! Which Ray head, and how to reach it.

use std::fmt;

/// A Ray head's dashboard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Head {
    /// The way to it.
    pub route: Route,
    /// Sent with every request when the cluster asks for a token.
    pub token: Option<Token>,
}

/// The way to a dashboard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Route {
    /// Plain HTTP to `host:port`.
    Direct {
        /// `host:port`.
        authority: String,
    },
    /// Through the API server, for a controller outside the pod network.
    Proxy {
        /// Namespace of the Service.
        namespace: String,
        /// The head Service; its port `dashboard` is used.
        service: String,
    },
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct { authority } => f.write_str(authority),
            Self::Proxy { namespace, service } => write!(f, "service {namespace}/{service} (through the API server)"),
        }
    }
}

/// A bearer token. Its text is never shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// A token with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Only for the request header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let head = Head {
            route: Route::Direct {
                authority: "head:8265".into(),
            },
            token: Some(Token::new("s3cret")),
        };
        assert!(!format!("{head:?}").contains("s3cret"));
    }
}
