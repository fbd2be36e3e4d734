# What the tests of scripts share. Sourced.
# shellcheck shell=bash

BIN=$WORK/bin CALLS=$WORK/calls
mkdir -p "$BIN"
touch "$CALLS"
PATH=$BIN:$PATH
export BIN CALLS PATH

# fake NAME: makes a program of the script on standard input. It writes down its call first.
fake() {
	{
		echo '#!/usr/bin/env bash'
		echo "echo \"$1 \$*\" >>'$CALLS'"
		cat
	} >"$BIN/$1"
	chmod +x "$BIN/$1"
}

# is WHAT EXPECTED ACTUAL
is() {
	[[ $2 == "$3" ]] && return
	printf '%s\n  expected: %s\n  but is:   %s\n' "$1" "$2" "$3"
	exit 1
}

# has WHAT PART TEXT
has() {
	[[ $3 == *"$2"* ]] && return
	printf '%s\n  expected: ...%s...\n  but is:   %s\n' "$1" "$2" "$3"
	exit 1
}

# eventually WHAT COMMAND...: within half a minute.
eventually() {
	local what=$1 try
	shift
	for ((try = 0; try < 300; try++)); do
		if "$@"; then
			return
		fi
		sleep 0.1
	done
	echo "does not happen: $what"
	exit 1
}

# devcluster_parts PART...: sources parts of devcluster, with everything that it keeps below WORK.
devcluster_parts() {
	local part
	export DEVCLUSTER_HOME=$ROOT/hack/devcluster DEVCLUSTER_CACHE=$WORK/cache DEVCLUSTER_STATE=$WORK/state \
		DEVCLUSTER_RUN=$WORK/run DEVCLUSTER_POLICY=$WORK/policy-rc.d
	for part in settings progress machine "$@"; do
		# shellcheck source=/dev/null
		source "$DEVCLUSTER_HOME/lib/$part.sh"
	done
}

# checkout PATH...: copies these parts of the repository to WORK/root, where scripts beside them can be replaced.
checkout() {
	local path
	for path in "$@"; do
		mkdir -p "$WORK/root/$(dirname "$path")"
		cp -R "$ROOT/$path" "$WORK/root/$path"
	done
}

# script PATH: like `fake`, for a script of that checkout.
script() {
	fake "$(basename "$1")"
	mkdir -p "$WORK/root/$(dirname "$1")"
	mv "$BIN/$(basename "$1")" "$WORK/root/$1"
}

# fake_devcluster STATUS: which answers `status` with that until `up` and `down`.
fake_devcluster() {
	echo "$1" >"$WORK/status"
	script hack/devcluster/devcluster <<-SH
		case \$1 in
		status) exit "\$(<'$WORK/status')" ;;
		up) echo 0 >'$WORK/status'; echo "certificate-authority-data: \$\$" >'$WORK/kubeconfig' ;;
		down) echo 3 >'$WORK/status'; rm -f '$WORK/kubeconfig' ;;
		kubeconfig) echo '$WORK/kubeconfig' ;;
		tools) echo '$BIN' ;;
		esac
	SH
}

# called PART, not_called PART: something was called so, or not. (`! called` would not end a test.)
called() { grep -qF -- "$1" "$CALLS"; }
not_called() {
	if called "$1"; then
		printf 'was called: %s\n' "$1"
		exit 1
	fi
}
