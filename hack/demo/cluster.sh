# The cluster of the demo and the images on it. Sourced by `demo`.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2153  # shares the variables of `demo`

DEVCLUSTER=$ROOT/hack/devcluster/devcluster

# find_cluster: decides which. A KUBECONFIG that happens to be set never does.
find_cluster() {
	if [[ -n ${DEMO_CONTEXT:-} ]]; then
		KUBE=(--context "$DEMO_CONTEXT") HELM_KUBE=(--kube-context "$DEMO_CONTEXT")
		REPOSITORY=${DEMO_IMAGE_REPOSITORY:-localhost}
	else
		((EUID == 0)) || fail "the demo starts a Kubernetes of its own and needs root for it" \
			"or name a context of your kubeconfig: DEMO_CONTEXT=... make demo"
		[[ $(uname -s) == Linux ]] || fail "the demo's own Kubernetes needs Linux" "DEMO_CONTEXT=... make demo"
		KUBE=(--kubeconfig "$("$DEVCLUSTER" kubeconfig)") HELM_KUBE=("${KUBE[@]}")
		REPOSITORY=localhost
	fi
	find_tools
}

k() { kubectl "${KUBE[@]}" "$@"; }
h() { helm "${HELM_KUBE[@]}" "$@"; }

build_images() {
	[[ -n ${DEMO_IMAGE_REPOSITORY:-} ]] || "$ROOT/hack/images/build"
}

tag_of() {
	if [[ -n ${DEMO_IMAGE_REPOSITORY:-} ]]; then
		echo "${DEMO_IMAGE_TAG:?names the tag of the images in DEMO_IMAGE_REPOSITORY}"
	else
		cat "$ROOT/target/images/$1.tag"
	fi
}

start_cluster() {
	if [[ -n ${DEMO_CONTEXT:-} ]]; then
		k get namespace "$NAMESPACE" >/dev/null || fail "the cluster of DEMO_CONTEXT=$DEMO_CONTEXT does not answer"
		remember_cluster
		load_elsewhere
		return
	fi
	is_the_cluster || forget
	if there_is_none; then
		note cluster
	fi
	"$DEVCLUSTER" up >/dev/null
	remember_cluster
	"$DEVCLUSTER" ray-image
	"$ROOT/hack/images/load"
}

# there_is_none: one that is not ready is somebody's, too.
there_is_none() {
	local code=0
	"$DEVCLUSTER" status >/dev/null 2>&1 || code=$?
	((code == 3))
}

# identity: of the cluster, as long as it lives; nothing while there is none.
identity() {
	if [[ -n ${DEMO_CONTEXT:-} ]]; then
		k get namespace kube-system -o 'jsonpath={.metadata.uid}' 2>/dev/null || true
	else
		sed -n 's/^ *certificate-authority-data: //p' "$("$DEVCLUSTER" kubeconfig)" 2>/dev/null | sha256sum | cut -c 1-16
	fi
}

# What this demo noted of a cluster does not hold for the next one of its name.
remember_cluster() {
	is_the_cluster || forget
	identity >"$STATE/identity"
}

# is_the_cluster: also while nothing is known of it yet.
is_the_cluster() { [[ ! -s $STATE/identity || $(<"$STATE/identity") == "$(identity)" ]]; }

# load_elsewhere: clusters of kind and k3d take archives; all others pull.
load_elsewhere() {
	[[ -z ${DEMO_IMAGE_REPOSITORY:-} ]] || return 0
	local name
	for name in "${CONTROLLERS[@]}"; do
		case $DEMO_CONTEXT in
		kind-*) kind load image-archive "$ROOT/target/images/$name.tar" --name "${DEMO_CONTEXT#kind-}" ;;
		k3d-*) k3d image import "$ROOT/target/images/$name.tar" --cluster "${DEMO_CONTEXT#k3d-}" ;;
		*) fail "the cluster of $DEMO_CONTEXT cannot get the images from here" \
			"push them (deploy/Containerfile), then: DEMO_IMAGE_REPOSITORY=registry/path DEMO_IMAGE_TAG=... make demo" ;;
		esac
	done
}

# refuse_strangers: two operators on one API, or objects with the names of the sample's, are not ours to touch.
refuse_strangers() {
	local others
	others=$(k get deployments -A -l app.kubernetes.io/name=kuberay-operator --no-headers \
		-o custom-columns=N:.metadata.namespace,D:.metadata.name | grep -v "^$RELEASE_NAMESPACE " || true)
	[[ -z $others ]] || fail "operators for Ray run here already, and both would act:" "$others"
	if ! made release && h status "$RELEASE" -n "$RELEASE_NAMESPACE" >/dev/null 2>&1; then
		fail "there is a Helm release $RELEASE in $RELEASE_NAMESPACE that this demo did not make" \
			"remove it: helm uninstall $RELEASE -n $RELEASE_NAMESPACE"
	fi
	others=$(strangers)
	[[ -z $others ]] || fail "in the namespace $NAMESPACE there is, and this demo did not make it: $others" \
		"DEMO_NAMESPACE=... make demo"
}

stop_cluster() {
	if made cluster; then
		"$DEVCLUSTER" down
	fi
}

how_to_reach() {
	if [[ -n ${DEMO_CONTEXT:-} ]]; then
		echo "  kubectl config use-context $DEMO_CONTEXT"
	else
		echo "  export KUBECONFIG=$("$DEVCLUSTER" kubeconfig) PATH=$("$DEVCLUSTER" tools):\$PATH"
	fi
}
