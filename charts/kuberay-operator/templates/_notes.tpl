{{- define "kuberay-operator.notes" -}}
Ray's controllers run in the namespace {{ .Release.Namespace }}:

  kubectl get pods -n {{ .Release.Namespace }} -l app.kubernetes.io/name={{ .Values.nameOverride }}
  kubectl logs -n {{ .Release.Namespace }} -l app.kubernetes.io/name={{ .Values.nameOverride }} --prefix

They act on {{ with .Values.watchNamespace }}the namespaces {{ join ", " . }}{{ else }}{{ ternary (printf "the namespace %s" .Release.Namespace) "all namespaces" .Values.singleNamespaceInstall }}{{ end }}. See what there is:

  kubectl get rayclusters,rayjobs --all-namespaces

`helm uninstall` leaves the CRDs (`kubectl get crd | grep ray.io`) and every object in place.
RayServices and RayCronJobs are not supported yet.
{{- with include "kuberay-operator.each-controller" (dict "root" . "template" "controller-library.notes") | trim }}

Values worth a look:
{{ regexReplaceAll "\\n\\s*\\n" . "\n" }}
{{- end }}
{{- end -}}
