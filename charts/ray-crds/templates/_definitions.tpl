{{- /*
"true" when this release writes the CRD `name`: nobody has made it yet, or this release has, or it shall be
overwritten. `helm template` cannot look and writes all of them.
*/ -}}
{{- define "ray-crds.writes" -}}
{{- $existing := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" .name -}}
{{- if or (not $existing) .overwrite -}}
true
{{- else -}}
{{- $annotations := $existing.metadata.annotations | default dict -}}
{{- $name := index $annotations "meta.helm.sh/release-name" | default "" -}}
{{- $namespace := index $annotations "meta.helm.sh/release-namespace" | default "" -}}
{{- if and (eq $name .release.Name) (eq $namespace .release.Namespace) -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The names of the CRDs that are left as others made them, for notes. */ -}}
{{- define "ray-crds.left" -}}
{{- $left := list -}}
{{- range list "rayclusters" "rayjobs" "rayservices" "raycronjobs" -}}
{{- $name := printf "%s.ray.io" . -}}
{{- if not (include "ray-crds.writes" (dict "name" $name "release" $.release "overwrite" $.overwrite)) -}}
{{- $left = append $left $name -}}
{{- end -}}
{{- end -}}
{{- join ", " $left -}}
{{- end -}}

{{- /* Helm never deletes a CRD, or all objects of its kind would go with it. */ -}}
{{- define "ray-crds.annotations" -}}
{{- merge (dict "helm.sh/resource-policy" "keep") .Values.annotations | toYaml -}}
{{- end -}}

{{- define "ray-crds.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" .Chart.Name
  "app.kubernetes.io/part-of" "kuberay-operator"
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
-}}
{{- merge $own .Values.labels | toYaml -}}
{{- end -}}
