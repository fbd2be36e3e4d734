//! From the name of a Service to addresses that a pod can have.
//!
//! A Service of a user may point at any name outside the cluster, and a name at any address. Whoever asks makes sure that
//! it does not; should it come to be between that look and the call, at least the machine that the controller runs on, and
//! the services that a cloud gives to it, are never asked.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::Name;

/// The system's resolver, less such addresses.
#[derive(Clone, Copy, Debug)]
pub struct Resolver;

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move { of_pods(tokio::net::lookup_host((name.as_str(), 0)).await?) })
    }
}

fn of_pods(found: impl Iterator<Item = SocketAddr>) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    let of_pods: Vec<_> = found.filter(|address| of_pod(address.ip().to_canonical())).collect();
    if of_pods.is_empty() {
        return Err(io::Error::other("the name leads to no address that a pod can have"));
    }
    Ok(of_pods.into_iter())
}

/// Whether endpoints of a Service can have that address: Kubernetes refuses the same.
fn of_pod(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(link_local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_its_cloud_are_not_asked() {
        let addresses = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().unwrap())
                .collect::<Vec<SocketAddr>>()
        };
        let wrong = addresses(&[
            "127.0.0.1:0",
            "169.254.169.254:0",
            "0.0.0.0:0",
            "224.0.0.1:0",
            "255.255.255.255:0",
            "[::1]:0",
            "[::]:0",
            "[fe80::1]:0",
            "[ff02::1]:0",
            "[::ffff:169.254.169.254]:0",
        ]);
        assert!(of_pods(wrong.clone().into_iter()).is_err());
        let pods = addresses(&["10.244.0.7:0", "[fd00::7]:0", "192.0.2.1:0"]);
        let found: Vec<_> = of_pods(wrong.into_iter().chain(pods.clone())).unwrap().collect();
        assert_eq!(found, pods);
    }
}
