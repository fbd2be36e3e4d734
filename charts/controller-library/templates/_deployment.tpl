{{- /* Arguments: root, chart, values. */ -}}
{{- define "controller-library.deployment" -}}
{{- $values := .values -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "controller-library.fullname" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "controller-library.labels" . | nindent 4 }}
    {{- with $values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  replicas: {{ $values.replicas }}
  strategy:
    # Without a lease the old one must be gone before the new one acts.
    type: {{ ternary "RollingUpdate" "Recreate" $values.leaderElectionEnabled }}
  selector:
    matchLabels:
      {{- include "controller-library.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "controller-library.selector" . | nindent 8 }}
        {{- with $values.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "controller-library.serviceAccountName" . }}
      enableServiceLinks: false
      {{- with $values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.podSecurityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .chart.Name }}
          image: {{ include "controller-library.image" . }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          args:
            {{- include "controller-library.arguments" . | nindent 12 }}
          {{- if or $values.leaderElectionEnabled $values.env }}
          env:
            {{- if $values.leaderElectionEnabled }}
            # The lease's holder: a container that is started again is the same one.
            - name: POD_UID
              valueFrom:
                fieldRef:
                  fieldPath: metadata.uid
            {{- end }}
            {{- with $values.env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- end }}
          ports:
            - name: http
              containerPort: 8080
            - name: health
              containerPort: 8082
          livenessProbe:
            httpGet:
              path: /healthz
              port: health
            {{- toYaml $values.livenessProbe | nindent 12 }}
          readinessProbe:
            httpGet:
              path: /readyz
              port: health
            {{- toYaml $values.readinessProbe | nindent 12 }}
          {{- with $values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with $values.securityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
      {{- with $values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- with $values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}

{{- /* Arguments: root, chart, values. */ -}}
{{- define "controller-library.arguments" -}}
{{- $values := .values -}}
- --enable-leader-election={{ $values.leaderElectionEnabled }}
{{- with $values.leaderElectionNamespace }}
- --leader-election-namespace={{ . }}
{{- end }}
- --enable-metrics={{ $values.metrics.enabled }}
- --log-stdout-encoder={{ $values.logging.stdoutEncoder }}
{{- with $values.logging.level }}
- --log-level={{ . }}
{{- end }}
{{- $gates := list }}
{{- range $values.featureGates }}
{{- $gates = append $gates (printf "%s=%t" .name .enabled) }}
{{- end }}
{{- with $gates }}
- --feature-gates={{ join "," . }}
{{- end }}
{{- with include "controller-library.watchedNamespaces" . | fromYamlArray }}
- --watch-namespace={{ join "," . }}
{{- end }}
{{- if $values.useKubernetesProxy }}
- --use-kubernetes-proxy=true
{{- end }}
{{- with $values.reconcileConcurrency }}
- --reconcile-concurrency={{ int . }}
{{- end }}
{{- with $values.kubeClient.qps }}
- --qps={{ . }}
{{- with $values.kubeClient.burst }}
- --burst={{ int . }}
{{- end }}
{{- end }}
{{- range $values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
