# Daemons of an instance: started apart from the terminal, recorded so that only
# they are ever stopped.
#
# An instance is a set of directories, which `instance` names: STATE (what
# survives a stop), RUN (records of processes, sockets) and LOGS.
# shellcheck shell=bash

# start NAME COMMAND...: unless it already runs. Its directory is RUN, so that
# sockets can have short relative names.
start() {
	local name=$1
	shift
	is_running "$name" && return
	mkdir -p "$RUN" "$LOGS"
	[[ ! -e $LOGS/$name.log ]] || mv "$LOGS/$name.log" "$LOGS/$name.log.old"
	(
		cd "$RUN" || exit
		[[ -z ${LOCK:-} ]] || exec {LOCK}>&-
		exec setsid -- "$@" >"$LOGS/$name.log" 2>&1 </dev/null
	) &
	# This shell does not tell of its end.
	disown "$!"
	echo "$! $(start_time "$!") $(<$BOOT_ID)" >"$RUN/$name.pid"
}

BOOT_ID=/proc/sys/kernel/random/boot_id

# start_time PID: in ticks since boot. With the boot it tells one process from
# a later one that got the same id.
start_time() {
	local line
	{ line=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	# The second field is the name in brackets, and may hold anything.
	# shellcheck disable=SC2086
	set -- ${line##*) }
	echo "${20}"
}

# pid_of NAME: the id of the recorded process, if it is still that process.
pid_of() {
	local pid began boot
	[[ -f $RUN/$1.pid ]] || return 1
	read -r pid began boot <"$RUN/$1.pid"
	[[ $boot == "$(<$BOOT_ID)" && $began == "$(start_time "$pid")" ]] || return 1
	# A process that has ended but was not yet collected is not running.
	[[ $(<"/proc/$pid/stat") != *") Z "* ]] || return 1
	echo "$pid"
} 2>/dev/null

is_running() {
	pid_of "$1" >/dev/null
}

# stop NAME...: at once, for what they would save when asked to end is thrown away.
stop() {
	local name pid
	for name in "$@"; do
		while pid=$(pid_of "$name"); do
			kill -KILL "$pid" 2>/dev/null || true
			sleep 0.02
		done
		rm -f "$RUN/$name.pid"
	done
}

# wait_running SECONDS WHAT NAME COMMAND...: until the command succeeds, or
# fails at once when the process NAME ends.
wait_running() {
	local deadline=$((SECONDS + $1)) what=$2 name=$3
	shift 3
	until "$@" >/dev/null 2>&1; do
		if ! is_running "$name"; then
			tail -n 15 "$LOGS/$name.log" >&2
			fail "$name ended while waiting for $what" "its log is $LOGS/$name.log"
		fi
		((SECONDS < deadline)) || fail "gave up waiting for $what" "logs are in $LOGS"
		sleep 0.1
	done
}
