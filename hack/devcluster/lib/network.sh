# The node's network: a bridge with the node's and the pods' addresses, and the
# packet filter rules, each of which can be told from everybody else's.
# shellcheck shell=bash

# check_network: refuses what would break, or be broken by, somebody else.
check_network() {
	local prefix route
	for prefix in "$POD_PREFIX" "$SERVICE_PREFIX"; do
		route=$(ip -4 route show root "$prefix.0.0/16" | head -n 1)
		[[ -z $route || $route == *"dev $BRIDGE"* ]] || fail "the addresses $prefix.0.0/16 are in use here: $route" \
			"set DEVCLUSTER_POD_PREFIX or DEVCLUSTER_SERVICE_PREFIX to two other numbers"
	done
	[[ -e $STATE/kube-proxy.yaml ]] || ! kube_chains iptables nat | grep KUBE-SERVICES >/dev/null ||
		fail "another kube-proxy owns the packet filter of this machine" "stop that Kubernetes node first"
}

network_up() {
	if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
		ip link add "$BRIDGE" type bridge
		# Given, the hardware address does not change with the pods.
		ip link set "$BRIDGE" address 02:72:61:79:00:01
	fi
	ip address replace "$NODE_ADDRESS/22" dev "$BRIDGE"
	ip link set "$BRIDGE" up
	sysctl_set net/ipv4/ip_forward 1
	# Without it a pod's answer to a pod on the same bridge bypasses the rules
	# that give it back its Service's address.
	[[ -e /proc/sys/net/bridge ]] || modprobe br_netfilter 2>/dev/null || true
	[[ ! -e /proc/sys/net/bridge ]] || sysctl_set net/bridge/bridge-nf-call-iptables 1
	local table rule
	our_rules | while read -r table rule; do
		# shellcheck disable=SC2086
		iptables -w -t "$table" -C $rule 2>/dev/null || iptables -w -t "$table" -I $rule
	done
	write_cni_config
}

# our_rules: lines of a table and a rule.
our_rules() {
	local comment="-m comment --comment $MARK"
	echo "nat POSTROUTING -s $POD_CIDR ! -d $POD_CIDR $comment -j MASQUERADE"
	echo "filter FORWARD -i $BRIDGE $comment -j ACCEPT"
	echo "filter FORWARD -o $BRIDGE $comment -j ACCEPT"
	echo "filter INPUT -i $BRIDGE $comment -j ACCEPT"
}

# sysctl_set NAME VALUE: remembers the value that was there.
sysctl_set() {
	local file=/proc/sys/$1 kept=$STATE/sysctl
	[[ $(<"$file") != "$2" ]] || return 0
	echo "$(<"$file") $file" >>"$kept"
	echo "$2" >"$file"
}

write_cni_config() {
	mkdir -p "$STATE/cni"
	cat >"$STATE/cni/10-$CLUSTER_NAME.conflist" <<-JSON
		{
		  "cniVersion": "0.4.0",
		  "name": "$CLUSTER_NAME",
		  "plugins": [{
		    "type": "bridge", "bridge": "$BRIDGE", "isGateway": true, "hairpinMode": true,
		    "ipam": {
		      "type": "host-local", "dataDir": "$RUN/addresses",
		      "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$NODE_ADDRESS"}]],
		      "routes": [{"dst": "0.0.0.0/0"}]
		    }
		  }]
		}
	JSON
}

network_down() {
	local command table rule value file
	if [[ -e $STATE/kube-proxy.yaml ]]; then
		for command in iptables ip6tables; do
			for table in raw mangle nat filter; do
				remove_kube_chains "$command" "$table"
			done
		done
	fi
	our_rules | while read -r table rule; do
		# shellcheck disable=SC2086
		iptables -w -t "$table" -D $rule 2>/dev/null || true
	done
	# Deleting the bridge deletes its address and routes.
	ip link delete "$BRIDGE" 2>/dev/null || true
	while read -r value file; do
		echo "$value" >"$file"
	done < <(cat "$STATE/sysctl" 2>/dev/null)
}

# kube_chains COMMAND TABLE: the chains of kube-proxy and the kubelet.
kube_chains() {
	{ "$1-save" -t "$2" 2>/dev/null || true; } | sed -n 's/^:\(KUBE-[^ ]*\).*/\1/p'
}

# remove_kube_chains COMMAND TABLE: in one transaction. `up` made sure that no
# such chain was there before.
remove_kube_chains() {
	local chains
	chains=$(kube_chains "$1" "$2")
	[[ -n $chains ]] || return 0
	# shellcheck disable=SC2086
	{
		echo "*$2"
		# Naming a chain empties it; then nothing but the built-in chains refers to it.
		printf ':%s - [0:0]\n' $chains
		"$1-save" -t "$2" | sed -n '/^-A KUBE-/d; /-j KUBE-/s/^-A/-D/p'
		printf -- '-X %s\n' $chains
		echo COMMIT
	} | "$1-restore" -w --noflush
}
