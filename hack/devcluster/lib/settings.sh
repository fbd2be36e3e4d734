# Versions, places, addresses and ports. Everything here may be set from outside.
# shellcheck shell=bash disable=SC2034  # read by the other files

# The versions of the Go programs have one home: the go.mod files.
module_version() {
	awk -v module="$1" '$1 == module && $2 ~ /^v/ { print $2; exit }
		$1 == "require" && $2 == module { print $3; exit }' "$DEVCLUSTER_HOME"/go/go.mod "$DEVCLUSTER_HOME"/go/kwok/go.mod
}
KUBERNETES_VERSION=$(module_version k8s.io/kubernetes)
ETCD_VERSION=$(module_version go.etcd.io/etcd/server/v3)
COREDNS_VERSION=$(module_version github.com/coredns/coredns)
HELM_VERSION=$(module_version helm.sh/helm/v3)
KWOK_VERSION=$(module_version sigs.k8s.io/kwok)

# Used only when the machine has no Go that is new enough for go/go.mod.
GO_TOOLCHAIN_VERSION=1.26.8
GO_TOOLCHAIN_SHA256_amd64=30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7
GO_TOOLCHAIN_SHA256_arm64=02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99

RAY_DEFAULT_VERSION=2.55.0
RAY_VERSION=${RAY_VERSION:-$RAY_DEFAULT_VERSION}
DEBIAN_RELEASE=bookworm
DEBIAN_MIRROR=${DEVCLUSTER_DEBIAN_MIRROR:-}

CACHE=${DEVCLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ray-devcluster}

# The one-node cluster.
CLUSTER_STATE=${DEVCLUSTER_STATE:-/var/lib/ray-devcluster}
CLUSTER_RUN=${DEVCLUSTER_RUN:-/run/ray-devcluster}
CLUSTER_NAME=ray-devcluster
NODE_NAME=${DEVCLUSTER_NODE_NAME:-devcluster}
# Ours alone: the node's whole network lives on this bridge and these ranges.
BRIDGE=${DEVCLUSTER_BRIDGE:-raydev0}
POD_PREFIX=${DEVCLUSTER_POD_PREFIX:-10.145}
POD_CIDR=$POD_PREFIX.0.0/22
NODE_ADDRESS=$POD_PREFIX.0.1
SERVICE_PREFIX=${DEVCLUSTER_SERVICE_PREFIX:-10.146}
SERVICE_CIDR=$SERVICE_PREFIX.0.0/16
SERVICE_ADDRESS=$SERVICE_PREFIX.0.1
DNS_SERVICE_ADDRESS=$SERVICE_PREFIX.0.10
API_PORT=${DEVCLUSTER_API_PORT:-26443}
KUBELET_PORT=${DEVCLUSTER_KUBELET_PORT:-26250}
# What kwok tells as addresses of its pods; nothing is there.
KWOK_POD_CIDR=10.144.0.0/16
# The mark on every iptables rule and cgroup that is ours.
MARK=ray-devcluster

PAUSE_IMAGE=ray-devcluster/pause:1
# The time that every file of a packed image gets (2026-01-01).
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1767225600}

# The audit log keeps at most this much: megabytes a file, and old files.
AUDIT_LOG_MEGABYTES=200
AUDIT_LOG_OLD_FILES=4
