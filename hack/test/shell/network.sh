# The packet filter: of the chains KUBE-* only those of our kube-proxy are removed.
# shellcheck shell=bash

# iptables_with TABLE LINE...: what iptables-save says of the table.
iptables_with() {
	local table=$1
	shift
	printf '%s\n' "$@" >"$WORK/$table.rules"
	fake iptables-save <<-SH
		cat "$WORK/\$2.rules" 2>/dev/null || true
	SH
	fake ip6tables-save </dev/null
	fake iptables </dev/null
	fake ip </dev/null
	fake pgrep <<<'exit 1'
	fake iptables-restore <<-SH
		cat >>"$WORK/restored"
	SH
}

our_cluster() {
	devcluster_parts network
	STATE=$WORK/state
	mkdir -p "$STATE"
	touch "$WORK/restored"
}

FILTER=(
	'*filter'
	':INPUT ACCEPT [0:0]'
	':KUBE-FIREWALL - [0:0]'
	':KUBE-FORWARD - [0:0]'
	':KUBE-KUBELET-CANARY - [0:0]'
	':KUBE-ROUTER-INPUT - [0:0]'
	'-A INPUT -j KUBE-FIREWALL'
	'-A INPUT -m comment --comment "kube-router -j KUBE-FORWARD" -j KUBE-ROUTER-INPUT'
	'-A FORWARD -j KUBE-FORWARD'
	'-A KUBE-ROUTER-INPUT -g KUBE-FORWARD'
	'-A KUBE-FORWARD -j ACCEPT'
	COMMIT
)

test_chains_of_others_are_left() {
	our_cluster
	iptables_with filter '*filter' ':KUBE-FIREWALL - [0:0]' '-A INPUT -j KUBE-FIREWALL' COMMIT
	check_network
	iptables_with filter "${FILTER[@]}"
	touch "$STATE/kube-proxy.yaml"
	network_down
	is "what is removed" "*filter
:KUBE-FORWARD - [0:0]
-D FORWARD -j KUBE-FORWARD
-D KUBE-ROUTER-INPUT -g KUBE-FORWARD
-X KUBE-FORWARD
COMMIT" "$(cat "$WORK/restored")"
}

test_nothing_is_removed_that_this_cluster_did_not_make() {
	our_cluster
	iptables_with filter "${FILTER[@]}"
	network_down
	is "what is removed" '' "$(cat "$WORK/restored")"
}

test_nothing_is_removed_while_another_node_runs() {
	our_cluster
	iptables_with filter "${FILTER[@]}"
	fake pgrep <<<"echo $$"
	touch "$STATE/kube-proxy.yaml"
	has "what is said" "another Kubernetes node runs here" "$(network_down 2>&1)"
	is "what is removed" '' "$(cat "$WORK/restored")"
}

test_a_node_in_a_container_is_not_another_node_of_this_machine() {
	our_cluster
	iptables_with filter "${FILTER[@]}"
	fake pgrep <<<"echo 999999999"
	touch "$STATE/kube-proxy.yaml"
	network_down
	has "what is removed" "-X KUBE-FIREWALL" "$(cat "$WORK/restored")"
}

test_another_kube_proxy_keeps_the_cluster_from_starting() {
	our_cluster
	iptables_with nat '*nat' ':KUBE-SERVICES - [0:0]' COMMIT
	said=$( (check_network) 2>&1) && exit 1
	has "what is said" "another kube-proxy owns the packet filter" "$said"
}
