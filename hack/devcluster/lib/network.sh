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
	[[ ! -e $STATE/kube-proxy.yaml ]] || return 0
	! kube_chains iptables nat | grep '^KUBE-SERVICES$' >/dev/null ||
		fail "another kube-proxy owns the packet filter of this machine" "stop that Kubernetes node first"
	remember_chains
}

# remember_chains: those that are not ours, before our kube-proxy makes its own.
remember_chains() {
	local command table
	for command in iptables ip6tables; do
		for table in "${TABLES[@]}"; do
			kube_chains "$command" "$table" | sed "s/^/$command $table /"
		done
	done >"$STATE/chains-of-others"
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
		if another_kube_proxy; then
			say "another Kubernetes node runs here: the chains KUBE-* of the packet filter are left to it"
		else
			for command in iptables ip6tables; do
				for table in "${TABLES[@]}"; do
					remove_kube_chains "$command" "$table"
				done
			done
		fi
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

TABLES=(raw mangle nat filter)

# another_kube_proxy: or a program that has one inside, in this network namespace. Ours has ended already.
another_kube_proxy() {
	local pid here
	here=$(readlink /proc/self/ns/net)
	for pid in $(pgrep -x 'kube-proxy|kubelite|k3s|k3s-server|k3s-agent' 2>/dev/null || true); do
		[[ $(readlink "/proc/$pid/ns/net" 2>/dev/null) != "$here" ]] || return 0
	done
	return 1
}

# kube_chains COMMAND TABLE: every chain KUBE-*, whoever made it.
kube_chains() {
	{ "$1-save" -t "$2" 2>/dev/null || true; } | sed -n 's/^:\(KUBE-[^ ]*\).*/\1/p'
}

# our_chains COMMAND TABLE: those that a kube-proxy makes and that were not there before ours. The kubelet makes none here.
our_chains() {
	local chain
	kube_chains "$1" "$2" | while read -r chain; do
		case $chain in
		KUBE-SERVICES | KUBE-EXTERNAL-SERVICES | KUBE-NODEPORTS | KUBE-POSTROUTING | KUBE-MARK-MASQ | KUBE-FORWARD) ;;
		KUBE-PROXY-* | KUBE-FIREWALL | KUBE-SVC-* | KUBE-SVL-* | KUBE-SEP-* | KUBE-EXT-* | KUBE-FW-*) ;;
		*) continue ;;
		esac
		grep -qxs "$1 $2 $chain" "$STATE/chains-of-others" || echo "$chain"
	done
}

# remove_kube_chains COMMAND TABLE: ours, in one transaction.
remove_kube_chains() {
	local chains
	chains=$(our_chains "$1" "$2")
	[[ -n $chains ]] || return 0
	# shellcheck disable=SC2086
	{
		echo "*$2"
		# Naming a chain empties it; then only rules of other chains refer to it.
		printf ':%s - [0:0]\n' $chains
		"$1-save" -t "$2" | awk -v chains="$chains" '
			BEGIN { split(chains, list, "\n"); for (i in list) ours[list[i]] = 1 }
			$1 == "-A" && !($2 in ours) {
				for (i = 3; i < NF; i++) if (($i == "-j" || $i == "-g") && ($(i + 1) in ours)) {
					sub(/^-A/, "-D")
					print
					break
				}
			}'
		printf -- '-X %s\n' $chains
		echo COMMIT
	} | "$1-restore" -w --noflush
}
