# `devcluster kwok`: fake nodes, on which pods become Ready at once.
# shellcheck shell=bash

# kwok_command N [--dir DIR]: on the one-node cluster, or on an API server alone.
kwok_command() {
	local usage='usage: devcluster kwok N [--dir DIR]' count=${1:-}
	[[ $count =~ ^[0-9]+$ ]] || fail "how many nodes?" "$usage"
	shift
	case ${1:-} in
	--dir)
		[[ -d ${2:-} ]] || fail "not a directory: ${2:-}" "$usage"
		apiserver_instance "$(cd "$2" && pwd)"
		;;
	'') cluster_instance ;;
	*) fail "unknown option $1" "$usage" ;;
	esac
	is_running kube-apiserver || fail "no API server runs in $STATE"
	is_running kube-scheduler || fail "no scheduler runs in $STATE" "devcluster apiserver up --dir $STATE --scheduler"
	tools_up
	kwok_nodes "$count"
}

# kwok_nodes N: makes exactly N of them, and starts or stops kwok itself.
kwok_nodes() {
	local count=$1 have number
	# The name tells kwok's own calls apart in the audit log.
	user kwok /O=system:masters/CN=kwok
	have=$(kubectl get nodes -l type=kwok -o name | wc -l)
	for ((number = have - 1; number >= count; number--)); do
		echo "node/kwok-$number"
	done | xargs -r -n 100 env "KUBECACHEDIR=$RUN/kubectl-cache" "$BIN/kubectl" --kubeconfig="$KUBECONFIG_FILE" \
		delete --wait=false >/dev/null
	if ((count == 0)); then
		stop kwok
		return
	fi
	kwok_spares_namesakes | kubectl apply -f - >/dev/null
	# Leases keep the nodes alive at a hundredth of the writes of their status.
	start kwok "$BIN/kwok" --kubeconfig="$STATE/kwok.kubeconfig" \
		--manage-all-nodes=false --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake \
		--node-lease-duration-seconds=200 --v=WARN --cidr="$KWOK_POD_CIDR"
	((have >= count)) || for ((number = have; number < count; number++)); do
		kwok_node "kwok-$number"
	done | kubectl create -f - >/dev/null
	wait_running 120 "$count fake nodes to be Ready" kwok kwok_ready "$count"
	say "$count fake nodes are Ready"
}

# kwok_spares_namesakes: kwok deletes by name, where a kubelet says which pod it means. When it is late, the next pod of
# that name has come meanwhile, and would be gone without a reason.
kwok_spares_namesakes() {
	cat <<-YAML
		---
		apiVersion: admissionregistration.k8s.io/v1
		kind: ValidatingAdmissionPolicy
		metadata:
		  name: kwok-spares-namesakes
		spec:
		  matchConstraints:
		    resourceRules:
		    - {apiGroups: [""], apiVersions: [v1], operations: [DELETE], resources: [pods]}
		  matchConditions:
		  - {name: kwok, expression: request.userInfo.username == "kwok"}
		  validations:
		  - {expression: has(oldObject.metadata.deletionTimestamp), message: this is another pod of that name}
		---
		apiVersion: admissionregistration.k8s.io/v1
		kind: ValidatingAdmissionPolicyBinding
		metadata:
		  name: kwok-spares-namesakes
		spec: {policyName: kwok-spares-namesakes, validationActions: [Deny]}
	YAML
}

kwok_node() {
	cat <<-YAML
		---
		apiVersion: v1
		kind: Node
		metadata:
		  name: $1
		  annotations: {kwok.x-k8s.io/node: fake}
		  labels: {type: kwok, kwok.x-k8s.io/node: fake, kubernetes.io/hostname: $1, kubernetes.io/os: linux, kubernetes.io/arch: $ARCHITECTURE}
		spec:
		  taints:
		  - {key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}
		status:
		  allocatable: {cpu: "128", memory: 1Ti, ephemeral-storage: 1Ti, pods: "500"}
		  capacity: {cpu: "128", memory: 1Ti, ephemeral-storage: 1Ti, pods: "500"}
	YAML
}

# kwok_ready N
kwok_ready() {
	local ready
	ready=$(kubectl get nodes -l type=kwok \
		-o 'jsonpath={range .items[*].status.conditions[?(@.type=="Ready")]}{.status}{"\n"}{end}' | grep -c True)
	((ready == $1))
}
