# The cluster's DNS: CoreDNS as a process on the node's address, behind the
# Service that pods expect.
# shellcheck shell=bash

DNS_PORT=26053
DNS_READY_PORT=26181

dns_up() {
	user coredns /CN=coredns
	cat >"$STATE/Corefile" <<-COREFILE
		.:$DNS_PORT {
		    bind $NODE_ADDRESS
		    errors
		    ready $NODE_ADDRESS:$DNS_READY_PORT
		    kubernetes cluster.local in-addr.arpa ip6.arpa {
		        kubeconfig $STATE/coredns.kubeconfig $CLUSTER_NAME
		        pods insecure
		        fallthrough in-addr.arpa ip6.arpa
		        ttl 5
		    }
		    forward . /etc/resolv.conf
		    cache 5
		}
	COREFILE
	kubectl apply -f - >/dev/null < <(dns_manifest)
	start coredns "$BIN/coredns" -conf "$STATE/Corefile"
}

# dns_ready: CoreDNS knows the cluster, and its Service leads to it.
dns_ready() {
	curl -fsS --noproxy '*' --max-time 2 "http://$NODE_ADDRESS:$DNS_READY_PORT/ready" &&
		timeout 2 bash -c "</dev/tcp/$DNS_SERVICE_ADDRESS/53"
}

dns_manifest() {
	cat <<-YAML
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRole
		metadata: {name: coredns}
		rules:
		- {apiGroups: [""], resources: [services, namespaces, pods], verbs: [list, watch]}
		- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
		---
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRoleBinding
		metadata: {name: coredns}
		roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: coredns}
		subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: coredns}]
		---
		apiVersion: v1
		kind: Service
		metadata: {name: kube-dns, namespace: kube-system, labels: {k8s-app: kube-dns}}
		spec:
		  clusterIP: $DNS_SERVICE_ADDRESS
		  ports:
		  - {name: dns, port: 53, targetPort: $DNS_PORT, protocol: UDP}
		  - {name: dns-tcp, port: 53, targetPort: $DNS_PORT, protocol: TCP}
		---
		apiVersion: discovery.k8s.io/v1
		kind: EndpointSlice
		metadata: {name: kube-dns-node, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
		addressType: IPv4
		endpoints: [{addresses: [$NODE_ADDRESS], conditions: {ready: true}}]
		ports:
		- {name: dns, port: $DNS_PORT, protocol: UDP}
		- {name: dns-tcp, port: $DNS_PORT, protocol: TCP}
	YAML
}
