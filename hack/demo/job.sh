# The sample job: what becomes of it, or why nothing does. Sourced by `demo`.
# shellcheck shell=bash
# shellcheck disable=SC2153  # the variables of `demo`

# marked KIND NAME: who made it, `-` for a stranger; nothing when it is not there.
marked() {
	k get "$1" "$2" -n "$NAMESPACE" -o "jsonpath={.metadata.name} {.metadata.annotations['$MARK']}" 2>/dev/null |
		awk 'NF { print (NF > 1 ? $2 : "-") }'
}

# strangers: objects with the names of the sample's that somebody else made.
strangers() {
	local object
	for object in "${OBJECTS[@]}"; do
		# shellcheck disable=SC2086  # kind and name
		[[ $(marked $object) != - ]] || printf '%s ' "${object/ //}"
	done
}

run_job() {
	k delete rayjob "$JOB" -n "$NAMESPACE" --ignore-not-found --cascade=foreground >/dev/null
	say "kubectl apply -f ${SAMPLE#"$ROOT"/}"
	kubectl annotate --local -f "$SAMPLE" "$MARK=hack-demo" -o yaml | k apply -n "$NAMESPACE" -f -
	watch_job || { explain_job; fail "the job did not succeed"; }
	echo
	echo "\$ kubectl get rayjob $JOB"
	k get rayjob "$JOB" -n "$NAMESPACE"
	echo
	echo "\$ kubectl logs job/$JOB"
	k logs "job/$JOB" -n "$NAMESPACE" | tee "$STATE/job.log"
	grep -q 'test_counter got 5' "$STATE/job.log" || fail "the job's log lacks 'test_counter got 5'"
}

# remove_job: what the demo made, and nothing else of these names.
remove_job() {
	local object
	for object in "${OBJECTS[@]}"; do
		# shellcheck disable=SC2086  # kind and name
		if [[ $(marked $object) == hack-demo ]]; then
			k delete $object -n "$NAMESPACE" --ignore-not-found --cascade=foreground
		fi
	done
}

# watch_job: tells every change until the job ends; false when it fails or the time is over.
watch_job() {
	local began=$SECONDS told=$SECONDS line key now
	declare -A before=()
	while :; do
		now=$(job_state || echo "rayjob $JOB not readable")
		while read -r line; do
			key=$(cut -d ' ' -f 1,2 <<<"$line")
			if [[ -n $line && ${before[$key]:-} != "$line" ]]; then
				before[$key]=$line
				told=$SECONDS
				printf '[%4ds]   %-8s %-44s %s\n' "$SECONDS" "${line%% *}" "$(cut -d ' ' -f 2 <<<"$line")" "$(cut -d ' ' -f 3- <<<"$line")" >&2
			fi
		done <<<"$now"
		case ${now%%$'\n'*} in
		"rayjob $JOB SUCCEEDED Complete"*)
			say "the job succeeded after $((SECONDS - began)) s"
			return ;;
		"rayjob $JOB "*Failed*) return 1 ;;
		esac
		if ((SECONDS - began >= TIMEOUT)); then
			say "gave up after $TIMEOUT s (DEMO_TIMEOUT)"
			return 1
		fi
		if ((SECONDS - told >= 20)); then
			told=$SECONDS
			say "  ... still waiting, $((SECONDS - began)) s since the job was applied"
		fi
		sleep 1
	done
}

# job_state: a line each for the job and its pods: kind, name, state.
job_state() {
	k get rayjob "$JOB" -n "$NAMESPACE" -o jsonpath='rayjob {.metadata.name} {.status.jobStatus} {.status.jobDeploymentStatus}{"\n"}'
	k get pods -n "$NAMESPACE" --no-headers 2>/dev/null | awk -v job="$JOB-" 'index($1, job) == 1 { print "pod", $1, $2, $3 }'
}

explain_job() {
	local pod
	{
		echo
		k get rayjob "$JOB" -n "$NAMESPACE" -o jsonpath='status: {.status.jobDeploymentStatus} {.status.jobStatus}{"\n"}reason: {.status.reason}{"\n"}message: {.status.message}{"\n"}'
		echo
		k get pods -n "$NAMESPACE" -o wide
		echo
		k get events -n "$NAMESPACE" --sort-by=.lastTimestamp | tail -n 25
		for pod in $(k get pods -n "$NAMESPACE" -o name); do
			printf '\n--- last lines of %s\n' "$pod"
			k logs "$pod" -n "$NAMESPACE" --all-containers --tail=15
		done
	} >&2 || true
	explain_controllers
}

explain_controllers() {
	{
		echo
		k get pods -n "$RELEASE_NAMESPACE" -o wide
		k get events -n "$RELEASE_NAMESPACE" --sort-by=.lastTimestamp | tail -n 10
		printf '\n--- last lines of the controllers\n'
		k logs -n "$RELEASE_NAMESPACE" -l app.kubernetes.io/name=kuberay-operator --prefix --tail=20
	} >&2 || true
}
