# The node: containerd, the kubelet and kube-proxy, in mount and process
# namespaces of their own. Whatever they mount or start, containers included,
# ends with the namespaces' first process, and the machine never sees a mount.
# shellcheck shell=bash

# Fixed paths of the programs, which a node of the machine's own may use as
# well: in our mount namespace they are directories of ours.
PRIVATE_DIRECTORIES=(/run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers)

node_up() {
	node_is_running || start_node
	start_containerd
	wait_running 30 containerd containerd container_tool version
	load_pause
	start_kubelet
	start_kube_proxy
}

# The kubelet would set these for the whole machine. In our mount namespace it
# finds files that say they are set.
PRIVATE_SYSCTLS=(
	kernel/keys/root_maxbytes=25000000 kernel/keys/root_maxkeys=1000000
	kernel/panic=10 kernel/panic_on_oops=1 vm/overcommit_memory=1 vm/panic_on_oom=0
)

# start_node: the namespaces, held by a first process that reaps orphans.
start_node() {
	node_down
	start node unshare --mount --pid --fork --kill-child=KILL --mount-proc --propagation private "$BIN/pause"
	wait_running 10 "the node's namespaces" node node_init
	# Shared inside: a pod with mount propagation sees what another mounts.
	in_node mount --make-rshared /
	local path setting
	rm -rf "$STATE/private/run"
	for path in "${PRIVATE_DIRECTORIES[@]}"; do
		if [[ ! -e $path ]]; then
			mkdir -p "$path"
			echo "$path" >>"$STATE/created"
		fi
		mkdir -p "$STATE/private$path"
		in_node mount --bind "$STATE/private$path" "$path"
	done
	for setting in "${PRIVATE_SYSCTLS[@]}"; do
		path=/proc/sys/${setting%=*}
		mkdir -p "$STATE/private${path%/*}"
		echo "${setting#*=}" >"$STATE/private$path"
		in_node mount --bind "$STATE/private$path" "$path"
	done
	touch "$RUN/node.prepared"
}

node_is_running() {
	is_running node && [[ -e $RUN/node.prepared ]]
}

# node_init: the id of the first process. It is the only child of unshare.
node_init() {
	local pid child
	pid=$(pid_of node) || return 1
	child=$(pgrep -P "$pid") || return 1
	# Until it is pause it has not yet mounted everything.
	[[ $(<"/proc/$child/comm") == pause ]] || return 1
	echo "$child"
}

in_node() {
	nsenter --target "$(node_init)" --mount --pid -- "$@"
}

# start_in_node NAME COMMAND...
start_in_node() {
	local name=$1
	shift
	start "$name" nsenter --target "$(node_init)" --mount --pid -- "$@"
}

# node_down: the kernel ends every process of the namespaces with the first.
node_down() {
	local init deadline=$((SECONDS + 30))
	if init=$(node_init 2>/dev/null); then
		kill -KILL "$init"
		while is_running node; do
			((SECONDS < deadline)) || fail "process $init does not end"
			sleep 0.05
		done
	fi
	rm -f "$RUN"/node.prepared "$RUN"/{node,containerd,kubelet,kube-proxy}.pid
}

start_containerd() {
	is_running containerd && return
	cat >"$STATE/containerd.toml" <<-TOML
		version = 2
		root = "$STATE/containerd"
		state = "$RUN/containerd"
		[grpc]
		  address = "$RUN/containerd.sock"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "$STATE/containerd/opt"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "$PAUSE_IMAGE"
		  # Machines may lack the right to lower a process's OOM score.
		  restrict_oom_score_adj = true
		  netns_mounts_under_state_dir = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "$(cni_directory)"
		  conf_dir = "$STATE/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		  runtime_type = "io.containerd.runc.v2"
	TOML
	start_in_node containerd containerd --config "$STATE/containerd.toml"
}

# cni_directory: Debian's, or that of Kubernetes' own packages.
cni_directory() {
	[[ -e /usr/lib/cni/bridge ]] && echo /usr/lib/cni || echo /opt/cni/bin
}

# container_tool ARGUMENT...: containerd's own client, in Kubernetes' namespace.
container_tool() {
	ctr --address "$RUN/containerd.sock" --namespace k8s.io "$@"
}

start_kubelet() {
	is_running kubelet && return
	issue kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" "DNS:$NODE_NAME,IP:$NODE_ADDRESS"
	user kubelet "/O=system:nodes/CN=system:node:$NODE_NAME"
	# A pod with dnsPolicy Default cannot use a resolver on the machine's loopback.
	echo "nameserver $DNS_SERVICE_ADDRESS" >"$STATE/resolv.conf"
	write_kubelet_config >"$STATE/kubelet.yaml"
	make_cgroups
	start_in_node kubelet "$BIN/kubelet" --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubelet.kubeconfig" \
		--hostname-override="$NODE_NAME" --node-ip="$NODE_ADDRESS" \
		--root-dir="$STATE/kubelet" --cert-dir="$STATE/kubelet/pki"
}

# make_cgroups: the parent of all, in the one hierarchy of version 2 or in each
# of version 1. The kubelet wants it to exist.
make_cgroups() {
	local hierarchy file controller
	# In version 2 a parent says what its children control.
	for controller in $(cat /sys/fs/cgroup/cgroup.controllers 2>/dev/null || true); do
		echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
	done 2>/dev/null
	while read -r hierarchy; do
		mkdir -p "$hierarchy/$MARK"
	done < <(cgroup_hierarchies)
	# All pods together weigh as much as ten processes of a busy machine: Ray gives
	# up when it starts too slowly.
	for file in /sys/fs/cgroup/{,*/}"$MARK"/cpu.shares; do
		[[ ! -e $file ]] || echo 10240 >"$file"
	done
	file=/sys/fs/cgroup/$MARK/cpu.weight
	[[ ! -e $file ]] || echo 1000 >"$file"
}

cgroup_hierarchies() {
	if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then
		echo /sys/fs/cgroup
	else
		awk '$3 == "cgroup" { print $2 }' /proc/mounts
	fi
}

write_kubelet_config() {
	cat <<-YAML
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		address: $NODE_ADDRESS
		port: $KUBELET_PORT
		healthzPort: 0
		authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $STATE/pki/ca.crt}}
		authorization: {mode: Webhook}
		tlsCertFile: $STATE/pki/kubelet.crt
		tlsPrivateKeyFile: $STATE/pki/kubelet.key
		clusterDNS: [$DNS_SERVICE_ADDRESS]
		clusterDomain: cluster.local
		resolvConf: $STATE/resolv.conf
		containerRuntimeEndpoint: unix://$RUN/containerd.sock
		podLogsDir: $STATE/pod-logs
		volumePluginDir: $STATE/kubelet/volume-plugins
		maxPods: 250
		serializeImagePulls: false
		makeIPTablesUtilChains: false
		# All of our cgroups are below one of our own.
		cgroupDriver: cgroupfs
		cgroupRoot: /$MARK
		enforceNodeAllocatable: [none]
		failCgroupV1: false
		failSwapOn: false
		oomScoreAdj: 0
		# With enforced CPU limits a Ray head of half a core starts so slowly that it gives up.
		cpuCFSQuota: false
		# Loaded images cannot be pulled again, and the disk is shared with others.
		imageGCHighThresholdPercent: 100
		evictionHard: {memory.available: 200Mi, nodefs.available: 1%, imagefs.available: 1%}
	YAML
}

start_kube_proxy() {
	# It ends when its configuration is written anew.
	is_running kube-proxy && return
	user kube-proxy /CN=system:kube-proxy
	cat >"$STATE/kube-proxy.yaml" <<-YAML
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $STATE/kube-proxy.kubeconfig}
		hostnameOverride: $NODE_NAME
		mode: iptables
		clusterCIDR: $POD_CIDR
		healthzBindAddress: $NODE_ADDRESS:26256
		metricsBindAddress: $NODE_ADDRESS:26249
		# Zero leaves the machine's own settings as they are.
		conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
		iptables: {localhostNodePorts: false, minSyncPeriod: 200ms, syncPeriod: 30s}
	YAML
	start_in_node kube-proxy "$BIN/kube-proxy" --config="$STATE/kube-proxy.yaml"
}
