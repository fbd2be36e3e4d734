# Everything that a person or a CI system runs. Targets call cargo, xtask or a script in hack/; `make` alone lists them.
# The versions of Kubernetes, etcd, Helm and kwok are in hack/devcluster/go/go.mod, Ray's in hack/devcluster/lib/settings.sh.
CARGO_DENY_VERSION := 0.20.2

.DEFAULT_GOAL := help

##@ See it run
demo: ## Kubernetes, Ray and the controllers on this machine (Debian, root), and a job; DEMO_CONTEXT=name for a cluster of yours
	hack/demo/demo up
demo-down: ## Remove what the demo made
	hack/demo/demo down

##@ Develop
build: ## Build everything
	cargo build --workspace --all-targets --locked
fmt: ## Format
	cargo fmt --all
lint: ## Format check, clippy and shellcheck
	hack/test/test fmt clippy shell
unit: ## Tests without a cluster
	hack/test/test unit
sim: ## Scenarios of the simulator under a share of the single faults, and some mixtures of them, in ten minutes
	hack/test/test sim
sim-long: ## The same under every single fault, and a thousand mixtures for each scenario
	SIM_RUNS=all SIM_SEEDS=1000 hack/test/test sim
apiserver-test: ## Tests on a real API server
	hack/test/test apiserver
e2e: ## All tests with real Ray on the development cluster
	E2E_ALL=1 hack/test/test e2e
test: ## All of it; RUNGS="unit charts" for some of it
	hack/test/test $(RUNGS)
bench: ## Measure speed and cost on fake nodes; BENCH="clusters --clusters=100 --against=BINARY" for more, --help lists it
	hack/bench/bench $(BENCH)
hostile: ## A tenant that writes whatever the API server takes, beside one that must be served: two hours; HOSTILE="--inputs=400" for less
	hack/hostile/hostile $(or $(HOSTILE),--inputs=20000 --alone=120 --demand-times)
deny: ## Licences, duplicates and sources of the dependencies
	hack/test/deny $(CARGO_DENY_VERSION)

##@ Generated files
generate: ## Write the definitions, the charts' copies and rendered cases
	cargo xtask generate crds
	hack/charts/generate
verify: ## Fail when one of them is not up to date
	cargo xtask verify crds
	hack/charts/generate --check

##@ Ship
images: ## Build the controllers' images into target/images, without Docker
	hack/images/build
load: images ## Load them into the development cluster
	hack/images/load
chart: ## Pack the charts into target/charts
	hack/charts/package
chart-lint: ## Lint and render the charts
	hack/charts/check

##@ A cluster to work on
devcluster: ## Start real Kubernetes on this machine (Debian, root); prints the kubeconfig's path
	hack/devcluster/devcluster up
devcluster-down: ## Remove it
	hack/devcluster/devcluster down

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

.PHONY: $(shell sed -n 's/^\([a-z0-9-]*\):.*/\1/p' Makefile)
