# What the scripts in hack/ show and how they fail. Sourced by bash.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export ROOT

# say MESSAGE...: a line with the seconds since the script began.
say() {
	printf '[%4ds] %s\n' "$SECONDS" "$*" >&2
}

# fail MESSAGE [HINT...]
fail() {
	say "error: $1"
	shift
	local hint
	for hint in "$@"; do
		printf '        %s\n' "$hint" >&2
	done
	exit 1
}

# step LOG TITLE COMMAND...: runs the command with its output in LOG and tells what it is at. When it fails the end of
# LOG is shown and the command's status returned.
step() {
	local log=$1 title=$2 began=$SECONDS told=$SECONDS every=20 status=0 pid
	shift 2
	[[ -t 2 ]] && every=2
	mkdir -p "$(dirname "$log")"
	say "$title ..."
	# A process group of its own, so that all of it ends when this script is interrupted.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	trap 'interrupted "$pid" "$title"' INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - told >= every)); then
			told=$SECONDS
			still_running "$title" $((SECONDS - began)) "$log"
		fi
	done
	[[ -t 2 ]] && printf '\r\033[K' >&2
	wait "$pid" || status=$?
	trap - INT TERM HUP
	if ((status)); then
		tail -n 40 "$log" | sed 's/^/        /' >&2
		say "failed after $((SECONDS - began)) s: $title (all output: $log)"
		return "$status"
	fi
	say "$title: done in $((SECONDS - began)) s"
}

# interrupted PID TITLE: ends the step and waits for what it removes; a second Ctrl-C does not cut that short.
interrupted() {
	trap '' INT TERM HUP
	say "interrupted, ending: $2"
	kill -TERM -- "-$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
	exit 130
}

# still_running TITLE SECONDS LOG: with the last line of the log that says anything, if there is one.
still_running() {
	local last
	last=$(tail -c 4000 "$3" | tr '\r' '\n' | sed -n 's/\x1b\[[0-9;]*[A-Za-z]//g; /[^[:space:]]/p' | tail -n 1 | cut -c 1-90)
	if [[ -t 2 ]]; then
		printf '\r\033[K[%4ds]   %ss  %s' "$SECONDS" "$2" "$last" >&2
	else
		printf '[%4ds]   %s: %s s, at: %s\n' "$SECONDS" "$1" "$2" "$last" >&2
	fi
}
