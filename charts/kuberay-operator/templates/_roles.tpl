{{- /*
"true" when this release makes the ClusterRole `name`: it is not there, or this release has made it. `helm template` cannot look
and makes all of them. Arguments: name, release.
*/ -}}
{{- define "kuberay-operator.makes-role" -}}
{{- $existing := lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" .name -}}
{{- $annotations := ($existing.metadata).annotations | default dict -}}
{{- $made := and
  (eq (index $annotations "meta.helm.sh/release-name" | default "") .release.Name)
  (eq (index $annotations "meta.helm.sh/release-namespace" | default "") .release.Namespace) -}}
{{- if or (not $existing) $made -}}
true
{{- end -}}
{{- end -}}
