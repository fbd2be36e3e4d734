# `devcluster apiserver`: an API server with etcd and no node, in a directory of
# its own. Needs no root; any number of them run side by side.
# shellcheck shell=bash

APISERVER_USAGE='usage: devcluster apiserver up|down|run --dir DIR [--controller-manager] [--scheduler] [-- COMMAND...]'

apiserver_command() {
	local action=${1:-} directory='' controller_manager='' scheduler='' command=()
	shift || fail "$APISERVER_USAGE"
	while (($#)); do
		case $1 in
		--dir) directory=${2:?$APISERVER_USAGE}; shift ;;
		--dir=*) directory=${1#*=} ;;
		--controller-manager) controller_manager=yes ;;
		--scheduler) scheduler=yes ;;
		--) shift; command=("$@"); break ;;
		*) fail "unknown option $1" "$APISERVER_USAGE" ;;
		esac
		shift
	done
	if [[ $action == run && -z $directory ]]; then
		directory=$(mktemp -d)
		on_exit rm -rf "$directory"
	fi
	[[ -n $directory ]] || fail "which directory?" "$APISERVER_USAGE"
	mkdir -p "$directory"
	apiserver_instance "$(cd "$directory" && pwd)"
	case $action in
	up) apiserver_up && echo "$KUBECONFIG_FILE" ;;
	down) apiserver_down ;;
	run) apiserver_run "${command[@]}" ;;
	*) fail "unknown action '$action'" "$APISERVER_USAGE" ;;
	esac
}

# apiserver_instance DIRECTORY
apiserver_instance() {
	STATE=$1 RUN=$1/run LOGS=$1/log
	KUBECONFIG_FILE=$STATE/kubeconfig
	API_URL=$(sed -n 's/^ *server: //p' "$KUBECONFIG_FILE" 2>/dev/null || true)
}

# apiserver_up: idempotent; adds the programs that are asked for and not there
# (the options are the variables of apiserver_command).
apiserver_up() {
	need_command curl curl
	tools_up
	mkdir -p "$RUN" "$LOGS"
	lock "$RUN/lock"
	local flags=()
	# Without a controller manager nobody makes the service account of a pod.
	[[ -n $controller_manager ]] || flags=(--disable-admission-plugins=ServiceAccount)
	certificate_authority
	issue apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1"
	start_etcd
	is_running kube-apiserver || apiserver_listen "${flags[@]}"
	if [[ -n $controller_manager$scheduler ]]; then
		start_controller_manager
		wait_running 60 "the default service account" kube-controller-manager has_service_account
	fi
	[[ -z $scheduler ]] || start_scheduler
	unlock
	say "API server $KUBERNETES_VERSION is ready at $API_URL, audit log $LOGS/audit.log"
}

# apiserver_listen FLAG...: on a free port; on another when somebody was quicker.
apiserver_listen() {
	local try port
	for try in 1 2 3 4 5; do
		port=$(free_port)
		API_URL=https://127.0.0.1:$port
		# Written last, it is what tells the others where the server is.
		user admin /O=system:masters/CN=admin "$KUBECONFIG_FILE"
		# No endpoint of the API service is a loopback address.
		start_api_server 127.0.0.1 "$port" --endpoint-reconciler-type=none "$@"
		until api /readyz >/dev/null 2>&1; do
			is_running kube-apiserver || break
			sleep 0.1
		done
		is_running kube-apiserver && return
		grep -q 'address already in use' "$LOGS/kube-apiserver.log" || break
		say "port $port was taken, trying another ($try)"
	done
	tail -n 15 "$LOGS/kube-apiserver.log" >&2
	fail "the API server does not start" "its log is $LOGS/kube-apiserver.log"
}

# free_port: below the ports that the kernel gives to clients.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		# In /proc/net/tcp the local port is in hexadecimal.
		awk -v "port=$(printf ':%04X' "$port")" '$2 ~ port "$" { used = 1 } END { exit used }' \
			<(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null) && break
	done
	echo "$port"
}

# apiserver_down: stops it and removes what it made, but for the logs.
apiserver_down() {
	stop kwok kube-scheduler kube-controller-manager kube-apiserver etcd
	rm -rf "$RUN" "$STATE"/{etcd,pki} "$STATE/audit-policy.yaml" "$STATE"/{*.,}kubeconfig
	say "stopped; logs stay in $LOGS"
}

# apiserver_run COMMAND...: with KUBECONFIG set; always stops the server after.
apiserver_run() {
	(($#)) || fail "which command?" "$APISERVER_USAGE"
	on_exit apiserver_down
	apiserver_up
	KUBECONFIG=$KUBECONFIG_FILE PATH=$BIN:$PATH "$@" || exit
}
