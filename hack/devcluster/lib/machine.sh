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

# The packages of a node, each with a file that shows it is there.
# shellcheck disable=SC2034  # read by the other files
NODE_PACKAGES=(
	containerd:/usr/bin/containerd
	runc:/usr/sbin/runc
	containernetworking-plugins:/usr/lib/cni/bridge
	iptables:/usr/sbin/iptables
	iproute2:/usr/sbin/ip
	conntrack:/usr/sbin/conntrack
	ethtool:/usr/sbin/ethtool
	socat:/usr/bin/socat
	mount:/usr/bin/mount
	openssl:/usr/bin/openssl
	curl:/usr/bin/curl
	procps:/usr/bin/pkill
	ca-certificates:/etc/ssl/certs/ca-certificates.crt
)
# shellcheck disable=SC2034
IMAGE_PACKAGES=(debootstrap:/usr/sbin/debootstrap)

# install_packages PACKAGE:FILE...: those whose file is missing.
install_packages() {
	local entry missing=()
	for entry in "$@"; do
		[[ -e ${entry#*:} ]] || missing+=("${entry%%:*}")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || fail "missing: ${missing[*]}" \
		"there is no apt-get here; install them, each with these files:" "$*"
	long_step "$CACHE/log/packages.log" "installing ${missing[*]}" install_quietly "${missing[@]}"
}

# install_quietly PACKAGE...: no questions, and no service of the packages is
# started or enabled: the node runs its own containerd.
install_quietly() {
	local deny=/usr/sbin/policy-rc.d kept=''
	if [[ -e $deny ]]; then
		kept=$(mktemp "$deny.XXXXXX")
		mv "$deny" "$kept"
	fi
	printf '#!/bin/sh\nexit 101\n' >"$deny"
	chmod 755 "$deny"
	local status=0
	apt_install "$@" || { apt-get update && apt_install "$@"; } || status=$?
	rm -f "$deny"
	[[ -z $kept ]] || mv "$kept" "$deny"
	if [[ " $* " == *" containerd "* ]] && command -v systemctl >/dev/null; then
		systemctl disable containerd.service || true
	fi
	return "$status"
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
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
