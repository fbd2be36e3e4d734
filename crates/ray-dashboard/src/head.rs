//! Which Ray head, and how to reach it.

use std::fmt;

use http::HeaderValue;
use ray_api::names::service_domain_name;
use ray_api::object_name::{InvalidName, ObjectName};

/// Longest token that is sent.
const MOST_TOKEN_BYTES: usize = 8192;

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
    /// Plain HTTP.
    Direct {
        /// `host:port`.
        authority: Authority,
    },
    /// Through the API server, for a controller outside the pod network.
    Proxy {
        /// Namespace of the Service.
        namespace: ObjectName,
        /// The head Service; its port `dashboard` is used.
        service: ObjectName,
    },
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct { authority } => f.write_str(authority.as_str()),
            Self::Proxy { namespace, service } => write!(f, "service {namespace}/{service} (through the API server)"),
        }
    }
}

/// `host:port` of a Service inside the cluster's domain. It is made of names and a number alone, so that no text of a user
/// leads a request elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authority(String);

/// Why there is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// Of the Service, or of its namespace.
    #[error("{0}")]
    Name(#[source] InvalidName),
    /// A name with dots would be a host in another namespace, or none at all.
    #[error("{0} has dots, which a Service and a namespace have not")]
    Dots(ObjectName),
    /// Not 1 to 65535.
    #[error("{0} is not a port")]
    Port(i32),
}

impl Authority {
    /// The address of `service`.
    pub fn of_service(service: &str, namespace: &str, cluster_domain: &str, port: i32) -> Result<Self, InvalidAddress> {
        let label = |text| {
            let name = ObjectName::new(text).map_err(InvalidAddress::Name)?;
            if name.is_label() {
                Ok(name)
            } else {
                Err(InvalidAddress::Dots(name))
            }
        };
        let (service, namespace) = (label(service)?, label(namespace)?);
        let number = u16::try_from(port).ok().filter(|number| *number > 0);
        let number = number.ok_or(InvalidAddress::Port(port))?;
        let host = service_domain_name(service.as_str(), namespace.as_str(), cluster_domain);
        Ok(Self(format!("{host}:{number}")))
    }

    /// A server of a test.
    #[cfg(any(test, feature = "fake"))]
    pub fn of_socket(address: std::net::SocketAddr) -> Self {
        Self(address.to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A bearer token, as it travels. It is never shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(HeaderValue);

/// A text that no header can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is empty, too long, or has characters that no HTTP header can carry, such as line breaks")]
pub struct InvalidToken;

impl Token {
    /// A token with this text.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        if text.is_empty() || text.len() > MOST_TOKEN_BYTES {
            return Err(InvalidToken);
        }
        let mut value = HeaderValue::try_from(format!("Bearer {text}")).map_err(|_| InvalidToken)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The text, for a dashboard that is not asked over HTTP.
    pub fn expose(&self) -> &str {
        let value = self.0.to_str().unwrap_or_default();
        value.strip_prefix("Bearer ").unwrap_or_default()
    }

    /// The header's value.
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let head = Head {
            token: Token::new("s3cret").ok(),
            ..crate::fake::direct("head")
        };
        assert!(head.token.is_some() && !format!("{head:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_that_no_header_can_carry_is_told() {
        for text in ["", "s3cret\n", "a\r\nx-other: b", "\u{7f}", &"a".repeat(9000)] {
            assert_eq!(Token::new(text), Err(InvalidToken), "{text:?}");
        }
    }

    #[test]
    fn an_address_lies_in_the_clusters_domain() {
        let of = |service: &str, namespace: &str, port| {
            Authority::of_service(service, namespace, "cluster.local", port).map(|authority| authority.0)
        };
        assert_eq!(
            of("head-svc", "ns", 8265).unwrap(),
            "head-svc.ns.svc.cluster.local:8265"
        );
        for (service, namespace, port) in [
            ("169.254.169.254/latest/meta-data?x=", "ns", 8265),
            ("169.254.169.254", "ns", 8265),
            ("head-svc", "ns/..", 8265),
            ("head-svc", "other.svc", 8265),
            ("a@b", "ns", 8265),
            ("head-svc:80", "ns", 8265),
            ("", "ns", 8265),
            ("head-svc", "", 8265),
            ("head-svc", "ns", 0),
            ("head-svc", "ns", -1),
            ("head-svc", "ns", 65536),
        ] {
            assert!(of(service, namespace, port).is_err(), "{service} {namespace} {port}");
        }
    }
}
