# etcd, the API server, the controller manager and the scheduler: the same for
# the one-node cluster and for an API server alone.
# shellcheck shell=bash

# etcd listens on sockets in RUN: no port to find, and nobody else can connect.
start_etcd() {
	# A throw-away cluster needs no fsync.
	start etcd "$BIN/etcd" --name=etcd --data-dir="$STATE/etcd" --unsafe-no-fsync \
		--listen-client-urls=unix://etcd.sock --advertise-client-urls=http://localhost:1 \
		--listen-peer-urls=unix://peer.sock --quota-backend-bytes=8589934592 --log-level=warn
}

# start_api_server ADDRESS PORT FLAG...
start_api_server() {
	local address=$1 port=$2 pki=$STATE/pki
	shift 2
	write_audit_policy
	start kube-apiserver "$BIN/kube-apiserver" \
		--etcd-servers=unix://etcd.sock \
		--bind-address="$address" --advertise-address="$address" --secure-port="$port" \
		--tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
		--client-ca-file="$pki/ca.crt" \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file="$pki/service-account.pub" \
		--service-account-signing-key-file="$pki/service-account.key" \
		--service-cluster-ip-range="$SERVICE_CIDR" \
		--authorization-mode=Node,RBAC --allow-privileged=true \
		--feature-gates=MutatingAdmissionPolicy=true \
		--runtime-config=admissionregistration.k8s.io/v1beta1=true \
		--audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$LOGS/audit.log" \
		--audit-log-maxsize="$AUDIT_LOG_MEGABYTES" --audit-log-maxbackup="$AUDIT_LOG_OLD_FILES" "$@"
}

# Who called what, once a call: enough to count calls by user and verb.
write_audit_policy() {
	cat >"$STATE/audit-policy.yaml" <<-'YAML'
		apiVersion: audit.k8s.io/v1
		kind: Policy
		omitStages: [RequestReceived]
		rules:
		- level: None
		  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*"]
		- level: Metadata
	YAML
}

# start_controller_manager FLAG...
start_controller_manager() {
	local config=$STATE/controller-manager.kubeconfig
	user controller-manager /CN=system:kube-controller-manager
	# A node that a busy machine keeps from reporting for a while stays Ready.
	start kube-controller-manager "$BIN/kube-controller-manager" \
		--kubeconfig="$config" --leader-elect=false --secure-port=0 \
		--use-service-account-credentials \
		--service-account-private-key-file="$STATE/pki/service-account.key" \
		--root-ca-file="$STATE/pki/ca.crt" \
		--cluster-signing-cert-file="$STATE/pki/ca.crt" --cluster-signing-key-file="$STATE/pki/ca.key" \
		--node-monitor-grace-period=30m --kube-api-qps=500 --kube-api-burst=1000 "$@"
}

start_scheduler() {
	user scheduler /CN=system:kube-scheduler
	start kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$STATE/scheduler.kubeconfig" \
		--leader-elect=false --secure-port=0 --kube-api-qps=500 --kube-api-burst=1000
}

# has_service_account: pods cannot be created before it is there.
has_service_account() {
	api /api/v1/namespaces/default/serviceaccounts/default
}
