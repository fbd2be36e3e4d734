{{- /* What the controller may do, cluster-wide or in the watched namespaces. Arguments: root, chart, values. */ -}}
{{- define "rayjob-controller.rules" -}}
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [delete, get, list, patch, watch]
- apiGroups: [ray.io]
  resources: [rayjobs/status]
  verbs: [patch]
# Owner references with blockOwnerDeletion, where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [ray.io]
  resources: [rayjobs/finalizers]
  verbs: [update]
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [create, delete, get, list, watch]
# RayCronJobs are told that nobody runs them yet.
- apiGroups: [ray.io]
  resources: [raycronjobs]
  verbs: [list, watch]
# The submitter.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, delete, get, list, watch]
# The head Service that jobs are submitted through.
- apiGroups: [""]
  resources: [services]
  verbs: [create, get, list, patch, watch]
# The token of a cluster with `authOptions.mode: token`. Read by name, never listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- if .values.useKubernetesProxy }}
- apiGroups: [""]
  resources: [services/proxy]
  verbs: [create, get]
{{- end }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
