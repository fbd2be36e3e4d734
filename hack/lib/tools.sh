# Helm and kubectl, of the versions that the development cluster pins. Sourced by bash.
# shellcheck shell=bash

# find_tools: puts them in front of PATH, and builds them first if need be.
find_tools() {
	local directory
	directory=$("$ROOT/hack/devcluster/devcluster" tools) || return
	PATH=$directory:$PATH
	export PATH
}

# find_helm: $HELM wins, so that another version can be tried.
find_helm() {
	[[ -n ${HELM:-} ]] && return
	find_tools || return
	HELM=$(command -v helm)
	export HELM
}
