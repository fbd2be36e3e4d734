# What the machine must offer, and the Debian packages that are missing.
# shellcheck shell=bash

# need_command COMMAND PACKAGE
need_command() {
	command -v "$1" >/dev/null || fail "the command '$1' is missing" "install it: apt-get install $2"
}

# check_machine: what every command needs.
check_machine() {
	[[ $(uname -s) == Linux ]] || fail "this needs Linux, not $(uname -s)"
	case $(uname -m) in
	x86_64) ARCHITECTURE=amd64 ;;
	aarch64) ARCHITECTURE=arm64 ;;
	*) fail "this needs an amd64 or arm64 machine, not $(uname -m)" ;;
	esac
	export ARCHITECTURE
	# Programs of the administrator are not on every root's path.
	PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
}

# check_root COMMAND
check_root() {
	((EUID == 0)) || fail "'devcluster $1' needs root" \
		"'devcluster apiserver up' runs an API server without root"
}

# check_disk DIRECTORY GIGABYTES
check_disk() {
	local existing=$1 free
	while [[ ! -e $existing ]]; do existing=$(dirname "$existing"); done
	free=$(df --output=avail -B 1G "$existing" | tail -n 1 | tr -d ' ')
	((free >= $2)) || fail "only ${free} GB are free for $1, this needs $2 GB"
}

# check_node: what a kubelet needs.
check_node() {
	check_root "$1"
	[[ -f /sys/fs/cgroup/cgroup.controllers || -d /sys/fs/cgroup/memory ]] ||
		fail "no cgroups are mounted at /sys/fs/cgroup" \
			"a container needs to be privileged and have them mounted"
	unshare --mount --pid --fork true 2>/dev/null ||
		fail "this machine does not allow new mount and process namespaces" \
			"a container needs to be privileged"
	grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null ||
		fail "the kernel has no overlay file system"
}

# The packages of a node, each with what shows that it is there, whoever installed it: a command, or one of several files.
# shellcheck disable=SC2034  # read by the other files
NODE_PACKAGES=(
	containerd:containerd
	runc:runc
	containernetworking-plugins:/usr/lib/cni/bridge:/opt/cni/bin/bridge
	iptables:iptables
	iproute2:ip
	conntrack:conntrack
	ethtool:ethtool
	socat:socat
	mount:mount
	openssl:openssl
	curl:curl
	procps:pkill
	ca-certificates:/etc/ssl/certs/ca-certificates.crt
)
# shellcheck disable=SC2034
IMAGE_PACKAGES=(debootstrap:debootstrap)

# is_there COMMAND | FILE[:FILE...]
is_there() {
	local files file
	if [[ $1 != /* ]]; then
		command -v "$1" >/dev/null
		return
	fi
	IFS=: read -ra files <<<"$1"
	for file in "${files[@]}"; do
		[[ ! -e $file ]] || return 0
	done
	return 1
}

# install_packages PACKAGE:WHAT-SHOWS-IT...: those that are missing. Never removes or replaces another package.
install_packages() {
	local entry missing=()
	allow_services
	for entry in "$@"; do
		is_there "${entry#*:}" || missing+=("${entry%%:*}")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || fail "missing: ${missing[*]}" \
		"there is no apt-get here; install them, each with what follows its name:" "$*"
	lock "$CACHE/packages.lock"
	would_install "${missing[@]}" >/dev/null ||
		long_step "$CACHE/log/packages.log" "reading the lists of Debian packages" apt-get update
	refuse_removals "${missing[@]}"
	long_step "$CACHE/log/packages.log" "installing ${missing[*]}" install_quietly "${missing[@]}"
	unlock
}

# would_install PACKAGE...: what apt would do.
would_install() {
	LC_ALL=C apt-get --simulate install --no-install-recommends "$@" 2>&1
}

# refuse_removals PACKAGE...: Debian's runc would take the place of Docker's, and Docker would go with it.
refuse_removals() {
	local plan removed
	plan=$(would_install "$@") || fail "apt cannot install $*" "$(grep '^E: ' <<<"$plan")" "nothing was changed"
	removed=$(sed -n 's/^Remv \([^ ]*\).*/\1/p' <<<"$plan" | tr '\n' ' ')
	[[ -z $removed ]] || fail "to install $* apt would remove ${removed% }" \
		"nothing was changed; install what is missing in a way that keeps them, or use another machine"
}

# install_quietly PACKAGE...: no questions, and no service of the packages is
# started or enabled: the node runs its own containerd.
install_quietly() {
	INSTALLING=" $* "
	trap 'allow_services; keep_disabled' EXIT
	trap 'exit 143' TERM INT HUP
	deny_services
	apt_install "$@" || { apt-get update && apt_install "$@"; }
}

# keep_disabled: the services of what was just installed.
keep_disabled() {
	if [[ $INSTALLING == *" containerd "* ]] && command -v systemctl >/dev/null; then
		systemctl disable containerd.service || true
	fi
}

apt_install() {
	# needrestart would restart services of the machine.
	DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
		apt-get -o DPkg::Lock::Timeout=300 install --no-remove -y --no-install-recommends "$@"
}

# Where packages ask whether they may start services, and where one that was there waits meanwhile.
POLICY=${DEVCLUSTER_POLICY:-/usr/sbin/policy-rc.d}
POLICY_KEPT=$POLICY.devcluster-kept

# deny_services: until allow_services; also no longer than this process lives, if that was killed.
deny_services() {
	allow_services
	[[ ! -e $POLICY ]] || mv "$POLICY" "$POLICY_KEPT"
	cat >"$POLICY.part" <<-SH
		#!/bin/sh
		# Made by devcluster for the time of an installation.
		[ ! -d /proc/$BASHPID ] || exit 101
		[ ! -x $POLICY_KEPT ] || exec $POLICY_KEPT "\$@"
	SH
	chmod 755 "$POLICY.part"
	mv "$POLICY.part" "$POLICY"
}

# allow_services: as before deny_services, of this process or of one that was killed.
allow_services() {
	local pid
	if grep -qs '^# Made by devcluster' "$POLICY"; then
		pid=$(sed -n 's|.* -d /proc/\([0-9]*\) .*|\1|p' "$POLICY")
		[[ $pid == "$BASHPID" || ! -d /proc/$pid ]] || return 0
		rm -f "$POLICY"
	fi
	[[ -e $POLICY || ! -e $POLICY_KEPT ]] || mv "$POLICY_KEPT" "$POLICY"
}

# lock FILE: one devcluster at a time; the lock ends with this process.
lock() {
	mkdir -p "$(dirname "$1")"
	exec {LOCK}>"$1"
	flock --nonblock "$LOCK" && return
	say "waiting for another devcluster command to end"
	flock "$LOCK"
}

unlock() {
	exec {LOCK}>&-
}
