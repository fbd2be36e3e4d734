# Ctrl-C, and whose the development cluster is.
# shellcheck shell=bash

test_an_interrupted_step_ends_only_when_it_has_cleaned_up() {
	cat >"$WORK/script" <<-SH
		source '$ROOT/hack/lib/steps.sh'
		work() {
			trap 'exit 143' TERM
			trap 'sleep 1; touch "$WORK/cleaned"' EXIT
			touch '$WORK/started'
			sleep 60
		}
		step '$WORK/log' working work
	SH
	bash "$WORK/script" 2>"$WORK/said" &
	eventually "the step starts" test -e "$WORK/started"
	kill -TERM $!
	wait $! && exit 1
	[[ -e $WORK/cleaned ]]
	has "what is said" "interrupted, ending: working" "$(cat "$WORK/said")"
}

# rung_of_e2e STATUS PROGRAM: the rung `e2e` on a machine whose cluster has that status; the tests are PROGRAM.
rung_of_e2e() {
	checkout hack/test/test hack/lib
	sed -i 's/^without_e2e() {$/without_e2e() { return/' "$WORK/root/hack/test/test"
	fake_devcluster "$1"
	script hack/images/build </dev/null
	script hack/test/e2e <<<"$2"
	"$WORK/root/hack/test/test" e2e >"$WORK/said" 2>&1
}

test_a_cluster_that_the_tests_made_goes_with_them() {
	rung_of_e2e 3 'exit 0'
	called "devcluster up"
	called "devcluster down"
}

test_it_goes_when_they_fail_too() {
	rung_of_e2e 3 'exit 1' && exit 1
	called "devcluster down"
}

test_it_goes_before_interrupted_tests_end() {
	rung_of_e2e 3 "touch '$WORK/testing'; sleep 60" &
	eventually "the tests run" test -e "$WORK/testing"
	kill -TERM "$(pgrep -f "^bash $WORK/root/hack/test/test|^/usr/bin/env bash $WORK/root/hack/test/test" | head -n 1)"
	wait $! && exit 1
	called "devcluster down"
}

test_a_cluster_that_is_not_ready_is_somebodys() {
	rung_of_e2e 1 'exit 0'
	called "devcluster up"
	not_called "devcluster down"
}

test_a_step_that_says_nothing_goes_on() {
	source "$ROOT/hack/lib/steps.sh"
	touch "$WORK/log"
	still_running building 20 "$WORK/log" 2>"$WORK/said"
	has "what is said" "building: 20 s, at:" "$(cat "$WORK/said")"
}
