# `devcluster ray-image`: the image of Ray, in layers that are cached apart: the
# Debian base, Ray of one version, and what this machine trusts.
# shellcheck shell=bash

# What Ray's own images offer that Kubernetes and jobs use, and a compiler for
# the Python packages of a job that come as source.
RAY_BASE_PACKAGES=(
	bash ca-certificates curl gcc libc6-dev openssl procps
	python3 python3-dev python3-venv wget
)
# Where Ray's own images have it.
RAY_ENVIRONMENT=/home/ray/anaconda3

ray_image_command() {
	check_root ray-image
	cluster_instance
	is_running containerd || fail "the cluster does not run" "devcluster up"
	install_packages "${IMAGE_PACKAGES[@]}"
	mkdir -p "$CACHE/layers"
	lock "$CACHE/layers/lock"
	local base trust ray names=rayproject/ray:$RAY_VERSION,rayproject/ray:$RAY_VERSION-py311-cpu
	trust_layer
	base_layer
	ray_layer
	unlock
	# The name that the samples use.
	[[ $RAY_VERSION != "$RAY_DEFAULT_VERSION" ]] || names+=,rayproject/ray:latest-py311-cpu
	local work
	work=$(mktemp -d)
	on_exit rm -rf "$work"
	describe "$names" "$work" <(ray_config) "$base" "$ray" "$trust"
	load_archive "$(<"$work/manifest.json")" archive "$work"
	say "Ray $RAY_VERSION is loaded: ${names//,/ }"
}

ray_config() {
	local trusted=''
	# Python itself reads no bundle of certificates unless told.
	[[ -z $(machine_pip_config) ]] ||
		trusted=',"SSL_CERT_FILE='$BUNDLE'","REQUESTS_CA_BUNDLE='$BUNDLE'"'
	cat <<-JSON
		{"User":"1000:100","WorkingDir":"/home/ray","Cmd":["/bin/bash"],"Env":[
		"PATH=$RAY_ENVIRONMENT/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/home/ray","LANG=C.UTF-8","RAY_USAGE_STATS_ENABLED=0"$trusted]}
	JSON
}

# save_layer FILE DIRECTORY [TAR-OPTION...]: with its sum, under its final name
# only when complete.
save_layer() {
	local file=$1
	shift
	layer "$1" "$file.part" "${@:2}"
	sum_of "$file.part" >"$file.sum"
	mv "$file.part" "$file"
}

# base_layer: sets `base`.
base_layer() {
	local key
	key=$(declare -f build_base in_root compile_python | content_key <(echo "$DEBIAN_RELEASE" "${RAY_BASE_PACKAGES[@]}"))
	base=$CACHE/layers/base-$key.tar
	[[ -f $base ]] && return
	check_disk "$CACHE" 6
	long_step "$CACHE/log/base.log" "building the Debian layer of the Ray image (about 2 minutes)" build_base
}

build_base() {
	local root packages IFS=,
	root=$(mktemp -d "$CACHE/layers/root.XXXXXX")
	packages="${RAY_BASE_PACKAGES[*]}"
	unset IFS
	chmod 755 "$root"
	# A mount namespace takes along whatever debootstrap mounts.
	unshare --mount debootstrap --variant=minbase --include="$packages" "$DEBIAN_RELEASE" "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"}
	in_root "$root" useradd --uid 1000 --gid 100 --create-home --shell /bin/bash ray
	rm -rf "$root"/var/{cache/apt,lib/apt/lists,log}/* "$root"/usr/share/{doc,man,info,locale,lintian}/*
	rm -f "$root"/etc/{machine-id,hostname,resolv.conf}
	compile_python "$root" /usr/lib/python3 /usr/lib/python3.11
	save_layer "$base" "$root"
	rm -rf "$root"
}

# ray_layer: sets `ray`. A file ray/VERSION.txt pins what Ray depends on.
ray_layer() {
	local key pins=$DEVCLUSTER_HOME/ray/$RAY_VERSION.txt
	[[ -f $pins ]] || pins=/dev/null
	key=$(declare -f build_ray in_root compile_python | content_key "$pins" <(echo "$RAY_VERSION" "$base"))
	ray=$CACHE/layers/ray-$RAY_VERSION-$key.tar
	[[ -f $ray ]] && return
	check_disk "$CACHE" 6
	long_step "$CACHE/log/ray.log" "building the layer of Ray $RAY_VERSION (about 2 minutes)" build_ray "$pins"
}

build_ray() {
	local root pip
	root=$(mktemp -d "$CACHE/layers/root.XXXXXX")
	chmod 755 "$root"
	tar --extract --file="$base" --directory="$root"
	tar --extract --file="$trust" --directory="$root"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	cp "$1" "$root/tmp/pins.txt"
	pip=(env -u PIP_FIND_LINKS "PIP_CERT=$BUNDLE" "$RAY_ENVIRONMENT/bin/pip" install --no-cache-dir --no-compile --constraint /tmp/pins.txt)
	in_root "$root" python3 -m venv "$RAY_ENVIRONMENT"
	# With wheel there, a job's source packages are built the modern way.
	in_root "$root" "${pip[@]}" wheel setuptools "ray[default,serve]==$RAY_VERSION"
	in_root "$root" "$RAY_ENVIRONMENT/bin/pip" freeze --all
	compile_python "$root" "$RAY_ENVIRONMENT"
	in_root "$root" chown -R 1000:100 /home/ray
	mkdir "$root/only"
	mv "$root/home" "$root/only/home"
	save_layer "$ray" "$root/only"
	rm -rf "$root"
}

# in_root ROOT COMMAND...: with /proc and /dev/shm, which are gone again after.
in_root() {
	local root=$1
	shift
	# shellcheck disable=SC2016  # expanded by the inner shell
	unshare --mount bash -ec '
		mount -t proc proc "$0/proc"
		mkdir -p "$0/dev/shm" && mount -t tmpfs tmpfs "$0/dev/shm"
		exec chroot "$0" "$@"' "$root" "$@"
}

# compile_python ROOT DIRECTORY...: compiled files record the time of their
# source, and every file of a packed image has the same.
compile_python() {
	local root=$1
	shift
	in_root "$root" find "$@" -name '*.py' -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
	# Some packages ship files that are not meant for this Python.
	in_root "$root" python3 -m compileall -q -f -j 0 "$@" || true
}

BUNDLE=/etc/ssl/certs/ca-certificates.crt

# trust_layer: sets `trust`: the certificates and the package index that pip on
# this machine needs, a pod needs too. An empty layer when there are none.
trust_layer() {
	local bundle=${PIP_CERT:-${SSL_CERT_FILE:-$BUNDLE}} key config root
	config=$(machine_pip_config)
	key=$(content_key "$bundle" <<<"$config")
	trust=$CACHE/layers/trust-$key.tar
	[[ -f $trust ]] && return
	root=$(mktemp -d)
	if [[ -n $config ]]; then
		mkdir -p "$root/etc/ssl/certs"
		cp "$bundle" "$root$BUNDLE"
		echo "$config" >"$root/etc/pip.conf"
	fi
	chmod -R u=rwX,go=rX "$root"
	save_layer "$trust" "$root"
	rm -rf "$root"
}

# machine_pip_config: a pip.conf when this machine's pip is not as installed.
machine_pip_config() {
	local option variable value found=''
	for option in index-url extra-index-url trusted-host; do
		variable=${option^^}
		variable=PIP_${variable//-/_}
		value=${!variable:-$(sed -n "s/^$option *= *//p" /etc/pip.conf 2>/dev/null || true)}
		[[ -z $value ]] || found+="$option = $value"$'\n'
	done
	if [[ -n ${PIP_CERT:-} ]] || grep -qs '^cert *=' /etc/pip.conf || compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
		found+="cert = $BUNDLE"$'\n'
	fi
	[[ -z $found ]] || printf '[global]\n%s' "$found"
}
