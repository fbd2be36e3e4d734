//! The controllers as processes against a real API server: what a user sees of them.
//!
//! kube-apiserver, etcd, the controller manager and the scheduler are real, nodes are fake (kwok): pods become Ready, and
//! nothing runs in them. Each test has a namespace of its own and a controller of its own in it, which has exactly the
//! rights that its chart gives; the API server's audit log tells what it asked for.
//!
//! Run by `make apiserver-test`, or by hand on a server that stays:
//!
//! ```sh
//! hack/devcluster/devcluster apiserver up --dir /tmp/api --controller-manager --scheduler
//! KUBECONFIG=/tmp/api/kubeconfig hack/test/apiserver [ARGUMENT OF cargo test]...
//! ```

#![allow(clippy::disallowed_methods, reason = "a test names what it made itself")]

#[cfg(test)]
mod harness;
#[cfg(test)]
mod process;
#[cfg(test)]
mod ray_cluster;
#[cfg(test)]
mod ray_job;
#[cfg(test)]
mod story;
