{{- /*
The ServiceAccount, the controller's own rules (from the template `<controller>.rules`), and the lease.
Arguments: root, chart, values.
*/ -}}
{{- define "controller-library.rbac" -}}
{{- $values := .values -}}
{{- $name := include "controller-library.fullname" . -}}
{{- $labels := include "controller-library.labels" . -}}
{{- if $values.serviceAccount.create }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "controller-library.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- $labels | nindent 4 }}
  {{- with $values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- if $values.rbacEnable }}
{{- $rules := include (printf "%s.rules" .chart.Name) . }}
{{- if not $values.singleNamespaceInstall }}
{{ include "controller-library.role" (dict "kind" "ClusterRole" "name" $name "labels" $labels "rules" $rules) }}
{{ include "controller-library.binding" (dict "context" . "kind" "ClusterRole" "name" $name) }}
{{- else if $values.crNamespacedRbacEnable }}
{{- $context := . }}
{{- range include "controller-library.watchedNamespaces" . | fromYamlArray }}
{{ include "controller-library.role" (dict "kind" "Role" "name" $name "namespace" . "labels" $labels "rules" $rules) }}
{{ include "controller-library.binding" (dict "context" $context "kind" "Role" "name" $name "namespace" .) }}
{{- end }}
{{- end }}
{{- if $values.leaderElectionEnabled }}
{{- $lease := printf "%s-leader" .chart.Name }}
{{- $leaseRole := printf "%s-leader-election" $name }}
{{- $namespace := include "controller-library.leaseNamespace" . }}
{{ include "controller-library.role" (dict "kind" "Role" "name" $leaseRole "namespace" $namespace "labels" $labels
  "rules" (include "controller-library.leaseRules" $lease)) }}
{{ include "controller-library.binding" (dict "context" . "kind" "Role" "name" $leaseRole "namespace" $namespace) }}
{{- end }}
{{- end }}
{{- end -}}

{{- /* A name does not restrict `create`: the object has none yet. Argument: the lease's name. */ -}}
{{- define "controller-library.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ . }}]
  verbs: [get, update]
{{- end -}}

{{- /* Arguments: kind, name, namespace (for a Role), labels, rules. */ -}}
{{- define "controller-library.role" -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- .labels | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
{{- end -}}

{{- /* Arguments: context (root, chart, values), kind of the role, name, namespace (for a Role). */ -}}
{{- define "controller-library.binding" -}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .kind }}Binding
metadata:
  name: {{ .name }}
  {{- with .namespace }}
  namespace: {{ . }}
  {{- end }}
  labels:
    {{- include "controller-library.labels" .context | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "controller-library.serviceAccountName" .context }}
    namespace: {{ .context.root.Release.Namespace }}
{{- end -}}
