# `devcluster redis-image`: an image of Redis for Ray clusters that keep their state there, from Debian's package.
# shellcheck shell=bash

# The tools alone: the package of the server would add a service to this machine.
REDIS_PACKAGES=(redis-tools:/usr/bin/redis-check-rdb)
REDIS_IMAGE=ray-devcluster/redis:7

redis_image_command() {
	check_root redis-image
	cluster_instance
	is_running containerd || fail "the cluster does not run" "devcluster up"
	install_packages "${REDIS_PACKAGES[@]}"
	local work
	work=$(mktemp -d)
	on_exit rm -rf "$work"
	mkdir -p "$work/root/data" "$work/image"
	# The server is the program that checks its files, called by another name.
	add_program /usr/bin/redis-check-rdb "$work/root/usr/bin/redis-server"
	add_program /usr/bin/redis-cli "$work/root/usr/bin/redis-cli"
	chmod -R u=rwX,go=rX "$work/root"
	printf '{"User":"65534:65534","WorkingDir":"/data","Entrypoint":["/usr/bin/redis-server"],"Env":["PATH=/usr/bin"]}' >"$work/config.json"
	layer "$work/root" "$work/layer"
	describe "$REDIS_IMAGE" "$work/image" "$work/config.json" "$work/layer"
	load_archive "$(<"$work/image/manifest.json")" archive "$work/image"
	say "Redis is loaded: $REDIS_IMAGE"
}

# add_program PROGRAM DESTINATION: with the libraries that it loads. DESTINATION is below $work/root.
add_program() {
	local library
	install -D -m 755 "$1" "$2"
	ldd "$1" | grep -oE '/[^ ]+' | while read -r library; do
		install -D -m 755 "$(readlink -f "$library")" "$work/root$library"
	done
}
