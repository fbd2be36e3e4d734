# What the user sees: progress on standard error, results on standard output.
# shellcheck shell=bash

say() {
	printf '[devcluster %3ds] %s\n' "$SECONDS" "$*" >&2
}

# fail MESSAGE [WHAT-TO-DO...]: ends the command.
fail() {
	say "error: $1"
	trap - ERR
	STOPPED_AT=''
	shift
	local hint
	for hint in "$@"; do
		printf '                  %s\n' "$hint" >&2
	done
	exit 1
}

# on_exit COMMAND...: run when this process ends, latest first.
ON_EXIT=()
on_exit() {
	ON_EXIT=("$(printf '%q ' "$@")" "${ON_EXIT[@]}")
}

run_on_exit() {
	local status=$? command
	trap - EXIT ERR
	[[ $status == 0 || -z $STOPPED_AT ]] || say "error: stopped with status $status at $STOPPED_AT"
	for command in "${ON_EXIT[@]}"; do
		eval "$command" || true
	done
	exit "$status"
}
trap run_on_exit EXIT
# Nothing ends the command without a word: run_on_exit tells where it stopped.
STOPPED_AT=''
set -E
trap 'STOPPED_AT="${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# long_step LOG TITLE COMMAND...: runs the command with its output in LOG and
# tells every now and then that it still runs. The command is a function or a
# program; when it fails the end of LOG is shown.
long_step() {
	local log=$1 title=$2
	shift 2
	say "$title"
	mkdir -p "$(dirname "$log")"
	# Job control gives the step a process group, so that all of it can be ended.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	set +m
	local pid=$! began=$SECONDS every=30 told=$SECONDS
	[[ -t 2 ]] && every=5
	on_exit end_step "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - told >= every)); then
			told=$SECONDS
			still_running "$((SECONDS - began))" "$title" "$log"
		fi
	done
	[[ -t 2 ]] && printf '\r\033[K' >&2
	local status=0
	wait "$pid" || status=$?
	ON_EXIT=("${ON_EXIT[@]:1}")
	if ((status)); then
		tail -n 25 "$log" >&2
		fail "failed: $title" "the whole output is in $log"
	fi
}

# end_step PID: and waits for what it cleans up.
end_step() {
	kill -TERM -- "-$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

still_running() {
	local line
	printf -v line '[devcluster %3ds]   ... %ss: %s (%s lines of output)' \
		"$SECONDS" "$1" "${2%% (*}" "$(wc -l <"$3")"
	if [[ -t 2 ]]; then
		printf '\r\033[K%s' "$line" >&2
	else
		printf '%s\n' "$line" >&2
	fi
}

# wait_until SECONDS WHAT COMMAND...: until the command succeeds.
wait_until() {
	local deadline=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || fail "gave up waiting for $what" "logs are in ${LOGS:-?}"
		sleep 0.1
	done
}
