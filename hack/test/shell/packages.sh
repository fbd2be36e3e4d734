# Debian packages: what is there is accepted, nothing is removed, and an interruption leaves nothing behind.
# shellcheck shell=bash

# apt_that PLAN: an apt-get that would do, and does, what the lines of PLAN say.
apt_that() {
	fake apt-get <<-SH
		case " \$* " in
		*" --simulate "*) printf '%b' '$1' ;;
		*" install "*) cat "$WORK/policy-rc.d" >"$WORK/policy-meanwhile"; touch "$WORK/installing"; ${2:-true} ;;
		esac
	SH
}

test_what_others_installed_is_accepted() {
	devcluster_parts
	fake docker-runc </dev/null
	touch "$WORK/bridge"
	apt_that ''
	install_packages runc:docker-runc "containernetworking-plugins:/nowhere/bridge:$WORK/bridge"
	is "apt is not asked" '' "$(cat "$CALLS")"
}

test_a_package_that_would_remove_another_is_refused_with_its_name() {
	devcluster_parts
	apt_that 'Inst runc (1.1)\nRemv docker-ce [5:27]\nRemv containerd.io [1.7]\n'
	said=$( (install_packages runc:no-such-runc) 2>&1) && exit 1
	has "the error" "to install runc apt would remove docker-ce containerd.io" "$said"
	grep -v -- --simulate "$CALLS" && exit 1
	[[ ! -e $WORK/policy-rc.d ]]
}

test_nothing_is_removed_between_the_look_and_the_installation() {
	devcluster_parts
	apt_that 'Inst runc (1.1)\n'
	install_packages runc:no-such-runc 2>/dev/null
	has "the call" "install --no-remove -y" "$(grep -v -- --simulate "$CALLS")"
	[[ ! -e $WORK/policy-rc.d ]]
}

test_every_installation_of_the_repository_says_no_remove() {
	local found
	found=$(git -C "$ROOT" grep -nE 'apt-get.* install ' -- hack .ci Makefile ':!hack/test/shell' |
		grep -vE -- '--no-remove|--simulate|"install it: |there is no apt-get' || true)
	is "calls that may remove" '' "$found"
}

test_services_are_denied_only_while_packages_are_installed() {
	devcluster_parts
	apt_that 'Inst runc (1.1)\n'
	printf '#!/bin/sh\nexit 7\n' >"$WORK/policy-rc.d"
	chmod +x "$WORK/policy-rc.d"
	install_packages runc:no-such-runc 2>/dev/null
	has "the policy meanwhile" "exit 101" "$(cat "$WORK/policy-meanwhile")"
	is "the policy after" "7" "$("$WORK/policy-rc.d" || echo $?)"
	is "files left" "policy-meanwhile policy-rc.d" "$(cd "$WORK" && echo policy*)"
}

# interrupted_install SIGNAL: while apt is at work.
interrupted_install() {
	apt_that 'Inst runc (1.1)\n' 'sleep 60'
	(
		devcluster_parts
		install_packages runc:no-such-runc
	) >/dev/null 2>&1 &
	local pid=$!
	eventually "apt is at work" test -e "$WORK/installing"
	kill "-$1" "$pid"
	wait "$pid" || true
}

test_an_interrupted_installation_leaves_no_policy() {
	printf '#!/bin/sh\nexit 7\n' >"$WORK/policy-rc.d"
	interrupted_install TERM
	is "the policy" "exit 7" "$(tail -n 1 "$WORK/policy-rc.d")"
	is "files left" "policy-meanwhile policy-rc.d" "$(cd "$WORK" && echo policy*)"
}

test_the_policy_of_a_killed_installation_denies_nothing_and_goes_with_the_next_command() {
	devcluster_parts
	printf '#!/bin/sh\nexit 7\n' >"$WORK/policy-rc.d"
	chmod +x "$WORK/policy-rc.d"
	# As a process leaves it that is killed at once.
	bash -c "$(declare -f deny_services allow_services); POLICY=$POLICY POLICY_KEPT=$POLICY_KEPT; deny_services"
	has "the policy" "Made by devcluster" "$(cat "$WORK/policy-rc.d")"
	is "its answer" "7" "$("$WORK/policy-rc.d" || echo $?)"
	install_packages bash:bash
	is "the policy after" "exit 7" "$(tail -n 1 "$WORK/policy-rc.d")"
	is "files left" "policy-rc.d" "$(cd "$WORK" && echo policy*)"
}

test_the_policy_of_an_installation_that_runs_stays() {
	devcluster_parts
	sleep 60 &
	printf '#!/bin/sh\n# Made by devcluster\n[ ! -d /proc/%s ] || exit 101\n' "$!" >"$WORK/policy-rc.d"
	allow_services
	[[ -e $WORK/policy-rc.d ]]
	kill "$!"
}
