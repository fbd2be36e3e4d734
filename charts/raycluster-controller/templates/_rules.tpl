{{- /* What the controller may do, cluster-wide or in the watched namespaces. Arguments: root, chart, values. */ -}}
{{- define "raycluster-controller.rules" -}}
- apiGroups: [ray.io]
  resources: [rayclusters]
  verbs: [get, list, patch, update, watch]
- apiGroups: [ray.io]
  resources: [rayclusters/status]
  verbs: [get, patch, update]
# Owner references with blockOwnerDeletion, where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [ray.io]
  resources: [rayclusters/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [pods]
  verbs: [create, delete, deletecollection, get, list, patch, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [create, get, list, watch]
# The token of `authOptions.mode: token`. Read by name, never listed.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create, get]
# The account of the Ray autoscaler. Who grants rights must hold them: those on pods and rayclusters above, and resize.
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [create, get]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings, roles]
  verbs: [create, get]
- apiGroups: [""]
  resources: [pods/resize]
  verbs: [patch]
# The claim of the head's storage (gcsFaultToleranceOptions.backend: rocksdb). Of an existing one only the owner is changed.
- apiGroups: [""]
  resources: [persistentvolumeclaims]
  verbs: [create, get, patch]
# The Job that empties Redis when a cluster with its state there goes.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
