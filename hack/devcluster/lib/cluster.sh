# `devcluster up`, `down` and `status`: the one-node cluster.
# shellcheck shell=bash

cluster_instance() {
	STATE=$CLUSTER_STATE RUN=$CLUSTER_RUN LOGS=$STATE/log
	KUBECONFIG_FILE=$STATE/kubeconfig
	API_URL=https://$NODE_ADDRESS:$API_PORT
}

# In the order in which they start.
CLUSTER_PROCESSES=(etcd kube-apiserver kube-controller-manager kube-scheduler node containerd kubelet kube-proxy coredns)

cluster_up() {
	check_node up
	install_packages "${NODE_PACKAGES[@]}"
	need_command ctr containerd
	tools_up
	cluster_instance
	mkdir -p "$RUN" "$LOGS"
	chmod 700 "$STATE"
	lock "$RUN/lock"
	if cluster_is_ready; then
		say "the cluster is up already"
	else
		start_cluster
		say "node $NODE_NAME is Ready, Kubernetes $KUBERNETES_VERSION at $API_URL"
	fi
	unlock
	[[ $(<"$STATE/bin") == "$BIN" ]] ||
		say "note: it runs other programs than this checkout's; 'devcluster down' and 'up' change that"
	echo "$KUBECONFIG_FILE"
}

start_cluster() {
	check_disk "$STATE" 2
	check_network
	say "starting the control plane"
	network_up
	certificate_authority
	issue apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$SERVICE_ADDRESS,IP:$NODE_ADDRESS"
	issue front-proxy /CN=front-proxy-client
	user admin /O=system:masters/CN=admin "$KUBECONFIG_FILE"
	start_etcd
	start_cluster_api_server
	[[ -e $STATE/bin ]] || echo "$BIN" >"$STATE/bin"
	wait_running 120 "the API server" kube-apiserver api /readyz
	start_controller_manager
	start_scheduler
	say "starting the node"
	node_up
	dns_up
	wait_running 120 "the node to be Ready" kubelet node_ready
	wait_running 60 "DNS" coredns dns_ready
	wait_running 60 "the default service account" kube-controller-manager has_service_account
}

# start_cluster_api_server: with what only a cluster with a node needs.
start_cluster_api_server() {
	local pki=$STATE/pki flags
	flags=(
		--enable-admission-plugins=NodeRestriction
		--kubelet-preferred-address-types=InternalIP
		--kubelet-certificate-authority="$pki/ca.crt"
		--kubelet-client-certificate="$pki/admin.crt" --kubelet-client-key="$pki/admin.key"
		# For aggregated API servers.
		--requestheader-client-ca-file="$pki/ca.crt"
		--requestheader-allowed-names=front-proxy-client
		--requestheader-username-headers=X-Remote-User
		--requestheader-group-headers=X-Remote-Group
		--requestheader-extra-headers-prefix=X-Remote-Extra-
		--proxy-client-cert-file="$pki/front-proxy.crt" --proxy-client-key-file="$pki/front-proxy.key"
	)
	start_api_server "$NODE_ADDRESS" "$API_PORT" "${flags[@]}"
}

cluster_is_ready() {
	local name
	for name in "${CLUSTER_PROCESSES[@]}"; do
		is_running "$name" || return 1
	done
	{ node_ready && dns_ready && has_service_account; } >/dev/null 2>&1
}

node_ready() {
	api "/api/v1/nodes/$NODE_NAME" | tr -d ' \n' | grep -o '"type":"Ready","status":"True"'
}

# cluster_down: everything that `up` made, in whatever state it is.
cluster_down() {
	check_root down
	allow_services
	cluster_instance
	mkdir -p "$RUN"
	lock "$RUN/lock"
	say "stopping the node and its containers"
	stop kwok coredns
	node_down
	say "stopping the control plane"
	stop kube-scheduler kube-controller-manager kube-apiserver etcd
	network_down
	remove_cgroups
	remove_state
	unlock
	prove_nothing_left
}

# remove_cgroups: the kernel keeps the empty ones of ended containers.
remove_cgroups() {
	local group
	for group in /sys/fs/cgroup/{,*/}"$MARK"; do
		[[ ! -d $group ]] || find "$group" -depth -type d -exec rmdir {} + || true
	done
}

remove_state() {
	local directory
	mounts_left | sort -r | while read -r directory; do
		umount "$directory"
	done
	while read -r directory; do
		rmdir --ignore-fail-on-non-empty "$directory" 2>/dev/null || true
	done < <(tac "$STATE/created" 2>/dev/null)
	rm -rf --one-file-system "$STATE" "$RUN"
}

# mounts_left: ours that this machine sees.
mounts_left() {
	awk -v state="$STATE/" -v run="$RUN/" 'index($5, state) == 1 || index($5, run) == 1 { print $5 }' /proc/self/mountinfo
}

# processes_left: any whose program, directory or root is of the cluster.
processes_left() {
	local pid link
	for pid in /proc/[0-9]*; do
		for link in exe cwd root; do
			case $(readlink "$pid/$link" 2>/dev/null || true) in
			"$STATE"/* | "$RUN"* | "${STATE}") echo "${pid#/proc/}"; break ;;
			esac
		done
	done
}

prove_nothing_left() {
	local processes mounts links groups
	processes=$(processes_left | wc -l)
	mounts=$(mounts_left | wc -l)
	links=$(find /sys/class/net -maxdepth 1 -name "$BRIDGE" | wc -l)
	groups=$(find /sys/fs/cgroup -maxdepth 2 -name "$MARK" | wc -l)
	say "down: $processes processes, $mounts mounts, $links links, $groups cgroups are left"
	((processes + mounts + links + groups == 0)) || fail "not everything could be removed"
}

# cluster_status: exits with 0 when it is ready, 1 when not, 3 when it is down.
cluster_status() {
	check_root status
	cluster_instance
	local name pid
	if [[ ! -e $STATE/kubeconfig ]]; then
		echo "the cluster is down"
		exit 3
	fi
	BIN=$(<"$STATE/bin")
	echo "Kubernetes $KUBERNETES_VERSION, etcd $ETCD_VERSION, CoreDNS $COREDNS_VERSION, $(containerd --version | cut -d ' ' -f 1,3)"
	printf '%-26s %8s %10s %8s\n' PROCESS PID ELAPSED MEMORY
	for name in "${CLUSTER_PROCESSES[@]}" kwok; do
		if pid=$(pid_of "$name"); then
			printf '%-26s %8d %10s %6dMi\n' "$name" "$pid" "$(ps -o etime= -p "$pid" | tr -d ' ')" "$(memory_of "$pid")"
		elif [[ $name != kwok ]]; then
			printf '%-26s %8s\n' "$name" "-"
		fi
	done
	echo
	kubectl get nodes -o wide 2>&1 || true
	echo
	echo "images:     $(container_tool images ls -q 2>/dev/null | grep -v '^sha256:' | tr '\n' ' ' || true)"
	echo "kubeconfig: $KUBECONFIG_FILE"
	echo "programs:   $BIN"
	echo "audit log:  $LOGS/audit.log"
	echo "logs:       $LOGS"
	cluster_is_ready || { echo "the cluster is not ready"; exit 1; }
}

# memory_of PID: in megabytes, with its only child (nsenter has one).
memory_of() {
	{ echo "$1"; pgrep -P "$1"; } | sed 's|.*|/proc/&/status|' | xargs cat 2>/dev/null |
		awk '$1 == "VmRSS:" { sum += $2 } END { print int(sum / 1024) }'
}
