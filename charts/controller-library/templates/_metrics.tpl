{{- /* The Service in front of /metrics. Arguments: root, chart, values. */ -}}
{{- define "controller-library.service" -}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ include "controller-library.fullname" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "controller-library.labels" . | nindent 4 }}
spec:
  type: {{ .values.service.type }}
  selector:
    {{- include "controller-library.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .values.service.port }}
      targetPort: http
{{- end -}}

{{- /* Arguments: root, chart, values. */ -}}
{{- define "controller-library.serviceMonitor" -}}
{{- $monitor := .values.metrics.serviceMonitor -}}
{{- if $monitor.enabled }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "controller-library.fullname" . }}
  namespace: {{ $monitor.namespace | default .root.Release.Namespace }}
  labels:
    {{- include "controller-library.labels" . | nindent 4 }}
    {{- with $monitor.additionalLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  endpoints:
    - path: /metrics
      targetPort: http
      interval: {{ $monitor.interval }}
      honorLabels: {{ $monitor.honorLabels }}
  namespaceSelector:
    matchNames:
      - {{ .root.Release.Namespace }}
  selector:
    matchLabels:
      {{- include "controller-library.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
