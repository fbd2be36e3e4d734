{{- /*
Everything of one controller.
Arguments: root (the rendering chart's context), chart (the controller's .Chart), values (as of
`controller-library.values`).
*/ -}}
{{- define "controller-library.objects" -}}
{{- include "controller-library.check" . -}}
{{ include "controller-library.rbac" . }}
{{ include "controller-library.service" . }}
{{ include "controller-library.serviceMonitor" . }}
---
{{ include "controller-library.deployment" . }}
{{- end -}}
