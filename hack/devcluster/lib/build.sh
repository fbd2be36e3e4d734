# The programs, built from Go modules and cached by what they are made of.
# shellcheck shell=bash

# content_key FILE...: a hash of standard input, of the files' content and of
# this machine's kind.
content_key() {
	{ echo "$ARCHITECTURE"; cat - "$@"; } | sha256sum | cut -c 1-16
}

tools_key() {
	local go=$DEVCLUSTER_HOME/go
	declare -f build_tools go_build version_flags |
		content_key "$go"/go.{mod,sum} "$go"/*/go.{mod,sum} "$go"/*/*.go
}

# tools_up: sets BIN to the directory of the programs and builds it first if need be.
tools_up() {
	BIN=$CACHE/tools/$(tools_key)
	export BIN
	[[ -x $BIN/hyperkube ]] && return
	mkdir -p "$CACHE" || fail "cannot write to the cache $CACHE" "set DEVCLUSTER_CACHE"
	lock "$CACHE/lock"
	if [[ ! -x $BIN/hyperkube ]]; then
		rm -rf "$CACHE"/tools/*.part
		check_disk "$CACHE" 6
		find_go
		long_step "$CACHE/log/build.log" \
			"building Kubernetes $KUBERNETES_VERSION and its tools (10 to 25 minutes the first time)" build_tools
		say "built in $BIN"
	fi
	unlock
}

# find_go: sets GO to the machine's Go, or to one from the module proxy.
find_go() {
	local wanted have
	wanted=$(awk '$1 == "go" { print $2; exit }' "$DEVCLUSTER_HOME/go/go.mod")
	if command -v go >/dev/null; then
		have=$(GOTOOLCHAIN=local go env GOVERSION)
		have=${have#go}
		if [[ $(printf '%s\n' "$wanted" "${have%% *}" | sort -V | head -n 1) == "$wanted" ]]; then
			GO=$(command -v go)
			return
		fi
		say "the machine's Go is $have, this needs $wanted"
	fi
	fetch_go
}

# fetch_go: Go itself is a module too, with a sum that is pinned in settings.sh. The default of GOPROXY is the go command's
# own, which a machine without it cannot be asked for.
fetch_go() {
	local name=v0.0.1-go$GO_TOOLCHAIN_VERSION.linux-$ARCHITECTURE
	local directory=$CACHE/go/$name
	GO=$directory/bin/go
	[[ -x $GO ]] && return
	need_command curl curl
	need_command unzip unzip
	local proxy=${GOPROXY:-https://proxy.golang.org} sum=GO_TOOLCHAIN_SHA256_$ARCHITECTURE
	proxy=${proxy%%[,|]*}
	[[ $proxy == http* ]] || fail "Go is missing and GOPROXY=$GOPROXY offers none" "install Go"
	mkdir -p "$CACHE/go"
	long_step "$CACHE/log/go.log" "fetching Go $GO_TOOLCHAIN_VERSION" \
		curl -fsSL --retry 3 -o "$directory.zip" "$proxy/golang.org/toolchain/@v/$name.zip"
	sha256sum --check --quiet <<<"${!sum}  $directory.zip" || fail "the sum of Go's archive is wrong"
	rm -rf "$directory.part"
	unzip -q "$directory.zip" -d "$directory.part"
	mv "$directory.part/golang.org/toolchain@$name" "$directory"
	chmod -R u+x "$directory/bin" "$directory/pkg/tool"
	rm -rf "$directory.zip" "$directory.part"
}

# build_tools: into a directory of its own that gets its name when complete.
build_tools() {
	local part=$BIN.part program
	mkdir -p "$part"
	export CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-mod=readonly GOWORK=off GOOS=linux GOARCH=$ARCHITECTURE
	# One call for all that shares the Kubernetes libraries.
	go_build "$DEVCLUSTER_HOME/go" "$part" ./hyperkube ./coredns ./pause helm.sh/helm/v3/cmd/helm
	go_build "$DEVCLUSTER_HOME/go/kwok" "$part" sigs.k8s.io/kwok/cmd/kwok
	for program in etcd kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubectl kubelet; do
		ln -s hyperkube "$part/$program"
	done
	rm -rf "$BIN"
	mv "$part" "$BIN"
}

# go_build MODULE OUT PACKAGE...: with -v, a line of progress for each package.
go_build() {
	local module=$1 out=$2
	shift 2
	nice -n 5 "$GO" -C "$module" build -v -trimpath -ldflags="-s -w $(version_flags)" -o "$out/" "$@"
}

# version_flags: what `kubectl version`, `helm version` and /version answer.
version_flags() {
	local package minor=${KUBERNETES_VERSION#v1.}
	for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- '-X %s.gitVersion=%s ' "$package" "$KUBERNETES_VERSION"
		printf -- '-X %s.gitMajor=1 -X %s.gitMinor=%s ' "$package" "$package" "${minor%%.*}"
		printf -- '-X %s.gitTreeState=clean ' "$package"
	done
	printf -- '-X helm.sh/helm/v3/internal/version.version=%s' "$HELM_VERSION"
}
