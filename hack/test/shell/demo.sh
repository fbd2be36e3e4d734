# The demo: what it did not make stays.
# shellcheck shell=bash

# demo_checkout STATUS: a demo on a machine whose development cluster has that status. Objects are files in WORK/objects, their
# content who made them.
demo_checkout() {
	checkout hack/demo hack/lib samples crates/{raycluster,rayjob}-controller/Cargo.toml
	sed -i 's/((EUID == 0)) || fail/true || fail/' "$WORK/root/hack/demo/cluster.sh"
	mkdir -p "$WORK/objects" "$WORK/root/target/images"
	fake_devcluster "$1"
	script hack/images/build </dev/null
	script hack/images/load </dev/null
	script hack/charts/package <<<'echo chart.tgz'
	fake cargo </dev/null
	# No release is there, and every other command works.
	fake helm <<<'[[ " $* " != *" status "* ]]'
	fake kubectl <<-SH
		case " \$* " in
		*" annotate --local "*) echo "ray-demo/made-by: hack-demo" ;;
		*" apply "*)
			grep -q 'ray-demo/made-by: hack-demo' || exit 1
			echo hack-demo | tee '$WORK/objects/rayjob' >'$WORK/objects/configmap' ;;
		*" delete rayjob "*) rm -f '$WORK/objects/rayjob' ;;
		*" delete configmap "*) rm -f '$WORK/objects/configmap' ;;
		*jsonpath=rayjob*) echo "rayjob rayjob-sample SUCCEEDED Complete" ;;
		*" kube-system "*) cat '$WORK/kube-system' ;;
		*" get configmap "* | *" get rayjob "*)
			kind=rayjob
			[[ " \$* " != *" configmap "* ]] || kind=configmap
			[[ -e '$WORK/objects/'\$kind ]] || exit 1
			echo "name \$(cat '$WORK/objects/'\$kind)" ;;
		*" logs "*) echo "test_counter got 5" ;;
		esac
	SH
	echo uid-1 >"$WORK/kube-system"
	for name in raycluster-controller rayjob-controller; do
		echo tag >"$WORK/root/target/images/$name.tag"
	done
}

demo() { "$WORK/root/hack/demo/demo" "$1" >>"$WORK/said" 2>&1; }

test_a_cluster_that_the_demo_made_goes_with_it() {
	demo_checkout 3
	demo up
	demo down
	called "devcluster down"
}

test_a_cluster_that_was_not_ready_stays_and_what_the_demo_made_in_it_goes() {
	demo_checkout 1
	demo up
	demo down
	not_called "devcluster down"
	called "helm --kubeconfig $WORK/kubeconfig uninstall kuberay-operator"
	is "objects left" '' "$(ls "$WORK/objects")"
}

test_the_next_cluster_of_the_name_stays() {
	demo_checkout 3
	demo up
	"$WORK/root/hack/devcluster/devcluster" down
	"$WORK/root/hack/devcluster/devcluster" up
	: >"$CALLS"
	demo down
	not_called "devcluster down"
	not_called "helm"
	has "what is said" "this one is left as it is" "$(cat "$WORK/said")"
}

test_an_interrupted_start_is_removed() {
	demo_checkout 3
	fake cargo </dev/null
	script hack/images/load <<<'exit 1'
	demo up && exit 1
	demo down
	called "devcluster down"
}

test_a_config_map_of_the_samples_name_is_not_touched() {
	demo_checkout 0
	export DEMO_CONTEXT=mine DEMO_IMAGE_REPOSITORY=registry DEMO_IMAGE_TAG=tag
	echo '' >"$WORK/objects/configmap"
	demo up && exit 1
	has "what is said" "this demo did not make it: configmap/ray-job-code-sample" "$(cat "$WORK/said")"
	demo down
	not_called " apply "
	not_called "delete configmap"
	is "objects" configmap "$(ls "$WORK/objects")"
}

test_a_config_map_that_took_the_place_of_the_demos_stays() {
	demo_checkout 0
	export DEMO_CONTEXT=mine DEMO_IMAGE_REPOSITORY=registry DEMO_IMAGE_TAG=tag
	demo up
	echo '' >"$WORK/objects/configmap"
	demo down
	is "objects" configmap "$(ls "$WORK/objects")"
}

test_what_was_noted_of_a_cluster_does_not_hold_for_the_next_of_its_context() {
	demo_checkout 0
	export DEMO_CONTEXT=mine DEMO_IMAGE_REPOSITORY=registry DEMO_IMAGE_TAG=tag
	demo up
	echo uid-2 >"$WORK/kube-system"
	: >"$CALLS"
	demo down
	not_called helm
	not_called delete
}
