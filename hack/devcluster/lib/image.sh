# Images without Docker: root file systems packed as docker archives, the same
# bytes for the same content, and archives loaded into the node's containerd.
# shellcheck shell=bash

# layer DIRECTORY OUT.tar [TAR-OPTION...]
layer() {
	local directory=$1 out=$2
	shift 2
	tar --create --file="$out" --directory="$directory" \
		--sort=name --format=gnu --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		--anchored --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' "$@" .
}

# describe NAME[,NAME...] WORK CONFIG.json LAYER.tar...: makes in the directory
# WORK what a docker archive holds, its layers as links. CONFIG.json is the
# `config` of the image (Env, User, WorkingDir, Entrypoint, ...); it may be ''.
describe() {
	local names=$1 work=$2 config='{}' name='[a-z0-9._/:-]+:[A-Za-z0-9._-]+' time file sum sums=() files=()
	[[ $names =~ ^$name(,$name)*$ ]] || fail "not a list of NAME:TAG with commas: $names"
	[[ -z $3 ]] || config=$(<"$3")
	shift 3
	for file in "$@"; do
		sum=$(sum_of "$file")
		ln -sf "$(realpath "$file")" "$work/$sum.tar"
		sums+=("\"sha256:$sum\"") files+=("\"$sum.tar\"")
	done
	time=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%FT%TZ)
	printf '{"architecture":"%s","os":"linux","created":"%s","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$ARCHITECTURE" "$time" "$config" "$(joined "${sums[@]}")" >"$work/config"
	sum=$(sum_of "$work/config")
	mv "$work/config" "$work/$sum.json"
	printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":[%s]}]' \
		"$sum" "${names//,/\",\"}" "$(joined "${files[@]}")" >"$work/manifest.json"
}

# archive WORK: what was described there, on standard output. The manifest comes
# first: who only wants the names need not read it all.
archive() {
	(
		cd "$1" || exit
		tar --create --dereference --format=gnu --owner=0 --group=0 --numeric-owner --mode=644 \
			--mtime="@$SOURCE_DATE_EPOCH" manifest.json [0-9a-f]*.json ./*.tar
	)
}

# sum_of FILE: kept next to a layer in the cache, which never changes.
sum_of() {
	local sum
	if [[ -f $1.sum ]]; then
		cat "$1.sum"
	else
		sum=$(sha256sum <"$1")
		echo "${sum%% *}"
	fi
}

joined() {
	local IFS=,
	echo "$*"
}

# pack_command DIR NAME[,NAME...] OUT.tar [CONFIG.json]
pack_command() {
	(($# == 3 || $# == 4)) || fail 'usage: devcluster pack DIR NAME[,NAME...] OUT.tar [CONFIG.json]'
	[[ -d $1 ]] || fail "not a directory: $1"
	local work
	work=$(mktemp -d "$(dirname "$3")/.pack.XXXXXX")
	on_exit rm -rf "$work"
	layer "$1" "$work/layer"
	describe "$2" "$work" "${4:-}" "$work/layer"
	archive "$work" >"$work/archive"
	mv "$work/archive" "$3"
	say "packed $2 in $3 ($(du -h --apparent-size "$3" | cut -f 1))"
}

# load_command IMAGE.tar...
load_command() {
	(($#)) || fail 'usage: devcluster load IMAGE.tar...'
	check_root load
	cluster_instance
	is_running containerd || fail "the cluster does not run" "devcluster up"
	local file
	for file in "$@"; do
		load_image "$file"
	done
}

# load_image IMAGE.tar
load_image() {
	[[ -f $1 ]] || fail "no such file: $1"
	local manifest
	manifest=$(tar --extract --to-stdout --occurrence=1 --file="$1" manifest.json) || fail "not a docker archive: $1"
	load_archive "$manifest" cat "$1"
}

# load_archive MANIFEST COMMAND...: the archive is what the command writes.
# Nothing to do when each of its names is this image already.
load_archive() {
	local manifest=$1 sum names name
	shift
	sum=$(grep -o '"Config":"[^"]*"' <<<"$manifest" | grep -oE '[0-9a-f]{64}')
	names=$(sed 's/.*"RepoTags":\[\([^]]*\)\].*/\1/; s/[",]/ /g' <<<"$manifest")
	for name in $names; do
		has_image "$name" "$sum" && continue
		say "loading$names"
		"$@" | container_tool images import - >"$LOGS/load.log" 2>&1 ||
			fail "cannot load $name: $(tail -n 1 "$LOGS/load.log")"
		return
	done
}

# has_image NAME SUM: the sum of its configuration is what an image is.
has_image() {
	local digest
	digest=$(container_tool images ls "name==$(full_name "$1")" | awk 'NR == 2 { print $3 }')
	[[ -n $digest ]] && container_tool content get "$digest" | grep -q "sha256:$2"
}

# full_name NAME: as containerd keeps it.
full_name() {
	case ${1%%/*} in
	*.* | *:* | localhost) [[ $1 == */* ]] && echo "$1" && return ;;
	esac
	[[ $1 == */* ]] && echo "docker.io/$1" || echo "docker.io/library/$1"
}

# load_pause: the image that holds a pod's namespaces.
load_pause() {
	local work
	work=$(mktemp -d)
	on_exit rm -rf "$work"
	mkdir "$work/root" "$work/image"
	cp "$BIN/pause" "$work/root/pause"
	printf '{"Entrypoint":["/pause"],"User":"65535:65535"}' >"$work/config.json"
	layer "$work/root" "$work/layer"
	describe "$PAUSE_IMAGE" "$work/image" "$work/config.json" "$work/layer"
	load_archive "$(<"$work/image/manifest.json")" archive "$work/image"
}
