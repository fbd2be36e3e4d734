{{- /* Arguments of all templates in this file: root, chart, values. */ -}}

{{- define "controller-library.fullname" -}}
{{- if .values.fullnameOverride -}}
{{- printf "%s-%s" .values.fullnameOverride .chart.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- .chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "controller-library.serviceAccountName" -}}
{{- if .values.serviceAccount.name -}}
{{- .values.serviceAccount.name -}}
{{- else -}}
{{- include "controller-library.fullname" . -}}
{{- end -}}
{{- end -}}

{{- define "controller-library.leaseNamespace" -}}
{{- .values.leaderElectionNamespace | default .root.Release.Namespace -}}
{{- end -}}

{{- define "controller-library.watchedNamespaces" -}}
{{- if .values.watchNamespace -}}
{{- toYaml .values.watchNamespace -}}
{{- else if .values.singleNamespaceInstall -}}
- {{ .root.Release.Namespace }}
{{- end -}}
{{- end -}}

{{- define "controller-library.image" -}}
{{- $image := .values.image -}}
{{- $name := printf "%s/%s" (trimSuffix "/" $image.repository) .chart.Name -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default .chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "controller-library.selector" -}}
app.kubernetes.io/name: {{ .values.nameOverride }}
app.kubernetes.io/component: {{ .chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "controller-library.labels" -}}
{{ include "controller-library.selector" . }}
app.kubernetes.io/version: {{ .chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .chart.Name .chart.Version | replace "+" "_" }}
{{- end -}}
